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
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn, TypeAlias

from avp_py.backends.vault.pool import SessionPool
from avp_py.errors import ChildError, ServeError
from avp_py.kernel import adopt_orphans, die_with_parent
from avp_py.sandbox import temporary_directory
from avp_py.sandbox.service import end_children, start_service
from avp_py.serve.cpus import usable_cpus
from avp_py.serve.descriptors import lift_limit
from avp_py.serve.events import Events
from avp_py.serve.keeper import KeeperProcess
from avp_py.serve.wire import KEEPER
from avp_py.settings import (
    ServeSettings,
    Sources,
    environment_without_credentials,
    read_limits,
    without_argocds,
)

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

_SUPERVISOR: Final = "from avp_py.entry import supervise; supervise()"
_METRICS: Final = "from avp_py.entry import serve_metrics; serve_metrics()"


Say: TypeAlias = Callable[[str], None]


class _Kept:
    """A process that is started anew when it ends, each time a little later."""

    def __init__(
        self, name: str, start: Callable[[], int], ended: Callable[[], None], say: Say
    ) -> None:
        """Make it; the process is not started yet.

        Args:
            name: what messages call it.
            start: starts the process, and returns it.
            ended: is called when it has ended.
            say: writes a line for the log.
        """
        self._say = say
        self.pid = 0
        self.start_at = 0.0
        self._name = name
        self._start = start
        self._ended = ended
        self._pause = FIRST_PAUSE
        self._started = 0.0

    def start_if_due(self) -> None:
        """Start the process if none runs, and the pause is over."""
        if self.pid or time.monotonic() < self.start_at:
            return
        try:
            self.pid, self._started = self._start(), time.monotonic()
        except (OSError, ChildError) as error:
            # Such as a limit of processes that is reached for a moment.
            reason = error.strerror if isinstance(error, OSError) else error.reason
            self._say(f"no {self._name} can be started: {reason}; again in {self._pause:g} s")
            self._delay()

    def note_end(self, status: int) -> None:
        """Note that the process has ended."""
        now = time.monotonic()
        if now - self._started > STABLE_SECONDS:
            self._pause = FIRST_PAUSE
        what = f"the {self._name} ended ({_described(status)})"
        self._say(f"{what}; the next one starts in {self._pause:g} s")
        self._ended()
        self.pid = 0
        self._delay()

    def _delay(self) -> None:
        self.start_at = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)


class Parent:
    """Starts keepers, the supervisor and the command."""

    def __init__(
        self,
        settings: ServeSettings,
        environ: Mapping[str, str],
        command: Sequence[str],
        say: Say,
    ) -> None:
        """Make it; nothing is started yet.

        Args:
            settings: how the core runs.
            environ: the operator's environment.
            command: what to run below the core; empty for nothing.
            say: writes a line for the log.
        """
        self._say = say
        self._settings = settings
        self._environ = environ
        self._clean = environment_without_credentials(environ)
        self._command = command
        self._seconds = read_limits(Sources(environ)).seconds
        self._parallel = settings.parallel or usable_cpus()
        self._metrics, self._events = _metrics_sockets(settings)
        # The supervisor learns of each keeper here.
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)
        self._is_stopped = False

    def run(self) -> int:
        """Serve, and return the exit code: the command's, or 1 where the supervisor has ended."""
        adopt_orphans()
        signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)
        with _listener(self._settings.socket, self._environ) as (path, listener):
            try:
                return self._run(path, listener)
            finally:
                end_children()

    def _run(self, path: Path, listener: socket.socket) -> int:
        supervisor = self._start_supervisor(listener)
        count = Events(self._events).send
        keeper = _Kept("keeper", self._start_keeper, lambda: count("keeper_restarts"), self._say)
        kept = [keeper]
        if self._metrics is not None:
            kept.append(
                _Kept("metrics", lambda: self._start_metrics(path), lambda: None, self._say)
            )
        for each in kept:
            each.start_if_due()
        command = 0
        if self._command:
            own = {SOCKET: str(path), "AVP_RUN_TIMEOUT": f"{self._seconds:g}"}
            command = start_service(self._command, {**self._clean, **own}).pid
        else:
            self._say(f"listening: export {SOCKET}={path}")
        while not self._is_stopped:
            self._wait(command, keeper, min((e.start_at for e in kept if not e.pid), default=None))
            for pid, status in _ended():
                if pid == command:
                    return _exit_code(status)
                if pid == supervisor:
                    self._say(f"the supervisor ended ({_described(status)})")
                    return 1
                for each in kept:
                    if pid == each.pid:
                        each.note_end(status)
            for each in kept:
                each.start_if_due()
        return 0

    def _wait(self, command: int, keeper: _Kept, until: float | None) -> None:
        """Wait until a child has ended, or one is to be started; pass signals on."""
        pause = LONGEST_PAUSE if until is None else max(until - time.monotonic(), 0)
        received = signal.sigtimedwait(_WAITED_FOR, pause)
        if received is None or received.si_signo == signal.SIGCHLD:
            return
        number = received.si_signo
        if number == signal.SIGHUP:
            _send(keeper.pid, number)
        elif command and not (number in _OF_TERMINAL and received.si_code == _FROM_KERNEL):
            _send(command, number)
        elif not command and number in (signal.SIGTERM, *_OF_TERMINAL):
            self._is_stopped = True

    def _start_supervisor(self, listener: socket.socket) -> int:
        sockets = [listener, self._theirs, *([self._events] if self._events else [])]
        numbers = [each.fileno() for each in sockets]
        operators = without_argocds(self._clean)
        process = start_service(
            _python(_SUPERVISOR, *map(str, numbers)),
            {**operators, "AVP_PARALLEL": str(self._parallel)},
            descriptors=numbers,
            own_session=True,
        )
        self._theirs.close()
        return process.pid

    def _start_metrics(self, path: Path) -> int:
        if self._metrics is None:  # pragma: no cover - then it is not started
            raise AssertionError
        number = self._metrics.fileno()
        return start_service(
            _python(_METRICS, str(number), str(self._settings.metrics), str(path)),
            self._clean,
            descriptors=[number],
            own_session=True,
        ).pid

    def _start_keeper(self) -> int:
        control, supervisors = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with control, supervisors:
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                self._become_keeper(control, parent)
            # Where the supervisor has ended, that is noticed in the next round.
            with contextlib.suppress(OSError):
                socket.send_fds(self._ours, [KEEPER.pack(pid)], [supervisors.fileno()])
        return pid

    def _become_keeper(self, control: socket.socket, parent: int) -> NoReturn:
        try:
            die_with_parent(parent)
            os.setsid()
            # It starts the processes that fetch, and they start git.
            adopt_orphans()
            kept = [control.fileno(), *([self._events.fileno()] if self._events else [])]
            _close_all_but(kept)
            lift_limit()
            events = Events(self._events)
            seconds = self._settings.cache_seconds

            def note(what: str, outcome: str) -> None:
                labels = {"outcome": outcome} if outcome else {}
                events.send(what, 1.0, **labels)

            # Up to twice as many requests may run at once, where projects would wait otherwise.
            pool = SessionPool(seconds, 2 * self._parallel, note=note)
            signal.signal(signal.SIGHUP, lambda _number, _frame: pool.clear())
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            KeeperProcess(control, self._environ, pool, seconds, events, self._say).run()
        except BaseException:
            # The log says why; harden() has made the report one without texts.
            sys.excepthook(*sys.exc_info())
        finally:
            # Nothing of the parent's may run in here.
            os._exit(1)


def _metrics_sockets(settings: ServeSettings) -> tuple[socket.socket | None, socket.socket | None]:
    """Return where events are received, and where they are sent; None without metrics."""
    if settings.metrics is None:
        return None, None
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)


def _close_all_but(kept: Collection[int]) -> None:
    """Close all descriptors but the standard streams and some others."""
    first = 3
    for number in sorted(kept):
        os.closerange(first, number)
        first = number + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _send(pid: int, number: int) -> None:
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@contextlib.contextmanager
def _listener(path: str | None, environ: Mapping[str, str]) -> Iterator[tuple[Path, socket.socket]]:
    """Listen on a socket in a directory that nobody else can open; remove it in the end.

    Args:
        path: where; None for a new directory.
        environ: the environment, with TMPDIR.

    Raises:
        ServeError: it cannot be made, or another core listens there.
    """
    with contextlib.ExitStack() as stack:
        try:
            file, listener = _bind(path, environ, stack)
        except BlockingIOError:
            raise ServeError(
                f"another core listens at {path}", hint=f"end it, or set {SOCKET} to another path"
            ) from None
        except OSError as error:
            raise ServeError(
                f"cannot listen at {path or 'a socket in TMPDIR'}: {error.strerror or error}",
                hint=f"set {SOCKET} to a short path in a directory that can be written",
            ) from error
        yield file, listener


def _bind(
    path: str | None, environ: Mapping[str, str], stack: contextlib.ExitStack
) -> tuple[Path, socket.socket]:
    if path is None:
        folder = Path(tempfile.mkdtemp(prefix="avp-py-serve-", dir=temporary_directory(environ)))
        file = folder / "core.sock"
    else:
        file = Path(path)
        folder = file.parent
        if not folder.exists():
            folder.mkdir(mode=0o700)
    status = folder.stat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise ServeError(
            f"{folder} is not a directory of ours alone",
            hint=f"set {SOCKET} to a path in a directory of mode 0700, or in one that is not "
            "there yet",
        )
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, lock)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    # A core that was killed has left it.
    file.unlink(missing_ok=True)
    listener = stack.enter_context(socket.socket(socket.AF_UNIX))
    stack.callback(_remove, file)
    listener.bind(str(file))
    listener.listen(BACKLOG)
    return file, listener


def _remove(file: Path) -> None:
    """Remove the socket, and its directory where nothing else is in it."""
    with contextlib.suppress(OSError):
        file.unlink()
        file.parent.rmdir()


def _python(code: str, *arguments: str) -> Sequence[str]:
    """Return a command line of this Python; nothing is loaded from the working directory."""
    return [sys.executable, "-I" if sys.flags.isolated else "-P", "-c", code, *arguments]


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
