"""Which files of a chart's directory helm does not load. Pure.

Source: pkg/ignore/rules.go of Helm 4.2.4, which is that of 3.19.4.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

from avp_py.errors import ChartLimitError, RenderError
from avp_py.golang.filepath_match import Pattern, PatternError
from avp_py.golang.gostrings import trim_space

HELMIGNORE: Final = ".helmignore"

_BOM: Final = b"\xef\xbb\xbf"

_MAX_LINE: Final = 1 << 16
"""How many bytes a line must not have (MaxScanTokenSize of Go's bufio)."""

_MAX_RULES: Final = 1000
"""How many rules are read; `helm create` writes 19."""

_MAX_RULE: Final = 500
"""How many bytes one may have."""

_TRIED: Final = b"abc"
"""The name that helm tries a rule on: a malformed part that this does not reach is accepted."""


@dataclass(frozen=True)
class _Rule:
    """A rule.

    Attributes:
        pattern: what matches the path, or the name alone.
        has_path: whether it is the path.
        negates: whether all is ignored that it does not match.
        wants_folder: whether it is for directories only.
    """

    pattern: Pattern
    has_path: bool
    negates: bool
    wants_folder: bool

    def matches(self, path: bytes) -> bool:
        try:
            return self.pattern.matches(path if self.has_path else path.rpartition(b"/")[2])
        except PatternError:
            # helm logs it, and goes on.
            return False


@dataclass(frozen=True)
class IgnoreRules:
    """The rules for one directory."""

    rules: Sequence[_Rule]

    @classmethod
    def read(cls, text: bytes) -> Self:
        """Return the rules in a file, and the one that helm adds.

        Raises:
            ChartLimitError: there is too much of it.
            RenderError: helm would not accept it either.
        """
        rules: list[_Rule] = []
        for number, line in _lines(text):
            if len(rules) == _MAX_RULES:
                raise _too_much(number, f"there are more than {_MAX_RULES} rules")
            if len(line) > _MAX_RULE:
                raise _too_much(number, f"the rule is longer than {_MAX_RULE} bytes")
            if b"**" in line:
                raise _invalid(number, "`**` is not supported", "write a rule for each level")
            try:
                Pattern(line).matches(_TRIED)
            except PatternError:
                raise _invalid(
                    number,
                    "the pattern is malformed",
                    "close each bracket, and put a \\ before a character that is meant itself",
                ) from None
            rules.append(_rule(line))
        return cls((*rules, _rule(b"templates/.?*")))

    def ignores(self, path: str, *, is_folder: bool, check: Callable[[], None]) -> bool:
        """Return whether helm does not load a file, or what is in a directory.

        Args:
            path: its path in the directory of the chart.
            is_folder: whether it is a directory.
            check: called before each rule, as the rules may take long; raises to stop.
        """
        name = os.fsencode(path)
        for rule in self.rules:
            check()
            fits = is_folder or not rule.wants_folder
            if rule.negates != (fits and rule.matches(name)):
                return True
        return False


def _lines(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is a rule, with its number from 1."""
    for number, line in enumerate(text.split(b"\n"), 1):
        if len(line) >= _MAX_LINE:
            raise _invalid(number, f"the line has {_MAX_LINE} bytes or more", "shorten it")
        known = line.removeprefix(_BOM) if number == 1 else line
        text_of_rule = trim_space(known.decode("utf-8", "surrogateescape"))
        rule = text_of_rule.encode("utf-8", "surrogateescape")
        if rule and not rule.startswith(b"#"):
            yield number, rule


def _rule(text: bytes) -> _Rule:
    pattern = text.removeprefix(b"!").removesuffix(b"/")
    return _Rule(
        Pattern(pattern.removeprefix(b"/")),
        b"/" in pattern,
        text.startswith(b"!"),
        text.removeprefix(b"!").endswith(b"/"),
    )


def _invalid(line: int, why: str, hint: str) -> RenderError:
    return RenderError(f"{HELMIGNORE}, line {line}: {why}; helm does not accept it", hint=hint)


def _too_much(line: int, why: str) -> ChartLimitError:
    return ChartLimitError(
        f"{HELMIGNORE}, line {line}: {why}", hint="shorten it: one pattern can match many files"
    )
