"""The policy before a real Vault and a real Kubernetes API: what is denied is not requested."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from tests.conftest import Run
from tests.integration.cluster import Cluster
from tests.integration.conftest import Fails
from tests.integration.manifests import fields, manifest
from tests.integration.stand_in import StandIn
from tests.integration.vault import Vault

pytestmark = pytest.mark.usefixtures("any_machine")

Env = Mapping[str, str]
WithPolicy = Callable[..., Env]

IDENTITY = {
    "ARGOCD_APP_NAME": "web",
    "ARGOCD_APP_NAMESPACE": "demo",
    "ARGOCD_APP_PROJECT_NAME": "team-a",
}


@pytest.fixture
def with_policy(vault: Vault, proxy: StandIn, tmp_path: Path) -> WithPolicy:
    """An environment with this policy, and a login by a role that may read everything."""

    def make(*rules: Mapping[str, object]) -> Env:
        file = tmp_path / "policy.yaml"
        file.write_text(yaml.safe_dump({"rules": list(rules)}))
        role_id, secret_id = vault.approle("*")
        credentials = {"AVP_ROLE_ID": role_id, "AVP_SECRET_ID": secret_id}
        return {"VAULT_ADDR": proxy.address, "AVP_POLICY": str(file), **IDENTITY, **credentials}

    return make


def test_a_role_that_may_read_all_shows_each_application_its_own(
    run: Run, fails: Fails, vault: Vault, proxy: StandIn, with_policy: WithPolicy, kv2: str
) -> None:
    vault.write(f"{kv2}/data/demo/web", {"password": "own-password"})
    vault.write(f"{kv2}/data/other/web", {"password": "password-of-another"})
    env = with_policy({"projects": ["team-*"], "allow": [kv2 + "/data/{{ namespace }}/{{ app }}"]})
    own = manifest({"a": "<password>"}, f"{kv2}/data/demo/web")
    assert fields(run("generate", "-", env=env, stdin=own)) == {"a": "own-password"}

    proxy.asked.clear()
    said = fails(manifest({"a": "<password>"}, f"{kv2}/data/other/web"), env)
    assert (
        f"1. the policy does not allow the path {kv2}/data/other/web\n   in Secret demo/app" in said
    )
    assert f"spec.a: <password> at {kv2}/data/other/web" in said
    assert "ask the operator to allow it for the application web, the namespace demo" in said
    assert proxy.paths == [], "not even a login"
    # Denied and allowed in one run: the denied one is not requested.
    both = own + manifest({"a": "<password>"}, f"{kv2}/data/other/web")
    fails(both, env)
    assert proxy.paths == ["/v1/auth/approle/login", f"/v1/{kv2}/data/demo/web"]
    # Another Application with the same policy.
    stranger = {**env, "ARGOCD_APP_PROJECT_NAME": "other"}
    proxy.asked.clear()
    fails(own, stranger)
    fails(own, {name: value for name, value in env.items() if name != "ARGOCD_APP_PROJECT_NAME"})
    assert proxy.paths == []


HOSTILE = (
    "{kv}/data/demo/web/../../other/web", "{kv}//data/./other/web/", "{kv}/data/demo/%2e%2e/other",
    "{kv}/data/demo%2f..%2fother/web", "{kv}/data/shared/../other/web", "{kv}/data/demo/WEB",
    "{kv}/data/demo/web?version=1", "{kv}/data/demo/\u2024\u2024/other/web", "{kv}/data/demo/*",
    "../v1/{kv}/data/other/web", "{kv}/metadata/demo/web", "{kv}/demo/web/../../other/web",
    "{kv}/other/web", "auth/token/lookup-self", "sys/internal/ui/mounts", "{kv}/data/d\u0435mo/web",
)  # fmt: skip


@pytest.mark.parametrize("version", [None, "1", "2"])
@pytest.mark.parametrize("path", HOSTILE)
def test_no_hostile_path_reaches_vault(
    fails: Fails, proxy: StandIn, with_policy: WithPolicy, kv2: str, path: str, version: str | None
) -> None:
    env = with_policy({"allow": [kv2 + "/data/{{ namespace }}/{{ app }}", f"{kv2}/data/shared/*"]})
    annotations = {} if version is None else {"kv_version": version}
    fails(manifest({"a": "<password>"}, path.format(kv=kv2), **annotations), env)
    assert proxy.paths == []


def test_a_broad_rule_shows_no_metadata(
    run: Run, fails: Fails, vault: Vault, proxy: StandIn, with_policy: WithPolicy, kv2: str
) -> None:
    vault.write(f"{kv2}/data/web", {"password": "hunter22"})
    root = {"VAULT_TOKEN": vault.root_token, "AVP_AUTH_TYPE": "token"}
    for path, key, shown in (
        ("metadata/web", "created_time", "T"),
        ("subkeys/web", "subkeys | toJson", '{"password":null}'),
    ):
        # Read as KV version 1, Vault's answer counts as a secret.
        stdin = manifest({"a": f"<{key}>"}, f"{kv2}/{path}", kv_version="1")
        for broad in ("**", f"{kv2}/**", f"{kv2}/*/web"):
            said = fails(stdin, {**with_policy({"allow": [broad]}), **root})
            assert f"the policy does not allow the path {kv2}/{path}" in said
        assert proxy.paths == []
        named = f"{kv2}/{path.partition('/')[0]}/**"
        naming = {**with_policy({"allow": [named]}), **root}
        found = fields(run("generate", "-", env=naming, stdin=stdin))
        assert shown in found["a"], "so that is what it would show"
        denying = with_policy({"allow": [named], "deny": [f"{kv2}/data/web"]})
        proxy.asked.clear()
        said = fails(stdin, {**denying, **root})
        assert f"the policy does not allow the path {kv2}/{path}" in said
        assert proxy.paths == []


def test_what_is_allowed_is_requested_in_the_form_that_was_checked(
    run: Run, vault: Vault, proxy: StandIn, with_policy: WithPolicy, kv2: str
) -> None:
    env = with_policy({"allow": [f"{kv2}/data/shared/*"]})
    for name, sent in (
        ("a b", "a%20b"),
        ("%2e%2e", "%252e%252e"),
        ("..;", "..%3B"),
        ("caf\u00e9", "caf%C3%A9"),
        ("cafe\u0301", "cafe%CC%81"),
        ("a?b", "a%3Fb"),
    ):
        vault.write(f"{kv2}/data/shared/{name}", {"password": f"of {name}"})
        proxy.asked.clear()
        text = manifest({"a": "<password>"}, f"/{kv2}/data//x/../shared/./{name}/")
        assert fields(run("generate", "-", env=env, stdin=text)) == {"a": f"of {name}"}
        assert proxy.paths == ["/v1/auth/approle/login", f"/v1/{kv2}/data/shared/{sent}"]


def test_the_path_that_vault_reports_is_what_counts(
    run: Run,
    fails: Fails,
    vault: Vault,
    proxy: StandIn,
    with_policy: WithPolicy,
    kv1: str,
    kv2: str,
) -> None:
    vault.write(f"{kv2}/data/demo/web", {"password": "hunter22"})
    vault.write(f"{kv1}/demo/web", {"password": "hunter11"})
    env = with_policy({"allow": ["*/data/demo/web"]})
    short = manifest({"a": "<password>"}, f"{kv2}/demo/web")
    assert fields(run("generate", "-", env=env, stdin=short)) == {"a": "hunter22"}
    said = fails(manifest({"a": "<password>"}, f"{kv1}/demo/web"), env)
    assert f"the policy does not allow the path {kv1}/demo/web" in said
    assert f"/v1/{kv1}/demo/web" not in proxy.paths
    validated = {name: value for name, value in env.items() if name != "AVP_POLICY"}
    validated["AVP_PATH_VALIDATION"] = f"^{kv2}/demo/"
    assert f"AVP_PATH_VALIDATION does not allow the path {kv2}/data/demo/web" in fails(
        short, validated
    )


def test_one_secret_for_two_kinds_is_read_once(
    run: Run, fails: Fails, vault: Vault, proxy: StandIn, with_policy: WithPolicy, kv2: str
) -> None:
    vault.write(f"{kv2}/data/web", {"password": "hunter22"})
    env = with_policy({"kinds": ["Secret", "ConfigMap"], "allow": [f"{kv2}/data/web"]})
    kinds = ("Secret", "ConfigMap", "Secret")
    stdin = b"".join(manifest({"a": "<password>"}, f"{kv2}/data/web", kind=kind) for kind in kinds)
    result = run("generate", "-", env=env, stdin=stdin)
    assert result.out.count("hunter22") == 3
    assert proxy.paths.count(f"/v1/{kv2}/data/web") == 1
    said = fails(stdin + manifest({"a": "<password>"}, f"{kv2}/data/web", kind="Job"), env)
    assert f"the policy does not allow the path {kv2}/data/web in a Job" in said
    assert "next: it is allowed in Secret, ConfigMap" in said


@pytest.fixture
def kubeconfig(cluster: Cluster, tmp_path: Path) -> Env:
    """A kubeconfig for the real API."""
    file = tmp_path / "kubeconfig"
    server = {
        "server": f"https://127.0.0.1:{cluster.port}",
        "certificate-authority": str(cluster.ca_file),
    }
    named = {
        "clusters": [{"name": "a", "cluster": server}],
        "users": [{"name": "a", "user": {"token": cluster.admin_token}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }
    file.write_text(json.dumps({"kind": "Config", "current-context": "a", **named}))
    return {"KUBECONFIG": str(file)}


Settled = Callable[..., str]


@pytest.fixture
def settled(cluster: Cluster) -> Settled:
    """Create a Secret with settings; return its name."""

    def make(name: str, **values: str) -> str:
        namespace = {"kind": "Namespace", "metadata": {"name": "argocd"}}
        secret = {
            "kind": "Secret",
            "metadata": {"name": name, "namespace": "argocd"},
            "stringData": values,
        }
        cluster.apply(
            yaml.safe_dump_all({"apiVersion": "v1", **each} for each in (namespace, secret))
        )
        return name

    return make


def test_an_application_names_the_secret_of_its_own_project_only(
    run: Run,
    fails: Fails,
    vault: Vault,
    proxy: StandIn,
    with_policy: WithPolicy,
    kubeconfig: Env,
    settled: Settled,
    kv2: str,
) -> None:
    vault.write(f"{kv2}/data/web", {"password": "hunter22"})
    token = vault.token(f"{kv2}/data/web")
    for name in ("avp-team-a", "avp-team-b", "avp-default"):
        settled(f"{kv2}-{name}", VAULT_TOKEN=token, AVP_AUTH_TYPE="token")
    env = {
        **with_policy({"allow": ["**"], "secrets": [f"argocd:{kv2}-avp-{{{{ project }}}}"]}),
        **kubeconfig,
        "AVP_SECRET": f"{kv2}-avp-default",
    }
    stdin = manifest({"a": "<password>"}, f"{kv2}/data/web")
    own = (f"{kv2}-avp-team-a", f"argocd:{kv2}-avp-team-a")
    operators = (f"{kv2}-avp-default", f"argocd:{kv2}-avp-default")
    for ours in (*own, *operators):
        result = run("generate", "-", env={**env, "ARGOCD_ENV_AVP_SECRET": ours}, stdin=stdin)
        assert fields(result) == {"a": "hunter22"}
    assert fields(run("generate", "-", env=env, stdin=stdin)) == {"a": "hunter22"}
    assert fields(run("generate", "-", "-s", f"{kv2}-avp-team-b", env=env, stdin=stdin)) == {
        "a": "hunter22"
    }, "the operator may name any"
    proxy.asked.clear()
    theirs = f"{kv2}-avp-team-b"
    parameter = json.dumps([{"name": "AVP_SECRET", "string": theirs}])
    for way in ({"ARGOCD_ENV_AVP_SECRET": theirs}, {"ARGOCD_APP_PARAMETERS": parameter}):
        # There is no API at that address: the Secret is not requested.
        nowhere = {**env, **way, "KUBECONFIG": "/none"}
        said = fails(stdin, nowhere, secrets=(token,))
        assert f"the policy does not let the Application name the Secret argocd:{theirs}" in said
    assert proxy.paths == []


def test_a_secret_that_an_application_names_loosens_no_guard(
    fails: Fails,
    vault: Vault,
    proxy: StandIn,
    with_policy: WithPolicy,
    kubeconfig: Env,
    settled: Settled,
    tmp_path: Path,
    kv2: str,
) -> None:
    vault.write(f"{kv2}/data/other", {"password": "hunter22"})
    loose = tmp_path / "loose.yaml"
    loose.write_text("rules: [{allow: ['**']}]\n")
    secret = {"VAULT_TOKEN": vault.root_token, "AVP_PATH_VALIDATION": ".*"}
    name = settled(f"{kv2}-loose", AVP_POLICY=str(loose), **secret)
    env = {**with_policy({"allow": [f"{kv2}/data/web"], "secrets": ["*:*"]}), **kubeconfig}
    env["ARGOCD_ENV_AVP_SECRET"] = name
    stdin = manifest({"a": "<password>"}, f"{kv2}/data/other")
    assert f"the policy does not allow the path {kv2}/data/other" in fails(stdin, env)
    without = {key: value for key, value in env.items() if key != "AVP_POLICY"}
    said = fails(stdin, without)
    assert "AVP_POLICY cannot be set in a Secret" in said
    assert proxy.paths == []
    plain = settled(f"{kv2}-plain", **secret)
    validated = {
        **without,
        "ARGOCD_ENV_AVP_SECRET": plain,
        "AVP_PATH_VALIDATION": f"^{kv2}/data/web",
    }
    said = fails(stdin, validated)
    assert f"AVP_PATH_VALIDATION does not allow the path {kv2}/data/other" in said
    assert proxy.paths == []
    # A Secret cannot make a file of the sidecar the backend.
    file = settled(f"{kv2}-file", AVP_TYPE="file", AVP_FILE=str(loose))
    said = fails(stdin, {**without, "ARGOCD_ENV_AVP_SECRET": file})
    assert "AVP_FILE cannot be set in a Secret" in said


def test_a_guard_in_the_secret_of_the_operator_counts(
    fails: Fails, vault: Vault, with_policy: WithPolicy, kubeconfig: Env, settled: Settled, kv2: str
) -> None:
    vault.write(f"{kv2}/data/other", {"password": "hunter22"})
    name = settled(f"{kv2}-own", AVP_PATH_VALIDATION=f"^{kv2}/data/web")
    env = {**with_policy({"allow": ["**"]}), **kubeconfig, "AVP_SECRET": name}
    said = fails(manifest({"a": "<password>"}, f"{kv2}/data/other"), env)
    assert f"AVP_PATH_VALIDATION does not allow the path {kv2}/data/other" in said
