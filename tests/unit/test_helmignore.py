"""Rules of .helmignore: which match, and which helm refuses."""

import pytest

from avp_py.errors import RenderError
from avp_py.render.helmignore import IgnoreRules


@pytest.mark.parametrize(
    ("rule", "path", "ignored"),
    [
        ("", "a", False),
        ("# a", "a", False),
        ("  a\r", "a", True),
        ("a", "x/a", True),
        ("/a", "x/a", False),
        ("/a", "a", True),
        ("x/a", "x/a", True),
        ("x/a", "y/x/a", False),
        ("*.md", "x/a.md", True),
        ("x/*", "x/y/z", False),
        ("?", "é", True),
        ("a+", "aa", False),
        (r"\*", "*", True),
        (r"\*", "a", False),
        ("[a-c]", "b", True),
        ("[^a-c]", "b", False),
        ("[^a-c]", "d", True),
        ("[c-a]", "b", False),
        ("[^c-a]", "b", True),
        (r"[\]]", "]", True),
        ("[a^]", "^", True),
        ("a/", "a", False),
        ("!a", "a", False),
        ("!a", "b", True),
        ("!a/", "a", True),
        ("", "templates/.x", True),
        ("", "templates/x", False),
        ("", "templates/x/.y", False),
    ],
)
def test_a_rule(rule: str, path: str, ignored: bool) -> None:
    assert IgnoreRules.read(rule).ignores(path, is_folder=False) is ignored


def test_a_rule_for_directories() -> None:
    rules = IgnoreRules.read("a/")

    assert rules.ignores("x/a", is_folder=True)
    assert not rules.ignores("b", is_folder=True)


def test_a_name_that_is_not_utf_8() -> None:
    assert IgnoreRules.read("*.md").ignores("\udcff.md", is_folder=False)


@pytest.mark.parametrize("rule", ["a/**", "[", "[a", "[]a]", "[-a]", "[a-]", "\\", "[\\", "[a-"])
def test_a_rule_that_helm_refuses(rule: str) -> None:
    with pytest.raises(RenderError, match="a pattern that helm does not accept"):
        IgnoreRules.read(rule)


def test_too_many_rules() -> None:
    IgnoreRules.read("a\n" * 1000)
    with pytest.raises(RenderError, match="more than 1000 rules"):
        IgnoreRules.read("a\n" * 1001)


def test_a_long_rule() -> None:
    with pytest.raises(RenderError):
        IgnoreRules.read("a" * 501)
