"""Who is at the other end of a client's connection."""

import contextlib
import os
import re
import socket
import struct
from enum import Enum, auto
from pathlib import Path
from typing import Final

from avp_py.serve.wire import CREDENTIALS

_SO_PEERPIDFD: Final = 77
"""Since Linux 6.5: a descriptor of the process, which no other one can be taken for."""

_PID: Final = re.compile(rb"^Pid:\t(-?\d+)$", re.MULTILINE)
_PARENT: Final = re.compile(rb"^PPid:\t(\d+)$", re.MULTILINE)


class Peer(Enum):
    """What a client is to the supervisor."""

    TRUSTED = auto()
    """A process of our user that neither a worker nor the keeper has started."""

    GONE = auto()
    """It has ended: unknown, even where another process has its connection."""

    REFUSED = auto()


def judge(connection: socket.socket, keeper: int) -> Peer:
    """Return what a client is.

    What a worker has started may have found a way to connect to us. Where the operator lets git use
    an agent, what the keeper has started to fetch a commit can connect to any socket.

    Args:
        connection: to the client.
        keeper: the process of the keeper; 0 where there is none.
    """
    pid, user, _ = CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    )
    if user != os.geteuid():
        return Peer.REFUSED
    with contextlib.suppress(OSError):
        descriptor: int
        (descriptor,) = struct.unpack(
            "=i", connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD, 4)
        )
        try:
            pid = _number(_PID, f"self/fdinfo/{descriptor}")
        finally:
            os.close(descriptor)
    supervisor, parent = os.getpid(), os.getppid()
    try:
        # 0 is the parent of a container's first process. The supervisor adopts whatever a worker
        # has started and left.
        while pid not in (0, supervisor, parent):
            if pid == keeper:
                return Peer.REFUSED
            if pid < 0:
                return Peer.GONE
            pid = _number(_PARENT, f"{pid}/status")
    except OSError:
        return Peer.GONE
    return Peer.REFUSED if pid == supervisor else Peer.TRUSTED


def _number(pattern: re.Pattern[bytes], file: str) -> int:
    found = pattern.search(Path("/proc", file).read_bytes())
    return int(found[1]) if found else -1
