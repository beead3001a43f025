"""Credentials out of Argo CD's Secrets and ConfigMaps for repositories."""

from collections.abc import Mapping
from typing import Any

import pytest

from avp_py.fetch.argocd import REPOSITORY, TEMPLATE, ArgocdSecret, read_secrets
from avp_py.fetch.credential import Credential, choose

CANARY = "canary-3d1e"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"
KNOWN = "git.example.com ssh-ed25519 AAAAC3\n"
LOGIN = {"username": "robot", "password": CANARY}


def secret(name: str, kind: str = REPOSITORY, **values: str | bytes) -> ArgocdSecret:
    data = {k: v if isinstance(v, bytes) else v.encode() for k, v in values.items()}
    return ArgocdSecret(f"argocd:{name}", kind, data)


def read(
    *secrets: ArgocdSecret, certificates: Mapping[str, str] | None = None, known_hosts: str = KNOWN
) -> tuple[tuple[Credential, ...], list[str]]:
    """The credentials, and what was warned of."""
    credentials, warnings = read_secrets(secrets, certificates or {}, known_hosts)
    assert CANARY not in f"{secrets!r}{credentials!r}{credentials}{warnings}"
    assert all(each.hint for each in warnings)
    return credentials, [each.reason for each in warnings]


def login(credential: Credential | None) -> tuple[str, str] | None:
    if credential is None or credential.password is None:
        return None
    return credential.username, credential.password.reveal()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"url": "https://h/o/r"}, "https://h/o/r"),
        ({"url": " https://h/o/r.git ", "type": "git"}, "https://h/o/r.git"),
        ({"url": "https://h/charts", "type": "helm"}, "https://h/charts"),
        ({"url": "h/charts", "type": "helm", "enableOCI": "true"}, "oci://h/charts"),
        ({"url": "h:5000", "type": "helm", "enableOCI": "true"}, "oci://h:5000/"),
        ({"url": "oci://h/charts", "type": "helm", "enableOCI": "true"}, "oci://h/charts"),
        ({"url": "oci://h/charts", "type": "oci"}, "oci://h/charts"),
        ({"url": "https://org@h/o/_git/r"}, "https://h/o/_git/r"),
        ({"url": "h/charts", "type": "oci"}, "oci://h/charts"),
    ],
)
def test_a_url_gets_the_scheme_of_its_type(values: dict[str, str], expected: str) -> None:
    (found,), warnings = read(secret("a", **LOGIN, **values))
    assert warnings == []
    assert (found.url, login(found)) == (expected, ("robot", CANARY))
    assert found.source == "Argo CD's Secret argocd:a"
    assert (found.verify, found.plain_http, found.project) == (True, False, "")


def test_an_ssh_key_comes_with_the_known_hosts() -> None:
    (found,), _ = read(secret("a", url="git@git.example.com:o/r.git", sshPrivateKey=KEY))
    assert found.url == "ssh://git@git.example.com/o/r.git"
    assert found.ssh_key
    assert found.ssh_key.reveal() == KEY
    assert (found.known_hosts, found.verify) == (KNOWN, True)


@pytest.mark.parametrize("key", ["insecure", "insecureIgnoreHostKey"])
def test_a_host_key_need_not_be_verified(key: str) -> None:
    values = {"url": "git@h:o/r", "sshPrivateKey": KEY, key: "true"}
    (found,), warnings = read(secret("a", **values), known_hosts="")
    assert (warnings, found.verify, found.known_hosts) == ([], False, "")


def test_a_client_certificate_comes_with_its_key() -> None:
    pair = {"tlsClientCertData": PEM, "tlsClientCertKey": KEY}
    (found,), _ = read(secret("a", url="https://h/x", **pair))
    assert found.certificate == PEM
    assert found.key
    assert found.key.reveal() == KEY


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"password": CANARY}, ("x-access-token", CANARY)),
        ({"password": CANARY, "bearerToken": "other"}, ("x-access-token", CANARY)),
        ({"password": f"{CANARY}\n", "username": "robot"}, ("robot", CANARY)),
        ({"password": CANARY, "url": "https://org@h/x"}, ("org", CANARY)),
        ({"password": CANARY, "url": "https://org@h/x", "username": "robot"}, ("robot", CANARY)),
    ],
)
def test_a_password_for_git_needs_no_user(
    values: dict[str, str], expected: tuple[str, str]
) -> None:
    (found,), _ = read(secret("a", **{"url": "https://h/x", **values}))
    assert (login(found), found.token) == (expected, None)


def test_a_bearer_token_is_for_git() -> None:
    (found,), _ = read(secret("a", url="https://h/x", bearerToken=CANARY))
    assert found.token
    assert found.token.reveal() == CANARY
    helm = secret("a", url="https://h/x", type="helm", bearerToken=CANARY)
    assert read(helm) == ((), [])


def test_a_registry_may_be_without_tls() -> None:
    values = {"url": "h/x", "type": "helm", "enableOCI": "true", "insecureOCIForceHttp": "true"}
    pair = {"tlsClientCertData": PEM, "tlsClientCertKey": KEY}
    (found, *_), _ = read(secret("a", **values, **LOGIN, **pair), certificates={"h": PEM})
    assert (found.plain_http, found.ca, found.certificate) == (True, "", "")


def test_a_repository_has_the_credentials_of_its_template() -> None:
    secrets = (
        secret("all", TEMPLATE, url="https://h/", username="all", password=CANARY),
        secret("team", TEMPLATE, url="https://h/team", **LOGIN),
        secret("plain", url="https://h/team/plain", insecure="true"),
        secret("own", url="https://h/team/own", username="own", password="of-its-own"),
        secret("public", url="https://other/public", depth="1"),
    )
    credentials, warnings = read(*secrets)
    assert warnings == []
    plain = choose(credentials, "https://h/team/plain.git", "p")
    assert plain
    assert (login(plain), plain.verify) == (("robot", CANARY), False)
    assert plain.source == (
        "Argo CD's Secret argocd:plain, with the credentials of Argo CD's Secret argocd:team"
    )
    assert login(choose(credentials, "https://h/team/own", "p")) == ("own", "of-its-own")
    assert login(choose(credentials, "https://h/team/other", "p")) == ("robot", CANARY)
    assert login(choose(credentials, "https://h/team-2", "p")) == ("all", CANARY)
    assert choose(credentials, "https://other/public", "p") is None


def test_a_secret_of_a_project_is_for_that_project() -> None:
    credentials, _ = read(
        secret("scoped", url="https://h/team", project="p", **LOGIN),
        secret("open", url="https://h/team", username="open", password="for-all"),
        secret("alone", url="https://h/alone", project="p", **LOGIN),
        secret("template", TEMPLATE, url="https://h/", username="all", password="for-all"),
        secret("bare", url="https://h/bare", project="p", insecure="true"),
    )
    assert login(choose(credentials, "https://h/team", "p")) == ("robot", CANARY)
    assert login(choose(credentials, "https://h/team", "q")) == ("open", "for-all")
    assert login(choose(credentials, "https://h/team", None)) == ("open", "for-all")
    assert login(choose(credentials, "https://h/alone", "q")) == ("all", "for-all")
    bare = [choose(credentials, "https://h/bare", each) for each in ("p", "q")]
    assert [each and (login(each), each.verify) for each in bare] == [
        (("all", "for-all"), False),
        (("all", "for-all"), True),
    ]


def test_the_certificates_of_a_host_are_trusted() -> None:
    credentials, warnings = read(
        secret("a", url="https://h:8443/x", **LOGIN),
        secret("b", url="https://h/unverified", insecure="true", **LOGIN),
        secret("c", url="http://h/plain", **LOGIN),
        certificates={"h": PEM, "a b": PEM, "malformed": CANARY},
    )
    trusted = {each.url: each.ca for each in credentials}
    assert trusted == {
        "https://h:8443/x": PEM,
        "https://h/unverified": "",
        "http://h/plain": "",
        "https://h/": PEM,
        "oci://h/": PEM,
    }
    assert warnings == [
        "the ConfigMap argocd-tls-certs-cm: 'a b' is not used: the URL 'https://a b' has the "
        "character ' '",
        "the ConfigMap argocd-tls-certs-cm: 'malformed' is not used: the CA certificate is not "
        "in PEM",
    ]


GIT = {"url": "https://h/x"}
SSH = {"url": "git@h:x", "sshPrivateKey": KEY}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "it has no url"),
        ({"url": f"https://robot:{CANARY}@h"}, "the URL 'https://…' has a user or a password"),
        ({"url": "h/x", "type": "helm"}, "the URL 'h/x' is not complete"),
        ({"url": "https://h", "type": CANARY}, "its type is not known"),
        ({**GIT, "insecure": CANARY}, "insecure is not a boolean"),
        ({**GIT, "enableOCI": CANARY, "type": "helm"}, "enableOCI is not a boolean"),
        ({**GIT, "password": b"\xff" + CANARY.encode()}, "password is not UTF-8"),
        ({**GIT, "password": f"{CANARY}\n{CANARY}"}, "the password is not one line of text"),
        ({**GIT, "username": f"a:{CANARY}", "password": "x"}, "the user name is not one line"),
        ({**GIT, "bearerToken": f"{CANARY} x"}, "the token is not printable ASCII"),
        ({**GIT, "username": "robot"}, "it has one of username and password"),
        ({**GIT, "password": CANARY, "type": "helm"}, "it has one of username and password"),
        ({**GIT, "tlsClientCertData": PEM}, "it has one of tlsClientCertData and"),
        ({**GIT, "tlsClientCertData": CANARY, "tlsClientCertKey": KEY}, "the client certificate"),
        ({**GIT, "tlsClientCertData": PEM, "tlsClientCertKey": CANARY}, "the key of the client"),
        ({**SSH, "sshPrivateKey": CANARY}, "the SSH key is not in PEM"),
        ({**GIT, "githubAppPrivateKey": CANARY}, "githubAppPrivateKey is not supported"),
        ({**GIT, "gcpServiceAccountKey": CANARY}, "gcpServiceAccountKey is not supported"),
        ({**GIT, "azureServicePrincipalClientSecret": CANARY}, "ClientSecret is not supported"),
        ({**GIT, "useAzureWorkloadIdentity": "true"}, "useAzureWorkloadIdentity is not supported"),
    ],
)  # fmt: skip
def test_a_secret_that_cannot_be_used_is_passed_over(values: Any, said: str) -> None:
    credentials, (warning,) = read(
        secret("bad", **values), secret("good", url="https://g", **LOGIN)
    )
    assert [each.source for each in credentials] == ["Argo CD's Secret argocd:good"]
    assert warning.startswith("Argo CD's Secret argocd:bad is not used: ")
    assert said in warning


def test_a_proxy_is_not_used_and_that_is_said() -> None:
    (found,), warnings = read(
        secret("a", url="https://h/x", password=CANARY, proxy="http://robot:hunter22@proxy:3128")
    )
    assert login(found) == ("x-access-token", CANARY)
    (said,) = warnings
    assert "without the proxy in Argo CD's Secret argocd:a" in said
    assert "hunter22" not in said


def test_an_empty_proxy_is_none() -> None:
    _, warnings = read(secret("a", url="https://h/x", password=CANARY, proxy=""))
    assert warnings == []


def test_what_makes_tokens_is_argo_cds_to_lend() -> None:
    app = secret("app", **GIT, githubAppPrivateKey=CANARY)
    _, (warning,) = read_secrets([app], {}, "")
    assert "provideGitCreds" in warning.hint
    assert "AVP_REPOSITORIES" in warning.hint


def test_ssh_without_known_hosts_is_passed_over() -> None:
    _, (warning,) = read(secret("a", **SSH), known_hosts="\n")
    assert "the ConfigMap argocd-ssh-known-hosts-cm has no known hosts" in warning
    _, (warning,) = read(secret("a", **SSH), known_hosts="malformed\n")
    assert "the known hosts are not lines of a known_hosts file" in warning


@pytest.mark.parametrize("kind", ["cluster", "repository-write", "repo-write-creds", "scm-creds"])
def test_a_secret_of_another_kind_is_passed_over(kind: str) -> None:
    credentials, (warning,) = read(secret("a", kind, url="https://h", **LOGIN))
    assert credentials == ()
    assert f"its label secret-type is '{kind}'" in warning


def test_a_named_secret_needs_no_label() -> None:
    (found,), _ = read(secret("a", "", url="https://h", **LOGIN))
    assert login(found) == ("robot", CANARY)


def test_of_two_secrets_for_one_url_the_first_counts() -> None:
    credentials, warnings = read(
        secret("a", url="https://h/x", **LOGIN),
        secret("b", url="HTTPS://H/x.git", username="b", password="second"),
        secret("c", TEMPLATE, url="https://h/x", username="c", password="third"),
    )
    assert login(choose(credentials, "https://h/x", None)) == ("robot", CANARY)
    assert warnings == ["Argo CD's Secret argocd:b is not used: argocd:a is for the same URL"]
