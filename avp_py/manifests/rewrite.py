"""Values into their places: which value a scalar gets, and the edit of the text.

A document is edited by the spans of its scalars. The result is parsed again and compared with
the document as it was, so that an edit that would change anything else is an error, never output.
"""

import base64
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal, TypeAlias

from avp_py.errors import DocumentError, PlaceholderError
from avp_py.manifests import additions
from avp_py.manifests.additions import Addition
from avp_py.manifests.manifest import Manifest, Slot
from avp_py.manifests.placeholders import Placeholder
from avp_py.manifests.scalars import refuse_uncarried, respell
from avp_py.nodes import (
    AliasNode,
    Entry,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    parse,
    resolve,
)
from avp_py.values import Number, Value


class _Removed(Enum):
    REMOVED = "the map key goes, as its value is missing"


REMOVED: Final = _Removed.REMOVED
"""What a slot gets whose map key is to be removed."""

Filling: TypeAlias = "Value | Literal[_Removed.REMOVED]"


@dataclass(frozen=True)
class Fill:
    """A slot and what it gets."""

    slot: Slot
    value: Filling = field(repr=False)


def fill(slot: Slot, kind: str, value_of: Callable[[Placeholder], Value]) -> Value:
    """The value of a field once its placeholders are filled.

    A placeholder that is the whole field, but for white space, gives it the value with its type.
    Inside a longer string a number or boolean is written out. In a ConfigMap and inside base64
    everything is text.

    Args:
        slot: the field.
        kind: the kind of its document.
        value_of: gives each placeholder's value.

    Raises:
        PlaceholderError: a list or mapping where text is needed, or a text that would not reach
            Kubernetes as it is.
    """
    alone = slot.template.alone
    if alone is not None and (slot.template.is_whole or not isinstance(value_of(alone), str)):
        value = value_of(alone)
        if kind == "ConfigMap" or slot.encoded:
            value = _text(value, "a ConfigMap" if not slot.encoded else "base64")
    else:
        value = "".join(
            part if isinstance(part, str) else _text(value_of(part), "a longer string")
            for part in slot.template.parts
        )
    if not slot.encoded:
        refuse_uncarried(value)
    elif isinstance(value, str):
        return base64.b64encode(value.encode("utf-8", "surrogateescape")).decode("ascii")
    return value


def _text(value: Value, place: str) -> str:
    match value:
        case str():
            return value
        case Number():
            return value.text
        case bool():
            return "true" if value else "false"
    what = "a mapping" if isinstance(value, Mapping) else "a list"
    raise PlaceholderError(
        f"the value is {what}, and {place} holds text only",
        hint="pick one part of it, or store it as text",
    )


def rewrite(
    text: str, manifest: Manifest, fills: Sequence[Fill], new: Addition | None = None
) -> str:
    """The text of one document with its slots filled, and new keys added.

    Args:
        text: the text of the stream that holds the document.
        manifest: the document.
        fills: what each of its slots gets; a slot that is not named stays as it is.
        new: keys to add.

    Returns:
        The document's text; every character outside of the edits is the same.

    Raises:
        DocumentError: the edited text would not say what it should.
        PlaceholderError: a value is not valid Unicode.
    """
    edits = [
        _filling(text, each.slot.scalar, each.value) for each in fills if each.value is not REMOVED
    ]
    values: dict[int, Filling] = {id(each.slot.scalar): each.value for each in fills}
    if any(value is REMOVED for value in values.values()):
        values |= dict.fromkeys(_reappearing(manifest.root, values), REMOVED)
    removed = {each for each, value in values.items() if value is REMOVED}
    added: list[_Edit] = []
    if new is not None:
        gone = [entry for entry in _entries(manifest.root) if id(resolve(entry.value)) in removed]
        added = additions.edits(text, manifest, new, gone)
    if removed:
        cuts = _removals(text, manifest.root, removed)
        # Where new keys take the place of a mapping that would be left empty, theirs is the edit.
        cuts = [cut for cut in cuts if all(cut[:2] != edit[:2] for edit in added)]
        edits = _outside(edits, cuts)
    pieces: list[str] = []
    position = manifest.start
    for start, end, replacement in sorted([*edits, *added]):
        pieces += (text[position:start], replacement)
        position = end
    pieces.append(text[position : manifest.end])
    result = "".join(pieces)
    _verify(text, manifest, result, values, new)
    return result


def _reappearing(root: MappingNode, values: Mapping[int, Filling]) -> Iterator[int]:
    """What a merge key would bring back where the key that hides it is removed: by its `id`.

    Raises:
        DocumentError: it is written elsewhere too, where it may be wanted.
    """
    for node in _mappings(root):
        gone = {entry.key.value for entry in node.entries if _is_removed(entry, values)}
        for merge in node.entries if gone else ():
            items = merge.value.items if isinstance(merge.value, SequenceNode) else (merge.value,)
            for item in items if merge.is_merge else ():
                source = resolve(item)
                if not isinstance(source, MappingNode) or not gone & source.keys():
                    continue
                if source is not item or additions.is_aliased(root, source):
                    raise DocumentError(
                        f"a key that is removed, {min(gone & source.keys())[:80]!r}, would come "
                        "back by a merge key (<<)",
                        hint="write the mapping out",
                    )
                for entry in source.entries:
                    if entry.key.value in gone:
                        yield id(resolve(entry.value))


def _mappings(node: Node) -> Iterator[MappingNode]:
    if isinstance(node, MappingNode):
        yield node
        for entry in node.entries:
            yield from _mappings(entry.value)
    elif isinstance(node, SequenceNode):
        for item in node.items:
            yield from _mappings(item)


def _filling(text: str, scalar: ScalarNode, value: Value) -> "_Edit":
    start, end = scalar.start, scalar.end
    anchor = ""
    if scalar.tag is not None:
        # What is filled in says its type by itself; an anchor stays.
        start = additions.properties_start(text, start, 0)
        words = text[start : scalar.start].split()
        anchor = "".join(f"{each} " for each in words if each.startswith("&"))
    blank = _BLANK_LINES.match(text, end) if scalar.style is None else None
    if blank is not None and "\t" in blank[0]:
        # Behind a plain scalar a line may hold a tab and nothing else, behind quotes not.
        end = blank.end()
    return start, end, anchor + respell(scalar, text, value)


_BLANK_LINES = re.compile(r"(?:[ \t]*\r?\n[ \t]*(?=\r?\n))+")


def _entries(node: Node) -> Iterator[Entry]:
    if isinstance(node, MappingNode):
        for entry in node.entries:
            yield entry
            yield from _entries(entry.value)


_Edit: TypeAlias = tuple[int, int, str]


def _outside(edits: Sequence[_Edit], cuts: Sequence[_Edit]) -> list[_Edit]:
    """The cuts, none within another, and the edits that no cut takes away."""
    ordered = sorted(cuts)
    starts = [cut[0] for cut in ordered]

    def is_cut(edit: _Edit) -> bool:
        place = bisect_right(starts, edit[0])
        return place > 0 and edit[0] < ordered[place - 1][1]

    return [*(edit for edit in edits if not is_cut(edit)), *cuts]


def _removals(text: str, root: MappingNode, removed: set[int]) -> list[_Edit]:
    """The cuts that take out each entry whose value is one of the removed scalars."""
    cuts: list[_Edit] = []

    def visit(node: Node) -> None:
        if isinstance(node, SequenceNode):
            for item in node.items:
                visit(item)
        elif isinstance(node, MappingNode) and node.entries:
            gone = [id(resolve(entry.value)) in removed for entry in node.entries]
            if all(gone):
                cuts.append((*additions.content_span(text, node), "{}"))
                return
            for entry, is_gone in zip(node.entries, gone, strict=True):
                if not is_gone:
                    visit(entry.value)
            cuts.extend(
                _flow_cuts(text, node, gone) if node.flow else _block_cuts(text, node, gone)
            )

    visit(root)
    return cuts


def _flow_cuts(text: str, node: MappingNode, gone: Sequence[bool]) -> list[_Edit]:
    """Entries in braces: each goes with its comma, the last ones with the comma before them."""
    cuts: list[_Edit] = []
    last_kept = max(index for index, is_gone in enumerate(gone) if not is_gone)
    for index, is_gone in enumerate(gone):
        if is_gone and index < last_kept:
            start, end = (
                additions.properties_start(text, node.entries[n].key.start, node.start)
                for n in (index, index + 1)
            )
            cuts.append((start, end, ""))
    if last_kept < len(gone) - 1:
        cuts.append((node.entries[last_kept].value.end, node.entries[-1].value.end, ""))
    return cuts


def _block_cuts(text: str, node: MappingNode, gone: Sequence[bool]) -> list[_Edit]:
    """Entries on lines of their own: each goes with its lines.

    The first entry can share its line with what stands before it (`- a: 1`); then it goes up to
    the next entry, which takes its place on that line.
    """
    cuts: list[_Edit] = []
    first_kept = gone.index(False)
    start = additions.entry_start(text, node.entries[0])
    shares_line = bool(text[text.rfind("\n", 0, start) + 1 : start].strip())
    if shares_line and first_kept > 0:
        cuts.append((start, additions.entry_start(text, node.entries[first_kept]), ""))
    for index, (entry, is_gone) in enumerate(zip(node.entries, gone, strict=True)):
        if not is_gone or (shares_line and index < first_kept):
            continue
        line = text.rfind("\n", 0, entry.key.start) + 1
        end = entry.value.end
        if text[end - 1 : end] != "\n":
            newline = text.find("\n", end)
            end = newline + 1 if newline >= 0 else len(text)
        cuts.append((line, end, ""))
    return cuts


def _verify(
    text: str,
    manifest: Manifest,
    result: str,
    values: Mapping[int, Filling],
    new: Addition | None,
) -> None:
    try:
        (document,) = parse(result, manifest.label)
    except (DocumentError, ValueError):
        document = None
    root = resolve(document.root) if document is not None and document.root is not None else None
    if isinstance(root, MappingNode) and new is not None and new.values:
        root = _without_additions(manifest, root, new)
    # What follows must still begin on its own line.
    joins = text.endswith("\n", manifest.start, manifest.end) and not result.endswith("\n")
    if root is None or joins or not _Comparison(values).holds(manifest.root, root):
        raise DocumentError(
            "its text cannot be edited safely",
            hint="write the fields that hold placeholders in plain block style, without aliases",
        )


def _without_additions(manifest: Manifest, root: MappingNode, new: Addition) -> MappingNode | None:
    """The edited document without its new keys; None where it does not hold them all."""
    rest, found = additions.without(root, new)
    if found != new.values:
        return None
    before = next((each for each in manifest.root.entries if each.key.value == new.field), None)
    if before is not None and isinstance(before.value, MappingNode):
        return rest
    # The field was not there, or was null: take it as it was.
    entries = [each for each in rest.entries if each.key.value != new.field]
    if before is not None:
        entries.insert(manifest.root.entries.index(before), before)
    return rest._replace(entries=tuple(entries))


class _Comparison:
    """Whether a node is another one with the given values in the places of the given scalars."""

    def __init__(self, values: Mapping[int, Filling]) -> None:
        self._values = values
        self._places: dict[int, int] = {}
        """Where a node of the new document begins, by where it began in the old one."""

    def holds(self, old: Node, new: Node) -> bool:
        """Whether `new` is `old` with the values."""
        if isinstance(old, AliasNode) or isinstance(new, AliasNode):
            # What an alias stands for is compared at its anchor.
            return (
                isinstance(old, AliasNode)
                and isinstance(new, AliasNode)
                and self._places.get(old.target.start) == new.target.start
            )
        self._places[old.start] = new.start
        if id(old) in self._values:
            value = self._values[id(old)]
            return value is not REMOVED and _holds(new, value)
        match old, new:
            case ScalarNode(), ScalarNode():
                return (old.value, old.style, old.tag) == (new.value, new.style, new.tag)
            case SequenceNode(), SequenceNode():
                return len(old.items) == len(new.items) and all(
                    map(self.holds, old.items, new.items)
                )
            case MappingNode(), MappingNode():
                kept = [entry for entry in old.entries if not _is_removed(entry, self._values)]
                return len(kept) == len(new.entries) and all(
                    self._is_key(a.key, b.key) and self.holds(a.value, b.value)
                    for a, b in zip(kept, new.entries, strict=True)
                )
        return False

    def _is_key(self, old: ScalarNode, new: ScalarNode) -> bool:
        self._places[old.start] = new.start
        return (old.value, old.tag) == (new.value, new.tag)


def _is_removed(entry: Entry, values: Mapping[int, Filling]) -> bool:
    return values.get(id(resolve(entry.value))) is REMOVED


def _holds(node: Node, value: Value) -> bool:
    """Whether a node that was written for a value says that value."""
    match value, node:
        case str(), ScalarNode():
            return node.value == value and node.style in ('"', "|") and node.tag is None
        case ((bool() | None | Number()), ScalarNode()):
            return node.style is None and node.tag is None
        case Mapping(), MappingNode():
            return [entry.key.value for entry in node.entries] == list(value) and all(
                _holds(entry.value, value[entry.key.value]) for entry in node.entries
            )
        case Sequence(), SequenceNode():
            return len(node.items) == len(value) and all(map(_holds, node.items, value))
    return False
