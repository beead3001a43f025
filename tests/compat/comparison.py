"""Runs both programs on generated cases, and reports unexpected outcomes."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

from tests.compat.case import Case
from tests.compat.deviations import Deviation
from tests.compat.generator.deviating import Deviating
from tests.compat.outcome import Outcome, are_equal
from tests.compat.reading import canonical

Run: TypeAlias = Callable[[Case], Outcome]
"""Runs a program on one case."""

RunAll: TypeAlias = Callable[[Sequence[Case]], Sequence[Outcome]]
"""Runs a program on many cases."""

BATCH: Final = 100
"""How many cases argocd-vault-plugin gets at a time, while avp-py runs on the others."""

WORKERS: Final = 2


def run_both(
    cases: Sequence[Case], run_theirs: RunAll, run_ours: Run
) -> list[tuple[Outcome, Outcome]]:
    """Return argocd-vault-plugin's outcome and avp-py's for each case."""
    batches = [cases[start : start + BATCH] for start in range(0, len(cases), BATCH)]
    with ThreadPoolExecutor(WORKERS) as pool:
        pending = pool.map(run_theirs, batches)
        ours = [run_ours(case) for case in cases]
        theirs = [outcome for batch in pending for outcome in batch]
    return list(zip(theirs, ours, strict=True))


def run_neighbours(cases: Sequence[Deviating], run_theirs: RunAll) -> list[Sequence[Outcome]]:
    """Return argocd-vault-plugin's outcomes for the documents next to each row's example."""
    outcomes = iter(run_theirs([each for case in cases for each in case.neighbours]))
    return [tuple(itertools.islice(outcomes, len(case.neighbours))) for case in cases]


def unequal(cases: Sequence[Case], outcomes: Sequence[tuple[Outcome, Outcome]]) -> list[str]:
    """Return a report for each case whose two outcomes are not the same."""
    return [
        _report(case, *both)
        for case, both in zip(cases, outcomes, strict=True)
        if not are_equal(*both)
    ]


def unexplained(
    rows: Mapping[str, Deviation],
    cases: Sequence[Deviating],
    neighbours: Sequence[Sequence[Outcome]],
    outcomes: Sequence[tuple[Outcome, Outcome]],
) -> list[str]:
    """Return a report for each case that differs from what its row says.

    Args:
        rows: the table.
        cases: the cases.
        neighbours: what `run_neighbours` returned.
        outcomes: what `run_both` returned.
    """
    reports = []
    for each, beside, (theirs, ours) in zip(cases, neighbours, outcomes, strict=True):
        row = rows[each.row]
        if not (
            _holds(each, beside, theirs, row.theirs_returns)
            and _holds(each, beside, ours, row.ours_returns)
        ):
            reports.append(_report(each.case, theirs, ours) + f"--- {each.row}\n")
    return reports


def _holds(
    case: Deviating, neighbours: Sequence[Outcome], outcome: Outcome, expected_text: str
) -> bool:
    """Return whether the row's documents are as it says, and the others as without it."""
    if not all(each.is_ok for each in neighbours):
        return not outcome.is_ok
    if outcome.documents is None:
        return outcome.shown() == expected_text
    expected = [each for neighbour in neighbours for each in neighbour.documents or ()]
    end = len(outcome.documents) - (len(expected) - case.position)
    own = outcome.documents[case.position : end]
    others = outcome.documents[: case.position] + outcome.documents[end:]
    return list(map(canonical, others)) == list(map(canonical, expected)) and (
        Outcome(documents=own).shown() == expected_text
    )


def _report(case: Case, theirs: Outcome, ours: Outcome) -> str:
    return (
        f"--- {case.name} {dict(case.env) or ''}\n{case.text}\n"
        f"--- argocd-vault-plugin\n{theirs.describe()}--- avp-py\n{ours.describe()}"
    )
