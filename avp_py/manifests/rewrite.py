"""Values into their places: which value a scalar gets, and the edit of the text.

A document is edited by the spans of its scalars. The result is parsed again and compared with
the document as it was, so that an edit that would change anything else is an error, never output.
"""

import dataclasses
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest
from typing import Final, Literal, TypeAlias

from avp_py.errors import DocumentError, PlaceholderError
from avp_py.golang.documents import parse
from avp_py.golang.nodes import (
    AliasNode,
    Entry,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    dereference,
)
from avp_py.golang.walks import aliased, mappings
from avp_py.manifests import additions
from avp_py.manifests.additions import Addition
from avp_py.manifests.duplicates import read_key
from avp_py.manifests.manifest import Field, Manifest
from avp_py.manifests.packed import STANDARD
from avp_py.manifests.placeholders import Packed, Placeholder, Template
from avp_py.manifests.scalars import refuse_unrepresentable, render_scalar
from avp_py.manifests.walk import Visit, walk
from avp_py.values import Number, Value


class _Removed(Enum):
    REMOVED = "the map key goes, as its value is missing"


REMOVED: Final = _Removed.REMOVED
"""What a field gets whose map key is to be removed."""

FieldValue: TypeAlias = "Value | Literal[_Removed.REMOVED]"


@dataclass(frozen=True, slots=True)
class Replacement:
    """A field and what it gets."""

    field: Field
    value: FieldValue = dataclasses.field(repr=False)


def render_field(field: Field, kind: str, value_of: Callable[[Placeholder], Value]) -> Value:
    """Return the value of a field once its placeholders are filled.

    A placeholder that is the whole field, but for white space, gives it the value with its type.
    Inside a longer string a number or boolean is written out. In a ConfigMap and inside base64
    everything is text.

    Args:
        field: the field.
        kind: the kind of its document.
        value_of: gives each placeholder's value.

    Raises:
        PlaceholderError: a list or mapping where text is needed, or a text that would not reach
            Kubernetes as it is.
    """
    alone = field.template.alone
    if alone is not None and (field.template.is_whole or not isinstance(value_of(alone), str)):
        value = value_of(alone)
        if kind == "ConfigMap" or field.encoded:
            value = _text(value, "a ConfigMap" if not field.encoded else "base64")
    else:
        value = _joined(field.template, value_of)
    if not field.encoded:
        refuse_unrepresentable(value)
    elif isinstance(value, str):
        return STANDARD.pack(value)
    return value


def _joined(
    template: Template, value_of: Callable[[Placeholder], Value], place: str = "a longer string"
) -> str:
    parts: list[str] = []
    for part in template.parts:
        match part:
            case str():
                parts.append(part)
            case Placeholder():
                parts.append(_text(value_of(part), place))
            case Packed():
                parts.append(part.form.pack(_joined(part.template, value_of, "base64")))
    return "".join(parts)


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
    text: str, manifest: Manifest, replacements: Sequence[Replacement], new: Sequence[Addition] = ()
) -> str:
    """Return the text of one document with its fields filled, and new keys added.

    Args:
        text: the text of the stream that holds the document.
        manifest: the document.
        replacements: the values of its fields and of its items' fields; one that is not named
            stays as it is.
        new: keys to add to it, and to its items.

    Returns:
        The document's text; every character outside of the edits is the same.

    Raises:
        DocumentError: the edited text would not say what it should.
        PlaceholderError: a value is not valid Unicode.
    """
    edits = [
        _replacement(text, each.field.scalar, each.value)
        for each in replacements
        if each.value is not REMOVED
    ]
    values: dict[Node, FieldValue] = {each.field.scalar: each.value for each in replacements}
    if any(value is REMOVED for value in values.values()):
        values |= dict.fromkeys(_reappearing(manifest.root, values), REMOVED)
    removed = {each for each, value in values.items() if value is REMOVED}
    targets = aliased(manifest.root) if new else frozenset()
    added = [edit for each in new for edit in additions.edits(text, targets, each, removed)]
    if removed:
        cuts = _removals(text, manifest.root, removed)
        # Where new keys take the place of a mapping that would be left empty, theirs is the edit.
        replaced = {edit[:2] for edit in added}
        cuts = [cut for cut in cuts if cut[:2] not in replaced]
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


def _reappearing(root: MappingNode, values: Mapping[Node, FieldValue]) -> Iterator[Node]:
    """Yield the keys that would count again where the one that overrides them is removed.

    They are equal keys, beside it and in merge keys.

    Raises:
        DocumentError: one is written elsewhere too, where it may be wanted.
    """
    targets = aliased(root)
    for node in mappings(root):
        if not any(entry.is_merge or entry.is_overridden for entry in node.entries):
            continue
        found: dict[str, list[tuple[Entry, bool]]] = {}
        for entry, is_own in _applied(node, targets):
            found.setdefault(entry.name, []).append((entry, is_own))
        for name, (*others, (last, _)) in found.items():
            for entry, is_own in others if _is_removed(last, values) else ():
                if not is_own:
                    what = f"a key that is removed, {name[:80]!r}"
                    raise DocumentError(
                        f"{what}, would come back by a merge key (<<)", hint="write the mapping out"
                    )
                yield entry.key


def _applied(
    node: MappingNode, targets: Set[Node], *, is_own: bool = True
) -> Iterator[tuple[Entry, bool]]:
    """Yield the entries that make up a mapping; of equal keys, the last one counts.

    Args:
        node: the mapping.
        targets: what aliases stand for.
        is_own: whether it is written here only.

    Yields:
        Each entry, and whether it is written here only.
    """
    for entry in node.entries:
        if not entry.is_merge:
            yield entry, is_own
            continue
        items = entry.value.items if isinstance(entry.value, SequenceNode) else (entry.value,)
        for item in reversed(tuple(items)):
            source = dereference(item)
            if isinstance(source, MappingNode):
                is_here = is_own and source == item and source not in targets
                yield from _applied(source, targets, is_own=is_here)


def _replacement(text: str, scalar: ScalarNode, value: Value) -> "_Edit":
    start, end = scalar.start, scalar.end
    anchor = ""
    if scalar.tag is not None:
        # What is filled in says its type by itself; an anchor stays.
        start = additions.properties_start(text, start, 0)
        words = text[start : scalar.start].split()
        anchor = "".join(f"{each} " for each in words if each.startswith("&"))
    blank_end = _blank_end(text, end) if scalar.style is None else end
    if text.find("\t", end, blank_end) >= 0:
        # After a plain scalar a line may hold a tab and nothing else, after quotes not.
        end = blank_end
    return start, end, anchor + render_scalar(scalar, text, value)


def _blank_end(text: str, start: int) -> int:
    """Return where the last of the blank lines after a scalar ends, or where the scalar does."""
    end = position = start
    is_first = True
    while True:
        while text.startswith((" ", "\t"), position):
            position += 1
        newline = position + 1 if text.startswith("\r\n", position) else position
        if not text.startswith("\n", newline):
            return end
        if not is_first:
            end = position
        is_first = False
        position = newline + 1


_Edit: TypeAlias = tuple[int, int, str]


def _outside(edits: Sequence[_Edit], cuts: Sequence[_Edit]) -> list[_Edit]:
    """Return the cuts, none within another, and the edits that no cut takes away."""
    ordered = sorted(cuts)
    starts = [cut[0] for cut in ordered]

    def is_cut(edit: _Edit) -> bool:
        place = bisect_right(starts, edit[0])
        return place > 0 and edit[0] < ordered[place - 1][1]

    return [*(edit for edit in edits if not is_cut(edit)), *cuts]


def _removals(text: str, root: MappingNode, removed: Set[Node]) -> list[_Edit]:
    """Return the cuts that take out each entry whose key or value is removed."""
    cuts: list[_Edit] = []

    def is_kept(visit: Visit) -> bool:
        return visit.entry is None or not additions.is_removed(visit.entry, removed)

    for visit in walk(root, is_kept, overridden=True):
        node = visit.node
        if not isinstance(node, MappingNode) or not node.entries or not is_kept(visit):
            continue
        gone = [additions.is_removed(entry, removed) for entry in node.entries]
        if all(gone):
            cuts.append((*additions.content_span(text, node), "{}"))
        elif node.flow:
            cuts.extend(_flow_cuts(text, node, gone))
        else:
            cuts.extend(_block_cuts(text, node, gone))
    return cuts


def _flow_cuts(text: str, node: MappingNode, gone: Sequence[bool]) -> list[_Edit]:
    """Return the cuts in braces: an entry goes with its comma, the last with the one before it."""
    cuts: list[_Edit] = []
    entries = tuple(node.entries)
    last_kept = max(index for index, is_gone in enumerate(gone) if not is_gone)
    for index, is_gone in enumerate(gone):
        if is_gone and index < last_kept:
            start, end = (
                additions.properties_start(text, entries[n].key.start, node.start)
                for n in (index, index + 1)
            )
            cuts.append((start, end, ""))
    if last_kept < len(gone) - 1:
        cuts.append((entries[last_kept].value.end, entries[-1].value.end, ""))
    return cuts


def _block_cuts(text: str, node: MappingNode, gone: Sequence[bool]) -> list[_Edit]:
    """Return the cuts of entries on lines of their own: each goes with its lines.

    The first entry can share its line with what precedes it (`- a: 1`); then it goes up to
    the next entry, which takes its place on that line.
    """
    cuts: list[_Edit] = []
    entries = tuple(node.entries)
    first_kept = gone.index(False)
    start = additions.entry_start(text, entries[0])
    shares_line = bool(text[text.rfind("\n", 0, start) + 1 : start].strip())
    if shares_line and first_kept > 0:
        cuts.append((start, additions.entry_start(text, entries[first_kept]), ""))
    for index, (entry, is_gone) in enumerate(zip(entries, gone, strict=True)):
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
    values: Mapping[Node, FieldValue],
    new: Sequence[Addition],
) -> None:
    try:
        (document,) = parse(result, manifest.label, read_key)
    except (DocumentError, ValueError):
        document = None
    root = None if document is None else document.root
    ignored = _new_keys(root, new)
    # What follows must still begin on its own line.
    joins = text.endswith("\n", manifest.start, manifest.end) and not result.endswith("\n")
    if (
        root is None
        or joins
        or ignored is None
        or not _Comparison(manifest.root, values, ignored).holds(manifest.root, root)
    ):
        raise DocumentError(
            "its text cannot be edited safely",
            hint="write the fields that hold placeholders in plain block style, without aliases",
        )


def _new_keys(root: Node | None, new: Sequence[Addition]) -> Set[Node] | None:
    """Return the keys by which an edited document differs; None if a new one is missing."""
    ignored: set[Node] = set()
    items = root.get("items") if isinstance(root, MappingNode) else None
    roots = [root, *(map(dereference, items.items) if isinstance(items, SequenceNode) else ())]
    for each in new:
        edited = roots[each.item] if each.item < len(roots) else None
        keys = additions.find(edited, each) if isinstance(edited, MappingNode) else None
        if keys is None:
            return None
        ignored |= keys
    return ignored


class _Comparison:
    """Whether a node is another one with the given values in the places of the given scalars."""

    def __init__(
        self, root: MappingNode, values: Mapping[Node, FieldValue], ignored: Set[Node]
    ) -> None:
        """Begin a comparison.

        Args:
            root: the old document.
            values: what replaces its scalars.
            ignored: keys of the old or the new document that are not compared.
        """
        self._values = values
        self._ignored = ignored
        self._targets = aliased(root)
        self._places: dict[Node, Node] = {}
        """What the new document has instead of what aliases stand for in the old one."""

    def holds(self, old: Node | None, new: Node | None) -> bool:
        """Return whether `new` is `old` with the values; None is nothing, which nothing is like."""
        if old is None or new is None:
            return False
        if isinstance(old, AliasNode) or isinstance(new, AliasNode):
            # What an alias stands for is compared at its anchor.
            return (
                isinstance(old, AliasNode)
                and isinstance(new, AliasNode)
                and self._places.get(old.target) == new.target
            )
        if old in self._targets:
            self._places[old] = new
        if old in self._values:
            value = self._values[old]
            return value is not REMOVED and _holds(new, value)
        match old, new:
            case ScalarNode(), ScalarNode():
                return (old.value, old.style, old.tag) == (new.value, new.style, new.tag)
            case SequenceNode(), SequenceNode():
                return all(self.holds(a, b) for a, b in zip_longest(old.items, new.items))
            case MappingNode(), MappingNode():
                return all(
                    a is not None
                    and b is not None
                    and a.is_overridden == b.is_overridden
                    and self._is_key(a.key, b.key)
                    and self.holds(a.value, b.value)
                    for a, b in zip_longest(self._kept(old), self._kept(new))
                )
        return False

    def _kept(self, mapping: MappingNode) -> Iterator[Entry]:
        for entry in mapping.entries:
            if entry.key not in self._ignored and not _is_removed(entry, self._values):
                yield entry

    def _is_key(self, old: ScalarNode, new: ScalarNode) -> bool:
        if old in self._targets:
            self._places[old] = new
        return (old.value, old.tag) == (new.value, new.tag)


def _is_removed(entry: Entry, values: Mapping[Node, FieldValue]) -> bool:
    return REMOVED in (values.get(entry.key), values.get(dereference(entry.value)))


def _holds(node: Node, value: Value) -> bool:
    """Return whether a node that was written for a value says that value."""
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
