"""What fails is a ComparisonError with our message; live objects stay, and nothing is pruned."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.app import IMAGE, App, mentions, settles
from tests.e2e.conftest import DATABASE_URL

Break = Callable[[App], None]

CACHED = "Manifest generation error (cached)"
"""What the repo-server says while it does not try again; docs/rotation.md."""


def deny(app: App) -> None:
    app.repository.edit("deploy/secret.yaml", 'path: ""', "path: kv/data/team-b-1/web")


def drop_key(app: App) -> None:
    app.repository.edit("deploy/secret.yaml", "<DATABASE_URL>", "<DATABASE_URI>")


def break_kustomization(app: App) -> None:
    app.repository.edit("deploy/kustomization.yaml", "deployment.yaml", "deployments.yaml")


def break_chart(app: App) -> None:
    app.repository.edit("deploy/charts/cache/templates/secret.yaml", "b64enc }}", "b64encode }}")


CAUSES = {
    "a path outside of the policy": (
        deny,
        ("the policy does not allow the path kv/data/team-b-1/web",),
    ),
    "a missing key": (drop_key, ("DATABASE_URI", "DATABASE_URL")),
    "a broken kustomization": (break_kustomization, ("kustomize build failed", "deployments.yaml")),
    "a chart error": (break_chart, ("b64encode", "templates/secret.yaml")),
}


def stays(app: App, *parts: str) -> None:
    """Check the error, and that all that was live still is."""
    before, begun = app.uids, last_sync(app)
    assert len(before) == 3
    found = mentions(lambda: app.errors, "ComparisonError", *parts)
    assert DATABASE_URL not in found
    # The controller decides about a sync after each comparison: after the second, it has decided.
    app.refresh(hard=True)
    assert app.status == "Unknown"
    assert last_sync(app) == begun
    assert app.uids == before
    assert app.secret == {"DATABASE_URL": DATABASE_URL}
    assert app.image == f"{IMAGE}:1.0.0"


def last_sync(app: App) -> tuple[object, str]:
    """What is to be synced, and when the last sync began."""
    document = app.document
    return document.get("operation"), document["status"]["operationState"]["startedAt"]


@pytest.mark.parametrize("cause", CAUSES)
def test_a_commit_that_fails_changes_nothing(app: App, cause: str) -> None:
    break_it, parts = CAUSES[cause]
    app.deploy("1.0.0", "--auto-prune", "--self-heal")
    settles(lambda: app.status, "Synced")
    break_it(app)
    app.refresh()
    stays(app, "avp-py: 1 failure", *parts)


@contextmanager
def outage(app: App) -> Iterator[None]:
    """Deploy, then do without Vault: one refresh has failed when the block begins."""
    app.deploy("1.0.0", "--auto-prune", "--self-heal")
    settles(lambda: app.status, "Synced")
    app.on.vault.kill()
    try:
        app.refresh(hard=True)
        yield
    finally:
        app.on.vault.start()


def test_an_unreachable_vault_changes_nothing_and_heals(app: App) -> None:
    with outage(app):
        stays(app, app.on.vault.address, "next:")
    # As Argo CD does by itself every few minutes, as long as there were few failures.
    app.refresh()
    settles(lambda: (app.status, app.errors), ("Synced", ""))
    assert app.secret == {"DATABASE_URL": DATABASE_URL}


def test_after_three_failures_argocd_repeats_the_error_until_a_hard_refresh(app: App) -> None:
    with outage(app):
        for _ in range(3):
            app.refresh()
        mentions(lambda: app.errors, CACHED)

    app.refresh()
    mentions(lambda: app.errors, CACHED)
    assert app.secret == {"DATABASE_URL": DATABASE_URL}

    app.refresh(hard=True)
    settles(lambda: (app.status, app.errors), ("Synced", ""))


def test_a_new_application_that_fails_is_refused(app: App) -> None:
    drop_key(app)
    done = app.on.argocd.try_run(*app.create_command("1.0.0"))
    assert done.returncode != 0
    assert "InvalidSpecError" in done.stderr
    assert "DATABASE_URI" in done.stderr
    assert app.uids == {}
