"""Generated cases: both programs do the same, and differ where the table says they do."""

import functools
from collections import Counter
from collections.abc import Mapping
from typing import Final

import pytest

from tests.compat import ours
from tests.compat.comparison import run_both, run_neighbours, unequal, unexplained
from tests.compat.generator import make_case, make_deviating_case
from tests.compat.generator.deviating import ROWS
from tests.compat.vault_plugin import VaultPlugin
from tests.integration.reader import Reader

SHOWN: Final = 5
"""How many of the reports are printed."""

SHARE: Final = 10
"""There is one deviating case for so many equal ones, since it needs its own process."""


def test_both_programs_do_the_same(
    vault_plugin: VaultPlugin,
    env: Mapping[str, str],
    reader: Reader,
    count: int,
    seed: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cases = [make_case(seed, index) for index in range(count)]
    run_ours = functools.partial(ours.run, env=env, reader=reader)
    outcomes = run_both(cases, vault_plugin.run_all, run_ours)
    reports = unequal(cases, outcomes)
    both = sum(theirs.is_ok and own.is_ok for theirs, own in outcomes)
    with capsys.disabled():
        print(
            f"\nSEED={seed} COMPAT_CASES={count}: {both} times manifests from both, "
            f"{len(reports)} differences"
        )
    assert not reports, "\n".join(reports[:SHOWN])
    assert both * 2 > count, "more than half of the cases are errors to both, and compare nothing"


def test_the_programs_differ_as_the_table_says(
    vault_plugin: VaultPlugin,
    env: Mapping[str, str],
    reader: Reader,
    count: int,
    seed: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    number = max(count // SHARE, len(ROWS))
    made = [make_deviating_case(seed, index, reader) for index in range(number)]
    run_ours = functools.partial(ours.run, env=env, reader=reader)
    outcomes = run_both([each.case for each in made], vault_plugin.run_all, run_ours)
    neighbours = run_neighbours(made, vault_plugin.run_all)
    reports = unexplained(ROWS, made, neighbours, outcomes)
    seen = Counter(each.row for each in made)
    with capsys.disabled():
        print(f"\nSEED={seed}: {number} deviating cases, {len(reports)} not as the table says")
        print(f"each row {min(seen.values())} times or more")
    assert not reports, "\n".join(reports[:SHOWN])
