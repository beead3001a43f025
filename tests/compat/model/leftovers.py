"""Which documents keep a `<path:` that is no placeholder, so that it would be deployed as it is."""

import base64
import re
from collections.abc import Iterator
from typing import Any, Final

from tests.compat.model.fields import GENERIC, INLINE
from tests.compat.reading import decode

_LEFTOVER: Final = re.compile(
    r"(?:<|\\(?:u00|x)3[cC]|%3[cC]|&lt;|&#0{0,8}60;|&#[xX]0{0,8}3[cC];)\s*path(?::|%3[aA]|&#58;)"
    r"(?P<rest>[^<>\n]{0,1010})"
)
_END: Final = re.compile(r"%3[cCeE]|&[lg]t;|\\u003[cCeE]")
_OF_A_SECRET: Final = re.compile(r"#|%23|&#35;|/data/|%2[fF]data%2[fF]")


def _is_leftover(text: str) -> bool:
    """Whether a text holds `<path:` with a key, or with a path of KV version 2, before a `>`."""
    return any(
        _OF_A_SECRET.search(_END.split(match["rest"])[0]) for match in _LEFTOVER.finditer(text)
    )


def holds_leftover(document: Any, *, generic: bool, secret: bool) -> bool:
    """Whether a document holds one.

    Args:
        document: the document.
        generic: whether `<key>` is a placeholder in it.
        secret: whether it is a Secret, so that base64 counts.
    """
    expression = GENERIC if generic else INLINE
    for text, is_filled in _strings(document):
        if not is_filled:
            rest = [text, _unpacked(text)] if secret else [text]
        else:
            rest = _literal(text, expression, secret=secret)
        if any(map(_is_leftover, rest)):
            return True
    return False


def _literal(text: str, expression: re.Pattern[str], *, secret: bool) -> list[str]:
    """What of a string is no placeholder."""
    decoded = decode(text) if secret else None
    inner = None if decoded is None else decoded.decode("utf-8", "surrogateescape")
    if inner is not None and GENERIC.search(inner):
        if expression.search(inner):
            return _between(inner, expression)
    elif expression.search(text):
        return _between(text, expression)
    return [text, _unpacked(text)] if secret else [text]


def _between(text: str, expression: re.Pattern[str]) -> list[str]:
    ends = [0, *(match.end() for match in expression.finditer(text))]
    starts = [*(match.start() for match in expression.finditer(text)), len(text)]
    return [text[end:start] for end, start in zip(ends, starts, strict=True)]


def _unpacked(text: str) -> str:
    packed = re.sub(r"[\r\n]", "", text).replace("-", "+").replace("_", "/")
    if not re.fullmatch(r"[A-Za-z0-9+/]{8,}={0,2}", packed):
        return ""
    packed = packed.rstrip("=")
    if len(packed) % 4 == 1:
        return ""
    return base64.b64decode(packed + "=" * (-len(packed) % 4)).decode(errors="replace")


def _strings(
    value: Any, *, is_walked: bool = True, fillable: bool = False
) -> Iterator[tuple[str, bool]]:
    """Every string, keys among them, and whether placeholders are sought in it."""
    if isinstance(value, str):
        yield value, fillable
    elif isinstance(value, list):
        for item in value:
            # Not below a list that is itself in a list.
            inner = is_walked and not isinstance(item, list)
            yield from _strings(item, is_walked=inner, fillable=inner)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key, False
            yield from _strings(item, is_walked=is_walked, fillable=is_walked)
