"""The nodes of a YAML text, which know where in the text they are.

A tenant's text can hold a node in two characters. So nodes are rows of columns, of 13 bytes each;
ScalarNode and its like are views of a row, which last as long as they are used.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from avp_py.golang.lines import Lines
from avp_py.golang.words import NULLS

MAX_DEPTH = 200
"""How deep collections may nest. Kubernetes' own CRDs, the deepest manifests in use, reach 60."""

BINARY = "tag:yaml.org,2002:binary"
"""The tag of a scalar that stands in base64."""

MERGE = "tag:yaml.org,2002:merge"
"""The tag of a merge key, which needs none where it has no quotes."""

(
    PLAIN,
    _SINGLE_QUOTED,
    _DOUBLE_QUOTED,
    _LITERAL,
    _FOLDED,
    ALIAS,
    MAPPING,
    FLOW_MAPPING,
    SEQUENCE,
    FLOW_SEQUENCE,
) = range(10)
"""What a node is. The order counts: first scalars, last collections."""

_STYLES = (None, "'", '"', "|", ">")
"""The styles of scalars, by what they are."""

_SCALARS = {style or "": kind for kind, style in enumerate(_STYLES)}
"""What a scalar is, by the style that the parser tells."""

ALIKE, OVERRIDDEN, MERGED = 1, 2, 3
"""What an equal key later in the mapping makes of a key: it overrides one whose value is written
alike, or another one, or, as a merge key (`<<`), adds to it."""


class Columns:
    """The nodes of a text in the order in which they begin, each a row.

    Attributes:
        text: the text.
        kinds: what each is.
        starts: where each begins.
        ends: where each ends.
        links: of a scalar, 0 where its text says its value as it is, else the place of its value in
            `values`, from 1; of an alias, the row that it stands for; of a collection, the row
            behind all that is in it.
        values: the values of scalars that their texts do not say as they are.
        tags: the tags of those that have one.
        names: the names to Kubernetes of keys that are not strings to yaml.v2.
        repeats: what an equal key makes of a key, by its row; no longer than there are such keys.
        merges: whether there is a merge key.
    """

    __slots__ = (
        "_targets", "ends", "kinds", "links", "merges", "names",
        "repeats", "starts", "tags", "text", "values",
    )  # fmt: skip

    def __init__(self, text: str) -> None:
        self.text = text
        self.kinds = bytearray()
        self.starts = array("I")
        self.ends = array("I")
        self.links = array("I")
        self.values: list[str] = []
        self.tags: dict[int, str] = {}
        self.names: dict[int, str] = {}
        self.repeats = bytearray()
        self.merges = False
        self._targets: Sequence[int] | None = None

    def add(self, kind: int, start: int, end: int, link: int) -> int:
        """Adds a row and returns its number."""
        self.kinds.append(kind)
        self.starts.append(start)
        self.ends.append(end)
        self.links.append(link)
        return len(self.kinds) - 1

    def add_scalar(self, event: Any) -> int:
        """Adds the scalar of an event."""
        text, value = self.text, event.value
        start, end = event.start_mark.index, event.end_mark.index
        if text.startswith(("&", "!"), start):
            # The event's span begins at an anchor or a tag, and no scalar begins with either.
            start = _skip_properties(text, start, end)
        kind = _SCALARS[event.style]
        link = 0
        if kind > _DOUBLE_QUOTED or value != (
            text[start + 1 : end - 1] if kind else text[start:end]
        ):
            self.values.append(value)
            link = len(self.values)
        if event.tag is not None:
            self.tags[len(self.kinds)] = sys.intern(event.tag)
        return self.add(kind, start, end, link)

    def make_scalar(self, row: int) -> None:
        """Puts the scalar that an alias stands for in its place, where the alias is."""
        target = self.links[row]
        self.kinds[row] = self.kinds[target]
        self.values.append(self.value(target))
        self.links[row] = len(self.values)
        if target in self.tags:
            self.tags[row] = self.tags[target]

    def value(self, row: int) -> str:
        """The value of a scalar."""
        link = self.links[row]
        if link:
            return self.values[link - 1]
        if self.kinds[row]:
            return self.text[self.starts[row] + 1 : self.ends[row] - 1]
        return self.text[self.starts[row] : self.ends[row]]

    def has_target(self, row: int, end: int) -> bool:
        """Whether an alias stands for one of some rows."""
        if self._targets is None:
            self._targets = sorted(set(self.targets(0, len(self.kinds))))
        place = bisect_left(self._targets, row)
        return place < len(self._targets) and self._targets[place] < end

    def targets(self, row: int, end: int) -> Iterator[int]:
        """The rows that the aliases among some rows stand for."""
        alias = self.kinds.find(ALIAS, row, end)
        while alias >= 0:
            yield self.links[alias]
            alias = self.kinds.find(ALIAS, alias + 1, end)

    def after(self, row: int) -> int:
        """The row behind a node and all that is in it."""
        return self.links[row] if self.kinds[row] >= MAPPING else row + 1

    def node(self, row: int) -> "Node":
        """The view of a row."""
        return _VIEWS[self.kinds[row]](self, row)

    def items(self, row: int) -> "Iterator[Node]":
        """The items of a sequence."""
        child, end = row + 1, self.links[row]
        while child < end:
            yield self.node(child)
            child = self.after(child)

    def keys(self, row: int) -> Iterator[tuple[int, str]]:
        """The rows and names of a mapping's keys. Each is a scalar; what it maps to comes next."""
        key, end = row + 1, self.links[row]
        while key < end:
            yield key, self.name(key)
            key = self.after(key + 1)

    def name(self, row: int) -> str:
        """The name that a key has to Kubernetes."""
        return self.names.get(row) or self.value(row)

    def repeat(self, row: int) -> int:
        """What an equal key later in the mapping makes of a key; 0 where there is none."""
        return self.repeats[row] if row < len(self.repeats) else 0

    def mark(self, row: int, repeat: int) -> None:
        """Sets what an equal key makes of a key."""
        self.repeats.extend(bytes(max(0, row + 1 - len(self.repeats))))
        self.repeats[row] = repeat

    def entries(self, row: int) -> "Iterator[Entry]":
        """The entries of a mapping."""
        key, end = row + 1, self.links[row]
        while key < end:
            yield self.entry(key)
            key = self.after(key + 1)

    def entry(self, row: int) -> "Entry":
        """The entry of a key."""
        return Entry(ScalarNode(self, row), self.node(row + 1))


_Child = TypeVar("_Child")


class Children(Generic[_Child]):
    """What is directly in a collection, to go through any number of times.

    It has no places to index, as each would have to be looked for; where they are needed, make a
    tuple.
    """

    __slots__ = ("_read", "_row")

    def __init__(self, read: Callable[[int], Iterator[_Child]], row: int) -> None:
        self._read = read
        self._row = row

    def __iter__(self) -> Iterator[_Child]:
        return self._read(self._row)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return any(True for _ in self)


class ScalarNode(NamedTuple):
    """A scalar.

    Attributes:
        columns: the nodes of its text.
        row: its number among them, by which it is known.
    """

    columns: Columns
    row: int

    @property
    def value(self) -> str:
        """The text that it stands for, with quotes, escapes and indentation undone."""
        return self.columns.value(self.row)

    @property
    def style(self) -> str | None:
        """None for a plain scalar, else one of `'`, `"`, `|`, `>`."""
        return _STYLES[self.columns.kinds[self.row]]

    @property
    def tag(self) -> str | None:
        """An explicit tag, or None."""
        return self.columns.tags.get(self.row)

    @property
    def start(self) -> int:
        """Where its own text begins (behind an anchor or tag), in characters."""
        return self.columns.starts[self.row]

    @property
    def end(self) -> int:
        """Where it ends; for a block scalar the start of the next line."""
        return self.columns.ends[self.row]

    @property
    def is_null(self) -> bool:
        """Whether a YAML reader takes this for null (YAML 1.1 and 1.2 agree on these forms)."""
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
        """Whether yaml.v2 takes the key for a merge key, `<<`."""
        return is_merge(self.key)

    def sources(self) -> "Iterator[MappingNode]":
        """The mappings that a merge key brings in; the first one that has a key counts."""
        if self.is_merge:
            merged = resolve(self.value)
            for item in merged.items if isinstance(merged, SequenceNode) else (merged,):
                source = resolve(item)
                if isinstance(source, MappingNode):
                    yield source


class MappingNode(NamedTuple):
    """A mapping.

    Attributes:
        columns: the nodes of its text.
        row: its number among them, by which it is known.
    """

    columns: Columns
    row: int

    @property
    def entries(self) -> Children[Entry]:
        """Its entries, in the order of the text; those that a later one overrides, too."""
        return Children(self.columns.entries, self.row)

    @property
    def effective(self) -> Iterable[Entry]:
        """Its entries without those that a later one with an equal key overrides."""
        if not self.columns.repeats:
            return self.entries
        return (entry for entry in self.entries if not entry.is_overridden)

    @property
    def flow(self) -> bool:
        """Whether it is written in braces."""
        return self.columns.kinds[self.row] == FLOW_MAPPING

    @property
    def start(self) -> int:
        """Where it begins, at its anchor or tag if it has one."""
        return self.columns.starts[self.row]

    @property
    def end(self) -> int:
        """Where it ends; a block mapping ends with its last value."""
        return self.columns.ends[self.row]

    def get(self, key: str) -> "Node | None":
        """The node under `key`, aliases followed and merge keys (`<<`) honoured, or None.

        Of equal keys, and of a key and a merge key that brings it in too, the last one counts, as
        for yaml.v2.
        """
        return self._find(key, set())

    def _find(self, key: str, searched: "set[MappingNode]") -> "Node | None":
        """As `get`; what was searched in vain is not searched again."""
        if self in searched:
            return None
        columns = self.columns
        found = 0
        merges: list[Entry] = []
        for row, name in columns.keys(self.row):
            if name == "<<" and (entry := columns.entry(row)).is_merge:
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
        return resolve(columns.node(found)) if found else None

    def keys(self, *, strings: bool = False) -> set[str]:
        """The names of all keys, those that merge keys bring in included.

        Args:
            strings: whether only those that are strings to yaml.v2 are wanted.
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
                    sources = [each for each in columns.entry(key).sources() if each not in seen]
                    waiting += sources
                    seen.update(sources)
        return found


class SequenceNode(NamedTuple):
    """A sequence.

    Attributes:
        columns: the nodes of its text.
        row: its number among them, by which it is known.
    """

    columns: Columns
    row: int

    @property
    def items(self) -> "Children[Node]":
        """Its items, in the order of the text."""
        return Children(self.columns.items, self.row)

    @property
    def flow(self) -> bool:
        """Whether it is written in brackets."""
        return self.columns.kinds[self.row] == FLOW_SEQUENCE

    @property
    def start(self) -> int:
        """Where it begins, at its anchor or tag if it has one."""
        return self.columns.starts[self.row]

    @property
    def end(self) -> int:
        """Where it ends; a block sequence ends with its last item."""
        return self.columns.ends[self.row]


class AliasNode(NamedTuple):
    """An alias, as `*base`.

    Attributes:
        columns: the nodes of its text.
        row: its number among them, by which it is known.
    """

    columns: Columns
    row: int

    @property
    def target(self) -> "Node":
        """The node that it stands for."""
        return self.columns.node(self.columns.links[self.row])

    @property
    def start(self) -> int:
        """Where it begins."""
        return self.columns.starts[self.row]

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.columns.ends[self.row]


Node: TypeAlias = ScalarNode | MappingNode | SequenceNode | AliasNode

_VIEWS: Sequence[Callable[[Columns, int], Node]] = (
    *[ScalarNode] * len(_STYLES),
    AliasNode,
    *[MappingNode] * 2,
    *[SequenceNode] * 2,
)
"""The view of a row, by what it is."""


class Document(NamedTuple):
    """One YAML document of a text.

    Attributes:
        root: its node, or None where it holds nothing but comments.
        start: where it begins: at its `---`, or at 0 for the first.
        end: where the next begins, or the end of the text.
        marker_end: just behind its `---`; None where it has none.
        lines: the lines of the text.
    """

    root: Node | None
    start: int
    end: int
    marker_end: int | None
    lines: Lines


def resolve(node: Node) -> "ScalarNode | MappingNode | SequenceNode":
    """The node itself, or what an alias stands for."""
    while isinstance(node, AliasNode):
        node = node.target
    return node


def is_merge(key: ScalarNode) -> bool:
    """Whether yaml.v2 takes a key for a merge key (isMerge in its decode.go, v2.4.0).

    To libyaml, the tag `!` makes a quoted scalar one whose text decides.
    """
    if key.value != "<<":
        return False
    tag = key.tag
    return key.style is None if tag is None else tag in ("!", MERGE)


_SPACE = " \t\r\n\x85\u2028\u2029"
"""What is white space to YAML 1.1, line breaks included; other spaces of Unicode are text."""


def _skip_properties(text: str, start: int, end: int) -> int:
    """Where a scalar begins behind its anchor and tag, and the comments between them."""
    while start < end:
        if text[start] in "&!":
            while start < end and text[start] not in _SPACE:
                start += 1
        elif text[start] == "#":
            found = text.find("\n", start, end)
            start = end if found < 0 else found
        elif text[start] in _SPACE:
            start += 1
        else:
            break
    return start
