"""From YAML text to nodes.

The parser is libyaml 0.2.5 (through PyYAML), whose grammar is the one that go-yaml, and with it
Argo CD and Kubernetes, reads. It is driven by events, not by PyYAML's composer: the composer
overflows the C stack on deep nesting, forgets where an alias is, and drops all but the last of
equal keys.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

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

from avp_py.golang.columns import ALIAS, FLOW_MAPPING, FLOW_SEQUENCE, MAPPING, SEQUENCE, Columns
from avp_py.golang.keys import KeyChecks, Keys
from avp_py.golang.nodes import MAX_DEPTH
from avp_py.golang.yaml_error import TOO_DEEP, YamlTextError, at, translate

MAX_EXPANDED_NODES = 100_000
"""How many nodes a document may have once its aliases are written out; counted only where it has
aliases. A reader that expands them (go-yaml, every JSON converter) pays for each."""


class Composed(NamedTuple):
    """A document as it was composed.

    Attributes:
        root: the row of its node, or None where it holds nothing but comments.
        start: where its `---` is, or where it begins.
        marker_end: just after its `---`; None where it has none.
    """

    root: int | None
    start: int
    marker_end: int | None


class _Frame:
    """A collection that is being read.

    Attributes:
        row: its row.
        keys: the keys of a mapping that are checked, else None.
        is_anchored: whether it has an anchor.
        last: the row of the last value or item; its own where there is none.
        size: how many nodes it has once its aliases are written out.
    """

    __slots__ = ("is_anchored", "keys", "last", "row", "size")

    def __init__(self, row: int, keys: Keys | None, *, is_anchored: bool) -> None:
        self.row = row
        self.keys = keys
        self.is_anchored = is_anchored
        self.last = row
        self.size = 1


def compose(
    columns: Columns, checks: KeyChecks | None = None, parsed: str | None = None
) -> Iterator[Composed]:
    """Compose the documents of a text, one after the other.

    Args:
        columns: the text, without a byte order mark, and no nodes yet.
        checks: the checks of its keys. Without them every key is accepted, and so are directives
            and aliases that expand beyond MAX_EXPANDED_NODES.
        parsed: what is parsed in place of the text, of the same length.

    Raises:
        YamlTextError: the text is not YAML, nests deeper than MAX_DEPTH, or fails a check.
    """
    problem: YamlTextError | None = None
    try:
        yield from _documents(columns, checks, columns.text if parsed is None else parsed)
    except UnicodeEncodeError:
        problem = YamlTextError("it is not Unicode text")
    except yaml.YAMLError as error:
        problem = translate(error, columns.text)
    if problem is not None:
        # Raised out here, so that no error of another library is its context.
        raise problem


def _documents(columns: Columns, checks: KeyChecks | None, text: str) -> Iterator[Composed]:
    parser: Any = CParser(text)
    while parser.check_event():
        event = parser.get_event()
        kind = type(event)
        if kind is DocumentStartEvent:
            start = event.start_mark.index
            if checks is not None and (event.version or event.tags):
                reason = "a %YAML or %TAG directive"
                hint = "remove it: the readers of Kubernetes do not accept directives"
                raise at(columns.text, start, reason, hint)
            marker_end = event.end_mark.index if event.explicit else None
            yield Composed(_root(parser.get_event, columns, checks), start, marker_end)
        # Stream start and end, and a document's end, say nothing that is needed here.


# One loop without calls for the usual events: it runs for every event of every document.
def _root(  # noqa: C901, PLR0912, PLR0915
    next_event: Callable[[], Any], columns: Columns, checks: KeyChecks | None
) -> int | None:
    """Read the events of one document up to its end and return the row of its node."""
    stack: list[_Frame] = []
    anchors: dict[str, int] = {}
    sizes: dict[int, int] = {}
    root: int | None = None
    is_limited = False
    while True:
        event = next_event()
        kind = type(event)
        size = 1
        if kind is ScalarEvent:
            row = columns.add_scalar(event)
            if event.anchor is not None:
                anchors[event.anchor] = row
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            start = event.start_mark.index
            if len(stack) >= MAX_DEPTH:
                raise at(columns.text, start, TOO_DEEP)
            is_mapping = kind is MappingStartEvent
            style = (MAPPING if is_mapping else SEQUENCE) + bool(event.flow_style)
            row = columns.add(style, start, start, 0)
            if event.anchor is not None:
                anchors[event.anchor] = row
            keys = Keys(checks) if is_mapping and checks is not None else None
            stack.append(_Frame(row, keys, is_anchored=event.anchor is not None))
            continue
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            frame = stack.pop()
            row, size = frame.row, frame.size
            columns.links[row] = len(columns.kinds)
            # libyaml ends a block collection at the next token, which may be many lines on.
            is_flow = columns.kinds[row] in (FLOW_MAPPING, FLOW_SEQUENCE)
            columns.ends[row] = event.end_mark.index if is_flow else columns.ends[frame.last]
            if frame.is_anchored:
                sizes[row] = size
        elif kind is AliasEvent:
            is_limited = checks is not None
            target = _target(event, columns, anchors)
            size = sizes.get(target, 1)
            row = columns.add(ALIAS, event.start_mark.index, event.end_mark.index, target)
        elif kind is DocumentEndEvent:
            return root
        else:  # pragma: no cover - the parser ends each document before the stream
            raise AssertionError(kind)

        if not stack:
            root = row
            continue
        frame = stack[-1]
        frame.size += size
        if is_limited and frame.size > MAX_EXPANDED_NODES:
            reason = f"its aliases expand to more than {MAX_EXPANDED_NODES} nodes"
            place = columns.starts[frame.row]
            raise at(columns.text, place, reason, "write the document without aliases")
        keys = frame.keys
        if keys is None:
            frame.last = row
        elif not keys.pending:
            keys.add_key(row)
        else:
            if keys.repeated:
                keys.judge_value(row)
            keys.pending = 0
            frame.last = row


def _target(event: Any, columns: Columns, anchors: dict[str, int]) -> int:
    """Return the row that an alias stands for.

    Raises:
        YamlTextError: there is none, or it is a collection that the alias is in.
    """
    target = anchors.get(event.anchor)
    if target is None or (columns.kinds[target] >= MAPPING and not columns.links[target]):
        # Its name is not shown: it may be a password that begins with * and lacks quotes.
        reason = "an alias (*) has no anchor before it"
        hint = "put a text that begins with * in quotes"
        raise at(columns.text, event.start_mark.index, reason, hint)
    return target
