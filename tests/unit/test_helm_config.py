"""Files of helm and docker with credentials, which the operator names in AVP_RENDER_ENV."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from avp_py.errors import AvpError, DocumentError, Failure
from avp_py.fetch.credential import Credential, choose
from avp_py.fetch.helm_config import NAMES, read_helm_files

CANARY = "canary-77aa"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"

Read = Callable[..., tuple[tuple[Credential, ...], tuple[Failure, ...]]]


def auth(text: str) -> Mapping[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads files with these contents: texts, or what becomes JSON."""
    (tmp_path / "docker").mkdir()
    paths = dict(zip(NAMES, ("repositories.yaml", "registry.json", "docker"), strict=True))

    def write(names: Sequence[str] = NAMES, **contents: Any) -> Any:
        environ = {}
        for name, content in contents.items():
            path = tmp_path / paths[name]
            file = path / "config.json" if name == "DOCKER_CONFIG" else path
            file.write_text(content if isinstance(content, str) else json.dumps(content))
            environ[name] = str(path)
        credentials, warnings = read_helm_files(environ, names)
        assert CANARY not in f"{credentials!r}{credentials}{warnings}"
        return credentials, warnings

    return write


def docker(**auths: Mapping[str, Any]) -> dict[str, Any]:
    return {"auths": {key.replace("_", "."): entry for key, entry in auths.items()}}


def logins(credentials: Sequence[Credential]) -> Mapping[str, tuple[str, str]]:
    return {
        each.url: (each.username, each.password.reveal() if each.password else "")
        for each in credentials
    }


def test_docker_logins_are_for_registries(read: Read) -> None:
    auths = {
        "registry.example.com": auth(f"robot:{CANARY}:x"),
        "https://registry-2.example.com:5000/v2/": auth(f"robot:{CANARY}\0\0"),
        "registry-3.example.com/team": {"username": "robot", "password": CANARY},
        "registry-4.example.com/v1/": auth(f"robot:{CANARY}"),
        "registry-5.example.com/v1x": auth(f"robot:{CANARY}"),
        "registry-6.example.com": {},
    }
    credentials, warnings = read(DOCKER_CONFIG={"auths": auths})
    assert warnings == ()
    assert logins(credentials) == {
        "oci://registry.example.com/": ("robot", f"{CANARY}:x"),
        "oci://registry-2.example.com:5000/": ("robot", CANARY),
        "oci://registry-3.example.com/team": ("robot", CANARY),
        "oci://registry-4.example.com/": ("robot", CANARY),
        "oci://registry-5.example.com/v1x": ("robot", CANARY),
    }


@pytest.mark.parametrize("name", ["https://index.docker.io/v1/", "docker.io"])
def test_docker_hub_has_three_names(read: Read, name: str) -> None:
    credentials, _ = read(DOCKER_CONFIG={"auths": {name: auth(f"robot:{CANARY}")}})
    for host in ("docker.io", "index.docker.io", "registry-1.docker.io"):
        assert choose(credentials, f"oci://{host}/bitnamicharts", None)


def test_helms_own_logins_win_over_dockers(read: Read) -> None:
    credentials, _ = read(
        DOCKER_CONFIG=docker(h_example=auth("docker:x")),
        HELM_REGISTRY_CONFIG=docker(h_example=auth("helm:x")),
    )
    found = choose(credentials, "oci://h.example/charts", None)
    assert found
    assert found.username == "helm"
    assert "registry.json (HELM_REGISTRY_CONFIG): 'h.example'" in found.source


def test_a_registry_token_is_a_bearer_token(read: Read) -> None:
    (found,), warnings = read(DOCKER_CONFIG=docker(h={"registrytoken": CANARY}))
    assert warnings == ()
    assert found.token
    assert found.token.reveal() == CANARY


def test_helms_repositories_are_read(read: Read, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(PEM)
    (tmp_path / "key.pem").write_text(KEY)
    repositories = [
        {
            "name": "team",
            "url": "https://charts.example.com/team/",
            "username": "robot",
            "password": CANARY,
            "caFile": f"{tmp_path}/ca.pem",
            "certFile": f"{tmp_path}/ca.pem",
            "keyFile": f"{tmp_path}/key.pem",
            "insecure_skip_tls_verify": False,
            "pass_credentials_all": True,
        },
        {
            "name": "self-signed",
            "url": "https://self-signed.example.com",
            "username": "robot",
            "password": "",
            "caFile": "/none",
            "insecure_skip_tls_verify": True,
        },
    ]
    text = yaml.safe_dump({"apiVersion": "", "generated": "now", "repositories": repositories})
    (team, unverified), warnings = read(HELM_REPOSITORY_CONFIG=text)
    assert warnings == ()
    assert (team.url, team.username) == ("https://charts.example.com/team/", "robot")
    assert team.password
    assert team.password.reveal() == CANARY
    assert (team.ca, team.certificate) == (PEM, PEM)
    assert team.key
    assert team.key.reveal() == KEY
    assert (team.verify, team.pass_credentials) == (True, True)
    # As for helm: a user name without a password is not sent, and an unverified host needs no CA.
    assert (unverified.username, unverified.password, unverified.ca) == ("", None, "")
    assert (unverified.verify, unverified.pass_credentials) == (False, False)


def repository(**fields: str) -> str:
    return yaml.safe_dump({"repositories": [{"name": "a", "url": "https://h", **fields}]})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("DOCKER_CONFIG", {"credsStore": "desktop"}, "credsStore names programs"),
        ("DOCKER_CONFIG", {"credHelpers": {"h": "ecr-login"}}, "credHelpers names programs"),
        ("DOCKER_CONFIG", docker(h={"identitytoken": CANARY}),
         "'h' is not used: an identity token is not supported"),
        ("DOCKER_CONFIG", docker(h={"auth": f"{CANARY}*"}), "'h' is not used: auth is not base64"),
        ("DOCKER_CONFIG", docker(h={"auth": "/2NhbmFyeQ=="}), "auth is not base64"),
        ("DOCKER_CONFIG", docker(h=auth(f"{CANARY}")), "the password is not one line of text"),
        ("DOCKER_CONFIG", docker(h=auth(f":{CANARY}")), "the user name is not one line"),
        ("DOCKER_CONFIG", docker(h={"registrytoken": f"{CANARY}\n."}), "the token is not"),
        ("DOCKER_CONFIG", {"auths": {"a b": auth(f"robot:{CANARY}")}},
         "'a b' is not used: the URL 'oci://a b/' has the character ' '"),
        ("DOCKER_CONFIG", {"auths": {f"robot:{CANARY}@h": auth("robot:x")}}, "'h' is not used"),
        ("HELM_REPOSITORY_CONFIG", repository(url="oci:h"), "'oci:h' is not complete"),
        ("HELM_REPOSITORY_CONFIG", repository(url=f"https://robot:{CANARY}@h"), "has a user or a"),
        ("HELM_REPOSITORY_CONFIG", repository(caFile="ca.pem"),
         "the repository 'a' is not used: caFile is not an absolute path"),
        ("HELM_REPOSITORY_CONFIG", repository(caFile="/none"), "caFile /none cannot be read"),
        ("HELM_REPOSITORY_CONFIG", repository(keyFile="/dev/null"), "is not in PEM"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_a_warning(read: Read, name: str, content: Any, said: str) -> None:
    credentials, (warning,) = read(**{name: content})
    assert credentials == ()
    assert said in warning.reason
    assert " is not used: " in warning.reason or "names programs" in warning.reason
    assert name in warning.reason
    assert warning.hint


def test_one_bad_entry_leaves_the_others(read: Read) -> None:
    credentials, warnings = read(
        DOCKER_CONFIG=docker(a={"auth": "*"}, b=auth(f"robot:{CANARY}")) | {"credsStore": "x"}
    )
    assert [each.url for each in credentials] == ["oci://b/"]
    assert len(warnings) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("DOCKER_CONFIG", CANARY),
        ("DOCKER_CONFIG", f'["{CANARY}"]'),
        ("DOCKER_CONFIG", "[" * 100_000),
        ("HELM_REGISTRY_CONFIG", f'{{"auths": {CANARY}'),
        ("HELM_REPOSITORY_CONFIG", f"repositories: [{CANARY}\n"),
    ],
)
def test_a_malformed_file_is_an_error(read: Read, name: str, content: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(**{name: content})
    assert name in caught.value.reason
    assert CANARY not in f"{caught.value!r}{caught.value.hint}{caught.value.__cause__!r}"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("DOCKER_CONFIG", {}),
        ("DOCKER_CONFIG", {"auths": None}),
        ("DOCKER_CONFIG", {"auths": {"h": "x"}}),
        ("HELM_REPOSITORY_CONFIG", ""),
        ("HELM_REPOSITORY_CONFIG", "repositories: null\n"),
        ("HELM_REPOSITORY_CONFIG", "repositories: [a]\n"),
        ("HELM_REPOSITORY_CONFIG", "[a]\n"),
    ],
)
def test_a_file_can_have_nothing_in_it(read: Read, name: str, content: Any) -> None:
    assert read(**{name: content}) == ((), ())


def test_only_what_the_operator_lets_be_seen_is_read(read: Read) -> None:
    contents = {"DOCKER_CONFIG": docker(h=auth("a:b")), "HELM_REGISTRY_CONFIG": "malformed"}
    assert read(names=(), **contents) == ((), ())
    credentials, _ = read(names=("DOCKER_CONFIG", "HTTPS_PROXY"), **contents)
    assert len(credentials) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_not_there_is_a_warning(tmp_path: Path, name: str) -> None:
    credentials, (warning,) = read_helm_files({name: str(tmp_path / "none")}, NAMES)
    assert credentials == ()
    assert f"({name})" in warning.reason
    assert read_helm_files({name: ""}, NAMES) == ((), ())


def test_a_directory_in_place_of_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AvpError, match="cannot be read: Is a directory"):
        read_helm_files({"HELM_REGISTRY_CONFIG": str(tmp_path)}, NAMES)
