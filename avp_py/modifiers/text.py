"""The modifiers that make text of text.

A text that is not UTF-8, as base64decode makes of binary data, holds each odd byte as a surrogate
(PEP 383); encodings and sums see the byte. Whoever writes a value must do the same, or refuse it.
"""

import base64
import re
import urllib.parse
from collections.abc import Sequence

from avp_py.golang import gobase64
from avp_py.golang.gobase64 import Base64TextError
from avp_py.golang.gojson import utf8
from avp_py.golang.gostrings import trim_space
from avp_py.golang.yaml_text import quoted
from avp_py.modifiers.interface import (
    MAX_LENGTH,
    ModifierError,
    text_of,
    whole_number,
)
from avp_py.values import Value

MAX_INDENT = 1000
"""The widest indentation of nindent; no manifest is so deep."""

BCRYPT_COST = 12
"""The cost that bcrypt uses when none is named: about 0.2 s."""

BCRYPT_COSTS = (4, 15)
"""The least cost that bcrypt knows, and the highest allowed here: each step doubles the time."""

BCRYPT_BYTES = 72
"""bcrypt uses so much of a password, and would ignore the rest."""

_QUOTED = re.compile(r"""(["'])((?:(?!\1).)*)\1""", re.DOTALL)
_INTEGER = re.compile(r"[+-]?0*[0-9]{1,19}")


def base64encode(text: str) -> str:
    """Source: AVP v1.18.1, pkg/kube/modifiers.go."""
    return base64.b64encode(utf8(text)).decode("ascii")


def base64decode(text: str) -> str:
    """Source: AVP v1.18.1, pkg/kube/modifiers.go; Go's base64.StdEncoding skips line breaks.

    Raises:
        ModifierError: the text is not base64, where AVP returns what precedes the fault.
    """
    try:
        return gobase64.decode(text)
    except Base64TextError as error:
        raise ModifierError(f"the value is {error}") from error


def base64url(text: str) -> str:
    """Source: RFC 7515 section 2, Base64url Encoding."""
    return base64.urlsafe_b64encode(utf8(text)).rstrip(b"=").decode("ascii")


def sha256sum(text: str) -> str:
    """Source: AVP v1.18.1, pkg/kube/modifiers.go."""
    import hashlib  # late: few placeholders need it, and it loads OpenSSL

    return hashlib.sha256(utf8(text)).hexdigest()


def sha512sum(text: str) -> str:
    """Return the SHA-512 sum in hexadecimal."""
    import hashlib  # late: as for sha256sum

    return hashlib.sha512(utf8(text)).hexdigest()


def quote(text: str) -> str:
    """Return the text as a string that JSON, YAML 1.1 and YAML 1.2 read alike."""
    return quoted(text)


def urlencode(text: str) -> str:
    """Source: RFC 3986 sections 2.1 and 2.3; a space is %20."""
    return urllib.parse.quote(utf8(text), safe="")


def trim(text: str) -> str:
    """Return the text without white space at its ends."""
    return trim_space(text)


def indent(arguments: Sequence[str], value: Value) -> Value:
    """Indent all lines but the first.

    Source: AVP v1.18.1, pkg/kube/modifiers.go: it trims every line and drops the empty ones (but
    not those of white space). `keep` is ours: lines stay as they are.
    """
    if not arguments or list(arguments[1:]) not in ([], ["keep"]):
        raise ModifierError("expects the number of spaces, and `keep` or nothing")
    first, *lines = _lines(value)
    # Below 0 AVP indents by nothing.
    padding = _padding(_int64(arguments[0]), [line for line in lines if line])
    if len(arguments) > 1:
        return "\n".join([first, *(padding + line if line else "" for line in lines)])
    kept = [
        padding + trim_space(line) + ("" if index == len(lines) - 1 else "\n")
        for index, line in enumerate(lines)
        if line
    ]
    return trim_space(first) + ("\n" if lines else "") + "".join(kept)


def nindent(arguments: Sequence[str], value: Value) -> Value:
    """Return a line break, then every line indented.

    Source: Sprig v3 (Helm's library), strings.go, nindent: empty lines are indented, too.
    """
    if len(arguments) != 1:
        raise ModifierError("expects the number of spaces")
    lines = _lines(value)
    padding = _padding(whole_number(arguments[0], 0, MAX_INDENT), lines)
    return "".join(f"\n{padding}{line}" for line in lines)


def _lines(value: Value) -> list[str]:
    return text_of(value).split("\n")


def _int64(word: str) -> int:
    """Return the number that Go's strconv.ParseInt reads in base 10."""
    number = int(word) if _INTEGER.fullmatch(word) else None
    if number is None or not -(2**63) <= number < 2**63:
        raise ModifierError(f"{word[:40]!r} is not a whole number")
    return number


def _padding(spaces: int, lines: Sequence[str]) -> str:
    """Return the spaces before each of the lines."""
    if spaces * len(lines) > MAX_LENGTH:
        raise ModifierError(f"would give more than {MAX_LENGTH} characters")
    return " " * spaces if lines else ""


def bcrypt(arguments: Sequence[str], value: Value) -> Value:
    """Return the bcrypt hash of a password, with a new salt each time."""
    if len(arguments) > 1:
        raise ModifierError("expects the cost, or nothing")
    cost = whole_number(arguments[0], *BCRYPT_COSTS) if arguments else BCRYPT_COST
    password = utf8(text_of(value))
    if len(password) > BCRYPT_BYTES:
        raise ModifierError(f"the value is longer than {BCRYPT_BYTES} bytes")
    if 0 in password:
        raise ModifierError("the value holds a NUL character, where bcrypt would end it")
    import bcrypt as library  # late: hardly any placeholder needs it

    return library.hashpw(password, library.gensalt(cost)).decode("ascii")


def default_text(arguments: Sequence[str]) -> str:
    """Return the words of `default`, separated by one space, without quotes around the whole."""
    if not arguments:
        raise ModifierError('expects the text to use; the empty text is ""')
    text = " ".join(arguments)
    quoted = _QUOTED.fullmatch(text)
    return text if quoted is None else quoted[2]


def present(arguments: Sequence[str], value: Value) -> Value:
    """Return the value that is there, where `default` has nothing to do."""
    default_text(arguments)
    return value
