"""Runs the cases: all ways of a case in turns, round after round."""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Protocol
from urllib.parse import urlsplit

import grpc

from benchmarks import caller, inputs, programs, results
from benchmarks.caller import Caller, Packed
from benchmarks.cases import PATHS, Case, Kind, Measure, Way
from benchmarks.inputs import PASSWORD, Manifests, Repository
from benchmarks.programs import Programs, Server
from benchmarks.results import Results
from tests.cmp.application import identity
from tests.conftest import ROOT
from tests.integration.vault import Vault
from tests.integration.vault import serve as serve_vault
from tests.trees import write

REQUESTS: Final = 5
"""How many requests to the socket one run has, one after another; their mean counts."""

PAUSE_SECONDS: Final = 0.05
"""How long a run is given to clean up, before the next one starts."""

MEMORY_ROUNDS: Final = 2
"""How many rounds measure memory, at most. They do not count for time: measuring slows them down.
"""

Values = dict[Measure, float]
"""What was measured of one run: seconds, bytes, or a number."""

Say = Callable[[str], None]


@dataclass
class Result:
    """What was measured of a case.

    Attributes:
        case: the case.
        values: for each way and measure, what each round measured.
        own_share: how much of the processors the benchmark itself used, its helpers excluded.
    """

    case: Case
    values: dict[Way, dict[Measure, list[float]]] = field(default_factory=dict)
    own_share: float = 0

    def add(self, way: Way, values: Values) -> None:
        """Add what a round measured."""
        for measure, value in values.items():
            self.values.setdefault(way, {}).setdefault(measure, []).append(value)


class Helper:
    """A process of ours that obeys a command a line."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Helper":
        return self

    def __exit__(self, *_: object) -> None:
        # It ends with its standard input.
        with self._process:
            self._stdin.close()

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        return self._process.stdin

    def tell(self, command: str) -> None:
        """Send a command."""
        self._stdin.write(f"{command}\n")
        self._stdin.flush()

    def answer(self) -> str:
        """Return the next line that it prints."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        return self._process.stdout.readline().strip()

    def ask(self, command: str) -> str:
        """Send a command, and return the answer."""
        self.tell(command)
        return self.answer()


@dataclass(frozen=True)
class Stage:
    """All that runs while the cases do.

    Attributes:
        programs: the programs.
        folder: an empty folder with a short path.
        operator: the variables with which both read from Vault.
        path: the path of the secrets in Vault, without their numbers.
        proxy: the proxy in front of Vault.
        sampler: measures memory.
    """

    programs: Programs
    folder: Path
    operator: Mapping[str, str]
    path: str
    proxy: Helper
    sampler: Helper

    def count(self) -> Mapping[str, int]:
        """Return the requests and the logins of Vault since the last call."""
        counts: Mapping[str, int] = json.loads(self.proxy.ask("count"))
        return counts


@contextlib.contextmanager
def stage(folder: Path, say: Say) -> Iterator[Stage]:
    """Start Vault and our own helpers, and write the secrets."""
    say("programs: building what is not in the cache yet")
    ready = programs.prepare(folder / "bin")
    with serve_vault(ready.vault) as facts:
        say(f"Vault: writing {PATHS} secrets")
        vault = Vault(facts["address"], facts["root_token"])
        mount = vault.mount(2)
        for number in range(PATHS):
            vault.write(f"{mount}/data/app-{number}", {"username": "web", "password": PASSWORD})
        role_id, secret_id = vault.approle(f"{mount}/data/*")
        with (
            Helper("benchmarks.proxy", urlsplit(facts["address"]).netloc) as proxy,
            Helper("benchmarks.sampler") as sampler,
        ):
            operator = {
                "VAULT_ADDR": f"http://127.0.0.1:{proxy.answer()}",
                "AVP_TYPE": "vault",
                "AVP_AUTH_TYPE": "approle",
                "AVP_ROLE_ID": role_id,
                "AVP_SECRET_ID": secret_id,
            }
            yield Stage(ready, folder, operator, f"{mount}/data/app", proxy, sampler)


class Subject(Protocol):
    """One way of a case, ready to run."""

    def check(self) -> Values:
        """Run once, and check the output; return what holds for a first run only."""

    def measure(self) -> Values:
        """Run once, and return all but the memory."""

    def memory(self) -> Values:
        """Run once, and return the memory."""


Prepare = Callable[[Case, Stage], contextlib.AbstractContextManager[Mapping[Way, Subject]]]
"""Prepares the ways of a case."""


class Process:
    """A command or shell pipeline."""

    def __init__(self, case: Case, way: Way, on: Stage, folder: Path) -> None:
        self._on = on
        self._folder = folder
        self._input = case.input
        self._argv = on.programs.command(way, is_pipeline=isinstance(case.input, Repository))
        for name in ("home", "tmp"):
            (folder / name).mkdir()
        self._env = {
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            **on.programs.environment,
            **on.operator,
            **_request_variables(case, 0),
        }
        if isinstance(case.input, Manifests):
            (folder / "stdin").write_text(case.input.text(on.path))
        else:
            write(folder / "repository", case.input.files(on.path))
            (folder / "stdin").touch()

    def check(self) -> Values:
        """Run once, and check the output; the bytecode and the files are in caches then."""
        _check([self.output()], self._input, self._on.path)
        return {}

    def output(self) -> str:
        """Run once, and return the output."""
        with self._started(subprocess.PIPE) as process:
            output, _ = process.communicate()
        self._must_succeed(process)
        return output.decode()

    def measure(self) -> Values:
        """Run once, and return all but the memory."""
        self._on.count()
        started = time.perf_counter()
        with self._started(subprocess.DEVNULL) as process:
            # Of the process and of the children that it has waited for.
            _, status, usage = os.wait4(process.pid, 0)
            elapsed = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
        self._must_succeed(process)
        return {
            Measure.TIME: elapsed,
            Measure.CPU: usage.ru_utime + usage.ru_stime,
            **counted(self._on.count()),
        }

    def memory(self) -> Values:
        """Run once, and return the memory."""
        with self._started(subprocess.DEVNULL) as process:
            self._on.sampler.tell(f"watch {process.pid}")
            process.wait()
        self._must_succeed(process)
        return {Measure.MEMORY: float(self._on.sampler.ask("stop"))}

    @contextlib.contextmanager
    def _started(self, stdout: int) -> Iterator[subprocess.Popen[bytes]]:
        """Start it, in a fresh copy of the repository: kustomize edits its files."""
        working = self._folder / "copy"
        if (self._folder / "repository").exists():
            shutil.rmtree(working, ignore_errors=True)
            shutil.copytree(self._folder / "repository", working)
        else:
            working.mkdir(exist_ok=True)
        with (
            (self._folder / "stdin").open("rb") as stdin,
            (self._folder / "stderr").open("wb") as stderr,
            subprocess.Popen(
                self._argv, cwd=working, env=self._env, stdin=stdin, stdout=stdout, stderr=stderr
            ) as process,
        ):
            yield process

    def _must_succeed(self, process: subprocess.Popen[bytes]) -> None:
        if process.returncode != 0:
            text = (self._folder / "stderr").read_text(errors="replace")
            raise SystemExit(f"{' '.join(self._argv)} failed ({process.returncode}):\n{text}")


class Requests:
    """Requests to argocd-cmp-server: one after another, or many at once."""

    def __init__(self, case: Case, on: Stage, server: Server, client: Caller, folder: Path) -> None:
        assert isinstance(case.input, Repository)  # noqa: S101 - a server gets no standard input
        self._on = on
        self._server = server
        self._client = client
        self._is_burst = case.kind is Kind.BURST
        self._input = case.input
        root = write(folder / "repository", case.input.files(on.path))
        self._packed = [
            Packed(root, _request_variables(case, number)) for number in range(case.applications)
        ]

    def check(self) -> Values:
        """Run once, and check the output; a first run logs in."""
        self._on.count()
        _, responses = self._send()
        counts = counted(self._on.count())
        for each in responses:
            _check(caller.manifests(each), self._input, self._on.path)
        return counts if self._is_burst else {}

    def measure(self) -> Values:
        """Run once, and return all but the memory."""
        self._on.count()
        before = self._server.cpu_seconds()
        times, _ = self._send()
        counts = counted(self._on.count())
        time.sleep(PAUSE_SECONDS)
        cpu = self._server.cpu_seconds() - before
        if self._is_burst:
            p95 = statistics.quantiles(times, n=20)[-1]
            return {Measure.TIME: max(times), Measure.P95: p95, Measure.CPU: cpu}
        return {
            Measure.TIME: statistics.mean(times),
            Measure.CPU: cpu / len(times),
            **{measure: count / len(times) for measure, count in counts.items()},
        }

    def memory(self) -> Values:
        """Run once, and return the memory, the server's included."""
        self._on.sampler.tell(f"watch {self._server.pid}")
        self._send()
        return {Measure.MEMORY: float(self._on.sampler.ask("stop"))}

    def _send(self) -> tuple[Sequence[float], Sequence[bytes]]:
        """Send the requests of a run; return the time and the response of each."""
        try:
            if self._is_burst:
                return self._client.burst(self._packed)
            times, responses = [], []
            for _ in range(REQUESTS):
                started = time.perf_counter()
                responses.append(self._client.generate(self._packed[0]))
                times.append(time.perf_counter() - started)
        except grpc.RpcError as error:
            raise SystemExit(f"a request failed: {error}\n{self._server.log}") from None
        return times, responses


def _request_variables(case: Case, number: int) -> Mapping[str, str]:
    """Return what Argo CD passes for an Application; standard input needs none of it."""
    if isinstance(case.input, Manifests):
        return {}
    return {**identity(f"web-{number}", **inputs.SETTINGS), **case.variables}


def counted(counts: Mapping[str, int]) -> Values:
    """Return what the proxy has counted."""
    return {Measure.REQUESTS: counts["requests"], Measure.LOGINS: counts["logins"]}


def _check(output: Sequence[str], of: Manifests | Repository, path: str) -> None:
    """Check that the secrets of the input are in the output, and that nothing is left to fill."""
    text = "".join(output)
    is_filled = "<path:" not in text and "<password>" not in text
    if isinstance(of, Repository):
        is_rendered = f"{inputs.IMAGE}:{inputs.TAG}" in text and inputs.REPOSITORY in text
    else:
        is_rendered = "kind: " in text
    has_secret = PASSWORD in text
    wants_secret = isinstance(of, Repository) or path in of.text(path)
    if not is_filled or not is_rendered or has_secret != wants_secret:
        raise SystemExit(f"the output is not the expected one:\n{text[:2000]}")


def measure(cases: Sequence[Case], rounds: int, prepare: Prepare) -> Results:
    """Run cases, one after another, and report progress on standard error.

    Args:
        cases: the cases.
        rounds: how often each way runs where a case asks for no more and no less.
        prepare: prepares the ways of a case.
    """
    started, machine = time.monotonic(), results.machine()

    def say(text: str) -> None:
        seconds = time.monotonic() - started
        stamp = f"{int(seconds) // 60}:{int(seconds) % 60:02}"
        print(f"{stamp} {label}{text}", file=sys.stderr, flush=True)

    label = ""
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="avp-") as folder, stage(Path(folder), say) as on:
        for number, case in enumerate(cases, 1):
            label = f"[{number}/{len(cases)}] {case.kind}: {case.title}: "
            result = run(case, on, rounds, say, prepare)
            outcomes.append(results.outcome(case, result.values, result.own_share))
        versions = results.versions(on.programs.versions)
    seconds = round(time.monotonic() - started)
    return Results(results.today(), rounds, seconds, machine, versions, outcomes)


def run(case: Case, on: Stage, rounds: int, say: Say, prepare: Prepare) -> Result:
    """Measure a case.

    Args:
        case: the case.
        on: what runs meanwhile.
        rounds: how often each way runs where the case asks for no more and no less.
        say: reports progress.
        prepare: prepares the ways of a case.
    """
    result = Result(case)
    on.proxy.ask(f"delay {case.delay_ms}")
    with prepare(case, on) as subjects:
        for way, subject in subjects.items():
            result.add(way, subject.check())
        count = max(round(rounds * case.rounds), 1)
        used, started = time.process_time(), time.perf_counter()
        for number in range(count):
            say(f"round {number + 1} of {count}")
            for way in _in_turns(case.ways, number):
                result.add(way, subjects[way].measure())
                time.sleep(PAUSE_SECONDS)
        seconds = (time.perf_counter() - started) * (os.cpu_count() or 1)
        result.own_share = (time.process_time() - used) / seconds
        # Only root may read the memory of avp-py's processes.
        count = min(count, MEMORY_ROUNDS if case.rounds >= 1 else 1) if os.geteuid() == 0 else 0
        for number in range(count):
            say(f"memory, round {number + 1} of {count}")
            for way in _in_turns(case.ways, number):
                result.add(way, subjects[way].memory())
                time.sleep(PAUSE_SECONDS)
    return result


@contextlib.contextmanager
def each_way(case: Case, on: Stage) -> Iterator[Mapping[Way, Subject]]:
    """Prepare the ways of a case that needs no more than the stage."""
    with contextlib.ExitStack() as stack:
        yield {way: stack.enter_context(_subject(case, way, on)) for way in case.ways}


@contextlib.contextmanager
def _subject(case: Case, way: Way, on: Stage) -> Iterator[Subject]:
    """Prepare a way of a case, in a folder of its own."""
    with tempfile.TemporaryDirectory(dir=on.folder) as name:
        folder = Path(name)
        if case.kind is Kind.PROCESS:
            yield Process(case, way, on, folder)
        else:
            with (
                programs.serve(on.programs, way, on.operator, folder) as server,
                caller.connect(server.socket) as client,
            ):
                yield Requests(case, on, server, client, folder)


def _in_turns(ways: Sequence[Way], number: int) -> Sequence[Way]:
    """Return the ways in an order that changes from round to round."""
    return ways if number % 2 == 0 else ways[::-1]
