"""Patterns of file names, as filepath.Match of Go reads them on Unix. Pure.

Source: path/filepath/match.go of Go 1.25. What differs from other globs is kept:

- A `*` begins the next part of the pattern at the first place where it matches, and tries no later
  one if the rest fails then. It goes on byte by byte, into the middle of a character, too.
- A class may match a `/`.
- A malformed part is only noticed when the matching reaches it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from avp_py.errors import AvpError

_SLASH: Final = ord("/")
_ESCAPE: Final = ord("\\")
_STAR: Final = ord("*")
_ANY: Final = ord("?")
_OPEN: Final = ord("[")
_CLOSE: Final = ord("]")
_NEGATION: Final = ord("^")
_RANGE: Final = ord("-")
_NOT_UTF_8: Final = 0xFFFD
"""What Go reads a byte as that is not part of a character of UTF-8."""


class PatternError(AvpError):
    """A pattern is malformed, and the matching has reached that part of it (ErrBadPattern)."""

    def __init__(self) -> None:
        super().__init__("the pattern is malformed")


@dataclass(frozen=True)
class _Class:
    """A class of characters.

    Attributes:
        ranges: the first and the last character of each range.
        is_negated: whether it is all others that match.
    """

    ranges: Sequence[tuple[int, int]]
    is_negated: bool

    def __contains__(self, char: int) -> bool:
        return any(low <= char <= high for low, high in self.ranges) != self.is_negated


_Step = bytes | _Class | None
"""What matches next: these bytes, a character of the class, or any but `/` (None)."""


@dataclass(frozen=True)
class _Chunk:
    """A part of a pattern without a star.

    Attributes:
        has_star: whether a star precedes it.
        steps: what it consists of; None where it is malformed.
    """

    has_star: bool
    steps: Sequence[_Step] | None

    def find(self, name: bytes, place: int, *, is_last: bool) -> int:
        """Return the end of the first match, or -1.

        Args:
            name: the name.
            place: where a match begins, or with a star may begin at the earliest.
            is_last: whether the name must end with it.

        Raises:
            PatternError: it is malformed.
        """
        if self.steps is None:
            raise PatternError
        while True:
            end = _end(self.steps, name, place)
            if end >= 0 and (end == len(name) or not is_last):
                return end
            if not self.has_star or place >= len(name) or name[place] == _SLASH:
                return -1
            place += 1


class Pattern:
    """A pattern."""

    def __init__(self, text: bytes) -> None:
        self._chunks = tuple(_chunks(text))

    def matches(self, name: bytes) -> bool:
        """Return whether it matches the whole of a name.

        Raises:
            PatternError: it is malformed in a part that the matching has reached.
        """
        place = 0
        for number, chunk in enumerate(self._chunks, 1):
            if chunk.has_star and chunk.steps == ():
                return b"/" not in name[place:]
            place = chunk.find(name, place, is_last=number == len(self._chunks))
            if place < 0:
                return False
        return place == len(name)


def _chunks(text: bytes) -> Iterator[_Chunk]:
    """Yield the chunks of a pattern (scanChunk)."""
    while text:
        rest = text.lstrip(b"*")
        end = _chunk_end(rest)
        yield _Chunk(len(rest) < len(text), _steps(rest[:end]))
        text = rest[end:]


def _chunk_end(text: bytes) -> int:
    """Return where the first star is that is not escaped and not in a class."""
    place = 0
    is_in_class = False
    while place < len(text):
        char = text[place]
        if char == _STAR and not is_in_class:
            return place
        if char == _ESCAPE:
            place += 1
        elif char in (_OPEN, _CLOSE):
            is_in_class = char == _OPEN
        place += 1
    return len(text)


def _steps(text: bytes) -> Sequence[_Step] | None:
    """Return what a chunk consists of; None where it is malformed."""
    steps: list[_Step] = []
    literal = bytearray()
    while text:
        char = text[0]
        text = text[1:]
        if char in (_OPEN, _ANY) and literal:
            steps.append(bytes(literal))
            literal.clear()
        if char == _OPEN:
            found = _class(text)
            if found is None:
                return None
            step, text = found
            steps.append(step)
        elif char == _ANY:
            steps.append(None)
        elif char == _ESCAPE:
            if not text:
                return None
            literal.append(text[0])
            text = text[1:]
        else:
            literal.append(char)
    if literal:
        steps.append(bytes(literal))
    return tuple(steps)


def _class(text: bytes) -> tuple[_Class, bytes] | None:
    """Return the class after its bracket, and what follows it; None where it is malformed."""
    is_negated = text[:1] == b"^"
    text = text[is_negated:]
    ranges: list[tuple[int, int]] = []
    while not (ranges and text[0] == _CLOSE):
        bound = _bound(text)
        if bound is None:
            return None
        low, text = bound
        high = low
        if text[0] == _RANGE:
            bound = _bound(text[1:])
            if bound is None:
                return None
            high, text = bound
        ranges.append((low, high))
    return _Class(tuple(ranges), is_negated), text[1:]


def _bound(text: bytes) -> tuple[int, bytes] | None:
    """Return a bound of a range, and what follows it, which is not empty (getEsc)."""
    if not text or text[0] in (_RANGE, _CLOSE):
        return None
    text = text[text[0] == _ESCAPE :]
    if not text:
        return None
    char, size = _character(text, 0)
    is_malformed = char == _NOT_UTF_8 and size == 1
    return None if is_malformed or len(text) == size else (char, text[size:])


def _end(steps: Sequence[_Step], name: bytes, place: int) -> int:
    """Return where a match of a chunk ends that begins at a place, or -1 (matchChunk)."""
    for step in steps:
        if isinstance(step, bytes):
            if not name.startswith(step, place):
                return -1
            place += len(step)
            continue
        if place == len(name):
            return -1
        char, size = _character(name, place)
        if char == _SLASH if step is None else char not in step:
            return -1
        place += size
    return place


def _character(text: bytes, place: int) -> tuple[int, int]:
    """Return the character at a place, and how many bytes it has (utf8.DecodeRune)."""
    if text[place] < 0x80:
        return text[place], 1
    for size in (2, 3, 4):
        try:
            return ord(text[place : place + size].decode()), size
        except UnicodeDecodeError:
            continue
    return _NOT_UTF_8, 1
