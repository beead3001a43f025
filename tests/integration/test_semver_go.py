"""The version that we choose is the one that Helm chooses: Masterminds/semver itself, generated."""

import json
import random
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import pytest

from avp_py.golang import semver
from avp_py.golang.version_ranges import Version
from tests.conftest import ROOT, build_tools
from tests.unit.test_semver import CASES, NO_RANGES, NO_TAGS, TAGS, VERSIONS

NUMBERS: Final = (*"000111222345", "10", "01", "00", str(2**64 - 1), str(2**64), "9" * 30)
WILDCARDS: Final = ("x", "X", "*", "xx", "1x", "|")
NAMES: Final = (
    *("a", "b", "alpha", "beta", "rc", "A", "-", "a-b", "-1", "0", "1", "2", "10", "01", "1a"),
    *(str(2**64 - 1), str(2**64), "9" * 30, ""),
)
OPERATORS: Final = ("", "", "", *"=<>~^", "!=", ">=", "=>", "<=", "=<", "~>")
ODD_OPERATORS: Final = ("==", "><", "!", "~=", ">>", "^~")
SPACES: Final = ("", "", "", " ", "  ", "\t", "\n", "\f", "\r", "\v", "\u00a0")
SEPARATORS: Final = (" ", ", ", ",", " , ", "||", " || ", " - ", "-", "  -\t", "|", "", ",,", "&&")
NOISE: Final = "0123xX*.-+v<>=!~^|, \t\n\v_aé\ud800\x00"

Case = tuple[tuple[str, ...], str]


class Generator:
    """Makes versions and ranges, most of them valid; the seed decides which."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # it protects nothing

    def case(self) -> Case:
        """Return versions, and what is wanted of them."""
        pick = self._random
        # Helm's sort keeps the order of equal versions up to this number.
        versions = [self._version(NUMBERS, 0.9) for _ in range(pick.randint(0, 12))]
        wanted = self._range()
        if pick.random() < 0.3:
            versions = [self._near(wanted) for _ in versions]
        if pick.random() < 0.1 and versions:
            wanted = pick.choice(versions)
        if pick.random() < 0.2:
            # They differ in what is after the numbers only.
            numbers = pick.choice(("0.0.0", "0.1.0", "1.2.3"))
            versions = [f"{numbers}-{self._names()}" for _ in versions]
            bound = pick.choice((numbers, "0", "0.1"))
            wanted = f"{pick.choice(OPERATORS)}{bound}-{self._names()}"
        return tuple(versions), wanted

    def _version(self, numbers: Sequence[str], three: float) -> str:
        pick = self._random
        count = 3 if pick.random() < three else pick.randint(1, 4)
        text = pick.choice(("", "", "", "v")) + ".".join(pick.choices(numbers, k=count))
        if pick.random() < 0.35:
            text += "-" + self._names()
        if pick.random() < 0.2:
            text += pick.choice("++++_") + self._names()
        return self._spoiled(text, 0.02)

    def _names(self) -> str:
        return ".".join(self._random.choices(NAMES, k=self._random.randint(1, 3)))

    def _near(self, wanted: str) -> str:
        """Return a version in a range, or close to it, if it holds one."""
        pick = self._random
        found = re.findall(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?", wanted)
        text: str = pick.choice(found) if found else self._version("012", 1)
        parts = re.split(r"(\d+)", text)
        if len(parts) > 2 and pick.random() < 0.8:
            at = pick.randrange(1, min(len(parts), 6), 2)
            parts[at] = str(max(int(parts[at]) + pick.choice((-1, 1)), 0))
        return "".join(parts)

    def _range(self) -> str:
        pick = self._random
        numbers = (*NUMBERS[:14], *WILDCARDS[:3]) if pick.random() < 0.9 else NUMBERS + WILDCARDS
        text = pick.choice(SPACES[:5])
        for _ in range(pick.choice((1, 1, 1, 2, 2, 3, 5))):
            operator = pick.choice(ODD_OPERATORS if pick.random() < 0.05 else OPERATORS)
            text += operator + pick.choice(SPACES[:8]) + self._version(numbers, 0.5)
            text += pick.choice(SEPARATORS if pick.random() < 0.2 else SEPARATORS[:7])
        if pick.random() < 0.95:
            text = text.rstrip(" \t,|-")
        return self._spoiled(text, 0.05)

    def _spoiled(self, text: str, chance: float) -> str:
        pick = self._random
        while pick.random() < chance:
            at = pick.randint(0, len(text))
            text = text[:at] + pick.choice(NOISE) + text[at + pick.randint(0, 1) :]
        return text


def helm(cases: Iterable[Case]) -> list[dict[str, Any]]:
    """Return what Helm chooses: one process for all cases."""
    lines = (json.dumps({"versions": versions, "wanted": wanted}) for versions, wanted in cases)
    answers = subprocess.run(
        [build_tools("reader")["reader"], "versions"],
        input="\n".join(lines),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
    return [json.loads(line) for line in answers.splitlines()]


def ours(versions: Sequence[str], wanted: str) -> dict[str, Any]:
    """Return what we choose, as the reader prints it, but without the words of its errors."""
    newest, newest_error = chosen(semver.newest, versions, wanted)
    tag, tag_error = chosen(semver.newest_tag, versions, wanted)
    return {
        "newest": newest,
        "newest_error": newest_error,
        "tag": tag,
        "tag_error": tag_error,
        "is_version": semver.is_version(wanted),
    }


def chosen(
    choose: Callable[[Iterable[str], str], str | None], versions: Sequence[str], wanted: str
) -> tuple[str | None, bool]:
    """Return a choice, and whether there is none because of an error."""
    try:
        return choose(versions, wanted), False
    except semver.RangeError:
        return None, True


def differences(cases: Sequence[Case]) -> list[tuple[Case, dict[str, Any], dict[str, Any]]]:
    """Return the cases in which we do not choose as Helm does."""
    found = []
    for case, answer in zip(cases, helm(cases), strict=True):
        theirs = {
            name: bool(value) if name.endswith("_error") else value
            for name, value in answer.items()
        }
        if (own := ours(*case)) != theirs:
            found.append((case, own, theirs))
    return found


@pytest.fixture(scope="module")
def generated() -> Sequence[Case]:
    """Cases, always the same."""
    generator = Generator(16)
    return [generator.case() for _ in range(20_000)]


def test_generated_versions_are_chosen_as_helm_does(generated: Sequence[Case]) -> None:
    assert differences(generated) == []


def test_generated_cases_have_every_outcome(generated: Sequence[Case]) -> None:
    own = [ours(*case) for case in generated]
    for name in ("newest", "tag"):
        assert sum(each[name] is not None for each in own) > 4_000
        assert sum(each[f"{name}_error"] for each in own) > 2_000
        assert sum(each[name] is None and not each[f"{name}_error"] for each in own) > 2_000
    assert sum(each["newest"] != each["tag"] for each in own) > 500
    assert sum("-" in (each["newest"] or "") for each in own) > 500


def test_an_order_of_our_own_is_seen(
    generated: Sequence[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Version, "__lt__", lambda self, other: self.numbers < other.numbers)
    assert len(differences(generated[:2_000])) > 20


def test_many_versions_are_sorted_as_helm_does() -> None:
    generator = Generator(17)
    cases = []
    for size in (100, 1_000, 3_000):
        texts = {text for _ in range(size) for text in generator.case()[0]}
        read = {each: each.text for each in map(Version.read, sorted(texts)) if each is not None}
        # Of versions that are equal but for build metadata, Helm takes any where there are many.
        versions = tuple(read.values())
        assert len(versions) > size
        cases += [
            (versions, wanted) for wanted in ("", "*-0", ">=0-0", "<3", "~1.2", "!=2.x", "^0")
        ]
    assert differences(cases) == []


def test_the_cases_of_the_unit_tests_are_those_of_helm() -> None:
    cases = [
        *((versions, wanted) for wanted, versions, _ in CASES),
        *((tags, wanted) for wanted, tags, _ in TAGS),
        *(((wanted,), wanted) for wanted in (*NO_RANGES, *NO_TAGS, *VERSIONS)),
    ]
    assert differences(cases) == []


@pytest.mark.parametrize(
    ("length", "name"), [(256, "version"), (257, "version"), (512, "range"), (513, "range")]
)
def test_lengths_are_limited_where_helm_limits_them(length: int, name: str) -> None:
    text = "1.2.3-" if name == "version" else "1.2.3" + " " * 300 + ">1.2-"
    text = text.ljust(length, "a")
    cases = [((text,), "*-0"), ((text,), text), (("1.2.3",), text), (("1.2.3",), f"{text[:-2]}||")]
    assert differences(cases) == []
    (answer,) = helm([((), text)])
    assert bool(answer["newest_error"]) is ((name == "range" and length > 512) or length == 257)


@pytest.mark.parametrize("count", [32, 33])
def test_alternatives_are_limited_where_helm_limits_them(count: int) -> None:
    case = (("1.2.3",), "||".join(["1"] * count))
    assert differences([case]) == []
    assert ours(*case)["newest_error"] is (count > 32)


def test_the_library_is_that_of_our_helm() -> None:
    pattern = r"^\s+github.com/Masterminds/semver/v3 (v\S+)"
    versions = {
        folder: re.findall(pattern, (ROOT / "tools" / folder / "go.mod").read_text(), re.MULTILINE)
        for folder in ("helm4", "reader")
    }
    assert versions == {"helm4": ["v3.5.0"], "reader": ["v3.5.0"]}
