"""The fetching process and servers that are slow, down, lying or hostile: what it says, and how."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from avp_py.fetch.job import DATA, Job
from avp_py.remotes import RemoteChart, RemoteFile
from tests.integration.certificates import openssl
from tests.integration.fetching import LOOPBACK, MEMORY, Done, credential, fetch
from tests.integration.repositories import (
    Repository,
    basic,
    bomb,
    charts,
    cut_off,
    drip,
    package,
    redirect,
    reset,
    serve_charts,
    server_tls,
    status,
    with_etag,
)
from tests.integration.stand_in import Answer, free_port, stand_in
from tests.processes import is_running, until
from tests.trees import pack

pytestmark = pytest.mark.usefixtures("any_machine")

PASSWORD = "hunter22-hunter22"
LOGIN = basic("reader", PASSWORD)


@pytest.fixture
def repository() -> Iterator[Repository]:
    """A repository that wants a password, and gets it."""
    with serve_charts(Repository(charts("web-1.2.0", "web-1.3.0"), LOGIN)) as running:
        yield running


@pytest.fixture
def fails(repository: Repository, tmp_path: Path) -> Callable[..., Done]:
    """Fetch web 1.2.0, or another chart, which must fail without showing the password."""

    def fetch_and_fail(name: str = "web", version: str = "1.2.0", **fields: object) -> Done:
        login = credential(repository.url, username="reader", password=PASSWORD)
        remote = RemoteChart(repository.url, name, version)
        done = fetch(tmp_path, remote, credential=login, **fields)  # type: ignore[arg-type]
        assert done.outcome.reason, done
        assert done.outcome.hint
        assert done.data is None
        assert PASSWORD not in done.message + done.err
        return done

    return fetch_and_fail


def test_nothing_fails_by_itself(repository: Repository, tmp_path: Path) -> None:
    login = credential(repository.url, username="reader", password=PASSWORD)
    done = fetch(tmp_path, RemoteChart(repository.url, "web", "1.2.0"), credential=login)
    assert (done.outcome.reason, done.data) == ("", repository.charts["web", "1.2.0"])


@pytest.mark.parametrize(
    ("answer", "says", "is_down"),
    [
        (status(503), "failed, or has too much to do (HTTP status 503)", True),
        (status(429, Retry_After="1"), "has too much to do (HTTP status 429)", True),
        (status(418), "answers with HTTP status 418", False),
        (status(302), "answers with HTTP status 302", False),
        (status(403), "rejected the credentials for http://127.0.0.1", False),
        (reset, "closed the connection before its answer was complete", True),
        (cut_off, "closed the connection before its answer was complete", True),
        (lambda exchange: exchange.raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "does not speak HTTP", False),
        (status(404), "there is no chart repository at http://127.0.0.1", False),
        (with_etag(b"<html>Sign in</html>"), "is not the index of a chart repository", False),
        (with_etag(b"{}"), "it has no apiVersion", False),
        (with_etag(b"apiVersion: v1\nentries: [a]\n"), "its entries are not a mapping", False),
        (with_etag(b"a: [\n"), "it is not YAML", False),
        (with_etag(b"[" * 1_000_000), "it is not YAML", False),
        (
            lambda exchange: exchange.reply(200, b"x", Content_Encoding="gzip"),
            "cannot be decompressed",
            False,
        ),
        (
            lambda exchange: exchange.reply(200, b"x", Content_Encoding="br"),
            "an encoding that was not asked for",
            False,
        ),
    ],
)
def test_an_index_that_does_not_come(
    repository: Repository, fails: Callable[..., Done], answer: Answer, says: str, *, is_down: bool
) -> None:
    repository.answers["index.yaml"] = answer
    done = fails()
    assert says in done.outcome.reason
    assert done.outcome.is_down is is_down


@pytest.mark.parametrize(
    ("answer", "says", "is_down"),
    [
        (status(404), "the archive of 'web' 1.2.0 is not at http://127.0.0.1", False),
        (status(500), "HTTP status 500", True),
        (cut_off, "before its answer was complete", True),
        (with_etag(b"something else"), "the digest of the archive from http://127.0.0.1", False),
        (with_etag(bytes(5 << 20)), "is larger than 4 MiB", False),
    ],
)
def test_an_archive_that_does_not_come(
    repository: Repository, fails: Callable[..., Done], answer: Answer, says: str, *, is_down: bool
) -> None:
    repository.answers["web-1.2.0.tgz"] = answer
    done = fails()
    assert says in done.outcome.reason
    assert done.outcome.is_down is is_down


def test_a_wrong_digest_names_both(repository: Repository, fails: Callable[..., Done]) -> None:
    repository.digests["web", "1.2.0"] = f"sha256:{'ab' * 32}"
    reason = fails().outcome.reason
    assert "not sha256:abababababab… as the repository says" in reason
    assert "is sha256:" in reason


@pytest.mark.parametrize(
    ("archive", "says"),
    [
        (package("wet", "1.2.0"), "is that of 'wet', not of 'web'"),
        (package("web", "1.2.1"), "has the version '1.2.1', not '1.2.0'"),
        (pack({"web/values.yaml": b"a: 1\n"}), "has no valid Chart.yaml"),
        (pack({"web/Chart.yaml": b"a: [\n"}), "has no valid Chart.yaml"),
        (pack({"web/charts/x/Chart.yaml": b"{name: web, version: 1.2.0}"}), "no valid Chart.yaml"),
        (pack({"web/../../x": b"", "web/Chart.yaml": b"{name: web}"}), "a path that leads out"),
        (
            pack({f"{each}/Chart.yaml": b"{name: web, version: 1.2.0}" for each in ("web", "w")}),
            "more than once",
        ),
        (package("web", "1.2.0")[:-60], "it is truncated"),
        (b"plain text", "it is not compressed with gzip"),
        (bomb(101 << 20), "has no files"),
        (pack({"web/big": bytes(101 << 20)}), "larger than AVP_MAX_INPUT (4194304 bytes)"),
        (pack({f"web/{each}": b"" for each in range(10_001)}), "has more than 10000 files"),
    ],
)
def test_an_archive_that_is_another_one(
    repository: Repository, fails: Callable[..., Done], archive: bytes, says: str
) -> None:
    repository.charts["web", "1.2.0"] = archive
    assert says in fails().outcome.reason


def test_a_chart_or_version_that_does_not_exist(fails: Callable[..., Done]) -> None:
    done = fails("wib")
    assert done.outcome.reason == "the repository has no chart 'wib'"
    assert done.outcome.hint == "did you mean web?"

    done = fails(version="^2")
    assert done.outcome.reason == "there is no version '^2' of the chart 'web'"
    assert "1.2.0, 1.3.0" in done.outcome.hint

    assert "neither a version nor a range" in fails(version="not a version").outcome.reason


def test_a_slow_server_is_left_in_time(repository: Repository, fails: Callable[..., Done]) -> None:
    for name in ("web-1.2.0.tgz", "index.yaml"):
        repository.answers[name] = drip
        done = fails(seconds=1)
        assert "did not answer completely within 1 s" in done.outcome.reason
        assert done.outcome.is_down
        assert done.seconds < 4


def test_a_server_that_never_speaks(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for scheme in ("http", "https"):
            done = fetch(tmp_path, RemoteFile(f"{scheme}://127.0.0.1:{port}/"), seconds=1)
            assert "did not answer completely within 1 s" in done.outcome.reason
            assert done.outcome.is_down
            assert done.seconds < 4


def test_headers_that_never_end(tmp_path: Path) -> None:
    @contextmanager
    def endless(line: bytes) -> Iterator[int]:
        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n")
                    while True:
                        connection.sendall(line)
                        time.sleep(0.01)
                except OSError:
                    return

        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=serve)
            thread.start()
            yield server.getsockname()[1]
            thread.join()

    for line, says in (
        (b"X: y\r\n", "does not speak HTTP"),
        (b"x" * 1000, "does not speak HTTP"),
        (b"\r\nHTTP/1.1 100 Continue\r\n\r\n", "within 2 s"),
    ):
        with endless(line) as port:
            done = fetch(tmp_path, RemoteFile(f"http://127.0.0.1:{port}/"), seconds=2)
        assert says in done.outcome.reason
        assert done.seconds < 5


def test_no_server_and_no_name(tmp_path: Path) -> None:
    done = fetch(tmp_path, RemoteFile(f"http://127.0.0.1:{free_port()}/"))
    assert "refused the connection" in done.outcome.reason
    assert done.outcome.is_down
    done = fetch(tmp_path, RemoteFile("http://a..b/"))
    assert "is not a valid URL" in done.outcome.reason or "does not resolve" in done.outcome.reason
    done = fetch(tmp_path, RemoteFile(f"http://{'a' * 64}.invalid/"))
    assert "does not resolve" in done.outcome.reason
    assert done.outcome.is_down


def test_tls_says_what_is_wrong(tmp_path: Path) -> None:
    tls, ca = server_tls(tmp_path, "DNS:repo.example")
    with stand_in(with_etag(b"x"), tls) as server:
        trusting = credential(server.address, ca=ca)
        other_name = fetch(tmp_path, RemoteFile(server.address), credential=trusting)
        assert "is for another name" in other_name.outcome.reason
        unknown = fetch(tmp_path, RemoteFile(server.address))
        assert "is not signed by a trusted CA" in unknown.outcome.reason
        plain = fetch(tmp_path, RemoteFile(server.address.replace("https", "http")))
        assert "closed the connection" in plain.outcome.reason or "HTTP" in plain.outcome.reason
        invalid = credential(server.address, ca="not PEM")
        done = fetch(tmp_path, RemoteFile(server.address), credential=invalid)
        assert "the CA certificates for" in done.outcome.reason
    with stand_in(with_etag(b"x")) as server:
        done = fetch(tmp_path, RemoteFile(server.address.replace("http", "https")))
        assert "does not speak TLS, but most likely plain HTTP" in done.outcome.reason


def test_an_expired_certificate(tmp_path: Path) -> None:
    tls, _ = server_tls(tmp_path)
    key, request, made = (tmp_path / name for name in ("server.key", "old.csr", "old.crt"))
    extensions = tmp_path / "extensions"
    extensions.write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("req", "-new", "-key", key, "-out", request, "-subj", "/CN=old")
    openssl(
        "x509", "-req", "-in", request, "-signkey", key, "-days", "-1", "-out", made,
        "-extfile", extensions,
    )  # fmt: skip
    tls.load_cert_chain(made, key)
    with stand_in(with_etag(b"x"), tls) as server:
        trusting = credential(server.address, ca=made.read_text())
        done = fetch(tmp_path, RemoteFile(server.address), credential=trusting)
    assert "is expired, or not valid yet" in done.outcome.reason


def test_redirects_end(tmp_path: Path) -> None:
    with stand_in(redirect("/again")) as server:
        done = fetch(tmp_path, RemoteFile(f"{server.address}/file"))
        assert "redirects more than 10 times" in done.outcome.reason
        assert len(server.asked) == 11


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://x/", "gopher://x", "http://[x"])
def test_redirects_lead_to_http_only(tmp_path: Path, location: str) -> None:
    with stand_in(redirect(location)) as server:
        done = fetch(tmp_path, RemoteFile(server.address))
    assert "is not http or https" in done.outcome.reason or "valid URL" in done.outcome.reason


def test_this_machine_is_not_reached(repository: Repository, fails: Callable[..., Done]) -> None:
    for hosts in ((), ("localhost",), ("127.0.0.1:1",)):
        done = fails(hosts=hosts)
        assert "127.0.0.1 is this machine" in done.outcome.reason
        assert f"AVP_RENDER_HOSTS={repository.host}" in done.outcome.hint
    assert repository.paths == []


@pytest.mark.parametrize("name", ["localhost", "127.1", "0", "[::ffff:127.0.0.1]"])
def test_a_redirect_does_not_lead_to_this_machine(
    repository: Repository, fails: Callable[..., Done], name: str
) -> None:
    with stand_in(with_etag(repository.charts["web", "1.2.0"])) as inner:
        address = inner.address.replace("127.0.0.1", name)
        repository.answers["web-1.2.0.tgz"] = redirect(f"{address}/x")
        done = fails(hosts=(repository.host,))
        assert "is this machine" in done.outcome.reason
        assert inner.asked == []


def test_bombs_of_the_transfer_are_limited(tmp_path: Path) -> None:
    packed = bomb(5 << 20)
    with stand_in(lambda each: each.reply(200, packed, Content_Encoding="gzip")) as server:
        done = fetch(tmp_path, RemoteFile(server.address))
        assert "is larger than 4 MiB" in done.outcome.reason
        done = fetch(tmp_path, RemoteFile(server.address), max_bytes=5 << 20)
        assert done.data == bytes(5 << 20)


def test_a_body_without_length_is_limited(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    with stand_in(lambda each: each.raw(head + bytes(1000))) as server:
        assert fetch(tmp_path, RemoteFile(server.address), max_bytes=1000).data == bytes(1000)
        done = fetch(tmp_path, RemoteFile(server.address), max_bytes=999)
        assert "is larger than 999 bytes" in done.outcome.reason


def test_whatever_fails_has_an_outcome(tmp_path: Path) -> None:
    done = fetch(tmp_path, RemoteFile("http://x/"), max_bytes="none")
    assert done.outcome.reason
    broken = fetch(tmp_path, RemoteFile("http://x/"), seconds="soon", hosts=("x",))
    assert broken.outcome.reason == "internal error of the fetching process, TypeName".replace(
        "TypeName", "TypeError"
    )
    assert broken.err == ""


def start(folder: Path, url: str, seconds: float) -> "subprocess.Popen[bytes]":
    """Start the fetching process by one that waits for its standard input."""
    Job(
        remote=RemoteFile(url),
        hosts=LOOPBACK,
        seconds=seconds,
        # More than the server announces, so that it waits for all of it.
        max_bytes=2_000_000,
        memory_bytes=MEMORY,
    ).write(folder)
    code = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-m', "
        "'avp_py.fetch.child', sys.argv[1]]); print(child.pid, flush=True); sys.stdin.read()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def test_it_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    with stand_in(drip) as server:
        parent = start(tmp_path, server.address, 60)
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert until(lambda: bool(server.asked), 20)
        # Without the end of the parent it would go on.
        assert not until(lambda: not is_running(pid), 0.5)
        parent.kill()
        parent.wait()
        assert until(lambda: not is_running(pid), 20)
        assert parent.stdin is not None
        parent.stdin.close()
        parent.stdout.close()
    assert not (tmp_path / DATA).exists()


def test_it_ends_by_itself_where_nothing_else_ends_it(tmp_path: Path) -> None:
    Job(remote=RemoteFile("http://x/"), seconds=1, max_bytes=1000, memory_bytes=MEMORY).write(
        tmp_path
    )
    # A lookup cannot be interrupted, and neither can this.
    code = (
        "import sys, time, pathlib, avp_py.fetch.child.http as http\n"
        "http.Client = lambda *_: time.sleep(60)\n"
        "from avp_py.fetch.child.__main__ import main\n"
        "main(pathlib.Path(sys.argv[1]))\n"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], env={"PATH": os.environ["PATH"]}, check=False
    )
    assert done.returncode == -signal.SIGALRM
    assert time.monotonic() - start < 10


def test_credentials_are_in_no_message(repository: Repository, tmp_path: Path) -> None:
    secrets: Mapping[str, str] = {"username": "reader", "password": PASSWORD}
    answers = (status(401), status(403), status(500), reset, with_etag(PASSWORD.encode()))
    for answer in answers:
        repository.answers["index.yaml"] = answer
        login = credential(repository.url, **secrets)
        done = fetch(tmp_path, RemoteChart(repository.url, "web"), credential=login)
        assert done.outcome.reason
        assert PASSWORD not in f"{done.outcome}{done.err}"
        assert LOGIN.partition(" ")[2] not in f"{done.outcome}{done.err}"


def test_the_process_has_a_memory_limit(tmp_path: Path) -> None:
    # Not as `helm repo index` writes it, so that all of it is parsed.
    entries = "".join(f"- {{name: web{each}, version: 1.0.0}}\n" for each in range(60_000))
    index = f"apiVersion: v1\nentries: {{web: [{{name: web, version: 1.0.0}}]}}\nx:\n{entries}"
    repository = Repository(charts("web-1.0.0"))
    repository.answers["index.yaml"] = lambda exchange: exchange.reply(200, index.encode())
    with serve_charts(repository):
        remote = RemoteChart(repository.url, "web", "2.0.0")
        large = 32 << 20

        limited = fetch(tmp_path, remote, memory_bytes=100 << 20, max_bytes=large, seconds=60)
        free = fetch(tmp_path, remote, max_bytes=large, seconds=60)

    assert "takes more memory than it may have" in limited.outcome.reason
    assert "there is no version" in free.outcome.reason
