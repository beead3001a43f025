"""Two tenants on one sidecar; and Vault's Kubernetes auth method with a real token."""

from tests.e2e.app import App, mentions, settles
from tests.e2e.conftest import DATABASE_URL, NewApp
from tests.e2e.ecosystem import TENANTS, Ecosystem


def test_each_tenant_is_denied_the_others_paths(new_app: NewApp) -> None:
    apps = [new_app(tenant) for tenant in TENANTS]
    for mine, other in zip(apps, reversed(apps), strict=True):
        mine.deploy("1.0.0")
        settles(lambda app=mine: app.status, "Synced")  # type: ignore[misc]
        mine.repository.edit("deploy/secret.yaml", 'path: ""', f"path: {other.secret_path}")
        mine.refresh()
        mentions(lambda app=mine: app.errors, "denied by policy", other.secret_path)  # type: ignore[misc]
        assert mine.secret == {"DATABASE_URL": DATABASE_URL}


def test_a_path_by_a_plugin_variable_is_denied_too(app: App, new_app: NewApp) -> None:
    other = new_app(TENANTS[1])
    done = app.on.argocd.try_run(
        *app.create_command("1.0.0", "--plugin-env", f"AVP_PATH_TEMPLATE={other.secret_path}")
    )
    assert done.returncode != 0
    assert "AVP_PATH_TEMPLATE" in done.stderr
    assert app.uids == {}


def test_another_projects_namespace_is_refused_by_argo_cd(app: App) -> None:
    command = list(app.create_command("1.0.0"))
    command[command.index("--dest-namespace") + 1] = f"{TENANTS[1]}-1"
    done = app.on.argocd.try_run(*command)
    assert "do not match any of the allowed destinations" in done.stderr


def test_vault_accepts_the_service_accounts_token(ecosystem: Ecosystem, app: App) -> None:
    app.deploy("1.0.0")
    settles(lambda: app.status, "Synced")
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
