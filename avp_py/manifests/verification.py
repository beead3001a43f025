"""The check of an edited document: it is the old one with the given values, and nothing else."""

from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import zip_longest

from avp_py.errors import DocumentError
from avp_py.golang.documents import parse
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
from avp_py.manifests import additions
from avp_py.manifests.additions import Addition
from avp_py.manifests.duplicates import read_key
from avp_py.manifests.manifest import Manifest
from avp_py.manifests.replacement import REMOVED, FieldValue, is_removed
from avp_py.values import Number, Value


def verify(
    text: str,
    manifest: Manifest,
    result: str,
    values: Mapping[Node, FieldValue],
    new: Sequence[Addition],
) -> None:
    """Check that an edited document says what it should.

    Args:
        text: the text of the stream that holds the old document.
        manifest: the old document.
        result: the text of the edited one.
        values: what its scalars were replaced by.
        new: what was added.

    Raises:
        DocumentError: it does not, or its text would run into the next document.
    """
    try:
        (document,) = parse(result, manifest.label, read_key)
    except (DocumentError, ValueError):
        document = None
    root = None if document is None else document.root
    ignored = _new_keys(root, new)
    # What follows must still begin on its own line.
    joins = text.endswith("\n", manifest.start, manifest.end) and not result.endswith("\n")
    if (
        root is None
        or joins
        or ignored is None
        or not _Comparison(manifest.root, values, ignored).holds(manifest.root, root)
    ):
        raise DocumentError(
            "its text cannot be edited safely",
            hint="write the fields that hold placeholders in plain block style, without aliases",
        )


def _new_keys(root: Node | None, new: Sequence[Addition]) -> Set[Node] | None:
    """Return the keys by which an edited document differs; None if a new one is missing."""
    ignored: set[Node] = set()
    items = root.get("items") if isinstance(root, MappingNode) else None
    roots = [root, *(map(dereference, items.items) if isinstance(items, SequenceNode) else ())]
    for each in new:
        edited = roots[each.item] if each.item < len(roots) else None
        keys = additions.find(edited, each) if isinstance(edited, MappingNode) else None
        if keys is None:
            return None
        ignored |= keys
    return ignored


class _Comparison:
    """Whether a node is another one with the given values in the places of the given scalars."""

    def __init__(
        self, root: MappingNode, values: Mapping[Node, FieldValue], ignored: Set[Node]
    ) -> None:
        """Begin a comparison.

        Args:
            root: the old document.
            values: what replaces its scalars.
            ignored: keys of the old or the new document that are not compared.
        """
        self._values = values
        self._ignored = ignored
        self._targets = aliased(root)
        self._places: dict[Node, Node] = {}
        """What the new document has instead of what aliases stand for in the old one."""

    def holds(self, old: Node | None, new: Node | None) -> bool:
        """Return whether `new` is `old` with the values; None is nothing, which nothing is like."""
        if old is None or new is None:
            return False
        if isinstance(old, AliasNode) or isinstance(new, AliasNode):
            # What an alias stands for is compared at its anchor.
            return (
                isinstance(old, AliasNode)
                and isinstance(new, AliasNode)
                and self._places.get(old.target) == new.target
            )
        if old in self._targets:
            self._places[old] = new
        if old in self._values:
            value = self._values[old]
            return value is not REMOVED and _holds(new, value)
        match old, new:
            case ScalarNode(), ScalarNode():
                return (old.value, old.style, old.tag) == (new.value, new.style, new.tag)
            case SequenceNode(), SequenceNode():
                return all(self.holds(a, b) for a, b in zip_longest(old.items, new.items))
            case MappingNode(), MappingNode():
                return all(
                    a is not None
                    and b is not None
                    and a.is_overridden == b.is_overridden
                    and self._is_key(a.key, b.key)
                    and self.holds(a.value, b.value)
                    for a, b in zip_longest(self._kept(old), self._kept(new))
                )
        return False

    def _kept(self, mapping: MappingNode) -> Iterator[Entry]:
        for entry in mapping.entries:
            if entry.key not in self._ignored and not is_removed(entry, self._values):
                yield entry

    def _is_key(self, old: ScalarNode, new: ScalarNode) -> bool:
        if old in self._targets:
            self._places[old] = new
        return (old.value, old.tag) == (new.value, new.tag)


def _holds(node: Node, value: Value) -> bool:
    """Return whether a node that was written for a value says that value."""
    match value, node:
        case str(), ScalarNode():
            return node.value == value and node.style in ('"', "|") and node.tag is None
        case ((bool() | None | Number()), ScalarNode()):
            return node.style is None and node.tag is None
        case Mapping(), MappingNode():
            return [entry.key.value for entry in node.entries] == list(value) and all(
                _holds(entry.value, value[entry.key.value]) for entry in node.entries
            )
        case Sequence(), SequenceNode():
            return len(node.items) == len(value) and all(map(_holds, node.items, value))
    return False
