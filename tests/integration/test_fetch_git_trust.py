"""The fetching process and git: credentials, TLS, redirects, and what it must not connect to."""

import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from avp_py.fetch.job import DATA
from avp_py.remotes import RemoteCommit
from tests.integration.certificates import self_signed
from tests.integration.fetching import Done, credential, fetch
from tests.integration.git_server import backend, commit, git_site
from tests.integration.repositories import basic, server_tls
from tests.integration.stand_in import Answer, Exchange, StandIn, free_port, stand_in
from tests.processes import descendants

pytestmark = pytest.mark.usefixtures("any_machine")

USER, PASSWORD, TOKEN = "reader", "hunter22-hunter22", "bearer-of-good-news"
LOGIN = basic(USER, PASSWORD)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One repository, `r`."""
    commit(tmp_path / "served" / "r", {"a": "1"})
    return tmp_path / "served"


@pytest.fixture
def site(root: Path) -> Iterator[StandIn]:
    with git_site(root) as server:
        yield server


def r_of(server: StandIn) -> RemoteCommit:
    return RemoteCommit(f"{server.address}/r/.git", "main")


def sent(server: StandIn) -> set[str | None]:
    """The credentials that came."""
    return {each.headers.get("Authorization") for each in server.asked}


def has_data(done: Done) -> bool:
    return done.outcome.reason == "" and bool(done.data)


CREDENTIALS: Mapping[str, tuple[dict[str, str], str]] = {
    "basic": ({"username": USER, "password": PASSWORD}, LOGIN),
    "bearer": ({"token": TOKEN}, f"Bearer {TOKEN}"),
    # As Argo CD: a token for GitHub needs no name.
    "password": ({"password": PASSWORD}, basic("x-access-token", PASSWORD)),
}


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_a_credential_is_sent_and_shown_nowhere(kind: str, root: Path, tmp_path: Path) -> None:
    fields, header = CREDENTIALS[kind]
    seen: list[bytes] = []
    passed_on = backend(root)

    def answer(exchange: Exchange) -> None:
        for pid in descendants(os.getpid()):
            for name in ("cmdline", "environ"):
                # What has ended meanwhile has none.
                with suppress(OSError):
                    seen.append(Path(f"/proc/{pid}/{name}").read_bytes())
        if exchange.asked.headers.get("Authorization") == header:
            passed_on(exchange)
        else:
            exchange.reply(401, b"", WWW_Authenticate='Basic realm="git"')

    with stand_in(answer) as server:
        done = fetch(tmp_path, r_of(server), credential=credential(server.address, **fields))
        assert has_data(done), done.outcome
        assert sent(server) == {header}

        wrong = fetch(
            tmp_path,
            r_of(server),
            credential=credential(server.address, username=USER, password="hunter23-hunter23"),
        )
        without = fetch(tmp_path, r_of(server))

    for each in (wrong, without):
        assert "the server wants credentials, or rejected those that it got" in each.message
        assert "AVP_REPOSITORIES" in each.message
        assert not each.outcome.is_down
    # A positive control: it was git that was looked at.
    assert any(b"remote-http" in each for each in seen)
    secrets = (PASSWORD, "hunter23", TOKEN, LOGIN.split()[1], header.split()[1])
    for secret in secrets:
        assert not any(secret.encode() in each for each in seen)
        assert not any(secret in str(each.outcome) + each.err for each in (done, wrong, without))


ECHOES: Mapping[str, Callable[[Exchange, str], None]] = {
    "an error": lambda exchange, said: exchange.reply(
        500, said.encode(), Content_Type="text/plain"
    ),
    "a refusal": lambda exchange, said: exchange.reply(
        403, said.encode(), Content_Type="text/plain"
    ),
    "an error of git": lambda exchange, said: exchange.reply(
        200,
        packet("# service=git-upload-pack\n") + b"0000" + packet(f"ERR {said}\n"),
        Content_Type="application/x-git-upload-pack-advertisement",
    ),
    "what is not git": lambda exchange, said: exchange.reply(
        200, packet(said), Content_Type="application/x-git-upload-pack-advertisement"
    ),
}


def packet(text: str) -> bytes:
    """A line of git's protocol (gitprotocol-common(5))."""
    return f"{len(text) + 4:04x}{text}".encode()


@pytest.mark.parametrize("way", ECHOES)
@pytest.mark.parametrize("kind", CREDENTIALS)
def test_a_server_that_echoes_shows_no_credential(way: str, kind: str, tmp_path: Path) -> None:
    fields, header = CREDENTIALS[kind]

    def answer(exchange: Exchange) -> None:
        ECHOES[way](exchange, f"you sent {exchange.asked.headers.get('Authorization')}")

    with stand_in(answer) as server:
        done = fetch(tmp_path, r_of(server), credential=credential(server.address, **fields))

    check_echo(done, server, header)


@pytest.mark.parametrize("way", ECHOES)
def test_a_server_that_echoes_shows_nothing_that_is_lent(way: str, tmp_path: Path) -> None:
    def answer(exchange: Exchange) -> None:
        if said := exchange.asked.headers.get("Authorization"):
            ECHOES[way](exchange, f"you sent {said}")
        else:
            exchange.reply(401, b"", WWW_Authenticate='Basic realm="git"')

    with stand_in(answer) as server:
        done = fetch(tmp_path, r_of(server), askpass={"username": USER, "password": PASSWORD})

    check_echo(done, server, LOGIN)


def check_echo(done: Done, server: StandIn, header: str) -> None:
    assert sent(server) - {None} == {header}
    assert done.outcome.reason
    assert done.outcome.detail
    for secret in (PASSWORD, TOKEN, header.split()[1]):
        assert secret not in f"{done.outcome}{done.err}"


def test_tls_with_a_ca_of_its_own(root: Path, tmp_path: Path) -> None:
    tls, ca = server_tls(tmp_path)
    with git_site(root, tls=tls) as server:
        url = server.address
        assert has_data(fetch(tmp_path, r_of(server), credential=credential(url, ca=ca)))
        assert has_data(fetch(tmp_path, r_of(server), credential=credential(url, verify=False)))
        for without in ({}, credential(url)):
            done = fetch(tmp_path, r_of(server), credential=without)
            assert "its TLS certificate is not trusted" in done.message
            assert "AVP_REPOSITORIES" in done.message


def test_a_client_certificate_is_sent(root: Path, tmp_path: Path) -> None:
    tls, ca = server_tls(tmp_path)
    client = self_signed(tmp_path, "client")
    tls.load_verify_locations(client.certificate)
    tls.verify_mode = ssl.CERT_REQUIRED
    ours = {"certificate": client.certificate.read_text(), "key": client.key.read_text()}
    with git_site(root, tls=tls) as server:
        whole = credential(server.address, ca=ca, **ours)
        assert has_data(fetch(tmp_path, r_of(server), credential=whole))
        without = fetch(tmp_path, r_of(server), credential=credential(server.address, ca=ca))
    assert without.data is None


def redirecting(to: str, status: int = 301) -> Answer:
    """Redirect every request to the same place elsewhere."""
    return lambda exchange: exchange.reply(status, b"", Location=to + exchange.path)


@contextmanager
def moving(root: Path, status: int, old: str, new: str) -> Iterator[StandIn]:
    """A server that wants a password, and redirects from one path to another."""
    passed_on = backend(root)

    def answer(exchange: Exchange) -> None:
        path = exchange.path
        if path.startswith(f"{old}/info"):
            exchange.reply(status, b"", Location=path.replace(old, new, 1))
        elif exchange.asked.headers.get("Authorization") == LOGIN:
            passed_on(exchange)
        else:
            exchange.reply(401, b"")

    with stand_in(answer) as server:
        yield server


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_the_same_repository_is_followed(
    status: int, root: Path, tmp_path: Path
) -> None:
    # GitLab leads to the URL that ends with .git in this way.
    (root / "same").symlink_to("r/.git")
    (root / "same.git").symlink_to("r/.git")
    with moving(root, status, "/same", "/same.git") as server:
        login = credential(server.address, username=USER, password=PASSWORD)
        done = fetch(tmp_path, RemoteCommit(f"{server.address}/same", "main"), credential=login)

        assert has_data(done), done.outcome
        # Where the redirect leads is found out without.
        assert sent(server) == {LOGIN, None}


def test_a_redirect_to_another_repository_takes_no_credentials(root: Path, tmp_path: Path) -> None:
    # The policy has permitted /old, and the credential is for the whole server.
    with moving(root, 302, "/old", "/r/.git") as server:
        login = credential(server.address, username=USER, password=PASSWORD)
        done = fetch(tmp_path, RemoteCommit(f"{server.address}/old", "main"), credential=login)

        assert done.data is None
        assert "where no credentials are sent" in done.outcome.reason
        assert all(
            each.headers.get("Authorization") is None
            for each in server.asked
            if each.path.startswith("/r/")
        )
        # The control: what it redirects to is there for who names it.
        direct = RemoteCommit(f"{server.address}/r/.git", "main")
        assert has_data(fetch(tmp_path, direct, credential=login))


def test_a_redirect_elsewhere_takes_no_credentials_along(root: Path, tmp_path: Path) -> None:
    tls, _ = server_tls(tmp_path)
    with git_site(root) as there, stand_in(redirecting(there.address)) as here:
        login = credential(here.address, username=USER, password=PASSWORD)
        done = fetch(tmp_path, r_of(here), credential=login)

        assert has_data(done), done.outcome
        assert sent(here) == {LOGIN}
        assert sent(there) == {None}

    # A server there that wants them does not get them.
    with git_site(root, LOGIN) as there, stand_in(redirecting(there.address)) as here:
        login = credential(here.address, username=USER, password=PASSWORD)
        done = fetch(tmp_path, r_of(here), credential=login)

        assert done.data is None
        assert "credentials" in done.message
        assert sent(there) == {None}

        # A positive control: it has them where they are for it.
        login = credential(there.address, username=USER, password=PASSWORD)
        assert has_data(fetch(tmp_path, r_of(there), credential=login))

    # An unverified certificate of one server says nothing about another.
    with git_site(root, tls=tls) as there, stand_in(redirecting(there.address)) as here:
        done = fetch(tmp_path, r_of(here), credential=credential(here.address, verify=False))
        assert done.data is None
        there.asked.clear()
        done = fetch(tmp_path, r_of(there), credential=credential(there.address, verify=False))
        assert has_data(done)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "0", "[::1]", "2130706433"])
def test_a_redirect_to_this_machine_is_refused(name: str, root: Path, tmp_path: Path) -> None:
    with git_site(root) as there:
        port = there.port
        with stand_in(redirecting(f"http://{name}:{port}")) as here:
            hosts = [f"127.0.0.1:{here.port}"]
            done = fetch(tmp_path, r_of(here), hosts=hosts)

            assert done.data is None
            assert "AVP_RENDER_HOSTS" in done.message or "URL" in done.message, done.message
            assert there.asked == []

            if name == "127.0.0.1":
                hosts.append(f"127.0.0.1:{port}")
                assert has_data(fetch(tmp_path, r_of(here), hosts=hosts))


def test_later_requests_are_not_redirected(site: StandIn, root: Path, tmp_path: Path) -> None:
    passed_on = backend(root)

    def answer(exchange: Exchange) -> None:
        if exchange.asked.method == "POST":
            exchange.reply(307, b"", Location=site.address + exchange.path)
        else:
            passed_on(exchange)

    with stand_in(answer) as here:
        done = fetch(tmp_path, r_of(here))

    assert done.data is None
    assert site.asked == []


def test_this_machine_is_refused_unless_it_is_listed(site: StandIn, tmp_path: Path) -> None:
    for host in ("127.0.0.1", "localhost"):
        url = f"http://{host}:{site.port}/r/.git"
        for hosts in ((), ("other",), (f"{host}:1",), ("127.0.0.2",)):
            done = fetch(tmp_path, RemoteCommit(url, "main"), hosts=hosts)
            assert f"AVP_RENDER_HOSTS={host}:{site.port}" in done.message
        assert site.asked == []
        for hosts in ((host,), (f"{host}:{site.port}",)):
            assert has_data(fetch(tmp_path, RemoteCommit(url, "main"), hosts=hosts))
        site.asked.clear()


REFUSED_URLS = (
    "ext::sh -c touch% {mark}", "ext::sh", "file://{repository}", "{repository}", "../r",
    "git://127.0.0.1:{port}/r/.git", "fd::17/foo", "-oProxyCommand=touch {mark}",
    "--upload-pack=touch {mark}", "ssh://-oProxyCommand=x/r", "-x@127.0.0.1:r",
    "ssh://-x@127.0.0.1/r", "http://user:secret@127.0.0.1:{port}/r/.git", "ftp://127.0.0.1/r",
    "http:///r/.git", "http://127.0.0.1:{port}", "HTTP::http://127.0.0.1:{port}/r/.git",
    "http://127.0.0.1:{port}/r/.git\n[x]", "http://127.0.0.1:99999999/r",
)  # fmt: skip


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_what_is_no_url_of_another_machine_is_refused(
    url: str, site: StandIn, root: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    url = url.format(mark=mark, repository=root / "r", port=site.port)

    done = fetch(tmp_path, RemoteCommit(url, "main"))

    assert done.data is None
    assert done.outcome.hint != ""
    assert "internal error" not in done.message
    assert "secret" not in done.message
    assert not mark.exists()
    assert site.asked == []


@pytest.mark.parametrize(
    "ref",
    ["--upload-pack=touch MARK", "-x", "a..b", "main:refs/heads/x", "+main", "a b", "a\nb", "^main",
     "main~1", "@{u}", "*", "refs/heads/*", "/main", "x" * 1001],
)  # fmt: skip
def test_what_is_no_ref_is_refused(ref: str, site: StandIn, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    url = f"{site.address}/r/.git"

    done = fetch(tmp_path, RemoteCommit(url, ref.replace("MARK", str(mark))))

    assert "is not the name of a branch, a tag or a commit" in done.message
    assert not mark.exists()
    assert site.asked == []


def test_an_operator_rewrites_urls_within_one_protocol(site: StandIn, tmp_path: Path) -> None:
    config = tmp_path / "operator"
    env = {"GIT_CONFIG_GLOBAL": str(config)}
    wanted = RemoteCommit(f"{site.address}/short/r/.git", "main")
    config.write_text(f'[url "{site.address}/"]\n\tinsteadOf = {site.address}/short/\n')
    assert has_data(fetch(tmp_path, wanted, env=env))

    config.write_text(f'[url "ssh://git@127.0.0.1/"]\n\tinsteadOf = {site.address}/\n')
    done = fetch(tmp_path, wanted, env=env)

    assert done.data is None
    assert "changes the protocol of the URL" in done.outcome.reason
    assert "AVP_REPOSITORIES" in done.outcome.hint
    assert "transport 'ssh' not allowed" in done.outcome.detail
    assert not done.outcome.is_down


def test_what_it_leaves_is_a_plain_file(site: StandIn, tmp_path: Path) -> None:
    fetch(tmp_path, r_of(site))

    (job,) = tmp_path.glob("job-*")
    assert (job / DATA).is_file()
    # A credential lies in files of its own user only.
    for file in job.glob("git-*"):
        assert file.stat().st_mode & 0o077 == 0


def test_a_port_where_nobody_listens(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/r"

    done = fetch(tmp_path, RemoteCommit(url))

    assert "could not be reached" in done.message
    assert done.outcome.is_down
