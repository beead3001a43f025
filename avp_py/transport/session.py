"""Sessions of requests: what is sent, over which connections, and how large an answer may be."""

import functools
import io
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import requests.adapters
import urllib3

from avp_py.network.deadline import Deadline
from avp_py.transport.deadline import POOLS, pools_to
from avp_py.transport.failures import too_large
from avp_py.transport.peer import Peer


@dataclass(frozen=True)
class Route:
    """How a server is reached.

    Attributes:
        peer: the server.
        open_context: makes the TLS context; called once, and only for https.
        max_bytes: how large an answer may be, decompressed.
        server_name: the name that its certificate must have; None for the host's.
        proxies: the URL of the proxy for each scheme; with its password, so not printed.
        socket: the path of the Unix socket where it listens; None for a server on the network.
        max_redirects: how many redirects are followed.
        connections: how many connections are kept open.
    """

    peer: Peer
    open_context: Callable[[], ssl.SSLContext]
    max_bytes: int
    server_name: str | None = None
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    socket: str | None = None
    max_redirects: int = 0
    connections: int = 1


def open_session(route: Route) -> requests.Session:
    """Return a session that any number of threads can share.

    Nothing in it changes from one request to the next, cookies included. Each request needs a
    Deadline as its `timeout`.
    """
    session = _Session()
    adapter = _Adapter(route)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    # Nothing of the process's environment: no proxies, no .netrc, no REQUESTS_CA_BUNDLE.
    session.trust_env = False
    session.headers["User-Agent"] = "avp-py"
    session.proxies = dict(route.proxies)
    session.max_redirects = route.max_redirects
    return session


class _Session(requests.Session):
    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Keep the token on a redirect, whose target can be another host: the active node.

        Raises:
            TooManyRedirects: the redirect leads from https to http, or to another scheme.
        """
        allowed = ("https:",) if response.url.startswith("https:") else ("https:", "http:")
        if not (prepared_request.url or "").startswith(allowed):
            raise requests.TooManyRedirects


class _Adapter(requests.adapters.HTTPAdapter):
    """Keeps connections open, and reads every answer whole, within the limits."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._pools = POOLS if route.socket is None else pools_to(route.socket)
        # Reading the CA certificates takes 50 ms: only once, and only for https.
        self._context = functools.cache(route.open_context)
        super().__init__(pool_maxsize=route.connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] != "https":
            return host, {}
        return host, {
            "ssl_context": self._context(),
            "server_hostname": self._route.server_name,
        }

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the context knows whom to trust, and requests would add certifi's list."""

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send one request.

        Args:
            request: the request.
            *args: none.
            **kwargs: as HTTPAdapter's, with a Deadline for `timeout`.

        Raises:
            RequestFailedError: the answer is too large.
        """
        deadline: Deadline = kwargs["timeout"]
        kwargs["timeout"] = urllib3.Timeout(total=deadline.remaining)
        response = super().send(request, *args, **kwargs)
        if response.status_code in (301, 302):
            # Vault's own client sends the same again, where requests would make a GET of a login.
            response.status_code = requests.codes.temporary_redirect
        response.raw = io.BytesIO(self._read_body(response.raw))
        return response

    def _read_body(self, raw: urllib3.HTTPResponse) -> bytes:
        body = bytearray()
        for chunk in raw.stream(64 * 1024, decode_content=True):
            body += chunk
            if len(body) > self._route.max_bytes:
                raw.close()
                raise too_large(self._route.peer, self._route.max_bytes)
        raw.release_conn()
        return bytes(body)
