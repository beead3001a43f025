"""The phrases to avoid: the list is read strictly, and a phrase is found across lines."""

import pytest
from language import PHRASES, Finding, files, find, read_phrases

from tests.conftest import ROOT

LIST = "# comment\n\nred green -> blue\nRed -> pink\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a red house", [(1, "red")]),
        ("a RED\n  green house", [(1, "red green")]),
        ("x\n# Red\n# green", [(2, "red green")]),
        ("> red\n> green", [(1, "red green")]),
        ("red  green, red", [(1, "red green"), (1, "red")]),
        ("red\n\ngreen", [(1, "red")]),
        ("redder, _red, inferred", []),
    ],
)
def test_phrases_are_found(text: str, found: list[tuple[int, str]]) -> None:
    phrases = read_phrases(LIST)
    assert find(text, phrases) == [Finding(line, each, phrases[each]) for line, each in found]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("red green\n", "line 1: expected 'phrase -> better'"),
        ("red -> \n", "line 1: expected 'phrase -> better'"),
        ("a -> b\nA -> c\n", "line 2: duplicate phrase 'A'"),
    ],
)
def test_a_malformed_list_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_phrases(text)


def test_the_list_of_the_project_can_be_read() -> None:
    assert len(read_phrases(PHRASES.read_text())) > 30


def test_the_pages_and_the_tools_are_checked() -> None:
    checked = {str(path.relative_to(ROOT)) for path in files()}
    assert {"README.md", "docs/installation.md", "tools/docs.py", "Makefile"} <= checked
