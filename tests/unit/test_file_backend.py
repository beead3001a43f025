"""Secrets from a file: values, versions and error messages."""

import math
from pathlib import Path
from typing import Any

import pytest

from avp_py.backends import Location, Secret, Target, open_backend, read_all, registry
from avp_py.backends.file import FileBackend
from avp_py.errors import AvpError, DocumentError, Failure, NotFoundError, PathError, SettingsError
from avp_py.settings import Sensitive
from avp_py.values import Number
from tests.settings import load

CANARY = "canary-of-the-file"


def backend(folder: Path, text: str | bytes) -> FileBackend:
    file = folder / "secrets.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return FileBackend.load(file)


VALUES: dict[str, Any] = {
    "plain": "plain",
    "'1'": "1",
    '"true"': "true",
    "'null'": "null",
    "|-\n    a\n    b": "a\nb",
    "true": True,
    "false": False,
    "null": None,
    "~": None,
    "": None,
    "0": Number("0"),
    "-1": Number("-1"),
    "1.10": Number("1.10"),
    "1e3": Number("1e3"),
    "12345678901234567890123": Number("12345678901234567890123"),
    "yes": "yes",
    "off": "off",
    "True": "True",
    "0x1F": "0x1F",
    "0o17": "0o17",
    "00123": "00123",
    "1_000": "1_000",
    "12:30:45": "12:30:45",
    "2024-02-29": "2024-02-29",
    ".5": ".5",
    ".inf": ".inf",
    "!!str 5": "5",
    "!secret x": "x",
    "[a, 1, [true, null]]": ["a", Number("1"), [True, None]],
    "{a: b, c: {d: 1}}": {"a": "b", "c": {"d": Number("1")}},
    "[]": [],
    "{}": {},
    '"\\U0001F511 \\0"': "🔑 \0",
}


@pytest.mark.parametrize("written", VALUES)
def test_a_value_has_its_json_type(tmp_path: Path, written: str) -> None:
    found = backend(tmp_path, f"kv/data/app:\n  key: {written}\n").read(Location("kv/data/app"))

    assert dict(found) == {"key": VALUES[written]}
    assert type(found["key"]) is type(VALUES[written])


def test_an_alias_has_the_value_of_its_anchor(tmp_path: Path) -> None:
    text = "kv/data/a: &a\n  key: &k value\n  again: *k\nkv/data/b: *a\n"

    found = backend(tmp_path, text).read(Location("kv/data/b"))

    assert dict(found) == {"key": "value", "again": "value"}


VERSIONS = """
kv/data/plain: {key: only}
kv/data/both: {key: newest}
kv/data/both#1: {key: first}
kv/data/numbered#2: {key: second}
kv/data/numbered#10: {key: tenth}
kv/data/numbered#draft: {key: never by itself}
kv/data/words#draft: {key: never by itself}
kv/data/foreign#٣: {key: never by itself}
"""


@pytest.mark.parametrize(
    ("path", "version", "expected"),
    [
        ("kv/data/plain", "", "only"),
        ("kv/data/both", "", "newest"),
        ("kv/data/both", "1", "first"),
        ("kv/data/numbered", "", "tenth"),
        ("kv/data/numbered", "2", "second"),
        ("kv/data/numbered", "draft", "never by itself"),
    ],
)
def test_a_version_is_read_and_without_one_the_newest(
    tmp_path: Path, path: str, version: str, expected: str
) -> None:
    found = backend(tmp_path, VERSIONS).read(Location(path, version))

    assert found["key"] == expected


@pytest.mark.parametrize(
    ("path", "version", "name"),
    [
        ("kv/data/plain", "1", "kv/data/plain#1"),
        ("kv/data/both", "2", "kv/data/both#2"),
        ("kv/data/words", "", "kv/data/words"),
        ("kv/data/foreign", "", "kv/data/foreign"),
        ("kv/data", "", "kv/data"),
        ("nothing/like/it", "", "nothing/like/it"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, path: str, version: str, name: str) -> None:
    secrets = backend(tmp_path, VERSIONS)

    with pytest.raises(NotFoundError) as caught:
        secrets.read(Location(path, version))

    assert caught.value.reason == f"{tmp_path / 'secrets.yaml'} has no {name}"
    assert "key" not in caught.value.reason
    assert caught.value.hint


@pytest.mark.parametrize(
    ("denied", "hint"),
    [
        ((), "did you mean kv/data/wed?"),
        (("kv/data/wed",), "did you mean kv/data/web#2?"),
        (("kv/data/web", "kv/data/wed"), "add kv/data/wep to the file"),
    ],
)
def test_a_near_path_is_offered_that_may_be_read(
    tmp_path: Path, denied: tuple[str, ...], hint: str
) -> None:
    def gate(path: str, _kind: str) -> None:
        if path in denied:
            raise PathError(f"the policy does not allow {path}")

    secrets = backend(tmp_path, "kv/data/web#2: {a: b}\nkv/data/wed: {a: b}\n")
    wanted = Location("kv/data/wep")
    failure = read_all(secrets, [Target(wanted)], 1, math.inf, gate)[Target(wanted)]

    assert isinstance(failure, Failure)
    assert failure.hint == hint
    with pytest.raises(NotFoundError) as caught:
        secrets.read(wanted)
    assert caught.value.hint == "add kv/data/wep to the file", "the backend knows no policy"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n", "{}\n", "---\n---\n"])
def test_a_file_without_secrets_is_a_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(NotFoundError):
        backend(tmp_path, text).read(Location("kv/data/app"))


def test_a_file_may_have_several_documents_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = "\ufeffkv/data/a: {key: one}\n---\nkv/data/b: {key: two}\n"

    secrets = backend(tmp_path, text)

    assert secrets.read(Location("kv/data/a"))["key"] == "one"
    assert secrets.read(Location("kv/data/b"))["key"] == "two"


MALFORMED = {
    f"kv/data/app: [{CANARY}]": "line 1, column 14: expected a mapping",
    f"kv/data/app: {CANARY}": "line 1, column 14: expected a mapping",
    f"- {CANARY}": "line 1, column 1: expected a mapping",
    "kv/data/app:": "expected a mapping",
    f"kv/data/app: {{a: {CANARY}": "not valid YAML",
    f"kv/data/app:\n  a: {CANARY}\n  a: x{CANARY}\n": "line 3, column 3: duplicate key 'a'",
    f"a: {{k: {CANARY}}}\n---\na: {{k: 1}}\n": "line 3, column 1: duplicate path 'a'",
    f"kv/data/app:\n\ta: {CANARY}\n": "line 2, column 1: a tab where YAML requires spaces",
    "a: " + "[" * 500: "nest deeper than",
    f"a: {{k: {CANARY}\x07}}": "U+0007 is not allowed",
}


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_file_is_reported_without_its_values(tmp_path: Path, text: str) -> None:
    with pytest.raises(DocumentError) as caught:
        backend(tmp_path, text)

    assert str(tmp_path / "secrets.yaml") in caught.value.reason
    assert MALFORMED[text] in caught.value.reason
    assert CANARY not in f"{caught.value.reason}{caught.value.hint}{caught.value!r}"


def test_a_file_that_is_not_utf_8_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        backend(tmp_path, b"kv/data/app: {a: " + CANARY.encode() + b"\xff}")

    assert caught.value.reason == f"the secrets file {tmp_path / 'secrets.yaml'} is not UTF-8"
    assert CANARY not in repr(caught.value)


@pytest.mark.parametrize(
    ("name", "why"), [("none.yaml", "No such file or directory"), (".", "Is a directory")]
)
def test_an_unreadable_file_is_reported(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(SettingsError) as caught:
        FileBackend.load(tmp_path / name)

    assert caught.value.reason == f"the secrets file {tmp_path / name} cannot be read: {why}"


def test_the_setting_is_required() -> None:
    with pytest.raises(SettingsError) as caught:
        open_backend(load({"AVP_TYPE": "file"}), {})

    assert caught.value.reason == "AVP_FILE is not set"


@pytest.mark.parametrize("error", [ImportError, MemoryError, DeprecationWarning])
def test_a_library_that_cannot_be_loaded_ahead_stops_no_run(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_name: str) -> None:
        raise error

    monkeypatch.setattr(registry, "import_module", fail)

    registry.preload("vault")
    with pytest.raises(error):
        open_backend(load({}), {})


def test_an_unknown_backend_lists_the_choices() -> None:
    with pytest.raises(SettingsError) as caught:
        open_backend(load({"AVP_TYPE": "filer"}), {})

    assert "'filer'" in caught.value.reason
    assert "vault, file" in caught.value.hint


def anything(_path: str, _kind: str) -> None:
    """A gate that allows every path."""


def test_each_location_is_read_once_and_keeps_its_own_error(tmp_path: Path) -> None:
    class Counting(FileBackend):
        asked: list[Location]

        def read(self, location: Location) -> Secret:
            self.asked.append(location)
            return super().read(location)

    file = tmp_path / "secrets.yaml"
    file.write_text("a: {k: v}\n")
    counting = Counting.load(file)
    assert isinstance(counting, Counting)
    counting.asked = []
    there, missing = Location("a"), Location("b")

    wanted = [Target(each) for each in (there, missing, there, missing)]
    found = read_all(counting, wanted, 8, math.inf, anything)

    assert sorted(each.path for each in counting.asked) == ["a", "b"]
    assert isinstance(found[Target(there)], Secret)
    assert isinstance(found[Target(missing)], Failure)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_nothing_to_read_is_no_read(tmp_path: Path, concurrency: int) -> None:
    assert read_all(backend(tmp_path, ""), [], concurrency, math.inf, anything) == {}


def test_nothing_that_holds_a_secret_prints_it(tmp_path: Path) -> None:
    secrets = backend(tmp_path, f"a: {{k: {CANARY}, l: [{CANARY}], m: {{n: {CANARY}}}}}")
    secret = secrets.read(Location("a"))
    sensitive = Sensitive(CANARY)
    settings = load({"VAULT_TOKEN": CANARY, "AVP_ROLE_ID": CANARY, "AVP_SECRET_ID": CANARY})

    assert sensitive.reveal() == secret["k"] == CANARY
    for each in (secrets, secret, sensitive, settings, [secret], {"a": sensitive}):
        for text in (repr(each), str(each), f"{each}", "%s" % (each,)):  # noqa: UP031 - one more way
            assert CANARY not in text
    assert repr(sensitive) == "***"
    assert repr(secret) == "Secret(3 keys)"


def test_a_missing_key_prints_no_value(tmp_path: Path) -> None:
    secret = backend(tmp_path, f"a: {{k: {CANARY}}}").read(Location("a"))

    with pytest.raises(KeyError) as caught:
        secret["other"]

    assert CANARY not in repr(caught.value)
    assert not isinstance(caught.value, AvpError)
