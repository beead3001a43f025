"""The fetching process and chart repositories: which version, which requests, whose credentials."""

import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from avp_py.remotes import RemoteChart, RemoteFile
from tests.integration.fetching import Done, credential, fetch
from tests.integration.repositories import (
    Repository,
    basic,
    charts,
    package,
    redirect,
    serve_charts,
    with_etag,
)
from tests.integration.stand_in import Answer, Exchange, StandIn, stand_in

pytestmark = pytest.mark.usefixtures("any_machine")

USER, PASSWORD, TOKEN = "reader", "hunter22-hunter22", "bearer-of-good-news"
LOGIN = basic(USER, PASSWORD)

VERSIONS = ("web-2.0.0-rc.1", "web-1.10.0", "web-1.9.3", "web-1.2.0+build.5", "other-3.0.0")


@pytest.fixture
def repository() -> Iterator[Repository]:
    """A repository that wants no credentials."""
    with serve_charts(Repository(charts(*VERSIONS))) as running:
        yield running


@pytest.fixture
def guarded() -> Iterator[Repository]:
    """A repository that wants a password."""
    with serve_charts(Repository(charts(*VERSIONS), authorization=LOGIN)) as running:
        yield running


def login_for(url: str, **fields: object) -> Mapping[str, object]:
    return credential(url, username=USER, password=PASSWORD, **fields)


def sent(server: StandIn) -> list[str | None]:
    """The credentials that came with each request."""
    return [each.headers.get("Authorization") for each in server.asked]


def is_chart(done: Done, version: str) -> bool:
    return (done.outcome.reason, done.outcome.version) == ("", version) and done.data is not None


@pytest.mark.both_helms
@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("1.9.3", "1.9.3"),
        ("", "1.10.0"),
        ("^1.2", "1.10.0"),
        ("~1.9.0", "1.9.3"),
        (">1-0", "2.0.0-rc.1"),
        ("v1.10.0", "1.10.0"),
        ("1.2.0+build.5", "1.2.0+build.5"),
    ],
)
def test_it_is_what_helm_pulls(
    repository: Repository, environ: Mapping[str, str], tmp_path: Path, wanted: str, chosen: str
) -> None:
    version = ("--version", wanted) if wanted else ()
    argv = [environ["AVP_HELM"], "pull", "--repo", repository.url, "web", *version]
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True, env=env)
    (pulled,) = tmp_path.glob("*.tgz")

    done = fetch(tmp_path, RemoteChart(repository.url, "web", wanted))

    assert is_chart(done, chosen)
    assert done.data == pulled.read_bytes() == repository.charts["web", chosen]
    assert done.err == ""


@pytest.mark.both_helms
def test_the_index_that_helm_makes_is_read(environ: Mapping[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "web-1.0.0.tgz").write_bytes(package("web", "1.0.0"))
    (folder / "wet-1.0.0.tgz").write_bytes(package("wet", "1.0.0"))
    argv = [environ["AVP_HELM"], "repo", "index", "."]
    subprocess.run(argv, cwd=folder, check=True, capture_output=True, env={"HOME": str(tmp_path)})
    index = with_etag((folder / "index.yaml").read_bytes())

    with serve_charts(Repository(charts("web-1.0.0"), answers={"index.yaml": index})) as running:
        assert is_chart(fetch(tmp_path, RemoteChart(running.url, "web", "1.0.0")), "1.0.0")


def test_an_index_is_sent_again_only_if_it_changed(repository: Repository, tmp_path: Path) -> None:
    first = fetch(tmp_path, RemoteChart(repository.url, "web", "^1"))
    etag, index = first.outcome.etag, first.index
    assert index == repository.index
    assert repository.paths == ["/index.yaml", "/web-1.10.0.tgz"]

    again = fetch(
        tmp_path,
        RemoteChart(repository.url, "web", "^1"),
        previous=index,
        etag=etag,
        known=("1.10.0",),
    )

    assert (again.outcome.version, again.outcome.etag) == ("1.10.0", etag)
    assert again.outcome.is_unchanged
    assert (again.index, again.data) == (None, None)
    assert [status for _, status in repository.server.replied][-1] == 304
    assert repository.paths == ["/index.yaml"]

    repository.charts |= charts("web-1.11.0")
    changed = fetch(
        tmp_path,
        RemoteChart(repository.url, "web", "^1"),
        previous=index,
        etag=etag,
        known=("1.10.0",),
    )

    assert is_chart(changed, "1.11.0")
    assert not changed.outcome.is_unchanged
    assert changed.index == repository.index


@pytest.mark.parametrize("archives", ["", "../charts/", "/charts/", "{url}/"])
def test_urls_in_the_index_may_be_relative(
    repository: Repository, tmp_path: Path, archives: str
) -> None:
    repository.archives = archives.format(url=repository.url)

    assert is_chart(fetch(tmp_path, RemoteChart(repository.url, "web", "1.9.3")), "1.9.3")


@pytest.mark.both_helms
def test_a_query_is_kept_for_relative_urls(
    repository: Repository, environ: Mapping[str, str], tmp_path: Path
) -> None:
    url = f"{repository.url}?project=a"
    argv = [environ["AVP_HELM"], "pull", "--repo", url, "web", "--version", "1.9.3"]
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True, env=env)
    by_helm = repository.paths

    assert is_chart(fetch(tmp_path, RemoteChart(url, "web", "1.9.3")), "1.9.3")
    assert repository.paths == by_helm == ["/index.yaml?project=a", "/web-1.9.3.tgz?project=a"]


@pytest.mark.parametrize(
    ("authorization", "fields"),
    [
        (LOGIN, {"username": USER, "password": PASSWORD}),
        (f"Bearer {TOKEN}", {"token": TOKEN}),
    ],
)
def test_credentials_are_sent(
    repository: Repository, tmp_path: Path, authorization: str, fields: Mapping[str, str]
) -> None:
    repository.authorization = authorization
    remote = RemoteChart(repository.url, "web", "1.9.3")

    assert is_chart(
        fetch(tmp_path, remote, credential=credential(repository.url, **fields)), "1.9.3"
    )

    assert "wants credentials, and there are none" in fetch(tmp_path, remote).message
    wrong = credential(repository.url, username=USER, password="not-that-one")
    message = fetch(tmp_path, remote, credential=wrong).message
    assert f"rejected the credentials for {repository.url} (HTTP status 401)" in message
    assert "not-that-one" not in message


@pytest.mark.parametrize("passed", [False, True])
def test_another_host_gets_credentials_only_if_so_set(tmp_path: Path, *, passed: bool) -> None:
    with (
        serve_charts(Repository(charts(*VERSIONS))) as there,
        serve_charts(Repository(charts(*VERSIONS), LOGIN, archives=f"{there.url}/")) as here,
    ):
        login = login_for(here.url, pass_credentials=passed)
        done = fetch(tmp_path, RemoteChart(here.url, "web", "1.9.3"), credential=login)

        assert is_chart(done, "1.9.3")
        assert sent(here.server) == [LOGIN]
        assert sent(there.server) == [LOGIN if passed else None]


def test_a_hint_names_the_way_to_pass_credentials(tmp_path: Path) -> None:
    with (
        serve_charts(Repository(charts(*VERSIONS), LOGIN)) as there,
        serve_charts(Repository(charts(*VERSIONS), LOGIN, archives=f"{there.url}/")) as here,
    ):
        remote = RemoteChart(here.url, "web", "1.9.3")
        message = fetch(tmp_path, remote, credential=login_for(here.url)).message

    assert f"those for {here.url} are not sent there" in message
    assert "passCredentials" in message


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_redirect_takes_no_credentials_to_another_port(
    guarded: Repository, tmp_path: Path, name: str
) -> None:
    with serve_charts(Repository(charts(*VERSIONS))) as there:
        elsewhere = there.url.replace("127.0.0.1", name)
        guarded.answers["web-1.9.3.tgz"] = redirect(f"{elsewhere}/web-1.9.3.tgz")
        remote = RemoteChart(guarded.url, "web", "1.9.3")
        done = fetch(tmp_path, remote, credential=login_for(guarded.url))

        assert is_chart(done, "1.9.3")
        assert sent(guarded.server) == [LOGIN, LOGIN]
        assert sent(there.server) == [None]


def test_a_redirect_on_the_same_host_keeps_them(guarded: Repository, tmp_path: Path) -> None:
    guarded.answers["index.yaml"] = redirect("new.yaml", 301)
    guarded.answers["new.yaml"] = with_etag(guarded.index)
    remote = RemoteChart(guarded.url, "web", "1.9.3")

    assert is_chart(fetch(tmp_path, remote, credential=login_for(guarded.url)), "1.9.3")
    assert sent(guarded.server) == [LOGIN] * 3


def test_a_redirect_away_and_back_has_lost_them(guarded: Repository, tmp_path: Path) -> None:
    with stand_in(redirect(f"{guarded.url}/new.tgz")) as there:
        guarded.answers["web-1.9.3.tgz"] = redirect(f"{there.address}/x")
        remote = RemoteChart(guarded.url, "web", "1.9.3")
        done = fetch(tmp_path, remote, credential=login_for(guarded.url))

        assert "are not sent there (HTTP status 401)" in done.outcome.reason
        assert sent(guarded.server) == [LOGIN, LOGIN, None]


@pytest.mark.parametrize("path", ["/other", "/charts-of-another", "/charts/../other"])
def test_credentials_stay_below_their_path(guarded: Repository, tmp_path: Path, path: str) -> None:
    def answer(exchange: Exchange) -> None:
        exchange.reply(200, guarded.charts["web", "1.9.3"])

    guarded.archives = f"{guarded.server.address}{path}/"
    guarded.answers |= {
        f"{path}/web-1.9.3.tgz": answer,
        f"{path}/web-1.9.3.tgz".removeprefix("/charts/"): answer,
    }
    remote = RemoteChart(guarded.url, "web", "1.9.3")

    assert is_chart(fetch(tmp_path, remote, credential=login_for(guarded.url)), "1.9.3")
    assert sent(guarded.server) == [LOGIN, None]


def test_credentials_in_a_url_are_refused(repository: Repository, tmp_path: Path) -> None:
    url = repository.url.replace("://", f"://{USER}:{PASSWORD}@")
    done = fetch(tmp_path, RemoteChart(url, "web"))

    assert "has credentials in it" in done.outcome.reason
    assert PASSWORD not in done.message
    assert repository.paths == []


def test_a_file(tmp_path: Path) -> None:
    text = b"kind: ConfigMap\n"
    with stand_in(with_etag(text)) as server:
        remote = RemoteFile(f"{server.address}/a/b.yaml?ref=main")
        first = fetch(tmp_path, remote)
        assert (first.outcome.reason, first.data) == ("", text)
        again = fetch(tmp_path, remote, previous=text, etag=first.outcome.etag)
        assert (again.outcome.is_unchanged, again.data) == (True, None)
        assert server.paths == ["/a/b.yaml?ref=main"] * 2
        # Without what the ETag is of, it is not sent.
        assert fetch(tmp_path, remote, etag=first.outcome.etag).data == text


def test_a_file_is_decompressed_and_digests_are_of_archives(
    repository: Repository, tmp_path: Path
) -> None:
    archive = repository.charts["web", "1.9.3"]

    def answer(exchange: Exchange) -> None:
        assert exchange.asked.headers["Accept-Encoding"] == "identity"
        # As some servers label a .tgz; helm does not unpack it either.
        exchange.reply(200, archive, Content_Encoding="x-gzip")

    repository.answers["web-1.9.3.tgz"] = answer
    done = fetch(tmp_path, RemoteChart(repository.url, "web", "1.9.3"))
    assert is_chart(done, "1.9.3")
    assert hashlib.sha256(done.data or b"").digest() == hashlib.sha256(archive).digest()

    with stand_in(answer_with_gzip(archive)) as server:
        file = fetch(tmp_path, RemoteFile(server.address))
        assert file.data is not None
        assert file.data.startswith(b"web/Chart.yaml")


def answer_with_gzip(packed: bytes) -> Answer:
    return lambda exchange: exchange.reply(200, packed, Content_Encoding="gzip")


def test_an_index_cannot_have_the_password_sent_elsewhere(tmp_path: Path) -> None:
    """Whoever writes one index of a server could read what others have there, otherwise."""
    repository = Repository(charts("web-1.0.0"))
    secret = repository.charts["web", "1.0.0"]
    login = basic(USER, PASSWORD)
    entry = "{apiVersion: v2, name: web, version: 1.0.0, urls: [/charts/team-b/secret.tgz]}"
    index = f"apiVersion: v1\nentries:\n  web:\n  - {entry}\n".encode()

    def archive(exchange: Exchange) -> None:
        is_allowed = exchange.asked.headers.get("Authorization") == login
        exchange.reply(200 if is_allowed else 401, secret if is_allowed else b"")

    repository.answers["team-a/index.yaml"] = lambda exchange: exchange.reply(200, index)
    repository.answers["team-b/secret.tgz"] = archive
    with serve_charts(repository):
        remote = RemoteChart(f"{repository.url}/team-a", "web", "1.0.0")
        own = credential(repository.url, username=USER, password=PASSWORD)

        done = fetch(tmp_path, remote, credential=own)

        assert done.data is None
        assert repository.server.asked[-1].headers.get("Authorization") is None
        # The control: the operator can permit it.
        passed = credential(repository.url, username=USER, password=PASSWORD, pass_credentials=True)
        assert fetch(tmp_path, remote, credential=passed).data == secret
