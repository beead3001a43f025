"""The files in examples/argocd, with the names of a test in place of those in the files."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from tests.conftest import ROOT
from tests.e2e.api import Document
from tests.e2e.app import App
from tests.e2e.argocd import CLUSTER_NAME

FOLDER: Final = ROOT / "examples" / "argocd"

CLUSTER: Final = {"in-cluster": CLUSTER_NAME}
"""For examples without an Application of a test."""


def example(name: str, values: Mapping[str, str]) -> Sequence[Document]:
    """Read an example.

    Args:
        name: the file in examples/argocd.
        values: what replaces each scalar of the example that is just this text.

    Raises:
        AssertionError: the example has no such scalar.
    """
    documents = list(yaml.safe_load_all((FOLDER / name).read_text()))
    used: set[str] = set()
    replaced: Sequence[Document] = _replaced(documents, values, used)
    assert used == set(values), f"{name} does not have {set(values) - used}"
    return replaced


def values_for(app: App, repository: str = "https://git.example/team/web.git") -> dict[str, str]:
    """What replaces the scalars of an example of one Application.

    Args:
        app: the Application.
        repository: the URL in the example.
    """
    return {
        **CLUSTER,
        "web": app.name,
        "team-a-web": app.namespace,
        repository: app.repository.url,
    }


def _replaced(node: Any, values: Mapping[str, str], used: set[str]) -> Any:
    if isinstance(node, dict):
        return {key: _replaced(value, values, used) for key, value in node.items()}
    if isinstance(node, list):
        return [_replaced(value, values, used) for value in node]
    if isinstance(node, str) and node in values:
        used.add(node)
        return values[node]
    return node
