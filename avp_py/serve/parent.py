"""`avp-py serve`: the process that starts the others, and ends with them.

It has the operator's environment, and reads nothing of a tenant's. The keeper is a fork of it. The
supervisor and the command are executed, with an environment without credentials: what a process was
started with stays readable in its memory, so that a fork alone would not do.
"""

import contextlib
import fcntl
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

from avp_py.backends.vault.pool import SessionPool
from avp_py.errors import ServeError
from avp_py.render import temporary_directory
from avp_py.sandbox import adopt_orphans, children, die_with_parent, start_service
from avp_py.serve.cpus import usable_cpus
from avp_py.serve.descriptors import lift_limit
from avp_py.serve.envelope import is_argocds
from avp_py.serve.keeper import KeeperProcess
from avp_py.settings import ServeSettings, environment_without_credentials

SOCKET: Final = "AVP_SOCKET"

BACKLOG: Final = 4096
"""How many clients may wait to be accepted; Linux itself allows as many (net.core.somaxconn)."""

FIRST_PAUSE: Final = 0.1
"""How long to wait before a keeper is started anew, in seconds; each time twice as long, up to
LONGEST_PAUSE, until one has lived for STABLE_SECONDS."""

LONGEST_PAUSE: Final = 10.0
STABLE_SECONDS: Final = 60.0

_PASSED_ON: Final = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)
"""Signals for the command."""

_OF_TERMINAL: Final = (signal.SIGINT, signal.SIGQUIT)
"""Signals that a terminal sends to the command, too."""

_WAITED_FOR: Final = frozenset({signal.SIGCHLD, signal.SIGHUP, *_PASSED_ON, *_OF_TERMINAL})

_FROM_KERNEL: Final = 0x80
"""SI_KERNEL: nobody has sent the signal to this process alone."""

_STARTER: Final = "from avp_py.entry import supervise; supervise()"


class Parent:
    """Starts keepers, the supervisor and the command."""

    def __init__(
        self, settings: ServeSettings, environ: Mapping[str, str], command: Sequence[str]
    ) -> None:
        """Make it; nothing is started yet.

        Args:
            settings: how the core runs.
            environ: the operator's environment.
            command: what to run below the core; empty for nothing.
        """
        self._settings = settings
        self._environ = environ
        self._command = command
        self._keeper = 0
        self._keeper_started = 0.0
        self._pause = FIRST_PAUSE
        self._start_keeper_at = 0.0
        self._stopped = False

    def run(self) -> int:
        """Serve, and return the exit code: the command's, or 1 where the supervisor has ended."""
        adopt_orphans()
        signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)
        with _listener(self._settings.socket, self._environ) as (path, listener):
            try:
                return self._run(path, listener)
            finally:
                self._end_all()

    def _run(self, path: Path, listener: socket.socket) -> int:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            ours.setblocking(False)
            clean = environment_without_credentials(self._environ)
            parallel = str(self._settings.parallel or usable_cpus())
            operators = {name: text for name, text in clean.items() if not is_argocds(name)}
            supervisor = start_service(
                _python("-c", _STARTER, str(listener.fileno()), str(theirs.fileno())),
                {**operators, "AVP_PARALLEL": parallel},
                descriptors=(listener.fileno(), theirs.fileno()),
                own_session=True,
            ).pid
            theirs.close()
            self._start_keeper(ours, int(parallel))
            command = 0
            if self._command:
                command = start_service(self._command, {**clean, SOCKET: str(path)}).pid
            else:
                _say(f"listening: export {SOCKET}={path}")
            while True:
                self._wait(command)
                for pid, status in _ended():
                    if pid == command:
                        return _exit_code(status)
                    if pid == supervisor:
                        _say(f"the supervisor ended ({_described(status)})")
                        return 1
                    if pid == self._keeper:
                        self._lose_keeper(status)
                if self._stopped:
                    return 0
                if not self._keeper and time.monotonic() >= self._start_keeper_at:
                    self._start_keeper(ours, int(parallel))

    def _wait(self, command: int) -> None:
        """Wait until a child has ended, or a keeper is to be started; pass signals on."""
        pause = LONGEST_PAUSE
        if not self._keeper:
            pause = max(self._start_keeper_at - time.monotonic(), 0)
        received = signal.sigtimedwait(_WAITED_FOR, pause)
        if received is None or received.si_signo == signal.SIGCHLD:
            return
        number = received.si_signo
        if number == signal.SIGHUP:
            self._signal(self._keeper, number)
        elif command and not (number in _OF_TERMINAL and received.si_code == _FROM_KERNEL):
            self._signal(command, number)
        elif not command and number in (signal.SIGTERM, *_OF_TERMINAL):
            self._stopped = True

    def _signal(self, pid: int, number: int) -> None:
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _start_keeper(self, supervisor: socket.socket, parallel: int) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                self._become_keeper(ours, parallel, parent)
            self._keeper, self._keeper_started = pid, time.monotonic()
            # Where the supervisor has ended, that is noticed in the next round.
            with contextlib.suppress(OSError):
                socket.send_fds(supervisor, [b"K"], [theirs.fileno()])

    def _become_keeper(self, control: socket.socket, parallel: int, parent: int) -> NoReturn:
        try:
            die_with_parent(parent)
            os.setsid()
            kept = os.dup2(control.fileno(), 3, inheritable=False)
            os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
            lift_limit()
            # Up to twice as many requests may run at once, where projects would wait otherwise.
            seconds = self._settings.cache_seconds
            pool = SessionPool(seconds, 2 * parallel)
            signal.signal(signal.SIGHUP, lambda _number, _frame: pool.clear())
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            KeeperProcess(socket.socket(fileno=kept), self._environ, pool, seconds).run()
        finally:
            # Nothing of the parent's may run in here.
            os._exit(1)

    def _lose_keeper(self, status: int) -> None:
        if time.monotonic() - self._keeper_started > STABLE_SECONDS:
            self._pause = FIRST_PAUSE
        _say(f"the keeper ended ({_described(status)}); the next one starts in {self._pause:g} s")
        self._keeper = 0
        self._start_keeper_at = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _end_all(self) -> None:
        """Kill what still runs; what a dead process leaves becomes our child."""
        while pids := list(children()):
            for pid in pids:
                self._signal(pid, signal.SIGKILL)
            for pid in pids:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


@contextlib.contextmanager
def _listener(path: str | None, environ: Mapping[str, str]) -> Iterator[tuple[Path, socket.socket]]:
    """Listen on a socket in a directory that nobody else can open; remove it in the end.

    Args:
        path: where; None for a new directory.
        environ: the environment, with TMPDIR.

    Raises:
        ServeError: it cannot be made, or another core listens there.
    """
    try:
        if path is None:
            folder = Path(
                tempfile.mkdtemp(prefix="avp-py-serve-", dir=temporary_directory(environ))
            )
            file = folder / "core.sock"
        else:
            file = Path(path)
            folder = file.parent
            folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise ServeError(
                f"{folder} is not a directory of ours alone",
                hint=f"set {SOCKET} to a path in a directory of mode 0700, or in one that is not "
                "there yet",
            )
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A core that was killed has left it.
            file.unlink(missing_ok=True)
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(file))
                listener.listen(BACKLOG)
                yield file, listener
                with contextlib.suppress(OSError):
                    file.unlink()
                    folder.rmdir()
        finally:
            os.close(lock)
    except BlockingIOError:
        raise ServeError(
            f"another core listens at {file}", hint=f"end it, or set {SOCKET} to another path"
        ) from None
    except OSError as error:
        raise ServeError(
            f"cannot listen at {path or 'a socket in TMPDIR'}: {error.strerror or error}",
            hint=f"set {SOCKET} to a short path in a directory that can be written",
        ) from error


def _python(*arguments: str) -> Sequence[str]:
    """Return the command line of this Python; nothing is loaded from the working directory."""
    flags = ["-I"] if sys.flags.isolated else ["-P"]
    return [sys.executable, *flags, *arguments]


def _ended() -> Iterator[tuple[int, int]]:
    """Yield the children that have ended, with their status."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def _exit_code(status: int) -> int:
    """Return the exit code of a process for a shell."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _described(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


def _say(text: str) -> None:
    os.write(2, f"avp-py serve: {text}\n".encode())
