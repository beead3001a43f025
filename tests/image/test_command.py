"""The command in a container: read-only, without rights and without a network."""

import json
import re
from pathlib import Path

import pytest

from tests.image.conftest import Start, WithHelm, command
from tests.integration.repositories import Repository, package
from tests.trees import write

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\n"


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["avp-py", "version"], 0),
        (["argocd-vault-plugin", "version"], 0),
        (["avp-py", "generate", "-"], 1),
        (["avp-py", "nonsense"], 2),
        (["sh", "-c", "kill -TERM $$"], 143),
    ],
)
def test_the_exit_code_is_the_commands(argv: list[str], code: int, start: Start) -> None:
    # A placeholder, and no backend to ask.
    assert start(*argv, stdin=f"{MAP}data: {{a: <path:kv/data/a#b>}}\n").returncode == code


def test_without_arguments_it_says_that_it_is_a_sidecar(start: Start) -> None:
    ran = start()
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "argocd-cmp-server cannot be started: No such file or directory" in ran.stderr


@pytest.mark.parametrize(("expression", "code"), [(r"^\p{L}+/", 0), ("(?=kv)", 1)])
def test_it_reads_regular_expressions(expression: str, code: int, start: Start) -> None:
    options = ("--env", f"AVP_PATH_VALIDATION={expression}")
    ran = start("avp-py", "generate", "-", options=options, stdin=MAP)
    assert ran.returncode == code, ran.stderr
    assert ("(RE2): invalid perl operator" in ran.stderr) == bool(code)


def test_it_finds_kustomize_and_helm(with_helm: WithHelm) -> None:
    told = with_helm.start("avp-py", "version").stdout

    assert "(/usr/local/bin/kustomize)" in told
    assert re.search(rf"^helm +{with_helm.major}\..* \(/usr/local/bin/helm\)$", told, re.MULTILINE)


def test_a_folder_with_a_chart_is_rendered(tmp_path: Path, with_helm: WithHelm) -> None:
    version = "data: {helm: '{{ .Capabilities.HelmVersion.Version }}'}\n"
    write(
        tmp_path,
        {
            "kustomization.yaml": "helmGlobals: {chartHome: charts}\nhelmCharts: [{name: web}]\n",
            "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
            "charts/web/values.yaml": "{}\n",
            "charts/web/templates/map.yaml": MAP + version,
        },
    )
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755)

    volume = ("--volume", f"{tmp_path}:/app:ro")
    rendered = with_helm.start("avp-py", "generate", "/app", options=volume)

    assert rendered.returncode == 0, rendered.stderr
    assert "kind: ConfigMap" in rendered.stdout
    assert f"  helm: {with_helm.major}." in rendered.stdout


def test_a_chart_of_a_repository_is_fetched(tmp_path: Path, with_helm: WithHelm) -> None:
    archive = package("web", "1.2.3")
    write(tmp_path, {"app/values.yaml": "", "repository/web-1.2.3.tgz": archive})
    repository = Repository({("web", "1.2.3"): archive})
    write(tmp_path, {"repository/index.yaml": repository.index})
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755)
    # The container has no network but its own loopback.
    script = (
        "cd /app/repository; python3 -m http.server --bind 127.0.0.1 8000 2>/dev/null &"
        " until avp-py generate /app/app; do [ $((count += 1)) -lt 20 ] || exit 1; sleep 0.2; done"
    )
    options = ["--volume", f"{tmp_path}:/app:ro"]
    for variable in (
        "AVP_RENDER_HOSTS=127.0.0.1:8000",
        "ARGOCD_ENV_CHART=web",
        "ARGOCD_ENV_CHART_REPO=http://127.0.0.1:8000",
        "ARGOCD_ENV_CHART_VERSION=1.2.3",
    ):
        options += ["--env", variable]

    rendered = with_helm.start("sh", "-c", script, options=options)

    assert rendered.returncode == 0, rendered.stderr
    assert 'version: "1.2.3"' in rendered.stdout


def test_modules_in_a_tenants_folder_are_not_imported(tmp_path: Path, start: Start) -> None:
    for name in ("hvac", "sitecustomize", "usercustomize", "json", "avp_py"):
        write(tmp_path, {f"{name}.py": "raise SystemExit('code of the tenant')\n"})
    tmp_path.chmod(0o755)
    options = (
        *("--volume", f"{tmp_path}:/app:ro", "--workdir", "/app"),
        *("--env", "PYTHONPATH=/app", "--env", "PYTHONSTARTUP=/app/hvac.py"),
    )

    ran = start("avp-py", "generate", "-", options=options, stdin=MAP)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, MAP, "")


def test_its_scripts_are_isolated(start: Start) -> None:
    for name in ("avp-py", "argocd-vault-plugin"):
        first = start("head", "-n", "1", f"/opt/avp-py/bin/{name}").stdout
        assert first == "#!/opt/avp-py/bin/python -IS\n"


def test_what_is_stopped_ends_at_once(image: str) -> None:
    name = command("docker", "run", "--detach", "--network", "none", image, "sleep", "600").strip()
    try:
        command("docker", "stop", "--time", "60", name)
        state = command("docker", "inspect", "--format", "{{.State.ExitCode}}", name)
        # tini forwarded SIGTERM; 137 would mean SIGKILL, after a minute.
        assert state == "143\n"
    finally:
        command("docker", "rm", "--force", name)


def test_it_requires_the_whole_sandbox_and_has_it(start: Start, tmp_path: Path) -> None:
    calls = [f"landlock_{name}" for name in ("create_ruleset", "add_rule", "restrict_self")]
    refused = {"names": calls, "action": "SCMP_ACT_ERRNO", "errnoRet": 38}
    profile = tmp_path / "seccomp.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [refused]}))
    checked = start("avp-py", "healthcheck").stdout

    (line,) = (line for line in checked.splitlines() if " sandbox " in line)
    assert line.startswith("ok ")
    assert "Landlock ABI" in line
    assert line.endswith("signals and abstract sockets; seccomp filters system calls")
    without = start("avp-py", "version", options=("--security-opt", f"seccomp={profile}")).stdout
    assert "AVP_SANDBOX=required, and this kernel cannot restrict files" in without
