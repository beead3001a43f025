"""Base64 as Go's encoding/base64 reads it (StdEncoding, Go 1.26). Pure."""

import base64
import re

from avp_py.errors import AvpError

_TEXT = re.compile(r"[A-Za-z0-9+/]*={0,2}")


class Base64TextError(AvpError):
    """A text is not base64; the message follows on what holds the text, and has none of it."""


def decode(text: str) -> str:
    """Return the text inside base64; StdEncoding skips line breaks.

    Returns:
        The text. Bytes that are not UTF-8 are surrogates in it (PEP 383).

    Raises:
        Base64TextError: the text is not base64.
    """
    packed = text.replace("\r", "").replace("\n", "")
    if len(packed) % 4 or not _TEXT.fullmatch(packed):
        raise Base64TextError("not base64 in the standard alphabet, with padding")
    return base64.b64decode(packed).decode("utf-8", "surrogateescape")
