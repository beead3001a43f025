"""Who is at the other end of a client's connection."""

import contextlib
import os
import re
import socket
import struct
from pathlib import Path
from typing import Final

from avp_py.serve.wire import CREDENTIALS

_SO_PEERPIDFD: Final = 77
"""Since Linux 6.5: a descriptor of the process, which no other one can be taken for."""

_PID: Final = re.compile(rb"^Pid:\t(-?\d+)$", re.MULTILINE)
_PARENT: Final = re.compile(rb"^PPid:\t(\d+)$", re.MULTILINE)


def may_ask(connection: socket.socket) -> bool:
    """Return whether a client may make requests: it is our user's, and not started by a worker.

    Where the operator lets git use an agent, what a worker has started can connect to any socket.

    Args:
        connection: to the client.
    """
    pid, user, _ = CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    )
    if user != os.geteuid():
        return False
    with contextlib.suppress(OSError):
        descriptor: int
        (descriptor,) = struct.unpack(
            "=i", connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD, 4)
        )
        try:
            pid = _number(_PID, f"self/fdinfo/{descriptor}")
        finally:
            os.close(descriptor)
    return not _is_below(pid, os.getpid())


def _is_below(pid: int, ancestor: int) -> bool:
    """Return whether a process is an ancestor's descendant, or is gone, and so unknown.

    The ancestor adopts all descendants that have lost their parent.
    """
    try:
        # 0 is the parent of a container's first process. What started us may be hidden (hidepid).
        while pid not in (0, ancestor, os.getppid()):
            if pid < 0:
                return True
            pid = _number(_PARENT, f"{pid}/status")
    except OSError:
        return True
    return pid == ancestor


def _number(pattern: re.Pattern[bytes], file: str) -> int:
    found = pattern.search(Path("/proc", file).read_bytes())
    return int(found[1]) if found else -1
