"""Generated settings from several sources: both programs use the same ones."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.compat.conftest import RunBoth
from tests.compat.generator import make_settings_case
from tests.compat.outcome import are_equal

SHARE = 20
"""There is one case of settings for so many others, since it needs two processes."""

SHOWN = 5


def test_both_programs_use_the_same_settings(
    run_both: RunBoth, count: int, seed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [make_settings_case(seed, index) for index in range(max(count // SHARE, 1))]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(run_both, cases))
    surprises: list[str] = []
    seen: Counter[str] = Counter()
    for case, (theirs, ours) in zip(cases, outcomes, strict=True):
        seen[theirs.shown()] += 1
        if not are_equal(theirs, ours):
            surprises.append(
                f"--- {case.name}\n{case}\n--- argocd-vault-plugin\n{theirs.describe()}"
                f"--- avp-py\n{ours.describe()}"
            )
    with capsys.disabled():
        print(f"\nSEED={seed}: {len(cases)} cases of settings, {len(surprises)} surprises")
        print(", ".join(f"{shown} {times}" for shown, times in seen.most_common()))
    assert not surprises, "\n".join(surprises[:SHOWN])
