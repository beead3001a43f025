"""JSON as Go's encoding/json reads and writes it, and numbers as Go's fmt prints them. Pure.

AVP hands values through encoding/json: what jsonPath prints and what jsonParse returns comes from
there. The rules are those of Go 1.26. No error in here carries a part of the text.
"""

import json
import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from avp_py.errors import AvpError
from avp_py.golang.nodes import MAX_DEPTH
from avp_py.values import Number, Value

_SURROGATE = re.compile("[\ud800-\udfff]")
_HTML = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})
_TOO_DEEP = f"it nests deeper than {MAX_DEPTH} levels"


class JsonTextError(AvpError):
    """A text is not JSON that Go would read; the message has line and column, no content."""


@dataclass(frozen=True, slots=True, eq=False)
class Float64(Number):
    """A number that was read from a text: jsonPath reads it as a float64, as Go does.

    Its text is what json.Marshal writes for that float64, but that integers keep all of their
    digits, where float64 rounds those beyond 2**53. It equals a Number of the same text.
    """

    @property
    def value(self) -> float:
        """The float64."""
        return float(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and self.text == other.text

    def __hash__(self) -> int:
        return hash((self.text,))


class YamlFloat(Float64):
    """A number of YAML that is a float64 to Go, and not an integer of 64 bits.

    sigs.k8s.io/yaml writes it in another form where the field is a string.
    """

    __slots__ = ()


def read(text: str) -> Value:
    """Read a JSON text as json.Unmarshal does into an interface{}: numbers are Float64.

    Raises:
        JsonTextError: the text is not JSON, nests deeper than MAX_DEPTH (Go's own limit is 10,000),
            or holds a number beyond float64.
    """
    problem = ""
    value: Value = None
    try:
        value = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_constant)
    except json.JSONDecodeError as error:
        problem = f"not JSON: line {error.lineno}, column {error.colno}"
    except JsonTextError as error:
        problem = str(error)
    except RecursionError:
        problem = _TOO_DEEP
    if not problem and not is_shallow(value):
        problem = _TOO_DEEP
    if problem:
        # Raised out here: the standard library's error holds the text, and must not be a context.
        raise JsonTextError(problem)
    return _replace_surrogates(value) if _may_hold_surrogates(text) else value


def write(value: Value) -> str:
    """Return the text of json.Marshal: compact, keys sorted, `<`, `>` and `&` escaped."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _write_string(value)
        case Number():
            return value.text
        case Mapping():
            pairs = (f"{_write_string(key)}:{write(value[key])}" for key in sorted(value))
            return "{" + ",".join(pairs) + "}"
        case Sequence():
            return "[" + ",".join(map(write, value)) + "]"


def _write_string(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False).translate(_HTML)
    # What is not UTF-8 in Go is a surrogate here.
    return _SURROGATE.sub(r"\\ufffd", quoted)


def write_float(number: float) -> str:
    """Return a finite float64 as json.Marshal writes it (encoding/json/encode.go, floatEncoder)."""
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        return _positional(number)
    return re.sub(r"e-0(\d)\Z", r"e-\1", _scientific(number))


def print_float(number: float) -> str:
    """Return a finite float64 as fmt.Print does (strconv/ftoa.go, format 'g', shortest digits)."""
    if number == 0 or -4 <= _digits(number)[1] - 1 < 6:
        return _positional(number)
    return _scientific(number)


def print_float32(number: float) -> str:
    """Return a float64 as strconv.FormatFloat(number, 'g', -1, 32) does: rounded to float32."""
    rounded = _float32(number)
    if math.isinf(rounded):
        return "-Inf" if number < 0 else "+Inf"
    texts = (f"{rounded:.{digits}e}" for digits in range(_FLOAT32_DIGITS))
    return print_float(next(float(text) for text in texts if _float32(float(text)) == rounded))


_FLOAT32_DIGITS = 9
"""With so many digits every float32 reads back as itself."""


def _float32(number: float) -> float:
    try:
        found: float = struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        return math.copysign(math.inf, number)
    return found


def _digits(number: float) -> tuple[str, int]:
    """Return the shortest digits that read back as the number, and the place of the point."""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(digits) - len(fraction) + int(exponent or 0)
    return digits.rstrip("0") or "0", point


def _positional(number: float) -> str:
    digits, point = _digits(number)
    sign = "-" if math.copysign(1, number) < 0 else ""
    whole = digits[: max(point, 0)].ljust(point, "0") or "0"
    fraction = "0" * -point + digits[max(point, 0) :] if number else ""
    return sign + whole + ("." + fraction if fraction else "")


def _scientific(number: float) -> str:
    digits, point = _digits(number)
    sign = "-" if number < 0 else ""
    mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
    return f"{sign}{mantissa}e{point - 1:+03d}"


def utf8(text: str) -> bytes:
    """Return the bytes that the text stands for.

    Bytes that are not UTF-8 are surrogates in a text (PEP 383, surrogateescape).

    Raises:
        JsonTextError: it holds another surrogate, which no bytes stand for.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        pass  # Its message holds the character.
    raise JsonTextError("the text is not Unicode")


def is_unicode(value: Value) -> bool:
    """Return whether every text in the value is UTF-8. The value must be shallow."""
    if isinstance(value, str):
        return _SURROGATE.search(value) is None
    keys = all(map(is_unicode, value)) if isinstance(value, Mapping) else True
    return keys and all(map(is_unicode, _children(value)))


def is_shallow(value: Value) -> bool:
    """Return whether collections nest no deeper than MAX_DEPTH: functions may recurse on them."""
    level = _children(value)
    for _ in range(MAX_DEPTH):
        if not level:
            return True
        level = [child for each in level for child in _children(each)]
    return not level


def _children(value: Value) -> Sequence[Value]:
    if isinstance(value, Mapping):
        return tuple(value.values())
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _number(text: str) -> Number:
    number = float(text)
    if math.isinf(number):
        raise JsonTextError("it holds a number that float64 cannot hold")
    is_integer = text.lstrip("-").isdecimal()
    return Float64(text if is_integer else write_float(number))


def _constant(_name: str) -> Value:
    raise JsonTextError("it holds NaN or Infinity, which are not JSON")


def _may_hold_surrogates(text: str) -> bool:
    return "\\u" in text or _SURROGATE.search(text) is not None


def _replace_surrogates(value: Value) -> Value:
    """Return the value with U+FFFD for each half of a surrogate pair, as Go's decoder does.

    Source: encoding/json/decode.go, unquoteBytes.
    """
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {_SURROGATE.sub("\ufffd", key): _replace_surrogates(value[key]) for key in value}
    if isinstance(value, Sequence):
        return [_replace_surrogates(item) for item in value]
    return value
