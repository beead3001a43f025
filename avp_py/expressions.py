"""Regular expressions over text that a tenant wrote, matched by RE2: in linear time, always.

Python's own engine goes back and tries again, which takes quadratic time for many an expression and
exponential time for some. It is left to expressions with nothing to try again: a class of
characters, or parts of which each begins where no other can.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any, Final

SPACE: Final = (
    r"\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
)
r"""What Python's `\s` stands for, to be put in brackets: RE2's own knows ASCII only."""


class Expression:
    """An expression in the syntax of RE2.

    It is compiled where it is first used, as RE2 takes 5 ms to load.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    @functools.cached_property
    def _compiled(self) -> Any:
        import re2  # type: ignore[import-untyped]  # it has no stubs

        return re2.compile(self._pattern)

    def is_in(self, text: str) -> bool:
        """Return whether it matches anywhere in a text; halves of characters count as `?`."""
        return self._compiled.search(text.encode(errors="replace")) is not None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield start and end of each match in a text of whole characters."""
        return (match.span() for match in self._compiled.finditer(text))

    def groups(self, text: str) -> Sequence[str | None] | None:
        """Return the groups where it matches the whole of a text, else None."""
        match = self._compiled.fullmatch(text)
        return None if match is None else match.groups()
