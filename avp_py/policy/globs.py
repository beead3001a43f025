"""Globs over names and paths: `*` within a name or segment, `**` for whole segments.

Each becomes an expression for RE2, which matches bytes in linear time, whatever a tenant writes.
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

MAX_LENGTH: Final = 4096
"""The length limit of a glob, in characters: that of a path. RE2 compiles any such glob."""

LITERAL_STAR: Final = "\0"
"""Marks a `*` that a template inserted, which is text: a path cannot hold this character."""

INSERTED: Final = "\1"
"""Precedes what a template inserted: a path cannot hold this character either."""

DATA: Final = "data"
"""The word after the mount in the path of a secret, in a KV engine version 2."""

BESIDE_DATA: Final = frozenset({"metadata", "subkeys", "delete", "undelete", "destroy"})
"""The other words there: the same secret's metadata, the names of its keys, and what is done to it
(the API of Vault 1.21's KV engine)."""

UNFIT: Final = "?[]{}\\"
"""Characters with a meaning in other globs, refused: here they would match themselves."""

_BEFORE_DATA, _BEFORE_OTHERS = "\2", "\3"
"""Replace the `/` before the word after the mount in a path that `allowing_glob` is matched with:
DATA, or one of BESIDE_DATA. A path cannot hold these characters either."""


@dataclass(frozen=True)
class Glob:
    """A glob that a whole text must match, byte for byte.

    Attributes:
        text: the glob.
        expression: the same in the syntax of RE2.
    """

    text: str
    expression: str

    def matches(self, text: str) -> bool:
        """Return whether the whole of a text matches."""
        return self._compiled.fullmatch(_encoded(text)) is not None

    @functools.cached_property
    def _compiled(self) -> Any:
        import re2  # type: ignore[import-untyped]  # late: it takes 8 ms; it has no stubs

        options = re2.Options()
        options.log_errors = False  # RE2 would write the expression to standard error
        options.never_capture = True
        options.encoding = re2.Options.Encoding.LATIN1  # a byte is a character
        return re2.compile(_encoded(self.expression), options)


def name_glob(text: str) -> Glob:
    """Return a glob on a whole name, in which `*` stands for any text."""
    return Glob(text, _expression(text, "(?s:.*)"))


def secret_glob(parts: Sequence[str]) -> Glob:
    """Return a glob on a Secret, as `namespace:name`; `*` stays within its part."""
    return Glob(":".join(parts), ":".join(_expression(part, "[^:]*") for part in parts))


def path_glob(segments: Sequence[str]) -> Glob:
    """Return a glob on a whole path; `**` stands for any number of segments."""
    parts = (
        "(?:/[^/]*)*" if segment == "**" else f"/{_expression(segment, '[^/]*')}"
        for segment in segments
    )
    return Glob("/".join(segments), "".join(parts))


def allowing_glob(segments: Sequence[str]) -> Glob:
    """Return a glob on a path from `for_allowing`, that spells out the word after the mount.

    Metadata and the like match no star and nothing inserted, and `data` nothing inserted: a tenant
    chooses the names of Applications and namespaces.
    """
    star = f"[^/{_BEFORE_DATA}{_BEFORE_OTHERS}]*"
    parts = []
    for segment in segments:
        if segment == "**":
            parts.append(f"(?:[/{_BEFORE_DATA}]{star})*")
        elif segment in BESIDE_DATA:
            parts.append(f"[/{_BEFORE_OTHERS}]{segment}")
        elif INSERTED in segment:
            parts.append(f"/{_expression(segment, star)}")
        else:
            parts.append(f"[/{_BEFORE_DATA}]{_expression(segment, star)}")
    return Glob("/".join(segments), "".join(parts))


def for_path(path: Sequence[str]) -> str:
    """Return a path as `path_glob` matches it."""
    return "".join(f"/{segment}" for segment in path)


def for_allowing(path: Sequence[str]) -> str:
    """Return a path as `allowing_glob` matches it."""
    place = api_place(path)
    if place is None:
        return for_path(path)
    mark = _BEFORE_DATA if path[place] == DATA else _BEFORE_OTHERS
    return f"{for_path(path[:place])}{mark}{path[place]}{for_path(path[place + 1 :])}"


def as_data(path: Sequence[str]) -> Sequence[str]:
    """Return the path of the secret whose metadata or the like a path is; else the path itself."""
    place = api_place(path)
    return path if place is None else (*path[:place], DATA, *path[place + 1 :])


def api_place(path: Sequence[str]) -> int | None:
    """Return the index in a path of the word after the mount, if it is one of KV version 2.

    The mount is not known here: it has one segment or more, none of which is such a word.
    """
    words = enumerate(path[1:], 1)
    return next((at for at, each in words if each == DATA or each in BESIDE_DATA), None)


def _expression(glob: str, star: str) -> str:
    """Return a glob on one name or segment in the syntax of RE2."""
    return star.join(
        re.escape(part.replace(LITERAL_STAR, "*").replace(INSERTED, "")) for part in glob.split("*")
    )


def _encoded(text: str) -> bytes:
    # A name from the environment can hold what is not UTF-8, as lone surrogates.
    return text.encode("utf-8", "surrogatepass")
