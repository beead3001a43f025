"""The variables of Vault's own client for proxies, redirects, sockets and rate limits."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import Run
from tests.integration.conftest import Fails
from tests.integration.manifests import fields, manifest
from tests.integration.stand_in import (
    Exchange,
    StandIn,
    as_html,
    forward,
    free_port,
    secret,
    stand_in,
    stand_in_at,
    tunnel,
)
from tests.integration.vault import Vault

pytestmark = pytest.mark.usefixtures("any_machine")

TOKEN = "hvs.canary/of+the=token"
GOOD = secret({"password": "hunter22"})
WANTED = manifest({"a": "<password>"}, "kv/data/app")
GIVEN = {"a": "hunter22"}
FAR = "http://vault.example.invalid:8200"


@pytest.fixture
def server() -> Iterator[StandIn]:
    """A stand-in for Vault, or for a proxy."""
    with stand_in(GOOD) as found:
        yield found


@pytest.fixture
def wrong() -> Iterator[StandIn]:
    """A proxy that must not get a request."""
    with stand_in(as_html(502, "wrong")) as found:
        yield found
        assert found.connections == 0


def environ(address: str, **more: str) -> Mapping[str, str]:
    return {"VAULT_ADDR": address, "VAULT_TOKEN": TOKEN, **more}


# A proxy for Vault alone.


@pytest.mark.parametrize("address", [FAR, "http://127.0.0.1:1"])
def test_a_proxy_for_vault_is_used_wherever_vault_is(
    run: Run, server: StandIn, wrong: StandIn, address: str
) -> None:
    others = {"HTTP_PROXY": wrong.address, "NO_PROXY": "*", "VAULT_HTTP_PROXY": wrong.address}
    own = environ(address, VAULT_PROXY_ADDR=server.address, **others)

    assert fields(run("generate", "-", env=own, stdin=WANTED)) == GIVEN

    assert server.paths == [f"{address}/v1/kv/data/app"]


def test_the_proxy_setting_has_an_older_name(run: Run, server: StandIn) -> None:
    own = environ(FAR, VAULT_HTTP_PROXY=server.address)

    assert fields(run("generate", "-", env=own, stdin=WANTED)) == GIVEN


@pytest.mark.parametrize("name", ["VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY"])
def test_an_unusable_proxy_is_reported_without_its_password(fails: Fails, name: str) -> None:
    password = "canary-of-the-proxy"
    own = {**environ(FAR), name: f"http://user:{password}@127.0.0.1:{free_port()}"}

    said = fails(WANTED, own, secrets=(password,))

    assert f"the proxy on the way to {FAR} cannot be used" in said
    assert f"next: check {name}" in said


def test_an_invalid_proxy_is_rejected(fails: Fails) -> None:
    said = fails(WANTED, environ(FAR, VAULT_PROXY_ADDR="socks5://canary:1"), secrets=("canary",))

    assert "VAULT_PROXY_ADDR is not the URL of a proxy" in said


# No address.


@pytest.mark.parametrize(
    "credentials",
    [{"VAULT_TOKEN": TOKEN}, {"AVP_ROLE_ID": "r", "AVP_SECRET_ID": "s"}],
    ids=["token", "login"],
)
def test_a_development_server_at_the_default_address_is_recognised(
    fails: Fails, vault: Vault, credentials: Mapping[str, str]
) -> None:
    def lead_to_vault(exchange: Exchange) -> None:
        exchange.path = urlsplit(vault.address).netloc
        tunnel(exchange)

    with stand_in(lead_to_vault) as proxy:
        said = fails(WANTED, {**credentials, "VAULT_PROXY_ADDR": proxy.address})

    assert {each.path for each in proxy.asked} == {"127.0.0.1:8200"}
    assert (
        "1. the server at https://127.0.0.1:8200 does not speak TLS, but most likely plain HTTP"
        in said
    )
    assert "; VAULT_ADDR is not set, so the default was tried\n" in said
    assert "set VAULT_ADDR to http://127.0.0.1:8200 if that is meant" in said


# Redirects.


def test_redirects_can_be_forbidden(fails: Fails, server: StandIn) -> None:
    with stand_in(
        lambda exchange: exchange.reply(307, b"", Location=f"{server.address}{exchange.path}")
    ) as standby:
        said = fails(WANTED, environ(standby.address, VAULT_DISABLE_REDIRECTS="true"))

    assert f"{standby.address} sends a redirect, and VAULT_DISABLE_REDIRECTS is true" in said
    assert server.connections == 0


# A Unix socket, such as Vault's agent can listen on.


def test_vault_may_listen_on_a_unix_socket(
    run: Run,
    vault: Vault,
    kv2: str,
    tmp_path: Path,
    wrong: StandIn,
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    role_id, secret_id = vault.approle(f"{kv2}/data/app")
    text = manifest({"a": "<password>"}, f"{kv2}/data/app")
    with stand_in_at(tmp_path / "vault.sock", forward(vault.address)) as agent:
        own = {
            "VAULT_ADDR": FAR,
            "VAULT_AGENT_ADDR": agent.address,
            "AVP_ROLE_ID": role_id,
            "AVP_SECRET_ID": secret_id,
            "HTTP_PROXY": wrong.address,
        }
        assert fields(run("generate", "-", env=own, stdin=text)) == GIVEN

        assert agent.paths == ["/v1/auth/approle/login", f"/v1/{kv2}/data/app"]
        assert {each.headers["Host"] for each in agent.asked} == {"localhost"}


def test_a_missing_socket_is_reported(fails: Fails, tmp_path: Path) -> None:
    address = f"unix://{tmp_path}/none.sock"

    said = fails(WANTED, environ(address, VAULT_MAX_RETRIES="0"))

    assert f"no connection to Vault at {address}: No such file or directory (1 attempt)" in said


def test_a_socket_has_a_time_limit_too(fails: Fails, tmp_path: Path) -> None:
    with stand_in_at(tmp_path / "vault.sock", lambda _: time.sleep(1)) as agent:
        said = fails(WANTED, environ(agent.address, VAULT_CLIENT_TIMEOUT="0.2"))

    assert f"{agent.address} did not answer within 0.2 s" in said


# SRV records, which need a resolver that we do not have.


def test_srv_records_are_not_looked_up_and_it_says_so(fails: Fails) -> None:
    said = fails(WANTED, environ("http://vault.example.invalid", VAULT_SRV_LOOKUP="true"))

    assert "VAULT_SRV_LOOKUP is true, but SRV records of DNS are not looked up" in said
    assert "next: name Vault's host and port in VAULT_ADDR" in said


def test_srv_lookup_is_ignored_if_the_address_has_a_port(run: Run, server: StandIn) -> None:
    own = environ(server.address, VAULT_SRV_LOOKUP="true")

    assert fields(run("generate", "-", env=own, stdin=WANTED)) == GIVEN


# A rate.


def test_requests_are_held_back_by_a_rate(run: Run, server: StandIn) -> None:
    many = b"---\n".join(manifest({"a": "<password>"}, f"kv/data/{name}") for name in "abcdef")
    begun = time.monotonic()

    own = environ(server.address, VAULT_RATE_LIMIT="5:2")
    assert run("generate", "-", env=own, stdin=many).code == 0

    assert len(server.asked) == 6
    # Two at once, and each of the others 0.2 seconds after the one before.
    assert time.monotonic() - begun >= 0.8
