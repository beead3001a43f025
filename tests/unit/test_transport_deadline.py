"""One time limit for a request, including all that it waits for."""

import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests

from avp_py.network.tls import new_context
from avp_py.transport import Problem, RequestFailedError, Route, open_session
from avp_py.transport.send import send
from tests.unit.transports import server

SECONDS = 0.6


@pytest.fixture
def silent() -> Iterator[int]:
    """A port of loopback that accepts nothing: connecting to it never ends."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


@contextmanager
def serving(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[int]:
    """A server on loopback."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        do_CONNECT = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def reply(handler: http.server.BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    handler.send_response_only(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def route(address: str, **more: Any) -> Route:
    return Route(server(address), lambda: new_context(verify=False), 1000, **more)


def get(route: Route) -> requests.Response:
    with open_session(route) as session:
        response, _ = send(
            lambda deadline: session.request(
                "GET",
                route.peer.address,
                timeout=deadline,  # type: ignore[arg-type]
            ),
            route.peer,
            SECONDS,
            lambda _outcome, _attempt: None,
        )
    return response


def too_late(route: Route) -> RequestFailedError:
    begun = time.monotonic()
    with pytest.raises(RequestFailedError) as caught:
        get(route)
    assert time.monotonic() - begun < SECONDS * 1.5
    return caught.value


def resolve_to(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Let every name have one address for each of these ports of loopback."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: found)


def test_all_addresses_of_a_host_share_it(monkeypatch: pytest.MonkeyPatch, silent: int) -> None:
    resolve_to(monkeypatch, silent, silent, silent, silent)

    assert too_late(route("http://many.example")).problem is Problem.TIMEOUT


def test_a_silent_address_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch, silent: int
) -> None:
    with serving(lambda handler: reply(handler, 204)) as port:
        resolve_to(monkeypatch, silent, port)

        assert get(route("http://two.example")).status_code == 204


def test_a_redirect_gets_what_is_left_of_it() -> None:
    def slow(handler: http.server.BaseHTTPRequestHandler) -> None:
        time.sleep(SECONDS * 0.7)
        reply(handler, 307, Location="/again")

    with serving(slow) as port:
        failed = too_late(route(f"http://127.0.0.1:{port}", max_redirects=5))

    assert failed.problem is Problem.TIMEOUT
    assert failed.reason == f"the server at http://127.0.0.1:{port} did not answer within 0.6 s"


def test_a_tunnel_and_tls_in_it_share_it() -> None:
    def tunnel_without_end(handler: http.server.BaseHTTPRequestHandler) -> None:
        time.sleep(SECONDS * 0.7)
        handler.send_response_only(200)
        handler.end_headers()
        time.sleep(SECONDS * 1.5)
        handler.close_connection = True

    with serving(tunnel_without_end) as port:
        proxies = {"https": f"http://127.0.0.1:{port}"}
        too_late(route("https://server.example", proxies=proxies))


def test_an_attempt_is_not_begun_after_it(silent: int) -> None:
    attempts = []

    def pause_after(_outcome: object, attempt: int) -> float:
        attempts.append(attempt)
        return SECONDS

    at = route(f"http://127.0.0.1:{silent}")
    with open_session(at) as session, pytest.raises(RequestFailedError):
        send(
            lambda deadline: session.request(
                "GET",
                at.peer.address,
                timeout=deadline,  # type: ignore[arg-type]
            ),
            at.peer,
            SECONDS,
            pause_after,
        )
    assert attempts == [1]
