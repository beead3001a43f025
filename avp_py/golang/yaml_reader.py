"""YAML as sigs.k8s.io/yaml v1.3.0 (on gopkg.in/yaml.v2 v2.4.0) reads it, and JSON from it.

Sources: yaml.v2's decode.go (merge keys, aliases) and sigs.k8s.io/yaml's yaml.go (what becomes of
it in JSON). The parser is libyaml, of which yaml.v2 is a port; it is driven by events, as PyYAML's
composer overflows the C stack on deep nesting and knows other rules for merge keys. No error in
here carries a part of the text.
"""

import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # missing in its stubs
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    StreamEndEvent,
)
from yaml.reader import ReaderError

from avp_py.errors import AvpError
from avp_py.golang import gojson
from avp_py.golang.composer import NESTING_PROBLEM, takes_comma
from avp_py.golang.gojson import Float64
from avp_py.golang.nodes import MAX_DEPTH
from avp_py.golang.yaml_scalars import MERGE, Scalar, ScalarError, key_of, resolve
from avp_py.values import Value

MAX_ALIASED_CHARACTERS = 8 * 1024 * 1024
"""How many characters aliases may stand for altogether, as often as they are used."""

_Raw: TypeAlias = "Scalar | list[_Raw] | dict[str | None, _Raw]"
"""What yaml.v2 makes of a node. The key None stands for one that JSON cannot have."""


class YamlTextError(AvpError):
    """A text is not YAML that sigs.k8s.io/yaml would read; the message holds no content.

    Attributes:
        cause: the reason without the line.
        line: where in the text, from 1; 0 where that is not known.
    """

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        place = f"line {line}, column {column}" if column else f"line {line}"
        super().__init__(f"{reason} ({place})" if line else reason)
        self.cause = reason
        self.line = line


def read(text: str) -> Value:
    """Reads the first document of a YAML text.

    Numbers come as json.Marshal would write them, integers with all of their digits (AVP rounds
    beyond 2**53). Timestamps stay text. Of equal keys the last wins.

    Args:
        text: the text; an empty one is null.

    Raises:
        YamlTextError: the text is not YAML, to libyaml or to yaml.v2, nests deeper than MAX_DEPTH
            (aliases written out), has aliases that expand too far, or says what JSON cannot:
            infinity, NaN, a key that is null, a list or a mapping.
    """
    root = _compose(text)
    if root is None:
        return None
    decoder = _Decoder()
    return decoder.finish(decoder.decode(root, 0))


@dataclass(eq=False)
class _Leaf:
    """A scalar; `implicit` says that it is plain and has no tag."""

    value: str
    tag: str | None
    implicit: bool
    line: int


@dataclass(eq=False)
class _Branch:
    """A sequence, or a mapping whose keys and values take turns."""

    mapping: bool
    line: int
    children: "list[_Node]" = field(default_factory=list)


@dataclass(eq=False)
class _Alias:
    target: "_Leaf | _Branch"
    line: int


_Node: TypeAlias = _Leaf | _Branch | _Alias


def _compose(text: str) -> _Node | None:
    """The root of the first document, or None where there is no document."""
    line = column = 0
    try:
        return _read_events(text)
    except UnicodeEncodeError:
        problem = "it is not Unicode text"
    except ReaderError as error:
        line = text.encode()[: error.position].count(b"\n") + 1
        problem = "not YAML: a character that is not allowed"
    except yaml.MarkedYAMLError as error:
        # libyaml's own messages are fixed texts: no input is in them.
        mark = error.problem_mark or error.context_mark
        problem = f"not YAML: {error.problem}"
        if error.problem == NESTING_PROBLEM:
            problem = f"it nests deeper than {MAX_DEPTH} levels"
        if mark is not None:
            line, column = mark.line + 1, mark.column + 1
    # Raised out here, so that no error of another library is its context.
    raise YamlTextError(problem, line, column)


def _read_events(text: str) -> _Node | None:
    parser: Any = CParser(text)
    anchors: dict[str, _Leaf | _Branch] = {}
    open_branches: list[_Branch] = []
    root: _Node | None = None
    while True:
        event = parser.get_event()
        if isinstance(event, DocumentEndEvent | StreamEndEvent):
            return root
        if isinstance(event, CollectionEndEvent):
            open_branches.pop()
        if not isinstance(event, NodeEvent):
            continue
        _refuse_comma(event, text)
        node = _node(event, anchors)
        if open_branches:
            open_branches[-1].children.append(node)
        else:
            root = node
        if isinstance(node, _Branch):
            open_branches.append(node)
            if len(open_branches) > MAX_DEPTH:
                raise _too_deep(node.line)


def _refuse_comma(event: Any, text: str) -> None:
    """Refuse a tag that yaml.v2 ends after a comma and what follows it, up to a space.

    libyaml ends it before the comma since 0.2.5, with an empty scalar.
    """
    is_empty = isinstance(event, ScalarEvent) and event.tag is not None and not event.value
    if is_empty and takes_comma(text, event.end_mark.index):
        raise YamlTextError("a tag with a comma right after it", event.start_mark.line + 1)


def _node(event: Any, anchors: dict[str, _Leaf | _Branch]) -> _Node:
    """The node of an event; an anchor's node is known from here on, its own inside included."""
    line: int = event.start_mark.line + 1
    if isinstance(event, AliasEvent):
        if event.anchor not in anchors:
            raise YamlTextError("an alias has no anchor before it", line)
        return _Alias(anchors[event.anchor], line)
    node: _Leaf | _Branch
    if isinstance(event, ScalarEvent):
        node = _Leaf(event.value, event.tag, event.implicit[0], line)
    else:
        node = _Branch(isinstance(event, MappingStartEvent), line)
    if event.anchor is not None:
        anchors[event.anchor] = node
    return node


class _Decoder:
    """Source: yaml.v2 v2.4.0, decode.go, for a target of the type interface{}."""

    def __init__(self) -> None:
        self._decoded = 1  # yaml.v2 counts the document, too.
        self._aliased = 0
        self._alias_depth = 0
        self._characters = MAX_ALIASED_CHARACTERS
        self._infinity_line = self._key_line = 0

    def decode(self, node: _Node, depth: int) -> _Raw:
        self._count(node)
        if isinstance(node, _Alias):
            self._alias_depth += 1
            result = self.decode(node.target, depth)
            self._alias_depth -= 1
            return result
        if isinstance(node, _Leaf):
            return self._resolve(node)
        if depth >= MAX_DEPTH:
            # An alias inside of its own anchor ends here.
            raise _too_deep(node.line)
        if node.mapping:
            mapping: dict[str | None, _Raw] = {}
            self._fill(mapping, node, depth)
            return mapping
        return [self.decode(child, depth + 1) for child in node.children]

    def _count(self, node: _Node) -> None:
        self._decoded += 1
        if self._alias_depth:
            self._aliased += 1
            self._characters -= len(node.value) if isinstance(node, _Leaf) else 0
        if (
            self._aliased > _FREE_ALIASED
            and self._decoded > _FREE_DECODED
            and self._aliased / self._decoded > _allowed_alias_ratio(self._decoded)
        ) or self._characters < 0:
            raise YamlTextError("the aliases expand too far", node.line)

    def _fill(self, mapping: dict[str | None, _Raw], node: _Branch, depth: int) -> None:
        """Puts a mapping's entries into `mapping`; a merge overrides what stands before it."""
        if depth >= MAX_DEPTH:
            raise _too_deep(node.line)
        for key, value in zip(node.children[::2], node.children[1::2], strict=True):
            if isinstance(key, _Leaf) and _is_merge(key):
                self._merge(mapping, value, depth)
            else:
                name = self.decode(key, depth + 1)
                if isinstance(name, list | dict):
                    raise YamlTextError("a key is a list or a mapping", key.line)
                known = key_of(name)
                if known is None:
                    self._key_line = self._key_line or key.line
                mapping[known] = self.decode(value, depth + 1)

    def _merge(self, mapping: dict[str | None, _Raw], value: _Node, depth: int) -> None:
        sources = value.children if isinstance(value, _Branch) and not value.mapping else [value]
        # From the last to the first, as earlier ones take precedence.
        for source in reversed(sources):
            target = source.target if isinstance(source, _Alias) else source
            if not isinstance(target, _Branch) or not target.mapping:
                reason = "a merge key (<<) wants a mapping, or a list of mappings"
                raise YamlTextError(reason, source.line)
            self._count(source)
            if isinstance(source, _Alias):
                self._alias_depth += 1
                self._count(target)
            self._fill(mapping, target, depth + 1)
            if isinstance(source, _Alias):
                self._alias_depth -= 1

    def _resolve(self, node: _Leaf) -> Scalar:
        try:
            value = resolve(node.value, node.tag, implicit=node.implicit)
        except ScalarError as error:
            raise YamlTextError(str(error), node.line) from None
        if isinstance(value, float) and not math.isfinite(value):
            self._infinity_line = self._infinity_line or node.line
        return value

    def finish(self, raw: _Raw) -> Value:
        """The value, as it comes out of JSON."""
        match raw:
            case bool() | str() | Float64() | None:
                return raw
            case int():
                return Float64(str(raw))
            case float():
                if not math.isfinite(raw):
                    reason = "it holds infinity or NaN, which JSON cannot say"
                    raise YamlTextError(reason, self._infinity_line)
                return Float64(gojson.write_float(raw))
            case list():
                return [self.finish(item) for item in raw]
            case dict():
                return {self._known(key): self.finish(item) for key, item in raw.items()}

    def _known(self, key: str | None) -> str:
        if key is None:
            reason = "it holds a key that is null or beyond 64 bits, which JSON cannot have"
            raise YamlTextError(reason, self._key_line)
        return key


_FREE_ALIASED, _FREE_DECODED = 100, 1000
_FEW_DECODED, _MANY_DECODED = 400_000, 4_000_000


def _allowed_alias_ratio(decoded: int) -> float:
    """Which share of the nodes may come from aliases."""
    excess = min(max(decoded - _FEW_DECODED, 0) / (_MANY_DECODED - _FEW_DECODED), 1)
    return 0.99 - 0.89 * excess


def _too_deep(line: int) -> YamlTextError:
    return YamlTextError(f"it nests deeper than {MAX_DEPTH} levels", line)


def _is_merge(key: _Leaf) -> bool:
    return key.value == "<<" and (key.implicit or key.tag == MERGE)
