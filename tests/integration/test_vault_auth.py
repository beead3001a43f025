"""Every auth method on the real Vault, valid and invalid; and one new login after a 403."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from tests.integration.certificates import Certificate, openssl, self_signed
from tests.integration.cluster import Cluster
from tests.integration.conftest import Fails
from tests.integration.manifests import fields, manifest
from tests.integration.stand_in import Exchange, StandIn, as_json, forward, in_turn, stand_in
from tests.integration.vault import Vault, serve

pytestmark = pytest.mark.usefixtures("any_machine")


@pytest.fixture
def document(vault: Vault, kv2: str) -> bytes:
    """A document that needs a secret."""
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    return manifest({"password": "<password>"}, f"{kv2}/data/app")


@pytest.fixture
def policy(vault: Vault, kv2: str) -> str:
    """A policy that may read it."""
    return vault.policy(f"{kv2}/data/app")


def reads(run: Run, document: bytes, env: Mapping[str, str]) -> bool:
    result = run("generate", "-", env=env, stdin=document)
    return bool(fields(result) == {"password": "hunter22"})


@pytest.mark.parametrize("mount", ["userpass", "people"])
def test_userpass(
    run: Run, fails: Fails, vault: Vault, document: bytes, policy: str, mount: str
) -> None:
    vault.enable("userpass", mount)
    user = {"password": "  correct horse ", "token_policies": [policy]}
    vault.call("post", f"auth/{mount}/users/{policy}", user)
    env = {"VAULT_ADDR": vault.address, "AVP_AUTH_TYPE": "userpass", "AVP_USERNAME": policy}
    if mount != "userpass":
        env["AVP_MOUNT_PATH"] = f"auth/{mount}"

    assert reads(run, document, {**env, "AVP_PASSWORD": "  correct horse \n"})
    said = fails(document, {**env, "AVP_PASSWORD": "wrong horse"}, secrets=("wrong horse",))
    assert "Vault rejected the login by userpass" in said


def test_github_through_a_stand_in_for_its_api(
    run: Run, fails: Fails, vault: Vault, document: bytes, policy: str
) -> None:
    organisation = {"login": "team", "id": 7}
    answers = {
        "/orgs/team": organisation,
        "/user": {"login": "alice", "id": 1},
        "/user/orgs": [organisation],
        "/user/teams": [],
    }

    def answer(exchange: Exchange) -> None:
        path = exchange.asked.path.partition("?")[0]
        token = exchange.asked.headers.get("Authorization", "")
        known = token == "Bearer github-token" or path == "/orgs/team"
        as_json(200 if known else 401, answers.get(path, {}))(exchange)

    with stand_in(answer) as github:
        vault.enable("github", "github")
        config = {"organization": "team", "organization_id": 7, "base_url": f"{github.address}/"}
        vault.call("post", "auth/github/config", config)
        vault.call("post", "auth/github/map/users/alice", {"value": policy})
        env = {"VAULT_ADDR": vault.address}

        assert reads(run, document, {**env, "AVP_GITHUB_TOKEN": "github-token"})
        asked = len(github.asked)
        said = fails(document, {**env, "AVP_GITHUB_TOKEN": "other-token"}, secrets=("other-token",))
        tokens = [each.headers.get("Authorization") for each in github.asked[asked:]]
    # Vault turns GitHub's 401 into a 500, so a retry would not help.
    assert (
        "Vault rejected the login by github at auth/github: the credential was rejected: " in said
    )
    assert "401" in said
    assert tokens.count("Bearer other-token") == 1


@pytest.mark.parametrize(("mount", "setting"), [("kubernetes", ""), ("east", "AVP_K8S_MOUNT_PATH")])
def test_kubernetes_with_a_review_by_the_real_api(
    run: Run,
    fails: Fails,
    vault: Vault,
    accounts: Cluster,
    document: bytes,
    policy: str,
    tmp_path: Path,
    mount: str,
    setting: str,
) -> None:
    vault.enable("kubernetes", mount)
    config = {
        "kubernetes_host": accounts.server,
        "kubernetes_ca_cert": accounts.ca_file.read_text(),
        "token_reviewer_jwt": accounts.token("demo", "vault"),
        "disable_local_ca_jwt": True,
    }
    vault.call("post", f"auth/{mount}/config", config)
    role = {
        "bound_service_account_names": ["app"],
        "bound_service_account_namespaces": ["demo"],
        "audience": "https://kubernetes.default.svc",
        "token_policies": [policy],
    }
    vault.call("post", f"auth/{mount}/role/{policy}", role)
    token = tmp_path / "token"
    env = {"VAULT_ADDR": vault.address, "AVP_K8S_ROLE": policy, "AVP_K8S_TOKEN_PATH": str(token)}
    if setting:
        # It overrides the mount path of all methods, as in argocd-vault-plugin.
        env |= {setting: f"auth/{mount}", "AVP_MOUNT_PATH": "auth/elsewhere"}

    token.write_text(accounts.token("demo", "app") + "\n")
    assert reads(run, document, env)

    stranger = accounts.token("demo", "other")
    token.write_text(stranger)
    said = fails(document, env, secrets=(stranger,))
    assert "Vault rejected the login by k8s" in said

    token.unlink()
    said = fails(document, env)
    assert f"cannot read the token file {token}: No such file or directory" in said


def test_jwt_signed_by_somebody_whom_vault_knows(
    run: Run,
    fails: Fails,
    vault: Vault,
    accounts: Cluster,
    document: bytes,
    policy: str,
    tmp_path: Path,
) -> None:
    vault.enable("jwt", "jwt")
    key = tmp_path / "accounts.pub"
    openssl("rsa", "-in", accounts.folder / "accounts.key", "-pubout", "-out", key)
    vault.call("post", "auth/jwt/config", {"jwt_validation_pubkeys": [key.read_text()]})
    role = {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": ["vault"],
        "token_policies": [policy],
    }
    vault.call("post", f"auth/jwt/role/{policy}", role)
    env = {"VAULT_ADDR": vault.address, "AVP_JWT_ROLE": policy}
    jwt = accounts.token("demo", "app", "--audience=vault")
    file = tmp_path / "jwt"
    file.write_text(jwt)

    assert reads(run, document, {**env, "AVP_JWT": jwt})
    assert reads(run, document, {**env, "AVP_JWT_PATH": str(file)})
    foreign = accounts.token("demo", "app", "--audience=else")
    said = fails(document, {**env, "AVP_JWT": foreign}, secrets=(foreign,))
    assert "Vault rejected the login by jwt" in said


def test_cert(run: Run, tools: Mapping[str, Path], tmp_path: Path) -> None:
    server = self_signed(tmp_path, "server", "IP:127.0.0.1")
    known, stranger = self_signed(tmp_path, "known"), self_signed(tmp_path, "stranger")
    with serve(tools["vault"], "-tls-cert", server.certificate, "-tls-key", server.key) as facts:
        vault = Vault(facts["address"], facts["root_token"], verify=str(server.certificate))
        mount = vault.mount(2)
        vault.write(f"{mount}/data/app", {"password": "hunter22"})
        document = manifest({"password": "<password>"}, f"{mount}/data/app")
        vault.enable("cert", "cert")
        role = {
            "certificate": known.certificate.read_text(),
            "token_policies": [vault.policy(f"{mount}/data/app")],
        }
        vault.call("post", "auth/cert/certs/app", role)
        env = {"VAULT_ADDR": vault.address, "VAULT_CACERT": str(server.certificate)}

        def shows(pair: Certificate, **more: str) -> Mapping[str, str]:
            files = {"VAULT_CLIENT_CERT": str(pair.certificate), "VAULT_CLIENT_KEY": str(pair.key)}
            return {**env, **files, **more}

        assert reads(run, document, shows(known))
        assert reads(run, document, shows(known, AVP_AUTH_TYPE="cert", AVP_CERT_ROLE="app"))
        result = run("generate", "-", env=shows(stranger), stdin=document)
        assert (result.code, result.out) == (1, "")
        assert "Vault rejected the login by cert" in result.err


@pytest.mark.parametrize(
    ("settings", "method"),
    [
        ({"VAULT_TOKEN": "t"}, "token"),
        ({"AVP_ROLE_ID": "r", "AVP_SECRET_ID": "s"}, "approle"),
        ({"AVP_USERNAME": "u", "AVP_PASSWORD": "p"}, "userpass"),
        ({"AVP_GITHUB_TOKEN": "g"}, "github"),
        ({"AVP_JWT_ROLE": "r", "AVP_JWT": "j"}, "jwt"),
        ({"AVP_K8S_ROLE": "r", "AVP_K8S_TOKEN_PATH": "/dev/null"}, "k8s"),
        ({"VAULT_TOKEN": "t", "AVP_K8S_ROLE": "r"}, "token"),
    ],
)
def test_the_method_follows_the_credentials_and_is_reported(
    run: Run, settings: Mapping[str, str], method: str
) -> None:
    env = {"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_MAX_RETRIES": "0", **settings}
    result = run("generate", "-v", "-", env=env, stdin=manifest({"a": "<path:p/data/x#k>"}))
    (told,) = (line for line in result.err.splitlines() if "auth method" in line)
    assert told.startswith(f"avp-py: auth method {method}, chosen by its settings: ")
    assert (
        all(name in told for name in settings if name != "AVP_K8S_TOKEN_PATH") or method == "token"
    )


def test_without_credentials_the_choices_are_listed(fails: Fails, vault: Vault) -> None:
    said = fails(manifest({"a": "<path:p#k>"}), {"VAULT_ADDR": vault.address})
    assert "no credentials for Vault are set" in said
    for name in ("VAULT_TOKEN", "AVP_ROLE_ID", "AVP_K8S_ROLE", "AVP_GITHUB_TOKEN", "AVP_JWT"):
        assert name in said
    said = fails(manifest({"a": "<path:p#k>"}), {"VAULT_ADDR": vault.address, "AVP_AUTH_TYPE": "x"})
    assert "unknown auth method 'x'" in said


def logins(proxy: StandIn) -> int:
    return proxy.paths.count("/v1/auth/approle/login")


def approle(vault: Vault, proxy: StandIn, *paths: str) -> Mapping[str, str]:
    role_id, secret_id = vault.approle(*paths)
    return {"VAULT_ADDR": proxy.address, "AVP_ROLE_ID": role_id, "AVP_SECRET_ID": secret_id}


def test_a_token_that_expired_in_between_is_replaced_once(
    run: Run, vault: Vault, proxy: StandIn, kv2: str
) -> None:
    names = [f"app{number}" for number in range(12)]
    for name in names:
        vault.write(f"{kv2}/data/{name}", {"password": "hunter22"})
    documents = b"".join(manifest({"a": "<password>"}, f"{kv2}/data/{name}") for name in names)
    env = approle(vault, proxy, f"{kv2}/data/*")
    onward = forward(vault.address)

    def answer(exchange: Exchange) -> None:
        onward(exchange)
        if exchange.asked.path.endswith("/login") and logins(proxy) == 1:
            vault.client.adapter.post("/v1/sys/leases/revoke-prefix/auth/approle/login")

    proxy.answer = answer
    result = run("generate", "-", env=env, stdin=documents)
    assert result.code == 0, result.err
    assert result.out.count("hunter22") == 12
    assert logins(proxy) == 2


def test_a_token_that_expires_before_a_mount_query_is_replaced(
    run: Run, vault: Vault, proxy: StandIn, kv1: str, kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    vault.write(f"{kv1}/app", {"password": "hunter22"})
    env = approle(vault, proxy, f"{kv2}/data/app", f"{kv1}/app")
    onward = forward(vault.address)

    def answer(exchange: Exchange) -> None:
        onward(exchange)
        if exchange.asked.path == f"/v1/{kv2}/data/app" and logins(proxy) == 1:
            vault.client.adapter.post("/v1/sys/leases/revoke-prefix/auth/approle/login")

    proxy.answer = answer
    documents = manifest({"a": f"<path:{kv1}/app#password>", "b": f"<path:{kv2}/app#password>"})
    result = run("generate", "-", env={**env, "AVP_CONCURRENCY": "1"}, stdin=documents)
    assert result.code == 0, result.err
    assert result.out.count("hunter22") == 2


LOOKUP = "/v1/auth/token/lookup-self"


def test_a_forbidden_path_costs_one_lookup_and_is_an_error(
    fails: Fails, vault: Vault, proxy: StandIn, kv2: str
) -> None:
    env = approle(vault, proxy, f"{kv2}/data/other")
    documents = b"".join(manifest({"a": "<k>"}, f"{kv2}/data/app{n}") for n in range(9))
    said = fails(documents, env)
    assert said.count("Vault denied read access to") == 9
    assert (logins(proxy), proxy.paths.count(LOOKUP)) == (1, 1)


def test_a_token_without_lookup_rights_costs_one_new_login(
    fails: Fails, vault: Vault, proxy: StandIn, kv2: str
) -> None:
    role_id, secret_id = vault.approle(f"{kv2}/data/other", token_no_default_policy=True)
    env = {"VAULT_ADDR": proxy.address, "AVP_ROLE_ID": role_id, "AVP_SECRET_ID": secret_id}
    documents = b"".join(manifest({"a": "<k>"}, f"{kv2}/data/app{n}") for n in range(9))
    said = fails(documents, env)
    assert said.count("Vault denied read access to") == 9
    assert (logins(proxy), proxy.paths.count(LOOKUP)) == (2, 1)


def test_a_403_without_a_reason_leads_to_a_new_login(
    run: Run, vault: Vault, proxy: StandIn, document: bytes, kv2: str
) -> None:
    env = approle(vault, proxy, f"{kv2}/data/app")
    onward = forward(vault.address)
    denied = as_json(403, {"errors": ["permission denied"]})  # as Vault before 1.13
    proxy.answer = lambda exchange: (
        denied if logins(proxy) == 1 and not exchange.path.endswith("/login") else onward
    )(exchange)
    assert reads(run, document, env)
    assert (logins(proxy), proxy.paths.count(LOOKUP)) == (2, 1)


@pytest.mark.parametrize("options", [{}, {"token_no_default_policy": True}])
def test_a_forbidden_path_does_not_affect_other_paths(
    fails: Fails, vault: Vault, proxy: StandIn, kv2: str, options: dict[str, Any]
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "hunter22"})
    role_id, secret_id = vault.approle(f"{kv2}/data/app", secret_id_num_uses=1, **options)
    env = {
        "VAULT_ADDR": proxy.address,
        "AVP_ROLE_ID": role_id,
        "AVP_SECRET_ID": secret_id,
        "AVP_CONCURRENCY": "1",
    }
    documents = manifest({"a": "<password>"}, f"{kv2}/data/denied")
    documents += manifest({"a": "<password>"}, f"{kv2}/data/app")
    said = fails(documents, env)
    assert "1 failure, nothing was printed" in said
    assert f"Vault denied read access to {kv2}/data/denied (403)" in said


def test_a_token_of_somebody_else_is_not_renewed(
    fails: Fails, vault: Vault, proxy: StandIn, kv2: str
) -> None:
    env = {"VAULT_ADDR": proxy.address, "VAULT_TOKEN": vault.token("none")}
    said = fails(manifest({"a": "<k>"}, f"{kv2}/data/app"), env)
    assert "Vault denied read access to" in said
    question = f"/v1/sys/internal/ui/mounts/{kv2}/data/app"
    assert proxy.paths == [f"/v1/{kv2}/data/app", question], "no login, nor a question about it"


def test_a_token_that_stays_rejected_names_its_login(
    fails: Fails, vault: Vault, proxy: StandIn
) -> None:
    env = {**approle(vault, proxy, "kv/*"), "AVP_CONCURRENCY": "1"}
    onward = forward(vault.address)
    rejected = as_json(403, {"errors": ["permission denied", "invalid token"]})
    proxy.answer = lambda exchange: (
        onward if exchange.asked.path.endswith("/login") else rejected
    )(exchange)
    documents = b"".join(manifest({"a": "<k>"}, f"kv/data/app{n}") for n in range(9))

    said = fails(documents, env)

    assert (
        "1 failure, nothing was printed\n\n"
        "1. Vault rejected the token from the login by approle at auth/approle (403): expired, "
        "revoked, or used up\n   next: check the TTL and the number of uses" in said
    )
    assert (logins(proxy), len(proxy.paths)) == (2, 4), "no other secret is asked for"


def test_a_rejected_token_is_sent_once(fails: Fails, proxy: StandIn) -> None:
    env = {"VAULT_ADDR": proxy.address, "VAULT_TOKEN": "hvs.CAESIJ000000", "AVP_CONCURRENCY": "1"}
    documents = b"".join(manifest({"a": "<k>"}, f"kv/data/app{n}") for n in range(9))

    said = fails(documents, env)

    assert said.count("Vault rejected the token from VAULT_TOKEN (403)") == 1
    assert proxy.paths == ["/v1/kv/data/app0"]


def test_a_wrong_credential_is_not_sent_again(fails: Fails, proxy: StandIn) -> None:
    env = {"VAULT_ADDR": proxy.address, "AVP_ROLE_ID": "no-such-role", "AVP_SECRET_ID": "no-secret"}
    documents = b"".join(manifest({"a": "<k>"}, f"kv/data/app{n}") for n in range(9))
    fails(documents, env)
    assert logins(proxy) == 1


@pytest.mark.parametrize(
    "said",
    [
        "user is not part of required org",
        "failed to verify client's certificate: x509: certificate has expired",
        "JSON string value exceeds allowed length",
    ],
)
def test_a_credential_rejected_with_status_500_is_not_retried(
    fails: Fails, proxy: StandIn, said: str
) -> None:
    proxy.answer = as_json(500, {"errors": [said]})
    env = {"VAULT_ADDR": proxy.address, "AVP_ROLE_ID": "some-role", "AVP_SECRET_ID": "some-id"}
    told = fails(manifest({"a": "<k>"}, "kv/data/app"), env)
    assert "Vault rejected the login by approle at auth/approle: " in told
    assert f"the credential was rejected: {said}" in told
    assert logins(proxy) == 1


@pytest.mark.parametrize("setting", ["AVP_K8S_TOKEN_PATH", "AVP_JWT_PATH"])
def test_an_endless_token_file_is_an_error(fails: Fails, proxy: StandIn, setting: str) -> None:
    role = {"AVP_K8S_TOKEN_PATH": "AVP_K8S_ROLE", "AVP_JWT_PATH": "AVP_JWT_ROLE"}[setting]
    env = {"VAULT_ADDR": proxy.address, role: "r", setting: "/dev/zero\n"}
    assert "/dev/zero is too long for a token" in fails(manifest({"a": "<k>"}, "kv/data/app"), env)
    assert proxy.asked == []


def test_a_login_that_fails_in_vault_is_retried(
    run: Run, vault: Vault, proxy: StandIn, document: bytes, kv2: str
) -> None:
    env = approle(vault, proxy, f"{kv2}/data/app")
    proxy.answer = in_turn(as_json(503, {"errors": []}), forward(vault.address))
    assert reads(run, document, env)
    assert logins(proxy) == 2
