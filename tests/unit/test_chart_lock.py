"""Chart.lock: what its digest is of, and files that are malformed.

tests/integration/test_dependencies.py has lock files that helm itself has made.
"""

import hashlib

import pytest

from avp_py.errors import RenderError
from avp_py.render.chart_lock import Lock
from avp_py.render.chart_metadata import Dependency, Metadata

LOCKED = "dependencies:\n- {name: db, repository: https://x.example.org, version: 1.2.0}\n"
DB = Dependency("db", "^1", "https://x.example.org")
TEXT = (
    '[[{"name":"db","version":"^1","repository":"https://x.example.org"}],'
    '[{"name":"db","version":"1.2.0","repository":"https://x.example.org"}]]'
)


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def lock(text: str, dependencies: str = LOCKED) -> Lock:
    found = Lock.read(f"digest: {digest(text)}\n{dependencies}".encode(), "Chart.lock")
    assert found is not None
    return found


def test_the_digest_is_of_both_lists() -> None:
    assert lock(TEXT).is_of([DB], is_v1=False)
    assert not lock(TEXT + " ").is_of([DB], is_v1=True)
    assert not lock(TEXT).is_of([DB, DB], is_v1=False)
    assert not lock(TEXT).is_of([Dependency("db", "^1.0", DB.repository)], is_v1=False)


def test_every_field_is_in_it_as_go_writes_it() -> None:
    full = Dependency("db", "<2", "@x", "a&b", ("x", "y"), True, ("é", {"b": "1", "a": "2"}), "z")
    text = (
        '[[{"name":"db","version":"\\u003c2","repository":"https://x.example.org",'
        '"condition":"a\\u0026b","tags":["x","y"],"enabled":true,'
        '"import-values":["é",{"a":"2","b":"1"}],"alias":"z"}],'
        '[{"name":"db","version":"1.2.0","repository":"https://x.example.org"}]]'
    )

    assert lock(text).is_of([full], is_v1=False)


def test_a_list_that_is_not_there_is_null() -> None:
    empty = '[[{"name":"db","version":"^1","repository":"https://x.example.org"}],'

    assert lock(f"{empty}null]", "").is_of([DB], is_v1=False)
    assert lock(f"{empty}[]]", "dependencies: []\n").is_of([DB], is_v1=False)


def test_the_digest_of_helm_2_is_for_version_1_only() -> None:
    made = lock('{"dependencies":[{"name":"db","version":"^1","repository":"@x"}]}')
    named = Dependency("db", "^1", "@x")

    assert made.is_of([named], is_v1=True)
    assert not made.is_of([named], is_v1=False)


def test_an_empty_file_is_none() -> None:
    assert Lock.read(b"# nothing\n", "Chart.lock") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"- a", "Chart.lock is not a mapping"),
        (b"\xff: a", "Chart.lock is not UTF-8"),
        (b"a: [", "Chart.lock: not valid YAML"),
        (b"dependencies: a", "dependencies is not a list"),
        (b"dependencies: [a]", "a dependency is not a mapping"),
        (b"dependencies: [{name: a, tags: b}]", "tags is not a list"),
        (b"dependencies: [{name: a, enabled: b}]", "enabled is not true or false"),
        (b"digest: [a]", "a list or a mapping is where a text belongs"),
        (b"dependencies: [" + b"{name: a}, " * 201 + b"]", "more than 200 dependencies"),
        (b"a" * (1 << 20) + b": b", "larger than 1 MiB"),
    ],
)
def test_a_file_that_is_malformed(text: bytes, reason: str) -> None:
    with pytest.raises(RenderError, match=reason):
        Lock.read(text, "Chart.lock")


def test_scalars_of_another_type_are_text() -> None:
    known = Metadata.read(
        b"{name: 12, version: 1.5, dependencies: [{name: true, version: 7, repository: null}]}",
        None,
    )

    assert (known.name, known.version, known.is_v1) == ("12", "1.5", True)
    assert known.dependencies == (Dependency("true", "7", ""),)


def test_requirements_override_dependencies() -> None:
    chart = b"{apiVersion: v2, name: a, version: 1.0.0, dependencies: [{name: b}]}"

    assert [
        Metadata.read(chart, text).dependencies[0].name
        for text in (None, b"{}", b"dependencies: [{name: c}]")
    ] == ["b", "b", "c"]


def test_spaces_and_what_cannot_be_printed() -> None:
    known = Metadata.read(b'{name: "a\\u0007", dependencies: [{name: "b\\tc\\u0000"}]}', None)

    assert known.name == "a"
    assert known.dependencies[0].name == "b c"
