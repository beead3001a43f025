"""HTTP connections whose answers must have come whole before the time is up.

The time limit of requests and urllib3 is one between two packets: an answer that drips, its head
included, could last forever. Here it is one for all that is read of an answer.
"""

import http.client
import io
import socket
import time
from collections.abc import Mapping
from typing import Any, Final

import urllib3
import urllib3.connection
import urllib3.exceptions


class _Until(io.RawIOBase):
    """What a socket receives, for as long as its time limit was when this was made."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw
        self._end = time.monotonic() + (sock.gettimeout() or 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer that is read until then. urllib3 sets the time limit just before."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Until(sock, self.fp.detach()))


class _Connection(urllib3.connection.HTTPConnection):
    response_class = _Answer


class _TlsConnection(urllib3.connection.HTTPSConnection):
    response_class = _Answer


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def pools_to(path: str) -> Mapping[str, type[urllib3.HTTPConnectionPool]]:
    """The pools of connections that all go to one socket of this machine.

    Args:
        path: the socket's.
    """

    class Connection(_Connection):
        def _new_conn(self) -> socket.socket:
            found = socket.socket(socket.AF_UNIX)
            found.settimeout(self.timeout)
            try:
                found.connect(path)
            except OSError as error:
                found.close()
                raise urllib3.exceptions.NewConnectionError(self, str(error)) from error
            return found

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Connection

    return {"http": Pool}


POOLS: Final[Mapping[str, type[urllib3.HTTPConnectionPool]]] = {"http": _Pool, "https": _TlsPool}
"""The pools of such connections by scheme, for `pool_classes_by_scheme` of urllib3's managers."""
