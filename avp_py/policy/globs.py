"""Patterns over names and paths: `*` within a name or segment, `**` for whole segments.

Matching takes steps in proportion to the lengths of both, whatever a tenant writes: no regular
expression, and no more than one way back.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

LITERAL_STAR: Final = "\0"
"""Stands for a `*` that is none of a pattern's: a path cannot hold this character."""

UNFIT: Final = "?[]{}\\"
"""Characters that other globs give a meaning: here they would match themselves, to a surprise."""

_Item = TypeVar("_Item")


def matches_name(pattern: str, name: str) -> bool:
    """Whether a pattern fits a whole name, case and bytes included; `*` stands for any text."""
    first, *rest = pattern.split("*")
    first, rest = _literal(first), [_literal(each) for each in rest]
    if not rest:
        return name == first
    last = rest.pop()
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    position, end = len(first), len(name) - len(last)
    for piece in rest:
        found = name.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def matches_path(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Whether a pattern fits a whole path, both in segments; `**` stands for any number of them."""
    return _fits(pattern, path, matches_name)


def _fits(
    pattern: Sequence[str], items: Sequence[_Item], fits: Callable[[str, _Item], bool]
) -> bool:
    """The greedy match: on a mismatch, the last `**` takes one more."""
    at = item = 0
    star = taken = -1
    while item < len(items):
        if at < len(pattern) and pattern[at] == "**":
            star, taken = at, item
            at += 1
        elif at < len(pattern) and fits(pattern[at], items[item]):
            at, item = at + 1, item + 1
        elif star >= 0:
            taken += 1
            at, item = star + 1, taken
        else:
            return False
    return all(each == "**" for each in pattern[at:])


def _literal(piece: str) -> str:
    return piece.replace(LITERAL_STAR, "*")
