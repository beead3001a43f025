"""Aliases (`*base`) of text with placeholders, written out where they do not share its fate.

What text becomes depends on where it stands: in a key, or below a list in a list, it stays as it
is, and where its value is missing, it may be removed. An alias can stand where its anchor does not.
"""

import re
from collections.abc import Iterator, Sequence

from avp_py.errors import DocumentError
from avp_py.manifests.head import decode_base64
from avp_py.manifests.placeholders import has_generic_match
from avp_py.manifests.scalars import quoted
from avp_py.nodes import (
    AliasNode,
    Document,
    Entry,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    resolve,
)

MAX_ADDED = 8 * 1024 * 1024
"""How many characters a text may grow by. Kubernetes refuses objects beyond 1.5 MiB."""

_BARE = re.compile(r"~|[-+.~\w]*\w[-+.~\w]*", re.ASCII)
"""What a plain scalar holds that stays plain in braces; all others are text, and can be quoted."""

_LONG_KEY = 100
"""How long a key is that gets a `?`, without which YAML seeks its colon in 1024 characters only."""


def write_out(text: str, documents: Sequence[Document], source: str) -> str:
    """The text without those aliases that what is filled in at their anchor would not fit.

    Args:
        text: a text of YAML documents.
        documents: its documents.
        source: what to call it in errors.

    Raises:
        DocumentError: the text would grow beyond MAX_ADDED.
    """
    pieces: list[str] = []
    position = added = 0
    for document in documents:
        if document.root is None or text.find("*", document.start, document.end) < 0:
            continue
        for start, end, node in _Finder(text, document).misfits():
            written = _flow(node)
            added += len(written)
            if added > MAX_ADDED:
                raise DocumentError(
                    f"{source}: its aliases expand too far", hint="write it without aliases"
                )
            pieces += (text[position:start], written)
            position = end
    return "".join([*pieces, text[position:]])


class _Finder:
    """Finds the aliases that are to be written out."""

    def __init__(self, text: str, document: Document) -> None:
        self._text = text
        self._root = document.root
        self._removes = text.find("remove-missing", document.start, document.end) >= 0
        self._places: dict[int, bool] = {}

    def misfits(self) -> Iterator[tuple[int, int, Node]]:
        """Each with its start, its end, and what it stands for, in the order of the text."""
        if self._root is not None:
            yield from self._seek(self._root, True)

    def _seek(self, node: Node, sought: bool) -> Iterator[tuple[int, int, Node]]:
        """Seeks below a node; `sought` says whether placeholders are sought there."""
        match node:
            case AliasNode():
                fits = self._places.get(id(node.target)) is sought and not self._removes
                if not fits and _holds_placeholders(node.target):
                    yield node.start, node.end, node.target
            case ScalarNode():
                self._places[id(node)] = sought
            case SequenceNode():
                self._places[id(node)] = sought
                for item in node.items:
                    is_list = isinstance(resolve(item), SequenceNode)
                    yield from self._seek(item, sought and not is_list)
            case MappingNode():
                self._places[id(node)] = sought
                for key, value in node.entries:
                    if self._text.startswith("*", key.start) and _holds_placeholders(key):
                        yield key.start, key.end, key
                    yield from self._seek(value, sought)


def _holds_placeholders(node: Node) -> bool:
    match node:
        case ScalarNode():
            decoded = decode_base64(node.value)
            return "<" in node.value or (decoded is not None and has_generic_match(decoded))
        case AliasNode():
            return _holds_placeholders(node.target)
        case SequenceNode():
            return any(map(_holds_placeholders, node.items))
        case MappingNode():
            return any(_holds_placeholders(part) for entry in node.entries for part in entry)


def _flow(node: Node) -> str:
    """The node on one line, without aliases and anchors."""
    match node:
        case ScalarNode():
            return _scalar(node)
        case AliasNode():
            return _flow(node.target)
        case SequenceNode():
            return "[" + ", ".join(map(_flow, node.items)) + "]"
        case MappingNode():
            pairs = (f"{_key(each)}: {_flow(each.value)}" for each in node.entries)
            return "{" + ", ".join(pairs) + "}"


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
