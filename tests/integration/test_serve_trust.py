"""What code that has taken over a worker can reach: nothing of the operator, nothing of others."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import pytest

from tests.conftest import HELM
from tests.integration import memory, tenant
from tests.integration.core import Core, serve
from tests.integration.hostile import CHAIN
from tests.processes import children, is_running, until
from tests.trees import write

HOLD = "open('ready', 'w') if 0 else None\nimport sys\nos.write(1, b'held')\ntime.sleep(60)\n"


@dataclass(frozen=True)
class Scene:
    """A core with tenants.

    Attributes:
        core: it.
        own: the directory that mallory's Application names.
        other: that of another one, whose worker is running.
        worker: that worker.
        secrets: the operator's files.
    """

    core: Core
    own: Path
    other: Path
    worker: int
    secrets: Sequence[Path]

    def filled(self, code: str) -> str:
        """Return code in which names of the scene are known."""
        names = {
            "KEEPER": self.core.keeper,
            "SUPERVISOR": self.core.supervisor,
            "PARENT": self.core.process.pid,
            "WORKER": self.worker,
            "SOCKET": str(self.core.socket),
            "OTHER": str(self.other),
            "SECRETS": [str(each) for each in self.secrets],
        }
        return "".join(f"{name} = {value!r}\n" for name, value in names.items()) + code


def descendants(pid: int) -> Sequence[int]:
    """What a process has started, and what that has, that still runs."""
    found = [pid]
    for each in found:
        found += children(each)
    return [each for each in found[1:] if is_running(each)]


@pytest.fixture(scope="module")
def operators(
    tools: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, str]:
    """The operator's environment, in which workers run a tenant's code."""
    folder = tmp_path_factory.mktemp("operator")
    for name in ("site", "etc"):
        (folder / name).mkdir()
    (folder / "etc/policy.yaml").write_text("rules: [{allow: ['kv/data/*/*']}]")
    (folder / "etc/secrets.yaml").write_text("kv/data/demo/web: {password: hunter22}")
    return {
        "AVP_TYPE": "file",
        "AVP_FILE": str(folder / "etc/secrets.yaml"),
        "AVP_POLICY": str(folder / "etc/policy.yaml"),
        "AVP_KUSTOMIZE": str(tools["kustomize"]),
        "AVP_HELM": str(tools[HELM]),
        "AVP_SANDBOX": "required",
        "AVP_PARALLEL": "4",
        "AVP_RENDER_ENV": "ARGOCD_ENV_NAMED",
        **tenant.environment(folder / "site"),
    }


@pytest.fixture(scope="module")
def scene(operators: Mapping[str, str]) -> Iterator[Scene]:
    with serve(operators) as core:
        copies = core.scratch / "_cmp_server"
        own, other = copies / "one/app", copies / "two/app"
        held = tenant.start(core, other, HOLD, ARGOCD_APP_NAME="alice")
        assert held.stdout is not None
        assert held.stdout.read(4) == b"held"
        (worker,) = core.running
        secrets = [Path(operators[name]) for name in ("AVP_FILE", "AVP_POLICY")]
        yield Scene(core, own, other, worker, secrets)
        held.kill()
        held.communicate()


FILES = """
def fresh(path):
    path = Path(path)
    path.write_text("x")
    path.unlink()

others = [KEEPER, SUPERVISOR, PARENT, WORKER]
scratch = os.environ.get("SCRATCH") or request.environ["TMPDIR"]
say({
    "own": [attempt(lambda: Path(each).read_bytes()) for each in ("tenant.py", "../more.txt")],
    "scratch": attempt(lambda: fresh(scratch + "/x")),
    "others": [
        *(attempt(lambda: Path(each).read_bytes()) for each in SECRETS),
        *(attempt(lambda: os.listdir(Path(each).parent)) for each in SECRETS),
        attempt(lambda: Path(OTHER, "tenant.py").read_bytes()),
        attempt(lambda: os.listdir(OTHER)),
        attempt(lambda: os.listdir(Path(OTHER).parent.parent)),
        attempt(lambda: os.listdir(Path(SOCKET).parent)),
        attempt(lambda: os.listdir("/proc")),
        attempt(lambda: os.listdir("/")),
        *(
            attempt(lambda: open(f"/proc/{pid}/{name}", "rb").read(1))
            for pid in others
            for name in ("mem", "environ", "maps", "cmdline", "status", "root/etc/passwd")
            if name != "mem"
        ),
        *(attempt(lambda: open(f"/proc/{pid}/mem", "rb").close()) for pid in others),
        *(attempt(lambda: os.listdir(f"/proc/{pid}/fd")) for pid in others),
        *(attempt(lambda: os.readlink(f"/proc/{pid}/exe")) for pid in others),
    ],
    "writes": [
        attempt(lambda: fresh(place))
        for place in (
            "x", "../x", "/tmp/x-of-mallory", OTHER + "/x", Path(SOCKET).parent / "x",
            Path(scratch).parent / "x",
        )
    ],
})
"""


def test_a_worker_reads_and_writes_nothing_of_others(scene: Scene, tmp_path: Path) -> None:
    (scene.own.parent).mkdir(parents=True, exist_ok=True)
    (scene.own.parent / "more.txt").write_text("a file of the same repository")
    said = tenant.run(scene.core, scene.own, scene.filled(FILES))
    assert set(said["own"]) == {"ok"}
    assert said["scratch"] == "ok"
    assert set(said["others"]) == {"EACCES"}
    assert set(said["writes"]) == {"EACCES"}
    # The control: without the sandbox all of it works, for root.
    code = f"os.environ['SCRATCH'] = {str(tmp_path)!r}\n" + scene.filled(FILES)
    outside = tenant.run_outside(scene.own, code, sys.executable)
    assert set(outside["others"]) == ({"ok"} if memory.can_read_any() else {"ok", "EACCES"})
    assert set(outside["writes"]) == {"ok"}


PROCESSES = """
import resource

def unix():
    with socket.socket(socket.AF_UNIX) as core:
        core.connect(SOCKET)

def ptrace(pid):
    PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
    number = {"x86_64": 101, "aarch64": 117}[os.uname().machine]
    call(number, PTRACE_SEIZE, pid, 0, 0)

def peek(pid):
    number = {"x86_64": 310, "aarch64": 270}[os.uname().machine]
    call(number, pid, b"", 0, b"", 0, 0)

def limit(pid):
    now = resource.prlimit(pid, resource.RLIMIT_CORE)
    resource.prlimit(pid, resource.RLIMIT_CORE, now)

others = [KEEPER, SUPERVISOR, PARENT, WORKER]
say({
    name: [attempt(lambda: act(pid)) for pid in others]
    for name, act in {
        "signal": lambda pid: os.kill(pid, 0),
        "signal by descriptor": lambda pid: signal.pidfd_send_signal(os.pidfd_open(pid), 0),
        "limits": limit,
        "priority": lambda pid: os.setpriority(os.PRIO_PROCESS, pid, 0),
        "processors": lambda pid: os.sched_setaffinity(pid, os.sched_getaffinity(pid)),
        "trace": ptrace,
        "memory": peek,
    }.items()
} | {"socket": [attempt(unix)]})
"""


def test_a_worker_acts_on_no_other_process(scene: Scene) -> None:
    said = tenant.run(scene.core, scene.own, scene.filled(PROCESSES))
    assert set(said.pop("socket")) == {"EACCES"}
    assert {name: set(answers) for name, answers in said.items()} == {
        name: {"EPERM"} for name in said
    }
    outside = tenant.run_outside(scene.own, scene.filled(PROCESSES), sys.executable)
    expected = {"ok"} if memory.can_read_any() else {"ok", "EPERM"}
    assert {each for answers in outside.values() for each in answers} == expected


def test_a_worker_has_its_streams_supervisor_and_keeper_only(scene: Scene) -> None:
    code = """
kinds = {}
for name in os.listdir("/proc/self/fd"):
    with contextlib.suppress(OSError):
        kinds[name] = os.readlink(f"/proc/self/fd/{name}").partition(":")[0]
say(kinds)
"""
    said = tenant.run(scene.core, scene.own, code)
    streams = {"0": "pipe", "1": "pipe", "2": "pipe"}
    # The keeper, and the supervisor's pipe.
    assert said == {**streams, "3": "socket", "4": "pipe"}


NOISY = """
sent = 0
with contextlib.suppress(OSError):
    while True:
        sent += os.write(4, b" outcome='ok'\\n" * 100)
say(sent)
"""


def test_what_a_worker_tells_the_supervisor_makes_no_text(scene: Scene) -> None:
    sent = tenant.run(scene.core, scene.own, NOISY, ARGOCD_APP_NAME="noisy")
    assert sent > 1000

    pattern = r".*app='noisy'.* outcome='\w+' waited=[\d.]+ took=[\d.]+$"
    log = scene.core.log
    assert until(lambda: re.search(pattern, log.read_text(), re.MULTILINE) is not None, 5)
    assert log.read_text().count("noisy") == 1


def test_a_worker_cannot_lift_its_limits(scene: Scene) -> None:
    code = """
import resource
def grow():
    resource.setrlimit(resource.RLIMIT_DATA, (hard(resource.RLIMIT_DATA),) * 2)
    bytearray(1200 << 20)
def hard(what):
    return resource.getrlimit(what)[1]
# Root may raise each limit.
say([hard(resource.RLIMIT_DATA), hard(resource.RLIMIT_NOFILE), attempt(grow)])
"""
    data, files, grown = tenant.run(scene.core, scene.own, code)
    assert 1 << 30 <= data < 1200 << 20
    assert 0 < files <= 512
    assert grown == "MemoryError"


FAMILY = """
def forked(act):
    if os.fork() == 0:
        act()
        time.sleep(600)
        os._exit(0)

def session():
    os.setsid()
    libc.prctl(1, 0)  # PR_SET_PDEATHSIG: none
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    forked(lambda: None)

libc.prctl(1, 0)
signal.setitimer(signal.ITIMER_REAL, 0)
import faulthandler
faulthandler.cancel_dump_traceback_later()
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
forked(session)
forked(lambda: forked(lambda: None))
os.write(1, b"held")
time.sleep(600)
"""
"""A worker with four descendants, which ignore all that can be ignored."""


@pytest.mark.parametrize("end", ["client", "deadline", "supervisor", "serve"])
def test_a_worker_is_killed_with_all_that_it_has_started(
    operators: Mapping[str, str], end: str
) -> None:
    seconds = "2" if end == "deadline" else "55"
    with serve({**operators, "AVP_RUN_TIMEOUT": seconds}) as core:
        process = tenant.start(core, core.scratch / "_cmp_server/one", FAMILY)
        assert process.stdout is not None
        assert process.stdout.read(4) == b"held"
        supervisor = core.supervisor
        assert until(lambda: len(descendants(supervisor)) == 5, 5)
        assert is_killed(core, process, end)


@pytest.mark.parametrize("end", ["client", "deadline", "supervisor", "serve"])
def test_a_hanging_kustomize_is_killed_with_what_it_has_started(
    operators: Mapping[str, str], tmp_path: Path, end: str
) -> None:
    wrapper = tmp_path / "kustomize"
    # The sandbox lets it start nothing but itself and its shell; `read` blocks.
    wrapper.write_text("#!/bin/sh\n(read line <held) &\nread line <held\n")
    wrapper.chmod(0o755)
    seconds = "2" if end == "deadline" else "55"
    env = {**operators, "AVP_KUSTOMIZE": str(wrapper), "AVP_RUN_TIMEOUT": seconds}
    with serve(env) as core:
        repository = core.scratch / "_cmp_server/one"
        repository.mkdir(parents=True)
        os.mkfifo(repository / "held")
        (repository / "kustomization.yaml").write_text("resources: []\n")
        client = core.start("generate", ".", cwd=repository)
        supervisor = core.supervisor
        assert until(lambda: len(descendants(supervisor)) == 3, 10), core.log.read_text()
        assert is_killed(core, client, end)


def is_killed(core: Core, client: "subprocess.Popen[bytes]", end: str) -> bool:
    """End something, and return whether all that the supervisor has started is gone."""
    members = descendants(core.supervisor)
    victims = {"client": client.pid, "supervisor": core.supervisor, "serve": core.process.pid}
    if end in victims:
        os.kill(victims[end], signal.SIGKILL)
    gone = until(lambda: not any(map(is_running, members)), 10)
    for pid in members:
        tenant.kill(pid)
    client.kill()
    client.communicate()
    return gone


def test_a_variable_of_the_application_opens_no_file_and_no_socket(scene: Scene) -> None:
    code = """
def unix():
    with socket.socket(socket.AF_UNIX) as core:
        core.connect(SOCKET)

say([attempt(unix), *(attempt(lambda: open(each).close()) for each in SECRETS)])
"""
    named = " ".join(map(str, (scene.core.socket, *scene.secrets)))
    # The operator lets kustomize and helm see it.
    said = tenant.run(scene.core, scene.own, scene.filled(code), ARGOCD_ENV_NAMED=named)
    assert said == ["EACCES"] * 3


def test_nothing_is_rendered_where_the_clients_directory_is_gone(scene: Scene) -> None:
    gone = scene.core.scratch / "_cmp_server/gone/app"
    gone.mkdir(parents=True)
    inside = f"import os, shutil; shutil.rmtree({str(gone)!r}); "
    inside += "from avp_py.serve import client; client.os.getcwdb = lambda: "
    inside += f"{os.fsencode(gone)!r}; from avp_py.entry import entrypoint; entrypoint()"
    done = subprocess.run(
        [sys.executable, "-c", inside, "generate", "."],
        cwd=gone,
        env={**scene.core.client_environment, "ARGOCD_APP_SOURCE_PATH": "."},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2, done
    assert b"cannot be used" in done.stderr


FORGED = """
from avp_py import __version__
from avp_py.serve.wire import pack

def ask(connected=None):
    texts = [b"ARGOCD_APP_NAME=web", b"ARGOCD_APP_NAMESPACE=demo",
             b"ARGOCD_APP_PROJECT_NAME=team-a"]
    request = pack(__version__.encode(), b"avp-py", time.monotonic(), b"/", [b"generate", b"-"],
                   texts, [])
    stdin, document = os.pipe()
    os.write(document, b"kind: Secret\\nmetadata: {name: a}\\nstringData: {a: "
                       b"<path:kv/data/demo/web#password>}\\n")
    os.close(document)
    printed, stdout = os.pipe()
    with connected or socket.socket(socket.AF_UNIX) as core:
        core.settimeout(5)
        with contextlib.suppress(OSError):
            connected or core.connect(SOCKET)
            socket.send_fds(core, [request], [stdin, stdout, 2])
            core.recv(100)
    os.close(stdout)
    with open(printed) as file:
        return "hunter22" in file.read()

def orphan():
    # From a process that has left its parent and its session.
    told, tell = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(0.2)
            os.write(tell, b"1" if ask() else b"0")
        os._exit(0)
    os.wait()
    return os.read(told, 1) == b"1"

def ended():
    # Over a connection of a process that has ended, which nobody can judge any more.
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        with socket.socket(socket.AF_UNIX) as core:
            core.connect(SOCKET)
            socket.send_fds(theirs, [b"x"], [core.fileno()])
        os._exit(0)
    _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    os.wait()
    return ask(socket.socket(fileno=descriptors[0]))

say({"worker": ask(), "orphan": orphan(), "ended": ended()})
"""


def test_what_fetches_makes_no_requests_either(
    operators: Mapping[str, str], tmp_path: Path
) -> None:
    script, said = tmp_path / "ssh.py", tmp_path / "said"
    # Without the sandbox, what git starts can connect to any socket.
    environ = {
        **operators,
        "AVP_SANDBOX": "off",
        "AVP_RENDER_HOSTS": "127.0.0.1",
        "AVP_RENDER_ENV": "GIT_SSH_COMMAND",
        "GIT_SSH_COMMAND": f"{sys.executable} {script}",
    }
    base = "resources: ['git@127.0.0.1:base.git//app?ref=main']\n"
    app = write(tmp_path / "app", {"kustomization.yaml": base})
    with serve(environ) as core:
        code = f"SOCKET = {str(core.socket)!r}\n" + FORGED
        writes = f"def say(found):\n    open({str(said)!r}, 'w').write(json.dumps(found))\n"
        script.write_text(f"import contextlib, json, os, socket, time\n{writes}{code}")

        core.run("generate", ".", cwd=app, variables={"ARGOCD_APP_NAME": "web"})

        assert json.loads(said.read_text()) == {"worker": False, "orphan": False, "ended": False}
        # The control: outside, the same program may ask.
        subprocess.run([sys.executable, script], check=True, env=core.client_environment)
        assert json.loads(said.read_text())["worker"] is True


def test_a_worker_makes_no_requests_of_its_own(operators: Mapping[str, str]) -> None:
    # Without the sandbox it can connect to any socket.
    with serve({**operators, "AVP_SANDBOX": "off"}) as core:
        code = f"SOCKET = {str(core.socket)!r}\n" + FORGED
        repository = core.scratch / "_cmp_server/one"
        said = tenant.run(core, repository, code)
        assert said == {"worker": False, "orphan": False, "ended": False}
        # The control: any other process of our user may ask.
        outside = tenant.run_outside(repository, code, sys.executable)
        assert (outside["worker"], outside["orphan"]) == (True, True)


def test_an_agent_for_git_opens_no_socket_for_a_worker(
    operators: Mapping[str, str], tmp_path: Path
) -> None:
    agent = tmp_path / "agent"
    code = """
import socket
try:
    socket.socket(socket.AF_UNIX).connect(AGENT)
    say("connected")
except PermissionError:
    say("denied")
"""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(agent))
        listening.listen()
        named = {"AVP_RENDER_ENV": "SSH_AUTH_SOCK", "SSH_AUTH_SOCK": str(agent)}
        # It is for the process that fetches alone.
        for sandbox, said in (("off", "connected"), ("required", "denied")):
            with serve({**operators, **named, "AVP_SANDBOX": sandbox}) as core:
                repository = core.scratch / "_cmp_server/one"
                script = f"AGENT = {str(agent)!r}\n{code}"
                assert tenant.run(core, repository, script) == said


def test_a_name_makes_no_line_and_no_colour_in_the_log(scene: Scene) -> None:
    before = scene.core.log.read_bytes()
    name = "a' outcome='ok'\nrequest=9 command='generate'\r\x1b[31m\x85\u2028\u202e\x00".replace(
        "\x00", ""
    )
    variables = {"ARGOCD_APP_NAME": name, "ARGOCD_APP_PROJECT_NAME": name}
    variables |= {"ARGOCD_ENV_A\nB": name, "ARGOCD_ENV_": name, "ARGOCD_ENV_\x1b[31m": name}
    cwd = scene.core.scratch / "_cmp_server/empty"
    cwd.mkdir(parents=True)
    done = scene.core.run("generate", ".", cwd=cwd, variables=variables)
    assert done.returncode == 1
    assert b"\x1b" not in done.stderr
    assert until(lambda: scene.core.log.read_bytes() != before, 5)
    said = scene.core.log.read_bytes()[len(before) :].decode()
    assert len(said.splitlines()) == 1, said
    assert said.rstrip("\n").isascii()
    assert said.rstrip("\n").isprintable()


LEFT = """
scratch = request.environ["TMPDIR"]
os.symlink(OUTSIDE, scratch + "/link")
os.symlink(OUTSIDE, scratch + "/avp-py-run-aaaaaaaa")
os.chdir(scratch)
for _ in range(2000):
    os.mkdir("d")
    os.symlink(OUTSIDE, "to")
    os.chdir("d")
if os.fork() == 0:
    # It goes on writing while it is being killed.
    os.setsid()
    number = 0
    while True:
        number += 1
        with contextlib.suppress(OSError):
            os.mkdir(f"{scratch}/{number}")
            os.rename(scratch, scratch + "x")
os.write(1, b"held")
time.sleep(60)
"""


def test_what_a_worker_leaves_is_removed_and_nothing_else(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of the operator")
    before = scene.core.files()
    code = f"OUTSIDE = {str(tmp_path)!r}\n{LEFT}"
    process = tenant.start(scene.core, scene.core.scratch / "_cmp_server/three", code)
    assert process.stdout is not None
    assert process.stdout.read(4) == b"held", process.communicate()
    process.kill()
    process.communicate()

    def left() -> set[str]:
        return set(scene.core.files()) - set(before)

    assert until(lambda: not [each for each in left() if "avp-py-run-" in each], 10), left()
    assert (tmp_path / "file").read_text() == "of the operator"


CHAINS = f"""
if any(os.fork() == 0 for _ in range(4)):
    os.setsid()
{indent(CHAIN, "    ")}
os.write(1, b"held")
time.sleep(60)
"""


def test_processes_that_fork_and_end_at_once_are_killed(scene: Scene) -> None:
    others = set(descendants(scene.core.supervisor))
    process = tenant.start(scene.core, scene.core.scratch / "_cmp_server/four", CHAINS)
    assert process.stdout is not None
    assert process.stdout.read(4) == b"held"
    process.kill()
    process.communicate()
    assert until(lambda: set(descendants(scene.core.supervisor)) <= others, 10)
