"""Places in a text: lines and columns, as people count them."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator


class Lines:
    """The lines of a text, to look up many places."""

    __slots__ = ("_breaks", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._breaks: array[int] | None = None

    def number(self, index: int) -> int:
        """Return the number of the line that `index` is on, from 1."""
        return self._find(index)[0] + 1

    def position(self, index: int) -> str:
        """Return where `index` is, as `line 3, column 7` (both count from 1)."""
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


def line_and_column(text: str, index: int) -> tuple[int, int]:
    """Return the line and the column of `index` in `text`; both count from 1.

    It counts the lines each time: for many places in one text, use Lines.
    """
    line = text.count("\n", 0, index) + 1
    return line, index - text.rfind("\n", 0, index)


def position(text: str, index: int) -> str:
    """Return where `index` is in `text`, as `line 3, column 7`."""
    line, column = line_and_column(text, index)
    return f"line {line}, column {column}"
