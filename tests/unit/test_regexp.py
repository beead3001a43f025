r"""Regular expressions of an operator: what Go accepts, and nothing else.

The expectations were observed in Go 1.26; tests/compat/fixed_commands.py shows much of it in
argocd-vault-plugin itself.
"""

import subprocess
import sys

import pytest

from avp_py.settings.parse import MalformedError
from avp_py.settings.regexp import regexp


@pytest.mark.parametrize(
    ("expression", "path"),
    [
        ("^(?i)KV", "kv/x"),
        ("(?i)KV/", "kv/x"),
        (r"^\Qkv/\E", "kv/x"),
        (r"^\Qa.{9999999999}\C", r"a.{9999999999}\C"),
        (r"^\p{L}+/", "kvü/x"),
        (r"^\pL", "k"),
        (r"^\P{Greek}", "k"),
        ("^[[:^digit:]]+/", "kv/x"),
        (r"[[:alpha:]/]+\z", "kv/data"),
        ("(?U)^kv/.*", "kv/x"),
        ("^(?<a>kv)/", "kv/x"),
        ("^(?P<a>kv)/(?P<b>x)(?<a>y)?", "kv/x"),
        (r"^kv\x{2f}", "kv/x"),
        ("[a-z&&b]", "&"),
        ("^[[a]]", "a]"),
        ("^kv/data/.{,3}$", "kv/data/x{,3}"),
        ("^[{9999999999}]+$", "9{}"),
        ("^a{01}$", "a{01}"),
        ("^kv/.{1,1000}$", "kv/x"),
        (r"^\pL{1,1000}$", "kvü"),
        ("(" * 1000 + "a" + ")" * 1000, "a"),
        (r"\w+/\\z", r"kv/\z"),
        (r"^kv\b.data\B.", "kv/dataa"),
        (r"[\d]+", "12"),
        ("^(?i)k", "\u212a"),
        ("^a$", "a"),
        ("^(?m)a$", "a\nb"),
        (r"^\0", "\x00"),
        (r"^\141", "a"),
        ("", "any"),
    ],
)
def test_what_go_accepts(expression: str, path: str) -> None:
    assert regexp(expression).matches(path)


@pytest.mark.parametrize(
    ("expression", "path"),
    [
        (r"\w+\z", "kvü"),
        (r"\d", "٣"),
        (r"\s", "\u00a0"),
        ("a$", "a\n\n"),
        ("a$", "a\n"),
        (".", "\n"),
        ("^kv/data/.{,3}$", "kv/data/ab"),
        (r"^\p{Lu}", "k"),
        ("^[[:^digit:]]+/", "1/x"),
        ("^[a-z&&b]$", "|"),
        (r"^\Qk.\E", "kv"),
        ("^(?U)KV", "kv"),
        ("team-a/", "x/team-a/y"),
    ],
)
def test_it_matches_from_the_beginning_and_no_more_than_in_go(expression: str, path: str) -> None:
    assert not regexp(expression).matches(path)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("(unclosed", "missing )"),
        ("unopened)", "unexpected )"),
        ("[a", "missing ]"),
        ("[b-a]", "invalid character class range"),
        ("a\\", "trailing \\"),
        ("(?!kv)", "invalid perl operator"),
        ("(?=kv)", "invalid perl operator"),
        ("(?<=kv)", "invalid perl operator"),
        ("(?<!kv)", "invalid perl operator"),
        ("(?#kv)", "invalid perl operator"),
        ("(?>kv)", "invalid perl operator"),
        ("(?x)kv", "invalid perl operator"),
        ("a++", "bad repetition operator"),
        ("a*+", "bad repetition operator"),
        ("a?+", "bad repetition operator"),
        ("a**", "bad repetition operator"),
        ("a{2}{3}", "bad repetition operator"),
        ("*", "no argument for repetition operator"),
        ("a{1001}", "invalid repetition size"),
        ("(a{100}){11}", "invalid repetition size"),
        ("a{3,2}", "invalid repetition size"),
        ("a{9999999999}", "invalid repetition size"),
        ("a{1,9999999999}", "invalid repetition size"),
        ("[b]{9999999999,}", "invalid repetition size"),
        (r"kv\Z", "invalid escape sequence"),
        (r"\u0061", "invalid escape sequence"),
        (r"(kv)/\1", "invalid escape sequence"),
        (r"\x{110000}", "invalid escape sequence"),
        (r"kv\C", "invalid escape sequence"),
        (r"[\]]\\\C", "invalid escape sequence"),
        (r"\Qa\E\C", "invalid escape sequence"),
        (r"[\C]", "invalid escape sequence"),
        ("[[:foo:]]", "invalid character class range"),
        (r"\p{Foo}", "invalid character class range"),
        ("(?P<ü>b)", "invalid named capture group"),
        ("(?P=a)", "invalid perl operator"),
        ("(?P<a", "invalid named capture group"),
        ("(?P<>a)", "invalid named capture group"),
        ("kv\udcff", "invalid UTF-8"),
    ],
)
def test_what_go_rejects_is_rejected_with_only_the_reason(
    expression: str, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MalformedError, match=r"^a regular expression") as caught:
        regexp(expression)

    assert str(caught.value) == f"a regular expression in the syntax of Go (RE2): {reason}"
    assert capfd.readouterr() == ("", "")


def test_one_that_takes_too_much_memory_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MalformedError, match=r"pattern too large - compile failed$"):
        regexp(r"\pL{1000}" * 4)

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("expression", ["(a*)*b", "(a|a)*b", "(a?){500}a{500}b", "(.*)(.*)(.*)b"])
def test_none_takes_more_than_linear_time(expression: str) -> None:
    assert not regexp(expression).matches("a" * 4096)


@pytest.mark.slow
@pytest.mark.parametrize(
    "expression",
    [
        "{" * 40_000,
        "{1,2" * 40_000,
        "{1234567890,x" * 10_000,
        "[" + "[:b" * 40_000 + "]b",
        "[]]" * 40_000,
        r"\Qb\E" * 40_000,
        r"\Q" + "\\" * 40_000,
    ],
    ids=lambda expression: expression[:8],
)
def test_a_long_one_is_read_in_linear_time_too(expression: str) -> None:
    assert not regexp(expression).matches("a")


def test_groups_cost_nothing() -> None:
    assert regexp("(" * 40_000 + "a" + ")" * 40_000).matches("a")


def test_equal_texts_are_equal_expressions() -> None:
    assert regexp("^kv/") == regexp("^kv/") != regexp("^kv")


def test_re2_is_loaded_only_if_an_expression_is_set() -> None:
    script = (
        "import sys\n"
        "from avp_py.settings import Sources, resolve\n"
        "resolve(Sources({}))\n"
        "print('re2' in sys.modules)\n"
        "resolve(Sources({'AVP_PATH_VALIDATION': '^kv/'}))\n"
        "print('re2' in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]
