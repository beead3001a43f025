"""The parser: spans, limits, and errors that say where."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from avp_py.errors import DocumentError
from avp_py.golang.documents import parse
from avp_py.golang.nodes import (
    MAX_DEPTH,
    AliasNode,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    dereference,
)


def root(text: str) -> MappingNode:
    (document,) = parse(text, "test")
    assert isinstance(document.root, MappingNode)
    return document.root


def scalar(text: str, key: str = "a") -> ScalarNode:
    node = root(text).get(key)
    assert isinstance(node, ScalarNode)
    return node


@pytest.mark.parametrize(
    ("text", "own", "value"),
    [
        ("a: plain # c\n", "plain", "plain"),
        ("a: 'it''s'\n", "'it''s'", "it's"),
        ('a: "x\\ty" \n', '"x\\ty"', "x\ty"),
        ("a: |\n  x\n\n\nb: 1\n", "|\n  x\n\n\n", "x\n"),
        ("a: two\n  lines\nb: 1\n", "two\n  lines", "two lines"),
        ("a: &anchor !!str 'x'\n", "'x'", "x"),
        ("a: !tag\n  # comment\n  x\n", "x", "x"),
        ("é: 1\na: 🔑x\n", "🔑x", "🔑x"),
        ("b: [1]\r\na: x\r\n", "x", "x"),
        ("{a: [http://x:80]}", None, None),
        ("a:\nb: 1\n", "", ""),
    ],
)
def test_a_scalar_knows_its_own_text(text: str, own: str | None, value: str | None) -> None:
    if own is None:
        assert isinstance(root(text).get("a"), SequenceNode)
        return
    node = scalar(text)
    assert text[node.start : node.end] == own
    assert node.value == value


def test_documents_cover_the_text_without_a_gap() -> None:
    text = "# c\n---\na: 1\n...\n# d\n--- # e\n---\nb: |\n  ---\n"
    documents = parse(text, "test")
    assert "".join(text[each.start : each.end] for each in documents) == text
    assert [each.root is None for each in documents] == [False, False, False]
    assert [text[each.start : each.start + 3] for each in documents] == ["# c", "---", "---"]


def test_the_end_of_a_block_collection_is_that_of_its_last_value() -> None:
    text = "a:\n  b:\n    - c\n\n# comment\nd: 1\n"
    node = root(text).get("a")
    assert isinstance(node, MappingNode)
    assert text[node.start : node.end] == "b:\n    - c"


def test_lookups_follow_aliases_and_merge_keys() -> None:
    text = (
        "x: &x {one: 1, two: 2}\ny: &y {three: 3}\n"
        "z: {<<: [*x, *y], two: own}\nw: {<<: *x}\nv: *x\n"
    )
    mapping = root(text)
    for path, value in [
        ("z.one", "1"),
        ("z.two", "own"),
        ("z.three", "3"),
        ("w.two", "2"),
        ("v.one", "1"),
    ]:
        outer, inner = path.split(".")
        node = mapping.get(outer)
        assert isinstance(node, MappingNode)
        found = node.get(inner)
        assert isinstance(found, ScalarNode)
        assert found.value == value
    assert mapping.get("nothing") is None
    alias = tuple(mapping.entries)[-1].value
    assert isinstance(alias, AliasNode)
    assert text[alias.start : alias.end] == "*x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: *c\n", "test, line 2, column 4: an alias (*) has no anchor before it"),
        ("a: &a [*a]\n", "an alias (*) has no anchor before it"),
        ("? [x]\n: 1\n", "line 1, column 3: a key is a mapping or a list"),
        ("a: {x: 1, x: 2}\n", "line 1, column 11: duplicate key 'x'"),
        ("a: \x07\n", "line 1, column 4: the character U+0007 is not allowed"),
        ("é: \x07\n", "line 1, column 4: the character U+0007 is not allowed"),
        ("a: [\n", "not valid YAML"),
        ("a:\n\t- b\n", "line 2, column 1: a tab where YAML requires spaces"),
        ("%TAG ! tag:x,2000:\n---\na: 1\n", "a %YAML or %TAG directive"),
        ("a: 1\n...\nb: 2\n", "did not find expected <document start>"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text, "test")
    assert message in caught.value.reason


@pytest.mark.parametrize("opening", ["[", "- ", "{a: ", "? "])
def test_deep_nesting_is_an_error_and_no_crash(opening: str) -> None:
    with pytest.raises(DocumentError):
        parse(opening * 50_000, "test")
    with pytest.raises(DocumentError, match=f"deeper than {MAX_DEPTH}|not valid YAML"):
        parse("".join("  " * depth + "a:\n" for depth in range(MAX_DEPTH + 2)), "test")


def test_aliases_that_expand_hugely_are_an_error() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(DocumentError, match="aliases expand to more than"):
        parse("\n".join(lines), "test")


def test_many_nodes_without_aliases_are_no_error() -> None:
    (document,) = parse("a: [" + "x, " * 150_000 + "x]", "test")
    assert document.root is not None


@example("!\x85")
@given(st.text(alphabet="ab:- \n\t'\"{}[],#&*!|>%@`<~0\\\r\x85é", max_size=40))
def test_any_text_gives_spans_that_fit_or_a_document_error(text: str) -> None:
    try:
        documents = parse(text, "test")
    except DocumentError:
        return
    for document in documents:
        if document.root is not None:
            _check(document.root, 0, len(text))


def _check(node: Node, start: int, end: int) -> None:
    assert start <= node.start <= node.end <= end
    node = dereference(node) if not isinstance(node, AliasNode) else node
    if isinstance(node, MappingNode):
        for entry in node.entries:
            assert entry.key.end <= entry.value.end
            _check(entry.value, node.start, node.end)
    elif isinstance(node, SequenceNode):
        for item in node.items:
            _check(item, node.start, node.end)


@pytest.mark.parametrize(
    ("key", "is_merge"),
    [
        ("<<", True),
        ("! <<", True),
        ('! "<<"', True),
        ("!!merge <<", True),
        ("!!merge '<<'", True),
        ("'<<'", False),
        ("!!str <<", False),
        ("!local <<", False),
        ("!!merge x", False),
        ("!<!!merge> <<", False),
    ],
)
def test_which_keys_are_merge_keys(key: str, is_merge: bool) -> None:
    (entry,) = root(f"{key}: {{a: 1}}\n").entries
    assert entry.is_merge is is_merge


def test_an_alias_is_no_merge_key() -> None:
    with pytest.raises(DocumentError, match="line 2, column 1: an alias stands for the key <<"):
        parse("x: &m <<\n*m : {a: 1}\n", "test")


def test_the_last_anchor_of_a_name_counts_by_its_start() -> None:
    node = root("a: &x {b: &x inner}\nc: *x\n").get("c")
    assert isinstance(node, ScalarNode)
    assert node.value == "inner"


@pytest.mark.parametrize("text", ["a: &a 1\nb: &a {c: *a}\n", "a: &a 1\nb: &a [*a]\n"])
def test_an_alias_does_not_stand_for_what_it_is_in(text: str) -> None:
    with pytest.raises(DocumentError, match=r"an alias .* has no anchor before it"):
        parse(text, "test")
