#!/usr/bin/env python3
"""Many requests through one resident core: does anything grow, is any answer wrong?

    python benchmarks/soak.py [REQUESTS]

The requests are mixed at random (the seed is printed): kustomizations with and without secrets, a
chart, standard input, and those that must fail: a missing key, a path that the policy denies, a
broken kustomization, a client that is killed. Vault is restarted twice, and is empty until it is
filled again. Each output is compared with that of the command without a core. At a fifth of the
requests and at their end, the memory, descriptors, threads and files of the core are measured.
"""

import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.conftest import build_tools  # noqa: E402 - the tests' Vault and core
from tests.integration.core import AVP, Core  # noqa: E402
from tests.integration.core import serve as serve_core  # noqa: E402
from tests.integration.stand_in import StandIn, forward, stand_in  # noqa: E402
from tests.integration.vault import Vault  # noqa: E402
from tests.integration.vault import serve as serve_vault  # noqa: E402
from tests.processes import children, until  # noqa: E402
from tests.servers import free_ports  # noqa: E402

CLIENTS: Final = 8
"""How many requests are under way at the same time."""

ROLE_ID, SECRET_ID = "soak-role", "soak-secret"

POLICY: Final = """\
rules:
  - projects: [soak]
    allow: ["kv/data/soak/*"]
"""

FILES: Final[Mapping[str, str]] = {
    "plain/map.yaml": "kind: ConfigMap\nmetadata: {name: a}\ndata: {b: c}\n",
    "build/kustomization.yaml": "resources: [map.yaml]\nimages: [{name: web, newTag: '1'}]\n",
    "build/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
    "secret/kustomization.yaml": "resources: [secret.yaml]\n",
    "secret/secret.yaml": (
        "apiVersion: v1\nkind: Secret\n"
        'metadata: {name: a, annotations: {avp.kubernetes.io/path: "kv/data/soak/a"}}\n'
        "stringData: {a: <a>, b: 'x<b>y'}\n"
    ),
    "chart/kustomization.yaml": "helmCharts: [{name: web, releaseName: web}]\n",
    "chart/charts/web/Chart.yaml": "{apiVersion: v2, name: web, version: 1.0.0}\n",
    "chart/charts/web/templates/a.yaml": (
        "apiVersion: v1\nkind: Secret\n"
        'metadata: {name: b, annotations: {avp.kubernetes.io/path: "kv/data/soak/b"}}\n'
        "stringData: {a: <a>}\n"
    ),
    "missing/kustomization.yaml": "resources: [secret.yaml]\n",
    "missing/secret.yaml": (
        "apiVersion: v1\nkind: Secret\n"
        'metadata: {name: a, annotations: {avp.kubernetes.io/path: "kv/data/soak/a"}}\n'
        "stringData: {a: <none>}\n"
    ),
    "denied/secret.yaml": (
        "apiVersion: v1\nkind: Secret\n"
        'metadata: {name: a, annotations: {avp.kubernetes.io/path: "kv/data/other/a"}}\n'
        "stringData: {a: <a>}\n"
    ),
    "broken/kustomization.yaml": "resources: [nowhere.yaml]\n",
}

KINDS: Final = ("plain", "build", "secret", "secret", "chart", "missing", "denied", "broken")
"""Directories, some more often than others."""


@dataclass(frozen=True)
class Size:
    """What the core uses while it is idle.

    Attributes:
        kilobytes: the memory of each of its lasting processes.
        descriptors: how many each of them has open.
        threads: how many threads each has.
        files: what is in TMPDIR.
        workers: the processes of requests.
    """

    kilobytes: Sequence[int]
    descriptors: Sequence[int]
    threads: Sequence[int]
    files: int
    workers: int


def main() -> None:
    """Run the soak; the exit code is 1 if anything grew or was wrong."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    seed = int(os.environ.get("SEED") or time.time())
    print(f"seed {seed}, {requests} requests, {CLIENTS} at a time", flush=True)
    tools = build_tools("kustomize", "helm4", "vault")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        for name, text in FILES.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        policy = folder / "policy.yaml"
        policy.write_text(POLICY)
        proxy = stack.enter_context(stand_in(lambda _exchange: None))
        vaults = Vaults(tools["vault"], proxy)
        stack.callback(vaults.stop)
        vaults.start()
        env = {
            "AVP_KUSTOMIZE": str(tools["kustomize"]),
            "AVP_HELM": str(tools["helm4"]),
            "AVP_POLICY": str(policy),
            "VAULT_ADDR": proxy.address,
            "AVP_METRICS_ADDRESS": f"127.0.0.1:{free_ports(1)[0]}",
            "AVP_ROLE_ID": ROLE_ID,
            "AVP_SECRET_ID": SECRET_ID,
        }
        expected = {kind: alone(folder / kind, env) for kind in set(KINDS)}
        core = stack.enter_context(serve_core(env))
        choice = random.Random(seed)  # noqa: S311 - it chooses requests
        sys.exit(Soak(core, folder, expected, vaults, choice).run(requests))


class Vaults:
    """A real Vault behind a proxy; a new one after each restart."""

    def __init__(self, program: Path, proxy: StandIn) -> None:
        self._program = program
        self._proxy = proxy
        self._stack = ExitStack()

    def start(self) -> None:
        """Start an empty Vault, and fill it."""
        facts = self._stack.enter_context(serve_vault(self._program))
        vault = Vault(facts["address"], facts["root_token"])
        vault.client.sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
        for name in ("soak/a", "soak/b", "other/a"):
            vault.write(f"kv/data/{name}", {"a": f"a of {name}", "b": f"b of {name}"})
        vault.enable("approle", "approle")
        policy = vault.policy("kv/data/*")
        vault.call("post", "auth/approle/role/soak", {"token_policies": [policy]})
        vault.call("post", "auth/approle/role/soak/role-id", {"role_id": ROLE_ID})
        secret = {"secret_id": SECRET_ID}
        vault.call("post", "auth/approle/role/soak/custom-secret-id", secret)
        self._proxy.answer = forward(vault.address)

    def stop(self) -> None:
        """End the Vault that runs."""
        self._stack.close()

    def restart(self) -> None:
        """End it, and start another."""
        self.stop()
        time.sleep(1)
        self.start()


class Soak:
    """The requests."""

    def __init__(
        self,
        core: Core,
        folder: Path,
        expected: Mapping[str, tuple[int, bytes]],
        vaults: Vaults,
        choice: random.Random,
    ) -> None:
        self._core = core
        self._folder = folder
        self._expected = expected
        self._vaults = vaults
        self._choice = choice
        self._outcomes: Counter[str] = Counter()
        self._wrong: list[str] = []
        self._is_restarting = threading.Event()

    def run(self, requests: int) -> int:
        """Make the requests; return the exit code."""
        started = time.monotonic()
        first = requests // 5
        self._make(first)
        before = self._measure()
        print(f"after {first}: {before}", flush=True)
        half = (requests - first) // 2
        for count in (half, requests - first - half):
            restart = threading.Timer(2, self._restart)
            restart.start()
            self._make(count)
            restart.join()
        after = self._measure()
        print(f"after {requests}: {after}")
        print(f"{dict(self._outcomes)} in {time.monotonic() - started:.0f} s")
        faults = [*self._wrong[:10], *grown(before, after)]
        print("\n".join(faults) if faults else "nothing has grown, and no answer was wrong")
        return 1 if faults else 0

    def _restart(self) -> None:
        self._is_restarting.set()
        self._vaults.restart()
        self._is_restarting.clear()

    def _make(self, count: int) -> None:
        plans = [
            (self._choice.choice(KINDS), self._choice.random() < 0.05, self._choice.random())
            for _ in range(count)
        ]
        numbers = itertools.count(1)
        with ThreadPoolExecutor(CLIENTS) as pool:
            for _ in pool.map(lambda plan: self._request(*plan), plans):
                number = next(numbers)
                if number % 500 == 0:
                    print(f"  {number} of {count}", flush=True)

    def _request(self, kind: str, is_cancelled: bool, moment: float) -> None:
        was_restarting = self._is_restarting.is_set()
        client = self._core.start(*ARGUMENTS, cwd=self._folder / kind, variables=VARIABLES)
        if is_cancelled:
            time.sleep(moment / 10)
            client.kill()
        out, err = client.communicate(timeout=120)
        code = client.returncode
        if code == -signal.SIGKILL:
            self._outcomes["cancelled"] += 1
            return
        self._outcomes["ok" if code == 0 else "failed"] += 1
        wanted = self._expected[kind]
        is_excused = was_restarting or self._is_restarting.is_set()
        if (code, out) != wanted and not (code == 1 and not out and is_excused):
            said = err.decode(errors="replace")
            self._wrong.append(f"wrong: {kind}: exit code {code}, {len(out)} bytes\n{said}")

    def _measure(self) -> Size:
        core = self._core
        # What was read for others is dropped when nothing runs any more.
        until(lambda: not core.workers, 30)
        time.sleep(3)
        lasting = sorted({core.process.pid, *children(core.process.pid)})
        return Size(
            [_kilobytes(pid) for pid in lasting],
            [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in lasting],
            [len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in lasting],
            len(core.files()),
            len(core.workers),
        )


ARGUMENTS: Final = ("generate", ".")
VARIABLES: Final[Mapping[str, str]] = {
    "ARGOCD_APP_NAME": "soak",
    "ARGOCD_APP_NAMESPACE": "soak",
    "ARGOCD_APP_PROJECT_NAME": "soak",
}


def alone(folder: Path, env: Mapping[str, str]) -> tuple[int, bytes]:
    """Return the exit code and the output of the command without a core."""
    done = subprocess.run(
        [AVP, *ARGUMENTS],
        cwd=folder,
        env={"PATH": os.defpath, **env, **VARIABLES},
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout


def grown(before: Size, after: Size) -> Iterator[str]:
    """Yield what has grown: memory by more than a tenth and 4 MiB, all else at all."""
    for old, new in zip(before.kilobytes, after.kilobytes, strict=True):
        if new > old * 1.1 + 4096:
            yield f"grown: the memory of a process, from {old} to {new} KiB"
    for name in ("descriptors", "threads", "files", "workers"):
        if getattr(after, name) != getattr(before, name):
            yield f"changed: {name}, from {getattr(before, name)} to {getattr(after, name)}"


def _kilobytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError(pid)


if __name__ == "__main__":
    main()
