"""Command lines and settings one by one: both programs return the same."""

import re

import pytest

from tests.compat.case import Case
from tests.compat.conftest import RunBoth
from tests.compat.fixed_commands import COMMANDS, WORDS
from tests.compat.fixed_documents import Fixed
from tests.compat.outcome import are_equal


@pytest.mark.parametrize("fixed", COMMANDS, ids=lambda fixed: fixed.name)
def test_both_programs_return_the_same(run_both: RunBoth, fixed: Fixed) -> None:
    theirs, own = run_both(fixed.case)
    report = f"{fixed.case}\n{theirs.describe()}\n{own.describe()}"
    assert theirs.shown() == fixed.expected, report
    assert own.shown() == fixed.expected, report
    assert are_equal(theirs, own), report


@pytest.mark.parametrize("case", WORDS, ids=lambda case: case.name)
def test_both_programs_print_text(run_both: RunBoth, case: Case) -> None:
    theirs, own = run_both(case)
    report = f"{case}\n{theirs.describe()}\n{own.describe()}"
    assert theirs.code == own.code == 0, report
    assert bool(theirs.output) is bool(own.output), report


def test_the_version_is_printed_in_the_same_form(run_both: RunBoth) -> None:
    theirs, own = run_both(Case("version", argv=("version",)))
    shape = re.compile(r"(argocd-vault-plugin v1\.18\.1) \([^()]*\) BuildDate: .*\n")
    one, other = shape.fullmatch(theirs.output), shape.fullmatch(own.output)
    assert one, theirs.output
    assert other, own.output
