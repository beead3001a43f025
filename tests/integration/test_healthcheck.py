"""`avp-py healthcheck` with real programs and a real Vault: available, sealed, and unreachable."""

import base64
import json
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import Result, Run
from tests.integration import leaks
from tests.integration.stand_in import Answer, StandIn, as_html, as_json, forward, stand_in
from tests.integration.vault import Vault, serve

pytestmark = pytest.mark.usefixtures("any_machine")


@pytest.fixture
def role(vault: Vault) -> Mapping[str, str]:
    """The credentials of a role that may read nothing."""
    role_id, secret_id = vault.approle()
    return {"AVP_ROLE_ID": role_id, "AVP_SECRET_ID": secret_id}


def backend_line(result: Result, credentials: Mapping[str, str], *, code: int) -> str:
    """Return the line about the backend when all else passes; it contains no credential."""
    assert result.code == code, result.out
    assert leaks.found(result.out, credentials.values()) == []
    *others, line = result.out.splitlines()
    assert [each.split()[:2] for each in others] == [
        ["ok", "temporary"],
        ["ok", "settings"],
        ["ok", "kustomize"],
        ["ok", "helm"],
        ["ok", "sandbox"],
    ]
    return line


def test_kustomize_and_helm_run(run: Run, environ: Mapping[str, str]) -> None:
    result = run("healthcheck", env=environ)

    assert result.code == 0
    assert f"kustomize         v5.8.1 ({environ['AVP_KUSTOMIZE']})\n" in result.out
    assert f" ({environ['AVP_HELM']})\n" in result.out
    assert "backend" not in result.out


def test_vault_is_queried_once_and_gets_no_credential(
    run: Run, environ: Mapping[str, str], vault: Vault, role: Mapping[str, str]
) -> None:
    with stand_in(forward(vault.address)) as proxy:
        env = {**environ, **role, "VAULT_ADDR": proxy.address}
        line = backend_line(run("healthcheck", "--backend", env=env), role, code=0)

    assert line == f"ok      backend           Vault 1.21.1 at {proxy.address}"
    (asked,) = proxy.asked
    assert asked.path == "/v1/sys/health?standbyok=true&perfstandbyok=true"
    assert asked.headers.get("X-Vault-Token", "") == ""


def test_a_login_is_tried_on_request(
    run: Run, environ: Mapping[str, str], vault: Vault, role: Mapping[str, str]
) -> None:
    env = {**environ, **role, "VAULT_ADDR": vault.address}

    line = backend_line(run("healthcheck", "--login", env=env), role, code=0)

    assert line == f"ok      backend           Vault 1.21.1 at {vault.address}, login by approle"


def test_a_login_that_vault_refuses(
    run: Run, environ: Mapping[str, str], vault: Vault, role: Mapping[str, str]
) -> None:
    wrong = {**role, "AVP_SECRET_ID": "00000000-1111-2222-3333-444444444444"}
    env = {**environ, **wrong, "VAULT_ADDR": vault.address}

    line = backend_line(run("healthcheck", "--login", env=env), wrong, code=1)

    assert line == (
        "failed  backend           Vault rejected the login by approle at auth/approle: invalid "
        "role or secret ID; next: check AVP_ROLE_ID and AVP_SECRET_ID, the role in Vault, and that "
        "the auth method is mounted there (AVP_MOUNT_PATH)"
    )
    assert backend_line(run("healthcheck", "--backend", env=env), wrong, code=0)


def test_a_sealed_vault(
    run: Run, environ: Mapping[str, str], tools: Mapping[str, Path], role: Mapping[str, str]
) -> None:
    with serve(tools["vault"]) as facts:
        Vault(facts["address"], facts["root_token"]).call("put", "sys/seal")
        env = {**environ, **role, "VAULT_ADDR": facts["address"]}
        line = backend_line(run("healthcheck", "--login", env=env), role, code=1)

    assert line == (
        f"failed  backend           Vault at {facts['address']} is sealed or down (1 attempt); "
        "next: unseal it, or wait for its active node"
    )


def test_a_vault_that_is_not_there(
    run: Run, environ: Mapping[str, str], role: Mapping[str, str]
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        env = {**environ, **role, "VAULT_ADDR": address}
        line = backend_line(run("healthcheck", "--backend", env=env), role, code=1)

    assert line == (
        f"failed  backend           no connection to Vault at {address}: Connection refused "
        "(1 attempt); next: check VAULT_ADDR, and that Vault can be reached from here"
    )


@pytest.mark.parametrize(
    "answer",
    [
        as_html(200, "<html>please log in</html>"),
        as_json(200, {"status": "ok"}),
        as_json(200, {"version": "1.0\n\x1b[31m"}),
        as_json(200, []),
    ],
    ids=["a page", "another service", "no version", "a list"],
)
def test_what_is_not_vault(
    run: Run, environ: Mapping[str, str], answer: Answer, role: Mapping[str, str]
) -> None:
    with stand_in(answer) as other:
        env = {**environ, **role, "VAULT_ADDR": other.address}
        line = backend_line(run("healthcheck", "--backend", env=env), role, code=1)

    assert f"what answers at {other.address} is not Vault; next: check VAULT_ADDR" in line


@pytest.mark.parametrize("named", ["option", "setting"])
def test_the_settings_secret_is_read_to_contact_the_backend(
    run: Run,
    environ: Mapping[str, str],
    vault: Vault,
    role: Mapping[str, str],
    tmp_path: Path,
    named: str,
) -> None:
    settings = {**role, "VAULT_ADDR": vault.address}
    data = {name: base64.b64encode(value.encode()).decode() for name, value in settings.items()}
    with stand_in(as_json(200, {"kind": "Secret", "data": data})) as api:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(api)))
        env = {**environ, "KUBECONFIG": str(kubeconfig)}
        argv = ["healthcheck", "--login"]
        if named == "option":
            argv += ["-s", "team:web"]
        else:
            env["AVP_SECRET"] = "team:web"
        line = backend_line(run(*argv, env=env), role, code=0)

    assert line.endswith(f"Vault 1.21.1 at {vault.address}, login by approle")
    assert api.paths == ["/api/v1/namespaces/team/secrets/web"]


def test_a_secret_that_corrects_the_address_does_so_for_generate_too(
    run: Run, environ: Mapping[str, str], vault: Vault, kv2: str, tmp_path: Path
) -> None:
    vault.write(f"{kv2}/data/web", {"key": "filled"})
    token = vault.token(f"{kv2}/data/web")
    manifest = (
        "kind: ConfigMap\nmetadata: {name: a, annotations: {avp.kubernetes.io/path: "
        f"{kv2}/data/web}}}}\ndata: {{a: <key>}}\n"
    )
    verdicts = []
    for address in (vault.address, "nowhere"):
        values = {"VAULT_ADDR": address, "VAULT_TOKEN": token}
        data = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
        with stand_in(as_json(200, {"kind": "Secret", "data": data})) as api:
            kubeconfig = tmp_path / "kubeconfig"
            kubeconfig.write_text(json.dumps(_kubeconfig(api)))
            env = {**environ, "KUBECONFIG": str(kubeconfig), "VAULT_ADDR": "not a URL"}
            checked = run("healthcheck", "--login", "-s", "team:web", env=env)
            done = run("generate", "-", "-s", "team:web", env=env, stdin=manifest.encode())
        assert leaks.found(checked.out + done.err, [token]) == []
        assert ("filled" in done.out) == (done.code == 0)
        verdicts.append((checked.code, done.code))
    assert verdicts == [(0, 0), (1, 1)]


@pytest.mark.parametrize("program", ["avp-py", "argocd-vault-plugin"])
def test_misspelt_names_of_any_source_are_reported_once(
    run: Run, environ: Mapping[str, str], vault: Vault, kv2: str, tmp_path: Path, program: str
) -> None:
    vault.write(f"{kv2}/data/web", {"key": "filled"})
    token = vault.token(f"{kv2}/data/web")
    manifest = (
        "kind: ConfigMap\nmetadata: {name: a, annotations: {avp.kubernetes.io/path: "
        f"{kv2}/data/web}}}}\ndata: {{a: <key>}}\n"
    )
    values = {"VAULT_ADDR": vault.address, "VAULT_TOKEN": token, "AVP_KV_VERSON": "hunter22"}
    data = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
    with stand_in(as_json(200, {"kind": "Secret", "data": data})) as api:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(api)))
        beside = "AVP_KUSTOMISE" if program == "avp-py" else "AVP_POLCY"
        env = {**environ, "KUBECONFIG": str(kubeconfig), beside: "hunter22"}
        argv = ("-s", "team:web")
        done = run("generate", "-", *argv, env=env, stdin=manifest.encode(), program=program)
        strict = {**env, "AVP_WARNINGS": "error"}
        failed = run("generate", "-", *argv, env=strict, stdin=manifest.encode(), program=program)
        checked = run("healthcheck", "--login", *argv, env=strict, program=program)

    assert "filled" in done.out, done.err
    assert done.err.count(f"the environment sets '{beside}', which is not a setting") == 1
    assert done.err.count("the Secret with the settings sets 'AVP_KV_VERSON'") == 1
    assert (failed.code, failed.out, checked.code) == (1, "", 1)
    assert "hunter22" not in done.err + failed.err + checked.out


def _kubeconfig(api: StandIn) -> Mapping[str, object]:
    return {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": api.address}}],
        "users": [{"name": "me", "user": {}}],
    }
