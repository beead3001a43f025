"""Base64 within text: its words, what is in them, and the signs of `<path:` in them. Pure.

An image pull secret has base64 in JSON in base64, a kubeconfig base64 in YAML. No such format is
read here: a word is a run of the characters of base64.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from avp_py.expressions import Expression

LAYERS: Final = 3
"""How many layers of base64 are looked into."""

SHORTEST: Final = 8
"""How many characters of base64 hold `<path:`, at least."""

WORD: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{SHORTEST},}}={{0,2}}")
"""A run of either alphabet, with its padding."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a word is written.

    Attributes:
        is_url: whether in the alphabet for URLs, of which it has a character.
        is_padded: whether with padding where its length needs some.
    """

    is_url: bool
    is_padded: bool

    def pack(self, text: str) -> str:
        """Return text in base64 of this form. Surrogates are bytes that are not UTF-8 (PEP 383)."""
        encode = base64.urlsafe_b64encode if self.is_url else base64.b64encode
        packed = encode(text.encode("utf-8", "surrogateescape")).decode("ascii")
        return packed if self.is_padded else packed.rstrip("=")


STANDARD: Final = Form(is_url=False, is_padded=True)
"""The form of values in the data of a Secret."""


def unpack(word: str) -> tuple[str, Form] | None:
    """Return the text in a word and how it is written; None where it is not text in base64."""
    body = word.rstrip("=")
    missing = -len(body) % 4
    is_url = "-" in body or "_" in body
    if missing == 3 or len(word) - len(body) not in (0, missing):
        return None
    if is_url and ("+" in body or "/" in body):
        return None
    try:
        text = base64.b64decode(body + "=" * missing, b"-_" if is_url else None).decode()
    except UnicodeDecodeError:
        return None
    return text, Form(is_url, len(word) - len(body) == missing)


def _signs(text: str, layers: int) -> Iterator[str]:
    """Yield what a text is in base64, once or several times, as far as what is around it allows.

    A text begins at the first, second or third of the three bytes that four characters stand for.
    """
    for offset in range(3) if layers else ():
        packed = base64.b64encode(bytes(offset) + text.encode()).decode()
        first, end = -(-offset * 8 // 6), (offset + len(text)) * 8 // 6
        sign = packed[first:end]
        yield sign
        yield from _signs(sign, layers - 1)


_SPACE: Final = r"[ \t\r\n]*"

SIGNS: Final = "|".join(_SPACE.join(sign) for sign in _signs("<path:", LAYERS))
"""An expression for what is in each text with `<path:` in base64: PHBhdGg6, xwYXRoO, 8cGF0aD and
their likes in further layers. Base64 may be wrapped."""

_SIGNS: Final = Expression(SIGNS)


def has_sign(text: str) -> bool:
    """Return whether a text may hold `<path:` in up to LAYERS layers of base64."""
    return _SIGNS.is_in(text)


def unwrapped(text: str) -> str:
    """Return a text without line breaks and the spaces around them."""
    return "".join(line.strip() for line in text.splitlines())


def readings(word: str) -> Iterator[str]:
    """Yield what a word may say, whatever it begins or ends with that is not a part of it."""
    body = word.rstrip("=").replace("-", "+").replace("_", "/")
    for start in range(4):
        whole = body[start : start + (len(body) - start) // 4 * 4]
        rest = body[start + len(whole) :]
        # Of a single character more, no byte can be read.
        padded = f"{rest}{'=' * (4 - len(rest))}" if len(rest) > 1 else ""
        yield base64.b64decode(whole + padded).decode(errors="replace")
