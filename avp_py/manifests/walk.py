"""The walk over the nodes of a document, and the places of the nodes."""

import json
from collections.abc import Callable, Iterator, Set
from typing import Final, NamedTuple

from avp_py.golang.nodes import Entry, MappingNode, Node, SequenceNode, dereference
from avp_py.golang.walks import is_target

LONGEST_KEY: Final = 80
"""How much of a key the path of a field shows, in characters."""

LONGEST_FIELD: Final = 1000
"""How much of the path of a field is shown, in characters."""


class Place(NamedTuple):
    """Where a node is in a document; it is written out where somebody reads it.

    Keys may be long, and very many fields be below one.

    Attributes:
        parent: the place of the collection; None for the document.
        part: the key in it, or the number of the item.
    """

    parent: "Place | None"
    part: str | int

    def __str__(self) -> str:
        """The path of the field, as `data.url` or `spec.args[0]`."""
        parts: list[str | int] = []
        place: Place | None = self
        while place is not None:
            parts.append(place.part)
            place = place.parent
        path = ""
        for part in reversed(parts):
            if isinstance(part, int):
                path += f"[{part}]"
                continue
            key = part if len(part) <= LONGEST_KEY else f"{part[:LONGEST_KEY]}…"
            # Letters, digits, `_` and `-` need no quotes.
            if key.replace("-", "_").replace("_", "a").isalnum():
                path += f".{key}" if path else key
            else:
                path += f"[{json.dumps(key, ensure_ascii=False)}]"
        return path if len(path) <= LONGEST_FIELD else f"{path[:LONGEST_FIELD]}…"


class Visit(NamedTuple):
    """A node that a walk comes to.

    Attributes:
        place: where it is; None for the root.
        parent: the collection that it is in; None for the root.
        entry: the entry that it is the key or the value of; None for the root and for an item.
        node: the node.
        depth: how many collections it is in.
        hidden: those of its keys that another mapping overrides.
    """

    place: Place | None
    parent: MappingNode | SequenceNode | None
    entry: Entry | None
    node: Node
    depth: int
    hidden: Set[str] = frozenset()

    @property
    def is_key(self) -> bool:
        """Whether the node is a key."""
        return self.entry is not None and self.node == self.entry.key


_COLLECTIONS: Final = (MappingNode, SequenceNode)


def walk(
    root: Node,
    is_entered: Callable[[Visit], bool] = lambda _: True,
    *,
    keys: bool = False,
    overridden: bool = False,
) -> Iterator[Visit]:
    """Visit a node and all below it, each before what is in it, in the order of the text.

    Aliases are not followed: what one stands for is visited at its anchor.

    Args:
        root: the node.
        is_entered: returns whether what is in a collection is visited.
        keys: whether keys are visited, too.
        overridden: whether entries are visited as they are written. Otherwise only those are that
            yaml.v2 reads, and the mappings of a merge key in its place.
    """
    first = Visit(None, None, None, root, 0)
    yield first
    children = _written if overridden else _read
    stack = [children(first, keys)] if is_entered(first) else []
    while stack:
        visit = next(stack[-1], None)
        if visit is None:
            stack.pop()
            continue
        yield visit
        if isinstance(visit.node, _COLLECTIONS) and is_entered(visit):
            stack.append(children(visit, keys))


def _written(visit: Visit, keys: bool) -> Iterator[Visit]:
    """Yield what is directly in a node, as it is written."""
    node, place, depth = visit.node, visit.place, visit.depth + 1
    if isinstance(node, SequenceNode):
        for index, item in enumerate(node.items):
            yield Visit(Place(place, index), node, None, item, depth)
    elif isinstance(node, MappingNode):
        for entry in node.entries:
            yield from _entry(visit, node, entry, keys)


def _read(visit: Visit, keys: bool) -> Iterator[Visit]:
    """Yield what is directly in a node, as yaml.v2 reads it."""
    node, depth = visit.node, visit.depth + 1
    if not isinstance(node, MappingNode):
        yield from _written(visit, keys)
        return
    for entry, hidden in _read_entries(node, visit.hidden):
        if not (node.columns.merges and entry.is_merge):
            yield from _entry(visit, node, entry, keys)
            continue
        below = Place(visit.place, entry.key.value)
        for source, more in _read_merged(entry, hidden):
            yield Visit(below, node, entry, source, depth, more)


def _entry(
    visit: Visit, parent: MappingNode, entry: Entry, keys: bool
) -> tuple[Visit] | tuple[Visit, Visit]:
    below = Place(visit.place, entry.key.value)
    depth = visit.depth + 1
    value = Visit(below, parent, entry, entry.value, depth)
    return (Visit(below, parent, entry, entry.key, depth), value) if keys else (value,)


def _read_entries(
    mapping: MappingNode, hidden: Set[str] = frozenset()
) -> Iterator[tuple[Entry, Set[str]]]:
    """Yield the effective entries of a mapping; a merge key with the keys that others override.

    Of equal keys, and of a key and a merge key that brings it in too, the last one counts, as for
    yaml.v2, and nobody sees the others, but where an alias stands for one. A key that is not
    a string counts wherever merge keys are: not every key of its name is equal to it.

    Args:
        mapping: the mapping.
        hidden: those of its keys that another mapping overrides.
    """
    entries = mapping.entries
    if not (hidden or mapping.columns.merges or mapping.columns.repeats):
        yield from ((entry, hidden) for entry in entries)
        return
    latest: dict[str, int] = {}
    """Where each key comes last, if there is a merge key."""
    for number, entry in enumerate(entries if any(each.is_merge for each in entries) else ()):
        latest.update(dict.fromkeys(_strings(entry), number))
    for number, entry in enumerate(entries):
        if entry.is_merge:
            yield entry, {key for key in _strings(entry) if key in hidden or latest[key] > number}
            continue
        is_hidden = entry.name in hidden or latest.get(entry.name, number) > number
        is_read = not (entry.is_overridden or (is_hidden and entry.is_string))
        if is_read or entry.is_used_elsewhere:
            yield entry, frozenset()


def _strings(entry: Entry) -> Set[str]:
    """Return the keys that an entry stands for and that are strings."""
    if entry.is_merge:
        return frozenset().union(*(source.keys(strings=True) for source in entry.sources()))
    return frozenset((entry.name,) if entry.is_string else ())


def _read_merged(merge: Entry, hidden: Set[str]) -> Iterator[tuple[MappingNode, Set[str]]]:
    """Yield the mappings that are written in a merge key, with their keys that others override.

    In one that an alias stands for, all keys are effective.
    """
    items = merge.value.items if isinstance(merge.value, SequenceNode) else (merge.value,)
    found = set(hidden)
    for item in items:
        source = dereference(item)
        keys = source.keys(strings=True) if isinstance(source, MappingNode) else set()
        if isinstance(item, MappingNode):
            is_shared = is_target(item) or is_target(merge.value)
            yield item, frozenset() if is_shared else found & keys
        found |= keys
