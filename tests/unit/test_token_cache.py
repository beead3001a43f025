"""Tokens between runs: their names, their lifetime, and who may have written them."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avp_py.backends.vault import token_cache
from avp_py.backends.vault.auth import AUTH_METHODS, LoginRequest
from avp_py.backends.vault.token_cache import MARGIN_SECONDS, MAX_SECONDS, TokenCache
from avp_py.errors import GenerateError, SettingsError
from avp_py.settings import Sensitive
from tests.settings import load

TOKEN = Sensitive("hvs.canary-of-the-token")
IDS = {"role_id": Sensitive("r"), "secret_id": Sensitive("s")}
REQUEST = LoginRequest("auth/approle/login", IDS)

SETTINGS: Mapping[str, Mapping[str, str]] = {
    "approle": {"AVP_ROLE_ID": "1", "AVP_SECRET_ID": "2"},
    "userpass": {"AVP_USERNAME": "1", "AVP_PASSWORD": "2"},
    "github": {"AVP_GITHUB_TOKEN": "1"},
    "jwt": {"AVP_JWT_ROLE": "1", "AVP_JWT": "2"},
    "k8s": {"AVP_K8S_ROLE": "1", "AVP_K8S_TOKEN_PATH": "2"},
    "cert": {"VAULT_CLIENT_CERT": "1", "VAULT_CLIENT_KEY": "2", "AVP_CERT_ROLE": "3"},
}
"""What each method goes by, all of it."""

COMMON = ("VAULT_ADDR", "VAULT_NAMESPACE", "AVP_MOUNT_PATH", "VAULT_TLS_SERVER_NAME")

FILES = ("AVP_K8S_TOKEN_PATH", "VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY")


def cache(folder: Path, **environ: str) -> TokenCache:
    found = TokenCache.open(load({**environ, "AVP_TOKEN_CACHE": str(folder)}).vault)
    assert found is not None
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that does not exist yet."""
    return tmp_path / "tokens"


@pytest.fixture
def entry(folder: Path) -> Path:
    """The file of a token that was kept."""
    tokens = cache(folder)
    name = tokens.name(REQUEST)
    tokens.put(name, TOKEN, 600)
    return folder / name


def test_a_token_comes_back(folder: Path, entry: Path) -> None:
    assert cache(folder).get(cache(folder).name(REQUEST)) == TOKEN
    assert entry.read_text().count(TOKEN.reveal()) == 1


def test_without_the_setting_there_is_no_cache() -> None:
    assert TokenCache.open(load({}).vault) is None


def test_every_method_is_covered_here() -> None:
    assert set(SETTINGS) == set(AUTH_METHODS) - {"token"}


def test_only_our_user_may_read_it_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0)
    try:
        tokens = cache(folder)
        tokens.put(tokens.name(REQUEST), TOKEN, 600)
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600}
    assert len(list(folder.iterdir())) == 2


def name_of(folder: Path, method: str, environ: Mapping[str, str]) -> str:
    vault = load({**environ, "AVP_AUTH_TYPE": method, "AVP_TOKEN_CACHE": str(folder)}).vault
    found, opened = AUTH_METHODS[method].from_settings(vault), TokenCache.open(vault)
    assert found is not None
    assert opened is not None
    request = found.credential()
    assert isinstance(request, LoginRequest)
    return opened.name(request)


# Few and tricky values, so that two draws often differ in one of them only, and so that the end of
# one and the beginning of the next could be confused.
values = st.sampled_from(["a", "b", "ab", "aa", "a/b", "login", "ü", "a\x00b", "a b"])


@st.composite
def identities(draw: st.DrawFn) -> tuple[str, Mapping[str, str]]:
    method = draw(st.sampled_from(sorted(SETTINGS)))
    said = {name: draw(values) for name in SETTINGS[method]}
    said |= {name: draw(st.just("") | values) for name in COMMON if name != "VAULT_ADDR"}
    said["VAULT_ADDR"] = draw(st.sampled_from(["http://a", "http://a/b", "https://a"]))
    said["VAULT_PROXY_ADDR"] = draw(st.sampled_from(["", "http://a", "http://ab"]))
    said["VAULT_CACERT_BYTES"] = draw(st.sampled_from(["", "-----BEGIN A", "-----BEGIN B"]))
    return method, said


@given(one=identities(), other=identities())
def test_no_two_identities_share_a_name(
    tmp_path_factory: pytest.TempPathFactory,
    one: tuple[str, Mapping[str, str]],
    other: tuple[str, Mapping[str, str]],
) -> None:
    base = tmp_path_factory.mktemp("identities")
    names, whole = [], []
    for number, (method, said) in enumerate((one, other)):
        environ = dict(said)
        for name in environ.keys() & set(FILES):
            # The contents of a file count, not its path.
            file = base / f"{name}-{number}"
            file.write_text(environ[name].replace("ü", "u"))
            environ[name] = str(file)
        names.append(name_of(base / "tokens", method, environ))
        whole.append(canonical(method, said))
    assert (names[0] == names[1]) == (whole[0] == whole[1])


def canonical(method: str, said: Mapping[str, str]) -> object:
    """Return what distinguishes identities: the same login at the same Vault is one identity."""
    mount = said["AVP_MOUNT_PATH"].strip("/").removeprefix("auth/").strip()
    default = "kubernetes" if method == "k8s" else method
    files = {name: said[name].replace("ü", "u").strip() for name in said.keys() & set(FILES)}
    rest = {**said, **files, "AVP_MOUNT_PATH": mount or default}
    return method, sorted((name, value.strip()) for name, value in rest.items())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"role_id": "ab", "secret_id": "c"}, {"role_id": "a", "secret_id": "bc"}),
        ({"a": "b", "c": "d"}, {"a": "bcd"}),
        ({"a": ""}, {}),
        ({"a": "b"}, {"b": "a"}),
    ],
)
def test_fields_do_not_run_into_each_other(
    folder: Path, one: Mapping[str, str], other: Mapping[str, str]
) -> None:
    names = {
        cache(folder).name(LoginRequest("p", {k: Sensitive(v) for k, v in body.items()}))
        for body in (one, other)
    }
    assert len(names) == 2


@pytest.mark.parametrize(
    "environ",
    [
        {"VAULT_ADDR": "https://other:8200"},
        {"VAULT_AGENT_ADDR": "https://other:8200"},
        {"VAULT_NAMESPACE": "team"},
        {"VAULT_CACERT": "/other.pem"},
        {"VAULT_CAPATH": "/other"},
        {"VAULT_TLS_SERVER_NAME": "other"},
        {"VAULT_SKIP_VERIFY": "true"},
        {"VAULT_CLIENT_CERT": __file__},
        {"VAULT_CLIENT_KEY": __file__},
    ],
)
def test_another_server_has_another_name(folder: Path, environ: dict[str, str]) -> None:
    assert cache(folder, **environ).name(REQUEST) != cache(folder).name(REQUEST)


def test_a_token_is_not_kept_if_the_certificate_was_replaced(folder: Path, tmp_path: Path) -> None:
    pem = tmp_path / "client.pem"
    pem.write_text("old")
    tokens = cache(folder, VAULT_CLIENT_CERT=str(pem))
    name = tokens.name(REQUEST)
    pem.write_text("new")
    tokens.put(name, TOKEN, 600)
    assert tokens.get(name) is None


def test_each_folder_has_a_key_of_its_own(tmp_path: Path) -> None:
    names = {cache(tmp_path / each).name(REQUEST) for each in "ab"}
    assert len(names) == 2
    names = {cache(tmp_path / each).name(password("x")) for each in "ab"}
    assert len(names) == 2


def password(text: str) -> LoginRequest:
    return LoginRequest("auth/userpass/login/u", {"password": Sensitive(text)}, is_guessable=True)


def test_a_password_is_hashed_slowly(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow: list[int] = []
    scrypt = hashlib.scrypt

    def noted(password: bytes, **kwargs: Any) -> bytes:
        slow.append(kwargs["n"])
        return scrypt(password, **kwargs)

    monkeypatch.setattr(hashlib, "scrypt", noted)
    assert cache(folder).name(password("a")) != cache(folder).name(password("b"))
    assert slow == [2**14] * 2
    vault = load({"AVP_USERNAME": "u", "AVP_PASSWORD": "p"}).vault
    method = AUTH_METHODS["userpass"].from_settings(vault)
    assert method is not None
    assert getattr(method.credential(), "is_guessable", False)


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [
        (0, None),
        (-5, None),
        (MARGIN_SECONDS, None),
        (MARGIN_SECONDS + 1, 1),
        (600, 600 - MARGIN_SECONDS),
        (MAX_SECONDS * 1000, MAX_SECONDS),
        (10**400, MAX_SECONDS),
    ],
)
def test_a_token_is_kept_for_less_than_its_life(
    folder: Path, seconds: int, kept: int | None
) -> None:
    now = 1_000_000.0
    tokens = TokenCache(folder, load({}).vault, lambda: now)
    name = tokens.name(REQUEST)
    tokens.put(name, TOKEN, seconds)
    assert tokens.get(name) == (TOKEN if kept else None)
    if kept:
        assert json.loads((folder / name).read_text())["expires"] == 1_000_000 + kept
        now += kept - 1
        assert tokens.get(name) == TOKEN
        now += 1
        assert tokens.get(name) is None


ODD: Mapping[str, bytes] = {
    "nothing": b"",
    "bytes": b"\xff\xfe\x00",
    "half of it": b'{"token": "hvs.',
    "a list": b"[]",
    "null": b"null",
    "a number": b"7",
    "deep nesting": b"[" * 60_000,
    "no token": b'{"expires": 99999999999}',
    "no end": b'{"token": "t"}',
    "a token that is none": b'{"token": 5, "expires": NOW}',
    "a token with a line break": b'{"token": "t\\nX-Evil: 1", "expires": NOW}',
    "an empty token": b'{"token": "", "expires": NOW}',
    "an end that is none": b'{"token": "t", "expires": "NOW"}',
    "no number": b'{"token": "t", "expires": NaN}',
    "infinity": b'{"token": "t", "expires": Infinity}',
    "too far off": b'{"token": "t", "expires": 99999999999}',
    "in the past": b'{"token": "t", "expires": 1}',
    "too long": b'{"token": "' + b"t" * token_cache.MAX_BYTES + b'", "expires": NOW}',
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_entry_is_absent(folder: Path, entry: Path, name: str) -> None:
    entry.write_bytes(ODD[name].replace(b"NOW", str(int(time.time()) + 60).encode()))
    assert cache(folder).get(entry.name) is None


@pytest.mark.parametrize("key", [b"", b"short", b"x" * 33])
def test_an_invalid_key_is_replaced(folder: Path, entry: Path, key: bytes) -> None:
    (folder / "key").write_bytes(key)
    assert cache(folder).name(REQUEST) != entry.name
    assert len((folder / "key").read_bytes()) == 32


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(SettingsError) as caught:
        act()
    assert caught.value.hint
    return caught.value.reason


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o770, 0o777, 0o701])
def test_a_folder_that_is_open_to_others_is_refused(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)
    said = refusal(lambda: cache(folder).name(REQUEST))
    assert said == f"AVP_TOKEN_CACHE: {folder} is accessible to other users (mode {mode:04o})"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
@pytest.mark.parametrize("which", ["entry", "key"])
def test_a_file_that_is_open_to_others_is_refused(
    folder: Path, entry: Path, which: str, mode: int
) -> None:
    file = entry if which == "entry" else folder / "key"
    file.chmod(mode)
    tokens = cache(folder)
    said = refusal(lambda: (tokens.name(REQUEST), tokens.get(entry.name)))
    assert said == f"AVP_TOKEN_CACHE: {file} is accessible to other users (mode {mode:04o})"


def test_what_belongs_to_another_user_is_refused(
    folder: Path, entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    said = refusal(lambda: cache(folder).get(entry.name))
    assert said == f"AVP_TOKEN_CACHE: {folder} belongs to another user"


def test_a_file_of_another_user_is_refused(
    folder: Path, entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = os.geteuid()
    answers = iter([user, user + 1])
    monkeypatch.setattr(os, "geteuid", lambda: next(answers))
    said = refusal(lambda: cache(folder).get(entry.name))
    assert said == f"AVP_TOKEN_CACHE: {entry} belongs to another user"


@pytest.mark.parametrize("which", ["entry", "key"])
def test_a_symlink_or_anything_else_in_place_of_a_file_is_refused(
    folder: Path, entry: Path, tmp_path: Path, which: str
) -> None:
    file = entry if which == "entry" else folder / "key"
    tokens = cache(folder)
    elsewhere = file.rename(tmp_path / "elsewhere")

    file.symlink_to(elsewhere)
    said = refusal(lambda: (tokens.name(REQUEST), tokens.get(entry.name)))
    assert said.startswith(f"AVP_TOKEN_CACHE: cannot use {file}: ")
    file.unlink()
    os.mkfifo(file, 0o600)
    said = refusal(lambda: (tokens.name(REQUEST), tokens.get(entry.name)))
    assert said == f"AVP_TOKEN_CACHE: {file} is not a regular file"
    file.unlink()
    file.mkdir(0o700)
    said = refusal(lambda: (tokens.name(REQUEST), tokens.get(entry.name)))
    assert said == f"AVP_TOKEN_CACHE: {file} is not a regular file"


def test_a_symlink_or_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").touch(0o600)
    for path in (tmp_path / "link", tmp_path / "file"):
        said = refusal(partial(cache(path).name, REQUEST))
        assert said == f"AVP_TOKEN_CACHE: cannot use {path}: it is a symlink, or not a directory"
    said = refusal(lambda: cache(tmp_path / "no" / "parent").name(REQUEST))
    assert said.endswith("parent: No such file or directory")


def test_a_symlink_is_never_written_through(folder: Path, entry: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("untouched")
    entry.unlink()
    entry.symlink_to(target)
    cache(folder).put(entry.name, TOKEN, 600)
    assert target.read_text() == "untouched"
    assert not entry.is_symlink()


def test_only_the_token_that_was_refused_is_dropped(folder: Path, entry: Path) -> None:
    cache(folder).drop(entry.name, Sensitive("another"))
    assert entry.exists()
    cache(folder).drop(entry.name, TOKEN)
    assert not entry.exists()
    cache(folder).drop(entry.name, TOKEN)


def test_old_entries_are_swept_and_nothing_else(folder: Path, entry: Path) -> None:
    old = time.time() - MAX_SECONDS - 60
    files = ["a" * 64, f".{'b' * 16}", "notes.txt", "a" * 63, "key"]
    for name in files:
        (folder / name).touch(0o600)
        os.utime(folder / name, (old, old))
    (folder / ("c" * 64)).symlink_to(folder / "notes.txt")
    cache(folder).put(entry.name, TOKEN, 600)
    left = {each.name for each in folder.iterdir()}
    assert left == {entry.name, "notes.txt", "a" * 63, "key", "c" * 64}


def test_a_token_that_cannot_be_kept_is_no_error(
    folder: Path, entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache(folder).put(entry.name, Sensitive("other"), 600)
    assert cache(folder).get(entry.name) == TOKEN
    assert sorted(each.name for each in folder.iterdir()) == sorted([entry.name, "key"])


def test_the_folder_is_named_absolutely() -> None:
    with pytest.raises(GenerateError) as caught:
        load({"AVP_TOKEN_CACHE": "tokens"})
    assert caught.value.failures[0].reason == "AVP_TOKEN_CACHE is not an absolute path"
