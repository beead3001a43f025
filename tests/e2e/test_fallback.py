"""An Application that does not name its plugin, while the plugin is down; and the net below it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.app import App, mentions, settles
from tests.e2e.conftest import DATABASE_URL
from tests.e2e.ecosystem import Ecosystem
from tests.integration import admission

PLACEHOLDER = "<DATABASE_URL>"


@pytest.fixture
def app(app: App) -> App:
    """An Application that is deployed; without a chart, which Argo CD's own Kustomize rejects."""
    app.repository.push(
        {"deploy/kustomization.yaml": "resources:\n  - deployment.yaml\n  - secret.yaml\n"}
    )
    app.deploy("1.0.0", "--self-heal")
    settles(lambda: app.secret, {"DATABASE_URL": DATABASE_URL})
    return app


@pytest.fixture
def outage(ecosystem: Ecosystem, app: App) -> Iterator[None]:
    """The plugin is down from now on."""
    settles(lambda: (app.status, app.errors), ("Synced", ""))
    ecosystem.sidecar.kill()
    yield
    ecosystem.sidecar.start()


@pytest.fixture
def policy(ecosystem: Ecosystem, tmp_path: Path) -> Iterator[None]:
    """The admission policy of the chart is in force."""
    cluster = ecosystem.cluster
    policies = admission.rendered(admission.make_helm(tmp_path), admission.ENABLED)
    admission.create_namespace(cluster)
    with admission.in_force(cluster, policies, admission.text(admission.PATH)):
        yield


def forget_plugin(app: App) -> None:
    """Remove the plugin from an Application, and have it rendered."""
    app.on.api.patch_application(app.name, {"spec": {"source": {"plugin": None}}})
    app.refresh(hard=True)


def operation(app: App) -> str:
    """What the last sync reports."""
    message: str = app.document["status"].get("operationState", {}).get("message", "")
    return message


@pytest.mark.usefixtures("outage")
def test_without_a_plugin_the_placeholders_are_applied(app: App) -> None:
    forget_plugin(app)
    settles(lambda: app.secret, {"DATABASE_URL": PLACEHOLDER})
    assert app.errors == ""


@pytest.mark.parametrize("form", ["<DATABASE_URL>", "<path:{path}#DATABASE_URL>"])
@pytest.mark.usefixtures("policy", "outage")
def test_the_admission_policy_refuses_the_placeholders(app: App, form: str) -> None:
    # The API has put `stringData` into `data` before, so the policy looks for base64.
    placeholder = form.format(path=app.secret_path)
    if placeholder != PLACEHOLDER:
        app.repository.edit("deploy/secret.yaml", PLACEHOLDER, f"x{placeholder}")
    forget_plugin(app)
    mentions(lambda: operation(app), "unresolved placeholder", "spec.source.plugin.name")
    assert app.secret == {"DATABASE_URL": DATABASE_URL}
