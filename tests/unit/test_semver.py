"""Which version of a chart Helm chooses.

tests/integration/test_semver_go.py compares these cases with Helm's own library.
"""

import contextlib
import time
from typing import Final

import pytest

from avp_py.golang.semver import (
    RangeError,
    is_exact,
    is_version,
    names_one,
    newest,
    newest_tag,
)
from tests.unit.growth import refuse_growth

RELEASES: Final = (
    *("0.0.0", "0.0.3", "0.0.4", "0.2.3", "0.2.9", "0.3.0", "1.0.0", "1.2.0", "1.2.3", "1.2.4"),
    *("1.3.0", "1.10.0", "2.0.0", "2.1.0", "3.0.0"),
)

PRERELEASES: Final = (
    *("1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2"),
    *("1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.1.0-rc.1", "2.0.0-0"),
)

CASES: Final[tuple[tuple[str, tuple[str, ...], str | None], ...]] = (
    # An exact version.
    ("1.2.3", RELEASES, "1.2.3"),
    ("v1.2.3", RELEASES, "1.2.3"),
    ("1.2.3", ("v1.2.3",), "v1.2.3"),
    ("1.2.3", ("v1.2.3", "1.2.3"), "1.2.3"),
    ("v1.2.3", ("1.2.3", "v1.2.3"), "v1.2.3"),
    ("1.2.03", RELEASES, "1.2.3"),
    ("1.2.3", ("1.2.03",), "1.2.03"),
    ("=1.2.3", RELEASES, "1.2.3"),
    ("= 1.2.3", RELEASES, "1.2.3"),
    ("9.9.9", RELEASES, None),
    ("1.2.3", (), None),
    # A missing number, and wildcards.
    ("", RELEASES, "3.0.0"),
    ("*", RELEASES, "3.0.0"),
    ("x", RELEASES, "3.0.0"),
    ("X.X.X", RELEASES, "3.0.0"),
    ("1", RELEASES, "1.10.0"),
    ("v1", RELEASES, "1.10.0"),
    ("1.x", RELEASES, "1.10.0"),
    ("1.X.x", RELEASES, "1.10.0"),
    ("1.2", RELEASES, "1.2.4"),
    ("1.2.*", RELEASES, "1.2.4"),
    ("1.2", ("1.2.4", "1.2"), "1.2"),
    ("=1.2", RELEASES, "1.2.4"),
    ("1.x.3", RELEASES, "1.10.0"),
    ("x.2.3", RELEASES, "3.0.0"),
    # Comparisons.
    (">1.2.3", ("1.2.3", "1.2.4"), "1.2.4"),
    (">1.2.3", ("1.2.3",), None),
    (">1", ("1.9.0",), None),
    (">1", ("1.9.0", "2.0.0"), "2.0.0"),
    (">1.2", ("1.2.9",), None),
    (">1.2", ("1.2.9", "1.3.0"), "1.3.0"),
    (">*", ("0.0.0",), None),
    ("<1.2.3", RELEASES, "1.2.0"),
    ("<1", RELEASES, "0.3.0"),
    ("<1.2", RELEASES, "1.0.0"),
    (">=1.2.3", ("1.2.2",), None),
    (">=1.2.3", ("1.2.3",), "1.2.3"),
    ("=>1.2.3", ("1.2.2", "1.2.3"), "1.2.3"),
    (">=1.x", ("0.9.0", "1.0.0"), "1.0.0"),
    ("<=1.2.3", RELEASES, "1.2.3"),
    ("=<1.2.3", RELEASES, "1.2.3"),
    ("<=1", RELEASES, "1.10.0"),
    ("<=1.2", RELEASES, "1.2.4"),
    ("<=*", ("1.0.0", "0.1.0"), None),
    ("<=*", ("0.1.0", "0.0.9"), "0.0.9"),
    ("!=3.0.0", RELEASES, "2.1.0"),
    ("!=3.x", RELEASES, "2.1.0"),
    ("!=2.1", ("2.1.9", "2.0.0"), "2.0.0"),
    ("!=*", ("0.0.0", "0.0.1"), "0.0.1"),
    # Tilde and caret.
    ("~1.2.3", RELEASES, "1.2.4"),
    ("~>1.2.3", RELEASES, "1.2.4"),
    ("~1.2", RELEASES, "1.2.4"),
    ("~1", RELEASES, "1.10.0"),
    ("~1.x.x", RELEASES, "1.10.0"),
    ("~0.0.0", RELEASES, "3.0.0"),
    ("~0.0", RELEASES, "0.0.4"),
    ("~*", RELEASES, "3.0.0"),
    ("~1.2.5", RELEASES, None),
    ("^1.2.3", RELEASES, "1.10.0"),
    ("^1.2", RELEASES, "1.10.0"),
    ("^1", RELEASES, "1.10.0"),
    ("^0.2.3", RELEASES, "0.2.9"),
    ("^0.2", RELEASES, "0.2.9"),
    ("^0.0.3", RELEASES, "0.0.3"),
    ("^0.0", RELEASES, "0.0.4"),
    ("^0", RELEASES, "0.3.0"),
    ("^*", ("0.0.0", "1.0.0"), "0.0.0"),
    ("^ 1.2", RELEASES, "1.10.0"),
    # More than one condition.
    (">=1.2, <2", RELEASES, "1.10.0"),
    (">=1.2,<2", RELEASES, "1.10.0"),
    (">=1.2 <2", RELEASES, "1.10.0"),
    ("> 1.2.0 < 1.3.0", RELEASES, "1.2.4"),
    (">=1 <2 !=1.10.0", RELEASES, "1.3.0"),
    (">=2 <1", RELEASES, None),
    ("1.2.3 || 0.2.3", RELEASES, "1.2.3"),
    ("0.2.3||1.2.3", RELEASES, "1.2.3"),
    ("<1 || >=2 <3", RELEASES, "2.1.0"),
    (" 1.2.3 ", RELEASES, "1.2.3"),
    ("\t>=1\n<2\f", RELEASES, "1.10.0"),
    ("1.0.0 - 1.3.0", RELEASES, "1.3.0"),
    ("1 - 2", RELEASES, "2.1.0"),
    ("1.2 - 1.2", RELEASES, "1.2.4"),
    ("0.1.0 - 0.2.5 || 1.0.0 - 1.2.3", RELEASES, "1.2.3"),
    ("1.0.0 - 1.3.0 !=1.3.0", RELEASES, "1.2.4"),
    ("1 - 2 || 1 - 2", RELEASES, "2.1.0"),
    ("1.0.0-2.0.0", RELEASES, None),
    # To the library the part before the hyphen is one version, `1||2`: `>= 1 || 2, <= 3`.
    ("1||2 - 3", ("9.0.0",), "9.0.0"),
    ("1".ljust(512), RELEASES, "1.10.0"),
    # Prereleases.
    ("", PRERELEASES, "1.0.0"),
    ("*", ("1.0.0-rc.1",), None),
    (">=1", PRERELEASES, "1.0.0"),
    ("*-0", PRERELEASES, "2.0.0-0"),
    (">=0-0", PRERELEASES, "2.0.0-0"),
    (">0.0.0-0 <1.0.0", PRERELEASES, "1.0.0-rc.1"),
    ("<1.0.0-rc", PRERELEASES, "1.0.0-beta.11"),
    ("<1.0.0-beta.11", PRERELEASES, "1.0.0-beta.2"),
    ("<1.0.0-alpha.beta", PRERELEASES, "1.0.0-alpha.1"),
    ("<1.0.0-alpha.1", PRERELEASES, "1.0.0-alpha"),
    ("1.0.0-beta", PRERELEASES, "1.0.0-beta"),
    ("~1.0.0-alpha", PRERELEASES, "1.0.0"),
    ("^1.0.0-alpha", PRERELEASES, "1.1.0-rc.1"),
    ("^1.0.0-alpha <1.1.0", PRERELEASES, "1.1.0-rc.1"),
    ("!=2.0.0-0", PRERELEASES, "1.1.0-rc.1"),
    ("!=1.0-alpha", ("1.0.0-alpha", "1.0.9-alpha"), None),
    ("!=1.0-alpha", ("1.0.0-alpha", "1.0.9-beta"), "1.0.9-beta"),
    ("<2 || 1.0.0-rc.1", ("1.0.0-rc.1", "2.0.0-0"), "1.0.0-rc.1"),
    ("<2 || 2.0.0-1", ("1.0.0-rc.1", "2.0.0-0"), None),
    (">0-0", ("1.0.0-18446744073709551615", "1.0.0-9"), "1.0.0-18446744073709551615"),
    (">0-0", ("1.0.0-18446744073709551616", "1.0.0-a"), "1.0.0-a"),
    (
        ">0-0",
        ("1.0.0-18446744073709551615", "1.0.0-18446744073709551616"),
        "1.0.0-18446744073709551616",
    ),
    (">0-0", ("1.0.0-9" + "9" * 20, "1.0.0-1" + "0" * 30), "1.0.0-9" + "9" * 20),
    (">0-0", ("1.0.0--1", "1.0.0-2"), "1.0.0--1"),
    (">0-0", ("1.0.0-A", "1.0.0-a"), "1.0.0-a"),
    # Build metadata.
    ("1.2.3", ("1.2.3+a", "1.2.3+b"), "1.2.3+a"),
    ("1.2.3+b", ("1.2.3+a", "1.2.3+b"), "1.2.3+b"),
    ("1.2.3+c", ("1.2.3+a", "1.2.3+b"), "1.2.3+a"),
    ("=1.2.3+b", ("1.2.3+a", "1.2.3+b"), "1.2.3+a"),
    (">1.2.3+a", ("1.2.3+b",), None),
    ("1.2.x", ("1.2.3+a.b-c.01",), "1.2.3+a.b-c.01"),
    ("1.2.3-rc.1+build", ("1.2.3-rc.1",), "1.2.3-rc.1"),
    # What is not a version is never chosen.
    (
        "*",
        ("latest", "1.2.3.4", "1.2.3-", "1.2.3+", "1.2.3-01", "1..2", "V1", "", " 1", "1\n"),
        None,
    ),
    ("1.x", ("1.x",), None),
    ("*", ("18446744073709551616.0.0", "18446744073709551615.0.0"), "18446744073709551615.0.0"),
    ("*", ("1.0.0", "1.2.3-é", "1.2.\u0663", "1.2.3\ud800"), "1.0.0"),
    ("*", ("1.0.0+" + "a" * 250, "1.0.1+" + "a" * 251), "1.0.0+" + "a" * 250),
)
"""What is wanted, the versions in the index, and the one that is chosen."""

NO_RANGES: Final = (
    *(" ", "latest", "main", "1.2.3.4", "1.2.3-", "1.2.3+", "1.2.3-01", "1..2", ".1", "1.", "V1"),
    *(">", "> ", "==1", "><1", ">>1", "1 >", ">= =1", "!1", "~=1", "~~1", "^^1", "^~1", "1 &&  2"),
    *("||", "1||", "||1", "1 | 2", "1|2", "1,", ",1", "1,,2", "1 , 2,", "1 ; 2", "1 -2", "1- 2"),
    *("xx", "1.xx", "1x", "1.**", "a.b.c", "1.2.3\v", "1.2.3\u00a0", "1.2.é", "\u0661", "1\x00"),
    *("1.2.3\ud800", "18446744073709551616", "1.18446744073709551616.0", "*-01"),
    *("1.2.3-" + "a" * 251, "1".ljust(513), "||".join("1" * 33)),
)

VERSIONS: Final = ("1", "v1", "1.2", "1.2.3", "v1.2.3", "01.02.03", "1-rc", "1.2+a", "1.2.3-rc+a")

EXACT: Final = (
    *("1.2.3", "v1.2.3", "0.0.0", "01.02.03", "1.2.3-rc.1+build", "1.2.3+build-1.2", "1.2.3--"),
    "1.2.18446744073709551615",
)

TAGS: Final[tuple[tuple[str, tuple[str, ...], str | None], ...]] = (
    ("", ("1.0.0", "1.10.0", "1.9.0", "2.0.0-rc"), "1.10.0"),
    ("~1.2", ("1.2.3_a", "1.2.4_b"), "1.2.4+b"),
    ("=1.2.3+a", ("1.2.3_a",), "1.2.3+a"),
    ("1.2.3+a", ("1.2.3_b", "1.2.3_a"), "1.2.3+a"),
    ("1.2.4+b", ("1.2.3_b",), None),
    (
        "*",
        ("v1.2.3", "1.2", "1", "01.2.3", "1.02.3", "1.2.03", "0.0.00", "latest", "1.2.3_a_b"),
        None,
    ),
    ("1.x", ("v1.9.0", "1.2.3"), "1.2.3"),
)

NO_TAGS: Final = ("latest", "1.2.3_a")


@pytest.mark.parametrize(("wanted", "versions", "chosen"), CASES)
def test_the_version_is_chosen_as_helm_chooses_it(
    wanted: str, versions: tuple[str, ...], chosen: str | None
) -> None:
    assert newest(versions, wanted) == chosen


@pytest.mark.parametrize("wanted", NO_RANGES)
def test_what_is_no_range_is_an_error(wanted: str) -> None:
    with pytest.raises(RangeError, match="is neither a version nor a range of versions") as error:
        newest(["1.2.3"], wanted)
    assert "^1.2" in error.value.hint
    assert len(error.value.reason) < 150


def test_what_is_no_range_is_an_error_though_it_is_listed() -> None:
    with pytest.raises(RangeError):
        newest(["latest"], "latest")


@pytest.mark.parametrize(("wanted", "tags", "chosen"), TAGS)
def test_the_tag_is_chosen_as_helm_chooses_it(
    wanted: str, tags: tuple[str, ...], chosen: str | None
) -> None:
    assert newest_tag(tags, wanted) == chosen


@pytest.mark.parametrize("wanted", NO_TAGS)
def test_a_tag_that_is_no_range_is_an_error(wanted: str) -> None:
    with pytest.raises(RangeError):
        newest_tag([wanted, "1.2.3"], wanted)


@pytest.mark.parametrize("wanted", EXACT)
def test_an_exact_version_is_chosen_and_no_other(wanted: str) -> None:
    assert is_exact(wanted)
    assert newest([wanted], wanted) == wanted
    others = ["1.2.2", "1.2.4", "1.3.0", "2.2.3", "1.2.3-rc", "1.2.3-rc.2", "0.0.1", "0.0.0-0"]
    assert newest(others, wanted) is None


@pytest.mark.parametrize(
    "wanted",
    [
        *("", "1", "1.2", "v1.2", "1.2-rc", "1.2+build.3.4", "1.2.x", "*", "=1.2.3", "~1.2.3"),
        *(" 1.2.3", "1.2.3 ", "1.2.3\n", "1.2.3 || 1.2.4", "1.2.3.4", "1.2.3-01", "V1.2.3"),
        *("latest", "1.2.18446744073709551616", "1.2.3-" + "a" * 251),
    ],
)
def test_a_range_is_not_exact(wanted: str) -> None:
    assert not is_exact(wanted)


@pytest.mark.parametrize("wanted", EXACT)
@pytest.mark.parametrize("form", ["{}", "={}", "= {}", " {} ", "\t=\n{}\r\f"])
def test_an_equals_sign_and_space_do_not_make_a_range(form: str, wanted: str) -> None:
    assert names_one(form.format(wanted))
    assert newest([wanted, "0.0.1"], form.format(wanted)) == wanted
    assert newest(["1.2.2", "1.2.4", "1.2.3-rc", "0.0.1"], form.format(wanted)) is None


@pytest.mark.parametrize(
    "wanted",
    [
        *("", "=", "=1", "=1.2", "=1.2.x", "==1.2.3", "!=1.2.3", ">=1.2.3", "=>1.2.3", "~1.2.3"),
        *("=1.2.3, =1.2.4", "=1.2.3 || 1.2.4", "1.2.3 1.2.3", "=V1.2.3", "\v1.2.3", "\u20071.2.3"),
    ],
)
def test_what_is_not_surely_one_version(wanted: str) -> None:
    assert not names_one(wanted)


@pytest.mark.parametrize("wanted", VERSIONS)
def test_a_version_is_pulled_without_a_list_of_tags(wanted: str) -> None:
    assert is_version(wanted)


@pytest.mark.parametrize("wanted", ["", "*", "1.x", "=1.2.3", "^1", "1.2.3_a", "latest", "1 - 2"])
def test_a_range_needs_a_list_of_tags(wanted: str) -> None:
    assert not is_version(wanted)


@pytest.mark.slow
@pytest.mark.parametrize("wanted", ["*", "1.2.3 - 1.2.9", ">1 || " * 31 + ">2"])
def test_a_version_is_chosen_in_linear_time(wanted: str) -> None:
    def act(versions: list[str]) -> None:
        newest(versions, wanted)
        newest_tag(versions, wanted)

    refuse_growth(lambda n: [f"1.{each % 977}.{each}-a.{each}" for each in range(n)], act, 2_000)


@pytest.mark.parametrize(
    "atom", ["1.", "1-", "1+", "a", " ", "1 ", "1 - ", "1 -", "|", ">", "- ", "1-1.", ", ", "x*|"]
)
def test_a_hostile_range_takes_little_time(atom: str) -> None:
    start = time.process_time()
    for size in (256, 512, 1_000_000):
        text = (atom * size)[:size]
        for wanted in (text, f"1{text[1:]}", f"{text[1:]}!"):
            with contextlib.suppress(RangeError):
                newest(["1.2.3", wanted], wanted)
    assert time.process_time() - start < 2
