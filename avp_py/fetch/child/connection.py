"""Connections: to permitted addresses only, through proxies, with TLS, and all in time."""

import http.client
import io
import socket
import ssl
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from avp_py.errors import FetchError
from avp_py.fetch.addresses import permitted_addresses
from avp_py.fetch.child.target import PORTS, Origin, Target
from avp_py.network.authorization import basic
from avp_py.network.deadline import Deadline
from avp_py.network.proxies import proxies_for

OpenContext = Callable[[Origin], ssl.SSLContext]
"""Returns the TLS context for a server."""

_STALE: Final = (http.client.BadStatusLine, ConnectionResetError, BrokenPipeError)
"""What happens on a connection that the server has closed since its last answer."""


class Connections:
    """Open connections, one for each server.

    Args:
        hosts: the hosts that may be this machine.
        ports: the ports that are permitted for every host; None for all.
        deadline: the time limit for everything.
        open_context: returns the TLS context for a server.
        environ: the environment, for its proxies.
    """

    def __init__(
        self,
        hosts: Collection[str],
        ports: Collection[int] | None,
        deadline: Deadline,
        open_context: OpenContext,
        environ: Mapping[str, str],
    ) -> None:
        self._hosts = hosts
        self._ports = ports
        self._deadline = deadline
        self._open_context = open_context
        self._environ = environ
        self._open: dict[Origin, http.client.HTTPConnection] = {}

    def get(self, target: Target, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """Return the answer to a GET, with its body still to be read.

        Raises:
            FetchError: the address is not permitted, or the proxy cannot be used.
            OSError: there is no connection, or not in time.
            http.client.HTTPException: the answer is not one of HTTP.
        """
        used = self._open.pop(target.origin, None)
        if used is not None:
            with suppress(*_STALE):
                return self._send(used, target, headers)
            used.close()
        return self._send(self._connect(target), target, headers)

    def _send(
        self, connection: http.client.HTTPConnection, target: Target, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        connection.putrequest(
            "GET", self._request_target(target), skip_host=True, skip_accept_encoding=True
        )
        for name, value in {"Host": target.netloc, "User-Agent": "avp-py", **headers}.items():
            connection.putheader(name, value)
        proxy = self._proxy(target)
        if proxy is not None and target.scheme == "http":
            for name, value in _proxy_authorization(proxy).items():
                connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        if not response.will_close:
            self._open[target.origin] = connection
        return response

    def drop(self, target: Target) -> None:
        """Close the connection to a server, for what was not read of its answer."""
        if connection := self._open.pop(target.origin, None):
            connection.close()

    def _request_target(self, target: Target) -> str:
        is_proxied = target.scheme == "http" and self._proxy(target) is not None
        return target.url if is_proxied else target.path

    def _proxy(self, target: Target) -> str | None:
        written = f"[{target.host}]" if ":" in target.host else target.host
        address = f"{target.scheme}://{written}:{target.port}"
        proxy = proxies_for(address, self._environ).get(target.scheme)
        return proxy if not proxy or "://" in proxy else f"http://{proxy}"

    def _connect(self, target: Target) -> http.client.HTTPConnection:
        proxy = self._proxy(target)
        if proxy is None:
            sock = self._open_socket(self._addresses(target), target.port)
        else:
            try:
                self._addresses(target)
            except FetchError as error:
                # The proxy may resolve names that we cannot.
                if not error.is_down:
                    raise
            sock = self._open_proxy(proxy, target)
        if target.scheme == "https":
            sock = self._open_context(target.origin).wrap_socket(sock, server_hostname=target.host)
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.auto_open = 0
        connection.sock = _InTime(sock, self._deadline)
        return connection

    def _addresses(self, target: Target) -> Collection[str]:
        seconds = self._deadline.remaining
        return permitted_addresses(target.host, target.port, self._hosts, self._ports, seconds)

    def _open_proxy(self, proxy: str, target: Target) -> socket.socket:
        try:
            parts = urlsplit(proxy)
            host, port = parts.hostname or "", parts.port or PORTS["http"]
            if parts.scheme != "http":
                raise _bad_proxy(target, "is not one for plain HTTP")
            addresses = permitted_addresses(host, port, (host,), None, self._deadline.remaining)
            sock = self._open_socket(addresses, port)
        except (OSError, ValueError):
            raise _bad_proxy(target, "cannot be reached") from None
        if target.scheme == "https":
            self._open_tunnel(sock, proxy, target)
        return sock

    def _open_tunnel(self, sock: socket.socket, proxy: str, target: Target) -> None:
        channel = _InTime(sock, self._deadline)
        host = f"[{target.host}]" if ":" in target.host else target.host
        lines = {"Host": f"{host}:{target.port}", **_proxy_authorization(proxy)}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        channel.sendall(f"CONNECT {host}:{target.port} HTTP/1.1\r\n{head}\r\n".encode("ascii"))
        # Byte by byte: what follows the head is for TLS.
        answer = http.client.HTTPResponse(channel, method="CONNECT")  # type: ignore[arg-type]
        answer.fp = channel.makefile("rb", 1)
        answer.begin()
        if answer.status != 200:
            raise _bad_proxy(target, f"answers with HTTP status {answer.status}")

    def _open_socket(self, addresses: Collection[str], port: int) -> socket.socket:
        """Connect to the first address that answers.

        As in Go's net.Dialer, one that does not answer leaves time for those after it.
        """
        last: OSError | None = None
        for number, address in enumerate(addresses):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(self._deadline.remaining / (len(addresses) - number))
                sock.connect((address, port))
            except OSError as error:
                sock.close()
                last = error
            else:
                sock.settimeout(self._deadline.remaining)
                return sock
        raise last or OSError


def _proxy_authorization(proxy: str) -> Mapping[str, str]:
    parts = urlsplit(proxy)
    if not parts.username:
        return {}
    login = basic(unquote(parts.username), unquote(parts.password or ""))
    return {"Proxy-Authorization": f"Basic {login}"}


def _bad_proxy(target: Target, why: str) -> FetchError:
    return FetchError(
        f"the proxy on the way to {target.netloc} {why}",
        hint="check HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment",
        is_down=True,
    )


class _InTime:
    """What http.client needs of a socket, with one time limit for all of it."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._readers = 0
        self._is_closed = False

    def sendall(self, data: Any) -> None:
        self._sock.settimeout(self._deadline.remaining)
        self._sock.sendall(data)

    def makefile(self, _mode: str, size: int = 64 * 1024) -> io.BufferedReader:
        self._readers += 1
        return io.BufferedReader(_Reader(self), size)

    def receive(self, buffer: Any) -> int:
        if self._deadline.is_over:
            raise TimeoutError
        self._sock.settimeout(self._deadline.remaining)
        return self._sock.recv_into(buffer)

    def close(self) -> None:
        """Close the socket, once the answer that is being read has been closed, too."""
        self._is_closed = True
        if not self._readers:
            self._sock.close()

    def release(self) -> None:
        """Notice that an answer was closed."""
        self._readers -= 1
        if self._is_closed:
            self.close()


class _Reader(io.RawIOBase):
    """Reads an answer."""

    def __init__(self, channel: _InTime) -> None:
        self._channel = channel

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._channel.receive(buffer)

    def close(self) -> None:
        if not self.closed:
            self._channel.release()
        super().close()
