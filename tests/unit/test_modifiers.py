"""The modifiers: argocd-vault-plugin's results, ours, errors without values, and limits."""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from avp_py.golang.gojson import Float64
from avp_py.golang.nodes import MAX_DEPTH
from avp_py.modifiers import (
    MISSING,
    MODIFIERS,
    Modifier,
    ModifierError,
    UnknownModifierError,
    apply,
)
from avp_py.modifiers.interface import MAX_LENGTH
from avp_py.values import Number, Value

VECTORS = Path(__file__).parent / "data" / "modifiers.json"
"""What AVP v1.18.1 gives; made by tools/oracle/vectors.py."""

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(
        ["yes", "1e3", "~", "0x1", "a: b", "a\nb\n", " a\nb", "a\n\n", "#", "- a", "é"]
    )
    | st.integers().map(lambda number: Number(str(number)))
    | st.sampled_from([Number("1.10"), Number("1e21"), Number("-0.5")]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


def vectors() -> Iterator[Any]:
    groups = json.loads(VECTORS.read_text(encoding="utf-8"), parse_int=Number, parse_float=Number)
    for group in groups:
        for case in group["cases"]:
            name = f"{group['op']}-{ascii(group['input'])[:40]}"
            yield pytest.param(group["op"], case, group["input"], id=name)


@pytest.mark.parametrize(("name", "case", "value"), list(vectors()))
def test_a_modifier_returns_what_avp_returns(name: str, case: Any, value: Value) -> None:
    if "error" in case:
        with pytest.raises(ModifierError):
            apply(name, case["args"], value)
    else:
        assert apply(name, case["args"], value) == case["result"]


# The table


def test_the_modifiers_are_these() -> None:
    assert list(MODIFIERS) == [
        "base64encode", "base64decode", "b64url", "jsonPath", "jsonParse", "yamlParse", "toJson",
        "toYaml", "indent", "nindent", "default", "quote", "urlencode", "trim", "upper", "lower",
        "sha256sum", "sha512sum", "bcrypt",
    ]  # fmt: skip


@pytest.mark.parametrize("modifier", MODIFIERS.values(), ids=MODIFIERS)
def test_the_documentation_of_a_modifier_is_true(modifier: Modifier) -> None:
    name, *words = modifier.example.call.split()
    assert name == modifier.name
    assert modifier.signature.split()[0] == name
    assert modifier.summary.endswith(".")
    if name != "bcrypt":
        assert apply(name, words, modifier.example.before) == modifier.example.after
    else:
        assert isinstance(modifier.example.after, str)
        assert bcrypt.checkpw(b"abc", modifier.example.after.encode())


@pytest.mark.parametrize(
    ("name", "guess"),
    [("base64Encode", "base64encode"), ("jsonpath", "jsonPath"), ("json_path", "jsonPath"),
     ("sha256", "sha256sum"), ("to_yaml", "toYaml"), ("indent4", "indent")],
)  # fmt: skip
def test_an_unknown_name_gets_a_guess_and_the_choices(name: str, guess: str) -> None:
    with pytest.raises(UnknownModifierError) as caught:
        apply(name, [], "x")
    assert str(caught.value) == f"unknown modifier {name!r}"
    assert caught.value.hint == f"did you mean {guess}? `avp-py help modifiers` lists all"


def test_a_name_similar_to_none_gets_no_suggestion() -> None:
    with pytest.raises(UnknownModifierError, match="unknown modifier 'x'") as caught:
        apply("x", [], "x")
    assert caught.value.hint == "`avp-py help modifiers` lists all"


# What is missing


@pytest.mark.parametrize("name", sorted(set(MODIFIERS) - {"default"}))
def test_what_is_missing_stays_missing(name: str) -> None:
    assert apply(name, [], MISSING) is MISSING


def test_default_replaces_a_missing_value() -> None:
    assert apply("default", ["two", "words"], MISSING) == "two words"
    assert apply("default", ["x"], None) == "x"
    assert apply("default", ['""'], MISSING) == ""


@pytest.mark.parametrize("value", ["", "a", Number("0"), False, [], {}])
def test_default_leaves_a_value_alone(value: Value) -> None:
    assert apply("default", ["x"], value) == value


@pytest.mark.parametrize("value", [MISSING, "a"])
def test_default_needs_a_string(value: Any) -> None:
    with pytest.raises(ModifierError, match=r'expects the text to use; the empty text is ""'):
        apply("default", [], value)


# Wrong arguments and wrong types

TEXT_ONLY = sorted(set(MODIFIERS) - {"default", "jsonPath", "toJson", "toYaml"})
WORDS = {"indent": ["2"], "nindent": ["2"], "default": ["x"], "jsonPath": ["{}"]}


@pytest.mark.parametrize("name", TEXT_ONLY)
@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, "null"), (True, "a boolean"), (Number("7"), "a number"), (["x"], "a list"),
     ({"a": "x"}, "an object")],
)  # fmt: skip
def test_most_accept_strings_only(name: str, value: Value, kind: str) -> None:
    with pytest.raises(ModifierError, match=f"expects text, and the value is {kind}"):
        apply(name, WORDS.get(name, []), value)


@pytest.mark.parametrize(
    "name", sorted(set(MODIFIERS) - {"indent", "nindent", "default", "jsonPath", "bcrypt"})
)
def test_most_accept_no_arguments(name: str) -> None:
    with pytest.raises(ModifierError, match="accepts no arguments"):
        apply(name, ["x"], "x")


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("jsonPath", [], r"expects a template, such as \{\.name\}"),
        ("indent", [], "expects the number of spaces, and `keep` or nothing"),
        ("indent", ["2", "kept"], "expects the number of spaces, and `keep` or nothing"),
        ("indent", ["2", "keep", "x"], "expects the number of spaces, and `keep` or nothing"),
        ("indent", ["two"], "'two' is not a whole number"),
        ("indent", ["9223372036854775808"], "'9223372036854775808' is not a whole number"),
        ("nindent", [], "expects the number of spaces"),
        ("nindent", ["2", "keep"], "expects the number of spaces"),
        ("nindent", ["-1"], "'-1' is not a whole number from 0 to 1000"),
        ("bcrypt", ["10", "x"], "expects the cost, or nothing"),
        ("bcrypt", ["3"], "'3' is not a whole number from 4 to 15"),
        ("bcrypt", ["16"], "'16' is not a whole number from 4 to 15"),
        ("bcrypt", ["ten"], "'ten' is not a whole number from 4 to 15"),
    ],
)
def test_wrong_arguments_are_reported(name: str, words: Sequence[str], message: str) -> None:
    with pytest.raises(ModifierError, match=message):
        apply(name, words, "x")


# Text


@pytest.mark.parametrize("text", ["YQ", "YQ=", "Y===", "_-8=", "YQ==YQ==", "a b=", "é"])
def test_invalid_base64_is_an_error(text: str) -> None:
    with pytest.raises(ModifierError, match="the value is not base64 in the standard alphabet"):
        apply("base64decode", [], text)


@given(st.binary())
def test_binary_data_passes_through_base64(data: bytes) -> None:
    encoded = base64.b64encode(data).decode()
    decoded = apply("base64decode", [], encoded)
    assert isinstance(decoded, str)
    assert decoded.encode("utf-8", "surrogateescape") == data
    assert apply("base64encode", [], decoded) == encoded
    assert apply("sha256sum", [], decoded) == hashlib.sha256(data).hexdigest()
    url = apply("b64url", [], decoded)
    assert isinstance(url, str)
    assert base64.urlsafe_b64decode(url + "=" * (-len(url) % 4)) == data


@pytest.mark.parametrize("name", ["quote", "toYaml", "yamlParse"])
def test_what_is_not_unicode_cannot_be_written_as_text(name: str) -> None:
    with pytest.raises(ModifierError, match=r"not (valid )?Unicode"):
        apply(name, [], "a: \udcff")


@pytest.mark.parametrize("name", ["base64encode", "sha256sum", "urlencode", "bcrypt"])
def test_half_a_surrogate_pair_is_no_text(name: str) -> None:
    with pytest.raises(ModifierError, match="the text is not Unicode") as caught:
        apply(name, [], "\ud800")
    assert "ud800" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words", "before", "after"),
    [
        ("indent", ["2"], " a \n\tb\n\n   \nc\n", "a\n  b\n  \n  c\n"),
        ("indent", ["2", "keep"], " a \n\tb\n\n   \nc\n", " a \n  \tb\n\n     \n  c\n"),
        ("indent", ["-1", "keep"], "a\nb", "a\nb"),
        ("nindent", ["2"], "a\n\nb\n", "\n  a\n  \n  b\n  "),
        ("nindent", ["0"], "a", "\na"),
        ("nindent", ["1"], "", "\n "),
        ("trim", [], "\u3000\x85\t a b \r\n", "a b"),
        ("trim", [], "\x1ca\x1c", "\x1ca\x1c"),
        ("upper", [], "é", "É"),
        ("urlencode", [], "-._~/?&=+ é%", "-._~%2F%3F%26%3D%2B%20%C3%A9%25"),
        ("b64url", [], "", ""),
        ("sha512sum", [], "", hashlib.sha512(b"").hexdigest()),
    ],
)
def test_text(name: str, words: Sequence[str], before: str, after: str) -> None:
    assert apply(name, words, before) == after


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_and_yaml_read_what_was_quoted(text: str) -> None:
    quoted = apply("quote", [], text)
    assert isinstance(quoted, str)
    assert json.loads(quoted) == text
    assert yaml.load(quoted, yaml.CSafeLoader) == text


def test_bcrypt_hashes_up_to_72_bytes_with_the_cost_that_is_named() -> None:
    hashed = apply("bcrypt", ["5"], "é" * 36)
    assert isinstance(hashed, str)
    assert hashed.startswith("$2b$05$")
    assert bcrypt.checkpw("é".encode() * 36, hashed.encode())
    with pytest.raises(ModifierError, match="longer than 72 bytes"):
        apply("bcrypt", ["5"], "é" * 36 + "x")
    with pytest.raises(ModifierError, match="a NUL character"):
        apply("bcrypt", ["5"], "a\x00b")


def test_bcrypt_has_a_cost_of_its_own() -> None:
    assert str(apply("bcrypt", [], "x")).startswith("$2b$12$")


# Structure


def test_a_number_of_a_text_is_equal_to_one_of_the_backend() -> None:
    assert Float64("1") == Number("1")
    assert Number("1") == Float64("1")
    assert Float64("1") != Number("1.0")
    assert hash(Float64("1")) == hash(Float64("1"))
    assert Float64("1") != "1"


@pytest.mark.parametrize("name", ["jsonParse", "yamlParse"])
@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9007199254740993", "9007199254740993"),
        ("-12345678901234567890123", "-12345678901234567890123"),
        ("1.10", "1.1"),
        ("1.0e+6", "1000000"),
        ("1.0e+21", "1e+21"),
        ("0.00000012", "1.2e-7"),
    ],
)
def test_integers_keep_their_digits(name: str, text: str, number: str) -> None:
    assert apply(name, [], text) == Number(number)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1: a\n'1': b\n", {"1": "b"}),
        ("3.14159265358979: a", {"3.14159265358979": "a"}),
        ("1e300: a", {"1e+300": "a"}),
        ("18446744073709551616: a", {"18446744073709551616": "a"}),
        ('"\\/"', "/"),
        ("!!binary /w==", "\udcff"),
        ("a: 1\n---\nb: [\n", {"a": Number("1")}),
    ],
)
def test_yaml_that_avp_reads_with_losses(text: str, value: Value) -> None:
    assert apply("yamlParse", [], text) == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("jsonParse", '{"a": 1\n"b"}', "not JSON: line 2, column 1"),
        ("jsonParse", "[NaN]", "it holds NaN or Infinity, which are not JSON"),
        ("jsonParse", "1e999", "it holds a number that float64 cannot hold"),
        ("jsonParse", "[" * 100_000, "it nests deeper than 200 levels"),
        ("jsonParse", "[" * 300 + "]" * 300, "it nests deeper than 200 levels"),
        ("jsonPath", "x", "not JSON: line 1, column 1"),
        (
            "yamlParse",
            "a: [1\n",
            "(while parsing a flow sequence) (line 2, column 1)",
        ),
        (
            "yamlParse",
            "a: 1\nb: \x07",
            "a character that is not allowed (line 2, column 4)",
        ),
        ("yamlParse", "a: 1\nb: *x", "an alias (*) has no anchor before it (line 2, column 4)"),
        ("yamlParse", "a: 1\nb: !!int x", "a value does not fit its tag !!int (line 2, column 10)"),
        ("yamlParse", "a: 1\nb: !!binary x", "not base64 in the standard alphabet, with padding"),
        ("yamlParse", "a: 1\n[]: x", "a key is a list or a mapping (line 2, column 1)"),
        ("yamlParse", "a: 1\n<<: x", "a merge key (<<) wants a mapping, or a list of mappings"),
        ("yamlParse", "a: .inf", "it holds infinity or NaN, which JSON cannot say"),
        ("yamlParse", "~: a", "it holds a key that is null or beyond 64 bits"),
    ],
)
def test_an_error_in_a_text_says_where(name: str, text: str, message: str) -> None:
    with pytest.raises(ModifierError) as caught:
        apply(name, ["{}"] if name == "jsonPath" else [], text)
    assert message in str(caught.value)


def test_jsonpath_joins_its_words_with_a_space() -> None:
    assert apply("jsonPath", ["{.a}", "and", "{.b}"], '{"a": 1, "b": 2}') == "1 and 2"


def test_jsonpath_of_a_parsed_text_is_jsonpath_of_the_text() -> None:
    text = '{"a": 1000000, "b": [{"c": 1.5}]}'
    parsed = apply("yamlParse", [], text)
    for template in ("{.a}", "{.b[?(@.c>1.0)].c}"):
        assert apply("jsonPath", [template], parsed) == apply("jsonPath", [template], text)


@given(JSON)
def test_every_reader_gets_back_what_was_written_as_json(value: Value) -> None:
    written = apply("toJson", [], value)
    assert isinstance(written, str)
    assert json.loads(written, parse_int=Number, parse_float=Number) == value


@given(JSON)
def test_every_reader_gets_back_what_was_written_as_yaml(value: Value) -> None:
    written = apply("toYaml", [], value)
    assert isinstance(written, str)
    assert plain(yaml.load(written, yaml.CSafeLoader)) == plain(value)
    assert plain(apply("yamlParse", [], written)) == plain(value)
    indented = apply("nindent", ["4"], written)
    assert plain(yaml.load(f"a:{indented}", yaml.CSafeLoader)) == {"a": plain(value)}


def plain(value: Any) -> Any:
    """The value with every number as a float."""
    if isinstance(value, Number):
        return float(value.text)
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def test_yaml_text_looks_as_people_write_it() -> None:
    value: Value = {
        "b": {"list": ["x", {"k": "v", "num": Number("1e3")}, []], "none": None},
        "a": {"cert": "-----BEGIN-----\nAAAA\n-----END-----\n", "note": "two\nlines", "on": "on"},
        "k" * 1001: {"deep": True},
    }
    assert apply("toYaml", [], value) == (
        "a:\n  cert: |\n    -----BEGIN-----\n    AAAA\n    -----END-----\n"
        '  note: |-\n    two\n    lines\n  "on": "on"\n'
        "b:\n  list:\n  - x\n  - k: v\n    num: 1.0e+3\n  - []\n  none: null\n"
        f"? {'k' * 1001}\n: deep: true"
    )


def test_yaml_ends_in_a_line_break_only_if_its_last_string_does() -> None:
    assert apply("toYaml", [], ["a"]) == "- a"
    assert apply("toYaml", [], ["a\nb\n"]) == "- |\n  a\n  b\n"
    assert apply("toYaml", [], ["a\nb"]) == "- |-\n  a\n  b"
    assert apply("toYaml", [], ["a\n"]) == "- |\n  a\n"


# Limits


def nested(depth: int) -> Value:
    value: Value = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("name", ["toJson", "toYaml", "jsonPath"])
def test_a_value_may_nest_up_to_the_limit(name: str) -> None:
    words = WORDS.get(name, [])
    assert "x" in str(apply(name, words, nested(MAX_DEPTH)))
    with pytest.raises(ModifierError, match=f"nests deeper than {MAX_DEPTH} levels"):
        apply(name, words, nested(5000))


def bomb(first: str, each: str) -> str:
    names = "abcdefghi"
    return f"a: &a {first}\n" + "".join(
        f"{name}: &{name} {each.format(', '.join([f'*{before}'] * 10))}\n"
        for before, name in pairwise(names)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "collections nest deeper than 200 levels"),
        ("- " * 100_000, "collections nest deeper than 200 levels"),
        ("&a [*a, *a]", "no anchor before it"),
        ("&a {<<: *a, b: 1}", "no anchor before it"),
        ("".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 500)).replace("*a0", "x"),
         "collections nest deeper than 200 levels"),
        (bomb("[x]", "[{}]"), "the aliases expand too far"),
        (bomb("{x: 1}", "{{<<: [{}]}}"), "the aliases expand too far"),
        (f"a: &a {'x' * 1_000_000}\nb: [{', '.join(['*a'] * 20)}]", "the aliases expand too far"),
    ],
    ids=range(8),
)  # fmt: skip
def test_hostile_yaml_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ModifierError, match=message):
        apply("yamlParse", [], text)


def test_a_chain_of_modifiers_cannot_grow_a_text_without_end() -> None:
    half = "x" * (MAX_LENGTH // 2 + 1)
    with pytest.raises(ModifierError, match=f"returns more than {MAX_LENGTH} characters"):
        apply("quote", [], half.replace("x", '"'))
    with pytest.raises(ModifierError, match=f"would give more than {MAX_LENGTH} characters"):
        apply("nindent", ["1000"], "\n" * 10_000)


# No error holds a value

HIDDEN = "hidden77leaf"
LEAKY: Sequence[Value] = (
    HIDDEN,
    HIDDEN * 20,
    f"{HIDDEN}\x00",
    f"{HIDDEN}\ud800",
    # broken JSON
    f'{{"a": "{HIDDEN}"',
    f"[{HIDDEN}, 1e999]",
    f'[1e999, "{HIDDEN}"]',
    f'"{HIDDEN}\\x"',
    f'["{HIDDEN}", NaN]',
    # broken YAML
    f"{HIDDEN}: [",
    f"- {HIDDEN}\n- {HIDDEN}: *{HIDDEN}",
    f"&{HIDDEN} [*{HIDDEN}]",
    f"!!int {HIDDEN}",
    f"!!binary {HIDDEN}",
    f"!{HIDDEN}! a",
    f"%{HIDDEN}\n---\n*x",
    f"%TAG ! {HIDDEN}\n--- !!a'",
    f"'{HIDDEN}",
    f"{HIDDEN}\x07",
    f"{HIDDEN}\udcff: *x",
    f"[{HIDDEN}]: 1",
    f"~: {HIDDEN}",
    f"a: |{HIDDEN}",
    # what is not text
    [HIDDEN],
    [f"{HIDDEN}\ud800"],
    [[nested(300), HIDDEN]],
    {HIDDEN: HIDDEN},
    {"a": [HIDDEN, {"b": HIDDEN}]},
)


@pytest.mark.parametrize("name", sorted(MODIFIERS))
@pytest.mark.parametrize("value", LEAKY, ids=range(len(LEAKY)))
def test_no_error_holds_a_value(name: str, value: Value) -> None:
    words = {"indent": ["2", "keep"], "nindent": ["2"], "default": ["x"], "bcrypt": ["4"]}
    templates = ["{.a.b}", "{.a[9]}", "{[0][?(@.x==1)]}", "{.a[?(@.b>1)]}", "{.*.*.*.*.x}"]
    for arguments in (
        [[each] for each in templates] if name == "jsonPath" else [words.get(name, [])]
    ):
        error: BaseException | None = None
        try:
            apply(name, arguments, value)
        except ModifierError as caught:
            error = caught
        while error is not None:
            assert "hidden" not in f"{error!r} {error} {vars(error)}"
            assert "77" not in str(error)
            error = error.__cause__ or error.__context__
