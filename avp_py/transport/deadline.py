"""One deadline for each request: connecting, TLS, and the whole answer.

The time limits of requests and urllib3 hold from one packet to the next, and for one address of a
host: an answer that drips could last forever. The lookup of a name counts, but nothing interrupts
it.
"""

import http.client
import io
import socket
from collections.abc import Mapping
from typing import Any, Final

import urllib3
import urllib3.connection
import urllib3.exceptions

from avp_py.network.deadline import Deadline


class _BoundedReader(io.RawIOBase):
    """Reads from a socket until the time limit that it had when this was made has passed."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw
        self._deadline = Deadline(sock.gettimeout() or 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._deadline.is_over:
            raise TimeoutError
        self._sock.settimeout(self._deadline.remaining)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    """An answer that must be complete in time. urllib3 sets the socket's limit just before."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_BoundedReader(sock, self.fp.detach()))


class _Connection(urllib3.connection.HTTPConnection):
    response_class = _BoundedResponse

    def _new_conn(self) -> socket.socket:
        # urllib3 sets a number here: what is left of the deadline.
        self._deadline = Deadline(self.timeout or 0)
        try:
            return self._open_socket()
        except UnicodeError as error:
            raise urllib3.exceptions.LocationParseError(self.host) from error
        except socket.gaierror as error:
            raise urllib3.exceptions.NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise urllib3.exceptions.ConnectTimeoutError(self, str(error)) from error
        except OSError as error:
            raise urllib3.exceptions.NewConnectionError(self, str(error)) from error

    def _open_socket(self) -> socket.socket:
        return _connect(self._dns_host, self.port or 0, self._deadline, self.socket_options or ())

    def _tunnel(self) -> None:
        super()._tunnel()
        self.sock.settimeout(self._deadline.remaining)


class _TlsConnection(_Connection, urllib3.connection.HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection

    def _validate_conn(self, conn: Any) -> None:
        """Connect, without urllib3's warning where the operator has turned verification off."""
        if conn.is_closed:
            conn.connect()


def _connect(host: str, port: int, deadline: Deadline, options: Any) -> socket.socket:
    """Connect to the first address of a host that answers.

    As in Go's net.Dialer, one that does not answer leaves time for those after it.
    """
    host.encode("idna")  # raises UnicodeError for a name that the resolver would not even look up
    last: OSError | None = None
    addresses = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        found = socket.socket(family, kind, protocol)
        try:
            for option in options:
                found.setsockopt(*option)
            found.settimeout(deadline.remaining / (len(addresses) - number))
            found.connect(address)
        except OSError as error:
            found.close()
            last = error
        else:
            found.settimeout(deadline.remaining)
            return found
    raise last or OSError


def pools_to(path: str) -> Mapping[str, type[urllib3.HTTPConnectionPool]]:
    """Return the pools of connections that all go to one Unix socket.

    Args:
        path: the socket's.
    """

    class Connection(_Connection):
        def _open_socket(self) -> socket.socket:
            found = socket.socket(socket.AF_UNIX)
            found.settimeout(self._deadline.remaining)
            try:
                found.connect(path)
            except OSError:
                found.close()
                raise
            return found

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Connection

    return {"http": Pool}


POOLS: Final[Mapping[str, type[urllib3.HTTPConnectionPool]]] = {"http": _Pool, "https": _TlsPool}
"""The pools of such connections by scheme, for `pool_classes_by_scheme` of urllib3's managers."""
