"""Paths: how they are normalised, and the template for an empty annotation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avp_py.errors import PathError, SettingsError
from avp_py.policy import default_path, normalise, validate
from avp_py.settings import Identity
from avp_py.settings.regexp import regexp


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("kv/data/a", "kv/data/a"),
        ("/kv//data/./a/", "kv/data/a"),
        ("kv/data/b/../a", "kv/data/a"),
        ("kv/data/%2e%2e/a b?c", "kv/data/%2e%2e/a b?c"),
        ("kv/data/…/..a", "kv/data/…/..a"),
    ],
)
def test_a_path_is_normalised(path: str, form: str) -> None:
    assert normalise(path) == form
    assert normalise(form) == form


@pytest.mark.parametrize(
    "path", ["", "/", "a/..", "..", "a/../../b", "a\\b", "a\0", "a\nb", "\x7f", "a\udcff"]
)
def test_an_invalid_path_is_an_error(path: str) -> None:
    with pytest.raises(PathError):
        normalise(path)


@given(st.text(alphabet="ab./ ", max_size=20))
def test_no_dots_and_no_empty_segments_are_left(path: str) -> None:
    try:
        form = normalise(path)
    except PathError:
        return
    assert not {"", ".", ".."}.intersection(form.split("/"))


def test_the_template_knows_who_asks() -> None:
    identity = Identity(app="web", namespace="demo", project="team")
    assert default_path("kv/data/{{ namespace }}/{{ app }}", identity) == "kv/data/demo/web"
    assert default_path("{{ project | upper }}/x", identity) == "TEAM/x"


@pytest.mark.parametrize("name", ["app", "namespace", "project"])
@pytest.mark.parametrize("value", ["../x", "a/b", "..", "."])
def test_a_name_cannot_leave_its_segment(name: str, value: str) -> None:
    names = {"app": "a", "namespace": "b", "project": "c"} | {name: value}
    with pytest.raises(PathError, match="cannot be a part of a path"):
        default_path("kv/{{ app }}", Identity(**names))


def test_a_name_without_value_is_an_error() -> None:
    with pytest.raises(PathError, match="'app' is undefined"):
        default_path("kv/{{ app }}", Identity(app=None, namespace="x", project=None))


@pytest.mark.parametrize(
    "template",
    ["{{ app", "{% for %}", "{{ ''.__class__.__mro__ }}", "{{ app + 1 }}", "{{ 1 / 0 }}"],
)
def test_a_template_is_sandboxed_and_checked(template: str) -> None:
    with pytest.raises((SettingsError, PathError)):
        default_path(template, Identity(app="a", namespace="b", project="c"))


def test_path_validation_matches_from_the_start_of_a_normalised_path() -> None:
    expression = regexp("^team-a/")
    validate("team-a/data/x", expression)
    validate("anything", None)
    for path in ("team-a/../team-b/x", "x/team-a/y", "team-b/x"):
        with pytest.raises(PathError, match="AVP_PATH_VALIDATION does not allow"):
            validate(normalise(path), expression)
    with pytest.raises(PathError):
        validate("x/team-a/y", regexp("team-a/"))
