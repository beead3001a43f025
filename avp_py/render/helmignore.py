"""Which files of a chart's directory helm does not load. Pure.

Source: pkg/ignore/rules.go of Helm 4.2.4, which is that of 3.19.4, and Match in path/filepath of Go
1.25.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

from avp_py.errors import RenderError
from avp_py.expressions import Expression

HELMIGNORE: Final = ".helmignore"

_MAX_RULES: Final = 1000
"""How many rules are read; `helm create` writes 19."""

_MAX_RULE: Final = 500
"""How many characters one may have."""


@dataclass(frozen=True)
class _Rule:
    """A rule.

    Attributes:
        expression: what matches the path, or the name alone.
        has_path: whether it is the path.
        negates: whether all is ignored that it does not match.
        wants_folder: whether it is for directories only.
    """

    expression: Expression
    has_path: bool
    negates: bool
    wants_folder: bool

    def matches(self, path: str) -> bool:
        text = path if self.has_path else path.rpartition("/")[2]
        return self.expression.groups(text) is not None


@dataclass(frozen=True)
class IgnoreRules:
    """The rules for one directory."""

    rules: Sequence[_Rule]

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the rules in a text, and the one that helm adds.

        Raises:
            RenderError: helm would not accept it either, or there is too much of it.
        """
        lines = [line.strip() for line in text.split("\n")]
        patterns = [line for line in lines if line and not line.startswith("#")]
        if len(patterns) > _MAX_RULES:
            raise RenderError(f"{HELMIGNORE} has more than {_MAX_RULES} rules")
        return cls([_rule(each) for each in (*patterns, "templates/.?*")])

    def ignores(self, path: str, *, is_folder: bool) -> bool:
        """Return whether helm does not load a file, or what is in a directory.

        Args:
            path: its path in the directory of the chart.
            is_folder: whether it is a directory.
        """
        path = path.encode(errors="replace").decode()
        for rule in self.rules:
            fits = is_folder or not rule.wants_folder
            if rule.negates != (fits and rule.matches(path)):
                return True
        return False


def _rule(text: str) -> _Rule:
    if len(text) > _MAX_RULE or "**" in text:
        raise _invalid()
    pattern = text.removeprefix("!").removesuffix("/")
    expression = Expression("".join(_translated(pattern.removeprefix("/"))))
    return _Rule(expression, "/" in pattern, text.startswith("!"), text.endswith("/"))


def _translated(pattern: str) -> Iterator[str]:
    """Yield the parts of the expression for a pattern of filepath.Match."""
    rest = pattern
    while rest:
        first, rest = rest[0], rest[1:]
        if first == "*":
            yield "[^/]*"
        elif first == "?":
            yield "[^/]"
        elif first == "[":
            expression, rest = _class(rest)
            yield expression
        elif first == "\\":
            if not rest:
                raise _invalid()
            yield _literal(rest[0])
            rest = rest[1:]
        else:
            yield _literal(first)


def _class(text: str) -> tuple[str, str]:
    """Return the expression for a class of characters, after its bracket, and what follows it."""
    negation = "^" if text.startswith("^") else ""
    rest = text.removeprefix("^")
    ranges: list[str] = []
    count = 0
    while not (count and rest.startswith("]")):
        low, rest = _bound(rest)
        high = low
        if rest.startswith("-"):
            high, rest = _bound(rest[1:])
        if low <= high:
            ranges.append(f"{_literal(low)}-{_literal(high)}")
        count += 1
    if not ranges:
        # Nothing is in any of its ranges.
        ranges, negation = [r"\x{0}-\x{10ffff}"], "" if negation else "^"
    return f"[{negation}{''.join(ranges)}]", rest[1:]


def _bound(text: str) -> tuple[str, str]:
    """Return a bound of a range in a class, and what follows it, which is not empty."""
    if text[:1] in {"", "-", "]"}:
        raise _invalid()
    text = text.removeprefix("\\")
    if len(text) < 2:
        raise _invalid()
    return text[0], text[1:]


def _literal(char: str) -> str:
    return rf"\x{{{ord(char):x}}}"


def _invalid() -> RenderError:
    return RenderError(
        f"{HELMIGNORE} has a pattern that helm does not accept",
        hint="correct it: `**` is not supported, and brackets must be closed",
    )
