"""What `-v` reports of runs with the real kustomize, helm and Vault; never a value."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.conftest import HELMS, Run
from tests.integration import leaks
from tests.integration.manifests import manifest
from tests.integration.stand_in import as_json, stand_in
from tests.integration.test_helm import CHART
from tests.integration.test_kustomize import copy_case
from tests.integration.vault import Vault
from tests.trees import write

pytestmark = pytest.mark.usefixtures("any_machine")

READ = 'capabilities = ["read"]'


@pytest.fixture
def secret(vault: Vault, kv2: str) -> str:
    """The path of a secret that is written twice."""
    for number in (1, 2):
        vault.write(f"{kv2}/data/web", {"password": f"hunter22-of-version-{number}"})
    return f"{kv2}/data/web"


def notes(text: str) -> Sequence[str]:
    """The notes, without their times."""
    return [re.sub(r"\d+\.\d\d s", "N s", line) for line in text.splitlines()]


@pytest.mark.both_helms
def test_a_kustomization_with_a_chart(
    run: Run,
    environ: Mapping[str, str],
    env: Mapping[str, str],
    secret: str,
    vault: Vault,
    tmp_path: Path,
    helm_name: str,
) -> None:
    app = copy_case("a-chart-in-a-base", tmp_path / "tree")
    files: Mapping[str, str | bytes] = {
        "kustomization.yaml": "resources: [../base, more.yaml]\n",
        "more.yaml": manifest({"a": f"<path:{secret}#password>"}),
    }
    write(app, files)
    result = run("generate", "-vv", app, env={**environ, **env})
    assert result.code == 0, result.err
    said = notes(result.err)
    for line in (
        f"avp-py: kustomize v5.8.1 ({environ['AVP_KUSTOMIZE']})",
        "avp-py: kustomize build took N s",
        "avp-py: rendered by kustomize in N s",
        "avp-py: auth method token, chosen by its settings: VAULT_TOKEN",
        f"avp-py: read {secret}, version 2",
        "avp-py: N s in all",
    ):
        assert line in said
    assert any(line.startswith(f"avp-py: helm {HELMS[helm_name]}.") for line in said)
    assert any(line.startswith("avp-py: sandbox: ") for line in said)
    assert any(re.fullmatch(r"avp-py: documents: \d+, placeholders: 1", line) for line in said)
    assert "hunter22-of-version-2" in result.out
    assert leaks.found(result.err, [vault.root_token, *vault.written]) == []


@pytest.mark.both_helms
def test_a_chart(
    run: Run,
    environ: Mapping[str, str],
    env: Mapping[str, str],
    secret: str,
    tmp_path: Path,
    helm_name: str,
) -> None:
    chart = write(tmp_path / "chart", CHART)
    write(chart, {"templates/secret.yaml": manifest({"a": f"<path:{secret}#password#1>"})})
    result = run("generate", "-v", chart, env={**environ, **env})
    assert result.code == 0, result.err
    said = notes(result.err)
    assert "avp-py: helm template took N s" in said
    assert "avp-py: rendered by helm in N s" in said
    assert f"avp-py: read {secret}, version 1" in said
    assert any(line.startswith(f"avp-py: helm {HELMS[helm_name]}.") for line in said)
    assert not any(line.startswith("avp-py: kustomize ") for line in said)


def test_a_login_is_reported(run: Run, env: Mapping[str, str], vault: Vault, kv1: str) -> None:
    vault.write(f"{kv1}/web", {"password": "hunter22-without-a-version"})
    vault.enable("userpass", "people")
    vault.call("put", "sys/policies/acl/people", {"policy": f'path "{kv1}/*" {{ {READ} }}'})
    body = {"password": "hunter22-of-alice", "token_policies": "people"}
    vault.call("post", "auth/people/users/alice", body)
    login = {
        "VAULT_ADDR": env["VAULT_ADDR"], "AVP_AUTH_TYPE": "userpass", "AVP_USERNAME": "alice",
        "AVP_PASSWORD": "hunter22-of-alice", "AVP_MOUNT_PATH": "auth/people",
    }  # fmt: skip
    stdin = manifest({"a": f"<path:{kv1}/web#password>"})
    result = run("generate", "-vv", "-", env=login, stdin=stdin)
    assert result.code == 0, result.err
    said = notes(result.err)
    assert "avp-py: auth method userpass, chosen by AVP_AUTH_TYPE" in said
    assert "avp-py: logged in by userpass at auth/people" in said
    assert f"avp-py: read {kv1}/web" in said
    assert "hunter22" not in result.err


def test_a_health_check_reports_in_the_configured_log_format(
    run: Run, environ: Mapping[str, str], env: Mapping[str, str], tmp_path: Path
) -> None:
    config = write(tmp_path, {"c.yaml": "AVP_LOG_FORMAT: json\n"}) / "c.yaml"
    result = run("healthcheck", "-v", "--login", "-c", config, env={**environ, **env})
    assert result.code == 0, result.out
    said = [json.loads(line)["msg"] for line in result.err.splitlines()]
    assert said[0] == "auth method token, chosen by its settings: VAULT_TOKEN"


def test_only_a_number_is_reported_as_a_version(run: Run) -> None:
    body = {"data": {"data": {"k": "hunter22"}, "metadata": {"version": "hunter22"}}}
    with stand_in(as_json(200, body)) as server:
        env = {"VAULT_ADDR": server.address, "VAULT_TOKEN": "t"}
        result = run("generate", "-vv", "-", env=env, stdin=manifest({"a": "<path:kv/data/web#k>"}))
    assert result.code == 0
    assert "avp-py: read kv/data/web\n" in result.err
    assert "hunter22" not in result.err
