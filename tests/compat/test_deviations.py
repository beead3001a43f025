"""Each row of the table, shown by both real programs."""

from collections.abc import Mapping
from typing import Final

import pytest

from tests.compat import ours
from tests.compat.case import Case
from tests.compat.conftest import RunBoth
from tests.compat.deviations import DEVIATIONS, PAGE, Deviation, Reason, nothing_more, page
from tests.compat.model import Store, predict
from tests.compat.outcome import are_equal
from tests.compat.vault_plugin import VaultPlugin

OF_MANIFESTS: Final = {
    name: row
    for name, row in DEVIATIONS.items()
    if isinstance(row.example, str) and name not in ("partial-output", "errors-show-values")
}
"""Those that the model knows."""

TEMPLATE: Final = {"AVP_PATH_TEMPLATE": "kv/data/{{ app }}", "ARGOCD_APP_NAME": "app"}
"""What an empty path annotation means in the example of it."""


@pytest.mark.parametrize("name", DEVIATIONS)
def test_both_programs_do_what_the_row_says(run_both: RunBoth, name: str) -> None:
    row = DEVIATIONS[name]
    case = Case(name, row.case.stdin, row.case.argv, row.case.files, {**TEMPLATE, **row.case.env})
    theirs, own = run_both(case)
    told = f"{row.case}\n{theirs.describe()}\n{own.describe()}"
    assert theirs.shown() == row.theirs_gives, told
    assert own.shown() == row.ours_gives, told
    assert row.shows(theirs, own), told


@pytest.mark.parametrize("row", DEVIATIONS.values(), ids=DEVIATIONS)
def test_the_reason_fits_what_is_shown(row: Deviation) -> None:
    assert (row.theirs_gives == "crash") is (row.reason is Reason.CRASH)
    if row.reason is Reason.EXTENSION:
        assert row.theirs_gives == "error"
        assert row.ours_gives != "error"
    elif row.theirs_gives == "error":
        # What it does beside its error is the defect.
        assert row.ours_gives == "error"
        assert row.shows is not nothing_more


@pytest.mark.parametrize("name", OF_MANIFESTS)
def test_the_model_foretells_the_example(
    vault_plugin: VaultPlugin, env: Mapping[str, str], store: Store, name: str
) -> None:
    case = OF_MANIFESTS[name].case
    theirs, own = vault_plugin.run(case), ours.run(case, {**env, **TEMPLATE})
    foretold = predict(case, store)
    told = f"{case.text}\n{theirs.describe()}\n{own.describe()}\n{foretold}"
    # The comparison looks into base64, where the bytes are the same.
    assert are_equal(theirs, own) is (name == "base64-is-written-anew"), told
    assert name in foretold.deviations, told
    if name != "empty-path-is-the-template":  # the model knows no template
        assert foretold.holds(theirs, own), told


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page()
