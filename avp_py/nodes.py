"""YAML text to nodes that know where in the text they stand. Pure: no I/O, no Kubernetes.

The parser is libyaml 0.2.5 (through PyYAML), whose grammar is the one that go-yaml, and with it
Argo CD and Kubernetes, reads. It is driven by events, not by PyYAML's composer: the composer
overflows the C stack on deep nesting, forgets where an alias stands, and keeps the last of two
equal keys.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

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

_PROPERTIES = re.compile(r"(?:[&!]\S*|#[^\n]*|\s+)*")


class ScalarNode(NamedTuple):
    """A scalar.

    Attributes:
        value: the text that it stands for, with quotes, escapes and indentation undone.
        style: None for a plain scalar, else one of `'`, `"`, `|`, `>`.
        tag: an explicit tag, or None.
        start: where its own text begins (behind an anchor or tag), in characters.
        end: where it ends; for a block scalar the start of the next line.
    """

    value: str
    style: str | None
    tag: str | None
    start: int
    end: int

    @property
    def is_null(self) -> bool:
        """Whether a YAML reader takes this for null (YAML 1.1 and 1.2 agree on these forms)."""
        return self.style is None and self.tag is None and self.value in _NULLS


class Entry(NamedTuple):
    """A key of a mapping with its value."""

    key: ScalarNode
    value: "Node"

    @property
    def is_merge(self) -> bool:
        """Whether yaml.v2 takes the key for a merge key, `<<` (isMerge in its decode.go, v2.4.0).

        To libyaml, the tag `!` makes a quoted scalar one whose text decides.
        """
        key = self.key
        if key.tag is None:
            return key.value == "<<" and key.style is None
        return key.value == "<<" and key.tag in ("!", MERGE)

    def sources(self) -> "Iterator[MappingNode]":
        """The mappings that a merge key brings in; the first one that has a key counts."""
        if self.is_merge:
            merged = resolve(self.value)
            for item in merged.items if isinstance(merged, SequenceNode) else (merged,):
                source = resolve(item)
                if isinstance(source, MappingNode):
                    yield source


class MappingNode(NamedTuple):
    """A mapping; `end` of a block mapping is the end of its last value."""

    entries: tuple[Entry, ...]
    flow: bool
    start: int
    end: int

    def get(self, key: str) -> "Node | None":
        """The node under `key`, aliases followed and merge keys (`<<`) honoured, or None.

        Of a key and a merge key that brings it in too the later one counts, as for yaml.v2.
        """
        for entry in reversed(self.entries):
            if entry.is_merge:
                for source in entry.sources():
                    found = source.get(key)
                    if found is not None:
                        return found
            elif entry.key.value == key:
                return resolve(entry.value)
        return None

    def keys(self) -> set[str]:
        """All keys, those that merge keys bring in included."""
        found = {entry.key.value for entry in self.entries}
        sources = (source for entry in self.entries for source in entry.sources())
        return found.union(*(source.keys() for source in sources))


class SequenceNode(NamedTuple):
    """A sequence; `end` of a block sequence is the end of its last item."""

    items: "tuple[Node, ...]"
    flow: bool
    start: int
    end: int


class AliasNode(NamedTuple):
    """An alias, as `*base`, and the node that it stands for."""

    target: "Node"
    start: int
    end: int


Node: TypeAlias = ScalarNode | MappingNode | SequenceNode | AliasNode


class Document(NamedTuple):
    """One YAML document of a text.

    Attributes:
        root: its node, or None where it holds nothing but comments.
        start: where it begins: at its `---`, or at 0 for the first.
        end: where the next begins, or the end of the text.
        marker_end: just behind its `---`; None where it has none.
    """

    root: Node | None
    start: int
    end: int
    marker_end: int | None


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


def position(text: str, index: int) -> str:
    """Where `index` stands in `text`, as `line 3, column 7` (both count from 1)."""
    line = text.count("\n", 0, index) + 1
    return f"line {line}, column {index - text.rfind(chr(10), 0, index)}"


class _Frame:
    """A collection that is being read."""

    __slots__ = ("anchor", "children", "flow", "keys", "pending", "repeated", "size", "start")

    def __init__(self, event: Any, *, mapping: bool) -> None:
        self.children: list[Any] = []
        self.keys: dict[str, ScalarNode] | None = {} if mapping else None
        self.repeated: ScalarNode | None = None
        self.pending: ScalarNode | None = None
        self.anchor: str | None = event.anchor
        self.flow = bool(event.flow_style)
        self.start: int = event.start_mark.index
        self.size = 1


def parse(text: str, source: str) -> Sequence[Document]:
    """Reads a text that holds any number of YAML documents.

    Args:
        text: the text, without a byte order mark.
        source: what to call it in errors: a file, or `standard input`.

    Returns:
        The documents in their order; their spans cover the text without a gap.

    Raises:
        DocumentError: the text is not YAML, nests deeper than MAX_DEPTH, repeats a key with another
            value, has a key that is not a scalar, or aliases that expand beyond MAX_EXPANDED_NODES.
    """
    try:
        found = list(_documents(text, source))
    except yaml.YAMLError as error:
        raise _translate(error, text, source) from None
    if not found:
        return ()
    bounds = [0, *(start for _, start, _ in found[1:]), len(text)]
    return tuple(
        Document(root, start, end, marker_end)
        for (root, _, marker_end), (start, end) in zip(found, pairwise(bounds), strict=True)
    )


def _documents(text: str, source: str) -> Iterator[tuple[Node | None, int, int | None]]:
    """Yields root, start and marker's end of each document."""
    parser: Any = CParser(text)
    next_event = parser.get_event
    start, marker_end = 0, None
    while parser.check_event():
        event = next_event()
        kind = type(event)
        if kind is DocumentStartEvent:
            start = event.start_mark.index
            marker_end = event.end_mark.index if event.explicit else None
            if event.version or event.tags:
                raise _error(text, source, start, "a %YAML or %TAG directive", _NO_DIRECTIVES)
            yield _root(next_event, text, source), start, marker_end
        # Stream start and end, and a document's end, say nothing that is needed here.


_TOO_DEEP = f"collections nest deeper than {MAX_DEPTH} levels"

_NO_DIRECTIVES = "remove it: the readers of Kubernetes do not accept directives"


def _root(next_event: Any, text: str, source: str) -> Node | None:
    """Reads the events of one document up to its end and returns its node."""
    stack: list[_Frame] = []
    anchors: dict[str, tuple[Node, int]] = {}
    root: Node | None = None
    aliased = False
    while True:
        event = next_event()
        kind = type(event)
        node: Node
        size = 1
        anchor: str | None
        if kind is ScalarEvent:
            node = _scalar(event, text)
            anchor = event.anchor
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            if len(stack) >= MAX_DEPTH:
                raise _error(text, source, event.start_mark.index, _TOO_DEEP)
            # An alias in there would stand for the collection that it is in, to every reader.
            anchors.pop(event.anchor, None)
            stack.append(_Frame(event, mapping=kind is MappingStartEvent))
            continue
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            frame = stack.pop()
            node = _close(frame, event)
            size, anchor = frame.size, frame.anchor
        elif kind is AliasEvent:
            aliased, anchor = True, None
            index = event.start_mark.index
            if event.anchor not in anchors:
                # Its name is not shown: it may be a password that begins with * and lacks quotes.
                reason = "an alias (*) has no anchor before it"
                raise _error(text, source, index, reason, "put a text that begins with * in quotes")
            target, size = anchors[event.anchor]
            node = AliasNode(target, index, event.end_mark.index)
        elif kind is DocumentEndEvent:
            return root
        else:  # pragma: no cover - the parser ends each document before the stream
            raise AssertionError(kind)

        if anchor is not None:
            anchors[anchor] = (node, size)
        if not stack:
            root = node
            continue
        frame = stack[-1]
        frame.size += size
        if aliased and frame.size > MAX_EXPANDED_NODES:
            reason = f"its aliases expand to more than {MAX_EXPANDED_NODES} nodes"
            raise _error(text, source, frame.start, reason, "write the document without aliases")
        if frame.keys is None:
            frame.children.append(node)
        elif frame.pending is None:
            frame.pending = _key(frame, frame.keys, node, text, source)
        else:
            if frame.repeated is not None:
                _refuse_other_value(frame, frame.pending, node, text, source)
            frame.children.append(Entry(frame.pending, node))
            frame.pending = None


def _scalar(event: Any, text: str) -> ScalarNode:
    start, end = event.start_mark.index, event.end_mark.index
    if text[start : start + 1] in ("&", "!"):
        # The event's span begins at an anchor or a tag, and no scalar begins with either.
        start = _PROPERTIES.match(text, start, end).end()  # type: ignore[union-attr]
    return ScalarNode(event.value, event.style or None, event.tag, start, end)


def _close(frame: _Frame, event: Any) -> Node:
    children = frame.children
    # libyaml ends a block collection at the next token, which may be many lines on.
    if frame.flow:
        end = event.end_mark.index
    elif children:
        last = children[-1]
        end = (last.value if frame.keys is not None else last).end
    else:
        end = frame.start
    if frame.keys is not None:
        return MappingNode(tuple(children), frame.flow, frame.start, end)
    return SequenceNode(tuple(children), frame.flow, frame.start, end)


def _key(
    frame: _Frame, keys: dict[str, ScalarNode], node: Node, text: str, source: str
) -> ScalarNode:
    key = resolve(node)
    if not isinstance(key, ScalarNode):
        raise _error(text, source, node.start, "a key is a mapping or a list", "use a string")
    if key.tag == BINARY:
        raise _error(text, source, node.start, "a key is tagged as binary", "write it as text")
    if isinstance(node, AliasNode) and key.value == "<<":
        raise _error(text, source, node.start, "an alias stands for the key <<", "write the key")
    is_plain = key.style is None and key.tag is None
    name = _BOOLEANS.get(key.value, key.value) if is_plain else key.value
    found = ScalarNode(key.value, key.style, key.tag, node.start, node.end)
    frame.repeated = keys.get(name)
    if frame.repeated is None:
        keys[name] = found
    elif frame.repeated.value != key.value:
        raise _repeated(name, found, text, source)
    return found


def _refuse_other_value(
    frame: _Frame, key: ScalarNode, value: Node, text: str, source: str
) -> None:
    """Refuses a key that stands twice, but for one whose values are written alike."""
    before = next(each for each in frame.children if each.key is frame.repeated)
    if not _is_same(before.value, value):
        raise _repeated(key.value, key, text, source)


def _repeated(name: str, key: ScalarNode, text: str, source: str) -> DocumentError:
    reason = f"the key {name[:80]!r} stands twice in one mapping"
    hint = "keep one of the two"
    if name != key.value:
        reason, hint = f"{reason}, here as {key.value!r}", f"{hint}, or quote this one"
    return _error(text, source, key.start, reason, hint)


def _is_same(one: Node, other: Node) -> bool:
    """Whether two nodes are written alike, wherever they stand."""
    one, other = resolve(one), resolve(other)
    if one is other:
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
