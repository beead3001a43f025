"""Aliases (`*base`) of text with placeholders, written out where they do not share its fate.

What text becomes depends on its position: in a key, or below a list in a list, it stays as it
is, and where its value is missing, it may be removed. An alias can be where its anchor could not.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from avp_py.errors import DocumentError
from avp_py.golang.documents import Document
from avp_py.golang.nodes import (
    AliasNode,
    Entry,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    dereference,
)
from avp_py.golang.walks import aliased
from avp_py.golang.yaml_text import quoted
from avp_py.manifests.head import decode_base64
from avp_py.manifests.packed import LAYERS
from avp_py.manifests.placeholders import read_encoded, read_template
from avp_py.manifests.walk import Visit, walk

MAX_ADDED: Final = 8 * 1024 * 1024
"""How many characters a text may grow by. Kubernetes refuses objects beyond 1.5 MiB."""

_BARE = re.compile(r"~|[-+.~]*\w[-+.~\w]*", re.ASCII)
"""What a plain scalar holds that stays plain in braces; all others are text, and can be quoted."""

_LONG_KEY = 100
"""How long a key is that gets a `?`, without which YAML seeks its colon in 1024 characters only."""


def write_out(text: str, documents: Sequence[Document], source: str) -> str:
    """Return the text without those aliases that what is filled in at their anchor would not fit.

    Args:
        text: a text of YAML documents.
        documents: its documents.
        source: what to call it in errors.

    Raises:
        DocumentError: the text would grow beyond MAX_ADDED.
    """
    pieces: list[str] = []
    position = 0
    left = MAX_ADDED
    for document in documents:
        for node in _misfits(text, document):
            pieces.append(text[position : node.start])
            for piece in _flow(node.target if isinstance(node, AliasNode) else node):
                left -= len(piece)
                if left < 0:
                    raise DocumentError(
                        f"{source}: its aliases expand too far", hint="write it without aliases"
                    )
                pieces.append(piece)
            position = node.end
    return "".join([*pieces, text[position:]])


def _misfits(text: str, document: Document) -> "Iterator[AliasNode | ScalarNode]":
    """Yield the aliases of a document that are to be written out, those that are keys too."""
    if document.root is None:
        return
    targets = aliased(document.root)
    is_key = text.find("*", document.start, document.end) >= 0
    if targets or is_key:
        yield from _Finder(text, document, targets).misfits(document.root)


class _Finder:
    """Finds the aliases that are to be written out."""

    def __init__(self, text: str, document: Document, targets: set[Node]) -> None:
        self._text = text
        self._removes = text.find("remove-missing", document.start, document.end) >= 0
        self._targets = targets
        root = document.root
        self._items = root.get("items") if isinstance(root, MappingNode) else None
        self._states: dict[Node, tuple[bool, int]] = {}
        """Whether a target can hold placeholders, and in which item of a list it is."""
        self._holds: dict[Node, bool] = {}
        """Whether a target holds placeholders."""

    def misfits(self, root: Node) -> Iterator[AliasNode | ScalarNode]:
        """Yield the aliases below a node that are to be written out, in the order of the text."""
        states: list[tuple[bool, int]] = []
        """Of each collection that a node is in, whether it can hold placeholders, and in which item
        of a list it is: an item has its own annotations."""
        for visit in walk(root, keys=True, overridden=True):
            node = visit.node
            if visit.is_key:
                # An alias that is a key has become the scalar that it stands for.
                is_alias = self._text.startswith("*", node.start)
                if isinstance(node, ScalarNode) and is_alias and self._holds_placeholders(node):
                    yield node
                continue
            del states[visit.depth :]
            state = self._state(visit, states[-1] if states else (True, 0))
            states.append(state)
            if node in self._targets:
                self._states[node] = state
            if isinstance(node, AliasNode):
                fits = self._states.get(node.target) == state and not self._removes
                if not fits and self._holds_placeholders(node.target):
                    yield node

    def _state(self, visit: Visit, above: tuple[bool, int]) -> tuple[bool, int]:
        if not isinstance(visit.parent, SequenceNode) or visit.place is None:
            return above
        is_sought, number = above
        is_list = isinstance(dereference(visit.node), SequenceNode)
        if visit.parent == self._items and isinstance(visit.place.part, int):
            number = visit.place.part + 1
        return is_sought and not is_list, number

    def _holds_placeholders(self, node: Node) -> bool:
        """Return whether placeholders are in a node. Many aliases can stand for one."""
        known = self._holds.get(node)
        if known is None:
            known = self._holds[node] = self._look(node)
        return known

    def _look(self, node: Node) -> bool:
        match node:
            case ScalarNode():
                return "<" in node.value or _holds_packed(node.value)
            case AliasNode():
                return self._holds_placeholders(node.target)
            case SequenceNode():
                return any(map(self._holds_placeholders, node.items))
            case MappingNode():
                parts = (part for entry in node.entries for part in entry)
                return any(map(self._holds_placeholders, parts))


def _holds_packed(text: str) -> bool:
    """Return whether placeholders are in base64 in a text, if that is in a Secret."""
    decoded = decode_base64(text)
    if decoded is not None:
        return read_encoded(decoded, generic=True) is not None
    return read_template(text, generic=True, layers=LAYERS) is not None


def _flow(node: Node) -> Iterator[str]:
    """Yield the pieces of a node on one line, without aliases and anchors."""
    match node:
        case ScalarNode():
            yield _scalar(node)
        case AliasNode():
            yield from _flow(node.target)
        case SequenceNode():
            yield "["
            for number, item in enumerate(node.items):
                yield ", " if number else ""
                yield from _flow(item)
            yield "]"
        case MappingNode():
            yield "{"
            for number, entry in enumerate(node.entries):
                yield (", " if number else "") + f"{_key(entry)}: "
                yield from _flow(entry.value)
            yield "}"


def _scalar(scalar: ScalarNode) -> str:
    tag = ""
    if scalar.tag is not None:
        tag = "! " if scalar.tag == "!" else f"!<{scalar.tag}> "
    if scalar.style is None and not scalar.value and not tag:
        return "null"
    is_bare = scalar.style is None and _BARE.fullmatch(scalar.value)
    return tag + (scalar.value if is_bare else quoted(scalar.value))


def _key(entry: Entry) -> str:
    if entry.is_merge:
        return "<<"
    written = _scalar(entry.key)
    return f"? {written} " if len(written) > _LONG_KEY else written
