"""The fetching process and TLS, the sandbox, and proxies on the way to a chart repository."""

import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from avp_py.fetch.job import DATA, Job, Outcome
from avp_py.remotes import RemoteChart
from avp_py.sandbox import SYSTEM, Access, Places, program_access, run
from tests.conftest import ROOT
from tests.integration.certificates import self_signed
from tests.integration.fetching import LOOPBACK, MAX_BYTES, MEMORY, Done, credential, fetch
from tests.integration.laboratory import LIMITS
from tests.integration.repositories import (
    Repository,
    basic,
    charts,
    serve_charts,
    server_tls,
)
from tests.integration.stand_in import StandIn, forward, stand_in, tunnel

pytestmark = pytest.mark.usefixtures("any_machine")

USER, PASSWORD, TOKEN = "reader", "hunter22-hunter22", "bearer-of-good-news"
LOGIN = basic(USER, PASSWORD)

VERSIONS = ("web-1.9.3", "web-1.10.0")


@pytest.fixture
def repository() -> Iterator[Repository]:
    """A repository that wants no credentials."""
    with serve_charts(Repository(charts(*VERSIONS))) as running:
        yield running


def sent(server: StandIn) -> list[str | None]:
    """The credentials that came with each request."""
    return [each.headers.get("Authorization") for each in server.asked]


def is_chart(done: Done, version: str) -> bool:
    return (done.outcome.reason, done.outcome.version) == ("", version) and done.data is not None


def test_tls_with_a_ca_of_its_own(tmp_path: Path) -> None:
    tls, ca = server_tls(tmp_path)
    with serve_charts(Repository(charts(*VERSIONS)), tls) as running:
        remote = RemoteChart(running.url, "web", "1.9.3")
        assert is_chart(fetch(tmp_path, remote, credential=credential(running.url, ca=ca)), "1.9.3")
        unverified = credential(running.url, verify=False)
        assert is_chart(fetch(tmp_path, remote, credential=unverified), "1.9.3")
        done = fetch(tmp_path, remote)
        assert "is not signed by a trusted CA" in done.outcome.reason
        assert "AVP_REPOSITORIES" in done.outcome.hint


def test_no_verification_is_for_one_server_only(tmp_path: Path) -> None:
    tls, _ = server_tls(tmp_path)
    with serve_charts(Repository(charts(*VERSIONS)), tls) as there:
        archives = f"{there.url}/"
        with serve_charts(Repository(charts(*VERSIONS), archives=archives), tls) as here:
            unverified = credential(here.url, verify=False)
            done = fetch(tmp_path, RemoteChart(here.url, "web", "1.9.3"), credential=unverified)

        assert "is not signed by a trusted CA" in done.outcome.reason
        assert there.host in done.outcome.reason


def test_a_client_certificate_is_sent(tmp_path: Path) -> None:
    tls, ca = server_tls(tmp_path)
    client = self_signed(tmp_path, "client")
    tls.load_verify_locations(client.certificate)
    tls.verify_mode = ssl.CERT_REQUIRED
    ours = {
        "ca": ca,
        "certificate": client.certificate.read_text(),
        "key": client.key.read_text(),
    }
    with serve_charts(Repository(charts(*VERSIONS)), tls) as running:
        remote = RemoteChart(running.url, "web", "1.9.3")
        done = fetch(tmp_path, remote, credential=credential(running.url, **ours))
        assert is_chart(done, "1.9.3")
        without = fetch(tmp_path, remote, credential=credential(running.url, ca=ca))
        assert "client certificate" in without.message
        broken = credential(running.url, **{**ours, "key": ca})
        assert "cannot be used" in fetch(tmp_path, remote, credential=broken).outcome.reason


def test_all_of_it_works_in_the_sandbox(tmp_path: Path) -> None:
    tls, ca = server_tls(tmp_path)
    client = self_signed(tmp_path, "client")
    tls.load_verify_locations(client.certificate)
    tls.verify_mode = ssl.CERT_REQUIRED
    place = tmp_path / "job"
    place.mkdir()
    with serve_charts(Repository(charts(*VERSIONS)), tls) as running:
        ours = credential(
            running.url,
            ca=ca,
            certificate=client.certificate.read_text(),
            key=client.key.read_text(),
        )
        Job(
            remote=RemoteChart(running.url, "web", "^1"),
            credential=ours,
            hosts=LOOPBACK,
            seconds=20,
            max_bytes=MAX_BYTES,
            memory_bytes=MEMORY,
        ).write(place)

        def in_sandbox(*ports: int) -> Outcome:
            run(
                [sys.executable, "-P", "-m", "avp_py.fetch.child", str(place)],
                cwd=place,
                env={"PATH": os.environ["PATH"]},
                limits=LIMITS,
                access=SYSTEM
                | program_access(sys.executable)
                | Access(
                    read=(ROOT, Path(sys.prefix), Path(sys.base_prefix)),
                    write=(place,),
                    connect=ports,
                ),
                places=Places(Path("/none"), Path("/none"), None),
            )
            return Outcome.read(place)

        permitted = in_sandbox(running.server.port)
        assert (permitted.reason, permitted.version) == ("", "1.10.0")
        assert (place / DATA).read_bytes() == running.charts["web", "1.10.0"]
        refused = in_sandbox(1)
        assert f"connections to port {running.server.port}" in refused.reason
        assert "AVP_RENDER_PORTS" in refused.hint


def test_proxies_of_the_environment(tmp_path: Path) -> None:
    tls, ca = server_tls(tmp_path, "DNS:repo.example")
    with serve_charts(Repository(charts(*VERSIONS)), tls) as running:
        port = running.server.port
        remote = RemoteChart(f"https://repo.example:{port}/charts", "web", "1.9.3")
        login = credential(remote.repository, ca=ca, username=USER, password=PASSWORD)
        with stand_in(tunnel) as proxy:
            address = proxy.address.replace("://", "://me:secret@")
            env = {"HTTPS_PROXY": address}
            done = fetch(tmp_path, remote, credential=login, env=env)
            assert is_chart(done, "1.9.3")
            (asked,) = proxy.asked
            assert (asked.method, asked.path) == ("CONNECT", f"repo.example:{port}")
            assert asked.headers["Proxy-Authorization"] == basic("me", "secret")
            assert sent(running.server) == [LOGIN, LOGIN]

            exempt = fetch(tmp_path, remote, env={**env, "NO_PROXY": "*.example"})
            assert "does not resolve" in exempt.outcome.reason
            assert len(proxy.asked) == 1


def test_a_proxy_for_plain_http(repository: Repository, tmp_path: Path) -> None:
    with stand_in(forward(repository.server.address)) as proxy:
        port = repository.server.port
        url = f"http://repo.example:{port}/charts"
        env = {"http_proxy": proxy.address.removeprefix("http://")}
        assert is_chart(fetch(tmp_path, RemoteChart(url, "web", "1.9.3"), env=env), "1.9.3")
        assert proxy.paths[0] == f"{url}/index.yaml"

        refused = fetch(tmp_path, RemoteChart("http://169.254.169.254/x", "web"), env=env)
        assert "link-local" in refused.outcome.reason
        assert len(proxy.asked) == 2
