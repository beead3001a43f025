"""What the fetching process makes of URLs, challenges and compressed answers."""

import gzip
import socket
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from avp_py.errors import FetchError
from avp_py.fetch.child.challenge import read_challenge
from avp_py.fetch.child.gunzip import Gunzip, TooLargeError
from avp_py.fetch.child.http import Client
from avp_py.fetch.child.repository import resolve
from avp_py.fetch.child.target import Target
from avp_py.fetch.job import Job
from avp_py.remotes import RemoteFile


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://Host.Example", "https://host.example/"),
        ("https://host:443/a", "https://host/a"),
        ("http://host:8080/a?b=c&d", "http://host:8080/a?b=c&d"),
        ("https://host/a b/ü?q=ä", "https://host/a%20b/%C3%BC?q=%C3%A4"),
        ("https://host/a%2Fb+c", "https://host/a%2Fb+c"),
        ("https://host/a#fragment", "https://host/a"),
        ("https://[::1]:8443/a", "https://[::1]:8443/a"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
    ],
)
def test_urls_are_written_for_requests(url: str, written: str) -> None:
    assert Target.read(url).url == written


@pytest.mark.parametrize(
    "url",
    [
        "", "host/path", "/path", "file:///etc/passwd", "ftp://host/", "oci://host/",
        "https://", "https:///path", "https://host:x/", "https://host:99999/", "https://[::1/",
        "https://user@host/", "https://user:password@host/", "https://@host/",
        "https://host/a\nb", "https://host/a\r\nX: y", "https://ho st/", "https://a%00b/",
        "https://host\\@other/",
    ],
)  # fmt: skip
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(FetchError) as raised:
        Target.read(url)
    assert "password" not in raised.value.reason


@pytest.mark.parametrize(
    ("url", "above", "is_below"),
    [
        ("https://host/a/b", "https://host/a", True),
        ("https://host/a", "https://host/a/", True),
        ("https://host/a?x", "https://host/a", True),
        ("https://HOST:443/a", "https://host", True),
        ("https://host/ab", "https://host/a", False),
        ("https://host/", "https://host/a", False),
        ("http://host/a", "https://host/a", False),
        ("https://host:8443/a", "https://host/a", False),
        ("https://host.evil/a", "https://host/a", False),
        ("https://host/a/../b", "https://host/a", False),
        ("https://host/a/%2e%2e/b", "https://host/a", False),
        ("https://host/a/..%2fb", "https://host/a", False),
        ("https://host/a/..%5cb", "https://host/a", False),
        ("https://host/a/..b", "https://host/a", True),
        ("https://host/a/..;/b", "https://host/a", False),
        ("https://host/a/..;x=1/b", "https://host/a", False),
        ("https://host/a/..%3b/b", "https://host/a", False),
        ("https://host/a/%2e%2e;/b", "https://host/a", False),
        ("https://host/a/.;/b", "https://host/a", False),
        ("https://host/a/%252e%252e/b", "https://host/a", False),
        ("https://host/a/x;y=1/b", "https://host/a", True),
        ("https://host/a%25/b", "https://host/a%25", True),
    ],
)
def test_what_is_below_a_url(url: str, above: str, *, is_below: bool) -> None:
    assert Target.read(url).is_below(Target.read(above)) is is_below


@pytest.mark.parametrize(
    ("repository", "reference", "found"),
    [
        # As in TestResolveReferenceURL of helm's pkg/repo/v1/chartrepo_test.go.
        ("https://h/charts", "nginx-0.2.0.tgz", "https://h/charts/nginx-0.2.0.tgz"),
        ("https://h/charts/", "nginx-0.2.0.tgz", "https://h/charts/nginx-0.2.0.tgz"),
        ("https://h/charts/", "./nginx.tgz", "https://h/charts/nginx.tgz"),
        ("https://h/a/charts", "../nginx.tgz", "https://h/a/nginx.tgz"),
        ("https://h/charts", "/nginx.tgz", "https://h/nginx.tgz"),
        ("https://h/charts", "//other/nginx.tgz", "https://other/nginx.tgz"),
        ("https://h/charts", "https://other/x.tgz?y", "https://other/x.tgz?y"),
        ("https://h/charts?token=1", "x.tgz", "https://h/charts/x.tgz?token=1"),
        ("https://h/charts/?token=1", "x.tgz?y", "https://h/charts/x.tgz?token=1"),
        ("https://h/a%2fb", "x.tgz", "https://h/a%2fb/x.tgz"),
    ],
)
def test_urls_of_an_index_are_resolved(repository: str, reference: str, found: str) -> None:
    assert resolve(repository, reference) == found


@pytest.mark.parametrize(
    ("header", "scheme", "parameters"),
    [
        ("", "", {}),
        ("Basic realm=\"a, b\"", "basic", {"realm": "a, b"}),
        ("BEARER Realm=\"https://a/t\" , service=x", "bearer",
         {"realm": "https://a/t", "service": "x"}),
        ('Bearer realm="a\\"b",scope="repository:a:pull,push"', "bearer",
         {"realm": 'a"b', "scope": "repository:a:pull,push"}),
        ('Bearer realm="open', "bearer", {"realm": "open"}),
        ('Bearer realm="a",realm="b"', "bearer", {"realm": "a"}),
        ("Bearer nonsense", "bearer", {}),
        ("Negotiate", "negotiate", {}),
    ],
)  # fmt: skip
def test_challenges(header: str, scheme: str, parameters: Mapping[str, str]) -> None:
    assert read_challenge(header) == (scheme, parameters)


def test_a_name_is_resolved_once_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to this machine the second time (DNS rebinding) gains nothing."""
    answers = ["203.0.113.5", "127.0.0.1"]
    lookups: list[str] = []
    connected: list[str] = []

    def look_up(host: str, port: int, **_keywords: object) -> Sequence[object]:
        lookups.append(host)
        return [(0, 0, 0, "", (answers[min(len(lookups), 2) - 1], port))]

    def connect(self: socket.socket, address: tuple[str, int]) -> None:
        if self.type == socket.SOCK_STREAM:
            connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", connect)
    job = Job(
        remote=RemoteFile("http://repo.example/"), seconds=5, max_bytes=1, memory_bytes=1 << 30
    )
    with pytest.raises(FetchError, match="refused the connection"):
        Client(job, {}).get(Target.read("http://repo.example/"), 1)
    assert (lookups, connected) == (["repo.example"], ["203.0.113.5"])

    with pytest.raises(FetchError, match="is this machine"):
        Client(job, {}).get(Target.read("http://repo.example/"), 1)
    assert len(connected) == 1


@pytest.mark.parametrize(
    ("url", "is_denied"),
    [
        ("https://inner.example/charts/web-1.tgz", True),
        ("https://inner.example/charts", True),
        ("https://inner.example/charts?x=/a", True),
        ("https://inner.example/other/web-1.tgz", False),
        ("https://inner.example/x/../charts/a", True),
        # What no tenant could write, some servers name.
        ("https://inner.example//charts/web", True),
        ("https://inner.example/x%2F..%2Fcharts%2Fa", True),
        ("https://inner.example/charts%2Fa", True),
        ("https://inner.example/charts%5Ca", True),
        ("https://inner.example/x/..;/charts/a", True),
        ("https://inner.example//charts/a+b", True),
        ("https://inner.example/x/..%3Bx/charts/a", True),
        ("https://inner.example/charts;x/a", True),
        ("https://inner.example/%2563harts/a", True),
        ("https://inner.example/x/%252e%252e/charts/a", True),
        ("https://inner.example/download/charts%2Fweb-1/web-1.tgz", False),
        ("https://h.example//x/web-1.tgz", False),
        ("https://h.example/charts%2Fweb/web-1.tgz", False),
    ],
)
def test_what_a_server_names_is_compared_with_what_is_denied(url: str, *, is_denied: bool) -> None:
    job = Job(
        remote=RemoteFile("https://h/"), seconds=5, max_bytes=1, memory_bytes=1,
        denied=(r"https://inner\.example/charts(?s:/.*)?",),
    )  # fmt: skip
    client = Client(job, {})
    if not is_denied:
        client.check(url)
        return
    with pytest.raises(FetchError, match="the policy does not allow fetching"):
        client.check(url)
    Client(replace(job, denied=()), {}).check(url)


def test_gzip_of_several_members_up_to_a_limit() -> None:
    data = gzip.compress(b"a" * 70_000) + gzip.compress(b"b" * 70_000)
    whole = Gunzip(data, 140_000)
    assert whole.read(70_001) == b"a" * 70_000 + b"b"
    assert whole.read(1 << 20) == b"b" * 69_999
    assert whole.read(1) == b""
    with pytest.raises(TooLargeError):
        Gunzip(data, 139_999).read(1 << 20)


def test_gzip_that_is_damaged() -> None:
    data = gzip.compress(b"a" * 1000)
    for broken in (data[:-1], data + data[:-9], b""):
        with pytest.raises(EOFError):
            Gunzip(broken, 1 << 20).read(1 << 20)
    for broken in (b"text", data + b"rest", data[:-8] + bytes(8)):
        with pytest.raises(zlib.error):
            Gunzip(broken, 1 << 20).read(1 << 20)
