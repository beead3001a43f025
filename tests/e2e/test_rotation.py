"""A secret changes in Vault: when does the cluster get it?

Argo CD renders a commit once and keeps the result (24 hours by default), so it does not see the
change by itself. A hard refresh renders again; whether the result is applied depends on selfHeal.
"""

import time
from collections.abc import Sequence

import pytest

from tests.e2e.api import Document
from tests.e2e.app import App, settles
from tests.e2e.conftest import CACHE_PASSWORD, DATABASE_URL
from tests.pages import blocks

NEW_URL = "postgres://web:hunter3@db/web"

QUIET_SECONDS = 3
"""How long nothing may happen; what is to happen takes less than one."""


def rotate(app: App) -> None:
    values = {"DATABASE_URL": NEW_URL, "CACHE_PASSWORD": CACHE_PASSWORD}
    app.on.vault.write(app.secret_path, values)


def deployed(app: App, *further: str) -> None:
    app.deploy("1.0.0", *further)
    settles(lambda: app.status, "Synced")
    assert app.secret == {"DATABASE_URL": DATABASE_URL}


EACH_POLICY = pytest.mark.parametrize("policy", [(), ("--self-heal",)], ids=["auto", "heal"])


@EACH_POLICY
def test_a_refresh_does_not_see_it(app: App, policy: tuple[str, ...]) -> None:
    deployed(app, *policy)
    rotate(app)
    app.refresh()
    time.sleep(QUIET_SECONDS)
    assert app.status == "Synced"
    assert app.secret == {"DATABASE_URL": DATABASE_URL}


def test_a_hard_refresh_without_self_heal_shows_it(app: App) -> None:
    deployed(app)
    rotate(app)
    app.refresh(hard=True)
    settles(lambda: app.status, "OutOfSync")
    time.sleep(QUIET_SECONDS)
    # The commit was synced automatically before: that happens once for each commit.
    assert app.secret == {"DATABASE_URL": DATABASE_URL}

    app.on.argocd.run("app", "sync", app.name)
    settles(lambda: app.secret, {"DATABASE_URL": NEW_URL})
    settles(lambda: app.status, "Synced")


def test_a_hard_refresh_with_self_heal_applies_it(app: App) -> None:
    deployed(app, "--self-heal")
    rotate(app)
    app.refresh(hard=True)
    settles(lambda: app.secret, {"DATABASE_URL": NEW_URL})
    settles(lambda: app.status, "Synced")
    app.on.argocd.run("app", "sync", app.name)
    assert app.secret == {"DATABASE_URL": NEW_URL}


@EACH_POLICY
def test_a_sync_alone_applies_what_was_rendered_before(app: App, policy: tuple[str, ...]) -> None:
    deployed(app, *policy)
    rotate(app)
    app.on.argocd.run("app", "sync", app.name)
    settles(lambda: app.status, "Synced")
    assert app.secret == {"DATABASE_URL": DATABASE_URL}


@EACH_POLICY
def test_a_deploy_of_another_tag_applies_it_too(app: App, policy: tuple[str, ...]) -> None:
    deployed(app, *policy)
    rotate(app)
    app.deploy("1.1.0")
    settles(lambda: app.secret, {"DATABASE_URL": NEW_URL})
    settles(lambda: app.status, "Synced")


@EACH_POLICY
def test_a_commit_to_the_manifests_applies_it_too(app: App, policy: tuple[str, ...]) -> None:
    deployed(app, *policy)
    rotate(app)
    app.repository.edit("deploy/deployment.yaml", "replicas: 1", "replicas: 2")
    app.refresh()
    settles(lambda: app.secret, {"DATABASE_URL": NEW_URL})
    settles(lambda: app.status, "Synced")


def templates_around_a_rotation(app: App) -> Sequence[Document]:
    """The Deployment's pod template, before a changed secret is live and after."""
    deployed(app, "--self-heal")
    before = app.deployment
    rotate(app)
    app.refresh(hard=True)
    settles(lambda: app.secret, {"DATABASE_URL": NEW_URL})
    settles(lambda: app.status, "Synced")
    after = app.deployment
    assert before is not None
    assert after is not None
    return [each["spec"]["template"] for each in (before, after)]


def test_a_changed_secret_restarts_no_pods_by_itself(app: App) -> None:
    before, after = templates_around_a_rotation(app)
    assert after == before


def test_a_checksum_in_the_pod_template_restarts_pods(app: App) -> None:
    (shown,) = blocks("docs/rotation.md", "Restart the pods", "yaml")
    app.repository.push(
        {"deploy/deployment.yaml": shown.text.replace("kv/data/demo/web", app.secret_path)}
    )
    before, after = (
        each["metadata"]["annotations"]["checksum/web"] for each in templates_around_a_rotation(app)
    )
    assert len(after) == len(before) == 64
    assert after != before
