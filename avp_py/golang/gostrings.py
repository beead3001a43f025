"""White space, as Go's unicode and strings packages define it. Pure."""

from typing import Final

SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + "\u2028\u2029\u202f\u205f\u3000"
)
"""What Go's unicode.IsSpace, and with it strings.TrimSpace, reads as white space."""


def trim_space(text: str) -> str:
    """Return a text without the white space around it (strings.TrimSpace)."""
    return text.strip(SPACE)
