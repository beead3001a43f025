"""`make bench-charts`: charts, bases and files of other machines, with avp-py and without it.

    python -m benchmarks.charts [--rounds ROUNDS] [--only TEXT] [--helm {3,4}] [--write]

Each case is rendered by kustomize and helm alone, by `avp-py generate` and by `avp-py serve`, in
turns; each time cold, with nothing kept, and then warm, in a fresh copy of the repository, with
what a sidecar keeps: HOME with helm's cache, or AVP_CHART_CACHE. The servers are on loopback,
with TLS; they count requests, and are near or 20 ms away.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks import chart_cases, keep_files_in_memory, programs, report, results
from benchmarks.chart_cases import ChartCase, Fronts
from tests.conftest import build_tools
from tests.integration import core as cores
from tests.integration.core import Core
from tests.integration.remote_sites import PASSWORD
from tests.trees import write

ALONE: Final = "alone"
GENERATE: Final = "avp-py generate"
SERVE: Final = "avp-py serve"
WAYS: Final = (ALONE, GENERATE, SERVE)

AWAY: Final = (0.0, 0.02)
"""How far away the servers are, in seconds: so long a request waits."""

_SECONDS: Final = 120
_LONGEST: Final = 110
"""How many characters of an error the table has."""


@dataclass(frozen=True)
class Render:
    """A render.

    Attributes:
        seconds: how long it took.
        requests: how many requests the servers got.
        error: what it printed where it failed; empty where it did not.
    """

    seconds: float
    requests: int
    error: str = ""


@dataclass
class Found:
    """What was measured of a case.

    Attributes:
        requests: the numbers of requests by way, cold and warm.
        private: the same where the servers want a password.
        error: what the programs alone print then; empty where they succeed.
        seconds: the times of all rounds, by distance, way, and whether it was warm.
    """

    requests: dict[str, tuple[int, int]] = field(default_factory=dict)
    private: dict[str, tuple[int, int]] = field(default_factory=dict)
    error: str = ""
    seconds: dict[tuple[float, str, bool], list[float]] = field(default_factory=dict)

    def ratio(self, away: float, way: str, *, is_warm: bool) -> float:
        """Return the median of the ratios of all rounds to the programs alone."""
        pairs = zip(
            self.seconds[away, way, is_warm], self.seconds[away, ALONE, is_warm], strict=True
        )
        return statistics.median(ours / theirs for ours, theirs in pairs)

    def median(self, away: float, way: str, *, is_warm: bool) -> float:
        """Return the median of the times of all rounds."""
        return statistics.median(self.seconds[away, way, is_warm])


@dataclass(frozen=True)
class Bench:
    """What all renders share.

    Attributes:
        folder: a folder for all of it.
        fronts: the servers.
        core: the resident core.
        environ: the environment of all programs.
        operator: the settings of avp-py.
    """

    folder: Path
    fronts: Fronts
    core: Core
    environ: Mapping[str, str]
    operator: Mapping[str, str]

    def prepare(self, case: ChartCase) -> None:
        """Write the repository of a case, and its lock file as helm makes it."""
        shutil.rmtree(self.folder / "repository", ignore_errors=True)
        files = {name: self.fronts.filled(text) for name, text in case.files.items()}
        write(self.folder / "repository", files)
        if case.is_locked:
            app = self.folder / "repository" / case.path
            argv = ["helm", "dependency", "update", "."]
            subprocess.run(argv, cwd=app, env=self.environ, check=True, capture_output=True)
            shutil.rmtree(app / "charts", ignore_errors=True)
        self.forget()
        self.fronts.count()

    def forget(self) -> None:
        """Remove all that is kept from one render to the next."""
        for name in ("home", "cache"):
            # The core has the directory of its cache open.
            for path in (self.folder / name).rglob("*"):
                if path.is_file() and path.name != "lock":
                    path.unlink()

    def render(self, case: ChartCase, way: str) -> Render:
        """Render a fresh copy of the repository."""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder / "repository", copy)
        application = {"ARGOCD_APP_NAME": "web", "ARGOCD_APP_PROJECT_NAME": "team"}
        application["ARGOCD_APP_SOURCE_PATH"] = case.path
        application |= {name: self.fronts.filled(text) for name, text in case.variables.items()}
        argv, env = ["avp-py", "generate", "."], {**self.environ, **application}
        if way == ALONE:
            argv = ["/bin/sh", "-c", self.fronts.filled(case.alone)]
        elif way == GENERATE:
            env |= self.operator
        else:
            env |= {"AVP_SOCKET": str(self.core.socket)}
        start = time.perf_counter()
        done = subprocess.run(
            argv,
            executable=shutil.which(argv[0], path=env["PATH"]),
            cwd=copy / case.path,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        seconds = time.perf_counter() - start
        if not done.returncode and case.shows not in done.stdout:
            raise SystemExit(f"{case.name}, {way}: {case.shows} is not in what is printed")
        return Render(seconds, self.fronts.count(), done.stderr if done.returncode else "")

    def pair(self, case: ChartCase, way: str) -> tuple[Render, Render]:
        """Render cold, and then warm."""
        self.forget()
        return self.render(case, way), self.render(case, way)


@contextlib.contextmanager
def prepare(folder: Path, helm: str) -> Iterator[Bench]:
    """Run the servers and a core.

    Args:
        folder: an existing, empty folder.
        helm: the name of helm in tools/.
    """
    for name in ("servers", "programs", "home", "cache", "tmp"):
        (folder / name).mkdir()
    built = build_tools("kustomize", helm, "registry")
    path = folder / "programs"
    (path / "kustomize").symlink_to(built["kustomize"])
    (path / "helm").symlink_to(built[helm])
    programs.write_script(path)
    with contextlib.ExitStack() as stack:
        fronts = stack.enter_context(chart_cases.serve(folder / "servers"))
        certificate = str(fronts.certificate)
        environ = {
            "PATH": f"{path}:{os.defpath}",
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "SSL_CERT_FILE": certificate,
            "GIT_SSL_CAINFO": certificate,
            "GIT_TERMINAL_PROMPT": "0",
        }
        (folder / "password").write_text(PASSWORD)
        repositories = folder / "repositories.yaml"
        repositories.write_text(fronts.repositories(folder / "password"))
        operator = {
            "AVP_RENDER_HOSTS": fronts.hosts,
            "AVP_REPOSITORIES": str(repositories),
            "AVP_CHART_CACHE": str(folder / "cache"),
        }
        core = stack.enter_context(cores.serve({**environ, **operator}, program=path / "avp-py"))
        yield Bench(folder, fronts, core, environ, operator)


def measure(bench: Bench, case: ChartCase, rounds: int) -> Found:
    """Measure a case: first the requests, and then the times.

    Raises:
        SystemExit: it cannot be rendered.
    """
    found = Found()
    bench.fronts.seconds = 0
    bench.prepare(case)
    for way in WAYS:
        cold, warm = bench.pair(case, way)
        if cold.error or warm.error:
            raise SystemExit(f"{case.name}, {way}: {cold.error or warm.error}")
        found.requests[way] = cold.requests, warm.requests
    bench.fronts.is_private = True
    for way in WAYS:
        cold, warm = bench.pair(case, way)
        if way == ALONE:
            found.error = bench.fronts.named(cold.error)
        elif cold.error or warm.error:
            raise SystemExit(f"{case.name}, private, {way}: {cold.error or warm.error}")
        found.private[way] = cold.requests, warm.requests
    bench.fronts.is_private = False
    for number in range(rounds):
        for away in AWAY:
            bench.fronts.seconds = away
            for way in WAYS if number % 2 else WAYS[::-1]:
                for is_warm, each in enumerate(bench.pair(case, way)):
                    found.seconds.setdefault((away, way, bool(is_warm)), []).append(each.seconds)
    return found


def requests_table(found: Mapping[str, Found]) -> Iterator[str]:
    """Yield the table of the requests."""
    yield (
        "| case | requests alone, cold / warm | avp-py, cold / warm "
        "| private: alone | private: avp-py, cold / warm |"
    )
    yield "|---|---|---|---|---|"
    for name, each in found.items():
        alone = f"**fails:** {shortened(each.error)}" if each.error else "works"
        if not any(each.requests[ALONE]):
            alone = "nothing is fetched"
        cells = [pair_of(each.requests, ALONE), pair_of(each.requests, GENERATE, SERVE), alone]
        yield f"| {name} | {' | '.join(cells)} | {pair_of(each.private, GENERATE, SERVE)} |"


def pair_of(requests: Mapping[str, tuple[int, int]], *ways: str) -> str:
    """Return the numbers of requests of some ways, which are the same but for mistakes of ours."""
    pairs = dict.fromkeys(f"{cold} / {warm}" for cold, warm in (requests[way] for way in ways))
    return ", ".join(pairs)


def shortened(error: str) -> str:
    """Return the reason in an error, in short."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    text = next((each for each in lines if any(word in each for word in _REASONS)), lines[-1])
    start = min((at for word in _REASONS if (at := text.find(word)) >= 0), default=0)
    return text[start : start + _LONGEST].replace("|", "\\|")


_REASONS: Final = (
    "401 Unauthorized",
    "unauthorized:",
    "basic credential not found",
    "could not read Username",
    "failed to fetch",
    "status code 401",
)


def times_table(found: Mapping[str, Found], away: float) -> Iterator[str]:
    """Yield the table of the times for a distance."""
    yield (
        "| case | alone, cold | alone, warm | generate, cold | generate, warm "
        "| serve, cold | serve, warm |"
    )
    yield "|---|---|---|---|---|---|---|"
    for name, each in found.items():
        alone = [
            f"{each.median(away, ALONE, is_warm=warm) * 1000:.0f} ms" for warm in (False, True)
        ]
        ratios = [
            f"{each.ratio(away, way, is_warm=warm):.2f}"
            for way in (GENERATE, SERVE)
            for warm in (False, True)
        ]
        yield f"| {name} | {' | '.join([*alone, *ratios])} |"


def tables(found: Mapping[str, Found], heading: str) -> Sequence[str]:
    """Return all tables, in lines."""
    lines = [heading, "", "### Requests", "", *requests_table(found)]
    for away in AWAY:
        where = f"each request takes {away * 1000:.0f} ms more" if away else "servers beside it"
        lines += ["", f"### Times, {where}", "", *times_table(found, away)]
    return lines


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.charts",
        description="Compare avp-py with kustomize and helm alone where something is remote.",
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases with this in the name")
    parser.add_argument("--helm", choices=("3", "4"), default="4", help="(default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    arguments = parser.parse_args()
    keep_files_in_memory()
    cases = chart_cases.chosen(arguments.only)
    if arguments.rounds < 1 or not cases:
        parser.error("there is nothing to measure")
    helm = {"3": "helm", "4": "helm4"}[arguments.helm]
    machine = results.machine()
    with (
        tempfile.TemporaryDirectory(prefix="charts-") as name,
        prepare(Path(name).resolve(), helm) as bench,
    ):
        found = {each.name: measure(bench, each, arguments.rounds) for each in cases}
    of = {**machine, **results.versions(programs.versions("kustomize", helm))}
    facts = ", ".join(f"{name} {value}" for name, value in of.items())
    heading = f"Measured on {results.today()} (`ROUNDS={arguments.rounds}`): {facts}."
    text = "\n".join(tables(found, heading))
    print(text)
    if arguments.write:
        report.insert("make bench-charts", f"{text}\n")
        print("written: docs/performance.md")


if __name__ == "__main__":
    main()
