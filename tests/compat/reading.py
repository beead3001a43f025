"""Manifests as Argo CD reads them, and the form in which they are compared."""

import base64
import binascii
import json
from typing import Any, TypeAlias

Manifest: TypeAlias = dict[str, Any]
"""A manifest: str, bool, int, float, None, lists and dicts with text keys."""


def canonical(manifest: Manifest) -> str:
    """Return a text that is the same for equal manifests: 1 is not 1.0 and not true.

    The values in `data` of a Secret are bytes: line breaks in base64 do not change them.
    """
    data = manifest.get("data")
    if manifest.get("kind") == "Secret" and isinstance(data, dict):
        manifest = {**manifest, "data": {key: _rewrapped(data[key]) for key in data}}
    return json.dumps(manifest, sort_keys=True, ensure_ascii=False)


def _rewrapped(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        decoded = base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return value
    return base64.b64encode(decoded).decode()
