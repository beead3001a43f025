"""For which URLs Argo CD lends credentials."""

from collections.abc import Mapping

import pytest

from avp_py.fetch.askpass import SOURCE, variables_for
from avp_py.settings import LENT_NAMES

HTTP: Mapping[str, str] = {
    "GIT_ASKPASS": "argocd",
    "ARGOCD_GIT_ASKPASS_NONCE": "nonce",
    "ARGOCD_BINARY_NAME": "argocd-git-ask-pass",
    "ARGOCD_ASK_PASS_SOCK": "/run/reposerver-ask-pass.sock",
}
SSH: Mapping[str, str] = {"GIT_SSH_COMMAND": "ssh -i /dev/shm/1 -o IdentitiesOnly=yes"}
OTHER: Mapping[str, str] = {"PATH": "/bin", "ARGOCD_ENV_GIT_ASKPASS": "x", "VAULT_TOKEN": "t"}


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("https://h/a", "https://h/b"),
        ("https://h/a.git", "https://h:443/b/c"),
        ("https://u@h/a", "https://h/b"),
        ("https://H/a", "https://h/b"),
        ("http://h:8080/a", "http://h:8080/b"),
    ],
)
def test_they_are_for_the_server_of_the_application(source: str, url: str) -> None:
    assert variables_for(url, {**HTTP, **OTHER, SOURCE: source}) == HTTP


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("git@h:a", "ssh://git@h/b"),
        ("ssh://git@h:22/a", "git@h:b"),
        ("ssh://git@h:2222/a", "ssh://git@h:2222/b"),
    ],
)
def test_those_for_ssh_are_for_ssh(source: str, url: str) -> None:
    lent = {**HTTP, **SSH}
    assert variables_for(url, {**lent, SOURCE: source}) == SSH
    assert variables_for(url, {**HTTP, SOURCE: source}) == {}


@pytest.mark.parametrize(
    "url",
    [
        "https://other/b", "https://h.evil/b", "https://evil.h/b", "http://h/b", "ssh://h/b",
        "git@h:b", "https://h:444/b", "https://h@evil/b", "https://evil/h", "https://h:443@evil/b",
        "https://evil?https://h/b", "https://evil#@h/b", "https://h\\@evil/b", "https://h%2fevil/b",
        "https://h./b", "https:/h/b", "https:h/b", "//h/b", "h/b", "", "https://", "https://h:x/b",
        "https://[h/b", "git+https://h/b", "oci://h/b", "file://h/b", "https://h\t.evil/b",
    ],
)  # fmt: skip
def test_no_other_server_gets_any(url: str) -> None:
    environ = {**HTTP, **SSH, SOURCE: "https://h/a"}
    # A positive control.
    assert variables_for("https://h/b", environ) == HTTP
    assert variables_for(url, environ) == {}


@pytest.mark.parametrize("source", ["", "h", "https://", "https:///a", "/srv/r", "https://h:x/a"])
def test_a_repository_without_a_server_lends_nothing(source: str) -> None:
    for url in (source, "https://h/b", "https://"):
        assert variables_for(url, {**HTTP, SOURCE: source}) == {}


def test_without_a_credential_nothing_is_lent() -> None:
    environ = {"ARGOCD_BINARY_NAME": "x", "GIT_SSL_NO_VERIFY": "true", SOURCE: "https://h/a"}
    assert variables_for("https://h/b", environ) == {}


def test_what_is_lent_is_known_to_the_client() -> None:
    everything = dict.fromkeys(LENT_NAMES, "x")
    found = {
        name
        for scheme in ("https", "ssh")
        for name in variables_for(f"{scheme}://h/b", {**everything, SOURCE: f"{scheme}://h/a"})
    }
    assert found == set(LENT_NAMES)
