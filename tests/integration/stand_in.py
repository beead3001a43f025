"""A stand-in for Vault on loopback: it records requests, and answers as a test says."""

import http.client
import json
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, Final
from urllib.parse import urlsplit

_HOP_BY_HOP: Final = frozenset({"connection", "transfer-encoding", "content-length", "host"})


@dataclass(frozen=True)
class Asked:
    """One request: `path` is its target as it was sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Exchange(BaseHTTPRequestHandler):
    """One request, and how to answer it or to fail."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def setup(self) -> None:
        super().setup()
        self.server.stand_in.connections += 1

    def do_GET(self) -> None:
        stand_in = self.server.stand_in
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked = Asked(self.command, self.path, dict(self.headers), body)
        with stand_in.counting(self.asked):
            stand_in.answer(self)

    do_POST = do_PUT = do_CONNECT = do_GET

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        """Send a whole answer; `Retry_After="1"` becomes the header Retry-After."""
        self.server.stand_in.replied.append((self.path, status))
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def raw(self, data: bytes) -> None:
        """Send these bytes and close the connection."""
        self.wfile.write(data)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: requests are recorded elsewhere."""


Answer = Callable[[Exchange], None]


@dataclass
class StandIn:
    """The requests to the server, and how it answers.

    Attributes:
        address: its URL.
        answer: what it does with a request.
        asked: the requests, in the order of their arrival.
        replied: the target and the status of each answer.
        connections: how many connections were accepted.
        most_in_flight: the greatest number of concurrent requests.
    """

    address: str
    answer: Answer
    asked: list[Asked] = field(default_factory=list)
    replied: list[tuple[str, int]] = field(default_factory=list)
    connections: int = 0
    most_in_flight: int = 0
    _in_flight: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def port(self) -> int:
        """Its port."""
        port = urlsplit(self.address).port
        assert port is not None
        return port

    @property
    def paths(self) -> list[str]:
        """The targets of the requests."""
        return [each.path for each in self.asked]

    @contextmanager
    def counting(self, asked: Asked) -> Iterator[None]:
        """Count a request while it is answered."""
        with self._lock:
            self.asked.append(asked)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stand_in: StandIn

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: in many tests the client gives up on purpose."""


class _SocketExchange(Exchange):
    disable_nagle_algorithm = False  # an option of TCP


class _SocketServer(_Server):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        # That of HTTPServer would look up the name of its host.
        TCPServer.server_bind(self)


@contextmanager
def stand_in(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[StandIn]:
    """Serve on a free port of loopback."""
    with _Server(("127.0.0.1", 0), Exchange) as server:
        scheme = "http"
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            scheme = "https"
        address = f"{scheme}://127.0.0.1:{server.server_address[1]}"
        with _serving(server, StandIn(address, answer)) as found:
            yield found


@contextmanager
def stand_in_at(path: Path, answer: Answer) -> Iterator[StandIn]:
    """Serve on a Unix socket, which is created at that path."""
    with (
        _SocketServer(str(path), _SocketExchange) as server,  # type: ignore[arg-type]
        _serving(server, StandIn(f"unix://{path}", answer)) as found,
    ):
        yield found


@contextmanager
def _serving(server: _Server, stand_in: StandIn) -> Iterator[StandIn]:
    server.stand_in = stand_in
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.stand_in
    finally:
        server.shutdown()
        thread.join()


def free_port() -> int:
    """A port of loopback where nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


def forward(address: str) -> Answer:
    """Forward each request to a server."""
    netloc = urlsplit(address).netloc

    def answer(exchange: Exchange) -> None:
        asked = exchange.asked
        headers = {k: v for k, v in asked.headers.items() if k.lower() not in _HOP_BY_HOP}
        connection = http.client.HTTPConnection(netloc, timeout=10)
        try:
            connection.request(asked.method, asked.path, asked.body, headers)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        kept = {k: v for k, v in response.getheaders() if k.lower() not in _HOP_BY_HOP}
        exchange.reply(response.status, body, **kept)

    return answer


def tunnel(exchange: Exchange) -> None:
    """Answer CONNECT like a proxy: relay bytes to and from that port of loopback."""
    port = int(exchange.path.rpartition(":")[2])
    exchange.close_connection = True
    with socket.create_connection(("127.0.0.1", port)) as there:
        exchange.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        here = exchange.connection
        while True:
            ready, _, _ = select.select([here, there], [], [], 10)
            for source in ready:
                data = source.recv(65536)
                if not data:
                    return
                (there if source is here else here).sendall(data)


def secret(values: Mapping[str, Any]) -> Answer:
    """Vault's answer to a read of KV 2."""
    return as_json(200, {"data": {"data": values, "metadata": {}}})


def as_json(status: int, body: object, **headers: str) -> Answer:
    """An answer in JSON."""
    text = json.dumps(body).encode()
    return lambda exchange: exchange.reply(status, text, Content_Type="application/json", **headers)


def as_html(status: int, body: str) -> Answer:
    """An answer in HTML."""
    return lambda exchange: exchange.reply(status, body.encode(), Content_Type="text/html")


def in_turn(*answers: Answer) -> Answer:
    """Answer with each in turn; the last one is repeated."""
    left = list(answers)
    return lambda exchange: (left.pop(0) if len(left) > 1 else left[0])(exchange)
