"""A path of the wrong mount or KV version: what Vault answers, and what a run reports."""

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.conftest import Run
from tests.integration.conftest import Fails
from tests.integration.manifests import fields, manifest
from tests.integration.stand_in import (
    Answer,
    Exchange,
    StandIn,
    as_html,
    as_json,
    forward,
)
from tests.integration.vault import Vault

pytestmark = pytest.mark.usefixtures("any_machine")

MOUNTS = "/v1/sys/internal/ui/mounts/"
READ = '{ capabilities = ["read"] }'


@pytest.fixture
def env(vault: Vault, proxy: StandIn) -> Mapping[str, str]:
    """Variables with which a run reads through the proxy."""
    return {"VAULT_ADDR": proxy.address, "VAULT_TOKEN": vault.root_token}


@pytest.fixture
def secret(vault: Vault, kv2: str) -> str:
    """The path of a secret of KV version 2."""
    vault.write(f"{kv2}/data/team/app", {"password": "hunter22"})
    return f"{kv2}/data/team/app"


def queries(proxy: StandIn) -> list[str]:
    return [path for path in proxy.paths if path.startswith(MOUNTS)]


# KV version 2, read as version 1.


def test_version_2_read_as_1_is_recognised_by_the_answer(
    fails: Fails, proxy: StandIn, env: Mapping[str, str], secret: str
) -> None:
    wanted = {"a": "<password>", "b": "<user>"}

    by_setting = fails(manifest(wanted, secret), {**env, "AVP_KV_VERSION": "1"})
    by_annotation = fails(manifest(wanted, secret, kv_version="1"), env)

    for said in (by_setting, by_annotation):
        assert "1 failure, nothing was printed" in said
        assert f"1. {secret} is a secret of KV version 2, and it was read as version 1" in said
        assert 'annotate the document with avp.kubernetes.io/kv-version: "2"' in said
        assert "is not in the secret" not in said
    assert "next: set AVP_KV_VERSION=2, or unset it (the version is then detected)" in by_setting
    assert "or remove the annotation (the version is then detected)" in by_annotation
    assert "AVP_KV_VERSION" not in by_annotation
    assert proxy.paths == [f"/v1/{secret}"] * 2, "the answer says it: nothing more is asked"


def test_a_deleted_secret_read_as_version_1_is_recognised(
    fails: Fails, vault: Vault, env: Mapping[str, str], secret: str
) -> None:
    vault.call("delete", secret)

    said = fails(manifest({"a": "<password>"}, secret, kv_version="1"), env)

    assert f"{secret} is a secret of KV version 2, and it was read as version 1" in said


def test_what_argocd_vault_plugin_reads_so_is_still_read(
    run: Run, proxy: StandIn, env: Mapping[str, str], secret: str
) -> None:
    whole = manifest({"a": "<data | jsonPath {.password}>"}, secret, kv_version="1")
    removed = manifest(
        {"a": "<password>", "b": "kept"}, secret, kv_version="1", remove_missing="true"
    )

    assert fields(run("generate", "-", env=env, stdin=whole)) == {"a": "hunter22"}
    assert fields(run("generate", "-", env=env, stdin=removed)) == {"b": "kept"}
    assert queries(proxy) == []


def test_a_default_does_not_hide_the_wrong_version(
    fails: Fails, run: Run, env: Mapping[str, str], secret: str
) -> None:
    wanted = {"a": "<user | default admin>"}

    said = fails(manifest(wanted, secret, kv_version="1"), env)

    assert f"{secret} is a secret of KV version 2, and it was read as version 1" in said
    assert fields(run("generate", "-", env=env, stdin=manifest(wanted, secret))) == {"a": "admin"}


def test_an_import_of_the_wrong_version_is_an_error(
    fails: Fails, run: Run, env: Mapping[str, str], secret: str
) -> None:
    annotation = {"import": secret}

    said = fails(manifest({}, kv_version="1", **annotation), env)

    assert f"{secret} is a secret of KV version 2, and it was read as version 1" in said
    assert 'metadata.annotations["avp.kubernetes.io/import"]: all keys at' in said
    right = run("generate", "-", env=env, stdin=manifest({}, **annotation))
    assert '"password": "hunter22"' in right.out


def test_a_version_1_secret_with_such_keys_is_not_mistaken(
    fails: Fails, vault: Vault, env: Mapping[str, str], kv1: str
) -> None:
    values = {"data": {"password": "hunter22"}, "metadata": {"owner": "team", "version": 3}}
    vault.call("post", f"{kv1}/data/app", values)

    said = fails(manifest({"a": "<password>"}, f"{kv1}/data/app", kv_version="1"), env)

    assert "the key 'password' is not in the secret" in said


def test_a_path_without_data_read_as_1_gets_both_fixes(
    fails: Fails, proxy: StandIn, env: Mapping[str, str], kv2: str, secret: str
) -> None:
    own = {**env, "AVP_KV_VERSION": "1"}

    said = fails(manifest({"a": "<password>"}, f"{kv2}/team/app"), own)

    assert (
        f"Vault has nothing at {kv2}/team/app: {kv2}/ is a KV version 2 mount; its paths have "
        "data/ after the mount; it was read as version 1" in said
    )
    assert f"next: write {secret}; set AVP_KV_VERSION=2, or unset it" in said
    assert len(queries(proxy)) == 1


def test_a_path_with_nothing_names_the_wrong_version_too(
    fails: Fails, env: Mapping[str, str], kv2: str
) -> None:
    said = fails(manifest({"a": "<k>"}, f"{kv2}/data/none", kv_version="1"), env)

    assert (
        f"Vault has nothing at {kv2}/data/none: {kv2}/ is a KV version 2 mount; it was read as "
        "version 1" in said
    )
    assert "next: check the path, and write the secret if it does not exist yet; annotate" in said


# KV version 1, read as version 2.


@pytest.mark.parametrize("version", [None, "1", "2"])
def test_data_in_a_path_of_version_1_is_reported(
    fails: Fails,
    vault: Vault,
    proxy: StandIn,
    env: Mapping[str, str],
    kv1: str,
    version: str | None,
) -> None:
    vault.write(f"{kv1}/app", {"password": "hunter22"})
    annotations = {} if version is None else {"kv_version": version}

    said = fails(manifest({"a": "<password>"}, f"{kv1}/data/app", **annotations), env)

    assert (
        f"Vault has nothing at {kv1}/data/app: {kv1}/ is a KV version 1 mount; its paths have no "
        "data/ after the mount" in said
    )
    assert f"next: write {kv1}/app" in said
    assert ('annotate the document with avp.kubernetes.io/kv-version: "1"' in said) == (
        version == "2"
    )
    assert proxy.paths == [f"/v1/{kv1}/data/app", f"{MOUNTS}{kv1}/data/app"]


def test_version_1_read_as_2_is_explained_by_the_mount(
    fails: Fails, vault: Vault, env: Mapping[str, str], kv1: str
) -> None:
    vault.write(f"{kv1}/app", {"password": "hunter22"})

    said = fails(manifest({"a": "<password>"}, f"{kv1}/app"), {**env, "AVP_KV_VERSION": "2"})

    assert (
        f"{kv1}/app is not a secret of KV version 2: {kv1}/ is a KV version 1 mount; it was read "
        "as version 2" in said
    )
    assert "next: set AVP_KV_VERSION=1, or unset it (the version is then detected), or" in said


def test_metadata_is_not_part_of_the_suggested_name(
    fails: Fails, env: Mapping[str, str], kv2: str, secret: str
) -> None:
    said = fails(manifest({"a": "<password>"}, f"{kv2}/metadata/team/app", kv_version="2"), env)

    assert f"next: write {secret}" in said


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_mount_is_not_a_secret_by_any_version(
    fails: Fails, env: Mapping[str, str], kv1: str, kv2: str, version: str
) -> None:
    for path in (kv1, kv2):
        said = fails(manifest({"a": "<k>"}, path, kv_version=version), env)
        assert "it is a mount, not a secret" in said
        assert "next: write the name of the secret after the mount" in said


# A denied path and a missing mount get the same answer from Vault.


@pytest.mark.parametrize("version", [None, "1", "2"])
def test_a_denied_path_differs_from_a_missing_mount(
    fails: Fails,
    vault: Vault,
    proxy: StandIn,
    kv2: str,
    version: str | None,
) -> None:
    role_id, secret_id = vault.approle(f"{kv2}/data/other")
    own = {"VAULT_ADDR": proxy.address, "AVP_ROLE_ID": role_id, "AVP_SECRET_ID": secret_id}
    annotations = {} if version is None else {"kv_version": version}

    denied = fails(manifest({"a": "<k>"}, f"{kv2}/data/app", **annotations), own)
    absent = fails(manifest({"a": "<k>"}, "nowhere/data/app", **annotations), own)

    assert f"Vault denied read access to {kv2}/data/app (403)" in denied
    assert f'next: allow it in the token\'s policy: path "{kv2}/data/app" {READ}' in denied
    assert "names no mount" not in denied
    assert "Vault denied read access to nowhere/data/app (403), and names no mount for it" in absent
    assert "next: check that the mount exists; if it does, allow it in the token's" in absent
    assert "expired" not in denied + absent, "the run has just logged in"


def test_a_denied_path_of_the_wrong_form_is_corrected(
    fails: Fails, vault: Vault, env: Mapping[str, str], kv1: str, kv2: str
) -> None:
    own = {**env, "VAULT_TOKEN": vault.token(f"{kv2}/data/other", f"{kv1}/other")}

    of_2 = fails(manifest({"a": "<k>"}, f"{kv2}/app", kv_version="2"), own)
    of_1 = fails(manifest({"a": "<k>"}, f"{kv1}/data/app"), own)

    assert f"{kv2}/ is a KV version 2 mount; its paths have data/ after the mount" in of_2
    assert f"next: write {kv2}/data/app" in of_2
    assert f"{kv1}/ is a KV version 1 mount; its paths have no data/ after the mount" in of_1
    assert f"next: write {kv1}/app; if data/ is a part of the name, allow it in" in of_1


def test_the_policy_for_an_unknown_mount_may_need_data(
    fails: Fails, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    own = {**env, "VAULT_TOKEN": vault.token("none")}

    said = fails(manifest({"a": f"<path:{kv2}/app#k>"}), own)

    assert f'path "{kv2}/app" {READ}, for KV version 2 with data/ in it' in said


def test_an_older_vault_may_mean_an_expired_token(
    fails: Fails, proxy: StandIn, env: Mapping[str, str]
) -> None:
    proxy.answer = as_json(403, {"errors": ["permission denied"]})  # as Vault before 1.13

    said = fails(manifest({"a": "<k>"}, "kv/data/app"), env)

    assert "check too that the mount exists and that the token has not expired" in said


# Another engine.


@pytest.fixture(scope="module")
def transit(vault: Vault) -> str:
    """A mount of the transit engine, with a key."""
    vault.client.sys.enable_secrets_engine("transit", path="encryption/service")
    vault.call("post", "encryption/service/keys/app")
    return "encryption/service"


@pytest.mark.parametrize("version", [None, "2"])
@pytest.mark.parametrize("path", ["keys/app", "keys/none", "encrypt/app", "data/app", "x/data/app"])
def test_another_engine_is_named(
    fails: Fails, env: Mapping[str, str], transit: str, path: str, version: str | None
) -> None:
    annotations = {} if version is None else {"kv_version": version}

    said = fails(manifest({"a": "<k>"}, f"{transit}/{path}", **annotations), env)

    assert (
        f"1. {transit}/{path} is not a KV secret: {transit}/ is a mount of the transit engine"
        in said
    )
    assert "next: write a path of a KV mount" in said


def test_another_engine_is_not_read_once_it_is_known(
    fails: Fails, proxy: StandIn, env: Mapping[str, str], transit: str
) -> None:
    fails(manifest({"a": "<k>", "b": f"<path:{transit}/keys/b#k>"}, f"{transit}/keys/app"), env)

    assert proxy.paths == [f"{MOUNTS}{transit}/keys/app"], "a read may do something there"


def test_another_engine_is_still_read_as_version_1(
    run: Run, fails: Fails, proxy: StandIn, env: Mapping[str, str], transit: str
) -> None:
    document = manifest({"a": "<type>"}, f"{transit}/keys/app", kv_version="1")
    assert fields(run("generate", "-", env=env, stdin=document)) == {"a": "aes256-gcm96"}
    assert queries(proxy) == []

    said = fails(manifest({"a": "<type>"}, f"{transit}/keys/none", kv_version="1"), env)

    assert f"Vault has nothing at {transit}/keys/none" in said
    assert f"{transit}/ is a mount of the transit engine" in said


def test_an_unsupported_operation_is_reported(
    fails: Fails, env: Mapping[str, str], transit: str
) -> None:
    said = fails(manifest({"a": "<k>"}, f"{transit}/encrypt/app", kv_version="1"), env)

    assert f"Vault rejected the read of {transit}/encrypt/app (405): " in said
    assert "unsupported operation" in said
    assert f"next: check the path, and the version if one is named; {transit}/ is a mount" in said


# How often the mount is queried, and the effect of a failed query.


@pytest.mark.parametrize("is_allowed", [True, False])
@pytest.mark.parametrize("concurrency", ["1", "8"])
def test_a_mount_is_queried_once(
    fails: Fails, vault: Vault, proxy: StandIn, kv2: str, concurrency: str, *, is_allowed: bool
) -> None:
    token = vault.root_token if is_allowed else vault.token("none")
    env = {"VAULT_ADDR": proxy.address, "VAULT_TOKEN": token, "AVP_CONCURRENCY": concurrency}
    paths = [f"{kv2}/data/{folder}/{number}" for folder in "abc" for number in range(4)]

    said = fails(manifest({f"f{n}": f"<path:{path}#k>" for n, path in enumerate(paths)}), env)

    assert f"{len(paths)} failures" in said
    assert len(queries(proxy)) == 1
    assert len(proxy.paths) == len(paths) + 1


def test_a_known_mount_is_not_queried_again(
    fails: Fails, proxy: StandIn, env: Mapping[str, str], kv2: str
) -> None:
    wanted = {"a": f"<path:{kv2}/a#k>", "b": f"<path:{kv2}/data/b#k>"}

    fails(manifest(wanted), {**env, "AVP_CONCURRENCY": "1"})

    assert len(queries(proxy)) == 1


def test_a_failure_with_a_known_cause_queries_nothing(
    fails: Fails, vault: Vault, proxy: StandIn, env: Mapping[str, str], secret: str
) -> None:
    wrong = [
        manifest({"a": "<user>"}, secret),
        manifest({"a": "<k>"}, "nowhere/data/app"),
        manifest({"a": "<k>"}, "auth/token/lookup-self"),
        manifest({"a": "<password>"}, secret, secret_version="one"),
    ]
    vault.call("delete", secret)

    for document in (*wrong, manifest({"a": "<password>"}, secret)):
        fails(document, env)

    assert queries(proxy) == []


QUERY_FAILS: Mapping[str, Answer] = {
    "500": as_json(500, {"errors": ["internal error"]}),
    "503": as_json(503, {"errors": ["Vault is sealed"]}),
    "429": as_json(429, {"errors": ["quota exceeded"]}),
    "404": as_json(404, {"errors": []}),
    "bad token": as_json(403, {"errors": ["permission denied", "invalid token"]}),
    "a page": as_html(200, "<html></html>"),
    "no type": as_json(200, {"data": {"path": "kv/"}}),
    "no path": as_json(200, {"data": {"type": "kv"}}),
    "an empty path": as_json(200, {"data": {"type": "kv", "path": ""}}),
    "a path of another": as_json(200, {"data": {"type": "kv", "path": "other/"}}),
    "a part of a name": as_json(200, {"data": {"type": "kv", "path": "k"}}),
    "a list": as_json(200, {"data": []}),
    "closed": lambda exchange: exchange.raw(b""),
}


@pytest.mark.parametrize("name", QUERY_FAILS)
def test_a_failed_query_hides_nothing(
    fails: Fails, proxy: StandIn, env: Mapping[str, str], name: str
) -> None:
    nothing, denied = (as_json(status, {"errors": []}) for status in (404, 403))

    def answer(exchange: Exchange) -> None:
        if exchange.path.startswith(MOUNTS):
            QUERY_FAILS[name](exchange)
        else:
            (denied if exchange.path.endswith("denied") else nothing)(exchange)

    proxy.answer = answer
    wanted = {"a": "<path:kv/data/app#k>", "b": "<path:kv/data/denied#k>", "c": "<path:kv/x/y#k>"}

    said = fails(manifest(wanted, kv_version="2"), {**env, "VAULT_MAX_RETRIES": "0"})

    assert "3 failures, nothing was printed" in said
    assert "Vault has nothing at kv/data/app\n" in said
    assert "Vault denied read access to kv/data/denied (403)\n" in said
    assert "Vault has nothing at kv/x/y\n" in said


# Its own time limit is that of tests/unit/test_read.py.
@pytest.mark.parametrize("setting", ["VAULT_CLIENT_TIMEOUT", "AVP_RUN_TIMEOUT"])
def test_a_query_that_hangs_hides_nothing(
    fails: Fails, proxy: StandIn, env: Mapping[str, str], setting: str
) -> None:
    nothing = as_json(404, {"errors": []})
    mount = as_json(200, {"data": {"type": "kv", "path": "kv/", "options": {"version": "1"}}})
    release = threading.Event()

    def late(exchange: Exchange) -> None:
        release.wait(10)
        mount(exchange)

    def answer(exchange: Exchange) -> None:
        (late if exchange.path.startswith(MOUNTS) else nothing)(exchange)

    proxy.answer = answer
    own = {**env, setting: "2"}

    said = fails(manifest({"a": "<k>"}, "kv/data/app"), own)
    release.set()
    in_time = fails(manifest({"a": "<k>"}, "kv/data/app"), own)

    assert "1. Vault has nothing at kv/data/app\n" in said
    assert "1. Vault has nothing at kv/data/app: kv/ is a KV version 1 mount; its paths" in in_time


def test_failures_are_explained_after_all_reads(
    fails: Fails, vault: Vault, proxy: StandIn, env: Mapping[str, str], secret: str
) -> None:
    onward, read = forward(vault.address), threading.Event()
    asked_after: list[bool] = []

    def answer(exchange: Exchange) -> None:
        if exchange.path.startswith(MOUNTS):
            asked_after.append(read.is_set())
        onward(exchange)
        if exchange.path == f"/v1/{secret}":
            read.set()

    proxy.answer = answer
    mount = secret.partition("/")[0]
    wanted = {"a": f"<path:{mount}/data/a#k>", "b": f"<path:{secret}#password>"}

    said = fails(manifest(wanted), {**env, "AVP_CONCURRENCY": "1"})

    assert "1 failure, nothing was printed" in said
    assert asked_after == [True]


# What a message may name.


@pytest.mark.parametrize("is_allowed", [True, False])
@pytest.mark.parametrize("guard", ["AVP_POLICY", "AVP_PATH_VALIDATION"])
def test_no_hint_names_a_path_that_the_operator_denies(
    fails: Fails,
    vault: Vault,
    env: Mapping[str, str],
    kv1: str,
    kv2: str,
    tmp_path: Path,
    guard: str,
    *,
    is_allowed: bool,
) -> None:
    asked, meant = [f"{kv1}/data/app", f"{kv2}/app"], [f"{kv1}/app", f"{kv2}/data/app"]
    allowed = [*asked, *meant] if is_allowed else asked
    policy = tmp_path / "policy.yaml"
    policy.write_text(yaml.safe_dump({"rules": [{"allow": allowed}]}))
    own = {**env, guard: str(policy) if guard == "AVP_POLICY" else f"^({'|'.join(allowed)})$"}
    denied = {**own, "VAULT_TOKEN": vault.token(f"{kv1}/other", f"{kv2}/data/other")}

    for path, better in zip(asked, meant, strict=True):
        for each in (own, denied):
            said = fails(manifest({"a": "<k>"}, path, kv_version="2"), each)
            assert (f"write {better}" in said) == is_allowed
            assert (better in said) == is_allowed
            assert ("next: correct the path" in said) != is_allowed


@pytest.mark.parametrize("version", [None, "1", "2"])
def test_a_path_that_the_policy_denies_is_not_explained(
    fails: Fails,
    proxy: StandIn,
    env: Mapping[str, str],
    kv1: str,
    tmp_path: Path,
    version: str | None,
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(yaml.safe_dump({"rules": [{"allow": ["*/data/app"]}]}))
    annotations = {} if version is None else {"kv_version": version}

    said = fails(
        manifest({"a": "<k>"}, f"{kv1}/app", **annotations), {**env, "AVP_POLICY": str(policy)}
    )

    assert f"the policy does not allow the path {kv1}/app" in said
    assert "KV version" not in said
    assert len(queries(proxy)) == (version is None)
