"""Objects as Kubernetes sees them: kind, name, our annotations, and where placeholders are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

from avp_py.errors import DocumentError, Failures
from avp_py.golang.documents import Document
from avp_py.golang.lines import Lines
from avp_py.golang.nodes import MappingNode, Node, ScalarNode, SequenceNode, dereference
from avp_py.manifests.head import (
    PREFIX,
    Annotations,
    Head,
    decode_base64,
    kind_of_item,
    read_head,
    text_of,
)
from avp_py.manifests.packed import LAYERS
from avp_py.manifests.placeholders import Packed, Template, read_encoded, read_template
from avp_py.manifests.walk import Place, Visit, walk


class Origin(NamedTuple):
    """What a document was written in.

    Attributes:
        file: a file, or `standard input`; empty where that is not known.
        lines: its lines; None where they are not known.
    """

    file: str = ""
    lines: Lines | None = None

    def line(self, index: int) -> int:
        """Return the line that an index of the text is on, from 1; 0 where that is not known."""
        return 0 if self.lines is None else self.lines.number(index)


@dataclass(frozen=True, slots=True)
class Field:
    """A scalar that holds placeholders.

    Attributes:
        scalar: the scalar.
        place: where it is in the document.
        template: its text in parts; of the decoded text where `encoded`.
        encoded: whether all of it is base64, in a Secret.
        parent: the mapping that it is a value of, or None for an item of a list.
    """

    scalar: ScalarNode
    place: Place
    template: Template
    encoded: bool
    parent: MappingNode | None

    @property
    def path(self) -> str:
        """Its path in the document, as `data.url` or `spec.args[0]`."""
        return str(self.place)

    def places(self) -> Sequence[tuple[int, bool]]:
        """Return where each placeholder is in the text, and whether it was found inside base64.

        One in base64 is where the word of base64 begins. One that is written otherwise in the text,
        as in escapes, and those after it are where the one before is, or where the scalar begins.
        """
        text, end = self.scalar.columns.text, self.scalar.end
        found = position = self.scalar.start
        places: list[tuple[int, bool]] = []
        for part in self.template.parts:
            if isinstance(part, str):
                continue
            if position >= 0:
                position = text.find(part.text, position, end)
            if position >= 0:
                found = position
                position += len(part.text)
            if isinstance(part, Packed):
                places += [(found, True)] * len(part.template.placeholders)
            else:
                places.append((found, self.encoded))
        return places


@dataclass(frozen=True)
class Manifest:
    """An object of Kubernetes: a document, or an item of one that is a list.

    Attributes:
        root: its node.
        document: where the text of its document begins in the stream.
        item: the number of the item, from 1; 0 for a document.
        start: where its own text begins.
        end: where its own text ends.
        kind: its kind.
        label: what to call it in errors: kind, namespace/name, where it was read.
        origin: what it was written in.
        annotations: ours.
        fields: the scalars that hold placeholders; none where it is ignored.
        imports: whether all keys of a secret are to be added to it.
        is_list: whether Kubernetes' clients take it for a list of further objects.
        decides_kind: whether a placeholder decides its kind, or whether it is a list.
        items: the nodes of those of its items that are manifests of their own.
    """

    root: MappingNode
    document: int
    item: int
    start: int
    end: int
    kind: str
    label: str
    origin: Origin
    annotations: Annotations
    fields: tuple[Field, ...]
    imports: bool
    is_list: bool
    decides_kind: bool
    items: Set[Node] = frozenset()

    @property
    def import_start(self) -> int:
        """Where the value of the annotation `import` is in the text."""
        found = _import_of(self.root)
        return self.start if found is None else found.start


def read_manifests(
    document: Document, text: str, where: str, origin: Origin, failures: Failures
) -> Sequence[Manifest]:
    """Read a document of a stream.

    Argo CD splits a document with items (GenerateManifests in its
    reposerver/repository/repository.go, v3.2), but not a list that is an item. So each item is a
    manifest, and what is left of the list is one.

    Args:
        document: the document.
        text: the text of the whole stream.
        where: what to call the document's place, as `document 3 of standard input`.
        origin: what it was written in.
        failures: collects the items that cannot be used.

    Returns:
        The manifest, followed by those of its items that can be used. There is none for a document
        that holds nothing.

    Raises:
        DocumentError: the document is not a mapping, has no kind, or one of our annotations is not
            a string or is on a kind that it does not fit.
    """
    root = document.root
    if root is None or (isinstance(root, ScalarNode) and root.is_null):
        return ()
    if not isinstance(root, MappingNode):
        what = "a list" if isinstance(root, SequenceNode) else "a single value"
        raise DocumentError(
            f"{where}, {document.lines.position(root.start)}: the document is {what}, not a "
            "mapping",
            hint="a manifest begins with apiVersion, kind and metadata",
        )
    head = read_head(root, document.lines, where)
    items = _items(root, head.kind) if head.is_list else {}
    manifests = [_manifest(document, text, origin, root, head, items=items)]
    for item, (number, kind) in items.items():
        with failures.catch():
            head = read_head(
                item,
                document.lines,
                f"{where}, item {number}",
                kind_above=kind,
                above=manifests[0].annotations,
            )
            manifests.append(_manifest(document, text, origin, item, head, number))
    return manifests


def _items(root: MappingNode, kind: str) -> Mapping[MappingNode, tuple[int, str]]:
    """Return the items of a list that are objects, with their numbers and kinds.

    One that is in the list several times, by aliases, is there once.
    """
    items = root.get("items")
    found: dict[MappingNode, tuple[int, str]] = {}
    for number, each in enumerate(items.items if isinstance(items, SequenceNode) else (), 1):
        item = dereference(each)
        if isinstance(item, MappingNode) and (kind_of := kind_of_item(item, kind)):
            found.setdefault(item, (number, kind_of))
    return found


def _manifest(
    document: Document,
    text: str,
    origin: Origin,
    root: MappingNode,
    head: Head,
    item: int = 0,
    items: Iterable[Node] = (),
) -> Manifest:
    kind, label, annotations = head.kind, head.label, head.annotations
    is_plain_text = kind in ("Secret", "ConfigMap")
    if annotations.remove_missing and not annotations.ignore and not is_plain_text:
        raise DocumentError(
            f"{label}: {PREFIX}remove-missing works on Secrets and ConfigMaps only",
            hint="remove the annotation",
        )
    if annotations.imported is not None and not annotations.ignore and not is_plain_text:
        raise DocumentError(
            f"{label}: {PREFIX}import works on Secrets and ConfigMaps only",
            hint="remove the annotation",
        )
    own_items = frozenset(items)
    span = (root.start, root.end) if item else (document.start, document.end)
    fields: tuple[Field, ...] = ()
    if not annotations.ignore and _may_hold_placeholders(text, span, kind):
        generic = annotations.path is not None
        finder = _Finder(own_items, generic=generic, secret=kind == "Secret")
        fields = tuple(finder.fields(root))
    return Manifest(
        root,
        document.start,
        item,
        *span,
        kind,
        label,
        origin,
        annotations,
        fields,
        imports=annotations.imported is not None and not annotations.ignore,
        is_list=head.is_list,
        decides_kind=_decides_kind(root, fields),
        items=own_items,
    )


def _decides_kind(root: MappingNode, fields: Sequence[Field]) -> bool:
    decisive = [root.get("kind"), root.get("items")] if fields else ()
    return any(field.scalar == node for field in fields for node in decisive)


def _import_of(node: Node) -> Node | None:
    """Return the value of an object's annotation `import`, or None."""
    found: Node | None = dereference(node)
    for key in ("metadata", "annotations", PREFIX + "import"):
        found = found.get(key) if isinstance(found, MappingNode) else None
    return found


def _may_hold_placeholders(text: str, span: tuple[int, int], kind: str) -> bool:
    """Return whether placeholders are possible: a cheap check that saves the walk.

    A `<` can also be hidden by an escape, or in base64, which a tag can announce.
    """
    return kind == "Secret" or any(text.find(each, *span) >= 0 for each in ("<", "\\", "!"))


class _Finder:
    """Finds placeholders where AVP does: in map values, and in strings directly in lists.

    Not in keys, and not below a list in a list (replaceInner in AVP's pkg/kube/util.go).
    """

    def __init__(self, items: Set[Node], *, generic: bool, secret: bool) -> None:
        self._items = items
        self._generic = generic
        self._secret = secret
        self._templates: dict[str, Template] = {}
        """What was read already: many fields may hold the same."""

    def fields(self, root: MappingNode) -> Iterator[Field]:
        """Yield the fields of a manifest."""
        for visit in walk(root, self._is_entered):
            if isinstance(visit.node, ScalarNode):
                yield from self._field(visit.node, visit)

    def _is_entered(self, visit: Visit) -> bool:
        if visit.node in self._items:
            return False
        is_list = isinstance(visit.node, SequenceNode)
        return not (is_list and isinstance(visit.parent, SequenceNode))

    def _field(self, scalar: ScalarNode, visit: Visit) -> Iterator[Field]:
        text = text_of(scalar)
        decoded = decode_base64(text) if self._secret else None
        template = self._templates.get(text)
        if template is not None:
            pass
        elif decoded is not None:
            template = read_encoded(decoded, generic=self._generic)
        else:
            layers = LAYERS if self._secret else 0
            template = read_template(text, generic=self._generic, layers=layers)
        if template is not None and visit.place is not None:
            self._templates[text] = template
            parent = visit.parent if isinstance(visit.parent, MappingNode) else None
            yield Field(scalar, visit.place, template, decoded is not None, parent)
