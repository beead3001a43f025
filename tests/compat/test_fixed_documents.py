"""The rules one by one: both programs follow them."""

from collections.abc import Mapping

import pytest

from tests.compat import ours
from tests.compat.fixed_commands import COMMANDS
from tests.compat.fixed_documents import DOCUMENTS, RULES, Fixed
from tests.compat.outcome import Outcome, are_equal
from tests.compat.vault_plugin import VaultPlugin
from tests.integration.reader import Reader


@pytest.fixture(scope="module")
def theirs(vault_plugin: VaultPlugin) -> Mapping[str, Outcome]:
    """The outcomes of argocd-vault-plugin."""
    outcomes = vault_plugin.run_all([each.case for each in DOCUMENTS])
    return {each.name: outcome for each, outcome in zip(DOCUMENTS, outcomes, strict=True)}


@pytest.mark.parametrize("fixed", DOCUMENTS, ids=lambda fixed: fixed.name)
def test_both_programs_follow_the_rule(
    theirs: Mapping[str, Outcome], env: Mapping[str, str], reader: Reader, fixed: Fixed
) -> None:
    # Unresolved placeholders are errors by default, which is a row of the table.
    own = ours.run(fixed.case, {**env, "AVP_LEFTOVERS": "ignore"}, reader)
    report = f"{fixed.case.text}\n{theirs[fixed.name].describe()}\n{own.describe()}"
    assert theirs[fixed.name].shown() == fixed.expected, report
    assert own.shown() == fixed.expected, report
    assert are_equal(theirs[fixed.name], own), report


def test_every_rule_has_a_case() -> None:
    assert {each.line for each in (*DOCUMENTS, *COMMANDS)} == RULES.keys()
