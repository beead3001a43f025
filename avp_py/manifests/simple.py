"""Documents that hold nothing for avp-py, found without parsing them.

Most documents have no placeholder, and are written as kustomize, helm and people write them: block
style, a key a line, ASCII. To look through such lines takes a fraction of the time that a parser
does. A document counts as simple only if every line of it is of a known form, in a place where YAML
allows that form, and nothing in it could be a placeholder, an annotation of ours or a reason for a
message. All others are parsed.
"""

import re
from collections.abc import Iterator, Sequence, Set
from typing import Final, NamedTuple

from avp_py.expressions import Expression
from avp_py.golang.documents import Document
from avp_py.golang.words import BOOLEANS, NULLS
from avp_py.manifests.head import PREFIX, differs_in_case
from avp_py.manifests.intent import meant
from avp_py.manifests.readable import DOUBTFUL, MISSPELT
from avp_py.manifests.unresolved import MAY_BE_UNRESOLVED

MAX_LINES: Final = 10_000
"""How many different lines are remembered."""

_UNKNOWN: Final = re.compile(r"[^\n -;=-\[\]-~]|!")
"""What no simple document has: all but printable ASCII, the `<` of placeholders, the backslash of
escapes, and the `!` of tags."""

_LINE: Final = re.compile(
    r"(?P<indent> *)(?P<dash>- )?"
    r"(?:(?P<key>[A-Za-z][A-Za-z0-9_./-]{0,100}):(?: (?P<value>(?P<block>[|>][-+]?)|VALUE))?"
    r"|(?P<item>VALUE))".replace(
        "VALUE",
        r"""(?:-{0,2}[A-Za-z0-9/.(][WORD]*(?:[:#][WORD]+)*(?: [WORD]+(?:[:#][WORD]+)*)*"""
        r"""|"[^"]*"|'[^']*'|\{(?:PAIR(?:, PAIR)*)?\}|\[(?:ITEM(?:, ITEM)*)?\])""",
    )
    .replace("WORD", r"A-Za-z0-9_./@+=$%^~();,'*-")
    .replace("PAIR", r"[A-Za-z][A-Za-z0-9_./-]*: ITEM")
    .replace("ITEM", r'(?:-{0,2}[A-Za-z0-9/][A-Za-z0-9_./-]*|"[A-Za-z0-9_./-]*")')
)
"""A key with a value on its line or below, or a value in a list. Each part begins where no other
can, so there is nothing to try again."""

_FLOW_KEY: Final = re.compile(r"[{ ]([A-Za-z][A-Za-z0-9_./-]*): ")
_COMMENT: Final = re.compile(r" *#.*")
_KIND: Final = re.compile(r"[A-Z][A-Za-z0-9]{0,60}")
_API_VERSION: Final = re.compile(r"[a-z][a-z0-9.-]{0,100}(?:/[a-z0-9]{1,30})?")

_WORDS: Final = {*BOOLEANS, *NULLS} - {""}

_EXPRESSIONS: Final = (MAY_BE_UNRESOLVED, DOUBTFUL, MISSPELT)


class _Line(NamedTuple):
    """What a line is.

    Attributes:
        column: where its key is, or the dash where there is no key.
        dash: where a dash is; -1 without one.
        key: its key, or an empty text.
        opens: whether what belongs to the key may be on the lines below.
        block: whether a block scalar begins.
        is_comment: whether it says nothing.
    """

    column: int
    dash: int = -1
    key: str = ""
    opens: bool = False
    block: bool = False
    is_comment: bool = False


class _Outline:
    """The collections that are open at a line: their columns, and the keys of mappings."""

    def __init__(self) -> None:
        self._columns = [0]
        self._keys: list[set[str] | None] = [set()]
        self._opened = -1
        """The column of the key on the line before, if its value may follow; else -1."""

    def add(self, line: _Line) -> bool:
        """Add a line that is no comment; return whether YAML allows it there, its key once."""
        columns, keys = self._columns, self._keys
        column = line.column if line.dash < 0 else line.dash
        while column < columns[-1]:
            columns.pop()
            keys.pop()
        if line.dash < 0:
            if column == columns[-1] and keys[-1] is None:
                # A list may be as far to the left as the key that it belongs to.
                columns.pop()
                keys.pop()
            mapping = keys[-1]
            if column == columns[-1]:
                if mapping is None or line.key in mapping:
                    return False
                mapping.add(line.key)
            elif columns[-1] == self._opened:
                columns.append(column)
                keys.append({line.key})
            else:
                return False
        else:
            if column > columns[-1] or keys[-1] is not None:
                if columns[-1] != self._opened:
                    return False
                columns.append(column)
                keys.append(None)
            if line.key:
                columns.append(line.column)
                keys.append({line.key})
        self._opened = line.column if line.opens else -1
        return True


class _Block:
    """The text of a block scalar, which is indented further than its key.

    Attributes:
        column: where the key is.
    """

    def __init__(self, column: int) -> None:
        self.column = column
        self._indent = 0

    def holds(self, text: str, indent: int) -> bool:
        """Return whether a line is a part of it as any other: not less indented, not blank."""
        self._indent = self._indent or indent
        return self._indent <= indent < len(text)


class Scanner:
    """Finds the simple documents of a text. What it knows of lines serves for all documents."""

    def __init__(self, text: str) -> None:
        """Prepare to look through a text.

        Args:
            text: the text, which ends with a line break.
        """
        self._text = text
        self._lines: dict[str, _Line | None] = {}
        self._sought: tuple[Expression, ...] = ()

    def blanked(self) -> tuple[str, Set[int]]:
        """Return the text with null instead of each simple document, and where these begin.

        Every character that is left is where it was.
        """
        text = self._text
        self._sought = tuple(each for each in _EXPRESSIONS if each.is_in(text))
        pieces: list[str] = []
        found: set[int] = set()
        position = 0
        for start, end in _bodies(text):
            if self._is_simple(start, end):
                pieces += (text[position:start], "~", " " * (end - start - 2), "\n")
                position = end
                found.add(start)
        return ("".join([*pieces, text[position:]]), found) if found else (text, found)

    def _is_simple(self, start: int, end: int) -> bool:
        text = self._text
        if end - start < 2 or _UNKNOWN.search(text, start, end):
            return False
        body = text[start:end]
        if any(each.is_in(body) for each in self._sought):
            return False
        lines = body.split("\n")
        lines.pop()
        return _is_object(lines) and self._fits(lines)

    def _fits(self, lines: Sequence[str]) -> bool:
        """Return whether each line is where it may be, and no key is repeated."""
        outline = _Outline()
        block: _Block | None = None
        for text in lines:
            if not text:
                continue
            if block is not None:
                indent = len(text) - len(text.lstrip(" "))
                if indent > block.column:
                    if not block.holds(text, indent):
                        return False
                    continue
                block = None
            line = self._lines[text] if text in self._lines else self._learn(text)
            if line is None or not (line.is_comment or outline.add(line)):
                return False
            if line.block:
                block = _Block(line.column)
        return True

    def _learn(self, text: str) -> _Line | None:
        if len(self._lines) >= MAX_LINES:
            self._lines.clear()
        line = self._lines[text] = _read(text)
        return line


def _bodies(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the text of each document begins and ends, without the lines `---`."""
    start = 4 if text.startswith("---\n") else 0
    while (found := text.find("\n---\n", start - 1 if start else 0)) >= 0:
        yield start, found + 1
        start = found + 5
    yield start, len(text)


def body_start(document: Document) -> int:
    """Return where the body of a document begins, as `Scanner.blanked` counts it."""
    return 0 if document.marker_end is None else document.marker_end + 1


def _is_object(lines: Sequence[str]) -> bool:
    """Return whether the lines of a document say, once each, what it is, and it is no Secret."""
    kinds = [line for line in lines if line.startswith("kind:")]
    versions = [line for line in lines if line.startswith("apiVersion:")]
    if len(kinds) != 1 or len(versions) != 1:
        return False
    kind, version = kinds[0][6:], versions[0][12:]
    return (
        _KIND.fullmatch(kind) is not None
        and kind != "Secret"
        and not kind.endswith("List")
        and kind not in _WORDS
        and _API_VERSION.fullmatch(version) is not None
        and not any(line.startswith("items:") for line in lines)
    )


def _read(text: str) -> _Line | None:
    """Return what a line is, or None if it has no known form."""
    if _COMMENT.fullmatch(text):
        return _Line(0, is_comment=True)
    match = _LINE.fullmatch(text)
    if match is None:
        return None
    indent, key = len(match["indent"]), match["key"] or ""
    if not key and not match["dash"]:
        return None
    inner = _FLOW_KEY.findall(match["value"] or match["item"] or "")
    if len(set(inner)) < len(inner) or not all(map(_is_plain_key, (key, *inner))):
        return None
    return _Line(
        indent + 2 if match["dash"] and key else indent,
        dash=indent if match["dash"] else -1,
        key=key,
        opens=bool(key) and match["value"] is None,
        block=match["block"] is not None,
    )


def _is_plain_key(key: str) -> bool:
    """Return whether a key is text to every reader, and neither ours nor meant to be."""
    return not (key in _WORDS or differs_in_case(key) or key.startswith(PREFIX) or meant(key))
