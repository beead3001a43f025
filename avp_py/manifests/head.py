"""What an object is to Argo CD: its kind, its name, our annotations, and whether it is a list.

This is the only place that decides it: the policy, the finder of placeholders and the messages go
by it. It is what Argo CD v3.2 reads with sigs.k8s.io/yaml (tools/reader is that program); what its
readers could take for something else is refused.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from avp_py.errors import DocumentError
from avp_py.golang import gobase64
from avp_py.golang.gobase64 import Base64TextError
from avp_py.golang.lines import Lines
from avp_py.golang.nodes import BINARY, MappingNode, Node, ScalarNode, SequenceNode

PREFIX: Final = "avp.kubernetes.io/"

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
"""What Go's strconv.ParseBool reads as true; all else, unparsable text included, is false."""

_WORDS = frozenset({"y", "yes", "true", "on", "n", "no", "false", "off", "null"})
"""The words that YAML 1.1 reads as something else than text, in lower case."""

_NO_SPACE = str.maketrans("", "", " \t")

_SURROGATE = re.compile("[\ud800-\udfff]")

_FIELDS = {each.casefold(): each for each in ("apiVersion", "kind", "metadata", "items")}
_METADATA_FIELDS = {each: each for each in ("name", "namespace", "annotations")}


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


_NONE: Final = Annotations(None, None, None, "", ignore=False, remove_missing=False)


@dataclass(frozen=True)
class Head:
    """What a document, or an item of a list, is.

    Attributes:
        kind: its kind.
        label: what to call it in errors: kind, namespace/name, where it was read.
        annotations: ours.
        is_list: whether Kubernetes' clients, and so Argo CD, take it for a list of further objects.
    """

    kind: str
    label: str
    annotations: Annotations
    is_list: bool


def read_head(
    root: MappingNode,
    lines: Lines,
    where: str,
    *,
    kind_above: str = "",
    above: Annotations = _NONE,
) -> Head:
    """Return what a document, or an item of a list, is.

    Args:
        root: its node.
        lines: the lines of its text.
        where: what to call its place, as `document 3 of standard input`.
        kind_above: of an item, the kind that its list implies.
        above: of an item, the annotations of its list, which count where it has none of its own.

    Raises:
        DocumentError: it has no kind, or one that is read in two ways, a field in other letters, or
            an annotation of ours that is not a string.
    """
    _refuse_look_alikes(root, _FIELDS, "", lambda: f"{where}, {lines.position(root.start)}")
    kind = string_of(root.get("kind")) or kind_above
    if not kind:
        raise DocumentError(
            f"{where}, {lines.position(root.start)}: the document has no kind",
            hint="name its kind, or move files that are no manifests out of the folder",
        )
    if "\n" in kind and root.columns.text.find("\r\r\n", root.start, root.end) >= 0:
        # The readers of Kubernetes take one carriage return away before they read YAML.
        raise DocumentError(
            f"{where}, {lines.position(root.start)}: the kind has line breaks that are not the "
            "same to every reader",
            hint="write the kind on one line",
        )
    metadata = root.get("metadata")
    label = _label(kind, metadata, where)
    if (string_of(root.get("apiVersion")) or "").count("/") > 1:
        raise DocumentError(
            f"{label}: its apiVersion is not a version, nor a group with its version",
            hint="write it as v1 or apps/v1",
        )
    if isinstance(metadata, MappingNode):
        _refuse_look_alikes(metadata, _METADATA_FIELDS, "metadata.", lambda: label)
    # They go by the field alone, whatever the kind (Unstructured.IsList in apimachinery v0.34).
    is_list = isinstance(root.get("items"), SequenceNode)
    return Head(kind, label, _annotations(metadata, label, above), is_list)


def kind_of_item(item: MappingNode, kind: str) -> str:
    """Return the kind of an item of a list; empty where it has none, and Argo CD refuses it.

    The items of a `SecretList` that have no kind are Secrets to kubectl (decodeToList in
    apimachinery's unstructured/unstructured_list.go, v0.34).

    Args:
        item: the item.
        kind: the kind of the list.
    """
    own = item.get("kind")
    if own is not None:
        return string_of(own) or ""
    return kind.removesuffix("List") if kind.endswith("List") else ""


def string_of(node: Node | None) -> str | None:
    """Return the text of a node that Kubernetes reads as a string, or None."""
    if not isinstance(node, ScalarNode) or not _is_string(node):
        return None
    said = text_of(node)
    # Go replaces bytes that are not UTF-8, and half of a surrogate pair.
    return _SURROGATE.sub("\ufffd", said)


def text_of(scalar: ScalarNode) -> str:
    """Return the text that a scalar says to Kubernetes: what is tagged as binary is base64."""
    if scalar.tag != BINARY:
        return scalar.value
    packed = scalar.value.translate(_NO_SPACE)
    decoded = decode_base64(packed)
    return scalar.value if decoded is None else decoded


def decode_base64(text: str) -> str | None:
    """Return the text inside base64 as Go reads it, or None where it is empty or not base64."""
    try:
        return gobase64.decode(text) or None
    except Base64TextError:
        return None


def differs_in_case(key: str) -> bool:
    """Return whether a key is a field of an object, or of its metadata, in other letters."""
    folded = key.casefold()
    return _FIELDS.get(folded, key) != key or _METADATA_FIELDS.get(folded, key) != key


def _refuse_look_alikes(
    mapping: MappingNode, fields: Mapping[str, str], path: str, where: Callable[[], str]
) -> None:
    """Refuse keys that are one of the fields in other letters.

    Argo CD looks at the field as it is, and the API server at any that encoding/json reads as it
    (SimpleMetaFactory.Interpret in apimachinery's serializer/json/meta.go, v0.34): `Kind`, and
    `kind` with U+212A for the k, which Go folds, too.

    Raises:
        DocumentError: there is such a key.
    """
    keys = mapping.keys()
    key = min((each for each in keys if fields.get(each.casefold(), each) != each), default=None)
    if key is not None:
        field = fields[key.casefold()]
        raise DocumentError(
            f"{where()}: the key {path + key!a} differs from {field!r} in upper and lower case "
            "only, and is read in two ways",
            hint=f"write it as {field}, or remove it",
        )


def _label(kind: str, metadata: Node | None, where: str) -> str:
    name = namespace = ""
    if isinstance(metadata, MappingNode):
        name = _shown(metadata.get("name"))
        namespace = _shown(metadata.get("namespace"))
    full = f"{namespace}/{name}" if namespace else name
    return f"{kind} {full or '(no name)'} ({where})"


def _shown(node: Node | None) -> str:
    return node.value if isinstance(node, ScalarNode) and not node.is_null else ""


def _annotations(metadata: Node | None, label: str, above: Annotations) -> Annotations:
    found: dict[str, str] = {}
    node = metadata.get("annotations") if isinstance(metadata, MappingNode) else None
    if isinstance(node, MappingNode):
        for name in ("path", "import", "kv-version", "secret-version", "ignore", "remove-missing"):
            value = node.get(PREFIX + name)
            if value is None:
                continue
            # Kubernetes reads null as the empty text.
            said = "" if _is_null(value) else string_of(value)
            if said is None:
                # AVP then ignores every annotation of the document, without a word.
                raise DocumentError(
                    f"{label}: the annotation {PREFIX}{name} is not a string",
                    hint=f'put its value in quotes, as {PREFIX}{name}: "…"',
                )
            found[name] = said
    return Annotations(
        path=found.get("path", above.path),
        imported=found.get("import"),
        kv_version=found.get("kv-version", above.kv_version),
        # A version belongs to its path.
        secret_version=found.get("secret-version", "" if "path" in found else above.secret_version),
        ignore=found["ignore"] in _TRUE if "ignore" in found else above.ignore,
        remove_missing=found.get("remove-missing") in _TRUE,
    )


def _is_null(node: Node | None) -> bool:
    return node is None or (isinstance(node, ScalarNode) and node.is_null)


def _is_string(scalar: ScalarNode) -> bool:
    if scalar.style is not None and scalar.tag is None:
        return True
    if scalar.tag is None and scalar.value[:1].isalpha() and scalar.value.lower() not in _WORDS:
        return True
    from avp_py.golang import yaml_scalars

    try:
        value = yaml_scalars.scalar_value(scalar.value, scalar.tag, implicit=scalar.tag is None)
    except yaml_scalars.ScalarError:
        return False
    return isinstance(value, str)
