"""New keys for a Secret or ConfigMap: where they go in its text."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from avp_py.errors import DocumentError
from avp_py.manifests.manifest import Manifest
from avp_py.manifests.scalars import flow, quoted, refuse_uncarried
from avp_py.nodes import AliasNode, Entry, MappingNode, Node, ScalarNode, SequenceNode, resolve

TARGETS: Mapping[str, str] = {"Secret": "stringData", "ConfigMap": "data"}
"""The field that takes new keys, by kind."""

_TAKEN = ("data", "stringData", "binaryData")


@dataclass(frozen=True)
class Addition:
    """Keys to add to a document.

    Attributes:
        field: the field of the document that takes them.
        values: the keys that are not there yet, with their texts, in the order of their names.
    """

    field: str
    values: Mapping[str, str] = dataclasses.field(repr=False)


def addition(manifest: Manifest, values: Mapping[str, str]) -> Addition:
    """The keys of a secret that a document does not name itself.

    Args:
        manifest: a Secret or ConfigMap.
        values: the texts of all keys.

    Raises:
        PlaceholderError: a text would not reach Kubernetes as it is.
    """
    taken: set[str] = set()
    for name in _TAKEN:
        node = manifest.root.get(name)
        if isinstance(node, MappingNode):
            taken |= node.keys()
    wanted = {key: values[key] for key in sorted(values) if key not in taken}
    refuse_uncarried(wanted)
    return Addition(TARGETS[manifest.kind], wanted)


def edits(
    text: str, manifest: Manifest, new: Addition, gone: Sequence[Entry]
) -> list[tuple[int, int, str]]:
    """The edits that write the new keys: start, end, text.

    Args:
        text: the text of the stream.
        manifest: the document.
        new: what to add.
        gone: the entries of the document that other edits remove.

    Raises:
        DocumentError: the field is an alias or has one, or is neither a mapping nor empty.
    """
    if not new.values:
        return []
    root = manifest.root
    entry = next((each for each in root.entries if each.key.value == new.field), None)
    if entry is None:
        if root.flow:
            return [_into(text, root, f"{quoted(new.field)}: {flow(new.values)}")]
        newline = text.find("\n", root.end - 1)
        if newline < 0:
            at = _line(text, root)
            return [(at, at, _field(new, _line_break(text, at)))]
        return [(newline + 1, newline + 1, _field(new, _line_break(text, newline)))]
    target = entry.value
    if is_aliased(root, target):
        raise DocumentError(
            f"{new.field} is written a second time by an alias (*), which would get the keys too",
            hint="write the two out",
        )
    if isinstance(target, MappingNode):
        removed = {id(each.value) for each in gone}
        if all(id(each.value) in removed for each in target.entries):
            return [(*content_span(text, target), flow(new.values))]
        if target.flow:
            return [_into(text, target, flow(new.values)[1:-1])]
        at = _line(text, target)
        indent = " " * (entry_start(text, target.entries[0]) - at)
        return [(at, at, _lines(new.values, indent, _line_break(text, at)))]
    if isinstance(target, ScalarNode) and target.is_null:
        return [(target.start, target.end, f" {flow(new.values)}")]
    what = "an alias" if isinstance(target, AliasNode) else "no mapping"
    raise DocumentError(f"{new.field} is {what}, and cannot take keys", hint="write it out")


def content_span(text: str, mapping: MappingNode) -> tuple[int, int]:
    """Where all entries of a mapping stand, so that `{…}` can take their place."""
    start = brace(text, mapping) if mapping.flow else entry_start(text, mapping.entries[0])
    # A block scalar at its end holds the line breaks before what follows.
    return start, start + len(text[start : mapping.end].rstrip())


def brace(text: str, mapping: MappingNode) -> int:
    """Where a mapping in flow style opens: an anchor or a tag may stand before it."""
    return text.index("{", mapping.start)


def entry_start(text: str, entry: Entry) -> int:
    """Where an entry of a block mapping begins: at its key, or at what stands before that.

    That is an anchor, a tag, or a `?`.
    """
    line = text.rfind("\n", 0, entry.key.start) + 1
    start = properties_start(text, entry.key.start, line)
    before = text[line:start].rstrip(" ")
    is_indicator = before.endswith("?") and before[-2:-1] in ("", " ")
    return text.rfind("?", 0, start) if is_indicator else start


def properties_start(text: str, start: int, first: int) -> int:
    """Where the anchor and tag before a node begin, or where the node itself does.

    Args:
        text: the text of the stream.
        start: where the node begins.
        first: where to begin to look; no further back than MAX_PROPERTIES.
    """
    found = _PROPERTIES.search(text, max(first, start - MAX_PROPERTIES), start)
    return start if found is None else found.start()


MAX_PROPERTIES: Final = 512
"""How far before a node its tag and anchor are sought; a line may hold very many."""

_PROPERTIES = re.compile(r"(?:(?<!\S)|(?<=[\[{,:]))(?:[&!]\S*\s+)+$")


def without(root: MappingNode, new: Addition) -> tuple[MappingNode, Mapping[str, str]]:
    """A document as it would be without its new keys, and the keys that it holds of them.

    For the comparison after the edit: what is left must be the document as it was.
    """
    entries: list[Entry] = []
    found: dict[str, str] = {}
    for entry in root.entries:
        value = resolve(entry.value)
        if entry.key.value != new.field or not isinstance(value, MappingNode):
            entries.append(entry)
            continue
        rest = []
        for each in value.entries:
            if each.key.value in new.values and isinstance(each.value, ScalarNode):
                found[each.key.value] = each.value.value
            else:
                rest.append(each)
        entries.append(Entry(entry.key, value._replace(entries=tuple(rest))))
    return root._replace(entries=tuple(entries)), found


def is_aliased(node: Node, target: Node) -> bool:
    """Whether an alias below a node stands for the target."""
    match node:
        case AliasNode():
            return node.target is target
        case MappingNode():
            return any(is_aliased(each.value, target) for each in node.entries)
        case SequenceNode():
            return any(is_aliased(each, target) for each in node.items)
    return False


def _field(new: Addition, line_break: str) -> str:
    return f"{new.field}:{line_break}{_lines(new.values, '  ', line_break)}"


def _lines(values: Mapping[str, str], indent: str, line_break: str) -> str:
    return "".join(
        f"{indent}{quoted(key)}: {quoted(value)}{line_break}" for key, value in values.items()
    )


def _line(text: str, mapping: MappingNode) -> int:
    """Where the first line of a block mapping begins; its last one may lack a line break."""
    return text.rfind("\n", 0, mapping.entries[0].key.start) + 1


def _line_break(text: str, at: int) -> str:
    """The line break of the line that a place is in."""
    newline = text.find("\n", at)
    return "\r\n" if newline > 0 and text[newline - 1] == "\r" else "\n"


def _into(text: str, mapping: MappingNode, pairs: str) -> tuple[int, int, str]:
    """Behind the opening brace: the last entry may have a comma behind it, or not."""
    at = brace(text, mapping) + 1
    return at, at, f"{pairs}, "
