"""A resident core (`avp-py serve`) with directories of its own, and its clients."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.processes import (
    children,
    descendants,
    is_running,
    leads_session,
    processes_of,
    stands_by,
    until,
)
from tests.trees import found_in

AVP: Final = Path(sys.executable).with_name("avp-py")
"""The console script, as a plugin.yaml starts it."""

READY_SECONDS: Final = 30
END_SECONDS: Final = 20

_ENDED: Final = re.compile(r"command='(\w+)' app='(.*?)' project='(.*?)' outcome='(\w+)'")


@dataclass(frozen=True)
class Core:
    """A running core.

    Attributes:
        process: `avp-py serve`.
        socket: where clients connect.
        scratch: TMPDIR of the core and of its clients.
        log: the file with its output.
    """

    process: "subprocess.Popen[bytes]"
    socket: Path
    scratch: Path
    log: Path

    @property
    def supervisor(self) -> int:
        """The supervisor."""
        return supervisor_of(self.process.pid)

    @property
    def keeper(self) -> int:
        """The keeper; 0 while there is none."""
        return keeper_of(self.process.pid)

    @property
    def workers(self) -> Sequence[int]:
        """The workers, and what else the supervisor has started, but for what stands by."""
        return [pid for pid in children(self.supervisor) if is_running(pid) and not stands_by(pid)]

    @property
    def standby(self) -> Sequence[int]:
        """The worker that waits for a request, if there is one."""
        return [pid for pid in children(self.supervisor) if stands_by(pid)]

    @property
    def running(self) -> Sequence[int]:
        """The workers alone: not what removes the files of dead ones."""
        return [pid for pid in self.workers if leads_session(pid)]

    @property
    def members(self) -> Sequence[int]:
        """All processes of the core."""
        return [self.process.pid, *descendants(self.process.pid)]

    @property
    def connections(self) -> int:
        """How many clients are connected, those included that are not accepted yet."""
        rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
        # The listening socket has the flag __SO_ACCEPTCON; a client's end has no path.
        return sum(row[-1] == str(self.socket) and row[3] == "00000000" for row in rows)

    def start(
        self, *argv: object, cwd: Path, variables: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start a client, whose output can be read.

        Args:
            argv: the arguments.
            cwd: its working directory.
            variables: Argo CD's variables, or others.
        """
        return subprocess.Popen(
            [AVP, *map(str, argv)],
            cwd=cwd,
            env=self.client_environment | dict(variables or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(
        self,
        *argv: object,
        cwd: Path,
        variables: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a client to its end."""
        process = self.start(*argv, cwd=cwd, variables=variables)
        out, err = process.communicate(stdin, timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    @property
    def client_environment(self) -> dict[str, str]:
        """What a client is started with: no credential."""
        return {
            "PATH": f"{AVP.parent}:{os.defpath}",
            "TMPDIR": str(self.scratch),
            "AVP_SOCKET": str(self.socket),
        }

    def outcomes(self) -> Sequence[str]:
        """How the requests so far have ended."""
        return [found[4] for found in _ENDED.finditer(self.log.read_text())]

    def files(self) -> Sequence[str]:
        """The files in TMPDIR, but for the socket's."""
        mine = self.socket.parent
        return sorted(
            str(path) for path in found_in(self.scratch) if mine not in (path, *path.parents)
        )


def supervisor_of(parent: int) -> int:
    """The supervisor of a running `avp-py serve`."""
    (found,) = [pid for pid in children(parent) if "supervise" in command_of(pid)]
    return found


def keeper_of(parent: int) -> int:
    """The keeper of a running `avp-py serve`; 0 while there is none."""
    found = [
        pid for pid in children(parent) if is_running(pid) and "serve" in command_of(pid).split()
    ]
    return found[0] if found else 0


@contextmanager
def serve(env: Mapping[str, str], *command: object, program: Path = AVP) -> Iterator[Core]:
    """Run a core, and end it and all that it started.

    Args:
        env: the operator's environment, on top of PATH and TMPDIR.
        command: what it runs below; without one it serves alone.
        program: avp-py.
    """
    # The path of a socket has at most 107 bytes, and pytest's folders have long names.
    with tempfile.TemporaryDirectory(prefix="core-") as name:
        root = Path(name).resolve()
        scratch, log = root / "tmp", root / "log"
        socket = Path(env.get("AVP_SOCKET") or root / "socket" / "core.sock")
        scratch.mkdir()
        variables = {
            "PATH": f"{AVP.parent}:{os.defpath}",
            "TMPDIR": str(scratch),
            "AVP_SOCKET": str(socket),
        }
        with log.open("wb") as file:
            process = subprocess.Popen(
                [program, "serve", *(["--", *map(str, command)] if command else [])],
                env=variables | dict(env),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        core = Core(process, socket, scratch, log)
        try:
            assert until(lambda: _is_ready(core), READY_SECONDS), log.read_text()
            yield core
        finally:
            process.kill()
            process.wait()
            # What it has started ends with it; what that has started may still write.
            assert until(lambda: not _kill_all(root), END_SECONDS)


def _kill_all(root: Path) -> bool:
    """Kill what still runs of a core; return whether there was anything."""
    found = [pid for pid in processes_of(root) if is_running(pid)]
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(found)


def _is_ready(core: Core) -> bool:
    return core.socket.exists() and len(children(core.process.pid)) >= 2


def command_of(pid: int) -> str:
    """The command line of a process; empty if it has ended."""
    try:
        data = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return data.replace(b"\0", b" ").decode(errors="replace")
