"""From YAML text to nodes.

The parser is libyaml 0.2.5 (through PyYAML), whose grammar is the one that go-yaml, and with it
Argo CD and Kubernetes, reads. It is driven by events, not by PyYAML's composer: the composer
overflows the C stack on deep nesting, forgets where an alias is, and drops all but the last of
equal keys.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

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
from avp_py.golang.lines import Lines, position
from avp_py.golang.nodes import (
    ALIAS,
    ALIKE,
    BINARY,
    FLOW_MAPPING,
    FLOW_SEQUENCE,
    MAPPING,
    MAX_DEPTH,
    MERGED,
    OVERRIDDEN,
    PLAIN,
    SEQUENCE,
    Columns,
    Document,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    is_merge,
    resolve,
)
from avp_py.golang.words import BOOLEANS, boolean_name

MAX_EXPANDED_NODES = 100_000
"""How many nodes a document may have once its aliases are written out; counted only where it has
aliases. A reader that expands them (go-yaml, every JSON converter) pays for each."""

NESTING_PROBLEM = "exceeded maximum nesting depth"
"""libyaml's own words where its scanner, which looks ahead, meets 1000 levels before we see 200
(PyYAML from 6.0.4 on)."""

KeyReader: TypeAlias = Callable[[str, str | None], tuple[str, object]]
"""Returns what a key that is tagged, or plain and perhaps not a string, is to Kubernetes: its name,
and the value that has that name. It gets the text of the key, and its tag."""


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
        for root, begin, marker_end in _documents(Columns(text), source, read_key):
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
    columns: Columns, source: str, read_key: KeyReader | None
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


def _root(next_event: Any, columns: Columns, source: str, read_key: KeyReader | None) -> int | None:
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
            style = (MAPPING if is_mapping else SEQUENCE) + bool(event.flow_style)
            row = columns.add(style, start, start, 0)
            stack.append(_Frame(row, event.anchor, {} if is_mapping else None))
            continue
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            frame = stack.pop()
            row, size, anchor = frame.row, frame.size, frame.anchor
            columns.links[row] = len(columns.kinds)
            # libyaml ends a block collection at the next token, which may be many lines on.
            is_flow = columns.kinds[row] in (FLOW_MAPPING, FLOW_SEQUENCE)
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
            row = columns.add(ALIAS, index, event.end_mark.index, target)
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


def _key(
    frame: _Frame,
    keys: dict[str | None, int],
    columns: Columns,
    row: int,
    source: str,
    read_key: KeyReader | None,
) -> None:
    is_alias = columns.kinds[row] == ALIAS
    if is_alias and columns.kinds[columns.links[row]] < ALIAS:
        columns.make_scalar(row)
    kind, tag = columns.kinds[row], columns.tags.get(row)
    if kind >= ALIAS:
        raise _refused(columns, row, source, "a key is a mapping or a list", "use a string")
    value = columns.value(row)
    frame.pending = row
    name: str | None = value
    said: object = value
    # Most keys are words.
    if tag is not None or (kind == PLAIN and (not value[:1].isalpha() or value in BOOLEANS)):
        if tag == BINARY:
            raise _refused(columns, row, source, "a key is tagged as binary", "write it as text")
        if value == "<<" and is_alias:
            reason = "an alias stands for the key <<"
            raise _refused(columns, row, source, reason, "write the key")
        if is_merge(ScalarNode(columns, row)):
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


def _refused(columns: Columns, row: int, source: str, reason: str, hint: str) -> DocumentError:
    return _error(columns.text, source, columns.starts[row], reason, hint)


def _said(columns: Columns, row: int, read_key: KeyReader | None) -> tuple[str, object]:
    """The name of a key to Kubernetes, and with its type the value that it is to yaml.v2.

    Without `read_key`, the value is how the key is written.
    """
    value, tag = columns.value(row), columns.tags.get(row)
    is_plain = columns.kinds[row] == PLAIN and tag is None
    if read_key is None:
        name = boolean_name(BOOLEANS[value]) if is_plain and value in BOOLEANS else value
        return name, value
    if tag is None and not is_plain:
        return value, value
    name, said = read_key(value, tag)
    return name, said if isinstance(said, str) else (type(said), said)


def _judge_repeated(
    frame: _Frame, columns: Columns, row: int, source: str, *, is_allowed: bool
) -> None:
    """Notes that a key is repeated, or refuses it, but for one whose values are written alike."""
    is_same = _is_same(columns.node(frame.repeated + 1), columns.node(row))
    key = ScalarNode(columns, frame.pending)
    if not is_allowed:
        if not is_same:
            raise _repeated(key.value, key, source)
    elif not is_merge(key):
        columns.mark(frame.repeated, ALIKE if is_same else OVERRIDDEN)
    elif not is_same:
        columns.mark(frame.repeated, MERGED)


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
