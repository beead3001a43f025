"""Objects as Kubernetes sees them: kind, name, our annotations, and where placeholders stand."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final, NamedTuple

from avp_py.errors import DocumentError, Failures
from avp_py.golang.documents import Document
from avp_py.golang.lines import Lines
from avp_py.golang.nodes import Entry, MappingNode, Node, ScalarNode, SequenceNode, dereference
from avp_py.golang.walks import is_target
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

LONGEST_KEY: Final = 80
"""How much of a key the path of a field shows, in characters."""

LONGEST_FIELD: Final = 1000
"""How much of the path of a field is shown, in characters."""


class Place(NamedTuple):
    """Where a node is in a document; it is written out where somebody reads it.

    Keys may be long, and very many fields be below one.

    Attributes:
        parent: the place of the collection; None for the document.
        part: the key in it, or the number of the item.
    """

    parent: "Place | None"
    part: str | int

    def __str__(self) -> str:
        """The path of the field, as `data.url` or `spec.args[0]`."""
        parts: list[str | int] = []
        place: Place | None = self
        while place is not None:
            parts.append(place.part)
            place = place.parent
        path = ""
        for part in reversed(parts):
            if isinstance(part, int):
                path += f"[{part}]"
                continue
            key = part if len(part) <= LONGEST_KEY else f"{part[:LONGEST_KEY]}…"
            # Letters, digits, `_` and `-` need no quotes.
            if key.replace("-", "_").replace("_", "a").isalnum():
                path += f".{key}" if path else key
            else:
                path += f"[{json.dumps(key, ensure_ascii=False)}]"
        return path if len(path) <= LONGEST_FIELD else f"{path[:LONGEST_FIELD]}…"


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

    Argo CD takes a document with items apart (GenerateManifests in its
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
        fields = tuple(finder.mapping(root, None))
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
    """A cheap look that saves the walk.

    A `<` can also hide behind an escape, or in base64, which a tag can announce.
    """
    return kind == "Secret" or any(text.find(each, *span) >= 0 for each in ("<", "\\", "!"))


def counted(
    mapping: MappingNode, hidden: Set[str] = frozenset()
) -> Iterator[tuple[Entry, Set[str]]]:
    """The entries of a mapping that count; a merge key with the keys that count nothing in it.

    Of equal keys, and of a key and a merge key that brings it in too, the last one counts, as for
    yaml.v2, and nobody sees the others, but where an alias stands for one. A key that is not
    a string counts wherever merge keys are: not every key of its name is equal to it.

    Args:
        mapping: the mapping.
        hidden: those of its keys that do not count.
    """
    entries = mapping.entries
    if not (hidden or mapping.columns.merges or mapping.columns.repeats):
        yield from ((entry, hidden) for entry in entries)
        return
    latest: dict[str, int] = {}
    """Where each key comes last, if there is a merge key."""
    for number, entry in enumerate(entries if any(each.is_merge for each in entries) else ()):
        latest.update(dict.fromkeys(_strings(entry), number))
    for number, entry in enumerate(entries):
        if entry.is_merge:
            yield entry, {key for key in _strings(entry) if key in hidden or latest[key] > number}
            continue
        is_hidden = entry.name in hidden or latest.get(entry.name, number) > number
        is_read = not (entry.is_overridden or (is_hidden and entry.is_string))
        if is_read or entry.is_used_elsewhere:
            yield entry, frozenset()


def _strings(entry: Entry) -> Set[str]:
    """Return the keys that an entry stands for and that are strings."""
    if entry.is_merge:
        return frozenset().union(*(source.keys(strings=True) for source in entry.sources()))
    return frozenset((entry.name,) if entry.is_string else ())


def merged(merge: Entry, hidden: Set[str]) -> Iterator[tuple[MappingNode, Set[str]]]:
    """The mappings that are written in a merge key, with those of their keys that do not count.

    All count in one that an alias stands for, too.
    """
    items = merge.value.items if isinstance(merge.value, SequenceNode) else (merge.value,)
    found = set(hidden)
    for item in items:
        source = dereference(item)
        keys = source.keys(strings=True) if isinstance(source, MappingNode) else set()
        if isinstance(item, MappingNode):
            is_shared = is_target(item) or is_target(merge.value)
            yield item, frozenset() if is_shared else found & keys
        found |= keys


class _Finder:
    """Seeks placeholders where AVP does: in map values, and in strings directly in lists.

    Not in keys, and not below a list in a list (replaceInner in AVP's pkg/kube/util.go). What an
    alias stands for is sought at its anchor; what is an item of its own, nowhere.
    """

    def __init__(self, items: Set[Node], *, generic: bool, secret: bool) -> None:
        self._items = items
        self._generic = generic
        self._secret = secret
        self._templates: dict[str, Template] = {}
        """What was read already: many fields may hold the same."""

    def mapping(
        self, mapping: MappingNode, place: Place | None, hidden: Set[str] = frozenset()
    ) -> Iterator[Field]:
        """The fields below a mapping; `hidden` are those of its keys that do not count."""
        if mapping in self._items:
            return
        for entry, beyond in counted(mapping, hidden):
            if entry.is_merge:
                for source, more in merged(entry, beyond):
                    yield from self.mapping(source, Place(place, "<<"), more)
            else:
                yield from self._entry(entry, mapping, Place(place, entry.key.value))

    def _entry(self, entry: Entry, mapping: MappingNode, place: Place) -> Iterator[Field]:
        value = entry.value
        if isinstance(value, MappingNode):
            yield from self.mapping(value, place)
        elif isinstance(value, SequenceNode):
            for index, item in enumerate(value.items):
                if isinstance(item, MappingNode):
                    yield from self.mapping(item, Place(place, index))
                elif isinstance(item, ScalarNode):
                    yield from self._scalar(item, Place(place, index), None)
        elif isinstance(value, ScalarNode):
            yield from self._scalar(value, place, mapping)

    def _scalar(
        self, scalar: ScalarNode, place: Place, parent: MappingNode | None
    ) -> Iterator[Field]:
        said = text_of(scalar)
        decoded = decode_base64(said) if self._secret else None
        template = self._templates.get(said)
        if template is not None:
            pass
        elif decoded is not None:
            template = read_encoded(decoded, generic=self._generic)
        else:
            layers = LAYERS if self._secret else 0
            template = read_template(said, generic=self._generic, layers=layers)
        if template is not None:
            self._templates[said] = template
            yield Field(scalar, place, template, decoded is not None, parent)
