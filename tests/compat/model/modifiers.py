"""What modifiers give: avp-py's, and with its defects argocd-vault-plugin's."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Final

from avp_py.golang import gojson
from avp_py.golang.gojson import Float64
from avp_py.modifiers import MODIFIERS, ModifierError, apply
from avp_py.modifiers.jsonpath import JsonPathError
from avp_py.modifiers.jsonpath import parser as jsonpath
from avp_py.values import Number, Value
from tests.compat.model.side import FailedError, PanicError, Side

AVPS_OWN: Final = (
    "base64encode", "base64decode", "jsonPath", "jsonParse", "yamlParse", "indent", "sha256sum",
)  # fmt: skip

_QUANTUM: Final = re.compile(r"[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=")


def modified(side: Side, value: Value, statements: Sequence[str]) -> Value:
    """The value behind all modifiers; None where the key is missing.

    Raises:
        FailedError: the program refuses a modifier.
        PanicError: argocd-vault-plugin crashes.
    """
    if side.is_avp:
        return value if value is None else _as_avp(side, value, statements)
    return _as_ours(side, value, statements)


def _as_ours(side: Side, value: Value, statements: Sequence[str]) -> Value:
    missing = value is None
    for statement in statements:
        name, *words = statement.split() or [""]
        if missing:
            if name == "default":
                side.deviates("more-modifiers")
                value, missing = _apply(name, words, None), False
            elif name and name not in MODIFIERS:
                side.deviates("unknown-modifier-of-a-missing-key")
                raise FailedError("no such modifier")
            continue
        if name not in AVPS_OWN or (name == "indent" and len(words) > 1):
            side.deviates("more-modifiers")
        value = _apply(name, words, value)
    if value is None and not missing:
        raise FailedError("null is no value")
    return value


def _as_avp(side: Side, value: Value, statements: Sequence[str]) -> Value:
    for statement in statements:
        if not statement.split():
            side.deviates("panic-empty-modifier")
            raise PanicError
        name, *words = statement.split()
        if name not in AVPS_OWN or (name == "indent" and len(words) > 1):
            raise FailedError("no such modifier")
        is_json_number = isinstance(value, Number) and not isinstance(value, Float64)
        match name:
            case "sha256sum" if is_json_number and not words:
                side.deviates("panic-modifier-on-number")
                raise PanicError
            case "jsonPath" if is_json_number and words:
                try:
                    jsonpath.parse(" ".join(words))
                except JsonPathError:
                    raise FailedError("no template") from None
                side.deviates("panic-modifier-on-number")
                raise PanicError
            case "jsonPath" if isinstance(value, str) and words:
                value = _apply(name, words, _rounded(side, _apply("jsonParse", (), value)))
            case "jsonParse" | "yamlParse":
                value = _rounded(side, _apply(name, words, value))
            case "base64decode" if isinstance(value, str) and not words:
                value = _decoded(side, value)
            case _:
                value = _apply(name, words, value)
    if value is None:
        side.deviates("null-leaves-the-placeholder")
    return value


def _apply(name: str, words: Sequence[str], value: Value) -> Value:
    try:
        result = apply(name, words, value)
    except ModifierError as error:
        raise FailedError(str(error)) from None
    return None if not isinstance(result, str | Number | bool | Mapping | Sequence) else result


def _rounded(side: Side, value: Value) -> Value:
    """The value with each number as a float64 holds it."""
    match value:
        case Number():
            text = gojson.write_float(float(value.text))
            if text != value.text:
                side.deviates("parsed-integers-are-rounded")
            return Float64(text)
        case str():
            return value
        case Mapping():
            return {key: _rounded(side, item) for key, item in value.items()}
        case Sequence():
            return [_rounded(side, item) for item in value]
    return value


def _decoded(side: Side, text: str) -> str:
    """What stands before the first fault (Go's encoding/base64, decodeQuantum)."""
    packed = text.replace("\r", "").replace("\n", "")
    found = b""
    at = 0
    while match := _QUANTUM.match(packed, at):
        found += base64.b64decode(match[0])
        at = match.end()
        if match[0].endswith("="):
            break
    if at < len(packed):
        side.deviates("base64decode-hides-faults")
    return found.decode("utf-8", "surrogateescape")
