"""What a child process can do in the sandbox, tried by real children on the real kernel.

Each denial is tried without the sandbox first, where the call succeeds.
"""

import contextlib
import math
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from avp_py.errors import ChildError
from avp_py.limits import Limits
from avp_py.sandbox import Access, Written, named_access, process, program_access
from avp_py.sandbox.landlock import kernel_abi
from avp_py.sandbox.process import Family
from avp_py.sandbox.process import children as process_children
from tests.conftest import Run
from tests.integration.hostile import CHAIN, MAP
from tests.integration.laboratory import Laboratory
from tests.processes import AVP, NO_LANDLOCK, NO_SECCOMP, as_anybody, children
from tests.trees import write


def test_what_is_allowed_works(laboratory: Laboratory) -> None:
    top = laboratory.top
    write(top, {"repository/in/file": "text"})
    code = (
        "import os, subprocess\n"
        f"assert open('{top}/repository/in/file').read() == 'text'\n"
        f"os.chdir('{top}/scratch')\n"
        "os.makedirs('a/b'); open('a/b/c', 'w').write('x' * 10); os.truncate('a/b/c', 1)\n"
        "os.rename('a/b/c', 'a/d'); os.symlink('d', 'a/e'); os.remove('a/d'); os.rmdir('a/b')\n"
        "open('/dev/null', 'w').write('x')\n"
        "print('done')\n"
    )
    assert laboratory.run(code, laboratory.access) == b"done\n"


READS: Final = {
    "a file": "open('{top}/outside/file').read()",
    "a directory": "import os; os.listdir('{top}/outside')",
    "a file through a symlink": "open('{top}/repository/link').read()",
    "a file through its own directory": "open('/proc/self/cwd/outside/file').read()",
    "the environment of the parent": "open('/proc/{pid}/environ', 'rb').read()",
    "the parent's working directory": "import os; os.listdir('/proc/{pid}/cwd/')",
    "passwords": "open('/etc/shadow').read()",
    "the list of processes": "import os; os.listdir('/proc')",
}


@pytest.mark.parametrize("what", READS)
def test_nothing_else_is_read(what: str, laboratory: Laboratory) -> None:
    top = laboratory.top
    write(top, {"outside/file": "text"})
    (top / "repository/link").symlink_to(top / "outside/file")

    laboratory.denied(READS[what].format(top=top, pid=os.getpid()))


DENIED: Final = "Permission denied"
WRITES: Final = {
    "a new file": ("open('{top}/outside/new', 'w')", f"{DENIED}: '{{top}}/outside/new'"),
    "a file that exists": ("open('{top}/outside/file', 'r+')", f"{DENIED}: '{{top}}/outside/file'"),
    "an emptied file": (
        "import os; os.truncate('{top}/outside/file', 0)", f"{DENIED}: '{{top}}/outside/file'",
    ),
    "a directory": (
        "import os; os.mkdir('{top}/outside/d', 0o777)", f"{DENIED}: '{{top}}/outside/d'",
    ),
    "the repository": (
        "open('{top}/repository/new', 'w')", f"{DENIED}: '{{top}}/repository/new'",
    ),
    "a moved file": (
        "import os; open('{top}/scratch/x', 'w'); os.rename('{top}/scratch/x', '{top}/outside/x')",
        "'{top}/scratch/x' -> '{top}/outside/x'",
    ),
    "a linked file": (
        "import os; open('{top}/scratch/y', 'w'); os.link('{top}/scratch/y', '{top}/outside/y')",
        "'{top}/scratch/y' -> '{top}/outside/y'",
    ),
    "a removed file": (
        "import os; os.remove('{top}/outside/gone')", f"{DENIED}: '{{top}}/outside/gone'",
    ),
    "a symlink": (
        "import os; os.symlink('x', '{top}/outside/s')", f"{DENIED}: 'x' -> '{{top}}/outside/s'",
    ),
    "a FIFO in scratch": ("import os; os.mkfifo('{top}/scratch/f')", DENIED),
    "a socket in scratch": (
        "import socket; socket.socket(socket.AF_UNIX).bind('{top}/scratch/u')", DENIED,
    ),
}  # fmt: skip
"""Code that writes, and the end of what Python says where that is denied."""


@pytest.mark.parametrize("what", WRITES)
def test_nothing_else_is_written(what: str, laboratory: Laboratory) -> None:
    top = laboratory.top
    code, says = (each.format(top=top) for each in WRITES[what])
    write(top, {"outside/file": "text", "outside/gone": ""})
    laboratory.run(code, None)
    for name in ("outside/new", "outside/x", "outside/y", "outside/s", "repository/new"):
        (top / name).unlink(missing_ok=True)
    for name in ("scratch/f", "scratch/u"):
        (top / name).unlink(missing_ok=True)
    if (top / "outside/d").exists():
        (top / "outside/d").rmdir()
    write(top, {"outside/file": "text", "outside/gone": ""})

    with pytest.raises(ChildError) as raised:
        laboratory.run(code, laboratory.access | Access(unix_sockets=True))
    assert says in raised.value.detail

    assert (top / "outside/file").read_text() == "text"
    assert sorted(each.name for each in (top / "outside").iterdir()) == ["file", "gone"]
    assert list((top / "repository").iterdir()) == []


@pytest.mark.parametrize("directory", ["repository", "scratch", "outside"])
def test_nothing_else_is_executed(directory: str, laboratory: Laboratory) -> None:
    path = laboratory.top / directory / "program"
    write(path.parent, {"program": "#!/bin/sh\nexit 0\n"})
    path.chmod(0o755)
    # The shell may run; it is the script that may not.
    shell = program_access("/bin/sh")

    laboratory.denied(f"import subprocess; subprocess.run(['{path}'], check=True)", shell)
    laboratory.denied("import subprocess; subprocess.run(['/bin/sh', '-c', ':'], check=True)")


@pytest.mark.parametrize("value", ["/", "//", "https://", "a=//", "/proc/..", "file:///"])
def test_a_variable_with_the_root_opens_nothing(value: str, laboratory: Laboratory) -> None:
    write(laboratory.top, {"outside/file": "text"})
    code = f"open('{laboratory.top}/outside/file').read()"
    # What the variable would open if the root counted.
    laboratory.run(code, laboratory.access | Access(read=(Path("/"),)))

    laboratory.denied(code, named_access({"X": value}, ["X"]))
    below = named_access({"X": f"{value}{laboratory.top}/outside"}, ["X"])
    laboratory.run(code, laboratory.access | below)


@contextlib.contextmanager
def listening() -> Iterator[int]:
    """A TCP port on loopback with a listener."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_only_the_named_ports_are_connected_to(laboratory: Laboratory) -> None:
    code = "import socket; socket.create_connection(('127.0.0.1', {port}))"
    with listening() as port, listening() as other:
        allowed = Access(connect=(port,))
        laboratory.run(code.format(port=port), laboratory.access | allowed)
        laboratory.denied(code.format(port=other), allowed)


def test_no_port_is_bound(laboratory: Laboratory) -> None:
    # A port that may be connected to is not one that may be bound.
    code = "import socket; socket.create_server(('127.0.0.1', 0))"
    laboratory.denied(code, Access(connect=(443,)))
    laboratory.denied(code.replace("create_server", "socket().bind"), Access(connect=(443,)))


def test_no_signal_leaves_the_sandbox(laboratory: Laboratory) -> None:
    with subprocess.Popen(["sleep", "60"]) as victim:  # noqa: S607 - a program of the machine
        try:
            code = f"import os; os.kill({victim.pid}, {signal.SIGCONT:d})"
            laboratory.denied(code, says="not permitted")
            laboratory.denied(f"import os; os.kill({os.getpid()}, 0)", says="not permitted")
        finally:
            victim.kill()


def test_no_abstract_socket_is_reached(laboratory: Laboratory) -> None:
    name = f"\\0avp-py-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name.encode().decode("unicode_escape"))
        server.listen()
        code = f"import socket; socket.socket(socket.AF_UNIX).connect('{name}')"
        laboratory.denied(code, Access(unix_sockets=True), says="not permitted")
        laboratory.denied(code)


def test_what_a_child_starts_is_confined_too(laboratory: Laboratory) -> None:
    write(laboratory.top, {"outside/file": "text"})
    code = (
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-ISc', 'open(\"{laboratory.top}/outside/file\")'], "
        "check=True)\n"
    )
    laboratory.denied(code)


def test_no_rights_are_gained(laboratory: Laboratory) -> None:
    code = "print(open('/proc/self/status').read())"
    inside = laboratory.run(code, laboratory.access | Access(read=(Path("/proc"),))).decode()

    assert "NoNewPrivs:\t1\n" in inside
    assert "NoNewPrivs:\t0\n" in Path("/proc/self/status").read_text()


def test_this_process_stays_free(laboratory: Laboratory) -> None:
    laboratory.run("", laboratory.access)

    write(laboratory.top, {"outside/file": "text"})
    with listening():
        assert (laboratory.top / "outside/file").read_text() == "text"


def test_processors_files_and_core_dumps_are_limited(laboratory: Laboratory) -> None:
    code = (
        "import resource, time\n"
        # The limits apply a moment after the start.
        "while resource.getrlimit(resource.RLIMIT_CORE)[1]: time.sleep(0.01)\n"
        "time.sleep(0.1)\n"
        "print([resource.getrlimit(getattr(resource, 'RLIMIT_' + name))[1] for name in "
        "('CPU', 'NOFILE', 'FSIZE')])"
    )
    limits = Limits(
        seconds=3, timeout=3, deadline=math.inf, input_bytes=1, files=1, output_bytes=1000
    )
    written = Written((laboratory.top / "scratch",), size=1000, files=10)

    shown = laboratory.run(code, laboratory.access, limits=limits, written=written)

    processors = os.cpu_count() or 1
    assert shown == f"[{4 * processors}, 512, 1000]\n".encode()


def test_the_memory_limit_is_a_hard_one_to_a_child(laboratory: Laboratory) -> None:
    code = "import resource, time; time.sleep(0.1); print(resource.getrlimit(resource.RLIMIT_DATA))"
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, before[1]))
    try:
        shown = laboratory.run(code, laboratory.access)
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)

    assert shown == f"({4 << 30}, {4 << 30})\n".encode()


def test_a_child_that_writes_too_much_is_ended(laboratory: Laboratory) -> None:
    code = (
        "import time\n"
        "for number in range(10_000):\n"
        "    open(f'scratch/{number}', 'w').write('x' * 900)\n"
        "    time.sleep(0.001)\n"
    )
    for size, files in ((100_000, 10_000), (100_000_000, 100)):
        for path in (laboratory.top / "scratch").iterdir():
            path.unlink()
        written = Written((laboratory.top / "scratch",), size=size, files=files)
        with pytest.raises(ChildError) as raised:
            laboratory.run(code, laboratory.access, written=written)
        assert "fetched or wrote too much" in raised.value.reason
        assert "AVP_MAX_INPUT" in raised.value.hint
        assert len(list((laboratory.top / "scratch").iterdir())) < 9_000


def test_a_child_that_never_stops_talking_is_ended_in_time(laboratory: Laboratory) -> None:
    limits = Limits(
        seconds=1, timeout=1, deadline=math.inf, input_bytes=1, files=1, output_bytes=1000
    )
    code = "import sys, os\nprint(os.getpid(), flush=True)\nwhile True: sys.stderr.write('x' * 999)"

    with pytest.raises(ChildError) as raised:
        laboratory.run(code, laboratory.access, limits=limits)

    assert "AVP_RENDER_TIMEOUT" in raised.value.hint


def outliving(code: str) -> str:
    """Return code whose process ends while another one, which closed all of its files, runs on."""
    return (
        "import os, sys, time\n"
        "if os.fork():\n"
        "    time.sleep(0.2)\n"
        "    sys.exit()\n"
        "os.setsid()\n"
        "null = os.open('/dev/null', os.O_RDWR)\n"
        "for descriptor in range(3): os.dup2(null, descriptor)\n"
        f"{code}\n"
    )


CHAINS: Final = {
    "one that is always another": CHAIN,
    "many that are always others": f"for _ in range(4): os.fork()\n{CHAIN}",
}

OUTLIVING: Final = {
    **CHAINS,
    "one without its environment": "os.execve(sys.executable, ['x', '-ISc', 'input()'], {})",
    "one that has ended": "sys.exit()",
    "a family": "os.fork(); os.fork(); os.fork(); time.sleep(60)",
}


@pytest.mark.parametrize(
    ("what", "abi"),
    [
        # Before Landlock's ABI 6 a chain may escape.
        *((what, kernel_abi()) for what in OUTLIVING if kernel_abi() >= 6 or what not in CHAINS),
        ("a family", 5),
    ],
)
def test_nothing_outlives_a_run(
    what: str, abi: int, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Before Landlock's ABI 6 it is known by its environment.
    monkeypatch.setattr("avp_py.sandbox.landlock.kernel_abi", lambda: abi)
    code = outliving(OUTLIVING[what])
    before = children(os.getpid())

    laboratory.run(code, laboratory.access)
    assert children(os.getpid()) == before

    with ThreadPoolExecutor(max_workers=1) as starter:
        family = Family(starter, laboratory.access)
        with family.start("python", laboratory.argv(code), laboratory.top, laboratory.env):
            pass
        left = children(os.getpid()) - before
        family.end()
    assert left
    assert children(os.getpid()) == before


def test_who_is_always_another_is_met_among_many(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as other:
        # By the time that all of these were tried, the living processes are others. Before
        # Landlock's ABI 6 such processes may escape.
        others = [other.pid] * (3000 if kernel_abi() >= 6 else 1)
        monkeypatch.setattr(process, "children", lambda: [*others, *sorted(process_children())])
        before = children(os.getpid())

        laboratory.run(outliving(CHAINS["many that are always others"]), laboratory.access)

        assert children(os.getpid()) == before
        assert other.poll() is None
        other.kill()


class Lack(NamedTuple):
    """A kernel that lacks a protection.

    Attributes:
        calls: Python that simulates such a kernel for a process.
        unmet: what it cannot restrict.
        shown: what is reported if the protection is optional.
    """

    calls: str
    unmet: str
    shown: str

    def run(self, env: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the command on it."""
        code = f"{self.calls}\nos.execv(sys.argv[1], sys.argv[1:])"
        return subprocess.run(
            [sys.executable, "-c", code, *AVP, *arguments],
            env=env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


LACKS: Final = {
    "Landlock": Lack(
        NO_LANDLOCK,
        "files, moving files between directories, truncation, TCP, ",
        "this kernel has no Landlock; seccomp filters system calls\n",
    ),
    "seccomp": Lack(
        NO_SECCOMP, "system calls\n", "and abstract sockets; system calls are not filtered\n"
    ),
}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A kustomization."""
    return write(tmp_path / "app", {"kustomization.yaml": "resources: [m.yaml]", "m.yaml": MAP})


@pytest.mark.parametrize("what", LACKS)
def test_a_kernel_without_a_protection_fails_the_run_that_requires_it(
    what: str, app: Path, environ: Mapping[str, str]
) -> None:
    lack = LACKS[what]
    required = {**environ, "AVP_SANDBOX": "required"}
    says = f"AVP_SANDBOX=required, and this kernel cannot restrict {lack.unmet}"

    done = lack.run(required, "generate", str(app))
    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr
    assert f"use a kernel that has {what}" in done.stderr

    done = lack.run(required, "healthcheck")
    assert done.returncode == 1
    assert "failed  sandbox" in done.stdout

    assert says in lack.run(required, "version").stdout

    # The same command on the kernel as it is.
    done = subprocess.run(
        [*AVP, "generate", str(app)], env=required, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("mode", ["auto", "off"])
@pytest.mark.parametrize("what", LACKS)
def test_a_kernel_without_a_protection_is_otherwise_accepted(
    what: str, mode: str, app: Path, environ: Mapping[str, str]
) -> None:
    lack = LACKS[what]
    env = {**environ, "AVP_SANDBOX": mode}

    assert lack.run(env, "generate", str(app)).stdout == MAP
    shown = lack.run(env, "version").stdout
    assert ("sandbox   off\n" if mode == "off" else lack.shown) in shown


def test_a_run_reports_which_protections_are_in_force(
    app: Path, run: Run, environ: Mapping[str, str]
) -> None:
    for mode, says in (("required", "; seccomp filters system calls"), ("off", "sandbox: off")):
        result = run("generate", "-v", app, env={**environ, "AVP_SANDBOX": mode})
        assert (result.code, says in result.err) == (0, True), result.err


def test_the_sandbox_needs_no_privileges(app: Path, environ: Mapping[str, str]) -> None:
    env = {**environ, "AVP_SANDBOX": "required"}
    app.parent.chmod(0o755)
    argv = as_anybody([*AVP, "generate", str(app)])

    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, MAP), done.stderr
