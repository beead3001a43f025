"""`make scale`: many Applications of the real Argo CD, on one repository, refreshed at once.

    python -m benchmarks.scale [--applications N] [--rounds ROUNDS]

All ways run side by side, each in a sidecar of its own, below one Argo CD. Which of them renders is
decided by the socket that the repo-server finds.
"""

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import yaml

from benchmarks import (
    caller,
    cases,
    inputs,
    keep_files_in_memory,
    programs,
    report,
    results,
    runner,
)
from benchmarks.cases import Case, Kind, Measure, Way
from benchmarks.inputs import Repository as Input
from benchmarks.programs import Server
from benchmarks.runner import Process, Requests, Stage, Subject, Values
from tests.e2e import argocd as argocds
from tests.e2e.api import Document
from tests.e2e.argocd import CLUSTER_NAME, NAMESPACE, ArgoCd
from tests.e2e.repository import Repository
from tests.integration import cluster as clusters
from tests.integration.cluster import Cluster

WAIT_SECONDS: Final = 300
"""How long a refresh of all Applications may take."""

_CLIENTS: Final = 8
"""How many requests set annotations at the same time."""

_REFRESH: Final = "argocd.argoproj.io/refresh"
_NEVER: Final = "1970-01-01T00:00:00Z"
_FINISHED: Final = '"msg":"finished call"'


class Applications:
    """The Applications, which are never synced: a refresh renders and compares.

    Args:
        argocd: Argo CD.
        count: how many there are.
    """

    def __init__(self, argocd: ArgoCd, count: int) -> None:
        self._argocd = argocd
        self._names = [f"web-{number}" for number in range(count)]

    def create(self, cluster: Cluster, repository: str, server: Server) -> None:
        """Create them, and wait until a sidecar has rendered all for the first time."""
        env = [{"name": name, "value": value} for name, value in inputs.SETTINGS.items()]
        plugin = {"name": "avp-kustomize", "env": env}
        source = {
            "repoURL": repository, "targetRevision": "main", "path": ".", "plugin": plugin,
        }  # fmt: skip
        destination = {"name": CLUSTER_NAME, "namespace": "demo"}
        documents = [
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {"name": name, "namespace": NAMESPACE},
                "spec": {"project": "default", "source": source, "destination": destination},
            }
            for name in self._names
        ]
        self._use(server)
        changes, now = self._argocd.api.watch_applications(WAIT_SECONDS), time.time()
        cluster.apply(yaml.safe_dump_all(documents))
        self._wait(changes, now)

    def refresh(self, server: Server) -> tuple[float, Sequence[float]]:
        """Have a sidecar render all anew.

        Returns:
            How long it took until all were compared, and how long each request to the repo-server
            took, in seconds.
        """
        self._use(server)
        log = self._argocd.repo_server.log
        position = log.stat().st_size
        changes = self._argocd.api.watch_applications(WAIT_SECONDS)
        # The time of a comparison is in whole seconds.
        time.sleep(1)
        now, started = time.time(), time.perf_counter()
        with ThreadPoolExecutor(_CLIENTS) as pool:
            list(pool.map(self._annotate, self._names))
        self._wait(changes, now)
        seconds = time.perf_counter() - started
        with log.open() as file:
            file.seek(position)
            return seconds, request_seconds(file.read())

    def _use(self, server: Server) -> None:
        """Have Argo CD find the socket of a sidecar: it looks for it at each request."""
        link = self._argocd.sockets / server.socket.name
        link.unlink(missing_ok=True)
        link.hardlink_to(server.socket)

    def _wait(self, changes: Iterator[Document], since: float) -> None:
        """Wait until all have been compared after a time."""
        left = set(self._names)
        for each in changes:
            if is_compared(each, since):
                left.discard(each["metadata"]["name"])
            if not left:
                return
        raise SystemExit(f"{len(left)} Applications were not compared within {WAIT_SECONDS} s")

    def _annotate(self, name: str) -> None:
        change = {"metadata": {"annotations": {_REFRESH: "hard"}}}
        self._argocd.api.patch_application(name, change)


def is_compared(application: Document, since: float) -> bool:
    """Return whether an Application was compared after a time, with no refresh to do.

    Raises:
        SystemExit: it failed.
    """
    metadata, status = application["metadata"], application.get("status", {})
    if _REFRESH in metadata.get("annotations", {}):
        return False
    began = datetime.fromisoformat(status.get("reconciledAt", _NEVER))
    if began.timestamp() < int(since):
        return False
    for each in status.get("conditions", ()):
        raise SystemExit(f"{metadata['name']}: {each['type']}: {each['message']}")
    return True


def request_seconds(log: str) -> Sequence[float]:
    """Return how long each rendering took, from lines of the repo-server's log."""
    calls = [json.loads(line) for line in log.splitlines() if _FINISHED in line]
    return [
        float(each["grpc.time_ms"]) / 1000
        for each in calls
        if each["grpc.method"] == "GenerateManifest"
    ]


class Refresh:
    """A way to render all Applications."""

    def __init__(
        self, case: Case, on: Stage, applications: Applications, server: Server, folder: Path
    ) -> None:
        self._case = case
        self._on = on
        self._applications = applications
        self._server = server
        self._folder = folder

    def check(self) -> Values:
        """Refresh once, which logs in, and check the output, which Argo CD does not show."""
        self._on.count()
        self._applications.refresh(self._server)
        counts = runner.counted(self._on.count())
        one = replace(self._case, kind=Kind.BURST, applications=1)
        with caller.connect(self._server.socket) as client:
            Requests(one, self._on, self._server, client, self._folder).check()
        return counts

    def measure(self) -> Values:
        """Refresh once, and return all but the memory."""
        before = self._server.cpu_seconds()
        total, times = self._applications.refresh(self._server)
        p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
        cpu = self._server.cpu_seconds() - before
        return {Measure.TIME: total, Measure.P95: p95, Measure.CPU: cpu}

    def memory(self) -> Values:
        """Refresh once, and return the memory of the sidecar."""
        self._on.sampler.tell(f"watch {self._server.pid}")
        self._applications.refresh(self._server)
        return {Measure.MEMORY: float(self._on.sampler.ask("stop"))}


@contextlib.contextmanager
def prepare(case: Case, on: Stage) -> Iterator[Mapping[Way, Subject]]:
    """Run Argo CD with the Applications of a case, and a sidecar for each way."""
    assert isinstance(case.input, Input)  # noqa: S101 - an Application is in a repository
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=on.folder)))
        folders = {name: folder / name for name in ("cluster", "argocd", "git", "once", *case.ways)}
        for each in folders.values():
            each.mkdir()
        cluster = stack.enter_context(clusters.serve(folders["cluster"]))
        argocd = stack.enter_context(argocds.serve(folders["argocd"], cluster))
        repository = Repository(folders["git"], os.environ["PATH"])
        repository.push(case.input.files(on.path))
        output = Process(case, Way.COMMAND, on, folders["once"]).output()
        (folders[Way.FILE] / programs.OUTPUT).write_text(output)
        servers = {
            way: stack.enter_context(programs.serve(on.programs, way, on.operator, folders[way]))
            for way in case.ways
        }
        applications = Applications(argocd, case.applications)
        applications.create(cluster, repository.url, servers[Way.FILE])
        yield {
            way: Refresh(case, on, applications, server, folders[way])
            for way, server in servers.items()
        }


def main() -> None:
    """Measure, and write benchmarks/scale.json and docs/performance.md."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description="Compare avp-py with argocd-vault-plugin below the real Argo CD.",
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often (default: %(default)s)")
    parser.add_argument(
        "--applications",
        type=int,
        metavar="N",
        help="measure so many, at least 2, and print the table; nothing is written",
    )
    arguments = parser.parse_args()
    keep_files_in_memory()
    number = arguments.applications
    if number is not None and number < 2:
        parser.error("at least 2 Applications are needed")
    chosen = [cases.refresh(number)] if number else cases.SCALE
    found = runner.measure(chosen, arguments.rounds, prepare)
    print(report.scale(found))
    if not number:
        results.save(found, results.SCALE_FILE)
        report.write_scale(found)
        print("written: benchmarks/scale.json, docs/performance.md")


if __name__ == "__main__":
    main()
