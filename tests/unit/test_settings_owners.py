"""Who may set what: a tenant has no way to a setting that is not delegated to it."""

import ast
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avp_py.errors import GenerateError
from avp_py.sandbox.environment import DEAD_PROXY
from avp_py.sandbox.process import MARK
from avp_py.settings import TABLE, Owner, Program, Settings
from avp_py.settings.declaration import BACKEND_PREFIXES
from tests.conftest import ROOT, Run
from tests.settings import load, load_with_secret

OPERATORS = [setting.name for setting in TABLE if setting.is_operators]
ALONE = [setting.name for setting in TABLE if setting.owner is Owner.OPERATOR_ALONE]
TENANTS = [setting.name for setting in TABLE if setting.owner is Owner.TENANT]

HANDED_ON = {
    "AVP_AUTH_TYPE", "AVP_CERT_ROLE", "AVP_CONCURRENCY", "AVP_GITHUB_TOKEN", "AVP_JWT",
    "AVP_JWT_ROLE", "AVP_K8S_MOUNT_PATH", "AVP_K8S_ROLE", "AVP_KV_VERSION", "AVP_MOUNT_PATH",
    "AVP_PASSWORD", "AVP_REPO_ANNOTATION", "AVP_ROLE_ID", "AVP_SECRET_ID", "AVP_TYPE",
    "AVP_USERNAME", "VAULT_ADDR", "VAULT_AGENT_ADDR", "VAULT_CACERT", "VAULT_CACERT_BYTES",
    "VAULT_CAPATH", "VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY", "VAULT_CLIENT_TIMEOUT",
    "VAULT_DISABLE_REDIRECTS", "VAULT_HTTP_PROXY", "VAULT_MAX_RETRIES", "VAULT_NAMESPACE",
    "VAULT_PROXY_ADDR", "VAULT_RATE_LIMIT", "VAULT_SKIP_VERIFY", "VAULT_SRV_LOOKUP",
    "VAULT_TLS_SERVER_NAME", "VAULT_TOKEN",
}  # fmt: skip
"""What AVP_TENANT_SETTINGS may name beside the tenants' own."""

IN_A_SECRET = {
    "AVP_JWT_PATH", "AVP_K8S_TOKEN_PATH", "AVP_PATH_TEMPLATE", "AVP_PATH_VALIDATION",
}  # fmt: skip
"""What a Secret may hold of what is the operator's alone."""


def reasons(environ: dict[str, str], secret: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(GenerateError) as caught:
        load(environ) if secret is None else load_with_secret(environ, secret)
    return [failure.reason for failure in caught.value.failures]


def parameters(name: str, value: str = "x") -> dict[str, str]:
    return {"ARGOCD_APP_PARAMETERS": json.dumps([{"name": name, "string": value}])}


def test_the_settings_that_may_be_delegated_are_listed() -> None:
    # A new row that guards, limits, or names a program or a file is _ALONE; any other belongs
    # in HANDED_ON above.
    assert {name for name in OPERATORS if name not in ALONE} == HANDED_ON
    assert {setting.name for setting in TABLE if setting.in_secret} == IN_A_SECRET


@pytest.mark.parametrize("name", ALONE)
def test_operator_only_settings_cannot_be_delegated(name: str) -> None:
    message = f"AVP_TENANT_SETTINGS names {name}, which is not a setting that can be delegated"
    assert reasons({"AVP_TENANT_SETTINGS": name}) == [message]
    assert message in reasons({"AVP_TENANT_SETTINGS": name, f"ARGOCD_ENV_{name}": "1"})
    assert message in reasons({"AVP_TENANT_SETTINGS": name, **parameters(name)})


@pytest.mark.parametrize("name", [*OPERATORS, "AVP_NO_SUCH", "AWS_REGION", "GOOGLE_X", "SOPS_X"])
@pytest.mark.parametrize("change", [str, str.lower, str.title, str.swapcase])
def test_a_name_in_any_case_is_refused_in_env_and_parameters(
    name: str, change: Callable[[str], str]
) -> None:
    written = change(name)
    message = f"the Application sets {written}, which is the operator's to set"
    assert reasons({f"ARGOCD_ENV_{written}": "x"}) == [message]
    assert reasons({f"ARGOCD_ENV_{written}": ""}) == [message]
    assert reasons(parameters(written)) == [message]


@pytest.mark.parametrize("prefix", BACKEND_PREFIXES)
def test_every_name_that_a_backends_library_could_read_is_refused(prefix: str) -> None:
    for name in (prefix, f"{prefix}_X", f"{prefix}X"):
        assert len(reasons({f"ARGOCD_ENV_{name}": "x"})) == 1


@pytest.mark.parametrize("name", OPERATORS)
def test_a_permitted_name_is_permitted_in_its_own_case_only(name: str) -> None:
    if name not in ALONE:
        environ = {"AVP_TENANT_SETTINGS": name, f"ARGOCD_ENV_{name.lower()}": "x"}
        assert len(reasons(environ)) == 1


OTHER_WAYS = [
    "ARGOCD_ENV_ARGOCD_ENV_AVP_POLICY", "ARGOCD_ENV_ARGOCD_APP_PROJECT_NAME",
    "ARGOCD_ENV_ARGOCD_APP_PARAMETERS", "ARGOCD_ENV_PARAM_AVP_POLICY", "PARAM_AVP_POLICY",
    "PARAM_VAULT_ADDR", "ARGOCD_ENV_", "ARGOCD_ENV_ AVP_POLICY", "ARGOCD_ENV__AVP_POLICY",
    "ARGOCD_ENVAVP_POLICY", "argocd_env_AVP_POLICY", "ARGOCD_ENV_KUBECONFIG", "ARGOCD_ENV_PATH",
    "ARGOCD_ENV_KUBERNETES_SERVICE_HOST", "ARGOCD_ENV_HTTPS_PROXY", "ARGOCD_ENV_LD_PRELOAD",
    "ARGOCD_ENV_PYTHONPATH", "ARGOCD_ENV_HELM_PLUGINS", "ARGOCD_ENV_KUSTOMIZE_PLUGIN_HOME",
    "ARGOCD_ENV_GIT_SSH_COMMAND", "ARGOCD_ENV_KUBE_VERSION",
]  # fmt: skip


@pytest.mark.parametrize("name", OTHER_WAYS)
def test_other_ways_to_set_a_name_have_no_effect(name: str) -> None:
    for value in ("/x", "[]", "http://evil.example"):
        assert load({name: value}) == load({})


@pytest.mark.parametrize("name", ["AVP_POLICY ", "avp_policy", "Avp_Policy", "AVP-POLICY"])
def test_a_guard_in_another_form_is_an_error(name: str) -> None:
    message = f"the environment sets {name!r}, which is not a setting"
    assert reasons({name: "/x"}) == [message]
    # By the name argocd-vault-plugin it is a warning, and still not the policy.
    found = load({name: "/x"}, program=Program.ARGOCD_VAULT_PLUGIN)
    assert found.policy == load({}).policy
    assert [warning.reason for warning in found.warnings] == [message]


def _tenants_word(settings: Settings) -> dict[str, object]:
    values = settings.values()
    return {
        setting.name: values[setting.name] for setting in TABLE if setting.owner is not Owner.TENANT
    }


NAMES = st.sampled_from([*OPERATORS, *TENANTS, *OTHER_WAYS]) | st.text(max_size=12)


@given(
    st.dictionaries(NAMES | NAMES.map(str.lower), st.text(max_size=12), max_size=4),
    st.lists(st.tuples(NAMES, st.text(max_size=12)), max_size=3),
    st.sets(st.sampled_from(TENANTS), max_size=2),
)
def test_a_tenant_cannot_change_operator_settings(
    env: dict[str, str], said: list[tuple[str, str]], listed: set[str]
) -> None:
    operator = {"AVP_TENANT_SETTINGS": ",".join(sorted(listed)), "VAULT_ADDR": "https://vault"}
    tenant = {f"ARGOCD_ENV_{name}": value for name, value in env.items()}
    tenant["ARGOCD_APP_PARAMETERS"] = json.dumps([{"name": n, "string": v} for n, v in said])
    try:
        found = load({**operator, **tenant})
    except GenerateError:
        return
    assert _tenants_word(found) == _tenants_word(load(operator))


@pytest.mark.parametrize("name", ALONE)
def test_a_secret_holds_nothing_that_is_the_operators_alone(name: str) -> None:
    value = "vault" if name in IN_A_SECRET else "/x"
    if name in IN_A_SECRET:
        assert load_with_secret({}, {name: value}) != load({})
        return
    message = f"{name} cannot be set in a Secret, and the Secret with the settings holds it"
    assert reasons({}, {name: value}) == [message]


@pytest.mark.parametrize("name", ["AVP_POLICY", "AVP_TOKEN_CACHE", "AVP_FILE"])
def test_a_secret_does_not_change_what_the_environment_says(name: str) -> None:
    environ = {name: "/operators"}
    assert load_with_secret(environ, {name: "/tenants"}) == load(environ)


def test_a_secret_does_not_loosen_the_validation_of_paths() -> None:
    environ = {"AVP_PATH_VALIDATION": "^kv/team-a/"}
    for secret in ({}, {"AVP_PATH_VALIDATION": ".*"}, {"AVP_PATH_VALIDATION": ""}):
        found = load_with_secret(environ, secret).policy.path_validation
        assert found is not None
        assert found.text == "^kv/team-a/"


def test_a_settings_file_may_set_operator_only_settings() -> None:
    assert load({}, {"AVP_POLICY": "/p", "AVP_FILE": "/f"}).policy.file == "/p"


@pytest.mark.parametrize(
    "name", ["VAULT_TOKEN", "vault_token", "AVP_SECRET_ID", "ARGOCD_ENV_AVP_X"]
)
def test_credentials_cannot_be_passed_on_to_kustomize_and_helm(name: str) -> None:
    (reason,) = reasons({"AVP_RENDER_ENV": f"GIT_SSH_COMMAND,{name}"})
    assert reason.startswith("AVP_RENDER_ENV is not a list without our own settings")


def test_a_child_gets_nothing_that_a_tenant_says(run: Run, tmp_path: Path) -> None:
    names = (
        *("PATH", "LD_PRELOAD", "PYTHONPATH", "PYTHONSTARTUP", "HELM_PLUGINS", "GIT_DIR"),
        *("KUSTOMIZE_PLUGIN_HOME", "HOME", "TMPDIR", "HTTPS_PROXY", "SSL_CERT_FILE", "X"),
    )
    seen = []
    for tenants in ({}, {f"ARGOCD_ENV_{name}": "/canary" for name in names}):
        dump = tmp_path / "environ"
        kustomize = tmp_path / "kustomize"
        kustomize.write_text(
            f"#!/bin/sh\n{shutil.which('env')} -0 > {dump}\n"
            "printf 'kind: ConfigMap\\nmetadata: {name: a}\\n'\n"
        )
        kustomize.chmod(0o755)
        app = tmp_path / "app"
        app.mkdir(exist_ok=True)
        (app / "kustomization.yaml").write_text("resources: []\n")
        operators = {"PATH": "/usr/bin:/bin", "AVP_KUSTOMIZE": str(kustomize), "AVP_TYPE": "file"}
        operators["AVP_SANDBOX"] = "off"  # for a script that starts a program
        secrets = {"VAULT_TOKEN": "canary-1", "AVP_SECRET_ID": "canary-2"}
        identity = {"ARGOCD_APP_NAME": "canary-3", "KUBE_VERSION": "1.31.0"}
        result = run("generate", app, env={**operators, **secrets, **identity, **tenants})
        assert result.code == 0, result.err
        text = dump.read_bytes().decode()
        assert "canary" not in text
        pairs = [each.partition("=") for each in text.split("\0") if each]
        # The folders of a run are its own, and so is the name of its processes.
        own = ("HOME", "TMPDIR", "HELM_", "XDG_", "DOCKER_CONFIG", MARK, "PATH")
        seen.append({name: value for name, _, value in pairs if not name.startswith(own)})
        (path,) = (value for name, _, value in pairs if name == "PATH")
        assert Path(path).parent.name.startswith("avp-py-run-")
        assert seen[-1]["HTTPS_PROXY"] == DEAD_PROXY
    assert seen[0] == seen[1]


def _words() -> Iterator[tuple[str, str]]:
    """Each word in the code that is the name of a setting, with its file."""
    for file in sorted((ROOT / "avp_py").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for word in re.findall(r"\b(?:AVP|VAULT)_[A-Z0-9_]*[A-Z0-9]\b", node.value):
                    yield word, f"{file.relative_to(ROOT)}:{node.lineno}"


def test_every_name_of_a_setting_in_the_code_is_in_the_table() -> None:
    known = {setting.name for setting in TABLE}
    assert [each for each in _words() if each[0] not in known] == []


def test_the_page_of_settings_is_complete() -> None:
    """Each setting of the table is there once, under its owner, with default and summary."""
    page = (ROOT / "docs" / "settings.md").read_text()
    sections = {
        part.partition("\n")[0]: part for part in re.split(r"^## Set by ", page, flags=re.MULTILINE)
    }
    for setting in TABLE:
        rows = re.findall(rf"^\| `{setting.name}`.*$", page, re.MULTILINE)
        assert len(rows) == 1, setting.name
        assert rows[0] in sections[setting.owner.value]
        assert setting.summary in rows[0]
        if setting.default and setting.owner is not Owner.TENANT:
            assert f"`{setting.default}`" in rows[0]
    named = set(re.findall(r"^\| `([A-Z0-9_<>]+)`", page, re.MULTILINE))
    assert named == {setting.name for setting in TABLE}
