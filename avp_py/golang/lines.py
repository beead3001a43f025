"""Places in a text: lines and columns, as people count them."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator


class Lines:
    """The lines of a text, for those who ask of many places where they are."""

    __slots__ = ("_breaks", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._breaks: array[int] | None = None

    def number(self, index: int) -> int:
        """Return the number of the line that `index` is on, from 1."""
        return self._find(index)[0] + 1

    def position(self, index: int) -> str:
        """Where `index` is, as `line 3, column 7` (both count from 1)."""
        line, start = self._find(index)
        return f"line {line + 1}, column {index - start + 1}"

    def _find(self, index: int) -> tuple[int, int]:
        """Return the number of a line, from 0, and where it begins."""
        if self._breaks is None:
            self._breaks = array("I", _line_breaks(self._text))
        line = bisect_left(self._breaks, index)
        return line, self._breaks[line - 1] + 1 if line else 0


def _line_breaks(text: str) -> Iterator[int]:
    found = text.find("\n")
    while found >= 0:
        yield found
        found = text.find("\n", found + 1)


def position(text: str, index: int) -> str:
    """Where `index` stands in `text`, as `line 3, column 7` (both count from 1).

    It counts the lines each time: of many places in one text, ask Lines.
    """
    line = text.count("\n", 0, index) + 1
    return f"line {line}, column {index - text.rfind(chr(10), 0, index)}"
