"""The process that serves metrics over HTTP. It has no credential and sees no request.

/metrics is in the text format of Prometheus; /healthz answers 200 if the core takes requests and
has a keeper, else 503.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http.server import ThreadingHTTPServer
from typing import Any, Final, NoReturn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app

from avp_py import __version__
from avp_py.cli.log import Log
from avp_py.serve.events import MAX_EVENT, PING
from avp_py.serve.wire import MAX_MESSAGE, REPLY, pack

PING_SECONDS: Final = 5.0

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 55)
"""The buckets of durations: AVP_RUN_TIMEOUT is 55 by default."""


class Metrics:
    """The metrics, and how events change them."""

    def __init__(self) -> None:
        """Make them, all at zero."""
        self.registry = registry = CollectorRegistry()
        self._counters = {
            "requests": Counter(
                "avp_requests",
                "Requests that have ended, by command and outcome.",
                ("command", "outcome"),
                registry=registry,
            ),
            "keeper_restarts": Counter(
                "avp_keeper_restarts", "Keepers that have ended.", registry=registry
            ),
            "reads": Counter(
                "avp_vault_reads",
                "Reads that were sent to Vault, by outcome.",
                ("outcome",),
                registry=registry,
            ),
            "shared": Counter(
                "avp_vault_shared",
                "Reads that were not sent, as another request had just sent the same.",
                registry=registry,
            ),
            "logins": Counter(
                "avp_vault_logins", "Logins at Vault, by outcome.", ("outcome",), registry=registry
            ),
            "fetches": Counter(
                "avp_fetches",
                "What requests needed from other machines, by kind and by what came of it.",
                ("kind", "outcome"),
                registry=registry,
            ),
            "denials": Counter(
                "avp_denials",
                "Secrets that the policy did not allow, or whose path was not valid, by project.",
                ("project",),
                registry=registry,
            ),
        }
        self._gauges = {
            "queue": Gauge("avp_queue_length", "Requests that wait.", registry=registry),
            "workers": Gauge("avp_workers", "Requests that run.", registry=registry),
        }
        self._durations = Histogram(
            "avp_request_seconds",
            "How long requests waited for their turn, ran, and waited for secrets and for what was "
            "fetched.",
            ("stage",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._last = Gauge(
            "avp_last_success_timestamp_seconds",
            "When the last request succeeded, in seconds since 1970; 0 before the first.",
            registry=registry,
        )
        Gauge("avp_build_info", "The version.", ("version",), registry=registry).labels(
            __version__
        ).set(1)

    def apply(self, event: bytes) -> None:
        """Change the metric that an event names; one that cannot be read changes none."""
        try:
            name, value, labels = json.loads(event)
            self._apply(str(name), float(value), dict(labels))
        except (TypeError, ValueError):
            return

    def _apply(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        if name in self._gauges:
            self._gauges[name].set(value)
        elif name == "seconds":
            self._durations.labels(**labels).observe(value)
        elif name in self._counters:
            counter = self._counters[name]
            (counter.labels(**labels) if labels else counter).inc(value)
            if name == "requests" and (labels["command"], labels["outcome"]) == ("generate", "ok"):
                self._last.set(time.time())


def application(metrics: Metrics, is_healthy: Callable[[], bool]) -> Callable[..., Iterable[bytes]]:
    """Return the WSGI application with /metrics and /healthz.

    Args:
        metrics: the metrics.
        is_healthy: returns whether the core takes requests.
    """
    page = make_wsgi_app(metrics.registry)

    def respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            answer: Iterable[bytes] = page(environ, start_response)
            return answer
        status, text = "404 Not Found", b"see /metrics and /healthz\n"
        if path == "/healthz":
            status, text = ("200 OK", b"ok\n") if is_healthy() else _UNHEALTHY
        start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
        return [text]

    return respond


_UNHEALTHY: Final = ("503 Service Unavailable", b"the core does not answer, or has no keeper\n")


def ping(path: str) -> bool:
    """Return whether the core at a socket takes requests, and has a keeper."""
    request = pack(__version__.encode(), b"avp-py", time.monotonic(), b"/", [PING.encode()], [], [])
    try:
        with socket.socket(socket.AF_UNIX) as client, open(os.devnull, "rb+") as nothing:  # noqa: PTH123
            client.settimeout(PING_SECONDS)
            client.connect(path)
            socket.send_fds(client, [request], [nothing.fileno()] * 3)
            code, _ = REPLY.unpack(client.recv(REPLY.size + MAX_MESSAGE)[: REPLY.size])
    except (OSError, ValueError):
        return False
    return bool(code == 0)


class _Server(ThreadingHTTPServer, WSGIServer):
    """One thread for each connection: a client that is slow delays no other."""

    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = 10

    def log_message(self, *_args: object) -> None:
        """Write nothing: a line for each probe would hide those of requests."""


def start(arguments: Sequence[str]) -> NoReturn:
    """Serve until the process is killed; `avp-py serve` starts it.

    Args:
        arguments: the number of the descriptor where events come, the address to listen on, and
            the socket of the core.
    """
    number, address, path = arguments
    events = socket.socket(fileno=int(number))
    metrics = Metrics()
    host, _, port = address.rpartition(":")
    try:
        server = make_server(
            host.strip("[]"),
            int(port),
            application(metrics, lambda: ping(path)),
            server_class=_family(host),
            handler_class=_Handler,
        )
    except OSError as error:
        log = Log(sys.stderr, os.environ)
        log.write(log.format.note(f"no metrics at {address}: {error.strerror or error}"))
        sys.exit(1)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while data := events.recv(MAX_EVENT):
        metrics.apply(data)
    sys.exit(0)


def _family(host: str) -> type[_Server]:
    class Server(_Server):
        address_family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET

    return Server
