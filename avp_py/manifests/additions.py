"""New keys for a Secret or ConfigMap: where they go in its text."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from avp_py.errors import DocumentError
from avp_py.manifests.manifest import Manifest
from avp_py.manifests.scalars import flow, quoted
from avp_py.nodes import AliasNode, Entry, MappingNode, ScalarNode, resolve

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
    """
    taken: set[str] = set()
    for name in _TAKEN:
        node = manifest.root.get(name)
        if isinstance(node, MappingNode):
            taken |= node.keys()
    wanted = {key: values[key] for key in sorted(values) if key not in taken}
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
        DocumentError: the field is an alias, or neither a mapping nor empty.
    """
    if not new.values:
        return []
    root = manifest.root
    entry = next((each for each in root.entries if each.key.value == new.field), None)
    if entry is None:
        if root.flow:
            return [_into(root, f"{quoted(new.field)}: {flow(new.values)}")]
        lines = f"{new.field}:\n{_lines(new.values, '  ')}"
        newline = text.find("\n", root.end - 1)
        if newline < 0:
            return [_above(text, root, lines)]
        return [(newline + 1, newline + 1, lines)]
    target = entry.value
    if isinstance(target, MappingNode):
        removed = {id(each.value) for each in gone}
        if all(id(each.value) in removed for each in target.entries):
            start = target.start if target.flow else target.entries[0].key.start
            return [(start, target.end, flow(new.values))]
        if target.flow:
            return [_into(target, flow(new.values)[1:-1])]
        return [_above(text, target, _lines(new.values, _indent(text, target)))]
    if isinstance(target, ScalarNode) and target.is_null:
        return [(target.start, target.end, f" {flow(new.values)}")]
    what = "an alias" if isinstance(target, AliasNode) else "no mapping"
    raise DocumentError(f"{new.field} is {what}, and cannot take keys", hint="write it out")


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


def _lines(values: Mapping[str, str], indent: str) -> str:
    return "".join(f"{indent}{quoted(key)}: {quoted(value)}\n" for key, value in values.items())


def _indent(text: str, mapping: MappingNode) -> str:
    start = mapping.entries[0].key.start
    return " " * (start - text.rfind("\n", 0, start) - 1)


def _into(mapping: MappingNode, pairs: str) -> tuple[int, int, str]:
    """Behind the opening brace: the last entry may have a comma behind it, or not."""
    at = mapping.start + 1
    return at, at, f"{pairs}, "


def _above(text: str, mapping: MappingNode, lines: str) -> tuple[int, int, str]:
    """Above the first line of a block mapping: its last line may lack a line break."""
    at = text.rfind("\n", 0, mapping.entries[0].key.start) + 1
    return at, at, lines
