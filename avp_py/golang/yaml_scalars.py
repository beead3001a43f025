"""What a YAML scalar is, to gopkg.in/yaml.v2 v2.4.0 (resolve.go)."""

import math
import re
from typing import TypeAlias

from avp_py.errors import AvpError
from avp_py.golang import gobase64, gojson
from avp_py.golang.gobase64 import Base64TextError
from avp_py.golang.gojson import Float64, YamlFloat
from avp_py.golang.nodes import BINARY
from avp_py.golang.words import BOOLEANS, NULLS, boolean_name

_TAG = "tag:yaml.org,2002:"
_STR, _BOOL, _INT, _FLOAT, _NULL = (_TAG + name for name in ("str", "bool", "int", "float", "null"))
_TIMESTAMP = _TAG + "timestamp"
_MAX_INT64, _MAX_UINT64 = 2**63 - 1, 2**64 - 1
_DECIMAL_BASE = 10
_MAX_DIGITS = len(str(_MAX_UINT64))
_RESOLVED = frozenset({None, _STR, _BOOL, _INT, _FLOAT, _NULL, _TIMESTAMP})

Scalar: TypeAlias = str | bool | int | float | Float64 | None

_WORDS: dict[str, tuple[str, Scalar]] = {
    **{word: (_BOOL, value) for word, value in BOOLEANS.items()},
    **dict.fromkeys(NULLS, (_NULL, None)),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), (_FLOAT, math.nan)),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), (_FLOAT, math.inf)),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), (_FLOAT, -math.inf)),
}
_INTEGER = re.compile(
    r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]([0-7]+)|(0[0-7]*)|([1-9][0-9]*))"
)
_BASES = (16, 2, 8, 8, _DECIMAL_BASE)
# Those that few scalars need are compiled where they are first used, and kept by `re`.
_SIGNED_BINARY = r"0b([+-][01]+)"
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DOTTED = r"\.[0-9](?:_?[0-9])*(?:[eE][-+]?[0-9](?:_?[0-9])*)?"
_DATE = (
    r"(?a)\d{4}-\d{1,2}-\d{1,2}"
    r"([Tt]\d{1,2}:\d{1,2}:\d{1,2}([.,]\d+)?(Z|[+-]\d\d:\d\d)| \d{1,2}:\d{1,2}:\d{1,2}([.,]\d+)?)?"
)


class ScalarError(AvpError):
    """A scalar is not what its tag says; the message holds no content."""


def scalar_value(text: str, tag: str | None, *, implicit: bool) -> Scalar:
    """Return the value of a scalar.

    Source: yaml.v2 v2.4.0, resolve.go and the function scalar of decode.go.

    Args:
        text: the scalar, with quotes and indentation undone.
        tag: its tag in full, or None.
        implicit: whether it is plain, so that its text decides what it is.

    Raises:
        ScalarError: the text is not what the tag says.
    """
    if tag == BINARY:
        return _binary(text)
    if tag == _STR or tag not in _RESOLVED or (tag is None and not implicit):
        return text
    if tag == _TIMESTAMP and re.fullmatch(_DATE, text):
        return text
    found, value = _plain(text)
    if tag == _FLOAT and found == _INT and isinstance(value, int) and value <= _MAX_INT64:
        return float(value)
    if tag not in (None, found):
        raise ScalarError(f"a value does not fit its tag !!{(tag or '').removeprefix(_TAG)}")
    return value


def _binary(text: str) -> str:
    try:
        return gobase64.decode(text)
    except Base64TextError as error:
        raise ScalarError(f"the value is {error}") from error


def _plain(text: str) -> tuple[str, Scalar]:
    """Return the tag and the value of a plain scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] == "." and re.fullmatch(_DOTTED, text) and not math.isinf(number := float(text)):
        return _FLOAT, number
    if text[0] in "+-0123456789":
        digits = text.replace("_", "")
        integer = _integer(digits)
        if integer is not None:
            return _INT, integer
        decimal = _DECIMAL.fullmatch(digits)
        if decimal and not math.isinf(number := float(digits)):
            is_integer = digits.lstrip("+-").isdecimal()
            return _FLOAT, _big_integer(digits) if is_integer else number
    return _STR, text


def _integer(digits: str) -> int | None:
    """Return the integer that strconv.ParseInt or ParseUint reads in base 0, or None."""
    match = _INTEGER.fullmatch(digits)
    if match is None:
        match = re.fullmatch(_SIGNED_BINARY, digits)
        if match is None:
            return None
        number = int(match[1], 2)
        return number if -_MAX_INT64 - 1 <= number <= _MAX_INT64 else None
    sign, *forms = match.groups()
    form, base = next((form, base) for form, base in zip(forms, _BASES, strict=True) if form)
    if base == _DECIMAL_BASE and len(form) > _MAX_DIGITS:
        return None
    number = int(form, base)
    if sign == "":
        return number if number <= _MAX_UINT64 else None
    number = -number if sign == "-" else number
    return number if -_MAX_INT64 - 1 <= number <= _MAX_INT64 else None


def _big_integer(digits: str) -> YamlFloat:
    sign = "-" if digits.startswith("-") else ""
    return YamlFloat(sign + (digits.lstrip("+-").lstrip("0") or "0"))


def key_of(scalar: Scalar) -> str | None:
    """Return the scalar as a key, None where JSON can have none like it: null, or beyond 64 bits.

    Source: sigs.k8s.io/yaml v1.3.0, convertToJSONableObject, which rounds to float32, too.
    """
    match scalar:
        case bool():
            return boolean_name(scalar)
        case int():
            return str(scalar) if scalar <= _MAX_INT64 else None
        case float() if math.isnan(scalar):
            return ".nan"
        case float() if math.isinf(scalar):
            return ".inf" if scalar > 0 else "-.inf"
        case float():
            return gojson.print_float(scalar)
        case Float64():
            return scalar.text
        case str() | None:
            return scalar
