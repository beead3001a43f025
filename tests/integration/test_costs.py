"""What a run costs, counted rather than timed: processes, requests, text parsed, modules.

A run that starts, requests, parses or loads more than it did fails here, on any machine.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine import install

from tests.integration.core import AVP, serve
from tests.integration.manifests import manifest
from tests.integration.stand_in import StandIn
from tests.integration.vault import Vault
from tests.trees import write

_COUNTED = """
import json, os, sys

report, *words = sys.argv[1:]
started, parsed = [], []

def hear(event, arguments):
    if event == "subprocess.Popen":
        started.append([os.path.basename(arguments[0]), *arguments[1][1:3]])

def end(code):
    with open(report, "w") as file:
        json.dump([code, started, parsed, sorted(sys.modules)], file)
    leave(code)

sys.addaudithook(hear)
leave, os._exit = os._exit, end

from avp_py.entry import close_process
close_process()
from avp_py.cli.main import start
from avp_py.golang import composer

class Parser(composer.CParser):
    def __init__(self, text):
        parsed.append(len(text))
        super().__init__(text)

composer.CParser = Parser
sys.argv[1:] = words
start()
"""


@dataclass(frozen=True)
class Cost:
    """What a run used.

    Attributes:
        out: what it printed.
        started: the programs that it started, each with its first arguments.
        parsed: the sizes of the texts that were parsed as YAML, in characters.
        modules: the modules that it loaded.
    """

    out: str
    started: Sequence[Sequence[str]]
    parsed: Sequence[int]
    modules: frozenset[str]

    def loaded(self, *names: str) -> set[str]:
        """Those of some packages that it loaded anything of."""
        return {
            name
            for name in names
            if any(each == name or each.startswith(f"{name}.") for each in self.modules)
        }


def cost_of(folder: Path, *words: str, env: Mapping[str, str], stdin: bytes = b"") -> Cost:
    """Run the command in a process of its own, which must succeed, and count."""
    report = folder / "report.json"
    done = subprocess.run(
        [sys.executable, "-I", "-c", _COUNTED, str(report), *words],
        env=env,
        input=stdin,
        capture_output=True,
        timeout=120,
        check=False,
    )
    code, started, parsed, modules = json.loads(report.read_text())
    assert code == 0, done.stderr
    return Cost(done.stdout.decode(), started, parsed, frozenset(modules))


SECRETS = "kv/data/a: {k: value}\n"


@pytest.fixture
def file_env(tmp_path: Path, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Variables with which a run reads from a file."""
    secrets = write(tmp_path, {"secrets.yaml": SECRETS}) / "secrets.yaml"
    return {**environ, "AVP_TYPE": "file", "AVP_FILE": str(secrets)}


PLAIN = b"kind: ConfigMap\nmetadata: {name: a}\ndata: {b: c}\n"
FILLED = manifest({"a": "<k>"}, "kv/data/a")
POLICY = ("avp_py.policy.decide", "avp_py.remotes", "avp_py.urls")
BEYOND = (
    "concurrent.futures",
    "hashlib",
    "requests",
    "urllib3",
    "hvac",
    "jinja2",
    "avp_py.kubernetes",
    "avp_py.transport",
    "avp_py.fetch",
    *POLICY,
)
"""What only a run with secrets, a policy, a Secret with settings or a remote needs."""
FOLDER = ("avp_py.sandbox", "avp_py.render.detect", "avp_py.generate.folder", "subprocess")
"""What only a run with a folder needs."""
NEVER = (
    "asyncio",
    "difflib",
    "multiprocessing",
    "platform",
    "prometheus_client",
    "rich",
    "avp_py.cmp",
    "avp_py.serve",
    "avp_py.cli.healthcheck",
    "avp_py.cli.policy",
    "avp_py.cli.serve",
    "avp_py.generate.written",
)
"""What no run of `generate` needs."""
OWN = ("avp_py.backends.file", "avp_py.backends.vault.backend", "avp_py.modifiers.jsonpath")


def test_a_run_without_placeholders(tmp_path: Path, environ: Mapping[str, str]) -> None:
    cost = cost_of(tmp_path, "generate", "-", env=environ, stdin=PLAIN)

    assert (cost.started, cost.parsed) == ([], [len(PLAIN)])
    assert cost.loaded(*BEYOND, *FOLDER, *OWN, *NEVER) == set()
    assert sum(name.startswith("avp_py") for name in cost.modules) <= MODULES


MODULES = 94
"""Modules of ours in a run that does nothing but pass manifests on."""


_CLIENT = """
import os, sys
before = set(sys.modules)
leave = os._exit

def end(code):
    print(*sorted(set(sys.modules) - before))
    sys.stdout.flush()
    leave(code)

os._exit = end
sys.argv = ["avp-py", "generate", "."]
from avp_py.entry import entrypoint
entrypoint()
"""


def test_a_client_of_the_core_loads_next_to_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", _CLIENT],
        env={"AVP_SOCKET": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no connection to the core at /nowhere" in done.stderr
    ours = {"avp_py", "avp_py.entry", "avp_py.serve", "avp_py.serve.client", "avp_py.serve.wire"}
    assert set(done.stdout.split()) <= {*ours, "__future__", "_socket", "_struct", "struct"}


_WORKER = """
import io, os, sys
from avp_py.cli.console import Console
from avp_py.cli.main import main
from avp_py.serve import supervisor
from avp_py.serve.rehearsal import rehearse

assert rehearse(dict(os.environ)) == ""
before = set(sys.modules)
errors = io.StringIO()
code = main(sys.argv[2:], Console(dict(os.environ), io.BytesIO(), io.BytesIO(), errors))
assert code == int(sys.argv[1]), errors.getvalue()
print(*sorted(set(sys.modules) - before))
"""


EDITS = {"ARGOCD_ENV_IMAGE_NAME": "app", "ARGOCD_ENV_IMAGE_TAG": "1"}
CHART = {
    "Chart.yaml": "{apiVersion: v2, name: web, version: 1.0.0}\n",
    "values.yaml": "",
    "templates/a.yaml": "kind: X\napiVersion: v1\nmetadata: {name: x}\n",
}
CHARTED = {
    "kustomization.yaml": "helmCharts: [{name: web, releaseName: web}]\nresources: [a.yaml]\n",
    "a.yaml": FILLED.decode(),
    **{f"charts/web/{path}": text for path, text in CHART.items()},
}


@pytest.mark.parametrize("is_chart", [False, True])
def test_a_worker_loads_nothing_that_the_supervisor_has_not(
    is_chart: bool, tmp_path: Path, file_env: Mapping[str, str]
) -> None:
    files, edits = (CHART, {}) if is_chart else (CHARTED, EDITS)
    done = subprocess.run(
        [sys.executable, "-I", "-c", _WORKER, "0", "generate", write(tmp_path / "app", files)],
        env={**file_env, **edits},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= KEEPERS


KEEPERS = {"avp_py.backends.file"}
"""What reads secrets: in the core, the keeper does."""


def test_nor_does_a_worker_whose_request_fails(tmp_path: Path, file_env: Mapping[str, str]) -> None:
    files = {
        "kustomization.yaml": "resources: [a.yaml]\n",
        "a.yaml": "kind: A\napiVersion: v1\nmetadata: {name: a}\nb: <path:kv/data/a#kk | trimm>\n",
    }
    done = subprocess.run(
        [sys.executable, "-I", "-c", _WORKER, "1", "generate", write(tmp_path / "app", files)],
        env=file_env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= KEEPERS


def test_a_run_with_the_file_backend(tmp_path: Path, file_env: Mapping[str, str]) -> None:
    cost = cost_of(tmp_path, "generate", "-", env=file_env, stdin=FILLED)

    # The manifest, the file with the secrets, and the result, which is checked.
    assert cost.parsed == [len(FILLED), len(SECRETS), len(cost.out)]
    assert cost.started == []
    assert cost.loaded(*BEYOND, *FOLDER, *OWN, *NEVER) == {
        "avp_py.backends.file",
        "concurrent.futures",
    }


def test_a_run_with_vault(
    tmp_path: Path, environ: Mapping[str, str], vault: Vault, proxy: StandIn, kv2: str
) -> None:
    vault.write(f"{kv2}/data/a", {"k": "value"})
    role_id, secret_id = vault.approle(f"{kv2}/*", "nowhere/*")
    env = {
        **environ,
        "VAULT_ADDR": proxy.address,
        "AVP_ROLE_ID": role_id,
        "AVP_SECRET_ID": secret_id,
    }
    stdin = manifest({"a": "<k>", "b": "<k>"}, f"{kv2}/data/a") * 3

    cost = cost_of(tmp_path, "generate", "-", env=env, stdin=stdin)

    assert proxy.paths == ["/v1/auth/approle/login", f"/v1/{kv2}/data/a"]
    # The three documents, and each again once it is filled.
    assert len(cost.parsed) == 4
    assert cost.started == []
    missing = {"jinja2", "avp_py.kubernetes", "avp_py.fetch", *POLICY}
    assert cost.loaded(*BEYOND, *FOLDER, *NEVER) == set(BEYOND) - missing


def test_a_kustomization(tmp_path: Path, file_env: Mapping[str, str]) -> None:
    folder = write(tmp_path / "app", {"kustomization.yaml": KUSTOMIZATION, "a.yaml": PLAIN})
    edited = {"APP_REPO": "https://git/app", "IMAGE_NAME": "app", "IMAGE_TAG": "1"}
    env = {**file_env, **{f"ARGOCD_ENV_{name}": value for name, value in edited.items()}}

    plain = cost_of(tmp_path, "generate", str(folder), env=file_env)
    cost = cost_of(tmp_path, "generate", str(folder), env=env)

    assert plain.started == [["kustomize", "build", "--enable-helm"]]
    assert cost.started == plain.started
    # The kustomization, and what was built of it. An edit reads it again, finds its fields, and
    # checks the result.
    size = len(KUSTOMIZATION)
    assert plain.parsed == [size, len(plain.out)]
    assert (cost.parsed[:3], cost.parsed[4:]) == (3 * [size], [len(cost.out)])
    # Where children are started and repositories read, there is more of the standard library.
    loaded = {"concurrent.futures", "hashlib", "avp_py.remotes", "avp_py.urls"}
    assert cost.loaded(*BEYOND, *NEVER) == loaded


KUSTOMIZATION = "resources: [a.yaml]\n"


def executed(folder: Path, env: Mapping[str, str]) -> Sequence[str]:
    """Run `avp-py generate .`, and return the programs that it and all below it have executed."""
    install({"strace": "strace"})
    log = folder / "executed"
    watch = ["strace", "--follow-forks", "--successful-only", "--trace=execve", f"--output={log}"]
    done = subprocess.run(
        [*watch, AVP, "generate", "."],
        cwd=folder,
        env=env,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return re.findall(r'execve\("([^"]+)"', log.read_text())


def test_a_kustomization_with_a_chart_starts_one_interpreter(
    tmp_path: Path, file_env: Mapping[str, str]
) -> None:
    app = write(tmp_path / "app", CHARTED)

    programs = executed(app, {**file_env, **EDITS})

    # Before helm is a script of ours: for its version, which it says itself, and for the chart.
    names = Counter(Path(each).name for each in programs)
    assert names == {"avp-py": 1, "kustomize": 1, "helm": 3}
    assert programs.count(file_env["AVP_HELM"]) == 1


def test_a_request_through_the_core_starts_the_client_alone(
    tmp_path: Path, file_env: Mapping[str, str]
) -> None:
    app = write(tmp_path / "app", CHARTED)
    with serve(file_env) as core:
        assert executed(app, core.client_environment | EDITS) == [str(AVP)]


_CHILD = """
import sys
import avp_py.fetch.child.__main__
import avp_py.fetch.child.KIND
print(*sorted(each for each in sys.modules if each.startswith("avp_py.")))
"""


@pytest.mark.parametrize("kind", ["file", "git", "repository", "registry"])
def test_the_process_that_fetches_loads_nothing_of_the_keeper(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", _CHILD.replace("KIND", kind)],
        capture_output=True,
        text=True,
        check=True,
    )
    beyond = {"avp_py.settings", "avp_py.golang", "avp_py.fetch.service"}
    assert beyond & set(done.stdout.split()) == set()
