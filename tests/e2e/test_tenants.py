"""Two tenants on one sidecar; and Vault's Kubernetes auth method with a real token."""

from functools import partial

import requests

from tests.e2e.app import App, mentions, settles
from tests.e2e.conftest import DATABASE_URL, NewApp
from tests.e2e.ecosystem import CI_ROLE, POLICY_FILE, TENANTS, Ecosystem

CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: config
data:
  url: <path:{path}#DATABASE_URL>
"""


def status(app: App) -> str:
    return app.status


def rendered(app: App) -> str:
    """What Argo CD's API renders for an Application, or its error."""
    token = app.on.argocd.project_token(app.project, CI_ROLE)
    answer = requests.get(
        f"http://{app.on.argocd.address}/api/v1/applications/{app.name}/manifests",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    return answer.text


def test_each_tenant_is_denied_the_others_paths(new_app: NewApp) -> None:
    apps = [new_app(tenant) for tenant in TENANTS]
    for mine, other in zip(apps, reversed(apps), strict=True):
        mine.deploy("1.0.0")
        settles(partial(status, mine), "Synced")
        mine.repository.edit("deploy/secret.yaml", 'path: ""', f"path: {other.secret_path}")
        mine.refresh()
        denied = f"the policy does not allow the path {other.secret_path}"
        mentions(partial(getattr, mine, "errors"), denied)
        assert mine.secret == {"DATABASE_URL": DATABASE_URL}


def test_a_path_by_a_plugin_variable_is_refused(app: App, new_app: NewApp) -> None:
    other = new_app(TENANTS[1])
    done = app.on.argocd.try_run(
        *app.create_command("1.0.0", "--plugin-env", f"AVP_PATH_TEMPLATE={other.secret_path}")
    )
    assert done.returncode != 0
    assert "AVP_PATH_TEMPLATE" in done.stderr
    assert app.uids == {}


def test_argo_cd_renders_before_it_checks_the_destination(app: App, new_app: NewApp) -> None:
    other = new_app(TENANTS[1])
    app.repository.push({"deploy/config.yaml": CONFIG.format(path=other.secret_path)})
    app.repository.edit("deploy/kustomization.yaml", "resources:", "resources:\n  - config.yaml")
    app.on.vault.write(
        f"kv/data/{other.namespace}/{app.name}", {"DATABASE_URL": "", "CACHE_PASSWORD": ""}
    )
    # As an ApplicationSet creates it, or a user whom Kubernetes permits to.
    app.on.cluster.apply(app.manifest(other.namespace))
    mentions(lambda: app.errors, "InvalidSpecError", "do not match any of the allowed")

    denied = rendered(app)
    assert f"the policy does not allow the path {other.secret_path}" in denied
    assert DATABASE_URL not in denied
    # Without `namespaces` in the policy, the value is shown: Argo CD masks only Secrets.
    policy = app.on.operator / POLICY_FILE
    strict = policy.read_text()
    policy.write_text(strict.replace('["team-a-*"]', '["*"]'))
    try:
        assert DATABASE_URL in rendered(app)
    finally:
        policy.write_text(strict)


def test_vault_accepts_the_service_accounts_token(ecosystem: Ecosystem, app: App) -> None:
    app.deploy("1.0.0")
    settles(partial(status, app), "Synced")
    vault = ecosystem.vault.client
    accessors = vault.call("list", "auth/token/accessors")["data"]["keys"]
    sessions = [
        vault.call("post", "auth/token/lookup-accessor", {"accessor": each})["data"]
        for each in accessors
    ]
    names = {
        each["meta"]["service_account_name"]
        for each in sessions
        if each["path"] == "auth/kubernetes/login"
    }
    assert names == {"argocd-repo-server"}
