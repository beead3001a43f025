"""Globs as RE2 matches them, compared with an exhaustive search segment by segment.

The reference below is the table of docs/policy.md in code, without an expression.
"""

import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from avp_py.policy.globs import (
    BESIDE_DATA,
    INSERTED,
    LITERAL_STAR,
    MAX_LENGTH,
    allowing_glob,
    for_allowing,
    for_path,
    name_glob,
    path_glob,
    secret_glob,
)
from tests.unit.growth import refuse_growth

ODD = "a*.+?^$|()[]{}\\/-&~# \t\n\r\x0b\x7fé\u00e9e\u0301\u2028\U0001f600\udc80\udcff" + INSERTED
"""Letters with a meaning to some expression, of several bytes, and of none."""


def matches_name(glob: str, name: str) -> bool:
    """Match the first part of a glob, then the rest at every place after it."""
    first, star, rest = glob.partition("*")
    literal = first.replace(LITERAL_STAR, "*").replace(INSERTED, "")
    if not star:
        return name == literal
    return name.startswith(literal) and any(
        matches_name(rest, name[begin:]) for begin in range(len(literal), len(name) + 1)
    )


def matches_segments(
    glob: Sequence[str],
    path: Sequence[str],
    accepts: Callable[[str, int], bool],
    skips: Callable[[int], bool],
) -> bool:
    """Match segments, with every number of them for each `**`."""

    def fits(at: int, item: int) -> bool:
        if at == len(glob):
            return item == len(path)
        if glob[at] == "**":
            ends = (end for end in range(item, len(path) + 1) if all(map(skips, range(item, end))))
            return any(fits(at + 1, end) for end in ends)
        return item < len(path) and accepts(glob[at], item) and fits(at + 1, item + 1)

    return fits(0, 0)


def matches_path(glob: Sequence[str], path: Sequence[str]) -> bool:
    return matches_segments(
        glob, path, lambda each, item: matches_name(each, path[item]), lambda _: True
    )


def allows_path(glob: Sequence[str], path: Sequence[str]) -> bool:
    words = {"data", *BESIDE_DATA}
    place = next((at for at in range(1, len(path)) if path[at] in words), None)

    def accepts(each: str, item: int) -> bool:
        if item != place:
            return matches_name(each, path[item])
        if path[item] == "data":
            return INSERTED not in each and matches_name(each, "data")
        return each == path[item]

    return matches_segments(glob, path, accepts, lambda item: item != place or path[item] == "data")


@given(st.text("ab*" + LITERAL_STAR, max_size=12), st.text("ab*", max_size=12))
@example("ab*ba", "aba")
def test_a_name_matches_as_every_way_of_trying_has_it(glob: str, name: str) -> None:
    assert name_glob(glob).matches(name) is matches_name(glob, name)


@given(st.text(ODD, max_size=6), st.text(ODD, max_size=6))
def test_odd_letters_are_text_to_a_name(glob: str, name: str) -> None:
    assert name_glob(glob).matches(name) is matches_name(glob, name)
    exact = name.replace(INSERTED, "")
    assert name_glob(exact.replace("*", LITERAL_STAR)).matches(exact)
    assert name_glob(f"*{exact.replace('*', LITERAL_STAR)}*").matches(f"\n{exact}/\udc80")


SEGMENTS = st.text("ab*" + LITERAL_STAR, max_size=3).filter(lambda each: "**" not in each)


@given(
    st.lists(st.one_of(st.just("**"), SEGMENTS), max_size=6),
    st.lists(st.text("ab*", max_size=2), max_size=7),
)
def test_a_path_matches_as_every_way_of_trying_has_it(glob: list[str], path: list[str]) -> None:
    assert path_glob(glob).matches(for_path(path)) is matches_path(glob, path)


@given(st.text(ODD, max_size=5), st.text(ODD, max_size=5))
def test_odd_letters_are_text_to_a_segment(glob: str, name: str) -> None:
    glob, name = (re.sub(r"[/\x01]|\*\*+", "", each) for each in (glob, name))
    expected = matches_name(glob, name)
    assert path_glob(("kv", glob)).matches(for_path(("kv", name))) is expected
    assert allowing_glob(("kv", glob)).matches(for_allowing(("kv", name))) is expected


WORDS = ["data", *sorted(BESIDE_DATA)]


@given(
    st.lists(
        st.sampled_from(["a", "*", "**", "d*", f"{INSERTED}data", f"{INSERTED}metadata", *WORDS]),
        max_size=6,
    ),
    st.lists(st.sampled_from(["a", *WORDS]), max_size=6),
)
@example(["**"], ["kv", "metadata"])
@example(["kv", f"{INSERTED}data"], ["kv", "data"])
@example(["kv", "**", "metadata", "**"], ["kv", "metadata", "data", "metadata"])
def test_the_word_after_the_mount_matches_by_name_only(glob: list[str], path: list[str]) -> None:
    assert allowing_glob(glob).matches(for_allowing(path)) is allows_path(glob, path)
    assert path_glob(glob).matches(for_path(path)) is matches_path(glob, path)


@given(
    st.lists(st.text("ab*", max_size=4), min_size=2, max_size=2),
    st.lists(st.text("ab:", max_size=4), min_size=2, max_size=2),
)
def test_a_star_of_a_secret_stays_in_its_part(glob: list[str], name: list[str]) -> None:
    parts = ":".join(name).split(":")
    expected = len(parts) == 2 and all(map(matches_name, glob, parts))
    assert secret_glob(glob).matches(":".join(name)) is expected


@pytest.mark.parametrize("letter", ["*", ".", "\0", "\u00e9"])
def test_the_longest_globs_compile(letter: str) -> None:
    assert not name_glob(letter * (MAX_LENGTH - 1) + "b").matches("a")
    assert not path_glob([letter] * (MAX_LENGTH // 2)).matches("/a")
    assert not allowing_glob(["**"] * (MAX_LENGTH // 3) + [f"{letter}b"]).matches("/a")


def test_matching_takes_linear_time() -> None:
    glob = path_glob(["**", "a*a*a*a*a*a*a*b"] * 20)
    refuse_growth(lambda n: for_path(["a" * 60] * n), glob.matches, 2000)
