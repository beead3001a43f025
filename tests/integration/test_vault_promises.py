"""The requests of a run to Vault, counted by a proxy in front of the real one."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.integration.conftest import Fails
from tests.integration.manifests import fields, manifest
from tests.integration.stand_in import Exchange, StandIn, as_json, forward, in_turn
from tests.integration.vault import Vault

pytestmark = pytest.mark.usefixtures("any_machine")

LOGIN = "/v1/auth/approle/login"
MANY = 24
HOLD_SECONDS = 5


@pytest.fixture
def env(vault: Vault, proxy: StandIn, kv2: str) -> Mapping[str, str]:
    """Variables with which a run goes through the proxy, with a login."""
    role_id, secret_id = vault.approle(f"{kv2}/*", "nowhere/*")
    return {"VAULT_ADDR": proxy.address, "AVP_ROLE_ID": role_id, "AVP_SECRET_ID": secret_id}


@pytest.fixture
def many(vault: Vault, kv2: str) -> bytes:
    """Documents that need a secret each."""
    for number in range(MANY):
        vault.write(f"{kv2}/data/app-{number}", {"password": f"hunter-{number:04}"})
    return b"".join(
        manifest({"a": "<password>"}, f"{kv2}/data/app-{number}") for number in range(MANY)
    )


def test_a_path_is_read_once_for_all_placeholders(
    run: Run, vault: Vault, proxy: StandIn, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"user": "admin", "password": "hunter22"})
    inline = f"<path:{kv2}/data/app#password>"
    one = manifest({"a": "<user>", "b": "<password>", "c": [inline, inline]}, f"{kv2}/data/app")
    other = manifest({"a": f"<path:/{kv2}/data/x/..//app/#user>"})

    assert fields(run("generate", "-", env=env, stdin=(one + other) * 10))["c"] == ["hunter22"] * 2

    assert proxy.paths == [LOGIN, f"/v1/{kv2}/data/app"]


def test_each_version_of_a_path_is_read_once(
    run: Run, vault: Vault, proxy: StandIn, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    path = f"<path:{kv2}/data/app#password"
    text = manifest({"a": f"{path}>", "b": f"{path}#1>", "c": f"{path}#1>{path}>"})

    assert fields(run("generate", "-", env=env, stdin=text * 2))["c"] == "hunter22hunter22"

    assert sorted(proxy.paths) == [
        LOGIN,
        f"/v1/{kv2}/data/app",
        f"/v1/{kv2}/data/app?version=1",
    ]


@pytest.mark.parametrize("concurrency", ["1", "8"])
def test_a_run_logs_in_once(
    run: Run, proxy: StandIn, env: Mapping[str, str], many: bytes, concurrency: str
) -> None:
    own = {**env, "AVP_CONCURRENCY": concurrency}

    assert fields(run("generate", "-", env=own, stdin=many)) == {"a": "hunter-0000"}

    assert proxy.paths.count(LOGIN) == 1
    assert proxy.paths[0] == LOGIN
    assert len(proxy.paths) == 1 + MANY


def test_a_refused_login_is_not_retried(
    fails: Fails, proxy: StandIn, env: Mapping[str, str], many: bytes
) -> None:
    fails(many, {**env, "AVP_SECRET_ID": "00000000-1111-2222-3333-444444444444"})

    assert proxy.paths == [LOGIN]


def test_a_token_is_used_without_asking_vault_about_it(
    run: Run, vault: Vault, proxy: StandIn, many: bytes
) -> None:
    own = {"VAULT_ADDR": proxy.address, "VAULT_TOKEN": vault.root_token}

    assert fields(run("generate", "-", env=own, stdin=many)) == {"a": "hunter-0000"}

    assert len(proxy.paths) == MANY
    assert not any("auth" in path for path in proxy.paths)


@pytest.mark.parametrize(
    "text",
    [
        manifest({"a": "plain"}),
        manifest({"a": "plain"}, "kv/data/app"),
        manifest({"a": "<k>"}),
        manifest({"a": "<k>", "b": "<path:kv/data/app#k>"}, "kv/data/app", ignore="true"),
    ],
    ids=["none", "only the annotation", "only brackets", "ignored"],
)
def test_without_placeholders_vault_is_not_contacted(
    run: Run, proxy: StandIn, env: Mapping[str, str], text: bytes
) -> None:
    result = run("generate", "-", env=env, stdin=text)

    assert result.out == text.decode()
    assert proxy.connections == 0


def test_without_placeholders_no_backend_is_opened(run: Run) -> None:
    text = manifest({"a": "<k>"}, "kv/data/app", ignore="true") + manifest({"a": "plain"})
    own = {"VAULT_ADDR": "https://127.0.0.1:1", "VAULT_CACERT": "/does/not/exist"}

    assert run("generate", "-", env=own, stdin=text).out == text.decode()


@pytest.mark.parametrize("limit", [1, 3, 8])
def test_reads_run_side_by_side_up_to_the_limit(
    run: Run, vault: Vault, proxy: StandIn, env: Mapping[str, str], many: bytes, limit: int
) -> None:
    hand_on = forward(vault.address)

    def hold(exchange: Exchange) -> None:
        # Each read waits for as many as are allowed, and then a moment for one too many.
        end = time.monotonic() + HOLD_SECONDS
        while exchange.path != LOGIN and proxy.most_in_flight < limit and time.monotonic() < end:
            time.sleep(0.001)
        time.sleep(0.01)
        hand_on(exchange)

    proxy.answer = hold

    run("generate", "-", env={**env, "AVP_CONCURRENCY": str(limit)}, stdin=many)

    assert len(proxy.asked) == 1 + MANY
    assert proxy.most_in_flight == limit


@pytest.mark.parametrize("concurrency", [1, 8])
def test_connections_are_kept_alive(
    run: Run, proxy: StandIn, env: Mapping[str, str], many: bytes, concurrency: int
) -> None:
    own = {**env, "AVP_CONCURRENCY": str(concurrency)}

    assert fields(run("generate", "-", env=own, stdin=many)) == {"a": "hunter-0000"}

    assert proxy.connections <= concurrency


def test_connections_are_kept_alive_when_vault_refuses(
    fails: Fails, vault: Vault, proxy: StandIn, many: bytes
) -> None:
    own = {
        "VAULT_ADDR": proxy.address,
        "VAULT_TOKEN": vault.token("none"),
        "AVP_CONCURRENCY": "1",
    }

    fails(many, own)

    # One more request queries the mount, to explain the error.
    assert len(proxy.asked) == MANY + 1
    assert proxy.connections == 1


def test_all_failures_are_reported_and_nothing_is_printed(
    fails: Fails, vault: Vault, proxy: StandIn, env: Mapping[str, str], kv2: str, many: bytes
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    failing = {
        "missing": f"<path:{kv2}/data/none#k>",
        "no-key": f"<path:{kv2}/data/app#user>",
        "no-mount": "<path:nowhere/data/app#k>",
        "no-data": f"<path:{kv2}/app#password>",
        "version": f"<path:{kv2}/data/app#password#9>",
        "bad-version": f"<path:{kv2}/data/app#password#new>",
        "climbs": "<path:../secret#k>",
    }

    said = fails(many + manifest(failing) + many, {**env, "AVP_KV_VERSION": "2"})

    assert "7 failures, nothing was printed" in said
    for name in failing:
        assert f"spec.{name}: " in said
    assert proxy.paths.count(LOGIN) == 1


def test_the_environment_of_the_process_adds_no_credentials(
    run: Run,
    proxy: StandIn,
    env: Mapping[str, str],
    many: bytes,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login somebody password canary-of-netrc\n")
    netrc.chmod(0o600)
    (tmp_path / ".vault-token").write_text("canary-of-the-home-folder")
    monkeypatch.setenv("VAULT_TOKEN", "canary-of-the-process")
    monkeypatch.setenv("VAULT_NAMESPACE", "canary-of-the-process")

    assert fields(run("generate", "-", env=env, stdin=many)) == {"a": "hunter-0000"}

    assert not any("Authorization" in each.headers for each in proxy.asked)
    assert "canary" not in str(proxy.asked)


def test_cookies_are_not_sent_back(run: Run, proxy: StandIn, many: bytes) -> None:
    body = {"data": {"data": {"password": "hunter22"}}}
    proxy.answer = as_json(200, body, Set_Cookie="balancer=node-1; Path=/")
    own = {"VAULT_ADDR": proxy.address, "VAULT_TOKEN": "some-token", "AVP_CONCURRENCY": "1"}

    assert fields(run("generate", "-", env=own, stdin=many)) == {"a": "hunter22"}

    assert not any("Cookie" in each.headers for each in proxy.asked)


def test_an_address_that_does_not_answer_is_waited_for_once(
    fails: Fails, proxy: StandIn, many: bytes
) -> None:
    # Otherwise a run would take the time limit once for each secret.
    release = threading.Event()
    proxy.answer = lambda _: (release.wait(10), None)[1]
    own = {
        "VAULT_ADDR": proxy.address,
        "VAULT_TOKEN": "some-token",
        "VAULT_CLIENT_TIMEOUT": "0.2",
        "AVP_CONCURRENCY": "2",
    }

    said = fails(many, own)
    release.set()

    assert f"{proxy.address} did not answer within 0.2 s" in said
    assert "1 failure, " in said
    assert len(proxy.asked) <= 2


def test_only_one_secret_is_requested_from_a_sealed_vault(
    fails: Fails, proxy: StandIn, many: bytes
) -> None:
    proxy.answer = as_json(503, {"errors": ["Vault is sealed"]})
    own = {"VAULT_ADDR": proxy.address, "VAULT_TOKEN": "t", "AVP_CONCURRENCY": "1"}

    said = fails(many, {**own, "VAULT_MAX_RETRIES": "1"})

    assert f"1. Vault at {proxy.address} is sealed or down (2 attempts)" in said
    assert said.count("spec.a: <password>") == MANY
    assert len(proxy.asked) == 2


def test_at_the_time_limit_the_first_failure_is_reported(
    fails: Fails, proxy: StandIn, many: bytes
) -> None:
    denied = as_json(403, {"errors": ["permission denied"]})
    proxy.answer = in_turn(denied, lambda _: time.sleep(2))
    own = {
        "VAULT_ADDR": proxy.address,
        "VAULT_TOKEN": "t",
        "AVP_CONCURRENCY": "1",
        "AVP_RUN_TIMEOUT": "1",
    }

    said = fails(many, own)

    assert "the run exceeded its time limit while secrets were read; the first error: " in said
    assert "Vault denied read access to" in said
