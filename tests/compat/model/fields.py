"""What a string becomes: the placeholders in it, by argocd-vault-plugin's own expressions."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from avp_py.golang.gojson import Float64
from avp_py.values import Number, Value
from tests.compat.model.modifiers import modified
from tests.compat.model.side import FailedError, PanicError, Side, first_failure
from tests.compat.reading import decode

# pkg/kube/util.go; (?U) swaps greedy and reluctant.
GENERIC: Final = re.compile(r"<(.*?)>")
INLINE: Final = re.compile(r"<path:([^#]+?)#([^#]+?)(?:#([^#]+?))??>")
OURS: Final = re.compile(r"<path:(?![^#]*[\"'`])(?![^#]*>[^#]*\n)([^#]+?)#([^#]+?)(?:#([^#]+?))??>")
"""Without routes of Flask and Django, which avp-py takes for text."""

_INDIVIDUAL: Final = re.compile(r"path:([^#]+)#([^#]+)(?:#(.+))?")

Read = Callable[[str, str], Mapping[str, Value]]
"""Reads a path in a version."""

Own = Callable[[], Mapping[str, Value]]
"""Reads the path of the annotation."""


LAYERS: Final = 3
"""How many layers of base64 avp-py looks into."""

_RUN: Final = re.compile(r"[\w+/-]{8,}={0,2}", re.ASCII)
_NAME: Final = re.compile(r"<[A-Za-z_][A-Za-z0-9_.-]*(?:\s*\|[^<>\n]*)?>", re.ASCII)


@dataclass(frozen=True)
class Word:
    """Base64 in a text, with placeholders in it.

    Attributes:
        parts: what is in it.
        url: whether in the alphabet for URLs.
        padded: whether with padding.
    """

    parts: "Sequence[Part]"
    url: bool
    padded: bool

    def pack(self, text: str) -> str:
        """The text in base64, written alike."""
        encode = base64.urlsafe_b64encode if self.url else base64.b64encode
        packed = encode(text.encode("utf-8", "surrogateescape")).decode()
        return packed if self.padded else packed.rstrip("=")


Part: TypeAlias = "str | re.Match[str] | Word"


def cut(text: str, expression: re.Pattern[str], *, generic: bool, layers: int) -> "Sequence[Part]":
    """The text, placeholders and words of base64 of a string."""
    parts: list[Part] = []
    end = 0
    for match in expression.finditer(text):
        parts += [*_words(text[end : match.start()], generic, layers), match]
        end = match.end()
    return [*parts, *_words(text[end:], generic, layers)]


def _words(text: str, generic: bool, layers: int) -> "Iterator[str | Word]":
    end = 0
    for run in _RUN.finditer(text) if layers else ():
        word = _word(run[0], generic, layers)
        if word is not None:
            yield text[end : run.start()]
            yield word
            end = run.end()
    yield text[end:]


def _word(run: str, generic: bool, layers: int) -> Word | None:
    bare = run.rstrip("=")
    pads = len(run) - len(bare)
    url = bool(set(bare) & set("-_"))
    if len(bare) % 4 == 1 or pads not in (0, -len(bare) % 4) or (url and set(bare) & set("+/")):
        return None
    try:
        text = base64.b64decode(
            bare.replace("-", "+").replace("_", "/") + "=" * (-len(bare) % 4)
        ).decode()
    except UnicodeDecodeError:
        return None
    counts = generic and (OURS.search(text) or not _NAME.sub("", text).strip(":"))
    parts = cut(text, GENERIC if counts else OURS, generic=bool(counts), layers=layers - 1)
    if all(isinstance(part, str) for part in parts):
        return None
    return Word(parts, url, pads == -len(bare) % 4)


class Gone(Enum):
    """The type of GONE."""

    GONE = "the key is missing"


GONE: Final = Gone.GONE


class Fields:
    """Fills the strings of one document."""

    def __init__(
        self, side: Side, kind: str, *, generic: bool, remove_missing: bool, read: Read, own: Own
    ) -> None:
        self._side = side
        self._kind = kind
        self._expression = GENERIC if generic else INLINE if side.is_avp else OURS
        self._remove_missing = remove_missing
        self._read = read
        self._own = own

    def fill(self, text: str, *, in_map: bool) -> "Value | Gone":
        """The value of a field; GONE where its key is to go.

        Raises:
            FailedError: the program tells an error.
            PanicError: it crashes.
        """
        decoded = decode(text) if self._kind == "Secret" else None
        inner = None if decoded is None else decoded.decode("utf-8", "surrogateescape")
        encoded = inner is not None and GENERIC.search(inner) is not None
        if encoded and inner is not None:
            text, written = inner, text
        matches = list(self._expression.finditer(text))
        if self._kind == "Secret" and not self._side.is_avp:
            layers = LAYERS - 1 if decoded is not None else LAYERS
            looked_at = text if inner is None else inner
            generic = self._expression is GENERIC
            if encoded or inner is None:
                parts = cut(looked_at, self._expression, generic=generic, layers=layers)
            else:
                parts = list(_words(looked_at, generic, layers))
            if any(isinstance(part, Word) for part in parts):
                self._side.deviates("base64-in-base64")
                filled = self._filled(parts, in_map=in_map)
                if isinstance(filled, Gone) or inner is None:
                    return filled
                return _encode(filled)
        if self._expression is OURS and len(matches) < len(list(INLINE.finditer(text))):
            self._side.deviates("routes")
        if not matches:
            if not encoded:
                return text
            if self._side.is_avp and written != (packed := _encode(text)):
                self._side.deviates("base64-is-written-anew")
                return packed
            return written
        values: list[Value] = []
        errors: list[Exception] = []
        missing = False
        for match in matches:
            try:
                value = self._value(match[0])
            except (FailedError, PanicError) as error:
                errors.append(error)
                continue
            missing |= value is GONE
            if not isinstance(value, Gone):
                values.append(value)
        if missing and not (self._remove_missing and in_map):
            errors.append(FailedError("missing"))
        if self._side.is_avp and encoded and (errors or missing):
            # The rest of the text is put together all the same.
            for value in [each for each in values if not isinstance(each, str | None)][-1:]:
                self._text(value)
        first_failure(errors)
        if missing:
            return GONE
        value = self._joined(text, matches, values)
        if self._kind == "ConfigMap" or encoded:
            value = self._text(value)
        return _encode(value) if encoded and isinstance(value, str) else value

    def _filled(self, parts: "Sequence[Part]", *, in_map: bool) -> "str | Gone":
        """The parts of a text with base64 in it, filled."""
        filled: list[str] = []
        for part in parts:
            if isinstance(part, str):
                filled.append(part)
                continue
            if isinstance(part, Word):
                value: Value | Gone = self._filled(part.parts, in_map=in_map)
            else:
                value = self._value(part[0])
            if isinstance(value, Gone):
                if not (self._remove_missing and in_map):
                    raise FailedError("missing")
                return GONE
            filled.append(part.pack(_plain(value)) if isinstance(part, Word) else _plain(value))
        return "".join(filled)

    def _value(self, match: str) -> "Value | Gone":
        head, *statements = match.strip("<>").split("|")
        head = head.strip(" ")
        inline = _INDIVIDUAL.search(head)
        if inline:
            secret = self._read(inline[1], inline[3] or "")
            value = modified(self._side, secret.get(inline[2].strip()), statements)
            key = inline[2]
        else:
            key = head
            secret = self._own()
            value = modified(self._side, secret.get(key), statements)
        if value is None and secret.get(key.strip() if inline else key) is None:
            return GONE
        return value

    def _joined(self, text: str, matches: Sequence[re.Match[str]], values: list[Value]) -> Value:
        whole = len(matches) == 1 and matches[0][0] == text
        alone = len(matches) == 1 and not text.replace(matches[0][0], "", 1).strip()
        if self._side.is_avp:
            others = [value for value in values if not isinstance(value, str | None)]
            if others:
                if not alone:
                    is_flat = isinstance(others[-1], bool | Number)
                    self._side.deviates("number-in-text" if is_flat else "structure-in-text")
                return others[-1]
        elif whole or (alone and not isinstance(values[0], str)):
            return values[0]
        parts = []
        end = 0
        for match, value in zip(matches, values, strict=True):
            parts.append(text[end : match.start()])
            parts.append(match[0] if value is None else _plain(value))
            end = match.end()
        return "".join([*parts, text[end:]])

    def _text(self, value: Value) -> Value:
        """The value where only text can stand (stringify in pkg/kube/util.go)."""
        if not self._side.is_avp:
            return _plain(value)
        if isinstance(value, Float64) or not isinstance(value, str | bool | Number):
            self._side.deviates("panic-value-is-no-text")
            raise PanicError
        return _plain(value)


def _plain(value: Value) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Number():
            return value.text
    raise FailedError("a list or a mapping, where text is needed")


def _encode(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()
