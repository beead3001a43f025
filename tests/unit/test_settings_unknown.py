"""Names that are not settings: which pass, which are warnings, and which fail a run."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from avp_py.errors import Failure, GenerateError
from avp_py.settings import Program
from tests.conftest import Run
from tests.settings import load, load_with_secret
from tests.unit.growth import refuse_growth

CANARY = "canary-value"
MANIFEST = (
    b"kind: ConfigMap\nmetadata: {name: a, annotations: {avp.kubernetes.io/path: kv/data/web}}\n"
    b"data: {a: <key>}\n"
)


def failures(
    environ: Mapping[str, str], config: Mapping[str, str] | None = None, *, secret: bool = False
) -> list[Failure]:
    with pytest.raises(GenerateError) as caught:
        load_with_secret(environ, config or {}) if secret else load(environ, config)
    return list(caught.value.failures)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("AVP_POLCY", "AVP_POLICY"),
        ("AVP_POLICIES", "AVP_POLICY"),
        ("AVP_POLICY_FILE", "AVP_POLICY"),
        ("AVP_PATH_VALIDATE", "AVP_PATH_VALIDATION"),
        ("AVP_PATH_VALIDATON", "AVP_PATH_VALIDATION"),
        ("AVP_TENANT_SETTING", "AVP_TENANT_SETTINGS"),
        ("AVP_SANDBOXED", "AVP_SANDBOX"),
        ("AVP_RENDER_NETWORKS", "AVP_RENDER_NETWORK"),
        ("AVP_RENDER_PORT", "AVP_RENDER_PORTS"),
        ("AVP_LEFTOVER", "AVP_LEFTOVERS"),
        ("AVP_WARNING", "AVP_WARNINGS"),
    ],
)
def test_a_misspelt_guard_is_an_error(name: str, meant: str) -> None:
    for environ, config, secret, place in (
        ({name: CANARY}, None, False, "the environment"),
        ({}, {name: CANARY}, False, "the settings file"),
        ({}, {name: CANARY}, True, "the Secret with the settings"),
    ):
        (failure,) = failures(environ, config, secret=secret)
        assert failure.reason == f"{place} sets '{name}', which is not a setting"
        assert failure.hint == f"did you mean {meant}?"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("AVP_KUSTOMISE", "AVP_KUSTOMIZE"),
        ("AVP_ROLEID", "AVP_ROLE_ID"),
        ("AVP_MAX_INPUTS", "AVP_MAX_INPUT"),
        ("avp_type", "AVP_TYPE"),
        ("AVP_XYZZY_QUUX", ""),
    ],
)
def test_another_unknown_name_is_a_warning(name: str, meant: str) -> None:
    (warning,) = load({name: CANARY}).warnings
    assert warning.reason == f"the environment sets '{name}', which is not a setting"
    assert warning.hint.startswith(f"did you mean {meant}?" if meant else "remove it")
    assert load({name: ""}).warnings == ()
    (warning,) = load_with_secret({}, {name: CANARY}).warnings
    assert warning.reason.startswith("the Secret with the settings sets")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AVP_VERSION", "1.18.1"),
        ("AVP_PATH_PREFIX", "x"),
        ("AVP_IBM_INSTANCE_URL", "x"),
        ("AVP_IBM_API_KEY", "x"),
        ("AVP_IAM_API_KEY", "x"),
        ("AVP_DELINEA_URL", "x"),
        ("AVP_KEEPER_CONFIG_PATH", "x"),
        ("AVP_YCL_KEY_ID", "x"),
        ("AVP_PY_TOOLS", "x"),
        ("AVP_SERVICE_HOST", "10.0.0.1"),
        ("AVP_POLICY_SERVICE_HOST", "10.0.0.1"),
        ("AVP_POLICY_SERVICE_PORT", "80"),
        ("AVP_POLICY_SERVICE_PORT_HTTP", "80"),
        ("AVP_PORT", "tcp://10.0.0.1:80"),
        ("AVP_RENDER_PORT", "udp://10.0.0.1:80"),
        ("AVP_RENDER_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("AVP_RENDER_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("VAULT_FORMAT", "json"),
        ("SOME_AVP_POLICY", "x"),
    ],
)
def test_a_name_of_somebody_else_passes(name: str, value: str) -> None:
    assert load({name: value}) == load({})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("IMAGE_TGA", "IMAGE_TAG"),
        ("IMAGE_TAGS", "IMAGE_TAG"),
        ("IMAGENAME", "IMAGE_NAME"),
        ("APP_REPOS", "APP_REPO"),
        ("HELM_VALUE", "HELM_VALUES"),
        ("HELM_ARG", "HELM_ARGS"),
        ("HELM_VALUE_FILES", "HELM_VALUES_FILES"),
        ("IMAGES_TAG", "IMAGE_TAG"),
        ("IMAGES_NAME", "IMAGE_NAME"),
        ("IMAGES_", "IMAGES"),
        ("images_web", "IMAGES_WEB"),
        ("IMAGES-WEB", "IMAGES_WEB"),
    ],
)
def test_a_misspelt_name_of_a_tenant_is_an_error(name: str, meant: str) -> None:
    variable = f"ARGOCD_ENV_{name}"
    (failure,) = failures({variable: CANARY})
    assert failure.reason == (
        f"the Application sets '{name}' in plugin.env, which is not a setting"
    )
    assert failure.hint == f"did you mean {meant}?"
    assert load({variable: ""}) == load({})
    assert load({variable: CANARY}, program=Program.ARGOCD_VAULT_PLUGIN) == load({})
    load({variable: CANARY, "AVP_RENDER_ENV": f"X,{variable}"})


@pytest.mark.parametrize("name", ["IMAGE_WEB", "IMAEGS_WEB", "image-web", "IMAGE_WEB_2"])
def test_a_misspelt_beginning_is_an_error_with_an_image(name: str) -> None:
    variable = f"ARGOCD_ENV_{name}"
    (failure,) = failures({variable: "registry.example/web:1.0"})
    assert failure.hint.startswith("did you mean IMAGES_WEB")
    load({variable: "registry.example/web:1.0", "AVP_RENDER_ENV": variable})
    for other in ("Always", "8080", "registry.example/web"):
        assert load({variable: other}) == load({})


def test_a_long_name_is_cut_in_what_is_advised() -> None:
    (failure,) = failures({"ARGOCD_ENV_images_" + "a" * 99: CANARY})
    assert failure.hint == f"did you mean IMAGES_{'A' * 53}…?"


@pytest.mark.parametrize(
    "name", ["REGION", "ENVIRONMENT", "TEAM_IMAGE", "APP_NAME", "HELM_VERSION"]
)
def test_other_names_of_a_tenant_pass(name: str) -> None:
    assert load({f"ARGOCD_ENV_{name}": CANARY}) == load({})


def test_a_misspelt_parameter_is_an_error() -> None:
    parameters = json.dumps([{"name": "IMAGE_TGA", "string": CANARY}])
    (failure,) = failures({"ARGOCD_APP_PARAMETERS": parameters})
    assert (failure.reason, failure.hint) == (
        "unknown parameter 'IMAGE_TGA'",
        "did you mean IMAGE_TAG?",
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("helm_args", "HELM_ARGS"),
        ("image_tag", "IMAGE_TAG"),
        ("Image_Tag", "IMAGE_TAG"),
        ("image-tag", "IMAGE_TAG"),
        ("app_repo", "APP_REPO"),
        ("helm_values", "HELM_VALUES"),
        ("images", "IMAGES"),
        ("values-files", "HELM_VALUES_FILES"),
        ("VALUES_FILES", "HELM_VALUES_FILES"),
        ("helm-parameters", "HELM_PARAMETERS"),
        (" IMAGE_TAG", "IMAGE_TAG"),
    ],
)
def test_a_tenants_name_in_another_form_is_an_error(name: str, meant: str) -> None:
    variable = f"ARGOCD_ENV_{name}"
    (failure,) = failures({variable: CANARY})
    assert failure.reason == (
        f"the Application sets '{name}' in plugin.env, which is not a setting"
    )
    assert failure.hint == f"did you mean {meant}?"
    # As argocd-vault-plugin, such a variable is left to the shell that runs it.
    assert load({variable: CANARY}, program=Program.ARGOCD_VAULT_PLUGIN) == load({})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("helm_args", "HELM_ARGS"),
        ("image-tag", "IMAGE_TAG"),
        ("Images", "images"),
        ("IMAGES", "images"),
        ("VALUES_FILES", "values-files"),
        ("HELM_VALUES_FILES", "values-files"),
        ("avp_secret", "AVP_SECRET"),
    ],
)
def test_a_parameter_in_another_form_is_an_error(name: str, meant: str) -> None:
    parameters = json.dumps([{"name": name, "string": CANARY}])
    (failure,) = failures({"ARGOCD_APP_PARAMETERS": parameters})
    assert failure.hint == f"did you mean {meant}?"


@pytest.mark.parametrize("name", ["avp_secret", "avp-secret", "Avp_Secret"])
def test_the_secret_in_another_form_names_the_right_one(name: str) -> None:
    (failure,) = failures({f"ARGOCD_ENV_{name}": CANARY})
    assert failure.hint == "did you mean AVP_SECRET?"


def filled(tmp_path: Path) -> Mapping[str, str]:
    (tmp_path / "secrets.yaml").write_text("kv/data/web: {key: value}\n")
    return {"AVP_TYPE": "file", "AVP_FILE": str(tmp_path / "secrets.yaml")}


@pytest.mark.parametrize("mode", ["show", "error", "ignore"])
def test_avp_warnings_says_what_becomes_of_a_warning(run: Run, tmp_path: Path, mode: str) -> None:
    env = {**filled(tmp_path), "AVP_KUSTOMISE": CANARY, "AVP_WARNINGS": mode}
    env["TMPDIR"] = str(tmp_path)

    result = run("generate", "-", env=env, stdin=MANIFEST)
    checked = run("healthcheck", env=env)

    settings = checked.out.splitlines()[1]
    assert CANARY not in result.err + checked.out
    assert (result.code, result.out != "") == ((1, False) if mode == "error" else (0, True))
    for said in (result.err, settings):
        assert ("'AVP_KUSTOMISE', which is not a setting" in said) == (mode != "ignore")
        assert ("did you mean AVP_KUSTOMIZE?" in said) == (mode != "ignore")
    assert settings.startswith("failed" if mode == "error" else "ok")


def test_a_misspelt_policy_fails_before_anything_is_read(run: Run, tmp_path: Path) -> None:
    env = {**filled(tmp_path), "AVP_FILE": "/none", "AVP_POLCY": "/etc/policy.yaml"}

    result = run("generate", "-", env=env, stdin=b"not: [YAML")

    assert (result.code, result.out) == (1, "")
    assert "1. the environment sets 'AVP_POLCY', which is not a setting\n" in result.err
    assert "next: did you mean AVP_POLICY?\n" in result.err
    assert "2." not in result.err


def test_a_misspelt_program_is_named_where_the_render_fails(run: Run, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")

    env = {**filled(tmp_path), "PATH": "/none", "AVP_KUSTOMISE": "/usr/bin/kustomize"}
    result = run("generate", tmp_path, env=env)

    assert result.code == 1
    assert "kustomize not found on PATH" in result.err
    assert "did you mean AVP_KUSTOMIZE?" in result.err


def test_by_the_name_argocd_vault_plugin_all_are_warnings(run: Run, tmp_path: Path) -> None:
    env = {**filled(tmp_path), "AVP_POLCY": "/none", "ARGOCD_ENV_IMAGE_TGA": "1"}

    result = run("generate", "-", env=env, stdin=MANIFEST, program="argocd-vault-plugin")

    assert result.code == 0
    assert "did you mean AVP_POLICY?" in result.err
    assert "IMAGE_TGA" not in result.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "n"),
    [
        (lambda n: {f"ARGOCD_ENV_IMAGE_{each}": "x" for each in range(n)}, 500),
        (lambda n: {"ARGOCD_ENV_" + "image-" * n: "x"}, 20_000),
        (lambda n: {f"AVP_POLICY_{each}": "x" for each in range(n)}, 200),
        (lambda n: {"AVP_" + "SERVICE_PORT_" * n: "x"}, 20_000),
    ],
    ids=[
        "many of a tenant",
        "a long one of a tenant",
        "many in a Secret",
        "a long one in a Secret",
    ],
)
def test_names_take_linear_time(make: Callable[[int], Mapping[str, str]], n: int) -> None:
    def look(names: Mapping[str, str]) -> None:
        with suppress(GenerateError):
            load_with_secret(names, names)

    refuse_growth(make, look, n)
