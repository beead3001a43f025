"""The resident core while its processes are killed, and while Vault fails.

The last test kills at random. FAULT_REQUESTS is the number of its requests (200), FAULT_SEED the
seed of a run that is to be repeated; it is printed.
"""

import contextlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from avp_py import __version__
from avp_py.serve.wire import REPLY, pack
from tests.cmp.client import CallError, Client, connect
from tests.conftest import ROOT
from tests.integration import core as cores
from tests.integration.charts import host_of
from tests.integration.core import Core, serve
from tests.integration.stand_in import StandIn, free_port
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
    with_secret,
)
from tests.integration.vault import Vault
from tests.integration.vault import serve as serve_vault
from tests.processes import descriptors, is_running, until
from tests.trees import write

pytestmark = pytest.mark.usefixtures("any_machine")

PATIENCE: Final = 30.0
"""How long anything may take, in seconds; nothing takes a tenth of it on an idle machine."""

LOST_KEEPER: Final = b"the keeper, which reads secrets, gave no answer"
KILLED: Final = b"the worker was killed by signal 9"
LOST_CORE: Final = b"the core ended before the request did"

Ended = subprocess.CompletedProcess[bytes]


@dataclass(frozen=True)
class Site:
    """A core, and what is around it.

    Attributes:
        core: the core.
        gate: before its Vault.
        silent: a server whose answers never come.
        tree: an Application with a secret of its own.
        folder: where Applications are made whose bases are at the silent server.
        good: what the first prints as `web`.
    """

    core: Core
    gate: Gate
    silent: StandIn
    tree: Path
    folder: Path
    good: bytes

    def start(self, stage: str, app: str = "web") -> "subprocess.Popen[bytes]":
        """Start a request, and wait until it hangs: in a render, or in a read."""
        if stage == "render":
            count = len(self.silent.asked)
            slow = with_remote_base(self.folder, self.silent)
            process = self.core.start("generate", ".", cwd=slow, variables=variables(app))
            assert until(lambda: len(self.silent.asked) == count + 1, PATIENCE)
        else:
            self.gate.close("/data/")
            count = self.gate.count("/data/")
            process = self.core.start("generate", ".", cwd=self.tree, variables=variables(app))
            assert until(lambda: self.gate.count("/data/") > count, PATIENCE)
        return process

    def run(self, app: str = "web") -> Ended:
        return self.core.run("generate", ".", cwd=self.tree, variables=variables(app))

    def check(self, app: str = "web") -> None:
        """A request is as right as ever."""
        self.gate.open()
        done = self.run(app)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout == self.expected(app)

    def expected(self, app: str) -> bytes:
        return self.good.replace(value("web").encode(), value(app).encode())


@contextmanager
def site(
    folder: Path, vault: Vault, mount: str, tools: Mapping[str, Path], **further: str
) -> Iterator[Site]:
    vault.write(f"{mount}/data/web", {"password": value("web")})
    with ExitStack() as stack:
        at = stack.enter_context(gate(vault.address))
        silent = stack.enter_context(hanging())
        env = operator(vault, at.stand_in.address, mount, tools, **PATIENT_GIT, **further)
        env["AVP_RENDER_HOSTS"] = host_of(silent.address)
        core = stack.enter_context(serve(env))
        tree = with_secret(folder / "tree")
        done = core.run("generate", ".", cwd=tree, variables=variables())
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(value("web").encode()) == 1
        yield Site(core, at, silent, tree, folder, done.stdout)


@pytest.fixture
def here(tmp_path: Path, vault: Vault, kv2: str, tools: Mapping[str, Path]) -> Iterator[Site]:
    with site(tmp_path, vault, kv2, tools, AVP_PARALLEL="2") as made:
        yield made


def finish(client: "subprocess.Popen[bytes]") -> Ended:
    out, err = client.communicate(timeout=PATIENCE)
    return Ended(client.args, client.returncode, out, err)


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_keeper(core: Core) -> None:
    """Kill the keeper, once there is one."""
    assert until(lambda: core.keeper != 0, PATIENCE)
    keeper = core.keeper
    kill(keeper)
    assert until(lambda: not is_running(keeper), PATIENCE)


# --- Processes of the core ---


@pytest.mark.parametrize("stage", ["render", "read"])
def test_a_killed_worker_is_reported(here: Site, stage: str) -> None:
    files = here.core.files()
    client = here.start(stage)
    (worker,) = here.core.running
    below = here.core.members

    kill(worker)

    done = finish(client)
    assert (done.returncode, done.stdout) == (1, b"")
    assert KILLED in done.stderr
    assert b"next: check the memory limit of the container" in done.stderr
    here.check()
    rest = {here.core.process.pid, here.core.supervisor, here.core.keeper}
    assert until(lambda: not any(is_running(pid) for pid in below if pid not in rest), PATIENCE)
    assert until(lambda: here.core.files() == files and not here.core.workers, PATIENCE)


def test_a_worker_waits_for_the_next_request(here: Site) -> None:
    assert until(lambda: len(here.core.standby) == 1, PATIENCE)
    (standby,) = here.core.standby

    client = here.start("read")

    assert here.core.running == [standby]
    here.gate.open()
    assert finish(client).returncode == 0
    assert until(lambda: here.core.standby not in ([], [standby]), PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_to_a_worker_that_begins_is_no_success(here: Site, number: int) -> None:
    assert until(lambda: len(here.core.standby) == 1, PATIENCE)
    (standby,) = here.core.standby
    # It gets its request, and the signal, before it can read either.
    os.kill(standby, signal.SIGSTOP)
    client = here.core.start("generate", ".", cwd=here.tree, variables=variables("stopped"))
    assert until(lambda: here.core.connections == 1, PATIENCE)
    time.sleep(0.2)
    os.kill(standby, number)
    # SIGKILL ends it although it is stopped, and it may have been reaped by now.
    with contextlib.suppress(ProcessLookupError):
        os.kill(standby, signal.SIGCONT)

    done = finish(client)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"the worker was killed by signal" in done.stderr
    (line,) = ended(here.core, "stopped")
    assert "outcome='killed'" in line


def test_a_killed_standby_costs_no_request(here: Site) -> None:
    assert until(lambda: len(here.core.standby) == 1, PATIENCE)

    kill(here.core.standby[0])

    here.check()
    assert until(lambda: len(here.core.standby) == 1, PATIENCE)


def test_a_standby_that_dies_at_once_is_not_started_again_and_again(here: Site) -> None:
    assert until(lambda: len(here.core.standby) == 1, PATIENCE)

    kill(here.core.standby[0])

    assert until(lambda: not here.core.standby, PATIENCE)
    assert not until(lambda: here.core.standby != [], 0.3)
    here.check()


@pytest.mark.parametrize("stage", ["render", "read"])
def test_a_killed_client_ends_its_worker(here: Site, stage: str) -> None:
    files = here.core.files()
    client = here.start(stage, "gone")
    (worker,) = here.core.running

    client.kill()

    assert finish(client).stdout == b""
    assert until(lambda: not is_running(worker), PATIENCE)
    here.check()
    assert until(lambda: here.core.files() == files and not here.core.workers, PATIENCE)
    (line,) = ended(here.core, "gone")
    assert "outcome='cancelled'" in line


@pytest.mark.parametrize("stage", ["render", "read"])
def test_a_killed_keeper_is_replaced(here: Site, stage: str) -> None:
    client = here.start(stage)

    kill_keeper(here.core)

    if stage == "render":
        # It does not miss the keeper before it knows which secrets it needs: that is never.
        client.kill()
        assert finish(client).stdout == b""
    else:
        done = finish(client)
        assert (done.returncode, done.stdout) == (1, b"")
        assert LOST_KEEPER in done.stderr
        assert b"next: refresh the Application once more" in done.stderr
    here.check()
    assert "the keeper ended (signal 9); the next one starts in 0.1 s" in here.core.log.read_text()


def test_requests_wait_while_there_is_no_keeper(here: Site) -> None:
    # The third one starts after 0.1 + 0.2 s, and the fourth 0.4 s later.
    for _ in range(3):
        kill_keeper(here.core)
    begun = time.monotonic()
    clients = [
        here.core.start("generate", ".", cwd=here.tree, variables=variables()) for _ in range(5)
    ]

    assert {(done.returncode, done.stdout) for done in map(finish, clients)} == {(0, here.good)}
    assert time.monotonic() - begun < PATIENCE
    assert "the next one starts in 0.4 s" in here.core.log.read_text()


def test_keepers_that_die_while_the_supervisor_is_stopped(here: Site) -> None:
    supervisor = here.core.supervisor
    os.kill(supervisor, signal.SIGSTOP)
    for _ in range(3):
        kill_keeper(here.core)
    assert until(lambda: here.core.keeper != 0, PATIENCE)
    os.kill(supervisor, signal.SIGCONT)

    here.check()
    assert here.core.supervisor == supervisor


def test_a_keeper_that_hangs_ends_no_more_than_requests(
    tmp_path: Path, vault: Vault, kv2: str, tools: Mapping[str, Path]
) -> None:
    with site(tmp_path, vault, kv2, tools, AVP_RUN_TIMEOUT="3") as here:
        os.kill(here.core.keeper, signal.SIGSTOP)
        done = here.run()
        os.kill(here.core.keeper, signal.SIGCONT)

        assert (done.returncode, done.stdout) == (1, b"")
        assert b"the run exceeded its time limit (AVP_RUN_TIMEOUT=3s)" in done.stderr
        here.check()


@pytest.mark.parametrize("stage", ["render", "read"])
@pytest.mark.parametrize("victim", ["supervisor", "serve"])
def test_nothing_outlives_the_core(here: Site, victim: str, stage: str) -> None:
    client = here.start(stage)
    members = here.core.members
    assert len(members) >= (7 if stage == "render" else 4)
    family = members
    own = {here.core.process.pid, here.core.supervisor, here.core.keeper, *here.core.running}

    kill(here.core.supervisor if victim == "supervisor" else here.core.process.pid)

    done = finish(client)
    assert (done.returncode, done.stdout) == (1, b"")
    assert LOST_CORE in done.stderr
    here.core.process.wait(PATIENCE)
    if victim == "serve":
        # Programs of a render end by their own limits then; with a container, all end at once.
        members = [pid for pid in members if pid in own]
    assert until(lambda: not any(map(is_running, members)), PATIENCE)
    after = here.run()
    assert (after.returncode, after.stdout) == (1, b"")
    assert b"no connection to the core" in after.stderr
    if victim == "supervisor":
        assert here.core.process.returncode == 1
        assert "the supervisor ended (signal 9)" in here.core.log.read_text()
    for pid in family:
        kill(pid)


def test_the_next_core_removes_what_a_killed_one_left(
    here: Site, vault: Vault, kv2: str, tools: Mapping[str, Path]
) -> None:
    client = here.start("render")
    kill(here.core.process.pid)
    finish(client)
    assert here.core.files() != []

    same = {"AVP_SOCKET": str(here.core.socket), "TMPDIR": str(here.core.scratch)}
    with serve(operator(vault, vault.address, kv2, tools, **same)):
        assert until(lambda: here.core.files() == [], PATIENCE)
        assert here.run().stdout == here.good


def test_a_worker_that_is_killed_while_it_prints_is_no_success(
    here: Site,
) -> None:
    # More than a pipe holds, so that it waits for its reader.
    text = manifest() + b"---\n" + write_map(200_000)
    client = here.core.start("generate", "-", cwd=here.tree, variables=variables())
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(text)
    client.stdin.close()
    client.stdin = None
    first = client.stdout.read(1)
    (worker,) = here.core.running
    kill(worker)

    done = finish(client)
    assert first == b"a"
    assert done.returncode == 1
    assert KILLED in done.stderr


def write_map(size: int) -> bytes:
    return b"kind: ConfigMap\nmetadata: {name: map}\ndata:\n  text: " + b"x" * size + b"\n"


def test_a_program_that_writes_while_it_is_killed_leaves_nothing(
    tmp_path: Path, vault: Vault, kv2: str, tools: Mapping[str, Path]
) -> None:
    # No real program writes without pause; without the sandbox it may be a script.
    program = tmp_path / "kustomize"
    program.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = build ] || exec {tools["kustomize"]} "$@"\n'
        "i=0; while :; do i=$((i+1)); "
        f'{shutil.which("mkdir")} -p "$TMPDIR/$i"; : >"$TMPDIR/$i/file"; done\n'
    )
    program.chmod(0o755)
    tree = write(tmp_path / "tree", NO_SECRETS)
    env = operator(vault, vault.address, kv2, tools, AVP_SANDBOX="off", AVP_KUSTOMIZE=str(program))
    with serve(env) as core:
        for _ in range(5):
            client = core.start("generate", ".", cwd=tree, variables=variables())
            assert until(lambda: len(core.files()) > 50, PATIENCE)
            (worker,) = core.running
            kill(worker)
            assert finish(client).returncode == 1
            assert until(lambda: not core.workers, PATIENCE)
            assert core.files() == []


# --- argocd-cmp-server below the core ---


@contextmanager
def serve_cmp(
    program: Path, env: Mapping[str, str], folder: Path
) -> Iterator[tuple[Core, Client, int]]:
    """Run the real argocd-cmp-server below a core; yields its process, too."""
    # The path of a socket has at most 107 bytes.
    sockets = Path("/tmp") / f"cmp-{secrets.token_hex(4)}"  # noqa: S108 - a random name
    sockets.mkdir(mode=0o700)
    link, config = folder / "argocd-cmp-server", folder / "config"
    link.symlink_to(program)
    write(config, {"plugin.yaml": (ROOT / "plugin.yaml").read_text()})
    for name in ("home", "work"):
        (folder / name).mkdir()
    more = {
        "HOME": str(folder / "home"),
        "ARGOCD_PLUGINSOCKFILEPATH": str(sockets),
        "ARGOCD_CMP_WORKDIR": str(folder / "work"),
    }
    try:
        with serve({**env, **more}, link, "--config-dir-path", config) as core:
            assert until(lambda: "serving on" in core.log.read_text(), PATIENCE)
            (server,) = [
                pid
                for pid in core.members
                if b"argocd-cmp-server" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
            ]
            with connect(next(sockets.glob("*.sock"))) as client:
                yield core, client, server
    finally:
        for file in sockets.iterdir():
            file.unlink()
        sockets.rmdir()


def test_a_killed_argocd_cmp_server_ends_the_core(
    tmp_path: Path, vault: Vault, kv2: str, tools: Mapping[str, Path], argocd_program: Path
) -> None:
    vault.write(f"{kv2}/data/web", {"password": value("web")})
    tree = with_secret(tmp_path / "tree")
    with gate(vault.address) as at, ThreadPoolExecutor(1) as pool:
        env = operator(vault, at.stand_in.address, kv2, tools)
        with serve_cmp(argocd_program, env, tmp_path) as (core, client, server):
            manifests = client.generate(tree, env=variables())
            assert sum(value("web") in each for each in manifests) == 1
            at.close("/data/")
            count = at.count("/data/")
            waiting = pool.submit(client.generate, tree, env=variables())
            assert until(lambda: at.count("/data/") > count, PATIENCE)
            members = core.members

            kill(server)

            assert core.process.wait(PATIENCE) == 128 + signal.SIGKILL
            with pytest.raises(CallError):
                waiting.result(PATIENCE)
            assert until(lambda: not any(map(is_running, members)), PATIENCE)
            assert not core.socket.parent.exists()


# --- Clients that are none of ours ---


def test_a_start_that_is_no_time_is_refused(here: Site) -> None:
    for number in (float("nan"), float("inf"), float("-inf")):
        request = pack(__version__.encode(), b"avp-py", number, b"/", [b"generate"], [], [])
        code, message = send(here.core, request)
        assert code == 1
        assert "malformed" in message
    here.check()


def send(core: Core, request: bytes) -> tuple[int, str]:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(core.socket))
        socket.send_fds(client, [request], [0, 1, 2])
        code, length = REPLY.unpack(client.recv(REPLY.size))
        return code, client.recv(length).decode() if length else ""


@pytest.mark.parametrize("limit", ["-S -n 128", "-n 128"])
def test_more_clients_than_descriptors_only_wait(
    limit: str,
    tmp_path: Path,
    vault: Vault,
    kv2: str,
    tools: Mapping[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Each client that waits needs four of the supervisor.
    program = tmp_path / "avp-py"
    program.write_text(f'#!/bin/sh\nulimit {limit}\nexec {cores.AVP} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(cores, "AVP", program)
    with site(tmp_path, vault, kv2, tools, AVP_PARALLEL="1") as here:
        here.gate.close("/data/")
        clients = [
            here.core.start("generate", ".", cwd=here.tree, variables=variables())
            for _ in range(40)
        ]
        assert until(lambda: here.core.connections == len(clients), PATIENCE)
        here.gate.open()
        done = Counter((done.returncode, done.stdout) for done in map(finish, clients))
        assert done == {(0, here.good): len(clients)}


# --- Vault ---


@contextmanager
def own_vault(program: Path, port: int) -> Iterator[Vault]:
    """A Vault for one test, at a port, with a mount `kv` and an AppRole whose ids are known."""
    arguments = ("-listen", f"127.0.0.1:{port}", "-root-token", "root")
    with serve_vault(program, *arguments) as facts:
        vault = Vault(facts["address"], facts["root_token"])
        vault.client.sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
        vault.enable("approle", "approle")
        role = {"token_policies": [vault.policy("kv/*")]}
        vault.call("post", "auth/approle/role/own", role)
        vault.call("post", "auth/approle/role/own/role-id", {"role_id": "own-role-id"})
        body = {"secret_id": "own-secret-id"}
        vault.call("post", "auth/approle/role/own/custom-secret-id", body)
        vault.write("kv/data/web", {"password": value("web")})
        yield vault


OWN: Final = {"AVP_ROLE_ID": "own-role-id", "AVP_SECRET_ID": "own-secret-id"}
QUICK: Final = {"VAULT_MAX_RETRIES": "0"}


def test_vault_is_restarted(tmp_path: Path, tools: Mapping[str, Path]) -> None:
    port = free_port()
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        vault = first.enter_context(own_vault(tools["vault"], port))
        here = stack.enter_context(site(tmp_path, vault, "kv", tools, **OWN, **QUICK))

        first.close()
        done = here.run()
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"next: " in done.stderr

        # It knows the role, and not the token.
        with own_vault(tools["vault"], port):
            here.check()


def test_vault_is_restarted_while_a_request_reads(
    tmp_path: Path, tools: Mapping[str, Path]
) -> None:
    port = free_port()
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        vault = first.enter_context(own_vault(tools["vault"], port))
        here = stack.enter_context(site(tmp_path, vault, "kv", tools, **OWN, **QUICK))
        client = here.start("read")

        first.close()
        with own_vault(tools["vault"], port):
            here.gate.open()
            done = finish(client)

            assert (done.returncode, done.stdout, done.stderr) == (0, here.good, b"")
            assert here.gate.count("/login") == 2


def test_vault_is_sealed(tmp_path: Path, tools: Mapping[str, Path]) -> None:
    port = free_port()
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        vault = first.enter_context(own_vault(tools["vault"], port))
        here = stack.enter_context(site(tmp_path, vault, "kv", tools, **OWN, **QUICK))

        vault.call("put", "sys/seal")
        done = here.run()
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"is sealed or down" in done.stderr
        assert b"next: unseal it" in done.stderr

        first.close()
        with own_vault(tools["vault"], port):
            here.check()


def test_a_slow_vault_ends_requests_in_their_time(
    tmp_path: Path, vault: Vault, kv2: str, tools: Mapping[str, Path]
) -> None:
    with site(tmp_path, vault, kv2, tools, AVP_RUN_TIMEOUT="2", AVP_PARALLEL="2") as here:
        plain = write(tmp_path / "plain", NO_SECRETS)
        client = here.start("read")
        begun = time.monotonic()
        other = here.core.run("generate", ".", cwd=plain, variables=variables("plain"))
        assert other.returncode == 0, "it waits for nobody"

        done = finish(client)

        assert (done.returncode, done.stdout) == (1, b"")
        assert b"the run exceeded its time limit while secrets were read" in done.stderr
        assert b"next: check how fast the backend answers" in done.stderr
        assert time.monotonic() - begun < 15
        here.check()


def test_the_token_is_revoked_while_a_request_reads(here: Site, vault: Vault) -> None:
    client = here.start("read")
    token = here.gate.stand_in.asked[-1].headers["X-Vault-Token"]

    vault.client.auth.token.revoke(token)
    here.gate.open()

    done = finish(client)
    assert (done.returncode, done.stdout, done.stderr) == (0, here.good, b"")
    assert here.gate.count("/login") == 2
    here.check()
    assert here.gate.count("/login") == 2


# --- All at random ---


REQUESTS: Final = int(os.environ.get("FAULT_REQUESTS") or 200)
THREADS: Final = 6
KEEPERS: Final = 3 + REQUESTS // 500
"""How many keepers are killed: each one starts later than the one before."""


@dataclass
class Killer:
    """Kills workers and keepers, while requests run.

    Attributes:
        core: the core.
        chance: decides whom and when.
        workers: how many workers it has killed, with those that waited for a request.
        keepers: how many keepers.
    """

    core: Core
    chance: random.Random
    workers: int = 0
    keepers: int = 0

    def run(self, over: threading.Event) -> None:
        """Kill workers until it is over."""
        while not over.wait(self.chance.uniform(0.005, 0.06)):
            if found := [*self.core.running, *self.core.standby]:
                kill(self.chance.choice(found))
                self.workers += 1

    def kill_keeper(self) -> None:
        """Kill the keeper if there is one."""
        if keeper := self.core.keeper:
            kill(keeper)
            self.keepers += 1


def test_random_kills_never_make_a_wrong_manifest(
    tmp_path: Path, vault: Vault, kv2: str, tools: Mapping[str, Path]
) -> None:
    seed = int(os.environ.get("FAULT_SEED") or secrets.randbelow(2**32))
    print(f"FAULT_SEED={seed} FAULT_REQUESTS={REQUESTS}")
    apps = [f"app{number:05}" for number in range(REQUESTS)]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda app: vault.write(f"{kv2}/data/{app}", {"password": value(app)}), apps))
    with site(tmp_path, vault, kv2, tools, AVP_PARALLEL="3") as here:
        core = here.core
        from_stdin = core.run(
            "generate", "-", cwd=tmp_path, variables=variables(), stdin=manifest()
        )
        assert from_stdin.returncode == 0
        assert until(lambda: not core.workers, PATIENCE)
        files, supervisors = core.files(), descriptors(core.supervisor)
        keepers = _without_vault(core.keeper)
        supervisor = core.supervisor

        got = _requests(here, apps, from_stdin.stdout, random.Random(seed))  # noqa: S311

        # Whatever was killed: no wrong manifest, and never a second attempt of our own.
        assert [app for app, is_right in got.items() if not is_right] == []
        reads = Counter(path for path in here.gate.stand_in.paths if "/data/app" in path)
        assert [path for path, count in reads.items() if count > 1] == []
        assert [app for app in apps if len(ended(core, app)) > 1] == []
        # And all is as it was.
        here.check()
        assert until(lambda: not core.workers, PATIENCE)
        assert until(lambda: core.files() == files, PATIENCE), core.files()
        assert until(lambda: core.connections == 0, PATIENCE)
        assert core.supervisor == supervisor
        assert until(lambda: descriptors(supervisor) == supervisors, PATIENCE)
        assert until(lambda: _without_vault(core.keeper) == keepers, PATIENCE)
        lasting = [core.process.pid, supervisor, core.keeper, *core.standby]
        assert sorted(core.members) == sorted(lasting)


def _requests(
    here: Site, apps: Sequence[str], from_stdin: bytes, chance: random.Random
) -> Mapping[str, bool]:
    """Run the requests while processes are killed; return whether each ended as it may."""
    killer, over = Killer(here.core, random.Random(chance.random())), threading.Event()  # noqa: S311
    plans = [(app, chance.random(), chance.uniform(0, 0.1), chance.random()) for app in apps]
    fatal = {int(len(apps) * (each + 0.5) / KEEPERS) for each in range(KEEPERS)}
    outcomes: Counter[str] = Counter()

    def request(number: int) -> bool:
        app, kind, pause, fate = plans[number]
        if number in fatal:
            killer.kill_keeper()
        is_stdin = kind < 0.5
        client = here.core.start(
            "generate", "-" if is_stdin else ".", cwd=here.tree, variables=variables(app)
        )
        if is_killed := fate < 0.15:
            threading.Timer(pause, client.kill).start()
        with suppress(BrokenPipeError):
            out, err = client.communicate(manifest() if is_stdin else b"", timeout=PATIENCE)
        whole = from_stdin.replace(value("web").encode(), value(app).encode())
        expected = whole if is_stdin else here.expected(app)
        outcome, is_right = _judge(client.returncode, out, err, expected, is_killed=is_killed)
        outcomes[outcome] += 1
        if not is_right:
            print(app, client.returncode, out, err)
        return is_right

    thread = threading.Thread(target=killer.run, args=(over,))
    thread.start()
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            found = list(pool.map(request, range(len(apps))))
    finally:
        over.set()
        thread.join()
    print(f"killed: {killer.workers} workers, {killer.keepers} keepers; {dict(outcomes)}")
    # On a busy machine workers are met seldom.
    assert killer.workers + outcomes["client killed"] > len(apps) / 20
    assert killer.keepers > 0
    assert outcomes["right"] > len(apps) / 10
    return dict(zip(apps, found, strict=True))


def _judge(
    code: int, out: bytes, err: bytes, expected: bytes, *, is_killed: bool
) -> tuple[str, bool]:
    """Return how a request ended, and whether it may end so."""
    if code == 0:
        return "right", out == expected and err == b""
    is_whole = out in (b"", expected)
    if code == -signal.SIGKILL:
        return "client killed", is_whole and is_killed
    if KILLED in err or LOST_KEEPER in err:
        return "failed", is_whole and code == 1 and b"next: " in err
    return "other", False


def _without_vault(keeper: int) -> Sequence[str]:
    """What a keeper has open, without its connections to Vault, which it keeps."""
    inodes = set()
    with suppress(OSError):
        rows = Path(f"/proc/{keeper}/net/tcp").read_text().splitlines()[1:]
        inodes = {row.split()[9] for row in rows}
    found = []
    for link in Path(f"/proc/{keeper}/fd").glob("*") if os.geteuid() == 0 else ():
        with suppress(OSError):
            name = str(link.readlink())
            if name.partition(":[")[2].rstrip("]") not in inodes:
                found.append(name.partition(":[")[0])
    return sorted(found)
