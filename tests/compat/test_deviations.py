"""Each row of the table, shown by both real programs."""

from collections.abc import Mapping

import pytest

from tests.compat import ours
from tests.compat.case import manifests
from tests.compat.deviations import DEVIATIONS, PAGE, Reason, page
from tests.compat.model import Store, predict
from tests.compat.original import Original
from tests.compat.outcome import are_equal


@pytest.mark.parametrize("name", DEVIATIONS)
def test_both_programs_do_what_the_row_says(
    original: Original, env: Mapping[str, str], store: Store, name: str
) -> None:
    row = DEVIATIONS[name]
    case = manifests(name, row.example)
    template = {"AVP_PATH_TEMPLATE": "kv/data/{{ app }}", "ARGOCD_APP_NAME": "app"}
    theirs, own = original.run(case), ours.run(case, {**env, **template})
    foretold = predict(case, store)
    told = f"{row.example}\n{theirs.describe()}\n{own.describe()}\n{foretold}"
    # The comparison looks into base64, where the bytes are the same.
    assert are_equal(theirs, own) is (name == "base64-is-written-anew"), told
    assert name in foretold.deviations, told
    assert theirs.panicked is (row.reason is Reason.CRASH), told
    if row.reason is Reason.EXTENSION:
        assert not theirs.is_ok, told
        assert own.is_ok, told
    if name != "empty-path-is-the-template":  # the model knows no template
        assert foretold.holds(theirs, own), told


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page()
