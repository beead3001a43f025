"""New keys for a Secret or ConfigMap: where they go in its text."""

import dataclasses
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final

from avp_py.errors import DocumentError
from avp_py.golang.nodes import AliasNode, Entry, MappingNode, Node, ScalarNode, dereference
from avp_py.golang.yaml_text import quoted
from avp_py.manifests.manifest import Manifest
from avp_py.manifests.replacement import Edit
from avp_py.manifests.scalars import flow, refuse_unrepresentable

TARGETS: Mapping[str, str] = {"Secret": "stringData", "ConfigMap": "data"}
"""The field that takes new keys, by kind."""

_TAKEN = ("data", "stringData", "binaryData")


@dataclass(frozen=True)
class Addition:
    """Keys to add to a manifest.

    Attributes:
        root: the node of the manifest.
        item: the number of the item that it is, from 1; 0 for a document.
        field: the field of the manifest that takes them.
        values: the keys that are not there yet, with their texts, in the order of their names.
    """

    root: MappingNode
    item: int
    field: str
    values: Mapping[str, str] = dataclasses.field(repr=False)

    @property
    def place(self) -> str:
        """The path of the field in its document."""
        return f"items[{self.item - 1}].{self.field}" if self.item else self.field


def addition(manifest: Manifest, values: Mapping[str, str]) -> Addition:
    """Return the keys of a secret that a manifest does not name itself.

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
    refuse_unrepresentable(wanted)
    return Addition(manifest.root, manifest.item, TARGETS[manifest.kind], wanted)


def edits(text: str, targets: Set[Node], new: Addition, removed: Set[Node]) -> list[Edit]:
    """Return the edits that write the new keys.

    Args:
        text: the text of the stream.
        targets: what aliases of the document stand for.
        new: what to add.
        removed: the keys and values whose entries other edits remove.

    Raises:
        DocumentError: the field is an alias or has one, comes from a merge key, or is neither a
            mapping nor empty.
    """
    if not new.values:
        return []
    root = new.root
    entry = _field_of(root, new)
    if root.get(new.field) != (None if entry is None else dereference(entry.value)):
        raise DocumentError(
            f"{new.place} comes from a merge key (<<), so no keys can be added",
            hint="write the mapping out",
        )
    if (root if entry is None else entry.value) in targets:
        raise DocumentError(
            f"{new.place} is written a second time by an alias (*), which would get the keys too",
            hint="write the two out",
        )
    if entry is None:
        if root.flow:
            return [_into(text, root, f"{quoted(new.field)}: {flow(new.values)}")]
        at = text.index("\n", root.end - 1)
        return [(at + 1, at + 1, _field(new, _indent(text, root), _line_break(text, at)))]
    target = entry.value
    if isinstance(target, MappingNode):
        if all(is_removed(each, removed) for each in target.entries):
            return [(*content_span(text, target), flow(new.values))]
        if target.flow:
            return [_into(text, target, flow(new.values)[1:-1])]
        at = _line(text, target)
        return [(at, at, _lines(new.values, _indent(text, target), _line_break(text, at)))]
    if isinstance(target, ScalarNode) and target.is_null:
        return [(target.start, target.end, f" {flow(new.values)}")]
    what = "an alias" if isinstance(target, AliasNode) else "not a mapping"
    raise DocumentError(f"{new.place} is {what}, so no keys can be added", hint="write it out")


def is_removed(entry: Entry, removed: Set[Node]) -> bool:
    """Return whether an entry is removed: its key is among the nodes, or its value is."""
    return entry.key in removed or dereference(entry.value) in removed


def _field_of(root: MappingNode, new: Addition) -> Entry | None:
    """Return the entry that takes the new keys: of several, the last one counts."""
    return next((each for each in root.effective if each.key.value == new.field), None)


def content_span(text: str, mapping: MappingNode) -> tuple[int, int]:
    """Return the span of all entries of a mapping, which `{…}` can replace."""
    start = brace(text, mapping) if mapping.flow else entry_start(text, _first(mapping))
    # A block scalar at its end holds the line breaks before what follows.
    return start, start + len(text[start : mapping.end].rstrip())


def brace(text: str, mapping: MappingNode) -> int:
    """Return where a mapping in flow style opens: an anchor or a tag may precede it."""
    return text.index("{", mapping.start)


def entry_start(text: str, entry: Entry) -> int:
    """Return where an entry of a block mapping begins: at its key, or at what precedes that.

    That is an anchor, a tag, or a `?`.
    """
    line = text.rfind("\n", 0, entry.key.start) + 1
    start = properties_start(text, entry.key.start, line)
    before = text[line:start].rstrip(" ")
    is_indicator = before.endswith("?") and before[-2:-1] in ("", " ")
    return text.rfind("?", 0, start) if is_indicator else start


def properties_start(text: str, start: int, first: int) -> int:
    """Return where the anchor and tag before a node begin, or where the node itself does.

    Args:
        text: the text of the stream.
        start: where the node begins.
        first: where to begin to look; no further back than MAX_PROPERTIES.
    """
    first = max(first, start - MAX_PROPERTIES)
    found = start
    end = len(text[first:start].rstrip()) + first
    while first < end < found:
        # The last word before what was found, which may follow on a bracket, comma or colon.
        word = (
            next((at for at in range(end - 1, first - 1, -1) if text[at].isspace()), first - 1) + 1
        )
        begin = next((at for at in range(word, end) if _is_property(text, at)), -1)
        if begin < 0:
            break
        found = begin
        end = len(text[first:word].rstrip()) + first if begin == word else first
    return found


MAX_PROPERTIES: Final = 512
"""How far before a node its tag and anchor are looked for; a line may hold very many."""


def _is_property(text: str, at: int) -> bool:
    before = text[at - 1 : at]
    return text[at] in "&!" and (before.isspace() or before in "[{,:")


def find(root: MappingNode, new: Addition) -> Set[Node] | None:
    """Return the keys in which an edited manifest differs from the old one by its new keys only.

    Args:
        root: the node of the edited one.
        new: the keys that were added to the old one.

    Returns:
        Keys of both that are not to be compared; None where the new keys are not all there.
    """
    before = _field_of(new.root, new)
    is_longer = before is not None and isinstance(before.value, MappingNode)
    # Where the field was not there, or was null, it is new as a whole.
    ignored: set[Node] = set() if before is None or is_longer else {before.key}
    found: dict[str, str] = {}
    entry = _field_of(root, new)
    if entry is not None:
        if not is_longer:
            ignored.add(entry.key)
        value = dereference(entry.value)
        for each in value.effective if isinstance(value, MappingNode) else ():
            if each.key.value in new.values and isinstance(each.value, ScalarNode):
                found[each.key.value] = each.value.value
                ignored.add(each.key)
    return ignored if found == new.values else None


def _field(new: Addition, indent: str, line_break: str) -> str:
    lines = _lines(new.values, f"{indent}  ", line_break)
    return f"{indent}{new.field}:{line_break}{lines}"


def _lines(values: Mapping[str, str], indent: str, line_break: str) -> str:
    return "".join(
        f"{indent}{quoted(key)}: {quoted(value)}{line_break}" for key, value in values.items()
    )


def _line(text: str, mapping: MappingNode) -> int:
    """Return where the first line of a block mapping begins."""
    return text.rfind("\n", 0, _first(mapping).key.start) + 1


def _indent(text: str, mapping: MappingNode) -> str:
    """Return the spaces before each entry of a block mapping; the first may be after a dash."""
    return " " * (entry_start(text, _first(mapping)) - _line(text, mapping))


def _first(mapping: MappingNode) -> Entry:
    return next(iter(mapping.entries))


def _line_break(text: str, at: int) -> str:
    """Return the line break of the line that a place is in."""
    newline = text.find("\n", at)
    return "\r\n" if newline > 0 and text[newline - 1] == "\r" else "\n"


def _into(text: str, mapping: MappingNode, pairs: str) -> Edit:
    """After the opening brace: the last entry may have a comma after it, or not."""
    at = brace(text, mapping) + 1
    return at, at, f"{pairs}, "
