"""Which documents keep a `<path:` that is no placeholder, so that it would be deployed as it is."""

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.compat.model.fields import GENERIC, LAYERS, OURS, Part, Word, cut
from tests.compat.reading import decode

_LEFTOVER: Final = re.compile(
    r"(?:<|\\(?:u00|x)3[cC]|%3[cC]|&lt;|&#0{0,8}60;|&#[xX]0{0,8}3[cC];)\s*path(?::|%3[aA]|&#58;)"
    r"(?P<rest>[^<>\n]{0,1010})"
)
_NOTHING: Final = re.compile(r"(?!)")
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
        secret: whether it is a Secret, so that base64 is filled.
    """
    expression = GENERIC if generic else OURS
    return any(
        _is_leftover(rest) or _is_packed(rest, secret=secret)
        for text, is_filled in _strings(document)
        for rest in (_left(text, expression, secret=secret) if is_filled else [text])
    )


def _left(text: str, expression: re.Pattern[str], *, secret: bool) -> Iterator[str]:
    """What of a string is not filled."""
    if not secret:
        yield from _literals(cut(text, expression, generic=expression is GENERIC, layers=0))
        return
    generic = expression is GENERIC
    decoded = decode(text)
    if decoded is None:
        parts = cut(text, expression, generic=generic, layers=LAYERS)
    else:
        inner = decoded.decode("utf-8", "surrogateescape")
        brackets = expression if GENERIC.search(inner) else _NOTHING
        parts = cut(inner, brackets, generic=generic, layers=LAYERS - 1)
        if all(isinstance(part, str) for part in parts):
            yield text
            return
    yield from _literals(parts)


def _literals(parts: Sequence[Part]) -> Iterator[str]:
    """The texts between placeholders; neighbours are one."""
    between = ""
    for part in parts:
        if isinstance(part, str):
            between += part
            continue
        yield between
        between = ""
        if isinstance(part, Word):
            yield from _literals(part.parts)
    yield between


def _is_packed(text: str, *, secret: bool, layers: int = LAYERS + 1) -> bool:
    """Whether one is in base64, at whatever place; in a Secret, escaped forms count too."""
    joined = "".join(line.strip() for line in text.splitlines())
    for run in re.finditer(r"[A-Za-z0-9+/_-]{8,}", joined) if layers else ():
        for start in range(4):
            packed = run[0][start:].replace("-", "+").replace("_", "/")
            packed = packed[: len(packed) - (len(packed) % 4 == 1)]
            said = base64.b64decode(packed + "=" * (-len(packed) % 4)).decode(errors="replace")
            counts = "<path:" in said or (secret and not start)
            if counts and _is_leftover(said):
                return True
            if _is_packed(said, secret=secret and not start, layers=layers - 1):
                return True
    return False


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
