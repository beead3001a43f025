"""Rules of .helmignore: which match, and which helm refuses."""

import pytest

from avp_py.errors import ChartLimitError, LimitError, RenderError
from avp_py.render.helmignore import IgnoreRules


def ignores(text: bytes | str, path: str, *, is_folder: bool = False) -> bool:
    rules = IgnoreRules.read(text.encode() if isinstance(text, str) else text)
    return rules.ignores(path, is_folder=is_folder, check=lambda: None)


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
        ("!a/", "b", True),
        ("/", "a", False),
        ("!", "a", True),
        # The pattern is malformed where helm does not notice it until it matches: it never does.
        ("ab\\/", "ab", False),
        ("b/x*[a-]", "b/xa", False),
        ("b/x*[a-]", "b/x", False),
        ("!b*[a-]", "b", True),
        # The first place where a part matches counts, and a class matches a slash.
        ("/*a[^x]*b", "aca/b", False),
        ("/*a[^x]*b", "a/b", True),
        # A star goes on byte by byte.
        ("*[^é]", "é", True),
        ("[^é]", "é", False),
        ("", "templates/.x", True),
        ("", "templates/x", False),
        ("", "templates/x/.y", False),
    ],
)
def test_a_rule(rule: str, path: str, ignored: bool) -> None:
    assert ignores(rule, path) is ignored


def test_a_rule_for_directories() -> None:
    assert ignores("a/", "x/a", is_folder=True)
    assert not ignores("a/", "b", is_folder=True)


def test_names_that_are_not_utf_8() -> None:
    assert not ignores("*.md", "\udcff.md\udcff")
    assert ignores("*.md", "\udcff.md")
    assert ignores("?", "\udcff")
    assert ignores(b"\xff", "\udcff")
    assert ignores("[\ufffd]", "\udcff")
    assert ignores(b"\xc3?", "é")


def test_white_space_and_a_byte_order_mark() -> None:
    assert ignores("\ufeff# a\n\u00a0a\u3000\r\n", "a")
    assert not ignores("a\x1c", "a")


@pytest.mark.parametrize(
    "rule", ["a/**", "[", "[a", "[]a]", "[-a]", "[a-]", "\\", "[\\", "[a-", b"[\xff]"]
)
def test_a_rule_that_helm_refuses(rule: bytes | str) -> None:
    text = rule.encode() if isinstance(rule, str) else rule
    with pytest.raises(RenderError, match=r"line 2: .*; helm does not accept it") as caught:
        IgnoreRules.read(b"# a comment\n" + text)
    assert not isinstance(caught.value, ChartLimitError)


def test_a_line_that_helm_refuses() -> None:
    IgnoreRules.read(b"#" * 65535)
    with pytest.raises(RenderError, match="line 1: the line has 65536 bytes or more"):
        IgnoreRules.read(b"#" * 65536)


def test_too_many_rules() -> None:
    IgnoreRules.read(b"a\n" * 1000)
    with pytest.raises(ChartLimitError, match="line 1001: there are more than 1000 rules"):
        IgnoreRules.read(b"a\n" * 1001)


def test_a_long_rule() -> None:
    with pytest.raises(ChartLimitError, match="line 2: the rule is longer than 500 bytes"):
        IgnoreRules.read(b"\n" + b"a" * 501)


def test_matching_stops_at_the_deadline() -> None:
    def stop() -> None:
        raise LimitError("over")

    with pytest.raises(LimitError):
        IgnoreRules.read(b"").ignores("a", is_folder=False, check=stop)
