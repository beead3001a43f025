"""`kustomize edit set annotation` and `kustomize edit set image`, without starting kustomize.

Each start costs as much as a small build. kustomize reads the kustomization, changes two fields,
and writes it anew, so that its build reads the same from it as from the text with just these two
fields replaced. That is done here where the text is simple; where it is not, kustomize does it.

Source: kustomize/commands/edit/set/set{annotation,image}.go and api/internal/image/image.go of
kustomize v5.8.1.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from avp_py.errors import DocumentError
from avp_py.golang import yaml_reader
from avp_py.golang.documents import parse
from avp_py.golang.nodes import Entry, MappingNode, ScalarNode
from avp_py.golang.yaml_error import YamlTextError

_ANNOTATIONS: Final = "commonAnnotations"
_IMAGES: Final = "images"

_ODD: Final = re.compile("[&\r\t\x85\u2028\u2029\ufeff]|^(?:%|---|\\.\\.\\.)", re.MULTILINE)
"""Anchors, directives, several documents, and characters that readers of YAML treat differently."""

_MARKER: Final = "---\n"

_FIELDS: Final = frozenset({"name", "newName", "newTag", "digest"})
"""The fields of an image that an edit keeps."""

_SPECIAL: Final = frozenset({"<<", "imagetags", "sortoptions"})
"""Fields in small letters: merged ones, an older name of the images, which an edit moves there, and
one that the edits of older versions lose."""


def edit_kustomization(
    text: str, annotation: tuple[str, str] | None, images: Sequence[str]
) -> str | None:
    """Return a kustomization with an annotation and images set.

    Args:
        text: the kustomization.
        annotation: the key and the value; None for none.
        images: arguments of `kustomize edit set image`.

    Returns:
        The text; None where only kustomize itself can edit it, or reject it.
    """
    try:
        # A marker of the first document is kept, before what is inserted.
        if _ODD.search(text, len(_MARKER) if text.startswith(_MARKER) else 0):
            return None
        kustomization = _mapping(yaml_reader.read(text))
        fields = _changed(kustomization, annotation, images)
        edited = _replaced(text, fields)
        if yaml_reader.read(edited) != {**kustomization, **fields}:
            return None
    except (_BeyondUsError, DocumentError, YamlTextError):
        return None
    return edited


class _BeyondUsError(Exception):
    """The text is not simple enough."""


def _changed(
    kustomization: Mapping[str, Any], annotation: tuple[str, str] | None, images: Sequence[str]
) -> Mapping[str, Any]:
    """Return the fields that change, with their new values."""
    fields: dict[str, Any] = {}
    if annotation is not None:
        key, value = annotation
        before = _mapping(kustomization.get(_ANNOTATIONS) or {})
        if not all(isinstance(each, str) for each in before.values()):
            raise _BeyondUsError
        fields[_ANNOTATIONS] = {**before, key: _unquoted(value)}
    if images:
        fields[_IMAGES] = _with_images(kustomization.get(_IMAGES) or [], images)
    return fields


def _replaced(text: str, fields: Mapping[str, Any]) -> str:
    """Return the text with its fields replaced: the new ones come first, as JSON."""
    (document,) = parse(text, "the kustomization")
    root = document.root
    if not isinstance(root, MappingNode) or root.flow:
        raise _BeyondUsError
    entries = list(root.entries)
    starts = [_start(each, text) for each in entries]
    kept = [text[: starts[0]]]
    kept += [f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields.items()]
    for entry, start, end in zip(entries, starts, [*starts[1:], len(text)], strict=True):
        name = entry.key.value
        if name in fields:
            continue
        # Go's JSON takes a field by its name in any case.
        if name.casefold() in _SPECIAL.union(map(str.casefold, fields)):
            raise _BeyondUsError
        kept.append(text[start:end])
    return "".join(kept)


def _start(entry: Entry, text: str) -> int:
    """Return where an entry of the kustomization begins: a line."""
    key = entry.key
    is_plain = isinstance(key, ScalarNode) and key.style is None and key.tag is None
    if not is_plain or text[: key.start][-1:] not in ("", "\n"):
        raise _BeyondUsError
    return key.start


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _BeyondUsError
    return value


def _with_images(before: Any, arguments: Sequence[str]) -> Sequence[Mapping[str, str]]:
    """Return the images of a kustomization, after an edit."""
    images = dict(map(_parsed, arguments))
    if not isinstance(before, Sequence) or isinstance(before, str):
        raise _BeyondUsError
    for image in before:
        is_known = isinstance(image, Mapping) and _FIELDS.issuperset(image)
        if not is_known or not all(isinstance(each, str) for each in image.values()):
            raise _BeyondUsError
        # Of those with one name, kustomize keeps the first.
        images.setdefault(image.get("name", ""), image)
    return [images[name] for name in sorted(images, key=str.encode)]


def _parsed(argument: str) -> tuple[str, Mapping[str, str]]:
    """Return the name and the fields of an argument of `kustomize edit set image`."""
    old, equals, new = argument.partition("=")
    new = new if equals else old
    # A colon before the first slash is that of a port.
    slash = max(new.find("/"), 0)
    rest = new[slash:]
    colon, at = rest.find(":"), rest.find("@")
    # What a `*` keeps, and a tag with a digest, depend on the version of kustomize.
    if "*" in argument or (0 <= colon < at):
        raise _BeyondUsError
    end = at if at >= 0 else colon
    name, mark, value = new[: slash + end], rest[end : end + 1], rest[end + 1 :]
    if end < 0:
        name, mark, value = new, "", ""
    fields = {"name": old if equals else name}
    if equals:
        fields["newName"] = name
    if value:
        fields["digest" if mark == "@" else "newTag"] = value
    return fields["name"], fields


def _unquoted(value: str) -> str:
    """Return the value of an annotation without quotes around it (trimQuotes in util.go)."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value
