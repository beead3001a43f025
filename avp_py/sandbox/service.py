"""Processes of our own that live as long as the one that starts them."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Collection, Mapping, Sequence

from avp_py.errors import ChildError
from avp_py.kernel import die_with_parent
from avp_py.sandbox.process import children


def end_children() -> None:
    """Kill all children; what a dead process leaves becomes our child (`adopt_orphans`)."""
    while pids := list(children()):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in pids:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def start_service(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    descriptors: Collection[int] = (),
    own_session: bool = False,
) -> "subprocess.Popen[bytes]":
    """Start a program that ends with us, on our standard streams.

    The caller must have no threads.

    Args:
        argv: the program and its arguments; it is looked up on the PATH of `env`.
        env: its whole environment.
        descriptors: what it inherits besides the standard streams.
        own_session: whether signals of our terminal do not reach it.

    Raises:
        ChildError: it cannot be started.
    """
    parent = os.getpid()

    def prepare() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        die_with_parent(parent)

    try:
        return subprocess.Popen(  # noqa: S603 - a list that the operator wrote
            argv,
            env=env,
            pass_fds=tuple(descriptors),
            start_new_session=own_session,
            preexec_fn=prepare,
        )
    except OSError as error:
        raise ChildError(
            f"{argv[0]} cannot be started: {error.strerror}",
            hint="name a program and its arguments",
        ) from error
