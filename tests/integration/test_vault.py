"""Secrets from a real Vault: the manifests contain what is stored."""

import base64
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Run
from tests.integration.conftest import Fails
from tests.integration.manifests import fields, manifest
from tests.integration.stand_in import secret, stand_in
from tests.integration.vault import Vault

pytestmark = pytest.mark.usefixtures("any_machine")

ODD_VALUES = {
    "plain": "correct horse battery staple",
    "empty": "",
    "space": " ",
    "yes": "yes",
    "null": "null",
    "tilde": "~",
    "exponent": "1e3",
    "hexadecimal": "0x1F",
    "octal": "0755",
    "leading-zeros": "00123",
    "sexagesimal": "12:30:45",
    "date": "2024-02-29",
    "document": "---",
    "document-end": "...",
    "documents": "a\n---\nb\n",
    "mapping": "a: b",
    "flow": "{a: [b]}",
    "alias": "*x",
    "anchor": "&x y",
    "tag": "!t",
    "directive": "%YAML 1.1",
    "comment": "a # b",
    "trailing-spaces": "a  ",
    "leading-spaces": "  a",
    "tabs": "\ta\tb\t",
    "emoji": "🔑 ключ 鍵",
    "quotes": "'\"`\\",
    "escapes": "\\n \\u0041 \\x41",
    "cr": "a\rb\r\nc\r",
    "separators": "a\u2028b\u2029c",
    "bom": "\ufeffa\ufeff",
    "controls": "\x00\x07\x1b[31m",
    "multi-line": "-----BEGIN KEY-----\nMIIB\n\n  indented\n-----END KEY-----\n",
    "line-breaks": "\n\n\n",
    "placeholder": "<path:kv/data/other#key>",
    "template": "{{ .Values.x }} ${X} $(X)",
    "large": "0123456789abcdef" * 65536,
}

BYTES = bytes(range(256))


def test_the_newest_version_of_kv_2_fills_every_kind_of_placeholder(
    run: Run, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"user": "admin", "password": "outdated"})
    vault.write(f"{kv2}/data/app", {"user": "admin", "password": "hunter22"})
    annotated = manifest({"a": "<password>", "b": "<user>:<password>"}, f"{kv2}/data/app")
    inline = manifest({"c": f"<path:{kv2}/data/app#password>"})

    result = run("generate", "-", env=env, stdin=annotated + inline)

    assert fields(result) == {"a": "hunter22", "b": "admin:hunter22"}
    assert 'c: "hunter22"' in result.out


def test_a_folder_is_read_like_standard_input(
    run: Run, vault: Vault, env: Mapping[str, str], kv2: str, tmp_path: Path
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    (tmp_path / "app.yaml").write_bytes(manifest({"a": "<password>"}, f"{kv2}/data/app"))

    assert fields(run("generate", tmp_path, env=env)) == {"a": "hunter22"}


@pytest.mark.parametrize("way", ["setting", "annotation"])
def test_kv_1_is_read_by_setting_and_by_annotation(
    run: Run, vault: Vault, env: Mapping[str, str], kv1: str, way: str
) -> None:
    vault.write(f"{kv1}/team/app", {"password": "hunter22"})
    annotations = {"kv_version": "1"} if way == "annotation" else {}
    text = manifest(
        {"a": "<password>", "b": f"<path:{kv1}/team/app#password>"},
        f"{kv1}/team/app",
        **annotations,
    )
    own = {**env, "AVP_KV_VERSION": "1"} if way == "setting" else env

    assert fields(run("generate", "-", env=own, stdin=text)) == {"a": "hunter22", "b": "hunter22"}


def test_a_version_comes_from_the_annotation_or_the_placeholder(
    run: Run, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    for number in (1, 2, 3):
        vault.write(f"{kv2}/data/app", {"password": f"password of version {number}"})
    text = manifest(
        {"a": "<password>", "b": f"<path:{kv2}/data/app#password#2>", "c": "<password>"},
        f"{kv2}/data/app",
        secret_version="1",
    )

    assert fields(run("generate", "-", env=env, stdin=text)) == {
        "a": "password of version 1",
        "b": "password of version 2",
        "c": "password of version 1",
    }


def test_kv_1_knows_no_versions(run: Run, vault: Vault, env: Mapping[str, str], kv1: str) -> None:
    vault.write(f"{kv1}/app", {"password": "hunter22"})
    text = manifest(
        {"a": "<password>", "b": f"<path:{kv1}/app#password#any>"},
        f"{kv1}/app",
        kv_version="1",
        secret_version="9",
    )

    assert fields(run("generate", "-", env=env, stdin=text)) == {"a": "hunter22", "b": "hunter22"}


def _as_go_reads_it(text: str, helm: str, folder: Path) -> Any:
    """Read a document by Kubernetes' YAML parser, as values of a chart that prints them as JSON."""
    template = folder / "templates" / "values.yaml"
    template.parent.mkdir()
    template.write_text("kind: Values\njson: {{ .Values | toJson | b64enc }}\n")
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: values\nversion: 0.1.0\n")
    (folder / "values.yaml").write_text(text)
    done = subprocess.run(
        [helm, "template", folder], check=True, stdout=subprocess.PIPE, env={"HOME": str(folder)}
    )
    return json.loads(base64.b64decode(yaml.safe_load(done.stdout)["json"]))


@pytest.mark.parametrize("version", [1, 2])
def test_values_come_back_equal_for_yaml_1_1_and_1_2(
    run: Run,
    vault: Vault,
    env: Mapping[str, str],
    environ: Mapping[str, str],
    version: int,
    tmp_path: Path,
) -> None:
    mount = vault.mount(version)
    path = f"{mount}/data/odd" if version == 2 else f"{mount}/odd"
    vault.write(path, ODD_VALUES)
    expected = {f"v-{name}": value for name, value in ODD_VALUES.items()}
    text = manifest(
        {f"v-{name}": f"<{name}>" for name in ODD_VALUES}, path, kv_version=str(version)
    )

    result = run("generate", "-", env=env, stdin=text)

    assert fields(result) == expected
    # Each value is written as JSON, which a reader of YAML 1.2 reads as JSON.
    lines = dict(line.strip().partition(": ")[::2] for line in result.out.split("\n"))
    assert {name: json.loads(lines[name]) for name in expected} == expected
    assert _as_go_reads_it(result.out, environ["AVP_HELM"], tmp_path)["spec"] == expected


def test_bytes_are_stored_as_base64_and_come_back_equal(
    run: Run, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"keystore": base64.b64encode(BYTES).decode()})
    text = manifest({"a": "<keystore>"}, f"{kv2}/data/app")

    found = fields(run("generate", "-", env=env, stdin=text))

    assert base64.b64decode(found["a"], validate=True) == BYTES


def test_a_value_is_never_expanded_a_second_time(
    run: Run, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"a": f"<path:{kv2}/data/app#b>", "b": "<a>"})
    text = manifest({"a": "<a>", "b": "<b>"}, f"{kv2}/data/app")

    assert fields(run("generate", "-", env=env, stdin=text)) == {
        "a": f"<path:{kv2}/data/app#b>",
        "b": "<a>",
    }


# Vault's KV 1 returns numbers as they were written. KV 2 stores them as 64-bit floating point
# and returns Go's shortest form of that.
NUMBERS = {
    "small": ("7", "7", "7"),
    "decimal": ("1.10", "1.10", "1.1"),
    "exponent": ("1e3", "1.0e+3", "1000"),
    "negative-zero": ("-0", "-0", "-0"),
    "big": ("12345678901234567890123", "12345678901234567890123", "1.2345678901234568e+22"),
    "beyond-64-bits": ("18446744073709551616", "18446744073709551616", "18446744073709552000"),
    "tiny": ("0.1E-9", "0.1e-9", "1.0e-10"),
}


@pytest.mark.parametrize("version", [1, 2])
def test_numbers_keep_the_text_that_vault_returns(
    run: Run, vault: Vault, env: Mapping[str, str], version: int
) -> None:
    mount = vault.mount(version)
    path = f"{mount}/data/app" if version == 2 else f"{mount}/app"
    written = ", ".join(f'"{name}": {texts[0]}' for name, texts in NUMBERS.items())
    vault.write(path, f"{{{written}}}")
    text = manifest(
        {name: f"<{name}>" for name in NUMBERS}, path, "Deployment", kv_version=str(version)
    )

    result = run("generate", "-", env=env, stdin=text)

    for name, value in fields(result).items():
        assert f"\n  {name}: {NUMBERS[name][version]}\n" in result.out
        assert isinstance(value, int | float)


def test_a_number_within_text_and_in_a_config_map_is_vaults_text(
    run: Run, vault: Vault, env: Mapping[str, str], kv1: str
) -> None:
    vault.write(f"{kv1}/app", '{"port": 5432, "ratio": 1e3}')
    text = manifest(
        {"a": "pg://h:<port>/db", "b": "<port>", "c": "<ratio>"},
        f"{kv1}/app",
        "ConfigMap",
        kv_version="1",
    )

    assert fields(run("generate", "-", env=env, stdin=text)) == {
        "a": "pg://h:5432/db",
        "b": "5432",
        "c": "1e3",
    }


def test_booleans_lists_and_mappings_keep_their_type(
    run: Run, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    values: dict[str, Any] = {
        "on": True,
        "off": False,
        "list": ["a", 1, None, ["yes"]],
        "mapping": {"a: b": {"c": ["---"]}, "on": "no"},
        "empty-list": [],
        "empty-mapping": {},
    }
    vault.write(f"{kv2}/data/app", values)
    text = manifest({name: f"<{name}>" for name in values}, f"{kv2}/data/app", "Deployment")

    assert fields(run("generate", "-", env=env, stdin=text)) == values


ODD_NAMES = [
    "with space",
    " edges ",
    "100%",
    "a%2Fb",
    "%2e%2e",
    "what?version=1",
    "a&b=c;d",
    "a+b",
    "ключ-鍵-🔑",
    "e\u0301 is not \u00e9",
    'it\'s "quoted"',
    "[a]{b}(c)!$*,@:",
    "a#b",
    "~user",
    "...",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_path_reaches_vault_as_it_is_written(
    run: Run, vault: Vault, env: Mapping[str, str], kv2: str, name: str
) -> None:
    path = f"{kv2}/data/{name}"
    vault.write(path, {"password": "hunter22"})
    assert vault.names(f"{kv2}/metadata") == [name]

    text = manifest({"a": "<password>"}, path)

    assert fields(run("generate", "-", env=env, stdin=text)) == {"a": "hunter22"}


def test_a_path_is_normalised_before_it_is_requested(
    run: Run, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    path = f"/{kv2}//data/./other/../app/"
    text = manifest({"a": "<password>", "b": f"<path:{path}#password>"}, path)

    with stand_in(secret({"password": "hunter22"})) as server:
        own = {**env, "VAULT_ADDR": server.address}
        assert fields(run("generate", "-", env=own, stdin=text))["a"] == "hunter22"
        assert server.paths == [f"/v1/{kv2}/data/app"]
    assert fields(run("generate", "-", env=env, stdin=text))["b"] == "hunter22"


def test_the_address_may_have_a_path_of_its_own(run: Run, env: Mapping[str, str]) -> None:
    with stand_in(secret({"password": "hunter22"})) as server:
        own = {**env, "VAULT_ADDR": f"{server.address}/behind/proxy/"}
        text = manifest({"a": "<password>"}, "kv/data/app")
        assert fields(run("generate", "-", env=own, stdin=text)) == {"a": "hunter22"}
        assert server.paths == ["/behind/proxy/v1/kv/data/app"]


def test_the_namespace_is_sent_with_the_login_and_with_reads(
    run: Run,
) -> None:
    data = {"data": {"password": "hunter22"}, "metadata": {}}
    answer = {"auth": {"client_token": "t"}, "data": data}
    with stand_in(lambda exchange: exchange.reply(200, json.dumps(answer).encode())) as server:
        own = {
            "VAULT_ADDR": server.address,
            "VAULT_NAMESPACE": "admin/team",
            "AVP_ROLE_ID": "r",
            "AVP_SECRET_ID": "s",
        }
        text = manifest({"a": "<password>"}, "kv/data/app")
        assert fields(run("generate", "-", env=own, stdin=text)) == {"a": "hunter22"}

    assert [each.headers["X-Vault-Namespace"] for each in server.asked] == ["admin/team"] * 2


def test_a_token_may_come_with_white_space_around_it(
    run: Run, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    own = {**env, "VAULT_TOKEN": f" {vault.token(f'{kv2}/data/app')}\n"}
    text = manifest({"a": "<password>"}, f"{kv2}/data/app")

    assert fields(run("generate", "-", env=own, stdin=text)) == {"a": "hunter22"}


@pytest.mark.parametrize(
    ("mount", "setting"),
    [
        ("approle", None),
        ("team/approle", "auth/team/approle"),
        ("team/approle", "/auth/team/approle/"),
        ("other", "other"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_approle_logs_in_at_its_mount(
    run: Run, vault: Vault, kv2: str, mount: str, setting: str | None, named: bool
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    role_id, secret_id = vault.approle(f"{kv2}/data/app", mount=mount)
    own = {"VAULT_ADDR": vault.address, "AVP_ROLE_ID": role_id, "AVP_SECRET_ID": secret_id}
    if setting is not None:
        own["AVP_MOUNT_PATH"] = setting
    if named:
        own["AVP_AUTH_TYPE"] = "approle"
    text = manifest({"a": "<password>"}, f"{kv2}/data/app")

    assert fields(run("generate", "-", env=own, stdin=text)) == {"a": "hunter22"}


def test_a_secret_id_that_serves_once_serves_a_run(run: Run, vault: Vault, kv2: str) -> None:
    vault.write(f"{kv2}/data/a", {"password": "hunter22"})
    vault.write(f"{kv2}/data/b", {"password": "hunter33"})
    role_id, _ = vault.approle(f"{kv2}/data/*")
    (name,) = (
        each
        for each in vault.client.auth.approle.list_roles()["data"]["keys"]
        if vault.client.auth.approle.read_role_id(each)["data"]["role_id"] == role_id
    )
    body = {"num_uses": 1}
    answer = vault.call("post", f"auth/approle/role/{name}/secret-id", body)
    own = {
        "VAULT_ADDR": vault.address,
        "AVP_ROLE_ID": role_id,
        "AVP_SECRET_ID": answer["data"]["secret_id"],
    }
    text = manifest({"a": "<password>", "b": f"<path:{kv2}/data/b#password>"}, f"{kv2}/data/a")

    assert fields(run("generate", "-", env=own, stdin=text)) == {"a": "hunter22", "b": "hunter33"}


# What must fail, and the message.


def test_a_missing_path_is_named(fails: Fails, env: Mapping[str, str], kv2: str) -> None:
    said = fails(manifest({"a": "<k>"}, f"{kv2}/data/none"), env)

    assert f"Vault has nothing at {kv2}/data/none" in said
    assert "spec.a: <k>" in said
    assert "next: check the path" in said


def test_a_missing_version_is_named(
    fails: Fails, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})

    said = fails(manifest({"a": f"<path:{kv2}/data/app#password#7>"}), env)

    assert f"Vault has nothing at {kv2}/data/app, version 7" in said
    assert "next: check the path and the version" in said


def test_a_deleted_version_is_named_with_the_way_back(
    fails: Fails, run: Run, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    vault.write(f"{kv2}/data/app", {"password": "hunter33"})
    vault.call("delete", f"{kv2}/data/app")
    text = manifest({"a": "<password>"}, f"{kv2}/data/app")

    said = fails(text, env)

    assert f"{kv2}/data/app was deleted" in said
    assert "vault kv undelete" in said
    older = manifest({"a": f"<path:{kv2}/data/app#password#1>"})
    assert fields(run("generate", "-", env=env, stdin=older)) == {"a": "hunter22"}
    vault.call("post", f"{kv2}/undelete/app", {"versions": [2]})
    assert fields(run("generate", "-", env=env, stdin=text)) == {"a": "hunter33"}


def test_a_destroyed_version_is_not_said_to_come_back(
    fails: Fails, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    vault.call("post", f"{kv2}/destroy/app", {"versions": [1]})

    said = fails(manifest({"a": "<password>"}, f"{kv2}/data/app"), env)

    assert f"{kv2}/data/app was destroyed" in said
    assert "undelete" not in said


def test_a_missing_key_is_named_and_a_near_one_offered(
    fails: Fails, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})

    said = fails(manifest({"a": "<passwort>", "b": "<user>"}, f"{kv2}/data/app"), env)

    assert "the key 'passwort' is not in the secret" in said
    assert "did you mean password?" in said
    assert "the key 'user' is not in the secret" in said


def test_a_null_value_counts_as_missing(
    fails: Fails, run: Run, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": None, "user": "admin"})
    text = manifest({"a": "<password>", "b": "<user>"}, f"{kv2}/data/app")

    assert "the key 'password' is null" in fails(text, env)
    removing = manifest(
        {"a": "<password>", "b": "<user>"}, f"{kv2}/data/app", remove_missing="true"
    )
    assert fields(run("generate", "-", env=env, stdin=removing)) == {"b": "admin"}


def test_a_path_without_data_is_corrected_in_the_hint(
    fails: Fails, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/team/app", {"password": "hunter22"})

    said = fails(manifest({"a": "<password>"}, f"{kv2}/team/app"), {**env, "AVP_KV_VERSION": "2"})

    assert f"{kv2}/ is a KV version 2 mount; its paths have data/ after the mount" in said
    assert f"next: write {kv2}/data/team/app\n" in said


def test_kv_1_read_as_2_says_how_to_read_1(
    fails: Fails, vault: Vault, env: Mapping[str, str], kv1: str
) -> None:
    vault.write(f"{kv1}/app", {"password": "hunter22"})

    said = fails(manifest({"a": "<password>"}, f"{kv1}/app"), {**env, "AVP_KV_VERSION": "2"})

    assert f"{kv1}/app is not a secret of KV version 2" in said
    assert 'avp.kubernetes.io/kv-version: "1"' in said


def test_a_missing_mount_is_named(fails: Fails, env: Mapping[str, str]) -> None:
    said = fails(manifest({"a": "<k>"}, "nowhere/data/app"), env)

    assert "Vault has no secrets engine at nowhere/data/app" in said
    assert "next: check the mount" in said


@pytest.mark.parametrize("version", ["one", "1.0", "٣", "1 ", "0xg", "9" * 30])
def test_a_version_that_is_not_a_number_is_reported(
    fails: Fails, vault: Vault, env: Mapping[str, str], kv2: str, version: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    text = manifest({"a": "<password>"}, f"{kv2}/data/app", secret_version=version)

    said = fails(text, env)

    assert f"{version!r} is not a version number" in said
    assert "next: write a number, or no version for the newest" in said


def test_a_wrong_secret_id_is_a_refused_login(fails: Fails, vault: Vault, kv2: str) -> None:
    role_id, _ = vault.approle(f"{kv2}/data/*")
    own = {
        "VAULT_ADDR": vault.address,
        "AVP_ROLE_ID": role_id,
        "AVP_SECRET_ID": "00000000-1111-2222-3333-444444444444",
    }

    said = fails(manifest({"a": "<k>", "b": f"<path:{kv2}/data/b#k>"}, f"{kv2}/data/a"), own)

    assert (
        "1 failure, nothing was printed\n\n"
        "1. Vault rejected the login by approle at auth/approle: invalid role or secret ID\n"
        "   next: check AVP_ROLE_ID and AVP_SECRET_ID, the role in Vault, and that the auth method "
        "is mounted there (AVP_MOUNT_PATH)\n" in said
    )
    assert "spec." not in said, "it is a failure of the run, and of no placeholder"


def test_a_refused_login_hides_no_other_failure(fails: Fails, env: Mapping[str, str]) -> None:
    own = {**env, "VAULT_TOKEN": "hvs.CAESIJ0000000000000000000000000000000000"}
    wrong = {"a": "<k>", "b": "<path:../secret#k>", "c": "<k | nosuch>"}

    said = fails(manifest(wrong, "kv/data/a") * 2 + manifest({}, **{"import": "kv/data/b"}), own)

    assert "2 failures, nothing was printed" in said
    assert said.count("Vault rejected the token from VAULT_TOKEN (403)") == 1
    assert said.count("spec.b: <path:../secret#k>") == 2
    assert "spec.a" not in said


def test_a_login_at_a_missing_mount_is_a_refused_login(fails: Fails, vault: Vault) -> None:
    role_id, secret_id = vault.approle("none")
    own = {
        "VAULT_ADDR": vault.address,
        "AVP_ROLE_ID": role_id,
        "AVP_SECRET_ID": secret_id,
        "AVP_MOUNT_PATH": "auth/elsewhere",
    }

    said = fails(manifest({"a": "<k>"}, "kv/data/app"), own)

    assert "Vault rejected the login by approle at auth/elsewhere: permission denied" in said
    assert "AVP_MOUNT_PATH" in said


@pytest.mark.parametrize("why", ["unknown", "revoked"])
def test_an_invalid_token_differs_from_one_without_rights(
    fails: Fails, vault: Vault, env: Mapping[str, str], kv2: str, why: str
) -> None:
    token = "hvs.CAESIJ0000000000000000000000000000000000"
    if why == "revoked":
        token = vault.token(f"{kv2}/data/app")
        vault.client.auth.token.revoke(token)
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})

    said = fails(manifest({"a": "<password>"}, f"{kv2}/data/app"), {**env, "VAULT_TOKEN": token})

    assert (
        "1. Vault rejected the token from VAULT_TOKEN (403): expired, revoked, or from another "
        "Vault\n   next: `vault login` and export it again\n" in said
    )


def test_a_denied_read_names_the_path_that_the_policy_must_allow(
    fails: Fails, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    token = vault.token(f"{kv2}/data/other")

    said = fails(manifest({"a": "<password>"}, f"{kv2}/data/app"), {**env, "VAULT_TOKEN": token})

    assert f"Vault denied read access to {kv2}/data/app (403)" in said
    assert f'token\'s policy: path "{kv2}/data/app" {{ capabilities = ["read"] }}' in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "no credentials for Vault are set"),
        ({"AVP_ROLE_ID": "only-half-of-it"}, "no credentials for Vault are set"),
        ({"AVP_AUTH_TYPE": "token"}, "set VAULT_TOKEN"),
        ({"AVP_AUTH_TYPE": "approle", "AVP_ROLE_ID": "only-half"}, "AVP_SECRET_ID"),
        ({"AVP_AUTH_TYPE": "kerberos", "VAULT_TOKEN": "some-token"}, "token, approle"),
        ({"VAULT_TOKEN": "tok en"}, "VAULT_TOKEN is not a token"),
        ({"VAULT_TOKEN": "töken-ключ"}, "VAULT_TOKEN is not a token"),
        ({"VAULT_TOKEN": "token\nX-Evil: 1"}, "VAULT_TOKEN is not a token"),
    ],
)
def test_invalid_credentials_are_reported_before_any_request(
    fails: Fails, settings: Mapping[str, str], said: str
) -> None:
    with stand_in(secret({"k": "v"})) as server:
        own = {"VAULT_ADDR": server.address, **settings}
        assert said in fails(manifest({"a": "<k>"}, "kv/data/app"), own)
        assert server.connections == 0


def test_a_value_nested_too_deep_is_an_error_of_its_document(
    fails: Fails, vault: Vault, env: Mapping[str, str], kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", '{"deep": ' + "[" * 280 + "]" * 280 + "}")

    said = fails(manifest({"a": "<deep>"}, f"{kv2}/data/app", "Deployment"), env)

    assert "in Deployment demo/app" in said
