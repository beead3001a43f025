"""YAML text of a value, for toYaml: as Helm's, and read alike by YAML 1.1 and YAML 1.2.

Block style, keys sorted, two spaces for each level, lists as far to the left as their key. Text
is plain where no reader reads it as anything else, a literal block where it has lines, and
in double quotes everywhere else.
"""

import re
from collections.abc import Mapping, Sequence

from avp_py.golang.words import BOOLEANS, NULLS
from avp_py.golang.yaml_text import MAX_KEY, NOT_IN_BLOCK, quoted
from avp_py.values import Number, Value

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_WORDS = frozenset({*BOOLEANS, *NULLS})
_NOT_LITERAL = re.compile(NOT_IN_BLOCK.pattern + r"|\n\n\Z|\n[ \t]+\Z")


def write(value: Value) -> str:
    """Return the text, without a last line break unless the value's text ends in one.

    Raises:
        PlaceholderError: a text in it is not Unicode.
    """
    last = value
    while last and isinstance(last, Mapping | Sequence) and not isinstance(last, str):
        last = last[max(last)] if isinstance(last, Mapping) else last[-1]
    # Where the last text is a literal block, its line break is a part of it.
    ends_with_break = isinstance(last, str) and _is_literal(last) and last.endswith("\n")
    return "\n".join(_lines(value)) + ("\n" if ends_with_break else "")


def _lines(value: Value) -> list[str]:
    match value:
        case None:
            return ["null"]
        case bool():
            return ["true" if value else "false"]
        case Number():
            return [value.yaml]
        case str():
            return _text(value)
        case Mapping():
            return [line for key in sorted(value) for line in _entry(key, value[key])] or ["{}"]
        case Sequence():
            return [line for item in value for line in _hang("-", item)] or ["[]"]


def _text(text: str) -> list[str]:
    if _is_literal(text):
        body = text.removesuffix("\n")
        return ["|" if body != text else "|-", *_indented(body.split("\n"))]
    return [text if _is_plain(text) else quoted(text)]


def _is_literal(text: str) -> bool:
    return "\n" in text and text[0] not in " \t\n" and not _NOT_LITERAL.search(text)


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" if line else "" for line in lines]


def _entry(key: str, value: Value) -> list[str]:
    name = key if _is_plain(key) else quoted(key)
    if len(name) > MAX_KEY:
        return [f"? {name}", *_hang(":", value)]
    if value and isinstance(value, Mapping):
        return [f"{name}:", *_indented(_lines(value))]
    if value and isinstance(value, Sequence) and not isinstance(value, str):
        return [f"{name}:", *_lines(value)]
    first, *rest = _lines(value)
    return [f"{name}: {first}", *rest]


def _hang(mark: str, value: Value) -> list[str]:
    """Return the lines after a `-`, or after the `:` of a key that has a `?`."""
    first, *rest = _lines(value)
    # A literal block has its indentation already.
    return [f"{mark} {first}", *(rest if isinstance(value, str) else _indented(rest))]
