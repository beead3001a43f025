"""The cuts that take entries out of a document whose values are missing."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence, Set

from avp_py.errors import DocumentError
from avp_py.golang.nodes import Entry, MappingNode, Node, SequenceNode, dereference
from avp_py.golang.walks import aliased, mappings
from avp_py.manifests import additions
from avp_py.manifests.replacement import Edit, FieldValue, is_removed
from avp_py.manifests.walk import Visit, walk


def reappearing(root: MappingNode, values: Mapping[Node, FieldValue]) -> Iterator[Node]:
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
            for entry, is_own in others if is_removed(last, values) else ():
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


def removals(text: str, root: MappingNode, removed: Set[Node]) -> list[Edit]:
    """Return the cuts that take out each entry whose key or value is removed."""
    cuts: list[Edit] = []

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


def _flow_cuts(text: str, node: MappingNode, gone: Sequence[bool]) -> list[Edit]:
    """Return the cuts in braces: an entry goes with its comma, the last with the one before it."""
    cuts: list[Edit] = []
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


def _block_cuts(text: str, node: MappingNode, gone: Sequence[bool]) -> list[Edit]:
    """Return the cuts of entries on lines of their own: each goes with its lines.

    The first entry can share its line with what precedes it (`- a: 1`); then it goes up to
    the next entry, which takes its place on that line.
    """
    cuts: list[Edit] = []
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


def outside(edits: Sequence[Edit], cuts: Sequence[Edit]) -> list[Edit]:
    """Return the cuts, none within another, and the edits that no cut removes."""
    ordered = sorted(cuts)
    starts = [cut[0] for cut in ordered]

    def is_cut(edit: Edit) -> bool:
        place = bisect_right(starts, edit[0])
        return place > 0 and edit[0] < ordered[place - 1][1]

    return [*(edit for edit in edits if not is_cut(edit)), *cuts]
