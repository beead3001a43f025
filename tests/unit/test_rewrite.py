"""For any value and any placeholder, readers get back what was written."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from avp_py.errors import DocumentError, Failures, PlaceholderError
from avp_py.golang.yaml_text import UNREPRESENTABLE, quoted
from avp_py.manifests import REMOVED, Manifest, Replacement, read_stream, render_field, rewrite
from avp_py.manifests.scalars import flow
from avp_py.values import Number, Value

TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from(" \n\t\r:#-'\"\\{}[],&*!|>%@`~<0x\x00\x07\u2028\ufeff🔑é"),
        st.characters(exclude_categories=["Cs"]).filter(
            lambda char: not UNREPRESENTABLE.match(char)
        ),
    ),
    max_size=60,
)

PLACES = {
    "plain": "a: <k>\nz: 1\n",
    "comment": "a: <k> # note\nz: 1\n",
    "single": "a: '<k>'\nz: 1\n",
    "double": 'a: "<k>"\nz: 1\n',
    "folded lines": "a: <k>\n\nz: 1\n",
    "literal": "a: |-\n  <k>\nz: 1\n",
    "folded": "a: >-\n  <k>\n\nz: 1\n",
    "flow mapping": "{a: <k>, z: 1}\n",
    "json": '{"a": "<k>", "z": 1}\n',
    "list": "l:\n  - <k>\nz: 1\n",
    "flow list": "l: [<k>, x]\nz: 1\n",
    "anchor": "a: &x <k>\nb: *x\nz: 1\n",
    "tag": "a: !!str <k>\nz: 1\n",
    "last": "z: 1\na: <k>",
    "last literal": "z: 1\na: |-\n  <k>",
    "literal in list": "l:\n- |-\n  <k>\n- z\n",
}


def manifest_of(body: str) -> tuple[str, Manifest]:
    head = "kind: X\nmetadata: {annotations: {avp.kubernetes.io/path: p}}\n"
    text = head + body
    if body.startswith("{"):
        text = body.replace(
            "{", '{"kind": "X", "metadata": {"annotations": {"avp.kubernetes.io/path": "p"}}, ', 1
        )
    failures = Failures()
    stream = read_stream(text.encode(), "test", failures)
    assert list(failures) == []
    (manifest,) = stream.manifests
    return stream.text, manifest


def rewritten(body: str, value: Value) -> Any:
    text, manifest = manifest_of(body)
    (field,) = manifest.fields
    output = rewrite(
        text, manifest, [Replacement(field, render_field(field, "X", lambda _: value))]
    )
    start, end = field.scalar.start, field.scalar.end
    assert output.startswith(text[:start].removesuffix("!!str "))
    assert output.endswith(text[end:])
    data = yaml.load(output, yaml.CSafeLoader)
    if body.startswith('{"'):
        assert json.loads(output)["a"] == data["a"]
    return data["l"][0] if "l" in data else data["a"]


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=60)
@given(value=TEXT)
def test_a_string_comes_back_equal(place: str, value: str) -> None:
    assert rewritten(PLACES[place], value) == value


@pytest.mark.parametrize("style", ["|", "|-", "|+", ">", ">-", "|2", "|1-"])
@settings(max_examples=60)
@given(value=TEXT)
def test_a_block_scalar_comes_back_equal(style: str, value: str) -> None:
    text, manifest = manifest_of(f"a: {style}\n  x\n  y <k> z\n\n   w\n\nz: 1\n")
    (field,) = manifest.fields
    output = rewrite(
        text, manifest, [Replacement(field, render_field(field, "X", lambda _: value))]
    )
    data = yaml.load(output, yaml.CSafeLoader)
    assert data["a"] == field.scalar.value.replace("<k>", value)
    assert data["z"] == 1


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXT),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(TEXT.filter(bool), inner, max_size=3)
    ),
    max_leaves=8,
)


def _as_value(data: Any) -> Value:
    if isinstance(data, int) and not isinstance(data, bool):
        return Number(str(data))
    if isinstance(data, list):
        return [_as_value(item) for item in data]
    if isinstance(data, dict):
        return {key: _as_value(item) for key, item in data.items()}
    return data  # type: ignore[no-any-return]


@pytest.mark.parametrize("place", [name for name in PLACES if name != "tag"])
@settings(max_examples=40)
@given(data=JSON.filter(lambda data: data is not None and not isinstance(data, str)))
def test_a_typed_value_comes_back_equal(place: str, data: Any) -> None:
    assert rewritten(PLACES[place], _as_value(data)) == data


@given(JSON)
def test_flow_text_is_json_and_yaml(data: Any) -> None:
    text = flow(_as_value(data))
    assert json.loads(text) == data
    assert yaml.load(text, yaml.CSafeLoader) == data


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1e3", "1.0e+3"),
        ("1E-7", "1.0e-7"),
        ("-2.5e10", "-2.5e+10"),
        ("1.10", "1.10"),
        ("-0", "-0"),
        ("12345678901234567890", "12345678901234567890"),
    ],
)
def test_a_number_is_one_to_every_reader(number: str, text: str) -> None:
    assert Number(number).yaml == text
    assert yaml.safe_load(text) == json.loads(number)


def test_half_a_surrogate_pair_is_an_error() -> None:
    with pytest.raises(PlaceholderError, match="not valid Unicode"):
        quoted("\ud83d")


KEYS = st.lists(st.sampled_from(["keep", "gone"]), min_size=1, max_size=5)


@example(["gone", "gone", "keep"], "list")
@given(KEYS, st.sampled_from(["block", "flow", "list", "nested"]))
def test_removal_takes_the_missing_keys_and_nothing_else(fates: list[str], style: str) -> None:
    entries = {f"k{n}": "<k>" if fate == "gone" else f"v{n}" for n, fate in enumerate(fates)}
    if style == "flow":
        body = "d: {" + ", ".join(f"{key}: {value}" for key, value in entries.items()) + "}\nz: 1\n"
    else:
        indent = {"block": "  ", "list": "    ", "nested": "      "}[style]
        lines = [f"{indent}{key}: {value} # c" for key, value in entries.items()]
        if style == "list":
            lines[0] = f"  - {lines[0].strip()}"
        head = "d:\n  inner:\n" if style == "nested" else "d:\n"
        body = head + "\n".join(lines) + "\nz: 1\n"
    text, manifest = manifest_of(body)
    output = rewrite(text, manifest, [Replacement(field, REMOVED) for field in manifest.fields])
    data = yaml.safe_load(output)
    found = {"block": data["d"], "flow": data["d"]}.get(style)
    if style == "list":
        found = data["d"][0]
    elif style == "nested":
        found = data["d"]["inner"]
    assert found == {key: value for key, value in entries.items() if value != "<k>"}
    assert data["z"] == 1


def test_an_edit_that_would_change_something_else_is_an_error() -> None:
    text, manifest = manifest_of("a: <k>\nz: 1\n")
    (field,) = manifest.fields
    # A span that is wrong by one character stands for any defect in the arithmetic.
    field.scalar.columns.ends[field.scalar.row] += 1
    with pytest.raises(DocumentError, match="cannot be edited safely"):
        rewrite(text, manifest, [Replacement(field, "x")])
