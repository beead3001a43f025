"""The version of the KV engine, if neither a setting nor an annotation sets it."""

from collections.abc import Mapping

import pytest

from tests.conftest import Run
from tests.integration.conftest import Fails
from tests.integration.manifests import fields, manifest
from tests.integration.stand_in import StandIn, as_json, stand_in
from tests.integration.vault import Vault

pytestmark = pytest.mark.usefixtures("any_machine")

MOUNTS = "/v1/sys/internal/ui/mounts/"


@pytest.fixture
def env(vault: Vault, proxy: StandIn) -> Mapping[str, str]:
    """Variables with which a run reads through the proxy."""
    return {"VAULT_ADDR": proxy.address, "VAULT_TOKEN": vault.root_token}


def questions(proxy: StandIn) -> list[str]:
    return [path for path in proxy.paths if path.startswith(MOUNTS)]


def test_a_path_without_data_is_read_with_it(
    run: Run, vault: Vault, proxy: StandIn, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/ns/app", {"password": "old"})
    vault.write(f"{kv2}/data/ns/app", {"password": "new"})
    document = manifest(
        {"a": "<password>", "b": f"<path:{kv2}/ns/app#password#1>"}, f"{kv2}/ns/app"
    )
    assert fields(run("generate", "-", env=env, stdin=document)) == {"a": "new", "b": "old"}
    assert len(questions(proxy)) == 1


def test_a_mount_of_version_1_is_found_and_its_versions_are_ignored(
    run: Run, vault: Vault, proxy: StandIn, env: Mapping[str, str], kv1: str
) -> None:
    vault.write(f"{kv1}/ns/app", {"password": "one"})
    vault.write(f"{kv1}/ns/other", {"password": "two"})
    document = manifest(
        {"a": "<password>", "b": f"<path:{kv1}/ns/other#password#9>"},
        f"{kv1}/ns/app",
        secret_version="4",
    )
    assert fields(run("generate", "-", env=env, stdin=document)) == {"a": "one", "b": "two"}
    assert len(questions(proxy)) == 1


def test_a_mount_with_slashes_in_its_name_is_one_mount(
    run: Run, vault: Vault, proxy: StandIn, env: Mapping[str, str], kv2: str
) -> None:
    mount = f"team/{kv2}/secrets"
    vault.client.sys.enable_secrets_engine("kv", path=mount, options={"version": "2"})
    for name in ("a", "b"):
        vault.call("post", f"{mount}/data/{name}", {"data": {"k": name}})
    document = manifest({"a": f"<path:{mount}/a#k>", "b": f"<path:{mount}/b#k>"})
    assert fields(run("generate", "-", env=env, stdin=document)) == {"a": "a", "b": "b"}
    assert len(questions(proxy)) == 1


def test_explicit_paths_need_no_mount_query(
    run: Run, vault: Vault, proxy: StandIn, env: Mapping[str, str], kv1: str, kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "two"})
    vault.write(f"{kv1}/app", {"password": "one"})
    documents = manifest({"a": "<password>"}, f"{kv2}/data/app")
    documents += manifest({"a": "<password>"}, f"{kv1}/app", kv_version="1")
    result = run("generate", "-", env=env, stdin=documents)
    assert result.code == 0, result.err
    assert sorted(proxy.paths) == sorted([f"/v1/{kv2}/data/app", f"/v1/{kv1}/app"])
    proxy.asked.clear()
    documents = manifest({"a": "<password>"}, f"{kv1}/app")
    result = run("generate", "-", env={**env, "AVP_KV_VERSION": "1"}, stdin=documents)
    assert result.code == 0, result.err
    assert proxy.paths == [f"/v1/{kv1}/app"]


def test_without_mount_rights_version_2_is_assumed(
    fails: Fails, vault: Vault, proxy: StandIn, kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    env = {"VAULT_ADDR": proxy.address, "VAULT_TOKEN": vault.token("none")}
    said = fails(manifest({"a": "<password>"}, f"{kv2}/app"), env)
    assert f"Vault denied read access to {kv2}/app (403)" in said
    assert proxy.paths == [f"{MOUNTS}{kv2}/app", f"/v1/{kv2}/app"]


def test_data_in_a_name_is_distinguished_from_that_of_version_2(
    run: Run, vault: Vault, proxy: StandIn, env: Mapping[str, str], kv1: str, kv2: str
) -> None:
    vault.write(f"{kv2}/data/x/data/y", {"password": "two"})
    vault.write(f"{kv1}/x/data/y", {"password": "one"})
    document = manifest(
        {"a": f"<path:{kv2}/x/data/y#password>", "b": f"<path:{kv1}/x/data/y#password>"}
    )
    assert fields(run("generate", "-", env=env, stdin=document)) == {"a": "two", "b": "one"}
    assert len(questions(proxy)) == 2


def test_a_version_1_secret_below_data_is_recognised_by_its_answer(
    run: Run, vault: Vault, proxy: StandIn, env: Mapping[str, str], kv1: str
) -> None:
    wrapped = {"password": "outer", "data": {"password": "inner"}}
    paths = [f"{kv1}/x/data/y", f"{kv1}/data/y", f"{kv1}/data/z"]
    for path in paths:
        vault.call("post", path, wrapped)
    document = manifest({path[-8:]: f"<path:{path}#password>" for path in paths})

    found = fields(run("generate", "-", env=env, stdin=document))

    assert set(found.values()) == {"outer"}
    assert len(questions(proxy)) == 1
    assert sorted(set(proxy.paths) - set(questions(proxy))) == sorted(f"/v1/{p}" for p in paths)


def test_an_answer_without_metadata_defaults_to_version_2(
    run: Run,
) -> None:
    with stand_in(as_json(200, {"data": {"data": {"password": "hunter22"}}})) as server:
        own = {"VAULT_ADDR": server.address, "VAULT_TOKEN": "t"}
        document = manifest({"a": "<password>"}, "kv/data/app")
        assert fields(run("generate", "-", env=own, stdin=document)) == {"a": "hunter22"}
        assert server.paths == ["/v1/kv/data/app", f"{MOUNTS}kv/data/app"]


def test_a_token_that_may_only_read_what_is_meant_reads_it(
    run: Run, vault: Vault, proxy: StandIn, kv2: str
) -> None:
    vault.write(f"{kv2}/data/ns/data/app", {"password": "hunter22"})
    own = {"VAULT_ADDR": proxy.address, "VAULT_TOKEN": vault.token(f"{kv2}/data/ns/*")}
    document = manifest({"a": f"<path:{kv2}/ns/data/app#password>"})

    assert fields(run("generate", "-", env=own, stdin=document)) == {"a": "hunter22"}

    assert proxy.paths[-1] == f"/v1/{kv2}/data/ns/data/app"


def test_an_explicit_path_that_is_refused_is_read_once(
    fails: Fails, vault: Vault, proxy: StandIn, kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    own = {"VAULT_ADDR": proxy.address, "VAULT_TOKEN": vault.token("none")}

    fails(manifest({"a": "<password>"}, f"{kv2}/data/app"), own)
    fails(manifest({"a": "<password>"}, f"{kv2}/data/nowhere"), own)

    reads = [path for path in proxy.paths if not path.startswith(MOUNTS)]
    assert reads == [f"/v1/{kv2}/data/app", f"/v1/{kv2}/data/nowhere"]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_mount_that_is_not_there_hides_none_beside_it(
    fails: Fails, run: Run, vault: Vault, env: Mapping[str, str], kv2: str, is_first: bool
) -> None:
    mounts = {name: f"{kv2}-team/{name}" for name in ("b", "c")}
    for version, mount in enumerate(mounts.values(), 1):
        vault.client.sys.enable_secrets_engine("kv", path=mount, options={"version": str(version)})
    vault.call("post", f"{mounts['b']}/app", {"k": "one"})
    vault.call("post", f"{mounts['c']}/data/app", {"data": {"k": "two"}})
    wrong = f"{kv2}-team/{'a' if is_first else 'z'}/app"
    right = {name: f"<path:{mount}/app#k>" for name, mount in mounts.items()}
    one_by_one = {**env, "AVP_CONCURRENCY": "1"}

    said = fails(manifest({"wrong": f"<path:{wrong}#k>", **right}), one_by_one)

    assert "1 failure, nothing was printed" in said
    assert f"Vault has no secrets engine at {wrong}" in said
    assert fields(run("generate", "-", env=one_by_one, stdin=manifest(right))) == {
        "b": "one", "c": "two",
    }  # fmt: skip


def test_a_refusal_is_noted_for_all_secrets_of_a_folder(
    fails: Fails, vault: Vault, proxy: StandIn, kv2: str
) -> None:
    own = {"VAULT_ADDR": proxy.address, "VAULT_TOKEN": vault.token("none"), "AVP_CONCURRENCY": "1"}
    wanted = {name: f"<path:{kv2}/ns/{name}#k>" for name in "abc"}

    fails(manifest(wanted), own)

    assert len(questions(proxy)) == 1


@pytest.mark.parametrize("path", ["", "/"])
def test_a_mount_is_no_secret(
    fails: Fails, env: Mapping[str, str], kv1: str, kv2: str, path: str
) -> None:
    for mount in (kv1, kv2):
        said = fails(manifest({"a": f"<path:{mount}{path}#k>"}), env)
        assert f"{mount} is a mount, not a secret" in said
        assert "next: write the name of the secret after the mount" in said


def test_advice_for_a_mount_with_slashes_in_its_name(
    fails: Fails, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    mount = f"team/{kv2}"
    vault.client.sys.enable_secrets_engine("kv", path=mount, options={"version": "2"})
    write_it = "next: check the path, and write the secret if it does not exist yet"

    for path in (f"{mount}/nothing", f"{mount}/data/nothing"):
        said = fails(manifest({"a": f"<path:{path}#k>"}), env)
        assert f"Vault has nothing at {mount}/data/nothing" in said
        assert write_it in said
    said = fails(manifest({"a": f"<path:{mount}/nothing#k>"}, kv_version="2"), env)
    assert f"next: write {mount}/data/nothing\n" in said


def test_one_secret_named_in_three_ways_is_read_once(
    run: Run, vault: Vault, proxy: StandIn, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    documents = manifest({"a": "<password>"}, f"{kv2}/data/app", kv_version="2")
    documents += manifest({"a": f"<path:{kv2}/data/app#password>"})
    documents += manifest({"a": f"<path:{kv2}/app#password>"})
    result = run("generate", "-", env=env, stdin=documents)
    assert result.code == 0, result.err
    assert result.out.count("hunter22") == 3
    assert proxy.paths.count(f"/v1/{kv2}/data/app") == 1


OWN_PATHS = {
    "auth/token/lookup-self": "id",
    "auth/approle/role": "keys",
    "sys/mounts": "type",
    "sys/internal/ui/mounts": "secret",
    "cubbyhole/a": "a",
    "identity/entity/id": "keys",
    "audit/a": "a",
    "auth": "a",
    "/auth//token/./lookup-self/": "id",
    "kv/../auth/token/lookup-self": "id",
}
"""Paths of Vault's own and a key that is there."""


@pytest.mark.parametrize("version", [None, "1", "2"])
@pytest.mark.parametrize("path", OWN_PATHS)
def test_vaults_own_paths_are_not_requested(
    fails: Fails, vault: Vault, proxy: StandIn, path: str, version: str | None
) -> None:
    role_id, secret_id = vault.approle("*")
    env = {"VAULT_ADDR": proxy.address, "AVP_ROLE_ID": role_id, "AVP_SECRET_ID": secret_id}
    annotations = {} if version is None else {"kv_version": version}
    said = fails(manifest({"a": f"<path:{path}#{OWN_PATHS[path]}>"}, **annotations), env)
    assert "is a path of Vault's own, where there are no secrets" in said
    assert proxy.paths == [], "not even a login"


@pytest.mark.parametrize("mount", ["authors", "sys2", "Auth", "identity-kv"])
def test_a_mount_with_a_name_like_vaults_own_is_read(
    run: Run, vault: Vault, env: Mapping[str, str], mount: str
) -> None:
    vault.client.sys.enable_secrets_engine("kv", path=mount, options={"version": "1"})
    vault.write(f"{mount}/auth/app", {"password": "hunter22"})
    document = manifest({"a": f"<path:{mount}/auth/app#password>"}, kv_version="1")
    assert fields(run("generate", "-", env=env, stdin=document)) == {"a": "hunter22"}


@pytest.mark.parametrize("kind", ["token", "ns_token", "system", "cubbyhole", "identity"])
def test_vaults_own_paths_in_a_namespace_show_nothing(fails: Fails, kind: str) -> None:
    answer = {"data": {"id": "hvs.canary-token"}, "mount_type": kind}
    with stand_in(as_json(200, answer)) as server:
        env = {"VAULT_ADDR": server.address, "VAULT_TOKEN": "hvs.canary-token"}
        document = manifest({"a": "<path:team/auth/token/lookup-self#id>"}, kv_version="1")
        said = fails(document, env)
    assert "is a path of Vault's own, where there are no secrets" in said


def test_vault_reports_the_type_of_the_mount(vault: Vault, kv1: str) -> None:
    vault.write(f"{kv1}/app", {"password": "hunter22"})
    assert vault.call("get", f"{kv1}/app")["mount_type"] == "kv"
    assert vault.call("get", "auth/token/lookup-self")["mount_type"] == "token"
