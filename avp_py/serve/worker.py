"""The worker: a fork of the supervisor that runs one request, and is gone.

It may be started before the request is there, and then waits for it. It has no credential, and
gives up every right that the render does not need before it reads the first byte of the repository.
"""

import argparse
import contextlib
import dataclasses
import os
import select
import signal
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from avp_py.cli.console import open_console
from avp_py.cli.generate import STANDARD_INPUT
from avp_py.cli.limits import EXIT_AFTER, TimeLimitReached
from avp_py.cli.main import EXIT_FAILED, main
from avp_py.cli.sources import read_source
from avp_py.kernel import adopt_orphans, die_with_parent, name_process
from avp_py.render.confinement import render_access
from avp_py.render.repository import CMP_WORKDIR
from avp_py.sandbox import limit_process, restrict_process
from avp_py.serve.envelope import Envelope, read_body, unpack
from avp_py.serve.rehearsal import rehearse_briefly
from avp_py.serve.remote import RemoteOperator
from avp_py.settings import LimitSettings, RenderSettings, is_argocds

_KEPT: Final = 3
"""The number of the channel to the supervisor, and of the one to the keeper after that."""

_REPORT: Final = 4
"""The number of the pipe to the supervisor, in which no descriptor can be sent to it."""

_COUNTED: Final = ("documents", "placeholders", "secrets")
"""What a worker reports in the end, for the log."""

_COUNTS: Final = struct.Struct(f"={len(_COUNTED)}q")
"""A number for each; -1 where it was never known."""

_DESCRIPTORS: Final = 6
"""How many descriptors come with a request: its file, three streams, the channel to the keeper, and
the pipe to the supervisor."""

_SIGNALS: Final = (signal.SIGCHLD, signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
"""The signals that end a worker, or that the supervisor handles."""

_MAX_PATH: Final = 4096
"""How long the path of a directory may be, in bytes (PATH_MAX)."""

KILL_AFTER: Final = EXIT_AFTER + 1.0
"""How long after the time limit a worker is killed, in seconds; it ends by itself before that."""

_SPARE_BYTES: Final = 64 << 20
"""How much memory a worker has to report that it has used too much."""


@dataclass(frozen=True)
class Standby:
    """A worker that waits for its request.

    Attributes:
        pid: its process.
        channel: where the request is sent to it.
    """

    pid: int
    channel: socket.socket

    def hand_over(
        self, body: int, streams: Sequence[int], keeper: socket.socket, scratch: Path
    ) -> int:
        """Hand a request over, and close the channel.

        Args:
            body: the file with the request.
            streams: the client's standard input, output and error.
            keeper: the channel to the keeper.
            scratch: an empty directory for temporary files.

        Returns:
            The descriptor of a pipe, for read_counts.

        Raises:
            ConnectionError: the worker has ended.
        """
        with self.channel:
            report, written = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                descriptors = [body, *streams, keeper.fileno(), written]
                socket.send_fds(self.channel, [os.fsencode(scratch)], descriptors)
            except BaseException:
                os.close(report)
                raise
            finally:
                os.close(written)
        return report


def read_counts(report: int) -> Mapping[str, int]:
    """Return what a worker that has ended had dealt with, by its own word, and close the pipe.

    Args:
        report: the descriptor of the pipe from it.

    Returns:
        The numbers that it knew of _COUNTED; none where it was killed.
    """
    try:
        # One byte more than there may be.
        numbers = _COUNTS.unpack(os.read(report, _COUNTS.size + 1))
    except (OSError, struct.error):
        return {}
    finally:
        os.close(report)
    return {name: each for name, each in zip(_COUNTED, numbers, strict=True) if each >= 0}


def start_worker(operators: Mapping[str, str]) -> Standby:
    """Start a worker: a fork of this process, the supervisor, which waits for a request.

    Args:
        operators: the operator's environment, without credentials.

    Raises:
        OSError: it cannot be started.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    supervisor = os.getpid()
    with theirs:
        # The supervisor's own handlers must not run in the worker: SIGTERM would end it as if its
        # request had succeeded.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                _work(theirs, operators, supervisor)
        except OSError:
            ours.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return Standby(pid, ours)


def _work(channel: socket.socket, operators: Mapping[str, str], supervisor: int) -> NoReturn:
    """Wait for a request, run it, and end this process with its exit code."""
    code = EXIT_FAILED
    try:
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        die_with_parent(supervisor)
        name_process("avp-py standby")
        # Nothing of the supervisor's stays open, such as the connections of clients.
        os.dup2(channel.detach(), _KEPT)
        os.closerange(_KEPT + 1, os.sysconf("SC_OPEN_MAX"))
        channel = socket.socket(fileno=_KEPT)
        if not select.select([channel], [], [], 0)[0]:
            rehearse_briefly(operators)
        data, descriptors, _, _ = socket.recv_fds(channel, _MAX_PATH, _DESCRIPTORS)
        if data:
            channel.detach()
            code = _begin(Path(os.fsdecode(data)), descriptors, operators)
    except Exception as error:
        # Before it begins; all that comes later is reported by the run itself.
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        os.write(2, f"error: the request cannot be begun: {reason}\n".encode())
    finally:
        # Nothing of the supervisor's may run in here.
        os._exit(code)


def _begin(scratch: Path, descriptors: Sequence[int], operators: Mapping[str, str]) -> int:
    body, *streams, keeper, report = descriptors
    envelope = unpack(read_body(body))
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    # In place of the channel to the supervisor, and of the file.
    os.dup2(keeper, _KEPT, inheritable=False)
    os.dup2(report, _REPORT, inheritable=False)
    os.closerange(_REPORT + 1, os.sysconf("SC_OPEN_MAX"))
    os.setsid()
    name_process("avp-py worker")
    adopt_orphans()
    counts: dict[str, int] = {}
    try:
        return _run(envelope, scratch, operators, counts)
    finally:
        numbers = [counts.get(name, -1) for name in _COUNTED]
        with contextlib.suppress(OSError):
            os.write(_REPORT, _COUNTS.pack(*numbers))


def _run(
    envelope: Envelope, scratch: Path, operators: Mapping[str, str], counts: dict[str, int]
) -> int:
    _enter(envelope.cwd, scratch)
    # Where argocd-cmp-server unpacks repositories does not follow our own TMPDIR.
    unpacked = operators.get(CMP_WORKDIR) or operators.get("TMPDIR") or "/tmp"  # noqa: S108
    own = {CMP_WORKDIR: unpacked, "TMPDIR": str(scratch)}
    variables = {name: each for name, each in envelope.variables.items() if is_argocds(name)}
    environ = {**operators, **variables, **own}

    def confine(
        settings: RenderSettings, limits: LimitSettings, arguments: argparse.Namespace
    ) -> None:
        is_named = arguments.path and arguments.path != STANDARD_INPUT
        source = read_source(arguments.path) if is_named else None
        access = render_access(source, settings, environ, scratch)
        limit_process(limits.memory_bytes + _SPARE_BYTES, limits.seconds + KILL_AFTER)
        restrict_process(access, settings.sandbox)

    operator = RemoteOperator(socket.socket(fileno=_KEPT), confine)
    console = dataclasses.replace(
        open_console(environ),
        started=envelope.started,
        operator=operator,
        in_background=lambda _action: None,
        count=counts.__setitem__,
    )
    try:
        code = main(envelope.argv, console, envelope.program)
        # What is left takes no time; ending the thread that watches it would.
        signal.setitimer(signal.ITIMER_REAL, 0)
    except TimeLimitReached:
        code = EXIT_FAILED
    with contextlib.suppress(OSError):
        console.log.flush()
    return code


def _enter(cwd: str, scratch: Path) -> None:
    """Change to the client's working directory; where it is gone, to one that is gone, too.

    The supervisor's is the operator's, and no request is about what is there.
    """
    try:
        os.chdir(cwd)
    except OSError:
        gone = scratch / "gone"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()
