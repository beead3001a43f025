"""Chart repositories on loopback that count requests, want credentials, fail and lie."""

import base64
import gzip
import hashlib
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import yaml

from tests.integration.certificates import self_signed
from tests.integration.stand_in import Answer, Exchange, StandIn, stand_in
from tests.trees import pack

TEMPLATE: Final = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Chart.Name }}\n"
    "data:\n  version: {{ .Chart.Version | quote }}\n"
)
"""A template that shows which chart it is of."""


def package(name: str, version: str, files: Mapping[str, str] | None = None) -> bytes:
    """The archive of a chart, as `helm package` makes it.

    Args:
        name: its name.
        version: its version.
        files: further files, or others in place of Chart.yaml and the one template.
    """
    chart = {
        "Chart.yaml": yaml.safe_dump({"apiVersion": "v2", "name": name, "version": version}),
        "templates/facts.yaml": TEMPLATE,
        **(files or {}),
    }
    return pack({f"{name}/{path}": text.encode() for path, text in chart.items()})


def basic(user: str, password: str) -> str:
    """The header of basic authentication."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@dataclass
class Repository:
    """A chart repository.

    Attributes:
        url: its URL.
        charts: the archives, by name and version; they may be changed while it runs.
        authorization: the value of the header that it wants; empty where it wants none.
        archives: the URL that the index has for the directory of the archives.
        digests: what the index says of archives, by name and version, instead of the truth.
        answers: answers to certain paths instead of its own.
        server: the requests to it.
    """

    charts: dict[tuple[str, str], bytes]
    authorization: str = ""
    archives: str = ""
    digests: dict[tuple[str, str], str] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    server: StandIn = field(init=False)

    @property
    def url(self) -> str:
        """Its URL."""
        return f"{self.server.address}/charts"

    @property
    def host(self) -> str:
        """Its host and port."""
        return self.server.address.partition("://")[2]

    @property
    def paths(self) -> list[str]:
        """The paths that were requested; forgotten when they were read."""
        paths = [each.path.removeprefix("/charts") for each in self.server.asked]
        self.server.asked.clear()
        return paths

    @property
    def index(self) -> bytes:
        """The index, in the layout of `helm repo index`."""
        entries: dict[str, list[object]] = {}
        for (name, version), archive in self.charts.items():
            digest = self.digests.get((name, version), hashlib.sha256(archive).hexdigest())
            entry = {
                "apiVersion": "v2",
                "created": "2024-01-01T00:00:00.000000000Z",
                "digest": digest,
                "name": name,
                "urls": [f"{self.archives}{name}-{version}.tgz"],
                "version": version,
            }
            entries.setdefault(name, []).append(entry)
        return yaml.safe_dump({"apiVersion": "v1", "entries": entries}).encode()

    def answer(self, exchange: Exchange) -> None:
        """Answer a request."""
        path = urlsplit(exchange.asked.path).path.removeprefix("/charts/")
        archives = {f"{name}-{version}.tgz": each for (name, version), each in self.charts.items()}
        if path in self.answers:
            self.answers[path](exchange)
        elif self.authorization and exchange.asked.headers.get("Authorization") != (
            self.authorization
        ):
            exchange.reply(401, b"", WWW_Authenticate='Basic realm="charts"')
        elif path == "index.yaml":
            with_etag(self.index)(exchange)
        elif path in archives:
            exchange.reply(200, archives[path], Content_Type="application/gzip")
        else:
            exchange.reply(404, b"not found")


@contextmanager
def serve_charts(repository: Repository, tls: ssl.SSLContext | None = None) -> Iterator[Repository]:
    """Serve a chart repository on a free port of loopback."""
    with stand_in(repository.answer, tls) as server:
        repository.server = server
        yield repository


def charts(*names: str) -> dict[tuple[str, str], bytes]:
    """Charts by name and version, from `name-version` each."""
    pairs = (name.split("-", 1) for name in names)
    return {(name, version): package(name, version) for name, version in pairs}


def server_tls(folder: Path, *names: str) -> tuple[ssl.SSLContext, str]:
    """TLS for a server on loopback, and the CA certificate to trust for it, in PEM.

    Args:
        folder: where the files are put.
        names: the names in the certificate, such as `DNS:localhost`; 127.0.0.1 without any.
    """
    made = self_signed(folder, "server", *(names or ("IP:127.0.0.1",)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    return context, made.certificate.read_text()


def with_etag(body: bytes) -> Answer:
    """Answer with a body, or with 304 to whoever has it."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'

    def answer(exchange: Exchange) -> None:
        if exchange.asked.headers.get("If-None-Match") == etag:
            exchange.reply(304, b"", ETag=etag)
        else:
            exchange.reply(200, body, ETag=etag)

    return answer


def status(number: int, **headers: str) -> Answer:
    """Answer with a status."""
    return lambda exchange: exchange.reply(number, b"of no interest", **headers)


def redirect(url: str, number: int = 302) -> Answer:
    """Redirect to a URL."""
    return lambda exchange: exchange.reply(number, b"", Location=url)


def reset(exchange: Exchange) -> None:
    """Close the connection without an answer."""
    exchange.close_connection = True


def cut_off(exchange: Exchange) -> None:
    """Close the connection in the middle of the answer."""
    exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")


def drip(exchange: Exchange) -> None:
    """Send a byte every tenth of a second, without end."""
    exchange.close_connection = True
    exchange.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(300):
        exchange.wfile.write(b"x")
        time.sleep(0.1)


def bomb(size: int) -> bytes:
    """Gzipped zeros, of a size in bytes when unpacked."""
    return gzip.compress(bytes(size), mtime=0)
