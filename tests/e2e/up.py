"""`make up` and `make down`: the ecosystem, left running for a person.

    python -m tests.e2e.up start [serve|plain]   start it in the background, and print what to do
    python -m tests.e2e.up stop                  end it

Its state is in `$AVP_PY_UP`, else in the directory `.up` of the checkout: `env` to be sourced, the
clone `web` of the team's repository, `log`. Exit status: 0, or 1 with a reason on standard error.
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.conftest import ROOT, build_tools
from tests.e2e import ecosystem
from tests.e2e.app import IMAGE, SOURCE_URL, web_files
from tests.e2e.argocd import CLUSTER_NAME
from tests.e2e.ecosystem import SETTINGS_SECRET, TENANTS, Ecosystem
from tests.e2e.repository import Repository
from tests.e2e.sidecar import Mode
from tests.processes import started, until

STATE: Final = Path(os.environ.get("AVP_PY_UP") or ROOT / ".up")
PROCESS: Final = STATE / "process.json"
"""The process that everything ends with: its id, and when it started."""

READY: Final = STATE / "ready"
LOG: Final = STATE / "log"
ENV: Final = STATE / "env"

PROJECT: Final = TENANTS[0]
NAMESPACE: Final = f"{PROJECT}-demo"
SECRET: Final = f"kv/data/{NAMESPACE}/web"

START_SECONDS: Final = 600
"""How long it may take; it takes 10 seconds on an idle machine. Nothing is built in that time."""

STOP_SECONDS: Final = 30

PROGRAMS: Final = (
    "etcd",
    "kube-apiserver",
    "kubectl",
    "argocd",
    "kustomize",
    "helm",
    "helm4",
    "vault",
)
"""What is built before the time to be ready counts."""

GUIDE: Final = """\

The ecosystem runs; `make down` ends it. docs/ecosystem.md explains each step.

  Argo CD      http://{address} (API; its web page is not part of the Go module: use `argocd`)
  Kubernetes   {server}
  Vault        {vault}
  git          {repository} (clone: .up/web)

  . .up/env                                             # argocd, kubectl and their settings
  deploy       IMAGE_TAG=1.0.0 examples/ci/deploy.sh    # as CI does
  look         argocd app get web; kubectl get secret,deployment -n {namespace}
  change       edit .up/web/deploy, commit, push; argocd app get web --refresh
  new secret   curl -H "X-Vault-Token: $VAULT_TOKEN" -d '{{"data": {{"DATABASE_URL": "new",
                 "CACHE_PASSWORD": "new"}}}}' "$VAULT_ADDR/v1/{secret}"
               argocd app get web --hard-refresh; argocd app sync web
  break        kill -STOP $VAULT_PID (heal: kill -CONT $VAULT_PID), or put another path into
                 .up/web/deploy/secret.yaml; argocd app get web --hard-refresh shows the error
"""


def main(argv: list[str]) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="tests.e2e.up", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("start", "run"):
        commands.add_parser(name).add_argument(
            "mode", choices=list(map(str, Mode)), nargs="?", default=str(Mode.SERVE)
        )
    commands.add_parser("stop")
    arguments = parser.parse_args(argv)
    if arguments.command == "start":
        return start(Mode(arguments.mode))
    if arguments.command == "stop":
        return stop()
    run(Mode(arguments.mode))
    return 0


def start(mode: Mode) -> int:
    """Start everything in the background, wait until it is ready, and print the guide."""
    if _pid():
        print("the ecosystem is already running; `make down` ends it", file=sys.stderr)
        return 1
    STATE.mkdir(exist_ok=True)
    READY.unlink(missing_ok=True)
    build_tools(*PROGRAMS)
    began = time.monotonic()
    with LOG.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.up", "run", mode],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    PROCESS.write_text(json.dumps({"pid": process.pid, "started": started(process.pid)}))
    shown = 0

    def is_settled() -> bool:
        nonlocal shown
        lines = [line for line in LOG.read_text().splitlines() if line.startswith("up: ")]
        for line in lines[shown:]:
            print(line, flush=True)
        shown = len(lines)
        return READY.exists() or process.poll() is not None

    until(is_settled, START_SECONDS)
    if not READY.exists():
        print(f"{LOG.read_text()[-2000:]}\nthe ecosystem did not start; see {LOG}", file=sys.stderr)
        return stop() or 1
    print(f"up: ready after {time.monotonic() - began:.0f} s")
    print(READY.read_text(), end="")
    return 0


def stop() -> int:
    """End everything that `start` started."""
    pid = _pid()
    if not pid:
        print("nothing is running", file=sys.stderr)
        return 0
    os.kill(pid, signal.SIGTERM)
    if not until(lambda: not _pid(), STOP_SECONDS):
        os.kill(pid, signal.SIGKILL)
        until(lambda: not _pid(), STOP_SECONDS)
    for each in (PROCESS, READY, ENV, STATE / "kubeconfig"):
        each.unlink(missing_ok=True)
    print("all ended; .up/log and .up/web stay")
    return 0


def run(mode: Mode) -> None:
    """Run everything until a SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ecosystem.serve(mode, lambda text: print(f"up: {text}", flush=True)) as running:
        repository = _prepare(running)
        READY.write_text(_guide(running, repository))
        while True:
            # As the kubelet does.
            time.sleep(1)
            if running.sidecar.server.process.poll() is not None:
                print("the sidecar has ended: starting it again", flush=True)
                running.sidecar.restart()


def _prepare(on: Ecosystem) -> Repository:
    """Make the namespace, the secret and the repository of the tutorial, and the file `env`."""
    on.cluster.run("create", "namespace", NAMESPACE)
    on.vault.write(SECRET, {"DATABASE_URL": "postgres://web:hunter2@db/web", "CACHE_PASSWORD": "a"})
    repository = Repository(on.operator.parent / "git", os.environ["PATH"], STATE / "web")
    repository.push(web_files())
    argocd = on.argocd
    variables = {
        "KUBECONFIG": str(on.cluster.kubeconfig(STATE)),
        "ARGOCD_CONFIG_DIR": str(argocd.home / ".config" / "argocd"),
        "ARGOCD_OPTS": "--plaintext",
        "ARGOCD_SERVER": argocd.address,
        "VAULT_ADDR": on.vault.address,
        "VAULT_TOKEN": on.vault.client.root_token,
        "VAULT_PID": str(on.vault.pid),
        "REPO_URL": repository.url,
        # What the CI files of examples/ci set.
        "APP_NAME": "web",
        "APP_REPO": SOURCE_URL,
        "IMAGE_NAME": IMAGE,
        "PROJECT": PROJECT,
        "DEST_NAME": CLUSTER_NAME,
        "DEST_NAMESPACE": NAMESPACE,
        "AVP_SECRET": f"argocd:{SETTINGS_SECRET}",
    }
    path = f"{argocd.program.parent}:{on.cluster.kubectl.parent}"
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    ENV.touch(mode=0o600)
    ENV.write_text("".join([*lines, f'export PATH={shlex.quote(path)}:"$PATH"\n']))
    return repository


def _guide(on: Ecosystem, repository: Repository) -> str:
    return GUIDE.format(
        address=on.argocd.address,
        server=on.cluster.server,
        vault=on.vault.address,
        repository=repository.url,
        namespace=NAMESPACE,
        secret=SECRET,
    )


def _pid() -> int:
    """The process that `start` started, if it still runs; else 0."""
    if not PROCESS.exists():
        return 0
    known = json.loads(PROCESS.read_text())
    pid: int = known["pid"]
    return pid if started(pid) == known["started"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
