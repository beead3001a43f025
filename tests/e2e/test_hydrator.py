"""Argo CD's source hydrator, which commits what it renders: no secret gets there."""

from tests.e2e.app import App, mentions
from tests.e2e.conftest import DATABASE_URL


def operation(app: App) -> str:
    """What the hydrator reports."""
    found = app.document.get("status", {}).get("sourceHydrator", {}).get("currentOperation", {})
    message: str = found.get("message", "")
    return message


def test_the_hydrator_commits_nothing(app: App) -> None:
    hydrator = {
        # Without a type, Argo CD finds the plugin by discovery.
        "drySource": {"repoURL": app.repository.url, "targetRevision": "main", "path": "deploy"},
        "syncSource": {"targetBranch": "hydrated", "path": "deploy"},
    }
    app.on.cluster.apply(app.manifest(app.namespace, sourceHydrator=hydrator))
    found = mentions(lambda: operation(app), "Argo CD's source hydrator makes this request")
    assert DATABASE_URL not in found
    assert app.repository.branches() == ["main"]
