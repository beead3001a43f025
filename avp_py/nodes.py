"""YAML text to nodes that know where in the text they stand. Pure: no I/O, no Kubernetes.

The parser is libyaml 0.2.5 (through PyYAML), whose grammar is the one that go-yaml, and with it
Argo CD and Kubernetes, reads. It is driven by events, not by PyYAML's composer: the composer
overflows the C stack on deep nesting, forgets where an alias stands, and drops all but the last of
equal keys.

A tenant's text can hold a node in two characters. So nodes are rows of columns, of 13 bytes each;
ScalarNode and its like are views of a row, which last as long as somebody looks at them.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # missing in its stubs
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from avp_py.errors import DocumentError

MAX_DEPTH = 200
"""How deep collections may nest. Kubernetes' own CRDs, the deepest manifests in use, reach 60."""

MAX_EXPANDED_NODES = 100_000
"""How many nodes a document may have once its aliases are written out; counted only where it has
aliases. A reader that expands them (go-yaml, every JSON converter) pays for each."""

BINARY = "tag:yaml.org,2002:binary"
"""The tag of a scalar that stands in base64."""

MERGE = "tag:yaml.org,2002:merge"
"""The tag of a merge key, which needs none where it has no quotes."""

NESTING_PROBLEM = "exceeded maximum nesting depth"
"""libyaml's own words where its scanner, which looks ahead, meets 1000 levels before we see 200
(PyYAML from 6.0.4 on)."""

(
    _PLAIN,
    _SINGLE_QUOTED,
    _DOUBLE_QUOTED,
    _LITERAL,
    _FOLDED,
    _ALIAS,
    _MAPPING,
    _FLOW_MAPPING,
    _SEQUENCE,
    _FLOW_SEQUENCE,
) = range(10)
"""What a node is. The order counts: first scalars, last collections."""

_STYLES = (None, "'", '"', "|", ">")
"""The styles of scalars, by what they are."""

_SCALARS = {style or "": kind for kind, style in enumerate(_STYLES)}
"""What a scalar is, by the style that the parser tells."""

_ALIKE, _OVERRIDDEN, _MERGED = 1, 2, 3
"""What an equal key later in the mapping makes of a key: it overrides one whose value is written
alike, or another one, or, as a merge key (`<<`), adds to it."""

KeyReader: TypeAlias = Callable[[str, str | None], tuple[str, object]]
"""Returns what a key that is tagged, or plain and perhaps not a string, is to Kubernetes: its name,
and the value that has that name. It gets the text of the key, and its tag."""


class _Columns:
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
        alias = self.kinds.find(_ALIAS, row, end)
        while alias >= 0:
            yield self.links[alias]
            alias = self.kinds.find(_ALIAS, alias + 1, end)

    def after(self, row: int) -> int:
        """The row behind a node and all that is in it."""
        return self.links[row] if self.kinds[row] >= _MAPPING else row + 1

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

    columns: _Columns
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
        return self.style is None and self.tag is None and self.value in _NULLS


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
        return self.key.columns.repeat(self.key.row) in (_ALIKE, _OVERRIDDEN)

    @property
    def is_repeated(self) -> bool:
        """Whether an equal key with another value comes later in the mapping."""
        return self.key.columns.repeat(self.key.row) in (_OVERRIDDEN, _MERGED)

    @property
    def is_used_elsewhere(self) -> bool:
        """Whether an alias stands for its value, or for a part of it."""
        columns, row = self.value.columns, self.value.row
        return columns.has_target(row, columns.after(row))

    @property
    def is_merge(self) -> bool:
        """Whether yaml.v2 takes the key for a merge key, `<<`."""
        return _is_merge(self.key)

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

    columns: _Columns
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
        return self.columns.kinds[self.row] == _FLOW_MAPPING

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

    columns: _Columns
    row: int

    @property
    def items(self) -> "Children[Node]":
        """Its items, in the order of the text."""
        return Children(self.columns.items, self.row)

    @property
    def flow(self) -> bool:
        """Whether it is written in brackets."""
        return self.columns.kinds[self.row] == _FLOW_SEQUENCE

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

    columns: _Columns
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

_VIEWS: Sequence[Callable[[_Columns, int], Node]] = (
    *[ScalarNode] * len(_STYLES),
    AliasNode,
    *[MappingNode] * 2,
    *[SequenceNode] * 2,
)
"""The view of a row, by what it is."""


class Lines:
    """The lines of a text, for those who ask of many places where they are."""

    __slots__ = ("_breaks", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._breaks: array[int] | None = None

    def number(self, index: int) -> int:
        """Return the number of the line that `index` is on, from 1."""
        return self._find(index)[0] + 1

    def position(self, index: int) -> str:
        """Where `index` is, as `line 3, column 7` (both count from 1)."""
        line, start = self._find(index)
        return f"line {line + 1}, column {index - start + 1}"

    def _find(self, index: int) -> tuple[int, int]:
        """Return the number of a line, from 0, and where it begins."""
        if self._breaks is None:
            self._breaks = array("I", _line_breaks(self._text))
        line = bisect_left(self._breaks, index)
        return line, self._breaks[line - 1] + 1 if line else 0


def _line_breaks(text: str) -> Iterator[int]:
    found = text.find("\n")
    while found >= 0:
        yield found
        found = text.find("\n", found + 1)


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


_NULLS = frozenset({"", "~", "null", "Null", "NULL"})

_BOOLEANS = {
    form: name
    for name, words in (("true", "y yes true on"), ("false", "n no false off"))
    for word in words.split()
    for form in (word, word.capitalize(), word.upper())
}
"""The name that a key without quotes gets where it is a boolean to YAML 1.1, as to Kubernetes."""


def resolve(node: Node) -> "ScalarNode | MappingNode | SequenceNode":
    """The node itself, or what an alias stands for."""
    while isinstance(node, AliasNode):
        node = node.target
    return node


def _is_merge(key: ScalarNode) -> bool:
    """Whether yaml.v2 takes a key for a merge key (isMerge in its decode.go, v2.4.0).

    To libyaml, the tag `!` makes a quoted scalar one whose text decides.
    """
    if key.value != "<<":
        return False
    tag = key.tag
    return key.style is None if tag is None else tag in ("!", MERGE)


def position(text: str, index: int) -> str:
    """Where `index` stands in `text`, as `line 3, column 7` (both count from 1).

    It counts the lines each time: of many places in one text, ask Lines.
    """
    line = text.count("\n", 0, index) + 1
    return f"line {line}, column {index - text.rfind(chr(10), 0, index)}"


def takes_comma(text: str, end: int) -> bool:
    """Whether a tag that ends at a place goes on after a comma for yaml.v2, up to a space.

    libyaml ends it before the comma since 0.2.5 (scan_tag_uri in its scanner.c).

    Args:
        text: the text.
        end: where an empty scalar with a tag ends.
    """
    if not text.startswith(",", end):
        return False
    # The last word before it may be an anchor.
    start = end
    while start and not text[start - 1].isspace():
        start -= 1
    return text.find("!", start, end) >= 0


def scalars(node: Node) -> Iterator[tuple[ScalarNode, bool]]:
    """The scalars below a node, keys too, and whether they are in braces or brackets."""
    columns, row = node.columns, node.row
    kinds, end = columns.kinds, columns.after(row)
    open_ends: list[tuple[int, bool]] = []
    flow = False
    while row < end:
        while open_ends and row >= open_ends[-1][0]:
            flow = open_ends.pop()[1]
        kind = kinds[row]
        if kind >= _MAPPING:
            open_ends.append((columns.links[row], flow))
            flow = kind in (_FLOW_MAPPING, _FLOW_SEQUENCE)
        elif kind < _ALIAS:
            yield ScalarNode(columns, row), flow
        row += 1


def mappings(node: Node) -> Iterator[MappingNode]:
    """The mappings below a node, itself included; aliases are not followed."""
    columns = node.columns
    for row in range(node.row, columns.after(node.row)):
        if columns.kinds[row] in (_MAPPING, _FLOW_MAPPING):
            yield MappingNode(columns, row)


def repeated(node: Node) -> bool:
    """Whether a mapping below a node, itself included, has equal keys with different values."""
    repeats, end = node.columns.repeats, node.columns.after(node.row)
    return any(repeats.find(each, node.row, end) >= 0 for each in (_OVERRIDDEN, _MERGED))


def is_target(node: Node) -> bool:
    """Whether an alias stands for a node."""
    return node.columns.has_target(node.row, node.row + 1)


def aliased(node: Node) -> set[Node]:
    """The nodes that aliases below a node stand for."""
    columns = node.columns
    return {columns.node(each) for each in set(columns.targets(node.row, columns.after(node.row)))}


class _Frame:
    """A collection that is being read.

    Attributes:
        row: its row.
        anchor: its anchor, or None.
        keys: of a mapping, the last row of each key so far, by its name; of merge keys, by None.
        pending: the row of a key whose value comes next; 0 where none does.
        repeated: the row of the last equal key before that one; 0 where there is none.
        last: the row of the last value or item; its own where there is none.
        size: how many nodes it has once its aliases are written out.
    """

    __slots__ = ("anchor", "keys", "last", "pending", "repeated", "row", "size")

    def __init__(self, row: int, anchor: str | None, keys: dict[str | None, int] | None) -> None:
        self.row = row
        self.anchor = anchor
        self.keys = keys
        self.pending = 0
        self.repeated = 0
        self.last = row
        self.size = 1


def parse(text: str, source: str, read_key: KeyReader | None = None) -> Sequence[Document]:
    """Reads a text that holds any number of YAML documents.

    Args:
        text: the text, without a byte order mark.
        source: what to call it in errors: a file, or `standard input`.
        read_key: allows to repeat a key with another value, which then counts; it says which keys
            are equal.

    Returns:
        The documents in their order; their spans cover the text without a gap.

    Raises:
        DocumentError: the text is not YAML, nests deeper than MAX_DEPTH, repeats a key where that
            is not allowed, or where its values have one name to Kubernetes and are different keys
            to yaml.v2, has a key that is not a scalar, or aliases that expand beyond
            MAX_EXPANDED_NODES.
    """
    documents: list[Document] = []
    lines = Lines(text)
    last: tuple[Node | None, int | None] | None = None
    start = 0
    try:
        for root, begin, marker_end in _documents(_Columns(text), source, read_key):
            if last is not None:
                documents.append(Document(last[0], start, begin, last[1], lines))
                start = begin
            last = root, marker_end
    except yaml.YAMLError as error:
        raise _translate(error, text, source) from None
    if last is not None:
        documents.append(Document(last[0], start, len(text), last[1], lines))
    return documents


def _documents(
    columns: _Columns, source: str, read_key: KeyReader | None
) -> Iterator[tuple[Node | None, int, int | None]]:
    """Yields root, start and marker's end of each document."""
    parser: Any = CParser(columns.text)
    next_event = parser.get_event
    while parser.check_event():
        event = next_event()
        kind = type(event)
        if kind is DocumentStartEvent:
            start = event.start_mark.index
            if event.version or event.tags:
                reason = "a %YAML or %TAG directive"
                raise _error(columns.text, source, start, reason, _NO_DIRECTIVES)
            marker_end = event.end_mark.index if event.explicit else None
            root = _root(next_event, columns, source, read_key)
            yield None if root is None else columns.node(root), start, marker_end
        # Stream start and end, and a document's end, say nothing that is needed here.


_TOO_DEEP = f"collections nest deeper than {MAX_DEPTH} levels"

_NO_DIRECTIVES = "remove it: the readers of Kubernetes do not accept directives"


def _root(
    next_event: Any, columns: _Columns, source: str, read_key: KeyReader | None
) -> int | None:
    """Reads the events of one document up to its end and returns the row of its node."""
    stack: list[_Frame] = []
    anchors: dict[str, int] = {}
    sizes: dict[int, int] = {}
    root: int | None = None
    aliased = False
    while True:
        event = next_event()
        kind = type(event)
        size = 1
        anchor: str | None
        if kind is ScalarEvent:
            row = columns.add_scalar(event)
            anchor = event.anchor
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            start = event.start_mark.index
            if len(stack) >= MAX_DEPTH:
                raise _error(columns.text, source, start, _TOO_DEEP)
            is_mapping = kind is MappingStartEvent
            # An alias in there would stand for the collection that it is in, to every reader.
            anchors.pop(event.anchor, None)
            style = (_MAPPING if is_mapping else _SEQUENCE) + bool(event.flow_style)
            row = columns.add(style, start, start, 0)
            stack.append(_Frame(row, event.anchor, {} if is_mapping else None))
            continue
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            frame = stack.pop()
            row, size, anchor = frame.row, frame.size, frame.anchor
            columns.links[row] = len(columns.kinds)
            # libyaml ends a block collection at the next token, which may be many lines on.
            is_flow = columns.kinds[row] in (_FLOW_MAPPING, _FLOW_SEQUENCE)
            columns.ends[row] = event.end_mark.index if is_flow else columns.ends[frame.last]
            if anchor is not None:
                sizes[row] = size
        elif kind is AliasEvent:
            aliased, anchor = True, None
            index = event.start_mark.index
            if event.anchor not in anchors:
                # Its name is not shown: it may be a password that begins with * and lacks quotes.
                reason = "an alias (*) has no anchor before it"
                hint = "put a text that begins with * in quotes"
                raise _error(columns.text, source, index, reason, hint)
            target = anchors[event.anchor]
            size = sizes.get(target, 1)
            row = columns.add(_ALIAS, index, event.end_mark.index, target)
        elif kind is DocumentEndEvent:
            return root
        else:  # pragma: no cover - the parser ends each document before the stream
            raise AssertionError(kind)

        if anchor is not None:
            anchors[anchor] = row
        if not stack:
            root = row
            continue
        frame = stack[-1]
        frame.size += size
        if aliased and frame.size > MAX_EXPANDED_NODES:
            reason = f"its aliases expand to more than {MAX_EXPANDED_NODES} nodes"
            place = columns.starts[frame.row]
            raise _error(columns.text, source, place, reason, "write the document without aliases")
        if frame.keys is None:
            frame.last = row
        elif not frame.pending:
            _key(frame, frame.keys, columns, row, source, read_key)
        else:
            if frame.repeated:
                _judge_repeated(frame, columns, row, source, is_allowed=read_key is not None)
            frame.last = row
            frame.pending = 0


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


def _key(
    frame: _Frame,
    keys: dict[str | None, int],
    columns: _Columns,
    row: int,
    source: str,
    read_key: KeyReader | None,
) -> None:
    is_alias = columns.kinds[row] == _ALIAS
    if is_alias and columns.kinds[columns.links[row]] < _ALIAS:
        columns.make_scalar(row)
    kind, tag = columns.kinds[row], columns.tags.get(row)
    if kind >= _ALIAS:
        raise _refused(columns, row, source, "a key is a mapping or a list", "use a string")
    value = columns.value(row)
    frame.pending = row
    name: str | None = value
    said: object = value
    # Most keys are words.
    if tag is not None or (kind == _PLAIN and (not value[:1].isalpha() or value in _BOOLEANS)):
        if tag == BINARY:
            raise _refused(columns, row, source, "a key is tagged as binary", "write it as text")
        if value == "<<" and is_alias:
            reason = "an alias stands for the key <<"
            raise _refused(columns, row, source, reason, "write the key")
        if _is_merge(ScalarNode(columns, row)):
            name = said = None
            columns.merges = True
        else:
            name, said = _said(columns, row, read_key)
            if not isinstance(said, str):
                columns.names[row] = name
    repeated = keys.get(name, 0)
    frame.repeated = repeated
    keys[name] = row
    if repeated and name is not None and said != _said(columns, repeated, read_key)[1]:
        raise _repeated(name, ScalarNode(columns, row), source, is_allowed=read_key is not None)


def _refused(columns: _Columns, row: int, source: str, reason: str, hint: str) -> DocumentError:
    return _error(columns.text, source, columns.starts[row], reason, hint)


def _said(columns: _Columns, row: int, read_key: KeyReader | None) -> tuple[str, object]:
    """The name of a key to Kubernetes, and with its type the value that it is to yaml.v2.

    Without `read_key`, the value is how the key is written.
    """
    value, tag = columns.value(row), columns.tags.get(row)
    is_plain = columns.kinds[row] == _PLAIN and tag is None
    if read_key is None:
        return (_BOOLEANS.get(value, value) if is_plain else value), value
    if tag is None and not is_plain:
        return value, value
    name, said = read_key(value, tag)
    return name, said if isinstance(said, str) else (type(said), said)


def _judge_repeated(
    frame: _Frame, columns: _Columns, row: int, source: str, *, is_allowed: bool
) -> None:
    """Notes that a key is repeated, or refuses it, but for one whose values are written alike."""
    is_same = _is_same(columns.node(frame.repeated + 1), columns.node(row))
    key = ScalarNode(columns, frame.pending)
    if not is_allowed:
        if not is_same:
            raise _repeated(key.value, key, source)
    elif not _is_merge(key):
        columns.mark(frame.repeated, _ALIKE if is_same else _OVERRIDDEN)
    elif not is_same:
        columns.mark(frame.repeated, _MERGED)


def _repeated(
    name: str, key: ScalarNode, source: str, *, is_allowed: bool = False
) -> DocumentError:
    reason = f"duplicate key {name[:80]!r}"
    hint = "keep one of the two"
    if name != key.value:
        reason, hint = f"{reason}, here as {key.value[:80]!r}", f"{hint}, or quote this one"
    if is_allowed:
        # A map of Go's has both, and sigs.k8s.io/yaml goes through it in any order.
        reason += ", of another type: Argo CD would take one of the two at random"
    return _error(key.columns.text, source, key.start, reason, hint)


def _is_same(one: Node, other: Node) -> bool:
    """Whether two nodes are written alike, wherever they stand."""
    one, other = resolve(one), resolve(other)
    if one == other:
        return True
    match one, other:
        case ScalarNode() as a, ScalarNode() as b:
            return (a.value, a.style is None, a.tag) == (b.value, b.style is None, b.tag)
        case SequenceNode() as a, SequenceNode() as b:
            return len(a.items) == len(b.items) and all(map(_is_same, a.items, b.items))
        case MappingNode() as a, MappingNode() as b:
            return len(a.entries) == len(b.entries) and all(
                x.key.value == y.key.value and _is_same(x.value, y.value)
                for x, y in zip(a.entries, b.entries, strict=True)
            )
    return False


def _error(text: str, source: str, index: int, reason: str, hint: str = "") -> DocumentError:
    return DocumentError(f"{source}, {position(text, index)}: {reason}", hint=hint)


def _translate(error: yaml.YAMLError, text: str, source: str) -> DocumentError:
    """PyYAML's error as ours. libyaml's own messages are fixed texts: no input is in them."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        index = error.problem_mark.index
        if text[index : index + 1] == "\t":
            return _error(
                text, source, index, "a tab where YAML wants spaces", "indent with spaces"
            )
        if error.problem == NESTING_PROBLEM:
            return _error(text, source, index, _TOO_DEEP)
        context = f" ({error.context})" if error.context else ""
        return _error(text, source, index, f"not valid YAML: {error.problem}{context}")
    if isinstance(error, yaml.reader.ReaderError):
        # The position counts bytes of UTF-8.
        index = len(text.encode()[: error.position].decode(errors="ignore"))
        reason = f"the character U+{ord(text[index]):04X} is not allowed in YAML"
        return _error(text, source, index, reason, "write it as an escape in double quotes")
    return DocumentError(f"{source}: not valid YAML")
