"""`avp-py healthcheck`: a line for each check, and what to do if one fails."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from avp_py.sandbox import describe_sandbox
from tests.conftest import Result, Run


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """TMPDIR."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def healthy(tmp_path: Path, temporary: Path) -> Mapping[str, str]:
    """An environment in which all checks pass."""
    for name in ("kustomize", "helm"):
        program = tmp_path / name
        program.write_text('#!/bin/sh\n[ "$1" = version ] && echo v1.2.3\n')
        program.chmod(0o755)
    return {
        "TMPDIR": str(temporary),
        "AVP_KUSTOMIZE": str(tmp_path / "kustomize"),
        "AVP_HELM": str(tmp_path / "helm"),
        "AVP_SECRET_ID": "hunter22-of-role",
        "VAULT_TOKEN": "hunter22-of-vault",
    }


def failed(result: Result) -> list[str]:
    """The checks that failed; their lines hold no secret."""
    assert "hunter22" not in result.out
    assert result.err == ""
    lines = [line for line in result.out.splitlines() if not line.startswith("ok  ")]
    assert all(line.startswith("failed  ") and "; next: " in line for line in lines)
    assert result.code == (1 if lines else 0)
    return [line.removeprefix("failed").strip() for line in lines]


def test_all_is_well(run: Run, healthy: Mapping[str, str], tmp_path: Path, temporary: Path) -> None:
    (temporary / "avp-py-run-abcd_123").mkdir()  # what a killed run left

    result = run("healthcheck", env=healthy)

    assert result.out == (
        f"ok      temporary folder  {temporary}\n"
        "ok      settings\n"
        f"ok      kustomize         v1.2.3 ({tmp_path}/kustomize)\n"
        f"ok      helm              v1.2.3 ({tmp_path}/helm)\n"
        f"ok      sandbox           {describe_sandbox('auto')}\n"
    )
    assert failed(result) == []
    assert list(temporary.iterdir()) == []


def test_an_unknown_backend_is_reported(run: Run, healthy: Mapping[str, str]) -> None:
    (line,) = failed(run("healthcheck", env={**healthy, "AVP_TYPE": "valut"}))

    assert line.startswith("settings")
    assert "unknown backend 'valut'" in line


def test_all_unreadable_settings_are_reported(run: Run, healthy: Mapping[str, str]) -> None:
    env = {**healthy, "AVP_CONCURRENCY": "many", "AVP_RENDER_TIMEOUT": "soon"}

    (line,) = failed(run("healthcheck", env=env))

    assert line.startswith("settings")
    assert "AVP_CONCURRENCY" in line
    assert "AVP_RENDER_TIMEOUT" in line
    assert line.count("; next: ") == 2


@pytest.mark.parametrize("kind", ["kustomize", "helm"])
def test_a_program_that_is_not_there(run: Run, healthy: Mapping[str, str], kind: str) -> None:
    (line,) = failed(run("healthcheck", env={**healthy, f"AVP_{kind.upper()}": kind}))

    assert line.split(maxsplit=1) == [
        kind,
        f"{kind} not found on PATH; next: install {kind}, or set AVP_{kind.upper()} to its path",
    ]


def test_a_program_that_does_not_run(run: Run, healthy: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "helm").write_text("#!/bin/sh\necho hunter22 >&2\nexit 3\n")

    (line,) = failed(run("healthcheck", env=healthy))

    assert "helm version failed (exit code 3)" in line


def test_a_policy_that_cannot_be_read(run: Run, healthy: Mapping[str, str], tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("rules: [{projects: [team], alow: [kv/data/team/**]}]\n")

    (line,) = failed(run("healthcheck", env={**healthy, "AVP_POLICY": str(policy)}))

    assert line.startswith("policy")
    assert "alow" in line


def test_a_temporary_folder_that_is_full(run: Run, healthy: Mapping[str, str]) -> None:
    lines = failed(run("healthcheck", env={**healthy, "TMPDIR": "/proc"}))

    assert [line.split()[0] for line in lines] == ["temporary", "kustomize", "helm"]
    assert "the temporary folder cannot be created or written" in lines[0]


def test_a_temporary_folder_that_cannot_be_written(run: Run, healthy: Mapping[str, str]) -> None:
    (line,) = failed(run("healthcheck", env={**healthy, "TMPDIR": "/none"}))

    assert "TMPDIR, /none, cannot be written" in line


def test_a_settings_file_is_read(run: Run, healthy: Mapping[str, str], tmp_path: Path) -> None:
    config = tmp_path / "settings.env"
    config.write_text("AVP_TYPE=file\nAVP_FILE=/none/secrets.yaml\n")

    (line,) = failed(run("healthcheck", "--backend", "-c", config, env=healthy))

    assert line.startswith("backend")
    assert "the secrets file /none/secrets.yaml cannot be read" in line


def test_the_file_backend(run: Run, healthy: Mapping[str, str], tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text("kv/data/web: {password: hunter22}\n")
    env = {**healthy, "AVP_TYPE": "file", "AVP_FILE": str(secrets)}

    result = run("healthcheck", "--login", env=env)

    assert failed(result) == []
    assert result.out.endswith(f"ok      backend           {secrets} can be read\n")


MANIFEST = (
    "kind: ConfigMap\nmetadata: {name: a, annotations: {avp.kubernetes.io/path: kv/data/web}}\n"
    "data: {a: <key>}\n"
)
FILE = {"AVP_TYPE": "file", "AVP_FILE": "SECRETS"}


@pytest.mark.parametrize("program", ["avp-py", "argocd-vault-plugin"])
@pytest.mark.parametrize(
    ("env", "argv", "verdict"),
    [
        (FILE, (), 0),
        ({**FILE, "AVP_SECRET": "x"}, (), 0),
        ({**FILE, "ARGOCD_ENV_AVP_SECRET": "x"}, (), 0),
        (FILE, ("-s", "x"), 0),
        ({**FILE, "VAULT_ADDR": "nowhere", "AVP_SECRET": "x"}, (), None),
        ({**FILE, "VAULT_ADDR": "nowhere"}, ("-s", "x"), 0),
        ({**FILE, "VAULT_ADDR": "nowhere"}, (), 1),
        ({**FILE, "VAULT_ADDR": "nowhere"}, ("-c", "CONFIG"), 0),
        ({"AVP_FILE": "SECRETS"}, ("-c", "CONFIG"), 0),
        ({**FILE, "AVP_SECRET": "x:y:z"}, ("-c", "CONFIG"), 0),
        ({**FILE, "AVP_CONCURRENCY": "many"}, ("-s", "x"), 1),
        ({"AVP_TYPE": "valut"}, (), 1),
        (FILE, ("-c", "/none.env"), 1),
        ({**FILE, "ARGOCD_ENV_IMAGE_TAG": "no tag"}, (), None),
        ({**FILE, "ARGOCD_APP_PARAMETERS": "no JSON"}, (), None),
        ({**FILE, "AVP_POLICY": "/none.yaml"}, (), 1),
    ],
)
def test_healthcheck_and_generate_give_the_same_verdict(
    run: Run,
    healthy: Mapping[str, str],
    tmp_path: Path,
    program: str,
    env: Mapping[str, str],
    argv: tuple[str, ...],
    verdict: int | None,
) -> None:
    (tmp_path / "secrets.yaml").write_text("kv/data/web: {key: value}\n")
    (tmp_path / "settings.env").write_text("AVP_TYPE=file\nVAULT_ADDR=https://vault.example\n")
    places = {
        "SECRETS": str(tmp_path / "secrets.yaml"),
        "CONFIG": str(tmp_path / "settings.env"),
    }
    env = {**healthy, **{name: places.get(value, value) for name, value in env.items()}}
    argv = tuple(places.get(each, each) for each in argv)

    checked = run("healthcheck", "--backend", *argv, env=env, program=program)
    done = run("generate", "-", *argv, env=env, stdin=MANIFEST.encode(), program=program)

    assert checked.code == done.code, checked.out + done.err
    # None: the two names differ, as only one of them has the setting.
    assert done.code == verdict or verdict is None


def test_kubectl_stands_in_for_kustomize(
    run: Run, healthy: Mapping[str, str], tmp_path: Path
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "kustomization.yaml").write_text("resources: []\n")
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(
        '#!/bin/sh\n[ "$1" = version ] && echo Client 1.2.3 && exit\n[ "$1" = kustomize ] && '
        "printf 'kind: ConfigMap\\nmetadata: {name: a}\\n'\n"
    )
    kubectl.chmod(0o755)
    env = {**healthy, "AVP_KUSTOMIZE": "kustomize", "AVP_KUBECTL": str(kubectl)}
    env["AVP_TYPE"] = "file"

    assert run("generate", app, env=env).code == 0
    result = run("healthcheck", env=env)
    assert failed(result) == []
    stands_in = (
        f"Client 1.2.3 ({kubectl}), kubectl in place of kustomize: it cannot set an image or "
        "annotation\n"
    )
    assert f"ok      kustomize         {stands_in}" in result.out
    assert f"kustomize {stands_in}" in run("version", env=env).out

    for wrong in ({"AVP_KUSTOMIZE": "/none"}, {"AVP_KUBECTL": "/none"}, {"AVP_KUBECTL": "none"}):
        assert run("generate", app, env={**env, **wrong}).code == 1
        (line,) = failed(run("healthcheck", env={**env, **wrong}))
        assert line.startswith("kustomize ")


def test_argocd_vault_plugin_needs_neither_programs_nor_a_sandbox(
    run: Run, temporary: Path
) -> None:
    env = {"TMPDIR": str(temporary), "AVP_HELM": "/none", "PATH": "/none"}

    result = run("healthcheck", env=env, program="argocd-vault-plugin")

    assert result.out == f"ok      temporary folder  {temporary}\nok      settings\n"
    assert result.code == 0


def test_version_and_parameters_read_the_settings_file(
    run: Run, healthy: Mapping[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "settings.env"
    config.write_text("AVP_KUSTOMIZE=/none\nAVP_TENANT_SETTINGS=AVP_CONCURRENCY\n")
    env = {name: value for name, value in healthy.items() if name != "AVP_KUSTOMIZE"}

    assert (
        "AVP_KUSTOMIZE: /none is not an executable program"
        in run("version", "-c", config, env=env).out
    )
    assert "AVP_CONCURRENCY" in run("parameters", tmp_path, "-c", config, env=env).out
    assert "AVP_CONCURRENCY" not in run("parameters", tmp_path, env=env).out


def test_argocd_vault_plugin_knows_no_parameters(
    run: Run, healthy: Mapping[str, str], tmp_path: Path
) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")

    assert "IMAGE_NAME" in run("parameters", tmp_path, env=healthy).out
    assert run("parameters", tmp_path, env=healthy, program="argocd-vault-plugin").out == "[]\n"
