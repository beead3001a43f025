"""Each row of the table, verified with both real programs."""

import pytest

from tests.compat.case import Case
from tests.compat.conftest import RunBoth
from tests.compat.deviations import (
    DEVIATIONS,
    TEMPLATE,
    Deviation,
    Reason,
    nothing_more,
)


@pytest.mark.parametrize("name", DEVIATIONS)
def test_both_programs_do_what_the_row_says(run_both: RunBoth, name: str) -> None:
    row = DEVIATIONS[name]
    case = Case(name, row.case.stdin, row.case.argv, row.case.files, {**TEMPLATE, **row.case.env})
    theirs, own = run_both(case)
    report = f"{row.case}\n{theirs.describe()}\n{own.describe()}"
    assert theirs.shown() == row.theirs_returns, report
    assert own.shown() == row.ours_returns, report
    assert row.shows(theirs, own), report


@pytest.mark.parametrize("row", DEVIATIONS.values(), ids=DEVIATIONS)
def test_the_reason_fits_what_is_shown(row: Deviation) -> None:
    assert (row.theirs_returns == "crash") is (row.reason is Reason.CRASH)
    if row.reason is Reason.EXTENSION:
        assert row.theirs_returns == "error"
        assert row.ours_returns != "error"
    elif row.theirs_returns == "error":
        # The defect is what it does in addition to failing.
        assert row.ours_returns == "error"
        assert row.shows is not nothing_more
