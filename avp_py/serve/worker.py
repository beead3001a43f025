"""The worker: a fork of the supervisor that runs one request, and is gone.

It has no credential, and gives up every right that the render does not need before it reads the
first byte of the repository.
"""

import argparse
import contextlib
import dataclasses
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

from avp_py.cli.console import open_console
from avp_py.cli.generate import STANDARD_INPUT
from avp_py.cli.limits import EXIT_AFTER, TimeLimitReached
from avp_py.cli.main import EXIT_FAILED, EXIT_INTERRUPTED, main
from avp_py.cli.sources import read_source
from avp_py.render import CMP_WORKDIR
from avp_py.render.confinement import render_access
from avp_py.sandbox import adopt_orphans, limit_process, restrict_process
from avp_py.sandbox.service import die_with_parent
from avp_py.serve.envelope import Envelope, read_body, unpack
from avp_py.serve.remote import RemoteOperator
from avp_py.settings import LimitSettings, RenderSettings

_KEPT: Final = 3
"""The number that the channel to the keeper gets."""

KILL_AFTER: Final = EXIT_AFTER + 1.0
"""How long after the time limit a worker is killed, in seconds; it ends by itself before that."""

_SPARE_BYTES: Final = 64 << 20
"""How much memory a worker has to report that it has used too much."""


def run_worker(
    body: int,
    streams: Sequence[int],
    channel: int,
    scratch: Path,
    operators: Mapping[str, str],
    supervisor: int,
) -> NoReturn:
    """Run a request in this process, which was forked for it, and end with its exit code.

    Args:
        body: the file with the request.
        streams: the client's standard input, output and error.
        channel: to the keeper.
        scratch: an empty directory for temporary files.
        operators: the operator's environment, without credentials.
        supervisor: the process that forked this one.
    """
    code = EXIT_FAILED
    try:
        die_with_parent(supervisor)
        envelope = unpack(read_body(body))
        _take_descriptors(streams, channel)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        adopt_orphans()
        code = _run(envelope, scratch, operators)
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    finally:
        # Nothing of the supervisor's may run in here.
        os._exit(code)


def _run(envelope: Envelope, scratch: Path, operators: Mapping[str, str]) -> int:
    _enter(envelope.cwd, scratch)
    # Where argocd-cmp-server unpacks repositories does not follow our own TMPDIR.
    unpacked = operators.get(CMP_WORKDIR) or operators.get("TMPDIR") or "/tmp"  # noqa: S108
    own = {CMP_WORKDIR: unpacked, "TMPDIR": str(scratch)}
    environ = {**operators, **envelope.variables, **own}

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


def _take_descriptors(streams: Sequence[int], channel: int) -> None:
    """Make the client's streams the standard ones, keep the channel, and close all others."""
    # None of them is below 3, where the supervisor has its own.
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    kept = os.dup(channel)
    if kept != _KEPT:
        os.dup2(kept, _KEPT)
    os.set_inheritable(_KEPT, False)
    os.closerange(_KEPT + 1, os.sysconf("SC_OPEN_MAX"))
