"""The file that AVP_REPOSITORIES names: its format, and the errors of a malformed one."""

import base64
from pathlib import Path

import pytest

from avp_py.errors import AvpError, DocumentError, SettingsError
from avp_py.fetch.credential import Credential
from avp_py.fetch.repositories import read_repositories

CANARY = "canary-1f0e"
PEM = f"-----BEGIN CERTIFICATE-----\n{CANARY}\n-----END CERTIFICATE-----\n"
KEY = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"
KNOWN = "git.example.com ssh-ed25519 AAAAC3\n"


def openssh(cipher: bytes) -> str:
    """The beginning of a key as `ssh-keygen` writes it."""
    body = b"openssh-key-v1\0" + len(cipher).to_bytes(4, "big") + cipher + CANARY.encode()
    text = base64.encodebytes(body).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}-----END OPENSSH PRIVATE KEY-----"


SSH_KEY = openssh(b"none")

FILES = {
    "password": f"{CANARY}\n",
    "spaces": f" {CANARY} ",
    "token": f"{CANARY}-token\n",
    "ca": PEM,
    "key": KEY,
    "ssh": SSH_KEY,
    "encrypted": openssh(b"aes256-ctr"),
    "encrypted.pem": KEY.replace("PRIVATE", "ENCRYPTED PRIVATE"),
    "damaged": SSH_KEY.replace("\n", "\n*", 1),
    "hosts": f"# comment\n\n{KNOWN}",
    "empty": "\n",
    "lines": f"{CANARY}\n{CANARY}\n",
    "colon": f"robot:{CANARY}\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "bytes").write_bytes(b"\xff" + CANARY.encode())
    return tmp_path


def read(folder: Path, text: str | bytes) -> tuple[Credential, ...]:
    """Read a file; `DIR` in it is the folder."""
    file = folder / "repositories.yaml"
    data = text if isinstance(text, bytes) else text.replace("DIR", str(folder)).encode()
    file.write_bytes(data)
    return tuple(each.read() for each in read_repositories(file))


WHOLE = f"""\
repositories:
- url: https://charts.example.com/team
  username: robot
  passwordFile: DIR/password
  caFile: DIR/ca
  certificateFile: DIR/ca
  keyFile: DIR/key
  passCredentials: true
- url: oci://registry.example.com/charts/
  username: robot
  password: " {CANARY} "
  plainHTTP: true
- url: ssh://git@git.example.com/
  sshKeyFile: DIR/ssh
  knownHostsFile: DIR/hosts
- url: https://self-signed.example.com
  tokenFile: DIR/token
  verify: false
- url: git@other.example.com:team
  sshKeyFile: DIR/damaged
  verify: false
- url: http://charts.internal/public
"""


def test_a_file_is_read_with_the_files_that_it_names(folder: Path) -> None:
    charts, registry, git, unverified, other, public = read(folder, WHOLE)
    assert charts.source == f"{folder}/repositories.yaml, line 2"
    assert public.source == f"{folder}/repositories.yaml, line 22"
    assert (charts.username, charts.ca, charts.certificate) == ("robot", PEM, PEM)
    assert charts.password
    assert charts.password.reveal() == CANARY
    assert charts.key
    assert charts.key.reveal() == KEY
    assert (charts.verify, charts.pass_credentials, charts.plain_http) == (True, True, False)
    assert registry.url == "oci://registry.example.com/charts/"
    assert registry.plain_http
    assert registry.password
    assert registry.password.reveal() == f" {CANARY} "
    assert git.url == "ssh://git@git.example.com/"
    assert git.ssh_key
    assert git.ssh_key.reveal() == f"{SSH_KEY}\n"
    assert git.known_hosts == KNOWN
    assert unverified.token
    assert unverified.token.reveal() == f"{CANARY}-token"
    assert not unverified.verify
    assert (other.url, other.verify) == ("ssh://git@other.example.com/team", False)
    assert public == Credential(url="http://charts.internal/public", source=public.source)


def test_files_are_read_anew_each_time(folder: Path) -> None:
    text = "repositories: [{url: https://h, tokenFile: DIR/token}]\n"
    (first,) = read(folder, text)
    (folder / "token").write_text("another")
    (second,) = read(folder, text)
    assert second.token
    assert (second.url, second.token.reveal()) == (first.url, "another")
    assert second.fingerprint != first.fingerprint


def one(text: str, url: str = "https://h") -> str:
    return f"repositories:\n- url: {url}\n  {text}\n"


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        ("", "is empty", "do not set AVP_REPOSITORIES"),
        ("null\n", "is empty", "do not set AVP_REPOSITORIES"),
        ("[]\n", "line 1, column 1: a file of repositories is a mapping", "repositories"),
        ("{}\n", "line 1, column 1: a file of repositories with nothing in it", "repositories"),
        ("a: 1\n---\nb: 2\n", "line 3, column 1: a second document", "one document"),
        ("repositories:\n", "line 1, column 14: repositories is a list", "repositories: ["),
        ("repositories: []\n", "repositories is an empty list", "write an item"),
        ("repositories: [a]\n", "line 1, column 16: a repository is a mapping", "url, username"),
        ("repositories: [{}]\n", "a repository with nothing in it", "url, username"),
        ("repositorys: [{url: a}]\n", "has an unknown key", "did you mean repositories?"),
        ("repositories: [{verify: true}]\n", "a repository without url", "docs/charts.md"),
        (one("passwort: x"), "line 3, column 3: a repository has an unknown key", "mean password?"),
        (one("password_file: x"), "has an unknown key", "did you mean passwordFile?"),
        (one("url: x"), "line 3, column 3: duplicate key 'url'", ""),
        (one("token: [a]"), "line 3, column 10: token: expected a string", "in quotes"),
        (one("token: null"), "token: expected a string", "in quotes"),
        (one("verify: no"), "line 3, column 11: verify: expected true or false", "without quotes"),
        (one("a", "http"), "not valid YAML", ""),
        (one("verify: true", "h/x"), "line 2, column 8: the URL 'h/x' is not complete", "scheme"),
        (one("verify: true", "https://u:p@h"), "the URL 'https://…' has a user", "leave it out"),
        (one("verify: true", "git://h"), "has an unknown scheme", "use https or ssh"),
        (one("verify: true", "https://h?a"), "line 2, column 8: url has a query", "leave it out"),
        (one("tokenFile: token"), "line 3, column 14: tokenFile is not an absolute path", "with /"),
        (one("tokenFile: ../token"), "tokenFile is not an absolute path", "begin it with /"),
        (one("{token: a, tokenFile: /b}").replace("\n  {", ", ").replace("- url", "- {url"),
         "token and tokenFile", "keep one of them"),
        (one("username: a"), "a user name without a password", "write password or passwordFile"),
        (one("password: a"), "a password without a user name", "write username or usernameFile"),
        (one("username: a\n  token: b"), "line 4, column 3: a token, and a user name or password",
         "keep one"),
        (one("password: a\n  tokenFile: /b"), "a token, and a user name or password", "keep one"),
        (one("certificateFile: /a"), "a client certificate without its key", "write key or"),
        (one("key: a"), "a key without its client certificate", "write certificate or"),
        (one("caFile: /a\n  verify: false"), "line 4, column 3: verify: false, and caFile",
         "keep one"),
        (one("sshKeyFile: /a"), "line 3, column 3: sshKeyFile has no effect for https://",
         "it is for ssh://"),
        (one("plainHTTP: true"), "plainHTTP has no effect for https://", "it is for oci://"),
        (one("passCredentials: true", "oci://h"), "passCredentials has no effect for oci://",
         "it is for http://, https://"),
        (one("verify: false", "http://h"), "verify has no effect for http://",
         "it is for https://, oci://, ssh://"),
        (one("token: a", "ssh://git@h"), "token has no effect for ssh://", "https://, oci://"),
        (one("verify: true", "ssh://git@h"), "line 2, column 3: ssh:// without an SSH key",
         "write sshKeyFile"),
        (one("sshKeyFile: /a", "ssh://git@h"), "an SSH key without the known hosts",
         "write knownHosts or knownHostsFile"),
        (one("knownHostsFile: /a", "ssh://git@h"), "ssh:// without an SSH key", "write sshKeyFile"),
        (one("{sshKeyFile: /a, knownHosts: b, verify: false}", "ssh://h")
         .replace("\n  {", ", ").replace("- url", "- {url"),
         "verify: false, and knownHosts", "keep one"),
        (one("plainHTTP: true\n  caFile: /a", "oci://h"),
         "line 4, column 3: plainHTTP: true, and caFile, which is for TLS", "keep one"),
        (one("verify: true\n- url: HTTPS://H:443/"),
         "line 4, column 8: the same URL as the entry in line 2", "keep one"),
        (one("verify: true\n- url: https://h/a.git\n- url: https://h/a/"),
         "line 5, column 8: the same URL as the entry in line 4", "keep one"),
        (b"\xff\n", "is not UTF-8", "save it as UTF-8"),
    ],
)  # fmt: skip
def test_a_malformed_file_is_reported_with_its_location(
    folder: Path, text: str | bytes, reason: str, hint: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        read(folder, text)
    assert reason in caught.value.reason
    assert hint in caught.value.hint
    assert f"{folder}/repositories.yaml" in caught.value.reason


LOGIN = "username: robot\n  "
SSH = "ssh://git@h"


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        (one(f"{LOGIN}passwordFile: DIR/none"),
         "line 2: passwordFile DIR/none cannot be read: No such file", "name a file"),
        (one(f"{LOGIN}passwordFile: DIR"), "cannot be read: Is a directory", "name a file"),
        (one(f"{LOGIN}passwordFile: DIR/empty"), "line 2: the password is not one line",
         "must not be empty"),
        (one(f"{LOGIN}passwordFile: DIR/lines"), "the password is not one line of text",
         "no line break"),
        (one(f'{LOGIN}password: "{CANARY}\\0"'), "the password is not one line of text",
         "no control"),
        (one("usernameFile: DIR/colon\n  password: a"), "the user name is not one line without a",
         "correct it"),
        (one("tokenFile: DIR/lines"), "the token is not printable ASCII", "nothing else"),
        (one("tokenFile: DIR/empty"), "the token is not printable ASCII", "nothing else"),
        (one("caFile: DIR/key"), "the CA certificate is not in PEM", "BEGIN CERTIFICATE"),
        (one(f"ca: {CANARY}"), "the CA certificate is not in PEM", "BEGIN CERTIFICATE"),
        (one("certificateFile: DIR/key\n  keyFile: DIR/key"), "the client certificate is not in",
         "BEGIN CERTIFICATE"),
        (one("certificateFile: DIR/ca\n  keyFile: DIR/ca"),
         "the key of the client certificate is not in PEM", "begins with BEGIN"),
        (one("certificateFile: DIR/ca\n  keyFile: DIR/encrypted.pem"),
         "the key of the client certificate has a passphrase", "without a passphrase"),
        (one("sshKeyFile: DIR/encrypted\n  knownHostsFile: DIR/hosts", SSH),
         "the SSH key has a passphrase, which nobody can type", "without a passphrase"),
        (one("sshKeyFile: DIR/hosts\n  knownHostsFile: DIR/hosts", SSH),
         "the SSH key is not in PEM", "begins with BEGIN"),
        (one("sshKeyFile: DIR/ssh\n  knownHostsFile: DIR/empty", SSH),
         "the known hosts are not lines of a known_hosts file", "ssh-keyscan"),
        (one("sshKeyFile: DIR/ssh\n  knownHostsFile: DIR/ssh", SSH),
         "the known hosts are not lines of a known_hosts file", "ssh-keyscan"),
    ],
)  # fmt: skip
def test_a_credential_without_its_form_is_reported(
    folder: Path, text: str, reason: str, hint: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(folder, text)
    assert reason.replace("DIR", str(folder)) in caught.value.reason
    assert hint in caught.value.hint
    assert f"{folder}/repositories.yaml, line 2: " in caught.value.reason
    assert CANARY not in f"{caught.value!r}{caught.value.hint}{caught.value.failures}"


@pytest.mark.parametrize(
    "text",
    [
        one(f"token: *{CANARY}"),
        one(f"token: &{CANARY} x\n  {CANARY}: y"),
        one(f"token: !{CANARY}"),
        one(f"token: @{CANARY}"),
        one(f"token: %{CANARY}"),
        one(f"token: {{{CANARY}: x}}"),
        one(f"token: [{CANARY}]"),
        one(f"token: {CANARY}: x"),
        one(f'token: "{CANARY}\\q"'),
        one(f'token: "{CANARY}'),
        one(f"token: '{CANARY}' {CANARY}"),
        one(f"token:{CANARY}"),
        one(f"token:\n{CANARY}"),
        one(f"token:\n    {CANARY}:\n"),
        one(f"{CANARY}: token"),
        one(f"verify: {CANARY}"),
        one(f"tokenFile: {CANARY}"),
        one(f"caFile: |\n    {CANARY}"),
        one("verify: true", f"https://robot:{CANARY}@h"),
        one("verify: true", f"https://robot:a/{CANARY}@h"),
        one("verify: true", f"https://h/a?{CANARY}"),
        one("verify: true", f"ftp://h/a?token={CANARY}"),
        one("verify: true", f"robot:{CANARY}@h:x"),
    ],
)
def test_no_message_shows_a_part_of_the_file(folder: Path, text: str) -> None:
    with pytest.raises(AvpError) as caught:
        read(folder, text)
    error = caught.value
    said = f"{error!r}{error.hint}{error.failures}{error.__cause__!r}{error.__context__!r}"
    assert CANARY not in said
    assert "repositories.yaml" in error.reason


def test_no_print_shows_a_credential(folder: Path) -> None:
    credentials = read(folder, WHOLE)
    assert CANARY in str([each.as_mapping() for each in credentials])
    assert "BEGIN PRIVATE KEY" not in f"{credentials!r}"
    without_certificates = [
        Credential(**{**vars(each), "ca": "", "certificate": ""}) for each in credentials
    ]
    assert CANARY not in f"{without_certificates!r}{without_certificates}"


@pytest.mark.parametrize("name", ["bytes", "none"])
def test_a_file_that_cannot_be_read_is_an_error(folder: Path, name: str) -> None:
    with pytest.raises(AvpError, match=r"repositories .* (is not UTF-8|cannot be read)"):
        read_repositories(folder / name)
