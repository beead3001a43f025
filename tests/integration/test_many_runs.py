"""Many runs in one process: each returns what it would in its own process, and leaves nothing.

The runs differ in identity, settings, environment, directory and outcome, and eight run at a time.
"""

import io
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from avp_py.cli import main
from avp_py.cli.console import Console
from tests.processes import AVP
from tests.trees import write

RUNS = 200
THREADS = 8

POLICY = """\
rules:
- projects: [team-0, team-1, team-2]
  allow: ["kv/data/{{ namespace }}/*"]
- projects: ["*"]
  allow: ["kv/data/shared/*"]
"""

SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: web, annotations: {avp.kubernetes.io/path: "%s"}}
stringData: {password: <password>, own: "<path:kv/data/shared/all#name>"}
"""


@dataclass(frozen=True)
class Case:
    """One run: its command line, its environment and what it reads."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    stdin: bytes = b""


@dataclass(frozen=True)
class Outcome:
    """The result of a run."""

    code: int
    out: bytes
    err: str


@pytest.fixture
def cases(tmp_path: Path, environ: Mapping[str, str]) -> list[Case]:
    """Twenty different runs."""
    secrets = {"kv/data/shared/all": {"name": "all"}}
    secrets |= {f"kv/data/demo-{n}/web": {"password": f"secret-{n}"} for n in range(20)}
    text = "".join(
        f"{path}: {{{', '.join(f'{key}: {value}' for key, value in values.items())}}}\n"
        for path, values in secrets.items()
    )
    write(tmp_path, {"secrets.yaml": text, "policy.yaml": POLICY})
    return [case(tmp_path, environ, number) for number in range(20)]


def case(top: Path, environ: Mapping[str, str], number: int) -> Case:
    """A case; its number decides between kustomize, helm, plain files and standard input."""
    namespace = f"demo-{number}"
    temporary = top / f"temporary-{number}"
    temporary.mkdir()
    env = {
        **environ,
        "TMPDIR": str(temporary),
        "AVP_TYPE": "file",
        "AVP_FILE": str(top / "secrets.yaml"),
        "AVP_POLICY": str(top / "policy.yaml"),
        "ARGOCD_APP_NAME": "web",
        "ARGOCD_APP_NAMESPACE": namespace,
        # Some projects may read nothing of their namespace: those runs fail.
        "ARGOCD_APP_PROJECT_NAME": f"team-{number % 5}",
        "AVP_LOG_FORMAT": "json" if number % 3 == 0 else "text",
    }
    manifest = SECRET % (f"kv/data/{namespace}/web" if number % 2 else "")
    folder = top / f"app-{number}"
    if number % 4 == 0:
        write(folder, {"kustomization.yaml": "resources: [secret.yaml]\n", "secret.yaml": manifest})
        env["ARGOCD_ENV_APP_REPO"] = f"https://example.com/{number}"
    elif number % 4 == 1:
        chart = f"apiVersion: v2\nname: web\nversion: 1.0.{number}\n"
        write(folder, {"Chart.yaml": chart, "templates/secret.yaml": manifest})
    elif number % 4 == 2:
        write(folder, {"secret.yaml": manifest, "more.yaml": f"kind: A\nnumber: {number}\n"})
    else:
        return Case(("generate", "-"), env, manifest.encode())
    return Case(("generate", str(folder)), env)


def without_time(messages: str) -> str:
    """Messages without what varies between runs."""
    return re.sub('"time": "[^"]+"', '"time": ""', messages)


def in_a_process(case: Case) -> Outcome:
    done = subprocess.run(
        [*AVP, *case.argv], env=dict(case.env), input=case.stdin, capture_output=True, check=False
    )
    return Outcome(done.returncode, done.stdout, without_time(done.stderr.decode()))


def in_this_process(case: Case) -> Outcome:
    out, err = io.BytesIO(), io.StringIO()
    code = main(case.argv, Console(case.env, io.BytesIO(case.stdin), out, err))
    return Outcome(code, out.getvalue(), without_time(err.getvalue()))


def state(top: Path) -> Iterator[object]:
    """The state of the process that a run could change."""
    # The thread of a pool ends a moment after the pool is shut down.
    until = time.monotonic() + 5
    while threading.active_count() > 1 and time.monotonic() < until:
        time.sleep(0.01)
    yield sorted(each.name for each in threading.enumerate())
    # What the listing itself opens is closed when it is examined.
    open_files = [each for each in list(Path("/proc/self/fd").iterdir()) if each.is_symlink()]
    yield sorted(str(each.readlink()) for each in open_files)
    yield dict(os.environ)
    yield Path.cwd()
    yield [str(each) for each in sorted(top.rglob("*"))]


def test_runs_in_threads_give_what_processes_give(cases: list[Case], tmp_path: Path) -> None:
    expected = [in_a_process(each) for each in cases]
    assert {each.code for each in expected} == {0, 1}
    assert len(set(expected)) == len(cases)
    # What is loaded for the first run stays loaded.
    for each in cases:
        in_this_process(each)
    before = list(state(tmp_path))

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(in_this_process, (cases[n % len(cases)] for n in range(RUNS))))

    for number, outcome in enumerate(found):
        assert outcome == expected[number % len(cases)], cases[number % len(cases)].argv
    assert list(state(tmp_path)) == before
