"""A document as Kubernetes sees it: kind, name, our annotations, and where placeholders stand."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass

from avp_py.errors import DocumentError
from avp_py.manifests.placeholders import Template, has_generic_match, read_template
from avp_py.nodes import (
    BINARY,
    Document,
    Entry,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    position,
    resolve,
)

_PLAIN_KEY = re.compile(r"[\w-]+")

PREFIX = "avp.kubernetes.io/"

_NO_SPACE = str.maketrans("", "", " \t")

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
"""What Go's strconv.ParseBool takes for true; all else, unparsable text included, is false."""

_WORDS = frozenset({"y", "yes", "true", "on", "n", "no", "false", "off", "null"})
"""The words that YAML 1.1 takes for something else than text, in lower case."""


@dataclass(frozen=True)
class Annotations:
    """Our annotations on a document.

    Attributes:
        path: `avp.kubernetes.io/path`: None where it is absent, `""` where it is empty.
        imported: `/import`: a path whose keys are all added; `""` means the path above.
        kv_version: `/kv-version`, or None.
        secret_version: `/secret-version`, `""` for the newest; for placeholders without a path.
        ignore: `/ignore`: the document is passed on as it is.
        remove_missing: `/remove-missing`: a map key whose value is missing is removed.
    """

    path: str | None
    imported: str | None
    kv_version: str | None
    secret_version: str
    ignore: bool
    remove_missing: bool


@dataclass(frozen=True)
class Slot:
    """A scalar that holds placeholders.

    Attributes:
        scalar: the scalar.
        field: its path in the document, as `data.url` or `spec.args[0]`.
        template: its text in parts; of the decoded text where `encoded`.
        encoded: whether the text was found inside base64, in a Secret.
        parent: the mapping that it is a value of, or None for an item of a list.
    """

    scalar: ScalarNode
    field: str
    template: Template
    encoded: bool
    parent: MappingNode | None


@dataclass(frozen=True)
class Manifest:
    """One document of Kubernetes.

    Attributes:
        root: its node.
        start: where its text begins in the stream.
        end: where its text ends.
        kind: its kind.
        label: what to call it in errors: kind, namespace/name, where it was read.
        annotations: ours.
        slots: the scalars that hold placeholders; none where it is ignored.
        imports: whether all keys of a secret are to be added to it.
    """

    root: MappingNode
    start: int
    end: int
    kind: str
    label: str
    annotations: Annotations
    slots: tuple[Slot, ...]
    imports: bool

    @property
    def is_list(self) -> bool:
        """Whether Kubernetes' clients, and so Argo CD, take it for a list of further objects.

        They go by the field alone, whatever its kind (Unstructured.IsList in apimachinery v0.34).
        """
        return isinstance(self.root.get("items"), SequenceNode)


def read_manifest(document: Document, text: str, where: str) -> Manifest | None:
    """Reads a document of a stream.

    Args:
        document: the document.
        text: the text of the whole stream.
        where: what to call the document's place, as `document 3 of standard input`.

    Returns:
        The manifest, or None for a document that holds nothing.

    Raises:
        DocumentError: it is not a mapping, has no kind, or one of our annotations is not a string
            or stands on a kind that it does not fit.
    """
    root = resolve(document.root) if document.root is not None else None
    if root is None or (isinstance(root, ScalarNode) and root.is_null):
        return None
    if not isinstance(root, MappingNode):
        what = "a list" if isinstance(root, SequenceNode) else "a single value"
        raise DocumentError(
            f"{where}, {position(text, root.start)}: the document is {what}, not a mapping",
            hint="a manifest begins with apiVersion, kind and metadata",
        )
    said = root.get("kind")
    kind = text_of(said) if isinstance(said, ScalarNode) and _is_string(said) else ""
    if not kind:
        raise DocumentError(
            f"{where}, {position(text, root.start)}: the document has no kind",
            hint="name its kind, or move files that are no manifests out of the folder",
        )
    metadata = root.get("metadata")
    label = _label(kind, metadata, where)
    if _string(root.get("apiVersion")).count("/") > 1:
        raise DocumentError(
            f"{label}: its apiVersion is not a version, nor a group with its version",
            hint="write it as v1 or apps/v1",
        )
    annotations = _annotations(metadata, label)
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
    if not annotations.ignore:
        _check_items(root, label)
    slots: tuple[Slot, ...] = ()
    if not annotations.ignore and _may_hold_placeholders(text, document, kind):
        finder = _Finder(text, generic=annotations.path is not None, secret=kind == "Secret")
        slots = tuple(finder.mapping(root, ""))
    return Manifest(
        root,
        document.start,
        document.end,
        kind,
        label,
        annotations,
        slots,
        imports=annotations.imported is not None and not annotations.ignore,
    )


def _check_items(root: MappingNode, label: str) -> None:
    """Refuses an import where nobody would see it: annotations of items count nothing, as in AVP.

    Raises:
        DocumentError: an item has the annotation.
    """
    items = root.get("items")
    for index, item in enumerate(items.items if isinstance(items, SequenceNode) else ()):
        found: Node | None = resolve(item)
        for key in ("metadata", "annotations", PREFIX + "import"):
            found = found.get(key) if isinstance(found, MappingNode) else None
        if found is not None:
            raise DocumentError(
                f"{label}: items[{index}] has the annotation {PREFIX}import, which counts on a "
                "document of its own only",
                hint="write each item as a document of its own",
            )


def _label(kind: str, metadata: Node | None, where: str) -> str:
    name = namespace = ""
    if isinstance(metadata, MappingNode):
        name = _string(metadata.get("name"))
        namespace = _string(metadata.get("namespace"))
    full = f"{namespace}/{name}" if namespace else name
    return f"{kind} {full or '(no name)'} ({where})"


def _string(node: Node | None) -> str:
    return node.value if isinstance(node, ScalarNode) and not node.is_null else ""


def _annotations(metadata: Node | None, label: str) -> Annotations:
    found: dict[str, str] = {}
    node = metadata.get("annotations") if isinstance(metadata, MappingNode) else None
    if isinstance(node, MappingNode):
        for name in ("path", "import", "kv-version", "secret-version", "ignore", "remove-missing"):
            value = node.get(PREFIX + name)
            if value is None:
                continue
            if isinstance(value, ScalarNode) and (_is_string(value) or value.is_null):
                # Kubernetes takes null for the empty text.
                found[name] = "" if value.is_null else text_of(value)
                continue
            # AVP then ignores every annotation of the document, without a word.
            raise DocumentError(
                f"{label}: the annotation {PREFIX}{name} is not a string",
                hint=f'put its value in quotes, as {PREFIX}{name}: "…"',
            )
    return Annotations(
        path=found.get("path"),
        imported=found.get("import"),
        kv_version=found.get("kv-version"),
        secret_version=found.get("secret-version", ""),
        ignore=found.get("ignore") in _TRUE,
        remove_missing=found.get("remove-missing") in _TRUE,
    )


def _is_string(scalar: ScalarNode) -> bool:
    """Whether Kubernetes reads a scalar as text."""
    if scalar.style is not None and scalar.tag is None:
        return True
    if scalar.tag is None and scalar.value[:1].isalpha() and scalar.value.lower() not in _WORDS:
        return True
    from avp_py.golang import yaml_scalars

    try:
        value = yaml_scalars.resolve(scalar.value, scalar.tag, implicit=scalar.tag is None)
    except yaml_scalars.ScalarError:
        return False
    return isinstance(value, str)


def _may_hold_placeholders(text: str, document: Document, kind: str) -> bool:
    """A cheap look that saves the walk.

    A `<` can also hide behind an escape, or in base64, which a tag can announce.
    """
    span = (document.start, document.end)
    return kind == "Secret" or any(text.find(each, *span) >= 0 for each in ("<", "\\", "!"))


def counted(
    text: str, mapping: MappingNode, hidden: Set[str] = frozenset()
) -> Iterator[tuple[Entry, Set[str]]]:
    """The entries of a mapping that count; a merge key with the keys that count nothing in it.

    Of a key and a merge key that brings it in too the later one counts, as for yaml.v2, and nobody
    sees the other.

    Args:
        text: the text of the stream.
        mapping: the mapping.
        hidden: those of its keys that do not count.
    """
    entries = mapping.entries
    place = next((n for n, entry in enumerate(entries) if entry.is_merge), len(entries))
    overridden = set(hidden)
    for source in entries[place].sources() if place < len(entries) else ():
        overridden |= source.keys()
    later = {each.key.value for each in entries[place + 1 :]}
    for number, entry in enumerate(entries):
        if number == place:
            yield entry, hidden | later
            continue
        not_counted = overridden if number < place else hidden
        # Where it is anchored, it can count elsewhere.
        is_anchored = text.find("&", entry.value.start, entry.value.end) >= 0
        if entry.key.value not in not_counted or is_anchored:
            yield entry, frozenset()


def merged(merge: Entry, hidden: Set[str]) -> Iterator[tuple[MappingNode, Set[str]]]:
    """The mappings that are written in a merge key, with those of their keys that do not count."""
    items = merge.value.items if isinstance(merge.value, SequenceNode) else (merge.value,)
    for item in items:
        if isinstance(item, MappingNode):
            yield item, hidden
        source = resolve(item)
        if isinstance(source, MappingNode):
            hidden = hidden | source.keys()


class _Finder:
    """Seeks placeholders where AVP does: in map values, and in strings directly in lists.

    Not in keys, and not below a list in a list (replaceInner in AVP's pkg/kube/util.go). What an
    alias stands for is sought at its anchor.
    """

    def __init__(self, text: str, *, generic: bool, secret: bool) -> None:
        self._text = text
        self._generic = generic
        self._secret = secret

    def mapping(
        self, mapping: MappingNode, path: str, hidden: Set[str] = frozenset()
    ) -> Iterator[Slot]:
        """The slots below a mapping; `hidden` are those of its keys that do not count."""
        for entry, beyond in counted(self._text, mapping, hidden):
            if entry.is_merge:
                for source, more in merged(entry, beyond):
                    yield from self.mapping(source, field_of(path, "<<"), more)
            else:
                yield from self._entry(entry, mapping, path)

    def _entry(self, entry: Entry, mapping: MappingNode, path: str) -> Iterator[Slot]:
        field = field_of(path, entry.key.value)
        value = entry.value
        if isinstance(value, MappingNode):
            yield from self.mapping(value, field)
        elif isinstance(value, SequenceNode):
            for index, item in enumerate(value.items):
                if isinstance(item, MappingNode):
                    yield from self.mapping(item, f"{field}[{index}]")
                elif isinstance(item, ScalarNode):
                    yield from self._scalar(item, f"{field}[{index}]", None)
        elif isinstance(value, ScalarNode):
            yield from self._scalar(value, field, mapping)

    def _scalar(self, scalar: ScalarNode, field: str, parent: MappingNode | None) -> Iterator[Slot]:
        said = text_of(scalar)
        decoded = decode_base64(said) if self._secret else None
        encoded = decoded is not None and has_generic_match(decoded)
        text = decoded if encoded and decoded is not None else said
        template = read_template(text, generic=self._generic)
        if template is not None:
            yield Slot(scalar, field, template, encoded, parent)


def text_of(scalar: ScalarNode) -> str:
    """The text that a scalar says to Kubernetes: what is tagged as binary stands in base64."""
    if scalar.tag != BINARY:
        return scalar.value
    packed = scalar.value.translate(_NO_SPACE)
    decoded = decode_base64(packed)
    return scalar.value if decoded is None else decoded


def field_of(path: str, key: str) -> str:
    """The path of a key in a document, given that of the mapping."""
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key


def decode_base64(text: str) -> str | None:
    """The text inside base64 as Go's base64.StdEncoding reads it, or None where it is none.

    That encoding skips line breaks, wants the padding, and takes no other character. Bytes that
    are not UTF-8 pass through as surrogate escapes.
    """
    compact = text.replace("\n", "").replace("\r", "")
    if not compact or len(compact) % 4:
        return None
    try:
        return base64.b64decode(compact, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None
