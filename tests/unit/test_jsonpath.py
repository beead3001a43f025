"""JSONPath templates: client-go's results, our errors, and limits."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avp_py.golang import gojson
from avp_py.golang.gojson import Float64
from avp_py.golang.nodes import MAX_DEPTH
from avp_py.modifiers import ModifierError, apply
from avp_py.modifiers.jsonpath import JsonPathError, evaluate
from avp_py.modifiers.jsonpath.evaluator import MAX_OUTPUT, MAX_RANGES, MAX_RESULTS
from avp_py.values import Number, Value

VECTORS = Path(__file__).parent / "data" / "jsonpath.json"
"""What client-go v0.29.1 gives; made by tools/oracle/vectors.py."""


def vectors() -> Iterator[Any]:
    groups = json.loads(VECTORS.read_text(encoding="utf-8"), parse_int=Number, parse_float=Number)
    for group in groups:
        value = group["input"]
        if not group["typed"] and not isinstance(value, str):
            value = gojson.read(gojson.write(value))
        for case in group["cases"]:
            template = " ".join(case["args"])
            yield pytest.param(case, value, id=ascii(template)[1:60])


@pytest.mark.parametrize(("case", "value"), list(vectors()))
def test_a_template_returns_what_client_go_returns(case: Any, value: Value) -> None:
    if "error" in case:
        with pytest.raises(ModifierError):
            apply("jsonPath", case["args"], value)
    else:
        assert apply("jsonPath", case["args"], value) == case["result"]


DATA: Value = {
    "zeta": {"b": "2", "a": "1"},
    "alpha": [{"name": "x", "size": Number("1.10")}, {"name": "y", "size": Number("2")}],
    "none": None,
}


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ("{.zeta.*}", "1 2"),
        ("{.*}", '[{"name":"x","size":1.10},{"name":"y","size":2}] null {"a":"1","b":"2"}'),
        ("{..name}", "x y"),
        ("{.zeta..}", '{"a":"1","b":"2"} 1 2'),
    ],
)
def test_maps_are_walked_by_sorted_keys(template: str, result: str) -> None:
    assert evaluate(template, DATA) == result


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Number("1000000"), "1000000"),
        (Number("1.10"), "1.10"),
        (Float64("1000000"), "1e+06"),
        (Float64("100000"), "100000"),
        (Float64("0.0001"), "0.0001"),
        (Float64("0.00001"), "1e-05"),
        (Float64("-0"), "-0"),
        (Float64("123456789.5"), "1.234567895e+08"),
    ],
)
def test_backend_numbers_keep_their_text_and_parsed_ones_are_float64(
    number: Number, text: str
) -> None:
    assert evaluate("{.a}", {"a": number}) == text


def test_a_parsed_integer_keeps_its_digits_inside_of_json() -> None:
    assert evaluate("{}", gojson.read('{"id": 12345678901234567890}')) == (
        '{"id":12345678901234567890}'
    )


def test_a_quoted_byte_is_a_surrogate_until_it_is_a_character() -> None:
    assert evaluate(r"{'\xff'}", None) == "\udcff"
    assert evaluate(r"{'\xc3'}{'\xa9'}", None) == "é"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{.a", "the expression is not closed by `}`, at character 4 of the template"),
        ("x{!}", "`!` (U+0021) has no meaning in an expression, at character 3 of the template"),
        ("{.zeta['a}", "`[` is not closed, at character 7 of the template"),
        ("{['a']!}", "`!` (U+0021) has no meaning in an expression, at character 7"),
        ("{.alpha[x]}", "[x] is no index, slice, key in single quotes or filter, at character 8"),
        ("{.alpha[-]}", "the index - is not a number, at character 8"),
        ("{.alpha[?(@.name]}", "the filter `[?(` is not closed by `)]`, at character 8"),
        ("{.alpha[?(@.name)}", "the filter `[?(` is not closed by `)]`, at character 8"),
        ("{.alpha[?(@.name==!)]}", "`!` (U+0021) has no meaning in an expression, at character 8"),
        ("{'a}", "the quoted text is not closed, at character 2"),
        (r"{'\q'}", "the quoted text has an escape that is not known, at character 2"),
        (r"{'\ud800'}", "the quoted text has an escape that is not known, at character 2"),
        ("{1.2.3}", "1.2.3 is not a number, at character 2"),
        ("{.. ..}", "`..` follows on `..`, at character 5"),
        ("{name}", "`name` is neither `range` nor `end` nor a field (`.name`), at character 2"),
        ("{end}", "`end` is outside of a range, at character 2"),
        ("{.zeta.c}", "there is no key 'c', at character 7"),
        ("{.zeta[0]}", "an index requires a list, and this is an object, at character 7"),
        ("{.alpha[7]}", "the index is out of the list's range, at character 8"),
        ("{.alpha[1:0]}", "the slice starts after its end, at character 8"),
        ("{.alpha[::0]}", "the step of a slice is not above 0, at character 8"),
        ("{.zeta[?(@)]}", "a filter requires a list, and this is an object, at character 7"),
        ("{.alpha[?(@.*=='x')]}", "a filter compares single values, at character 8"),
        ("{.alpha[?(@.name='x')]}", "`=` is none of ==, !=, <, <=, >, >=, at character 8"),
        (
            "{.alpha[?(@.size>1)]}",
            "`>` cannot compare a number that counts as text with an integer, at character 8",
        ),
        ("{.none[?(@)]}", "a filter requires a list, and this is null, at character 7"),
    ],
)
def test_an_error_says_what_is_wrong_and_where(template: str, message: str) -> None:
    with pytest.raises(JsonPathError) as caught:
        evaluate(template, DATA)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{[0]}", "an index requires a list, and this is null"),
        ("{range}{.a}{end}", "null cannot be ranged over"),
    ],
)
def test_null_is_an_error_where_client_go_panics(template: str, message: str) -> None:
    with pytest.raises(JsonPathError, match=message):
        evaluate(template, None)


def test_an_error_shows_a_long_template_only_in_part() -> None:
    with pytest.raises(JsonPathError) as caught:
        evaluate("{." + "long" * 1000 + "}", {})
    assert len(str(caught.value)) < 200


def nested(depth: int) -> Value:
    value: Value = "x"
    for _ in range(depth):
        value = [value]
    return value


def test_data_may_nest_up_to_the_limit() -> None:
    assert evaluate("{..}", nested(MAX_DEPTH)).endswith(" x")
    with pytest.raises(JsonPathError, match=f"deeper than {MAX_DEPTH} levels"):
        evaluate("{}", nested(MAX_DEPTH + 2))


def test_ranges_may_nest_up_to_the_limit() -> None:
    def template(count: int) -> str:
        return "{range [*]}" * count + "{@}" + "{end}" * count

    assert evaluate(template(MAX_RANGES), nested(MAX_RANGES)) == "x"
    with pytest.raises(JsonPathError, match=f"ranges nest deeper than {MAX_RANGES}"):
        evaluate(template(MAX_RANGES + 1), nested(MAX_RANGES + 1))


def test_expressions_in_brackets_do_not_exhaust_the_stack() -> None:
    with pytest.raises(JsonPathError):
        evaluate("{" + "['." * 5000 + "']" * 5000 + "}", {})


def test_results_have_a_limit() -> None:
    value: Value = "x"
    for _ in range(50):
        value = {"a": value}
    with pytest.raises(JsonPathError, match=f"more than {MAX_RESULTS} results"):
        evaluate("{" + "['a','a']" * 50 + "}", value)


def test_the_text_has_a_limit() -> None:
    value: Value = "x" * 100_000
    for _ in range(100):
        value = [value]
    with pytest.raises(JsonPathError, match=f"longer than {MAX_OUTPUT} characters"):
        evaluate("{..}", value)


LEAVES = tuple(f"hidden{index}leaf" for index in range(4))
SECRET: Value = {
    "a": {"b": LEAVES[0], "c": [LEAVES[1], Number("77123456789"), {"d": LEAVES[2]}]},
    "l": [{"n": LEAVES[3], "v": Number("77987654321")}, {"n": LEAVES[0], "v": Float64("771.5")}],
    "s": LEAVES[1],
}
STEPS = (
    *(".a", ".b", ".c", ".d", ".l", ".n", ".v", ".s", ".x"),
    *("[0]", "[7]", "[*]", "[0:9]", "[1:0]", "['a','x']", ".*", "..", "end", "!", "'q'"),
    *("[?(@.n=='q')]", "[?(@.v>1)]", "[?(@.v>1.0)]"),
)


@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=4), st.booleans())
def test_no_error_holds_data(steps: list[str], is_range: bool) -> None:
    path = "".join(steps)
    template = f"{{range {path}}}{{.n}}{{end}}" if is_range else f"{{{path}}}"
    try:
        evaluate(template, SECRET)
    except JsonPathError as error:
        told = f"{error} {error.__cause__} {error.__context__}"
        assert "hidden" not in told
        assert "77" not in told
