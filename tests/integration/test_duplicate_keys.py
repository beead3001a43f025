"""Of duplicate keys the last one counts when we fill, remove and add, as it does in Argo CD."""

import json
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import hypothesis
from hypothesis import event, example, given
from hypothesis import strategies as st

from avp_py import manifests
from avp_py.errors import DocumentError, Failures, PlaceholderError
from avp_py.manifests import PREFIX, REMOVED, Field, Manifest, Placeholder, Replacement
from avp_py.values import Value
from tests.integration.reader import Reader, UnreadableError

SECRET: Mapping[str, str] = {"user": "alice", "true": "yes", "1": "one"}


class MissingError(Exception):
    """A placeholder has no value, and its key must not be removed."""


def value_of(placeholder: Placeholder) -> Value:
    try:
        return SECRET[placeholder.key]
    except KeyError:
        raise MissingError from None


def fill(manifest: Manifest, field: Field) -> Replacement:
    try:
        return Replacement(field, manifests.render_field(field, manifest.kind, value_of))
    except MissingError:
        if not manifest.annotations.remove_missing or field.parent is None:
            raise
        return Replacement(field, REMOVED)


def ours(text: str) -> str | None:
    """Return what we print for a text; None where it cannot be read or edited.

    Raises:
        MissingError: a placeholder has no value.
    """
    failures = Failures()
    stream = manifests.read_stream(text.encode(), "test", failures)
    if failures:
        return None
    changed: dict[int, str] = {}
    for begin, group in groupby(stream.manifests, lambda each: each.document):
        document, *items = group
        found = [(each, field) for each in (document, *items) for field in each.fields]
        fills = [fill(manifest, field) for manifest, field in found]
        new = [manifests.addition(each, SECRET) for each in (document, *items) if each.imports]
        try:
            changed[begin] = manifests.rewrite(stream.text, document, fills, new)
        except (DocumentError, PlaceholderError):
            return None
    return manifests.assemble(stream, changed)


def expected(content: Any, *, removes: bool) -> Any:
    """Return what Argo CD is expected to read, derived from what it reads in the input.

    Raises:
        MissingError: a placeholder has no value.
    """
    if isinstance(content, list):
        # What is below a list in a list is not filled.
        return [
            each if isinstance(each, list) else expected(each, removes=removes) for each in content
        ]
    if isinstance(content, dict):
        found = {}
        for key, each in content.items():
            if each == "<ABSENT>" and removes:
                continue
            found[key] = expected(each, removes=removes)
        return found
    if content == "<ABSENT>":
        raise MissingError
    return SECRET["user"] if content == "<user>" else content


def flow(pairs: list[tuple[str, str]]) -> str:
    return f"{{{', '.join(f'{key}: {value}' for key, value in pairs)}}}"


def block(pairs: list[tuple[str, str]]) -> str:
    return "".join(f"  {key}: {value}\n" for key, value in pairs)


KEYS = st.sampled_from(
    ("a", "a", "b", "'a'", '"\\x61"', "!!str b", "on", "On", "TRUE", "1", "0x1", "!!int '1'", "*k ")
)
"""No strings that have the name of a boolean or a number: of those, Go takes either."""

SCALARS = st.sampled_from(
    (
        "<user>", "<user>", "<ABSENT>", "'<user>'", "1", "text", "~", "&x <user>",
        "*y", "*m", "*l", "*x", "*q",
    )
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(KEYS, inner), max_size=4).map(flow)
        | st.lists(st.tuples(st.just("<<"), inner), max_size=2).map(flow)
    ),
    max_leaves=5,
)


MERGES = st.sampled_from(
    (
        "*m", "{a: 1}", "{a: <user>, b: <ABSENT>}", "[{a: 1}, *m]", "{<<: *m}",
        "&q {a: <user>, b: 1}", "&q [{a: 1}, {a: <user>}]",
    )
)  # fmt: skip
ENTRIES = st.lists(
    st.tuples(KEYS, VALUES) | st.tuples(st.just("<<"), MERGES), min_size=1, max_size=5
)
ANCHORS = "x: &k a\nv: &y <user>\nz: &m {a: <user>, c: <user>}\nw: &l [<user>]\n"
EXTRAS = st.lists(st.sampled_from(("remove-missing: 'true'", "import: kv/x")), max_size=2)


def document(fields: str, extras: list[str]) -> str:
    annotations = "".join(f"    {PREFIX}{each}\n" for each in ("path: kv/x", *extras))
    return f"kind: ConfigMap\nmetadata:\n  annotations:\n{annotations}{ANCHORS}{fields}"


def agree(reader: Reader, text: str, *, imports: bool, removes: bool) -> str:
    """Check that Argo CD reads what is expected, if we print anything; return the outcome."""
    try:
        before = reader.read(text)[0].content
    except UnreadableError:
        return "unreadable"
    try:
        output = ours(text)
    except MissingError:
        # Where it has an anchor, one that does not count is filled, too.
        return "missing"
    if output is None:
        return "refused"
    wanted = expected(before, removes=removes)
    if imports:
        # A removed key is in the document too, so an import does not add it.
        named = before.get("data") or {}
        added = {key: value for key, value in SECRET.items() if key not in named}
        wanted["data"] = added | (wanted.get("data") or {})
    found = reader.read(output)[0].content
    assert json.dumps(found, sort_keys=True) == json.dumps(wanted, sort_keys=True), output
    return "equal"


FIELDS = st.builds(
    lambda pairs, is_flow: f"data: {flow(pairs)}\n" if is_flow else f"data:\n{block(pairs)}",
    ENTRIES,
    st.booleans(),
)


@hypothesis.settings(max_examples=2000)
@given(st.lists(FIELDS, min_size=1, max_size=2).map("".join), EXTRAS)
@example("data:\n  a: 1\n  b: <user>\n  a: <ABSENT>\n", ["remove-missing: 'true'"])
@example("data: {a: <user>, a: <ABSENT>, on: 1, On: <ABSENT>}\n", ["remove-missing: 'true'"])
@example("data: {on: 1}\n", ["import: kv/x"])
@example("data: {0x1: 1}\ndata:\n  b: 1\n", ["import: kv/x"])
@example("<<: {data: {a: 1}}\n", ["import: kv/x"])
@example("data: {a: &x <user>, a: *x}\n", [])
@example("data: {a: &x <user>, <<: {a: *x}}\n", [])
@example("data: {a: ' & <ABSENT>', a: 1}\n", [])
@example("data: {<<: &q {a: <user>}, a: 1, b: *q}\n", [])
@example("data: {<<: &q [{a: 1}, {a: <user>}], b: *q}\n", [])
def test_argo_cd_reads_what_it_shall(reader: Reader, fields: str, extras: list[str]) -> None:
    text = document(fields, extras)
    imports, removes = any("import" in each for each in extras), any("rem" in e for e in extras)
    event(agree(reader, text, imports=imports, removes=removes))
