#!/usr/bin/env python3
"""What many documents cost: `generate -` of avp-py and of argocd-vault-plugin on the same text.

    python benchmarks/documents.py [ROUNDS]

The two run in turns as whole processes, on 5,000 documents without placeholders, and on those with
a placeholder in one of ten, whose value both read from a real Vault. Only the ratios are
meaningful: machines are noisy.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.conftest import build_tools  # noqa: E402 - the tests' Vault
from tests.integration.vault import Vault, serve  # noqa: E402

DOCUMENTS: Final = 5000

DEPLOYMENT: Final = """\
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-NUMBER
  namespace: demo
  labels:
    app.kubernetes.io/name: app
    app.kubernetes.io/instance: app-NUMBER
spec:
  replicas: 2
  selector:
    matchLabels:
      app.kubernetes.io/name: app
  template:
    metadata:
      labels:
        app.kubernetes.io/name: app
    spec:
      containers:
      - name: app
        image: registry.example/app:1.2.NUMBER
        ports:
        - containerPort: 8080
          name: http
        env:
        - name: LOG_LEVEL
          value: VALUE
        resources:
          limits: {cpu: 500m, memory: 128Mi}
"""


class Used(NamedTuple):
    """What a process used.

    Attributes:
        elapsed: the time from start to end, in seconds.
        seconds: the time of the processors.
        kilobytes: the memory at its peak.
    """

    elapsed: float
    seconds: float
    kilobytes: int


def text(path: str, every: int) -> str:
    """Return the documents; one in so many has a placeholder, none where that is 0."""
    documents = []
    for number in range(DOCUMENTS):
        value = f"<path:{path}#level>" if every and number % every == 0 else "info"
        documents.append(DEPLOYMENT.replace("NUMBER", str(number)).replace("VALUE", value))
    return "".join(documents)


def run(argv: list[str], env: Mapping[str, str], stdin: Path) -> Used:
    """Run a command and return what it used."""
    started = time.perf_counter()
    with (
        stdin.open("rb") as file,
        subprocess.Popen(argv, env=env, stdin=file, stdout=subprocess.DEVNULL) as process,
    ):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{argv[0]} failed")
    elapsed = time.perf_counter() - started
    return Used(elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


def main() -> None:
    """Print the medians and the ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    programs = build_tools("argocd-vault-plugin", "vault")
    theirs = [str(programs["argocd-vault-plugin"]), "generate", "-"]
    ours = [sys.executable, "-m", "avp_py", "generate", "-"]
    with serve(programs["vault"]) as facts, tempfile.TemporaryDirectory() as folder:
        vault = Vault(facts["address"], facts["root_token"])
        path = f"{vault.mount(2)}/data/app"
        vault.write(path, {"level": "info"})
        stdin = Path(folder, "documents.yaml")
        env = {
            "PATH": os.environ["PATH"],
            "AVP_TYPE": "vault",
            "AVP_AUTH_TYPE": "token",
            "VAULT_ADDR": facts["address"],
            "VAULT_TOKEN": facts["root_token"],
        }
        for name, every in (("no placeholder", 0), ("a placeholder in 1 of 10", 10)):
            stdin.write_text(text(path, every))
            pairs = [(run(ours, env, stdin), run(theirs, env, stdin)) for _ in range(rounds)]
            print(f"{DOCUMENTS} documents, {name} ({rounds} rounds):")
            for field, label in enumerate(("time", "processor time", "peak memory")):
                ratios = [own[field] / other[field] for own, other in pairs]
                print(
                    f"  {label:15} {statistics.median(ratios):.2f} of argocd-vault-plugin's "
                    f"({min(ratios):.2f} to {max(ratios):.2f})"
                )


if __name__ == "__main__":
    main()
