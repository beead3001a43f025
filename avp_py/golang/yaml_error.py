"""The error of every reader of YAML in this package."""

import yaml

from avp_py.errors import AvpError
from avp_py.golang.lines import line_and_column
from avp_py.golang.nodes import MAX_DEPTH

TOO_DEEP = f"collections nest deeper than {MAX_DEPTH} levels"

_NESTING_PROBLEM = "exceeded maximum nesting depth"
"""libyaml's own words where its scanner, which looks ahead, meets 1000 levels before we see 200
(PyYAML from 6.0.4 on)."""


class YamlTextError(AvpError):
    """A text is not YAML, or not what its reader accepts; the message holds no part of the text.

    Attributes:
        cause: the reason without the place.
        line: where in the text, from 1; 0 where that is not known.
        column: where in the line, from 1; 0 where that is not known.
    """

    def __init__(self, reason: str, line: int = 0, column: int = 0, hint: str = "") -> None:
        place = f" (line {line}, column {column})" if line else ""
        super().__init__(f"{reason}{place}", hint=hint)
        self.cause = reason
        self.line = line
        self.column = column


class InvalidCharacterError(YamlTextError):
    """A text holds a character that YAML does not allow.

    Attributes:
        index: where in the text.
    """

    def __init__(self, text: str, index: int) -> None:
        super().__init__(
            "not valid YAML: a character that is not allowed", *line_and_column(text, index)
        )
        self.index = index


def at(text: str, index: int, reason: str, hint: str = "") -> YamlTextError:
    """Return the error for what is wrong at a place in a text."""
    return YamlTextError(reason, *line_and_column(text, index), hint)


def translate(error: yaml.YAMLError, text: str) -> YamlTextError:
    """Return PyYAML's error as ours. libyaml's own messages are fixed texts without any input."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        index = error.problem_mark.index
        if text[index : index + 1] == "\t":
            return at(text, index, "a tab where YAML requires spaces", "indent with spaces")
        if error.problem == _NESTING_PROBLEM:
            return at(text, index, TOO_DEEP)
        context = f" ({error.context})" if error.context else ""
        return at(text, index, f"not valid YAML: {error.problem}{context}")
    if isinstance(error, yaml.reader.ReaderError):
        # The position counts bytes of UTF-8.
        return InvalidCharacterError(
            text, len(text.encode()[: error.position].decode(errors="ignore"))
        )
    return YamlTextError("not valid YAML")
