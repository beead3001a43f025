"""Reads the YAML files of an operator strictly: every error has line and column.

No message shows a value.
"""

from collections.abc import Collection
from typing import ClassVar

from avp_py.errors import DocumentError, did_you_mean
from avp_py.golang.documents import parse
from avp_py.golang.lines import line_and_column, position
from avp_py.golang.nodes import Entry, MappingNode, Node, ScalarNode, SequenceNode, dereference


class DocumentReader:
    """The base of what reads one file.

    Attributes:
        shows_keys: whether errors show an unknown key: not where one may be a credential that a
            colon follows.
    """

    shows_keys: ClassVar[bool] = True

    def __init__(self, text: str, source: str) -> None:
        """Read nothing yet.

        Args:
            text: the content of the file, without a byte order mark.
            source: what to call the file in errors.
        """
        self._text = text
        self._source = source

    def _root(self, what: str, advice: str) -> Node:
        """Return the node of the file's one document.

        Args:
            what: what the file is, as `policy`.
            advice: what to do about an empty one.

        Raises:
            DocumentError: it is not YAML, or not one document.
        """
        documents = parse(self._text, self._source)
        roots = [each.root for each in documents if each.root is not None]
        if not roots or (isinstance(roots[0], ScalarNode) and roots[0].is_null):
            raise DocumentError(f"the {what} {self._source} is empty", hint=advice)
        if len(roots) > 1:
            raise self._error(roots[1], "a second document", f"a {what} is one document")
        return roots[0]

    def _mapping(self, node: Node, known: Collection[str], what: str) -> dict[str, Entry]:
        mapping = dereference(node)
        if not isinstance(mapping, MappingNode):
            raise self._error(node, f"{what} is a mapping", f"its keys: {', '.join(known)}")
        for entry in mapping.entries:
            key = entry.key.value
            if key not in known:
                unknown = f"no key {key[:80]!r}" if self.shows_keys else "an unknown key"
                raise self._error(
                    entry.key,
                    f"{what} has {unknown}",
                    did_you_mean(key, known) or f"its keys: {', '.join(known)}",
                )
        if not mapping.entries:
            raise self._error(node, f"{what} with nothing in it", f"its keys: {', '.join(known)}")
        return {entry.key.value: entry for entry in mapping.entries}

    def _items(self, node: Node, key: str) -> tuple[Node, ...]:
        items = dereference(node)
        if not isinstance(items, SequenceNode):
            raise self._error(node, f"{key} is a list", f"write it as {key}: [one, another]")
        if not items.items:
            raise self._error(
                node, f"{key} is an empty list", "write an item, or leave the key out"
            )
        return tuple(items.items)

    def _text_of(self, node: Node, key: str) -> str:
        scalar = dereference(node)
        if not isinstance(scalar, ScalarNode) or not scalar.value or scalar.is_null:
            raise self._error(
                node, f"{key}: expected a string", "put what begins with { or * in quotes"
            )
        return scalar.value

    def _flag(self, node: Node, key: str) -> bool:
        word = self._text_of(node, key)
        if word not in ("true", "false"):
            raise self._error(node, f"{key}: expected true or false", "write it without quotes")
        return word == "true"

    def _line(self, node: Node) -> int:
        return line_and_column(self._text, node.start)[0]

    def _error(self, node: Node, reason: str, hint: str) -> DocumentError:
        where = position(self._text, node.start)
        return DocumentError(f"{self._source}, {where}: {reason}", hint=hint)
