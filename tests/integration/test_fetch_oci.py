"""The fetching process and OCI registries: the real one, and a stand-in with tokens."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from avp_py.remotes import RemoteChart
from tests import registry as registries
from tests.integration.fetching import Done, credential, fetch
from tests.integration.repositories import (
    Repository,
    basic,
    package,
    serve_charts,
    server_tls,
    status,
    with_etag,
)
from tests.integration.stand_in import Answer, StandIn, stand_in
from tests.integration.token_registry import TOKEN, Tokens, serve_tokens
from tests.registry import (
    CHART_CONFIG,
    CHART_LAYER,
    MANIFEST,
    Registry,
    chart_manifest,
    descriptor,
)

pytestmark = pytest.mark.usefixtures("any_machine")

USER, PASSWORD = "robot", "hunter22-hunter22"
VERSIONS: Final = ("1.0.0", "1.9.0", "1.10.0", "2.0.0-rc.1", "1.2.0+build.5")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that wants a password."""
    folder = tmp_path_factory.mktemp("registry")
    with registries.serve(folder, (USER, PASSWORD)) as running:
        for version in VERSIONS:
            archive = package("web", version)
            running.push_chart("team/web", version.replace("+", "_"), archive)
        running.push("team/files", "1.0.0", {"a": b"b"})
        running.push_chart("team/wet", "1.0.0", package("web", "1.0.0"))
        yield running


@pytest.fixture
def login(registry: Registry) -> Mapping[str, object]:
    """The credential for the registry, which has no TLS."""
    url = registry.url("team")
    return credential(url, username=USER, password=PASSWORD, plain_http=True)


def is_chart(done: Done, version: str) -> bool:
    found = (done.outcome.reason, done.outcome.version, done.data)
    return found == ("", version, package("web", version))


@pytest.mark.both_helms
@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("1.9.0", "1.9.0"),
        ("", "1.10.0"),
        ("^1.2", "1.10.0"),
        (">1-0", "2.0.0-rc.1"),
        ("1.2.0+build.5", "1.2.0+build.5"),
    ],
)
def test_it_is_what_helm_pulls(
    registry: Registry,
    login: Mapping[str, object],
    environ: Mapping[str, str],
    tmp_path: Path,
    wanted: str,
    chosen: str,
) -> None:
    helm = environ["AVP_HELM"]
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    host, args = registry.address, ["--username", USER, "--password", PASSWORD, "--plain-http"]
    subprocess.run([helm, "registry", "login", host, *args], check=True, env=env, text=True)
    version = ["--version", wanted] if wanted else []
    argv = [helm, "pull", registry.url("team/web"), "--plain-http", *version]
    subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True, env=env)
    (pulled,) = tmp_path.glob("*.tgz")

    done = fetch(tmp_path, RemoteChart(registry.url("team"), "web", wanted), credential=login)

    assert is_chart(done, chosen)
    assert done.data == pulled.read_bytes()


@pytest.mark.both_helms
def test_what_helm_pushes_is_fetched(
    registry: Registry, login: Mapping[str, object], environ: Mapping[str, str], tmp_path: Path
) -> None:
    helm, name = environ["AVP_HELM"], f"pushed-{Path(environ['AVP_HELM']).parent.name}"
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    archive = tmp_path / f"{name}-1.0.0.tgz"
    archive.write_bytes(package(name, "1.0.0"))
    args = ["--username", USER, "--password", PASSWORD, "--plain-http"]
    for argv in (
        ["registry", "login", registry.address, *args],
        ["push", archive, registry.url("team"), "--plain-http"],
    ):
        subprocess.run([helm, *argv], check=True, capture_output=True, env=env)

    done = fetch(tmp_path, RemoteChart(registry.url("team"), name, "^1"), credential=login)

    assert (done.outcome.version, done.data) == ("1.0.0", archive.read_bytes())


def test_a_known_version_is_not_pulled(
    registry: Registry, login: Mapping[str, object], tmp_path: Path
) -> None:
    remote = RemoteChart(registry.url("team"), "web", "~1.9")
    done = fetch(tmp_path, remote, credential=login, known=("1.9.0",))
    assert (done.outcome.reason, done.outcome.version, done.data) == ("", "1.9.0", None)


def test_a_tag_that_moves_is_resolved_each_time(
    registry: Registry, login: Mapping[str, object], tmp_path: Path
) -> None:
    remote = RemoteChart(registry.url("team"), "moving", "1.2")
    for version in ("1.2.3", "1.2.4"):
        registry.push_chart("team/moving", "1.2", package("moving", version))
        done = fetch(tmp_path, remote, credential=login, known=("1.2", "1.2.3"))
        # It is kept as what it is, and not as what it is called.
        assert (done.outcome.reason, done.outcome.version) == ("", version)
        assert done.data == package("moving", version)


def test_a_name_may_have_the_path(
    registry: Registry, login: Mapping[str, object], tmp_path: Path
) -> None:
    remote = RemoteChart(registry.url("team").removesuffix("/team"), "team/web", "1.9.0")
    done = fetch(tmp_path, remote, credential=login)
    assert (done.outcome.reason, done.outcome.version) == ("", "1.9.0")
    assert done.data == package("web", "1.9.0")


@pytest.mark.parametrize(
    ("name", "version", "says"),
    [
        ("web", "9.9.9", "the registry has no version '9.9.9' at oci://127.0.0.1"),
        ("web", "^9", "there is no version '^9' of the chart 'web'"),
        ("web", "nonsense!", "neither a version nor a range"),
        ("none", "^1", "the registry has no chart at oci://127.0.0.1"),
        ("files", "1.0.0", "is not a chart: it has no configuration of helm"),
        ("wet", "1.0.0", "the archive of the chart is that of 'web', not of 'wet'"),
    ],
)
def test_what_is_not_there(
    registry: Registry,
    login: Mapping[str, object],
    tmp_path: Path,
    name: str,
    version: str,
    says: str,
) -> None:
    done = fetch(tmp_path, RemoteChart(registry.url("team"), name, version), credential=login)
    assert says in done.outcome.reason
    assert done.data is None
    assert not done.outcome.is_down


def test_missing_and_wrong_passwords(registry: Registry, tmp_path: Path) -> None:
    url = registry.url("team")
    remote = RemoteChart(url, "web", "1.9.0")
    done = fetch(tmp_path, remote, credential=credential(url, plain_http=True))
    assert "wants credentials" in done.outcome.reason
    wrong = credential(url, username=USER, password="not-that-one", plain_http=True)
    done = fetch(tmp_path, remote, credential=wrong)
    assert f"rejected the credentials for {url} (HTTP status 401)" in done.outcome.reason
    assert "not-that-one" not in done.message


def test_plain_http_is_used_only_if_so_set(registry: Registry, tmp_path: Path) -> None:
    url = registry.url("team")
    login = credential(url, username=USER, password=PASSWORD)
    done = fetch(tmp_path, RemoteChart(url, "web", "1.9.0"), credential=login)
    assert "does not speak TLS, but most likely plain HTTP" in done.outcome.reason
    assert "plainHTTP" in done.outcome.hint


def plain(tokens: Tokens, **fields: str) -> Mapping[str, object]:
    return credential(tokens.url, plain_http=True, **fields)


def sent(server: StandIn) -> list[str | None]:
    """The credentials that came with each request."""
    return [each.headers.get("Authorization") for each in server.asked]


@pytest.mark.parametrize("login", [True, False])
def test_a_token_is_fetched_once(tmp_path: Path, *, login: bool) -> None:
    header = basic(USER, PASSWORD) if login else ""
    fields = {"username": USER, "password": PASSWORD} if login else {}
    with serve_tokens(Tokens(login=header)) as tokens:
        remote = RemoteChart(tokens.url, "web", "1.9.0")
        done = fetch(tmp_path, remote, credential=plain(tokens, **fields))

        assert is_chart(done, "1.9.0")
        bearer = f"Bearer {TOKEN}"
        assert sent(tokens.server) == [None, header or None, bearer, bearer]
        scope = "service=charts&scope=repository%3Ateam%2Fweb%3Apull"
        assert tokens.server.paths[1] == f"/token?{scope}"


def test_a_token_of_the_operator_is_sent(tmp_path: Path) -> None:
    with serve_tokens(Tokens(login="of nobody")) as tokens:
        remote = RemoteChart(tokens.url, "web", "1.9.0")
        assert is_chart(fetch(tmp_path, remote, credential=plain(tokens, token=TOKEN)), "1.9.0")
        assert sent(tokens.server) == [None, *[f"Bearer {TOKEN}"] * 2]

        expired = fetch(tmp_path, remote, credential=plain(tokens, token="expired-token"))
        assert f"rejected the credentials for {tokens.url}" in expired.outcome.reason
        assert "expired-token" not in expired.message


def test_all_pages_of_tags_are_read(tmp_path: Path) -> None:
    for page, requests in ((1, 4), (100, 1)):
        with serve_tokens(Tokens(page=page)) as tokens:
            remote = RemoteChart(tokens.url, "web", "<2")
            assert is_chart(fetch(tmp_path, remote, credential=plain(tokens)), "1.9.0")
            # One is sent again with the token.
            assert sum("tags/list" in each for each in tokens.server.paths) == requests + 1


def test_a_redirect_of_a_blob_takes_no_token_along(tmp_path: Path) -> None:
    archive = package("web", "1.9.0")
    with (
        stand_in(lambda exchange: exchange.reply(200, archive)) as storage,
        serve_tokens(Tokens(blobs=f"{storage.address}/blob?signature=x")) as tokens,
    ):
        remote = RemoteChart(tokens.url, "web", "1.9.0")
        assert is_chart(fetch(tmp_path, remote, credential=plain(tokens)), "1.9.0")
        assert storage.paths == ["/blob?signature=x"]
        assert sent(storage) == [None]


def test_a_challenge_after_a_redirect_gets_nothing(tmp_path: Path) -> None:
    with (
        stand_in(status(401, WWW_Authenticate='Basic realm="x"')) as storage,
        serve_tokens(Tokens(blobs=f"{storage.address}/blob")) as tokens,
    ):
        remote = RemoteChart(tokens.url, "web", "1.9.0")
        tokens.login = basic(USER, PASSWORD)
        login = plain(tokens, username=USER, password=PASSWORD)
        done = fetch(tmp_path, remote, credential=login)
        assert "are not sent there (HTTP status 401)" in done.outcome.reason
        assert sent(storage) == [None]


def test_tokens_come_from_permitted_addresses(tmp_path: Path) -> None:
    with (
        stand_in(lambda exchange: exchange.reply(200, b"{}")) as inner,
        serve_tokens(Tokens(realm=inner.address.replace("127.0.0.1", "localhost"))) as tokens,
    ):
        remote = RemoteChart(tokens.url, "web", "1.9.0")
        done = fetch(tmp_path, remote, credential=plain(tokens), hosts=("127.0.0.1",))
        assert "localhost is this machine" in done.outcome.reason
        assert inner.asked == []
        permitted = fetch(tmp_path, remote, credential=plain(tokens))
        assert "sends no token" in permitted.outcome.reason
        assert len(inner.asked) == 1


def test_tls_registries_take_tokens_from_https_only(tmp_path: Path) -> None:
    tls, ca = server_tls(tmp_path)
    tokens = Tokens()
    with stand_in(tokens.answer, tls) as server, stand_in(tokens.answer) as unsafe:
        tokens.server = server
        trusting = credential(tokens.url, ca=ca)
        remote = RemoteChart(tokens.url, "web", "1.9.0")
        assert is_chart(fetch(tmp_path, remote, credential=trusting), "1.9.0")

        tokens.realm = f"{unsafe.address}/token"
        done = fetch(tmp_path, remote, credential=trusting)
        assert "wants a token from http://127.0.0.1" in done.outcome.reason
        assert unsafe.asked == []


@pytest.mark.parametrize(
    ("path", "answer", "says"),
    [
        (
            "/v2/team/web/manifests/1.9.0",
            lambda each: each.reply(200, b"{}", Docker_Content_Digest=f"sha256:{'a' * 64}"),
            "the digest of the manifest at http://127.0.0.1",
        ),
        (
            "/v2/team/web/manifests/1.9.0",
            lambda each: each.reply(200, b"<html>"),
            "is not an OCI registry",
        ),
        (
            "/v2/team/web/manifests/1.9.0",
            lambda each: each.reply(
                200,
                chart_manifest(
                    descriptor(b"", CHART_CONFIG),
                    {"mediaType": CHART_LAYER, "digest": "md5:abc", "size": 1},
                ),
            ),
            "a digest that is not a SHA-256",
        ),
        (
            "/v2/team/web/manifests/1.9.0",
            lambda each: each.reply(
                200,
                chart_manifest(descriptor(b"", CHART_CONFIG), descriptor(b"", "application/x-tar")),
            ),
            "it has no layer with a chart",
        ),
        ("/v2/team/web/manifests/1.9.0", status(503), "HTTP status 503"),
        ("/v2/team/web/tags/list", lambda each: each.reply(200, b"[]"), "is not an OCI registry"),
        (
            "/v2/team/web/tags/list",
            lambda each: each.reply(200, b"{}", Link='<http://x/>; rel="next"'),
            "is not an OCI registry",
        ),
        ("/token", lambda each: each.reply(200, b"{}"), "sends no token"),
        ("/token", status(403), "wants credentials"),
    ],
)
def test_registries_that_lie(tmp_path: Path, path: str, answer: Answer, says: str) -> None:
    version = "^1" if "tags" in path else "1.9.0"
    with serve_tokens(Tokens(answers={path: answer})) as tokens:
        remote = RemoteChart(tokens.url, "web", version)
        done = fetch(tmp_path, remote, credential=plain(tokens))
        assert says in done.outcome.reason
        assert done.data is None


def test_a_blob_that_is_another_one(tmp_path: Path) -> None:
    with serve_tokens(Tokens()) as tokens:
        path = f"/v2/team/web/blobs/{tokens.digest}"
        tokens.answers[path] = lambda exchange: exchange.reply(200, package("web", "1.9.1"))
        remote = RemoteChart(tokens.url, "web", "1.9.0")
        done = fetch(tmp_path, remote, credential=plain(tokens))
        assert "the digest of the archive at http://127.0.0.1" in done.outcome.reason


def test_an_index_of_manifests(tmp_path: Path) -> None:
    with serve_tokens(Tokens()) as tokens:
        manifest = tokens.manifest
        found = descriptor(manifest, MANIFEST)
        other = {**descriptor(b"", MANIFEST), "artifactType": "application/x-other"}
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [other, {**found, "artifactType": CHART_CONFIG}],
        }
        tokens.answers |= {
            "/v2/team/web/manifests/1.9.0": lambda each: each.reply(
                200, json.dumps(index).encode()
            ),
            f"/v2/team/web/manifests/{found['digest']}": lambda each: each.reply(200, manifest),
        }
        remote = RemoteChart(tokens.url, "web", "1.9.0")
        assert is_chart(fetch(tmp_path, remote, credential=plain(tokens)), "1.9.0")


@pytest.mark.both_helms
def test_an_index_that_names_a_registry(
    registry: Registry, environ: Mapping[str, str], tmp_path: Path
) -> None:
    archive = package("web", "1.9.0")
    # As that of Bitnami; its digests may be those of manifests.
    index = {
        "apiVersion": "v1",
        "entries": {
            "web": [
                {
                    "apiVersion": "v2",
                    "name": "web",
                    "version": "1.9.0",
                    "digest": "a" * 64,
                    "urls": [f"{registry.url('team/web')}:1.9.0"],
                }
            ]
        },
    }
    repository = Repository({}, answers={"index.yaml": with_etag(json.dumps(index).encode())})
    with serve_charts(repository) as running:
        remote = RemoteChart(running.url, "web", "1.9.0")
        login = {"username": USER, "password": PASSWORD, "plain_http": True}
        passed = credential(running.url, **login, pass_credentials=True)
        done = fetch(tmp_path, remote, credential=passed)
        assert (done.outcome.reason, done.data) == ("", archive)

        done = fetch(tmp_path, remote, credential=credential(running.url, **login))
        assert "does not speak TLS" in done.outcome.reason

        helm = environ["AVP_HELM"]
        env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        args = ["--username", USER, "--password", PASSWORD, "--plain-http"]
        logging_in = [helm, "registry", "login", registry.address, *args]
        subprocess.run(logging_in, check=True, capture_output=True, env=env)
        pull = [helm, "pull", "--repo", running.url, "web", "--version", "1.9.0", "--plain-http"]
        subprocess.run(pull, cwd=tmp_path, check=True, capture_output=True, env=env)
        assert (tmp_path / "web-1.9.0.tgz").read_bytes() == archive


@pytest.mark.parametrize("name", ["../web", "a/../web", ".", "", "a//b", "web?x", "web#x"])
def test_names_do_not_lead_elsewhere(tmp_path: Path, name: str) -> None:
    with serve_tokens(Tokens()) as tokens:
        remote = RemoteChart(tokens.url, name, "1.9.0")
        done = fetch(tmp_path, remote, credential=plain(tokens))
        assert "is not a valid URL of a chart" in done.outcome.reason
        assert tokens.server.asked == []


def test_tokens_and_passwords_are_in_no_message(tmp_path: Path) -> None:
    secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    for path in ("/token", "/v2/team/web/manifests/1.9.0"):
        with serve_tokens(Tokens(login=basic(USER, PASSWORD))) as tokens:
            tokens.answers[path] = status(500)
            remote = RemoteChart(tokens.url, "web", "1.9.0")
            login = plain(tokens, username=USER, password=PASSWORD)
            done = fetch(tmp_path, remote, credential=login)
            assert done.outcome.is_down
            for each in (PASSWORD, secret, TOKEN):
                assert each not in f"{done.outcome}{done.err}"
