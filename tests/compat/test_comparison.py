"""The comparison can fail: it finds a seeded difference in both modes."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest

from tests.compat import ours
from tests.compat.case import Case
from tests.compat.comparison import run_both, run_neighbours, unequal, unexplained
from tests.compat.generator import Deviating, make_case, make_deviating_case
from tests.compat.generator.deviating import ROWS
from tests.compat.outcome import Outcome, are_equal, printed
from tests.compat.vault_plugin import VaultPlugin
from tests.integration.reader import Reader

SEED = "comparison"
COUNT = 30

Both = Sequence[tuple[Outcome, Outcome]]

Change = Callable[[str], str]
"""Changes the output of a program."""

CHANGES: Mapping[str, Change] = {
    "another value": lambda output: output.replace("web", "seeded"),
    "one document more": lambda output: f"{output}---\nkind: Seeded\n",
    "one document less": lambda output: output.rpartition("---\n")[0],
    "no YAML": lambda output: f"{output}---\na: [\n",
}


@dataclass(frozen=True)
class Deviations:
    """A deviating case for each row, with its outcomes."""

    made: Sequence[Deviating]
    neighbours: Sequence[Sequence[Outcome]]
    outcomes: Both

    def reports(self, outcomes: Both) -> list[str]:
        """Return the reports for other outcomes."""
        return unexplained(ROWS, self.made, self.neighbours, outcomes)


@pytest.fixture(scope="module")
def equal(
    vault_plugin: VaultPlugin, env: Mapping[str, str], reader: Reader
) -> tuple[Sequence[Case], Both]:
    """Equal cases, with their outcomes."""
    cases = [make_case(SEED, index) for index in range(COUNT)]
    run_ours = functools.partial(ours.run, env=env, reader=reader)
    return cases, run_both(cases, vault_plugin.run_all, run_ours)


@pytest.fixture(scope="module")
def deviations(vault_plugin: VaultPlugin, env: Mapping[str, str], reader: Reader) -> Deviations:
    made = [make_deviating_case(SEED, index, reader) for index in range(len(ROWS))]
    run_ours = functools.partial(ours.run, env=env, reader=reader)
    outcomes = run_both([each.case for each in made], vault_plugin.run_all, run_ours)
    return Deviations(made, run_neighbours(made, vault_plugin.run_all), outcomes)


def spoiled(outcomes: Both, reader: Reader, change: Change) -> tuple[Both, int]:
    """Return the outcomes with one changed output of avp-py, and its index."""
    index = next(
        index for index, (_, own) in enumerate(outcomes) if own.is_ok and "web" in own.output
    )
    theirs, own = outcomes[index]
    changed = (theirs, printed(change(own.output), reader))
    return [*outcomes[:index], changed, *outcomes[index + 1 :]], index


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_difference_of_equal_cases_is_found(
    equal: tuple[Sequence[Case], Both], reader: Reader, change: Change
) -> None:
    cases, outcomes = equal
    assert unequal(cases, outcomes) == []
    changed, index = spoiled(outcomes, reader, change)
    (report,) = unequal(cases, changed)
    assert report.startswith(f"--- {cases[index].name} ")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_difference_beside_a_row_is_found(
    deviations: Deviations, reader: Reader, change: Change
) -> None:
    assert deviations.reports(deviations.outcomes) == []
    changed, index = spoiled(deviations.outcomes, reader, change)
    (report,) = deviations.reports(changed)
    assert report.startswith(f"--- {deviations.made[index].case.name} ")


def test_a_row_that_is_no_longer_true_is_found(deviations: Deviations) -> None:
    # As if avp-py did what argocd-vault-plugin does.
    reports = deviations.reports([(theirs, theirs) for theirs, _ in deviations.outcomes])
    failing = [beside for beside in deviations.neighbours if not all(each.is_ok for each in beside)]
    assert len(failing) < len(ROWS) / 2
    assert len(reports) == len(ROWS) - len(failing)


@pytest.mark.parametrize(
    ("theirs", "own"),
    [
        ("x: 1", "x: '1'"),
        ("x: 1", "x: true"),
        ("x: 1.5", "x: '1.5'"),
        ("x: null", "y: null"),
        ("x: {}", "x: []"),
        ("x: a", "x: 'a '"),
        ("x: [a, b]", "x: [b, a]"),
        ("x: 1", "x: 1\n---\nkind: B"),
    ],
)
def test_manifests_that_differ_are_not_equal(reader: Reader, theirs: str, own: str) -> None:
    one, other = (printed(f"kind: A\n{text}\n", reader) for text in (theirs, own))
    assert one.is_ok
    assert other.is_ok
    assert not are_equal(one, other)


@pytest.mark.parametrize(
    ("theirs", "own"),
    [("x: yes", "x: true"), ("x: 0777", "x: 511"), ("x: 'a'", "x: a"), ("x: 1.0", "x: 1")],
)
def test_what_argo_cd_reads_alike_is_equal(reader: Reader, theirs: str, own: str) -> None:
    assert are_equal(*(printed(f"kind: A\n{text}\n", reader) for text in (theirs, own)))


def test_failures_are_equal_only_to_failures(reader: Reader) -> None:
    failed, crashed = Outcome(error="x"), Outcome(error="x", panicked=True)
    unreadable = printed("a: [\n", reader)
    assert are_equal(failed, failed)
    assert unreadable.unreadable
    for other in (crashed, unreadable, printed("kind: A\n", reader)):
        assert not are_equal(other, failed)
    assert not are_equal(failed, unreadable)
