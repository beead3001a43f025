"""The nodes of a YAML text, which know where in the text they are.

Each is a view of a row of Columns, which lasts as long as it is used.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from avp_py.golang.columns import (
    ALIKE,
    FLOW_MAPPING,
    FLOW_SEQUENCE,
    MERGED,
    OVERRIDDEN,
    STYLES,
    Columns,
)
from avp_py.golang.words import NULLS

MAX_DEPTH = 200
"""How deep collections may nest. Kubernetes' own CRDs, the deepest manifests in use, reach 60."""

BINARY = "tag:yaml.org,2002:binary"
"""The tag of a scalar that is written in base64."""

MERGE = "tag:yaml.org,2002:merge"
"""The tag of a merge key, which needs none where it has no quotes."""

_Child = TypeVar("_Child")


class Children(Generic[_Child]):
    """What is directly in a collection; it can be iterated over any number of times.

    It has no index, as each child would have to be searched for: make a tuple where one is needed.
    """

    __slots__ = ("_columns", "_read", "_row")

    def __init__(
        self, read: Callable[[Columns, int], Iterator[_Child]], columns: Columns, row: int
    ) -> None:
        self._read = read
        self._columns = columns
        self._row = row

    def __iter__(self) -> Iterator[_Child]:
        return self._read(self._columns, self._row)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return any(True for _ in self)


class _View(NamedTuple):
    """A node.

    Attributes:
        columns: the nodes of its text.
        row: its number among them, by which it is known.
    """

    columns: Columns
    row: int

    @property
    def start(self) -> int:
        """Where it begins, in characters: a scalar after its anchor or tag, a collection at it."""
        return self.columns.starts[self.row]

    @property
    def end(self) -> int:
        """Where it ends.

        A block scalar ends at the start of the next line, a block collection with its last value.
        """
        return self.columns.ends[self.row]


class _Collection(_View):
    """A mapping or a sequence."""

    __slots__ = ()

    @property
    def flow(self) -> bool:
        """Whether it is written in braces or brackets."""
        return self.columns.kinds[self.row] in (FLOW_MAPPING, FLOW_SEQUENCE)


class ScalarNode(_View):
    """A scalar."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """The text that it stands for, with quotes, escapes and indentation undone."""
        return self.columns.value(self.row)

    @property
    def style(self) -> str | None:
        """None for a plain scalar, else one of `'`, `"`, `|`, `>`."""
        return STYLES[self.columns.kinds[self.row]]

    @property
    def tag(self) -> str | None:
        """An explicit tag, or None."""
        return self.columns.tags.get(self.row)

    @property
    def is_null(self) -> bool:
        """Whether a YAML reader reads it as null (YAML 1.1 and 1.2 agree on these forms)."""
        return self.style is None and self.tag is None and self.value in NULLS


class Entry(NamedTuple):
    """A key of a mapping with its value."""

    key: ScalarNode
    value: "Node"

    @property
    def name(self) -> str:
        """The name of the key to Kubernetes: `true` for `on`, `1` for `0x1`."""
        return self.key.columns.name(self.key.row)

    @property
    def is_string(self) -> bool:
        """Whether the key is a string to yaml.v2. Equal keys are of one type."""
        return self.key.row not in self.key.columns.names

    @property
    def is_overridden(self) -> bool:
        """Whether an equal key later in the mapping overrides it, with whatever value."""
        return self.key.columns.repeat(self.key.row) in (ALIKE, OVERRIDDEN)

    @property
    def is_repeated(self) -> bool:
        """Whether an equal key with another value comes later in the mapping."""
        return self.key.columns.repeat(self.key.row) in (OVERRIDDEN, MERGED)

    @property
    def is_used_elsewhere(self) -> bool:
        """Whether an alias stands for its value, or for a part of it."""
        columns, row = self.value.columns, self.value.row
        return columns.has_target(row, columns.after(row))

    @property
    def is_merge(self) -> bool:
        """Whether yaml.v2 reads the key as a merge key, `<<`."""
        return is_merge(self.key)

    def sources(self) -> "Iterator[MappingNode]":
        """Yield the mappings that a merge key brings in; the first one that has a key counts."""
        if self.is_merge:
            merged = dereference(self.value)
            for item in merged.items if isinstance(merged, SequenceNode) else (merged,):
                source = dereference(item)
                if isinstance(source, MappingNode):
                    yield source


class MappingNode(_Collection):
    """A mapping."""

    __slots__ = ()

    @property
    def entries(self) -> Children[Entry]:
        """Its entries, in the order of the text; those that a later one overrides, too."""
        return Children(_entries, self.columns, self.row)

    @property
    def effective(self) -> Iterable[Entry]:
        """Its entries without those that a later one with an equal key overrides."""
        if not self.columns.repeats:
            return self.entries
        return (entry for entry in self.entries if not entry.is_overridden)

    def get(self, key: str) -> "Node | None":
        """Return the node under `key`, aliases followed and merge keys (`<<`) honoured, or None.

        Of equal keys, and of a key and a merge key that brings it in too, the last one counts, as
        for yaml.v2.
        """
        return self._find(key, set())

    def _find(self, key: str, searched: "set[MappingNode]") -> "Node | None":
        """Do what `get` does; a mapping that has no such key is not searched twice."""
        if self in searched:
            return None
        columns = self.columns
        found = 0
        merges: list[Entry] = []
        for row, name in columns.keys(self.row):
            if name == "<<" and (entry := entry_at(columns, row)).is_merge:
                merges.append(entry)
            elif name == key:
                found = row + 1
                merges.clear()
        for merge in reversed(merges):
            for source in merge.sources():
                merged = source._find(key, searched)
                if merged is not None:
                    return merged
        searched.add(self)
        return dereference(node_at(columns, found)) if found else None

    def keys(self, *, strings: bool = False) -> set[str]:
        """Return the names of all keys, including those that merge keys bring in.

        Args:
            strings: whether to leave out those that are not strings to yaml.v2.
        """
        found: set[str] = set()
        waiting = [self]
        seen = {self}
        while waiting:
            columns, row = waiting.pop()
            for key, name in columns.keys(row):
                if not strings or key not in columns.names:
                    found.add(name)
                if name == "<<":
                    sources = set(entry_at(columns, key).sources()) - seen
                    waiting += sources
                    seen |= sources
        return found


class SequenceNode(_Collection):
    """A sequence."""

    __slots__ = ()

    @property
    def items(self) -> "Children[Node]":
        """Its items, in the order of the text."""
        return Children(_items, self.columns, self.row)


class AliasNode(_View):
    """An alias, as `*base`."""

    __slots__ = ()

    @property
    def target(self) -> "Node":
        """The node that it stands for."""
        return node_at(self.columns, self.columns.links[self.row])


Node: TypeAlias = ScalarNode | MappingNode | SequenceNode | AliasNode

_VIEWS: Sequence[Callable[[Columns, int], Node]] = (
    *[ScalarNode] * len(STYLES),
    AliasNode,
    *[MappingNode] * 2,
    *[SequenceNode] * 2,
)
"""The view of a row, by what it is."""


def node_at(columns: Columns, row: int) -> Node:
    """Return the view of a row."""
    return _VIEWS[columns.kinds[row]](columns, row)


def entry_at(columns: Columns, row: int) -> Entry:
    """Return the entry of the key in a row."""
    return Entry(ScalarNode(columns, row), node_at(columns, row + 1))


def _items(columns: Columns, row: int) -> Iterator[Node]:
    views, kinds = _VIEWS, columns.kinds
    for child in columns.children(row):
        yield views[kinds[child]](columns, child)


def _entries(columns: Columns, row: int) -> Iterator[Entry]:
    key, end = row + 1, columns.links[row]
    while key < end:
        yield entry_at(columns, key)
        key = columns.after(key + 1)


def dereference(node: Node) -> "ScalarNode | MappingNode | SequenceNode":
    """Return the node itself, or the one that an alias stands for."""
    while isinstance(node, AliasNode):
        node = node.target
    return node


def is_merge(key: ScalarNode) -> bool:
    """Return whether yaml.v2 reads a key as a merge key (isMerge in its decode.go, v2.4.0).

    To libyaml, the tag `!` makes a quoted scalar one whose text decides.
    """
    if key.value != "<<":
        return False
    tag = key.tag
    return key.style is None if tag is None else tag in ("!", MERGE)


def has_comma_after_tag(scalar: ScalarNode) -> bool:
    """Return whether a scalar is empty and its tag goes on after a comma to yaml.v2.

    libyaml ends the tag before the comma since 0.2.5 (scan_tag_uri in its scanner.c).
    """
    text, end = scalar.columns.text, scalar.end
    if scalar.tag is None or scalar.start < end or not text.startswith(",", end):
        return False
    # The last word before it may be an anchor.
    start = end
    while start and not text[start - 1].isspace():
        start -= 1
    return text.find("!", start, end) >= 0
