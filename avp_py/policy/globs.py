"""Patterns over names and paths: `*` within a name or segment, `**` for whole segments.

Matching takes steps in proportion to the lengths of both, whatever a tenant writes: no regular
expression, and no more than one way back.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

LITERAL_STAR: Final = "\0"
"""Stands for a `*` that is none of a pattern's: a path cannot hold this character."""

INSERTED: Final = "\1"
"""Precedes what a template inserted: a path cannot hold this character either."""

DATA: Final = "data"
"""The word after the mount in the path of a secret, in a KV engine version 2."""

BESIDE_DATA: Final = frozenset({"metadata", "subkeys", "delete", "undelete", "destroy"})
"""The other words there: the same secret's metadata, the names of its keys, and what is done to it
(the API of Vault 1.21's KV engine)."""

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


def names_path(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Whether a pattern that allows fits a whole path: the word after the mount is spelt out.

    Metadata and the like match no star and nothing inserted, and `data` nothing inserted: a tenant
    chooses the names of Applications and namespaces.
    """
    place = api_place(path)
    if place is None:
        return matches_path(pattern, path)
    if path[place] == DATA:

        def fits(each: str, item: tuple[int, str]) -> bool:
            number, segment = item
            is_ours = number != place or INSERTED not in each
            return is_ours and matches_name(each, segment)

        return _fits(pattern, tuple(enumerate(path)), fits)
    return any(
        each == path[place]
        and matches_path(pattern[:at], path[:place])
        and matches_path(pattern[at + 1 :], path[place + 1 :])
        for at, each in enumerate(pattern)
    )


def as_data(path: Sequence[str]) -> Sequence[str]:
    """The path of the secret whose metadata or the like a path is; else the path itself."""
    place = api_place(path)
    return path if place is None else (*path[:place], DATA, *path[place + 1 :])


def api_place(path: Sequence[str]) -> int | None:
    """The place in a path of the word after the mount, if it is one of KV version 2.

    The mount is not known here: it has one part or more, and none of them such a word.
    """
    words = enumerate(path[1:], 1)
    return next((at for at, each in words if each == DATA or each in BESIDE_DATA), None)


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
    return piece.replace(LITERAL_STAR, "*").replace(INSERTED, "")
