"""The resident core when more is asked of it than it can do: limits, turns and deadlines."""

import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.conftest import ROOT
from tests.integration.charts import host_of
from tests.integration.core import Core, serve
from tests.integration.stand_in import StandIn
from tests.integration.tenants import (
    NO_SECRETS,
    PATIENT_GIT,
    Gate,
    ended,
    gate,
    hanging,
    manifest,
    operator,
    value,
    variables,
    with_remote_base,
)
from tests.integration.vault import Vault
from tests.processes import descriptors, is_asleep, until
from tests.trees import write

pytestmark = pytest.mark.usefixtures("any_machine")

PATIENCE: Final = 30.0
LATE: Final = b"the request waited for its turn until its time was over (AVP_RUN_TIMEOUT="
SLOW: Final = (
    rb" did not (finish|come|answer completely) within "
    rb"(the time limit of the whole run|[0-9.]+ s)\n"
)

Client = subprocess.Popen[bytes]


class Site(NamedTuple):
    """A core, an Application that is rendered at once, and a place for slow ones."""

    core: Core
    silent: StandIn
    quick: Path
    folder: Path

    def hang(self, app: str, project: str = "busy") -> Client:
        """Start a request that hangs as soon as it runs."""
        slow = with_remote_base(self.folder, self.silent)
        return self.core.start("generate", ".", cwd=slow, variables=variables(app, project))

    def start(self, app: str, project: str) -> Client:
        """Start a request that is done at once."""
        return self.core.start("generate", ".", cwd=self.quick, variables=variables(app, project))

    def are_running(self, count: int) -> bool:
        """Wait until so many requests hang in a render."""
        return until(lambda: len(self.silent.asked) >= count, PATIENCE)


@contextmanager
def site(folder: Path, tools: Mapping[str, Path], **further: str) -> Iterator[Site]:
    with hanging() as silent:
        env = {
            "AVP_TYPE": "file",
            "AVP_FILE": str(ROOT / "examples/secrets.yaml"),
            "AVP_KUSTOMIZE": str(tools["kustomize"]),
            "AVP_SANDBOX": "required",
            "AVP_RENDER_HOSTS": host_of(silent.address),
            **PATIENT_GIT,
            **further,
        }
        with serve(env) as core:
            quick = write(folder / "quick", NO_SECRETS)
            yield Site(core, silent, quick, folder)


def finish(client: Client) -> tuple[int, bytes, bytes]:
    out, err = client.communicate(timeout=PATIENCE)
    return client.returncode, out, err


def have_sent(core: Core, *clients: Client) -> bool:
    """Wait until all clients have sent their requests: they are connected, and wait."""
    return until(
        lambda: core.connections == len(clients) and all(is_asleep(each.pid) for each in clients),
        PATIENCE,
    )


def end(*clients: Client) -> None:
    """Kill clients; the core may have their streams for longer."""
    for each in clients:
        each.kill()
        each.wait()
        for stream in (each.stdin, each.stdout, each.stderr):
            if stream is not None:
                stream.close()


# --- How many run ---


def test_no_more_run_than_avp_parallel_says(tmp_path: Path, tools: Mapping[str, Path]) -> None:
    with site(tmp_path, tools, AVP_PARALLEL="3") as here:
        running = [here.hang(f"app{number}") for number in range(3)]
        assert here.are_running(3)
        waiting = [here.hang(f"app{number}") for number in range(3, 8)]
        assert until(lambda: here.core.connections == 8, PATIENCE)
        counts = []
        for _ in range(10):
            counts.append(len(here.core.running))
            time.sleep(0.02)
        assert max(counts) == 3
        assert len(here.silent.asked) == 3

        # Whoever ends makes room for one.
        end(*running)
        assert here.are_running(6)
        assert len(here.core.running) == 3
        end(*waiting)
        assert until(lambda: not here.core.workers, PATIENCE)


def test_a_health_check_does_not_wait_for_a_turn(tmp_path: Path, tools: Mapping[str, Path]) -> None:
    with site(tmp_path, tools, AVP_PARALLEL="1") as here:
        # Two run: no other project may start one meanwhile.
        busy = [here.hang(f"app{number}", f"team{number}") for number in range(5)]
        assert here.are_running(2)
        assert until(lambda: here.core.connections == 5, PATIENCE)

        checked = here.core.run("healthcheck", cwd=tmp_path)

        # It complains that helm is missing here.
        assert b"ok      settings" in checked.stdout
        assert [each.poll() for each in busy] == [None] * 5
        end(*busy)


def test_a_busy_project_delays_no_other(tmp_path: Path, tools: Mapping[str, Path]) -> None:
    with site(tmp_path, tools, AVP_PARALLEL="2") as here:
        busy = [here.hang(f"busy{number}") for number in range(20)]
        assert here.are_running(2)
        assert until(lambda: here.core.connections == len(busy), PATIENCE)

        for number in range(3):
            code, out, err = finish(here.start(f"quick{number}", "other"))
            assert (code, err) == (0, b"")
            assert b"kind: ConfigMap" in out

        assert {each.poll() for each in busy} == {None}
        assert len(here.core.running) == 2
        # A second project that hangs has a worker, too; the first has none more.
        other = here.hang("hangs", "another")
        assert here.are_running(3)
        assert finish(here.start("last", "third"))[0] == 0
        assert len(here.core.running) == 3
        end(*busy, other)


def test_never_more_than_twice_as_many_run(tmp_path: Path, tools: Mapping[str, Path]) -> None:
    with site(tmp_path, tools, AVP_PARALLEL="2", AVP_RUN_TIMEOUT="20") as here:
        busy = [here.hang("app", f"project{number % 7}") for number in range(14)]
        assert here.are_running(4)
        assert until(lambda: here.core.connections == len(busy), PATIENCE)
        waiting = here.start("quick", "one-more")
        time.sleep(0.5)
        assert len(here.core.running) == 4
        assert waiting.poll() is None
        end(*busy)
        assert finish(waiting)[0] == 0


# --- What waits ---


def test_no_more_wait_in_the_core_than_avp_queue_says(
    tmp_path: Path, tools: Mapping[str, Path]
) -> None:
    with site(tmp_path, tools, AVP_PARALLEL="1", AVP_QUEUE="3") as here:
        assert finish(here.start("quick", "other"))[0] == 0
        before = len(descriptors(here.core.supervisor))
        first = here.hang("first")
        assert here.are_running(1)
        running = len(descriptors(here.core.supervisor))
        clients = [here.hang(f"app{number}") for number in range(9)]
        assert have_sent(here.core, first, *clients)
        if os.geteuid() == 0:
            # A connection, three streams and the request itself for each of the three.
            assert until(lambda: len(descriptors(here.core.supervisor)) == running + 15, PATIENCE)
            time.sleep(0.3)
            assert len(descriptors(here.core.supervisor)) == running + 15
        end(first, *clients)
        assert until(lambda: here.core.connections == 0, PATIENCE)
        assert here.core.outcomes() == ["ok", *["cancelled"] * 10]
        assert finish(here.start("quick", "other"))[0] == 0
        assert until(lambda: len(descriptors(here.core.supervisor)) == before, PATIENCE)


def test_health_checks_count_for_avp_queue(tmp_path: Path, tools: Mapping[str, Path]) -> None:
    with site(tmp_path, tools, AVP_QUEUE="3") as here:
        os.kill(here.core.keeper, signal.SIGSTOP)
        first = here.core.start("healthcheck", cwd=tmp_path)
        assert until(lambda: len(here.core.running) == 1, PATIENCE)
        running = len(descriptors(here.core.supervisor))
        others = [here.core.start("healthcheck", cwd=tmp_path) for _ in range(9)]
        assert have_sent(here.core, first, *others)
        if os.geteuid() == 0:
            assert until(lambda: len(descriptors(here.core.supervisor)) == running + 15, PATIENCE)
            time.sleep(0.3)
            assert len(descriptors(here.core.supervisor)) == running + 15

        os.kill(here.core.keeper, signal.SIGCONT)
        for each in (first, *others):
            assert b"ok      settings" in finish(each)[1]


def test_what_waits_too_long_fails_with_a_reason(tmp_path: Path, tools: Mapping[str, Path]) -> None:
    with site(tmp_path, tools, AVP_PARALLEL="1", AVP_QUEUE="2", AVP_RUN_TIMEOUT="3") as here:
        begun = time.monotonic()
        first = here.hang("app")
        assert here.are_running(1)
        # However slow the machine is, nobody's turn comes before the time is over.
        os.kill(here.core.supervisor, signal.SIGSTOP)
        clients = [here.hang(f"app{number}") for number in range(5)]
        assert until(lambda: here.core.connections == 6, PATIENCE)
        time.sleep(3)
        os.kill(here.core.supervisor, signal.SIGCONT)

        code, out, err = finish(first)
        done = [finish(each) for each in clients]

        assert time.monotonic() - begun < 20
        # Whichever notices it first: git's own process, the one that started it, or kustomize.
        assert (code, out) == (1, b"")
        assert re.search(SLOW, err), err
        assert b"AVP_RUN_TIMEOUT" in err
        assert {(code, out) for code, out, _ in done} == {(1, b"")}
        assert all(LATE + b"3s)" in err for _, _, err in done), done
        assert all(b"next: raise AVP_PARALLEL" in err for _, _, err in done)
        assert Counter(here.core.outcomes()) == {"timeout": 5, "failed": 1}


def test_the_deadline_counts_from_the_clients_start(
    tmp_path: Path, tools: Mapping[str, Path]
) -> None:
    with site(tmp_path, tools, AVP_PARALLEL="2", AVP_RUN_TIMEOUT="6") as here:
        os.kill(here.core.supervisor, signal.SIGSTOP)
        client = here.hang("web")
        assert until(lambda: here.core.connections == 1, PATIENCE)
        time.sleep(4)
        os.kill(here.core.supervisor, signal.SIGCONT)

        code, out, err = finish(client)

        assert (code, out) == (1, b"")
        assert re.search(SLOW, err), err
        assert b"AVP_RUN_TIMEOUT" in err
        (line,) = ended(here.core, "web")
        waited, took = map(float, re.findall(r"(?:waited|took)=([\d.]+)", line))
        assert waited >= 4
        # From the start of the worker it would have had six seconds.
        assert waited + took < 9.5


def test_what_begins_after_its_deadline_is_not_run(
    tmp_path: Path, tools: Mapping[str, Path]
) -> None:
    with site(tmp_path, tools, AVP_PARALLEL="2", AVP_RUN_TIMEOUT="1") as here:
        os.kill(here.core.supervisor, signal.SIGSTOP)
        client = here.hang("web")
        assert until(lambda: here.core.connections == 1, PATIENCE)
        time.sleep(1.5)
        os.kill(here.core.supervisor, signal.SIGCONT)

        code, out, err = finish(client)

        assert (code, out) == (1, b"")
        assert LATE + b"1s)" in err
        assert here.silent.asked == []


# --- Clients that are gone ---


def test_a_client_that_is_gone_while_it_waits_is_never_run(
    tmp_path: Path, tools: Mapping[str, Path]
) -> None:
    with site(tmp_path, tools, AVP_PARALLEL="1") as here:
        first = here.hang("first")
        assert here.are_running(1)
        gone = [here.hang(f"gone{number}") for number in range(4)]
        assert have_sent(here.core, first, *gone)

        end(*gone)

        assert until(lambda: here.core.outcomes() == ["cancelled"] * 4, PATIENCE)
        end(first)
        assert finish(here.start("quick", "busy"))[0] == 0
        for number in range(4):
            (line,) = ended(here.core, f"gone{number}")
            assert line.endswith(" took=0.0")
        assert len(here.silent.asked) == 1, "of the first one alone"


def test_a_client_that_is_gone_before_it_is_accepted_is_never_run(
    vault: Vault, kv2: str, tools: Mapping[str, Path]
) -> None:
    vault.write(f"{kv2}/data/web", {"password": value("web")})
    with gate(vault.address) as at, serve(operator(vault, at.stand_in.address, kv2, tools)) as core:
        os.kill(core.supervisor, signal.SIGSTOP)
        clients = [_read(core) for _ in range(4)]
        assert have_sent(core, *clients)
        end(*clients)
        os.kill(core.supervisor, signal.SIGCONT)

        assert until(lambda: core.outcomes() == ["cancelled"] * 4, PATIENCE)
        assert all(line.endswith(" took=0.0") for line in ended(core, "web"))
        _check_unread(at)
        code, out, _ = finish(_read(core))
        assert code == 0
        assert value("web").encode() in out


def _read(core: Core) -> Client:
    client = core.start("generate", "-", cwd=ROOT, variables=variables())
    assert client.stdin is not None
    client.stdin.write(manifest())
    client.stdin.close()
    client.stdin = None
    return client


def _check_unread(at: Gate) -> None:
    """Nothing was asked of Vault, not even a token."""
    assert at.stand_in.paths == []
