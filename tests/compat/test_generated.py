"""Cases made at random: both programs do the same, or part where the table says they do."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.compat import ours
from tests.compat.deviations import DEVIATIONS
from tests.compat.generator import make_case
from tests.compat.model import Store, predict
from tests.compat.outcome import Outcome, are_equal
from tests.compat.vault_plugin import VaultPlugin

SHOWN = 5
BATCH = 100


def test_both_programs_do_the_same(
    vault_plugin: VaultPlugin,
    env: Mapping[str, str],
    store: Store,
    count: int,
    seed: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cases = [make_case(seed, index) for index in range(count)]
    with ThreadPoolExecutor(2) as pool:
        batches = pool.map(
            vault_plugin.run_all,
            [cases[start : start + BATCH] for start in range(0, count, BATCH)],
        )
        found = [ours.run(case, env) for case in cases]
        theirs: list[Outcome] = [outcome for batch in batches for outcome in batch]
    surprises: list[str] = []
    seen: Counter[str] = Counter()
    parted = both = 0
    for case, their_outcome, our_outcome in zip(cases, theirs, found, strict=True):
        both += their_outcome.is_ok and our_outcome.is_ok
        if are_equal(their_outcome, our_outcome):
            continue
        parted += 1
        foretold = predict(case, store)
        known = foretold.deviations and foretold.deviations <= DEVIATIONS.keys()
        seen.update(foretold.deviations)
        if not known or not foretold.holds(their_outcome, our_outcome):
            surprises.append(
                f"--- {case.name}\n{case.text}\n--- argocd-vault-plugin\n"
                f"{their_outcome.describe()}--- avp-py\n{our_outcome.describe()}"
                f"--- {', '.join(sorted(foretold.deviations)) or 'no deviation'}\n"
            )
    with capsys.disabled():
        print(
            f"\nSEED={seed} COMPAT_CASES={count}: {both} times manifests from both, "
            f"{parted} times apart, {len(surprises)} surprises"
        )
        print(", ".join(f"{name} {times}" for name, times in seen.most_common()))
    assert not surprises, "\n".join(surprises[:SHOWN])
