"""From the text of a JSONPath template to its nodes.

Source: client-go v0.29.1, util/jsonpath/parser.go. It has no grammar, so this follows it function
by function, odd cases included: `[]` is the first item, `['a.b']` is two fields, and what follows a
`}` inside of brackets is dropped.
"""

import math
import re
import sys
from collections.abc import Callable, Sequence

from avp_py.modifiers.jsonpath.nodes import (
    Constant,
    Expression,
    Field,
    Filter,
    Identifier,
    JsonPathError,
    Node,
    Recursive,
    Slice,
    Text,
    Union,
    Wildcard,
    located,
)

_MAX_INT = 2**63 - 1
_INT_DIGITS = len(str(_MAX_INT))
_MAX_BYTE = 255
_TERMINATORS = frozenset(" \t\r\n.,[]$@{}")
_KEY = re.compile(r"'([^']*)'")
_SLICE = re.compile(r"(-?[0-9]*)(:-?[0-9]*)?(:-?[0-9]*)?")
_COMPARISON = re.compile(r"([^!<>=]+)([!<>=]+)(.+?)")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(['\"]))"
)
_ESCAPED = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\",
}  # fmt: skip


def parse(template: str) -> tuple[Text | Expression, ...]:
    """Read a template.

    Returns:
        Its texts and expressions in their order.

    Raises:
        JsonPathError: the template is malformed.
    """
    return _parse(template, origin=None)


def _parse(text: str, *, origin: int | None) -> tuple[Text | Expression, ...]:
    nodes: list[Text | Expression] = []
    position = 0
    while (brace := text.find("{", position)) >= 0:
        if brace > position:
            nodes.append(Text(text[position:brace]))
        reader = _Reader(text, brace + 1, origin)
        nodes.append(reader.read())
        position = reader.position
    if position < len(text):
        nodes.append(Text(text[position:]))
    return tuple(nodes)


class _Reader:
    """Read one expression, from after its `{`.

    Attributes:
        position: the index that comes next.
    """

    def __init__(self, text: str, position: int, origin: int | None) -> None:
        self.position = position
        self._text = text
        self._origin = origin

    def read(self) -> Expression:
        """Read up to the `}`, and over it."""
        nodes: list[Node] = []
        while not self._take("}"):
            at = self.position
            if self._take("[?("):
                nodes.append(self._filter(at))
            elif self._take(".."):
                nodes += self._recursive(nodes, at)
            elif self._take("["):
                nodes += self._array(at)
            elif self._take("."):
                nodes.append(self._field(at))
            elif not (self._take(" ") or self._take("@") or self._take("$")):
                nodes.append(self._literal(at))
        return Expression(tuple(nodes))

    def _take(self, prefix: str) -> bool:
        found = self._text.startswith(prefix, self.position)
        if found:
            self.position += len(prefix)
        return found

    def _peek(self) -> str:
        return self._text[self.position : self.position + 1]

    def _at(self, index: int) -> int:
        # An expression in brackets is read on its own: its errors point at the bracket.
        return index + 1 if self._origin is None else self._origin

    def _error(self, reason: str, index: int) -> JsonPathError:
        return JsonPathError(located(reason, self._at(index)))

    def _nested(self, text: str, at: int) -> Expression:
        # Expressions hardly nest, as an index ends at the first `]`, and a filter at the first `)`
        # outside of its one pair of quotes. So this calls itself a few times at most.
        reader = _Reader(text + "}", 0, self._at(at))
        expression = reader.read()
        # client-go reads on after the brace; it drops what it finds, but for errors.
        _parse(f"{text}}}"[reader.position :], origin=self._at(at))
        return expression

    def _literal(self, at: int) -> Node:
        char = self._peek()
        if char in ("", "\r", "\n"):
            raise self._error("the expression is not closed by `}`", at)
        if char in "\"'":
            return self._quoted(char, at)
        if char in "+-" or char.isdecimal():
            return self._number(at)
        if char == "_" or char.isalpha():
            return self._word(at)
        raise self._error(f"`{char}` (U+{ord(char):04X}) has no meaning in an expression", at)

    def _word(self, at: int) -> Node:
        self._skip(lambda char: char not in _TERMINATORS)
        word = self._text[at : self.position]
        if word in ("true", "false"):
            return Constant(word == "true")
        return Identifier(word, self._at(at))

    def _skip(self, belongs: Callable[[str], bool]) -> None:
        while (char := self._peek()) and belongs(char):
            self.position += 1

    def _recursive(self, before: Sequence[Node], at: int) -> Sequence[Node]:
        if before and isinstance(before[-1], Recursive):
            raise self._error("`..` follows on `..`", at)
        char = self._peek()
        if char == "_" or char.isalpha() or char.isdecimal():
            return Recursive(), self._field(at)
        return (Recursive(),)

    def _field(self, at: int) -> Node:
        start = self.position
        while (char := self._peek()) and char not in _TERMINATORS:
            self.position += 2 if char == "\\" else 1
        self.position = min(self.position, len(self._text))
        name = self._text[start : self.position]
        return Wildcard() if name == "*" else Field(name.replace("\\", ""), self._at(at))

    def _number(self, at: int) -> Node:
        self.position += 1
        self._skip(lambda char: char == "." or char.isdecimal())
        text = self._text[at : self.position]
        integer = _integer(text)
        if integer is not None:
            return Constant(integer)
        if not _NUMBER.fullmatch(text) or math.isinf(float(text)):
            raise self._error(f"{text} is not a number", at)
        return Constant(float(text))

    def _array(self, at: int) -> Sequence[Node]:
        start = self.position
        end = self._text.find("]", start)
        if end < 0 or "\n" in self._text[start:end]:
            raise self._error("`[` is not closed", at)
        self.position = end + 1
        inside = self._text[start:end]
        if inside == "*":
            inside = ":"
        items = inside.split(",")
        if len(items) > 1:
            return (Union(tuple(self._nested(f"[{item.strip(' ')}]", at) for item in items)),)
        key = _KEY.fullmatch(inside)
        if key:
            return self._nested(f".{key[1]}", at).nodes
        return (self._slice(inside, at),)

    def _slice(self, text: str, at: int) -> Node:
        match = _SLICE.fullmatch(text)
        if match is None:
            raise self._error(f"[{text}] is no index, slice, key in single quotes or filter", at)
        first, second, third = match.groups()
        start = self._bound(first, at)
        end = self._bound(second[1:], at) if second else (start or 0) + 1
        step = self._bound(third[1:], at) if third else None
        return Slice(start, end, step, not second, self._at(at))

    def _bound(self, text: str, at: int) -> int | None:
        if not text:
            return None
        number = _integer(text)
        if number is None:
            raise self._error(f"the index {text} is not a number", at)
        return number

    def _filter(self, at: int) -> Node:
        start = self.position
        quote, closed = "", False
        while (char := self._peek()) != ")" or bool(quote) != closed:
            if char in ("", "\n"):
                raise self._error("the filter `[?(` is not closed by `)]`", at)
            if char in "\"'":
                if not quote:
                    quote = char
                elif char == quote and self._text[self.position - 1] != "\\":
                    closed = True
            self.position += 1
        inside = self._text[start : self.position]
        self.position += 1
        if not self._take("]"):
            raise self._error("the filter `[?(` is not closed by `)]`", at)
        sides = _COMPARISON.fullmatch(inside)
        if sides is None:
            return Filter(self._nested(inside, at), "", Expression(()), self._at(at))
        left, right = self._nested(sides[1], at), self._nested(sides[3], at)
        return Filter(left, sides[2], right, self._at(at))

    def _quoted(self, quote: str, at: int) -> Node:
        self.position += 1
        while (char := self._peek()) != quote or self._text[self.position - 1] == "\\":
            if char in ("", "\n"):
                raise self._error("the quoted text is not closed", at)
            self.position += 1
        self.position += 1
        text = _unquote(self._text[at + 1 : self.position - 1], quote)
        if text is None:
            raise self._error("the quoted text has an escape that is not known", at)
        return Text(text)


def _integer(text: str) -> int | None:
    """Return the number that strconv.Atoi reads, or None where it fails."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdecimal()) or len(digits.lstrip("0")) > _INT_DIGITS:
        return None
    number = int(digits) * (-1 if text[0] == "-" else 1)
    return number if -_MAX_INT - 1 <= number <= _MAX_INT else None


def _unquote(text: str, quote: str) -> str | None:
    """Return what the text between two quotes stands for, or None.

    Source: UnquoteExtend, and strconv.UnquoteChar, which it calls for each character.
    """
    result = bytearray()
    position = 0
    while position < len(text):
        char = text[position]
        if char == quote:
            return None
        if char != "\\":
            result += char.encode("utf-8", "surrogatepass")
            position += 1
            continue
        match = _ESCAPE.match(text, position)
        piece = _escaped(match, quote) if match else None
        if match is None or piece is None:
            return None
        result += piece
        position = match.end()
    # An escape such as \xff is one byte, which need not be UTF-8.
    return result.decode("utf-8", "surrogateescape")


def _escaped(match: re.Match[str], quote: str) -> bytes | None:
    name, byte, short, long, octal, quoted = match.groups()
    if name:
        return _ESCAPED[name].encode()
    if quoted:
        return quoted.encode() if quoted == quote else None
    if byte or octal:
        number = int(byte, 16) if byte else int(octal, 8)
        return bytes([number]) if number <= _MAX_BYTE else None
    point = int(short or long, 16)
    if point > sys.maxunicode or 0xD800 <= point <= 0xDFFF:
        return None
    return chr(point).encode()
