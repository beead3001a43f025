"""One GET to the Kubernetes API: TLS, a limit on the time and the size of the answer.

The one place where errors of ssl, sockets and http.client become ours. None of their texts are
passed on but OpenSSL's own words for a certificate, which are fixed, and those of the system.
"""

import base64
import os
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final
from urllib.parse import unquote, urlsplit

from avp_py.errors import ClusterError, SettingsError
from avp_py.kubernetes.access import Access, ClientCertificate
from avp_py.settings import Sensitive

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
"""A Secret holds at most 1 MiB (MaxSecretSize in Kubernetes' pkg/apis/core/types.go, v1.34), a
third more in base64; its other fields must fit into etcd's 1.5 MiB with it."""


@dataclass(frozen=True)
class Answer:
    """What the API said.

    Attributes:
        status: the status of HTTP.
        body: the whole body.
        retry_after: in how many seconds the server wants to be asked again; None if it does not.
    """

    status: int
    body: bytes = field(repr=False)
    retry_after: int | None


class LostConnectionError(ClusterError):
    """The connection was reset, or ended before the answer did."""


def get(access: Access, path: str, seconds: float) -> Answer:
    """Asks once. A redirect is an answer like any other.

    Args:
        access: the way to the API, and the credentials.
        path: the path of the URL, from `/api` on.
        seconds: the time that it may take. The limit holds for each step up to the headers, and
            for all of it once the body comes.

    Raises:
        ClusterError: no whole answer came.
        SettingsError: a certificate or key of `access` cannot be used.
    """
    deadline = time.monotonic() + seconds
    prefix = urlsplit(access.server).path
    headers = {"Accept": "application/json", "User-Agent": "avp-py"}
    if access.token is not None:
        headers["Authorization"] = f"Bearer {access.token.reveal()}"
    connection = _connection(access, seconds)
    try:
        with closing(connection):
            connection.connect()
            sock = connection.sock
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
            connection.request("GET", prefix + path, headers=headers)
            with connection.getresponse() as response:
                body = _read_body(response, sock, deadline)
    except (OSError, HTTPException) as error:
        raise _translate(error, access, seconds) from None
    after = response.getheader("Retry-After", "")
    wait = int(after) if re.fullmatch("[0-9]{1,9}", after) else None
    return Answer(response.status, body, wait)


class _TLSConnection(HTTPSConnection):
    """A connection whose certificate may have to carry another name than the address."""

    def __init__(
        self, host: str, port: int, timeout: float, context: ssl.SSLContext, server_name: str
    ) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._tls = context
        self._server_name = server_name

    def connect(self) -> None:
        """Connects, through the tunnel of a proxy where one is set, and then speaks TLS."""
        HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._server_name)


def _connection(access: Access, seconds: float) -> HTTPConnection:
    """A connection that is not open yet."""
    server = urlsplit(access.server)
    host = server.hostname or ""
    if server.scheme == "http":
        return HTTPConnection(host, server.port or 80, timeout=seconds)
    port = server.port or 443
    context = _context(access)
    name = access.server_name or host
    if access.proxy is None:
        return _TLSConnection(host, port, seconds, context, name)
    proxy = urlsplit(access.proxy.reveal())
    connection = _TLSConnection(proxy.hostname or "", proxy.port or 80, seconds, context, name)
    connection.set_tunnel(host, port, _proxy_headers(proxy.username, proxy.password))
    return connection


def _proxy_headers(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    pair = f"{unquote(user)}:{unquote(password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _context(access: Access) -> ssl.SSLContext:
    """TLS as Go, and with it kubectl and argocd-vault-plugin, speaks it.

    Not ssl.create_default_context: from Python 3.13 on that is stricter than Go, by
    VERIFY_X509_STRICT, and refuses authorities of clusters that are in use.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    context.hostname_checks_common_name = False
    if not access.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif access.authorities is None:
        context.load_default_certs()
    else:
        # As in Go, any certificate that is listed can be the end of a chain.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_verify_locations(cadata=access.authorities)
        except ssl.SSLError:
            raise SettingsError(
                f"the certificate authorities in {access.source} cannot be read",
                hint="they must be whole, in PEM",
            ) from None
    if access.client_certificate is not None:
        try:
            _load(context, access.client_certificate)
        except OSError:
            raise SettingsError(
                f"client certificate and key in {access.source} cannot be used",
                hint="they must be in PEM, belong together, and the key must not be encrypted",
            ) from None
    return context


def _load(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Gives certificate and key to OpenSSL, which takes them from files only.

    A pipe is such a file, and one that no disk ever holds: nothing is left when we are killed.
    """
    chain = Sensitive(certificate.chain)
    with _as_file(chain) as chain_file, _as_file(certificate.key) as key_file:
        # With a password OpenSSL does not ask the terminal for one.
        context.load_cert_chain(chain_file, key_file, password="")


@contextmanager
def _as_file(text: Sensitive) -> Iterator[str]:
    """The name of a file that gives this text, once. Raises an OSError if a pipe is too small."""
    data = text.reveal().encode()
    reader, writer = os.pipe()
    try:
        try:
            os.set_blocking(writer, False)
            whole = os.write(writer, data) == len(data)
        finally:
            os.close(writer)
        if not whole:
            raise BlockingIOError
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)


def _read_body(response: HTTPResponse, sock: socket.socket, deadline: float) -> bytes:
    body = bytearray()
    # read1 hands over what has come, where read waits until all is there.
    while chunk := response.read1(64 * 1024):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise HTTPException
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock.settimeout(left)
    if response.length:
        raise ConnectionResetError
    return bytes(body)


def not_the_api(access: Access, status: int) -> ClusterError:
    """The words for an answer that the Kubernetes API would not give."""
    return ClusterError(
        f"what answers at {access.server} is not the Kubernetes API (HTTP status {status})",
        hint=f"check the address in {access.source}; a proxy or a login page may stand before it",
    )


def _translate(error: OSError | HTTPException, access: Access, seconds: float) -> ClusterError:
    server, source = access.server, access.source
    match error:
        case ssl.SSLCertVerificationError():
            why = error.verify_message.rstrip(".")
            return ClusterError(
                f"the certificate of the Kubernetes API at {server} is not trusted: {why}",
                hint=f"check the certificate authority and the server's name in {source}",
            )
        case ssl.SSLError():
            why = (error.reason or "the connection broke off").replace("_", " ").lower()
            return ClusterError(
                f"no TLS connection to the Kubernetes API at {server}: {why}",
                hint=f"check the address in {source}, and what listens there",
            )
        case TimeoutError():
            return ClusterError(
                f"the Kubernetes API at {server} did not answer within {round(seconds, 1):g} s",
                hint=f"check the address in {source}, the network, and its policies",
            )
        case OSError() if access.proxy is not None:
            return ClusterError(
                f"the proxy on the way to the Kubernetes API at {server} cannot be used",
                hint=f"check proxy-url in {source}",
            )
        case ConnectionResetError() | BrokenPipeError():
            # http.client's RemoteDisconnected is one too.
            return LostConnectionError(
                f"no connection to the Kubernetes API at {server}: it broke off",
                hint=f"try again; check the address in {source}",
            )
        case OSError():
            return ClusterError(
                f"no connection to the Kubernetes API at {server}: {_system_reason(error)}",
                hint=f"check the address in {source}, and that it can be reached from here",
            )
    return ClusterError(
        f"what answers at {server} is not the Kubernetes API",
        hint=f"check the address in {source}; a proxy or a login page may stand before it",
    )


def _system_reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "its name does not resolve"
    return os.strerror(error.errno) if error.errno else "it broke off"
