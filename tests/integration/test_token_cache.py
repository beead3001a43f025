"""Tokens between runs, on the real Vault: a proxy in front of it counts the logins."""

import json
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Run
from tests.integration.conftest import Fails
from tests.integration.manifests import fields, manifest
from tests.integration.stand_in import Exchange, StandIn, as_json, stand_in
from tests.integration.vault import Vault
from tests.processes import AVP

pytestmark = pytest.mark.usefixtures("any_machine")

LOGIN = "/v1/auth/approle/login"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the cache, which does not exist yet."""
    return tmp_path / "tokens"


@pytest.fixture
def document(vault: Vault, kv2: str) -> bytes:
    """A document that needs a secret."""
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    return manifest({"password": "<password>"}, f"{kv2}/data/app")


@pytest.fixture
def env(vault: Vault, proxy: StandIn, kv2: str, folder: Path) -> Mapping[str, str]:
    """Variables with which a run logs in through the proxy and keeps its token."""
    role_id, secret_id = vault.approle(f"{kv2}/*")
    return {
        "VAULT_ADDR": proxy.address,
        "AVP_ROLE_ID": role_id,
        "AVP_SECRET_ID": secret_id,
        "AVP_TOKEN_CACHE": str(folder),
    }


def logins(proxy: StandIn) -> int:
    return sum("/login" in path for path in proxy.paths)


def entries(folder: Path) -> list[Path]:
    return [each for each in folder.iterdir() if each.name != "key"]


def reads(run: Run, document: bytes, env: Mapping[str, str], *options: str) -> bool:
    return bool(fields(run("generate", "-", *options, env=env, stdin=document)) == PASSWORD)


PASSWORD = {"password": "hunter22"}


def test_the_second_run_makes_no_login(
    run: Run, proxy: StandIn, document: bytes, env: Mapping[str, str]
) -> None:
    assert reads(run, document, env)
    assert reads(run, document, env)
    assert [path for path in proxy.paths if "login" in path] == [LOGIN]
    assert len(proxy.paths) == 3
    said = run("generate", "-", "-v", env=env, stdin=document).err
    assert "reusing the token of an earlier run" in said
    assert "hvs." not in said


def test_without_the_setting_nothing_is_kept(
    run: Run, proxy: StandIn, document: bytes, env: Mapping[str, str], folder: Path
) -> None:
    own = {name: value for name, value in env.items() if name != "AVP_TOKEN_CACHE"}
    assert reads(run, document, own)
    assert reads(run, document, own)
    assert logins(proxy) == 2
    assert not folder.exists()


def test_it_is_switched_off_by_an_option(
    run: Run, proxy: StandIn, document: bytes, env: Mapping[str, str], folder: Path
) -> None:
    assert reads(run, document, env, "--disable-token-cache")
    assert not folder.exists()
    assert reads(run, document, env)
    assert reads(run, document, env, "--disable-token-cache")
    assert logins(proxy) == 3
    assert len(entries(folder)) == 1


def test_without_a_read_the_folder_is_not_made(
    run: Run, env: Mapping[str, str], folder: Path
) -> None:
    assert run("generate", "-", env=env, stdin=manifest({"a": "b"})).code == 0
    assert not folder.exists()


def test_a_wrong_credential_is_refused_with_a_warm_cache(
    run: Run, fails: Fails, proxy: StandIn, document: bytes, env: Mapping[str, str]
) -> None:
    assert reads(run, document, env)
    for name in ("AVP_ROLE_ID", "AVP_SECRET_ID"):
        wrong = {**env, name: env[name][:-1] + ("0" if env[name][-1] != "0" else "1")}
        assert "Vault rejected the login by approle" in fails(document, wrong)
    assert logins(proxy) == 3


def test_a_wrong_password_is_refused_with_a_warm_cache(
    run: Run, fails: Fails, vault: Vault, document: bytes, env: Mapping[str, str], kv2: str
) -> None:
    vault.client.sys.enable_auth_method("userpass", path=kv2)
    user = {"password": "correct horse", "token_policies": [vault.policy(f"{kv2}/data/app")]}
    vault.call("post", f"auth/{kv2}/users/alice", user)
    own = {
        **{name: env[name] for name in ("VAULT_ADDR", "AVP_TOKEN_CACHE")},
        "AVP_USERNAME": "alice",
        "AVP_MOUNT_PATH": f"auth/{kv2}",
    }
    assert reads(run, document, {**own, "AVP_PASSWORD": "correct horse"})
    said = fails(document, {**own, "AVP_PASSWORD": "wrong horse"}, secrets=("wrong horse",))
    assert "Vault rejected the login by userpass" in said


def test_a_role_reads_only_what_it_may_with_a_warm_cache(
    run: Run, fails: Fails, vault: Vault, document: bytes, env: Mapping[str, str]
) -> None:
    assert reads(run, document, env)
    role_id, secret_id = vault.approle("elsewhere")
    said = fails(document, {**env, "AVP_ROLE_ID": role_id, "AVP_SECRET_ID": secret_id})
    assert "Vault denied read access to" in said


def test_a_token_that_vault_revoked_costs_one_login(
    run: Run, vault: Vault, proxy: StandIn, document: bytes, env: Mapping[str, str], folder: Path
) -> None:
    assert reads(run, document, env)
    before = entries(folder)[0].read_bytes()
    vault.client.auth.token.revoke(json.loads(before)["token"])
    assert reads(run, document, env)
    assert logins(proxy) == 2
    assert entries(folder)[0].read_bytes() != before
    assert reads(run, document, env)
    assert logins(proxy) == 2


def test_a_refused_token_is_forgotten_though_the_login_fails(
    run: Run, fails: Fails, proxy: StandIn, document: bytes, env: Mapping[str, str], folder: Path
) -> None:
    assert reads(run, document, env)
    assert len(entries(folder)) == 1
    proxy.answer = as_json(403, {"errors": ["permission denied", "invalid token"]})
    assert "Vault rejected the login by approle" in fails(document, env)
    assert entries(folder) == []


def test_a_path_that_stays_forbidden_costs_nobody_a_login(
    run: Run,
    fails: Fails,
    proxy: StandIn,
    document: bytes,
    env: Mapping[str, str],
    folder: Path,
) -> None:
    assert reads(run, document, env)
    kept = entries(folder)[0].read_bytes()
    documents = b"".join(manifest({"a": "<k>"}, f"nowhere/data/{n}") for n in range(5))

    said = fails(documents, env)

    assert said.count("Vault denied read access to") == 5
    assert entries(folder)[0].read_bytes() == kept
    assert reads(run, document, env)
    assert logins(proxy) == 1


def test_a_token_that_cannot_be_replaced_is_kept(
    run: Run, fails: Fails, vault: Vault, proxy: StandIn, kv2: str, document: bytes, folder: Path
) -> None:
    role_id, secret_id = vault.approle(
        f"{kv2}/data/app", secret_id_num_uses=1, token_no_default_policy=True
    )
    own = {
        "VAULT_ADDR": proxy.address,
        "AVP_ROLE_ID": role_id,
        "AVP_SECRET_ID": secret_id,
        "AVP_TOKEN_CACHE": str(folder),
    }
    assert reads(run, document, own)
    said = fails(document + manifest({"a": "<k>"}, "nowhere/data/app"), own)
    assert "Vault denied read access to nowhere/data/app (403)" in said
    assert "rejected the login" not in said
    assert reads(run, document, own)


@pytest.mark.parametrize(
    ("auth", "kept"),
    [
        ({"lease_duration": 600}, True),
        ({"lease_duration": 600, "num_uses": 0, "renewable": True}, True),
        ({"lease_duration": 600, "token_type": "batch", "renewable": False}, True),
        ({"lease_duration": 60}, False),
        ({"lease_duration": 0}, False),
        ({"lease_duration": None}, False),
        ({"lease_duration": True}, False),
        ({"lease_duration": "600"}, False),
        ({"lease_duration": -1}, False),
        ({}, False),
        ({"lease_duration": 600, "num_uses": 3}, False),
    ],
    ids=str,
)
def test_which_tokens_are_kept(
    run: Run,
    proxy: StandIn,
    env: Mapping[str, str],
    folder: Path,
    auth: Mapping[str, object],
    kept: bool,
) -> None:
    def answer(exchange: Exchange) -> None:
        if exchange.path == LOGIN:
            as_json(200, {"auth": {"client_token": "canary-of-the-login", **auth}})(exchange)
        else:
            as_json(200, {"data": {"data": PASSWORD}})(exchange)

    proxy.answer = answer
    document = manifest({"password": "<password>"}, "kv/data/app")
    assert reads(run, document, env)
    assert bool(entries(folder)) == kept
    assert reads(run, document, env)
    assert logins(proxy) == (1 if kept else 2)


def test_vaults_own_answers_have_the_fields_that_are_looked_at(
    run: Run, vault: Vault, proxy: StandIn, document: bytes, kv2: str, folder: Path
) -> None:
    cases: list[tuple[dict[str, object], bool]] = [
        ({}, True),
        ({"token_type": "batch"}, True),
        ({"token_num_uses": 9}, False),
        ({"token_ttl": "30s"}, False),
        ({"token_period": "10m"}, True),
    ]
    for number, (options, kept) in enumerate(cases):
        mount, policy = f"{kv2}-{number}", vault.policy(f"{kv2}/*")
        user = {"password": "correct horse", "token_policies": [policy], **options}
        vault.client.sys.enable_auth_method("userpass", path=mount)
        vault.call("post", f"auth/{mount}/users/alice", user)
        own = {
            "VAULT_ADDR": proxy.address,
            "AVP_USERNAME": "alice",
            "AVP_PASSWORD": "correct horse",
            "AVP_MOUNT_PATH": f"auth/{mount}",
            "AVP_TOKEN_CACHE": f"{folder}-{number}",
        }
        before = logins(proxy)
        assert reads(run, document, own)
        assert reads(run, document, own)
        assert logins(proxy) - before == (1 if kept else 2), options


def test_a_token_that_is_given_is_not_kept(
    run: Run, vault: Vault, document: bytes, env: Mapping[str, str], folder: Path
) -> None:
    own = {name: env[name] for name in ("VAULT_ADDR", "AVP_TOKEN_CACHE")}
    assert reads(run, document, {**own, "VAULT_TOKEN": vault.root_token})
    assert not folder.exists()


def test_a_service_accounts_new_token_costs_a_login(
    run: Run, proxy: StandIn, env: Mapping[str, str], tmp_path: Path
) -> None:
    seen: list[str] = []

    def answer(exchange: Exchange) -> None:
        if exchange.path == "/v1/auth/kubernetes/login":
            jwt = json.loads(exchange.asked.body)["jwt"]
            seen.append(jwt)
            auth = {"client_token": f"token-for-{jwt}", "lease_duration": 600}
            as_json(200, {"auth": auth})(exchange)
        else:
            as_json(200, {"data": {"data": PASSWORD}})(exchange)

    proxy.answer = answer
    document = manifest({"password": "<password>"}, "kv/data/app")
    jwt = tmp_path / "jwt"
    own = {
        **{name: env[name] for name in ("VAULT_ADDR", "AVP_TOKEN_CACHE")},
        "AVP_K8S_ROLE": "web",
        "AVP_K8S_TOKEN_PATH": str(jwt),
    }
    for text in ("first", "first", "second", "first"):
        jwt.write_text(text)
        assert reads(run, document, own)
        assert proxy.asked[-1].headers["X-Vault-Token"] == f"token-for-{text}"
    assert seen == ["first", "second"]


def test_a_loose_folder_fails_the_run_and_says_what_to_do(
    fails: Fails, document: bytes, env: Mapping[str, str], folder: Path
) -> None:
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    said = fails(document, env)
    assert f"AVP_TOKEN_CACHE: {folder} is accessible to other users (mode 0755)" in said
    assert "next: chmod 700 it if it is our user's" in said


def test_many_runs_at_once_share_the_folder(
    proxy: StandIn, document: bytes, env: Mapping[str, str], folder: Path
) -> None:
    def generate(_: int) -> "subprocess.CompletedProcess[bytes]":
        argv = [*AVP, "generate", "-"]
        return subprocess.run(argv, env=env, input=document, capture_output=True, check=False)

    for _ in range(2):
        with ThreadPoolExecutor(6) as pool:
            for done in pool.map(generate, range(12)):
                assert (done.returncode, done.stderr) == (0, b"")
                assert b"hunter22" in done.stdout
    assert all(len(each.name) == 64 for each in entries(folder))
    before = logins(proxy)
    generate(0)
    assert logins(proxy) == before


who = st.sampled_from(["a", "b"])
runs = st.lists(
    st.fixed_dictionaries(
        {
            "VAULT_NAMESPACE": who, "AVP_ROLE_ID": who, "AVP_SECRET_ID": who,
            "AVP_MOUNT_PATH": st.sampled_from(["auth/a", "auth/b"]),
        }
    ),
    max_size=8,
)  # fmt: skip


@given(runs=runs)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_read_is_made_with_the_token_of_its_own_identity(
    run: Run, tmp_path_factory: pytest.TempPathFactory, runs: list[dict[str, str]]
) -> None:
    def answer(exchange: Exchange) -> None:
        asked = exchange.asked
        space = asked.headers["X-Vault-Namespace"]
        if asked.path.endswith("/login"):
            ids = json.loads(asked.body)
            token = "-".join([space, asked.path, ids["role_id"], ids["secret_id"]])
            as_json(200, {"auth": {"client_token": token, "lease_duration": 600}})(exchange)
        else:
            as_json(200, {"data": {"data": PASSWORD}})(exchange)

    seen = set()
    folder = tmp_path_factory.mktemp("cache") / "tokens"
    with stand_in(answer) as server:
        for own in runs:
            env = {**own, "VAULT_ADDR": server.address, "AVP_TOKEN_CACHE": str(folder)}
            assert reads(run, manifest({"password": "<password>"}, "kv/data/app"), env)
            path = f"/v1/{own['AVP_MOUNT_PATH']}/login"
            ids = (own["VAULT_NAMESPACE"], path, own["AVP_ROLE_ID"], own["AVP_SECRET_ID"])
            assert server.asked[-1].headers["X-Vault-Token"] == "-".join(ids)
            seen.add(ids)
        assert logins(server) == len(seen)
