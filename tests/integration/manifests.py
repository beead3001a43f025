"""Manifests for tests, and the fields of the output."""

from collections.abc import Mapping
from typing import Any

import yaml

from tests.conftest import Result

PREFIX = "avp.kubernetes.io/"


def manifest(
    fields: Mapping[str, Any], path: str | None = None, kind: str = "Secret", **annotations: str
) -> bytes:
    """A document with these fields; `kv_version="1"` becomes the annotation kv-version."""
    ours = {PREFIX + name.replace("_", "-"): value for name, value in annotations.items()}
    if path is not None:
        ours[PREFIX + "path"] = path
    body = {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "app", "namespace": "demo", "annotations": ours},
        "spec": dict(fields),
    }
    text = yaml.safe_dump(body, explicit_start=True, allow_unicode=True, sort_keys=False)
    return text.encode()


def fields(result: Result) -> Any:
    """The fields of the first document of the output."""
    assert result.code == 0, result.err
    assert result.err == ""
    first = next(iter(yaml.load_all(result.out, yaml.CSafeLoader)))
    return first["spec"]
