"""Command lines and settings one by one: both programs take them alike."""

import pytest

from tests.compat.conftest import RunBoth
from tests.compat.fixed_commands import COMMANDS
from tests.compat.fixed_documents import Fixed
from tests.compat.outcome import are_equal


@pytest.mark.parametrize("fixed", COMMANDS, ids=lambda fixed: fixed.name)
def test_both_programs_take_it_alike(run_both: RunBoth, fixed: Fixed) -> None:
    theirs, own = run_both(fixed.case)
    told = f"{fixed.case}\n{theirs.describe()}\n{own.describe()}"
    assert theirs.shown() == fixed.gives, told
    assert own.shown() == fixed.gives, told
    assert are_equal(theirs, own), told
