"""Versions and ranges of versions as Masterminds/semver v3.5.0 reads them. Pure.

That is the library of Helm 4.2. Helm 3.19 has v3.4.0, which reads the same but limits no length
and no number of alternatives; we limit them as v3.5.0 does.
"""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self, TypeAlias

from avp_py.errors import AvpError, quoted
from avp_py.expressions import Expression

_MAX_VERSION: Final = 256
"""The length of the longest version (MaxVersionLen in version.go)."""

_MAX_RANGE: Final = 512
"""The length of the longest range (MaxConstraintLen in constraints.go)."""

_MAX_ALTERNATIVES: Final = 32
"""How many alternatives a range may have (MaxConstraintGroups in constraints.go)."""

_MAX_NUMBER: Final = 2**64 - 1

_NAMES: Final = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"

_VERSION: Final = re.compile(
    rf"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-({_NAMES}))?(?:\+{_NAMES})?"
)

# Those of constraints.go. The order of the operators and the bar in the brackets decide what
# matches, and RE2 prefers the same alternatives as Go.
_OPERATOR: Final = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^"
_NUMBER: Final = r"[0-9|xX*]+"
_BOUND: Final = rf"v?{_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?(?:-{_NAMES})?(?:\+{_NAMES})?"
_CONDITION: Final = rf"(?:{_OPERATOR})\s*{_BOUND}"

_HYPHEN: Final = Expression(rf"\s*({_BOUND})\s+-\s+({_BOUND})\s*")
_CONDITIONS: Final = Expression(rf"\s*{_CONDITION}\s*(?:(?:\s+|,\s*){_CONDITION}\s*)*")
_EACH_CONDITION: Final = Expression(_CONDITION)
_PARTS: Final = Expression(
    rf"({_OPERATOR})\s*"
    rf"(v?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?(-{_NAMES})?(?:\+{_NAMES})?)"
)

_WILDCARDS: Final = frozenset({"x", "X", "*", None})
"""What stands for any number; a number that is missing does, too."""


class RangeError(AvpError):
    """A text is neither a version nor a range of versions; Helm would not accept it either."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{quoted(text)} is neither a version nor a range of versions",
            hint="write a version, such as 1.2.3, or a range as Helm reads it, such as ^1.2, "
            "1.2.x or >=1.2.3 <2",
        )


@functools.total_ordering
@dataclass(frozen=True)
class Version:
    """A version, ordered by precedence; versions that differ in build metadata only are equal.

    Attributes:
        text: as it is written.
        written: major, minor and patch as they are written; empty where one is missing.
        numbers: major, minor and patch; 0 where one is missing.
        prerelease: without its hyphen; empty for a release.
    """

    text: str = field(compare=False)
    written: tuple[str, str, str] = field(compare=False)
    numbers: tuple[int, int, int]
    prerelease: str

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return a version as NewVersion reads it, or None where the text is not one.

        It may begin with `v`, lack minor and patch, and have leading zeros in these numbers.
        """
        if len(text) > _MAX_VERSION or not (match := _VERSION.fullmatch(text)):
            return None
        major, minor, patch, prerelease = match.groups("")
        numbers = int(major), int(minor or 0), int(patch or 0)
        zeros = (
            name.isdigit() and len(name) > 1 and name[0] == "0" for name in prerelease.split(".")
        )
        if max(numbers) > _MAX_NUMBER or any(zeros):
            return None
        return cls(text, (major, minor, patch), numbers, prerelease)

    @functools.cached_property
    def _precedence(self) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
        """A key for Compare of version.go: a number beyond uint64 is a name there."""
        names = self.prerelease.split(".") if self.prerelease else ()
        keys = ((False, int(name), "") if _is_number(name) else (True, 0, name) for name in names)
        return self.numbers, not self.prerelease, tuple(keys)

    @property
    def is_full(self) -> bool:
        """Whether none of the three numbers is missing."""
        return all(self.written)

    @property
    def is_strict(self) -> bool:
        """Whether StrictNewVersion reads it, too: without `v`, missing numbers, leading zeros."""
        return self.text[0] != "v" and self.written == tuple(map(str, self.numbers))

    def __lt__(self, other: "Version") -> bool:
        return self._precedence < other._precedence


def _is_number(name: str) -> bool:
    return name.isdigit() and int(name) <= _MAX_NUMBER


@dataclass(frozen=True)
class _Bound:
    """The version in a condition.

    Attributes:
        version: with 0 for each number from the first wildcard on.
        known: how many numbers are before the first wildcard; 3 without one.
    """

    version: Version
    known: int

    def same(self, version: Version, count: int) -> bool:
        """Return whether the first numbers of a version are those of the bound."""
        return version.numbers[:count] == self.version.numbers[:count]


_Check: TypeAlias = Callable[[Version, _Bound], bool]


def _equal(version: Version, bound: _Bound) -> bool:
    return version == bound.version if bound.known == 3 else _tilde(version, bound)


def _not_equal(version: Version, bound: _Bound) -> bool:
    if bound.known == 1:
        return not bound.same(version, 1)
    if bound.known == 2:
        return not bound.same(version, 2) or version.prerelease != bound.version.prerelease
    return version != bound.version


def _greater(version: Version, bound: _Bound) -> bool:
    if bound.known in {1, 2}:
        return version.numbers[: bound.known] > bound.version.numbers[: bound.known]
    return version > bound.version


def _less(version: Version, bound: _Bound) -> bool:
    return version < bound.version


def _at_least(version: Version, bound: _Bound) -> bool:
    return version >= bound.version


def _at_most(version: Version, bound: _Bound) -> bool:
    if bound.known == 3:
        return version <= bound.version
    # `<=*` is `<=0.0.x` in this library.
    count = bound.known or 2
    return version.numbers[:count] <= bound.version.numbers[:count]


def _tilde(version: Version, bound: _Bound) -> bool:
    count = 1 if bound.known == 1 else 2
    if bound.known in {0, 3} and bound.version.numbers == (0, 0, 0):
        # `~0.0.0` is `>=0.0.0` in this library.
        count = 0
    return version >= bound.version and bound.same(version, count)


def _caret(version: Version, bound: _Bound) -> bool:
    major, minor, _ = bound.version.numbers
    # `^*` is `^0.0.0` in this library.
    count = 1 if major or bound.known == 1 else 2 if minor or bound.known == 2 else 3
    return version >= bound.version and bound.same(version, count)


_CHECKS: Final[Mapping[str, _Check]] = {
    "": _equal,
    "=": _equal,
    "!=": _not_equal,
    ">": _greater,
    "<": _less,
    ">=": _at_least,
    "=>": _at_least,
    "<=": _at_most,
    "=<": _at_most,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}

_Conditions: TypeAlias = tuple[tuple[_Check, _Bound], ...]


@dataclass(frozen=True)
class Range:
    """A range of versions; what Masterminds/semver calls constraints.

    Attributes:
        alternatives: the conditions of each; one of them must hold as a whole.
    """

    alternatives: tuple[_Conditions, ...]

    @classmethod
    def read(cls, text: str) -> Self:
        """Return a range as NewConstraint reads it.

        Raises:
            RangeError: the text is not a range.
        """
        if len(text) > _MAX_RANGE or not text.isascii():
            raise RangeError(text)
        alternatives = _without_hyphens(text).split("||")
        if len(alternatives) > _MAX_ALTERNATIVES:
            raise RangeError(text)
        read = tuple(map(_read_conditions, alternatives))
        if None in read:
            raise RangeError(text)
        return cls(tuple(filter(None, read)))

    def allows(self, version: Version) -> bool:
        """Return whether a version is in the range.

        A prerelease is in no alternative that does not name one.
        """
        return any(
            (not version.prerelease or any(bound.version.prerelease for _, bound in conditions))
            and all(check(version, bound) for check, bound in conditions)
            for conditions in self.alternatives
        )


def _without_hyphens(text: str) -> str:
    """Return a range with `A - B` written as a pair of conditions (rewriteRange)."""
    written = text
    for start, end in _HYPHEN.spans(text):
        low, high = _HYPHEN.groups(text[start:end]) or ()
        # As there: at the first place with that text.
        written = written.replace(text[start:end], f">= {low}, <= {high} ", 1)
    return written


def _read_conditions(text: str) -> _Conditions | None:
    """Return the conditions of an alternative, or None where there is something else."""
    if _CONDITIONS.groups(text) is None:
        return None
    conditions = []
    for start, end in _EACH_CONDITION.spans(text):
        operator, written, *numbers, prerelease = _PARTS.groups(text[start:end]) or ()
        known = next((i for i, number in enumerate(numbers) if number in _WILDCARDS), 3)
        if known < 3:
            zeros = ["0"] * (3 - known)
            written = ".".join([*map(str, numbers[:known]), *zeros]) + (prerelease or "")
        version = Version.read(str(written))
        if version is None:
            return None
        conditions.append((_CHECKS[operator or ""], _Bound(version, known)))
    return tuple(conditions)
