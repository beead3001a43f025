"""What a document says and its author surely or probably did not mean.

Looked for in the document as it was rendered; nothing here fails a run by itself. The texts that
are found are not shown: a Secret may hold a real value that looks like a placeholder.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from avp_py.errors import nearest
from avp_py.golang.nodes import MappingNode, ScalarNode, dereference
from avp_py.manifests.head import PREFIX, decode_base64, text_of
from avp_py.manifests.manifest import Manifest
from avp_py.manifests.placeholders import NAMED
from avp_py.manifests.walk import Place, walk

ANNOTATIONS: Final = (
    "path", "import", "kv-version", "secret-version", "ignore", "remove-missing",
)  # fmt: skip
"""Our annotations, without their prefix."""

_OTHERS: Final = frozenset({"app.kubernetes.io"})
"""Prefixes that are one letter away from ours and are not meant to be ours."""

_NEAR: Final = 0.9
"""How alike two prefixes are, of difflib's 0 to 1, where one is a slip of the other."""


class Finding(NamedTuple):
    """Something that was probably not meant.

    Attributes:
        reason: what it is.
        hint: what to do.
        field: where it is in the document.
        start: where it is in the text.
        is_sure: whether nobody can mean it.
    """

    reason: str
    hint: str
    field: str
    start: int
    is_sure: bool


def findings(text: str, manifest: Manifest, *, unfilled: bool) -> Iterator[Finding]:
    """Yield what a manifest's author did not mean; nothing where it is ignored.

    Args:
        text: the text of the stream.
        manifest: one of its manifests.
        unfilled: whether placeholders that nothing fills are looked for.
    """
    if manifest.annotations.ignore:
        return
    slips = list(_slips(manifest.root))
    yield from slips
    if manifest.is_list:
        return
    if unfilled and _has_word(text, manifest):
        if manifest.annotations.path is None:
            yield from _unfilled(manifest, slips)
        else:
            yield from _in_keys(manifest)
    if manifest.kind == "Secret":
        yield from _not_base64(manifest)


def _has_word(text: str, manifest: Manifest) -> bool:
    return NAMED.search(text, manifest.start, manifest.end) is not None


def not_base64(field: str, start: int) -> Finding:
    """Return the finding for a value in the data of a Secret that is not base64."""
    return Finding(
        "a value in the data of a Secret is not base64",
        "write it under stringData, or add | base64encode to the placeholder",
        field,
        start,
        is_sure=True,
    )


def is_base64(text: str) -> bool:
    """Return whether Kubernetes accepts a text as a value in the data of a Secret."""
    return not text.strip("\r\n") or decode_base64(text) is not None


def is_data(field: str) -> bool:
    """Return whether a field of a Secret is a value of its data."""
    return field.startswith(("data.", "data["))


def _slips(root: MappingNode) -> Iterator[Finding]:
    """Yield the annotations that are meant to be ours and are not."""
    metadata = root.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, MappingNode) else None
    if not isinstance(annotations, MappingNode):
        return
    slips = {key: ours for key in sorted(annotations.keys()) if (ours := meant(key))}
    starts = {entry.name: entry.key.start for entry in annotations.entries} if slips else {}
    for key, ours in slips.items():
        yield Finding(
            f"there is no annotation {key[:100]}",
            f"did you mean {ours}?",
            str(Place(Place(Place(None, "metadata"), "annotations"), key[:100])),
            # One that a merge key brings in is not among the entries.
            starts.get(key, annotations.start),
            is_sure=True,
        )


def meant(key: str) -> str:
    """Return the annotation of ours that a key is a slip of, or an empty text."""
    prefix, slash, name = key.partition("/")
    if not slash:
        return ""
    ours = PREFIX.rstrip("/")
    if prefix == ours:
        if name in ANNOTATIONS:
            return ""
        near = [each for each in ANNOTATIONS if name.lower() in each]
        near = near or [nearest(name, ANNOTATIONS, cutoff=0.0)]
        return " or ".join(PREFIX + each for each in near)
    if prefix in _OTHERS or abs(len(prefix) - len(ours)) > 1:
        return ""
    # Late: hardly any annotation comes that near.
    import difflib

    is_near = difflib.SequenceMatcher(None, prefix, ours).ratio() >= _NEAR
    return PREFIX + name if is_near else ""


def _unfilled(manifest: Manifest, slips: list[Finding]) -> Iterator[Finding]:
    """Yield the values that are wholly `<word>` in a document without a path annotation."""
    is_secret = manifest.kind == "Secret"
    words = [
        (str(visit.place), visit.node.start)
        for visit in walk(manifest.root)
        if isinstance(visit.node, ScalarNode) and _is_named(visit.node)
    ]
    if not words:
        return
    hint = f"add the annotation {PREFIX}path, write it as <path:PATH#KEY>, or, where the text is "
    hint += f'meant, add the annotation {PREFIX}ignore: "true"'
    misplaced = next(
        (
            visit.place
            for visit in walk(manifest.root, overridden=True)
            if visit.entry is not None and visit.entry.key.value == f"{PREFIX}path"
        ),
        None,
    )
    if slips:
        hint = slips[0].hint
    elif misplaced is not None:
        hint = f"move {misplaced} to metadata.annotations of the document"
    for field, start in words:
        yield Finding(
            "a placeholder is not filled, as the document has no annotation "
            f"{PREFIX}path in its metadata",
            hint,
            field,
            start,
            is_sure=is_secret and field.startswith(("data", "stringData")),
        )


def _in_keys(manifest: Manifest) -> Iterator[Finding]:
    """Yield the keys that are wholly `<word>` in a document with a path annotation.

    No key of `data`, label or annotation of Kubernetes can have brackets. A key with other text
    beside them may be meant as it is.
    """
    for visit in walk(manifest.root, keys=True):
        if visit.is_key and isinstance(visit.node, ScalarNode) and _is_named(visit.node):
            yield Finding(
                "a placeholder in a key is not filled",
                "move it to the value; if the text is meant as it is, add the annotation "
                f'{PREFIX}ignore: "true", or ask the operator for AVP_LEFTOVERS=ignore',
                str(visit.place),
                visit.node.start,
                is_sure=True,
            )


def _is_named(scalar: ScalarNode) -> bool:
    """Return whether a scalar is wholly `<word>`."""
    return NAMED.fullmatch(text_of(scalar).strip()) is not None


def _not_base64(manifest: Manifest) -> Iterator[Finding]:
    """Yield the values in the data of a Secret that nothing fills and that are not base64."""
    data = manifest.root.get("data")
    filled = {field.scalar for field in manifest.fields}
    for entry in data.effective if isinstance(data, MappingNode) else ():
        field = str(Place(Place(None, "data"), entry.key.value))
        value = dereference(entry.value)
        if not isinstance(value, ScalarNode) or value in filled or value.is_null:
            continue
        if not is_base64(text_of(value)):
            yield not_base64(field, value.start)
