"""What a document becomes."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from avp_py.golang import yaml_reader
from avp_py.values import Number, Value
from tests.compat.model.fields import GONE, Fields
from tests.compat.model.leftovers import holds_leftover
from tests.compat.model.side import FailedError, PanicError, Side, first_failure
from tests.compat.model.store import Store
from tests.compat.reading import Manifest, number

PREFIX: Final = "avp.kubernetes.io/"
_OURS: Final = ("path", "kv-version", "secret-version", "ignore", "remove-missing", "import")
_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")
_REMOVABLE: Final = ("Secret", "ConfigMap")
_REFUSED: Final = re.compile("[\x7f-\x84\x86-\x9f\ufffe\uffff]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def fill(side: Side, store: Store, document: Manifest) -> Manifest:
    """The document with its placeholders filled.

    Raises:
        FailedError: the program refuses it.
        PanicError: it crashes.
    """
    items = document.get("items")
    if side.is_avp or not isinstance(items, list):
        return _fill(side, store, document, _kind(document), _annotations(side, document))
    kind, above = _kind(document), _annotations(side, document)
    kinds = [_kind_of_item(each, kind) for each in items]
    left = [each for each, own in zip(items, kinds, strict=True) if not own]
    filled = _fill(side, store, {**document, "items": left}, kind, above)
    rest = iter(filled["items"])
    whole = []
    for item, own in zip(items, kinds, strict=True):
        if own:
            side.deviates("items-of-a-list")
            annotations = _inherited(above) | dict(_annotations(side, item))
            if f"{PREFIX}path" in _annotations(side, item):
                annotations[f"{PREFIX}secret-version"] = _annotations(side, item).get(
                    f"{PREFIX}secret-version", ""
                )
            whole.append(_fill(side, store, item, _kind({**item, "kind": own}), annotations))
        else:
            whole.append(next(rest))
    return {**filled, "items": whole}


def _kind_of_item(item: Any, kind: str) -> str:
    """The kind of an item of a list; empty where it is no object of its own."""
    if not isinstance(item, dict):
        return ""
    if "kind" in item:
        return item["kind"] if isinstance(item["kind"], str) else ""
    return kind.removesuffix("List") if kind.endswith("List") else ""


def _inherited(above: Mapping[str, str]) -> dict[str, str]:
    """What of the annotations of a list counts for its items."""
    names = [PREFIX + name for name in ("path", "kv-version", "secret-version", "ignore")]
    return {name: above[name] for name in names if name in above}


def _fill(
    side: Side, store: Store, document: Manifest, kind: str, annotations: Mapping[str, str]
) -> Manifest:
    path = annotations.get(f"{PREFIX}path")
    kv_version = annotations.get(f"{PREFIX}kv-version")

    def read(inline: str, version: str) -> Mapping[str, Value]:
        return store.read(side, inline, version, kv_version)

    def own() -> Mapping[str, Value]:
        if path:
            return read(path, annotations.get(f"{PREFIX}secret-version", ""))
        if side.is_avp:
            if path is not None:
                side.deviates("empty-path-is-the-template")
            return {}
        raise FailedError("the path template needs an application")

    ignore = annotations.get(f"{PREFIX}ignore") in _TRUE
    if side.is_avp and path:
        # Whether a placeholder wants it or not.
        try:
            own()
        except (FailedError, PanicError):
            side.deviates("annotated-path-is-always-read")
            raise
    if ignore:
        return _written(side, document)
    if holds_leftover(document, generic=path is not None, secret=kind == "Secret"):
        side.deviates("leftover-placeholder")
        if not side.is_avp:
            raise FailedError("a placeholder that nothing fills")
    remove_missing = annotations.get(f"{PREFIX}remove-missing") in _TRUE
    if remove_missing and kind not in _REMOVABLE:
        raise FailedError("remove-missing on another kind")
    fields = Fields(
        side, kind, generic=path is not None, remove_missing=remove_missing, read=read, own=own
    )
    errors: list[Exception] = []
    filled = _mapping(fields, document, errors)
    first_failure(errors)
    return _written(side, filled)


def _kind(document: Manifest) -> str:
    kind, api_version = document.get("kind"), document.get("apiVersion")
    if not isinstance(kind, str) or not kind:
        raise FailedError("no kind")
    if isinstance(api_version, str) and api_version.count("/") > 1:
        raise FailedError("apiVersion is none, and so Kubernetes sees no kind")
    return kind


def _annotations(side: Side, document: Manifest) -> Mapping[str, str]:
    metadata = document.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, dict) else None
    if not isinstance(found, dict):
        return {}
    texts = {key: value for key, value in found.items() if isinstance(value, str)}
    if len(texts) == len(found):
        return texts
    side.deviates("annotation-is-no-string")
    if side.is_avp:
        return {}
    for name in _OURS:
        value = found.get(PREFIX + name, "")
        if value is None:
            texts[PREFIX + name] = ""
        elif not isinstance(value, str):
            raise FailedError(f"{name} is no string")
    return texts


def _mapping(fields: Fields, mapping: Manifest, errors: list[Exception]) -> Manifest:
    filled: Manifest = {}
    for key, value in mapping.items():
        if isinstance(value, dict):
            filled[key] = _mapping(fields, value, errors)
        elif isinstance(value, list):
            filled[key] = [_item(fields, item, errors) for item in value]
        elif isinstance(value, str):
            try:
                new = fields.fill(value, in_map=True)
            except (FailedError, PanicError) as error:
                errors.append(error)
                continue
            if new is not GONE:
                filled[key] = new
        else:
            filled[key] = value
    return filled


def _item(fields: Fields, item: Any, errors: list[Exception]) -> Any:
    if isinstance(item, dict):
        return _mapping(fields, item, errors)
    if isinstance(item, str):
        try:
            return fields.fill(item, in_map=False)
        except (FailedError, PanicError) as error:
            errors.append(error)
    return item


def _written(side: Side, document: Manifest) -> Manifest:
    """A document as it can be read from what the program prints."""
    return {_text(side, key): _value(side, item) for key, item in document.items()}


def _value(side: Side, value: Any) -> Any:
    match value:
        case str():
            return _text(side, value)
        case Number():
            return number(value.text)
        case dict():
            return _written(side, value)
        case list():
            return [_value(side, item) for item in value]
    return value


def _text(side: Side, text: str) -> str:
    if _SURROGATE.search(text):
        side.deviates("bytes-are-no-text")
        if not side.is_avp:
            raise FailedError("not valid Unicode")
        text = _SURROGATE.sub("\ufffd", text)
    if _REFUSED.search(text):
        raise FailedError("control characters are not allowed")
    if "\u0085" in text:
        side.deviates("next-line-becomes-a-space")
        if not side.is_avp:
            raise FailedError("Argo CD would make a space of it")
        # It goes through JSON, in which U+0085 needs no escape, and YAML takes it for a line break.
        return str(yaml_reader.read(json.dumps(text, ensure_ascii=False)))
    return text
