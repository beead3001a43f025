"""Manifests as trees, before they are written down."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from tests.compat.generator import placeholders
from tests.compat.generator.draw import Draw


@dataclass(frozen=True)
class Raw:
    """A scalar that is written as it is, and means what YAML takes it for."""

    text: str


@dataclass(frozen=True)
class Map:
    """A mapping; a key that is no Raw is a string."""

    entries: "tuple[tuple[str | Raw, Tree], ...]"


Tree: TypeAlias = "str | Raw | Map | Sequence[Tree]"

_KINDS: Final = {
    "Secret": 30,
    "ConfigMap": 25,
    "Deployment": 20,
    "Widget": 10,
    "List": 5,
    "SecretList": 1,
    "secret": 1,
    "": 0.5,
    "Secret ": 0.3,
}

_API_VERSIONS: Final = {
    "v1": 20,
    "apps/v1": 10,
    "example.org/v1beta1": 5,
    "": 1,
    "a/b/c": 0.5,
}

_RAW: Final = (
    "0",
    "1",
    "-5",
    "+7",
    "8080",
    "1.5",
    "1.50",
    "3.0",
    "-0.0",
    ".5",
    "5.",
    "1e3",
    "1e+21",
    "1E-7",
    "0777",
    "0o17",
    "0x1F",
    "0b11",
    "1_000",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "12345678901234567890",
    "123456789012345678901234567890",
    "true",
    "false",
    "True",
    "yes",
    "No",
    "on",
    "y",
    "n",
    "null",
    "~",
    "",
    "2024-02-29",
    "2024-02-29T12:30:45Z",
    "12:30:45",
    "1:30",
    "{}",
    "[]",
    "[a, 1, true]",
    "{a: 1, b: [x]}",
)

_RARE_RAW: Final = (
    ".inf",
    "-.INF",
    ".nan",
    "!!str 5",
    "!!int '5'",
    "!!int five",
    "!!float 3",
    "!!bool yes",
    "!!binary aGVsbG8=",
    "!!binary PHVzZXI+",
    "!!binary PHBhdGg6a3YvZGF0YS9hcHAjdXNlcj4=",
    "!!str <port>",
    "!!str <path:kv/data/app#port>",
    "! <user>",
    "!custom <path:kv/data/app#yes-value>",
    "!!null ''",
    "!custom x",
    "! 5",
    "!!timestamp 2024-02-29",
    "08",
    "0_7",
    "1__0",
    "=",
    "<<",
    "{a: 1, a: 2}",
    "{? a : b}",
    "{a, b: }",
    "[a: b]",
    "{a:b}",
    "[a:b, c:]",
    '{"a":b}',
    "[? x]",
    "[[a], [b, [c]]]",
    "a:b",
    "a#b",
    "a,b",
    "[http://x/y]",
    "@a",
    "`a",
    "%a",
    "- a",
    "a: b",
    "*unknown",
    "&anchor",
    "&anchor x",
    "!<tag:yaml.org,2002:str> 7",
    "'unclosed",
    '"bad \\q escape"',
    '"\\ud83e\\udd89"',
    '"\\U0001F989"',
    '"\\/"',
    "'it''s'",
)

_KEYS: Final = (
    "url",
    "user",
    "password",
    "config.yaml",
    "a/b",
    "enabled",
    "replicas",
    "with space",
    "ümlaut",
    "1",
    "true",
    "<user>",
    "<path:kv/data/app#user>",
    "x<port>",
    "a: b",
    "# x",
    "-",
    "k" * 130,
    "",
    "~",
    "<<",
    "'",
)

_RAW_KEYS: Final = (
    "1",
    "-5",
    "1.5",
    "1e3",
    "true",
    "yes",
    "on",
    "0777",
    "0x1F",
    "null",
    "~",
    ".inf",
    "2024-02-29",
    "!!str 1",
    "12345678901234567890",
    "[a]",
    "{a: b}",
    "? x",
    "<user>",
    "=",
)

_BOOLS: Final = {
    "true": 10,
    "false": 3,
    "1": 1,
    "t": 1,
    "T": 0.5,
    "TRUE": 0.5,
    "True": 0.5,
    "0": 0.5,
    "f": 0.5,
    "False": 0.5,
    "yes": 1,
    "on": 0.5,
    "tRUE": 0.5,
    " true": 0.5,
    "": 0.5,
}

_PREFIX: Final = "avp.kubernetes.io/"


def manifest(draw: Draw) -> Map:
    """One manifest."""
    kind = draw.weighed(_KINDS)
    api_version = draw.weighed(_API_VERSIONS)
    generic = draw.chance(0.55)
    entries: list[tuple[str | Raw, Tree]] = [("apiVersion", api_version), ("kind", kind)]
    if draw.chance(0.01):
        entries[1] = ("kind", Raw(draw.pick(("5", "true", "null", "", "[a]", "1.5"))))
    if draw.chance(0.01):
        entries[0] = ("apiVersion", Raw(draw.pick(("1", "1.0", "null", "", "{}"))))
    for name in ("apiVersion", "kind"):
        if draw.chance(0.01):
            entries = [entry for entry in entries if entry[0] != name]
    entries.append(("metadata", _metadata(draw, generic=generic)))
    entries += _body(draw, kind, generic=generic)
    if draw.chance(0.2):
        entries = draw.some(entries, 1)
    return Map(tuple(entries))


def _metadata(draw: Draw, *, generic: bool) -> Tree:
    if draw.chance(0.01):
        return Raw(draw.pick(("null", "", "text", "[]", "5")))
    entries: list[tuple[str | Raw, Tree]] = [("name", "web")]
    if draw.chance(0.1):
        entries[0] = ("name", placeholders.text(draw, generic=generic))
    annotations = _annotations(draw, generic=generic)
    if draw.chance(0.01):
        entries.append(("annotations", Raw(draw.pick(("null", "", "text", "[]", "{}")))))
    elif annotations:
        entries.append(("annotations", Map(tuple(annotations))))
    if draw.chance(0.1):
        entries.append(("labels", _map(draw, 2, generic=generic)))
    return Map(tuple(entries))


def _annotations(draw: Draw, *, generic: bool) -> list[tuple[str | Raw, Tree]]:
    found: list[tuple[str | Raw, Tree]] = []
    if generic:
        common = {"kv/data/app": 20, "kv/data/other": 3, "": 0.7}
        path = placeholders.path(draw) if draw.wild and draw.chance(0.4) else draw.weighed(common)
        found.append((f"{_PREFIX}path", path))
        if path.startswith("old/") and draw.chance(0.8):
            found.append((f"{_PREFIX}kv-version", "1"))
    if draw.wild and draw.chance(0.15) and len(found) < 2:
        found.append((f"{_PREFIX}kv-version", draw.pick(("1", "2", "3", "", " 2", "02"))))
    if draw.wild and draw.chance(0.2):
        found.append((f"{_PREFIX}secret-version", placeholders.version(draw)))
    if draw.chance(0.03):
        found.append((f"{_PREFIX}ignore", draw.weighed(_BOOLS)))
    if draw.chance(0.1):
        found.append((f"{_PREFIX}remove-missing", draw.weighed(_BOOLS)))
    if draw.chance(0.1):
        found.append(("note", placeholders.text(draw, generic=generic)))
    if draw.chance(0.01):
        found.append(("number", Raw(draw.pick(_RAW))))
    if found and draw.chance(0.01):
        index = draw.number(0, len(found) - 1)
        found[index] = (found[index][0], Raw(draw.pick(("1", "2", "true", "null", "", "[]"))))
    return found


def _body(draw: Draw, kind: str, *, generic: bool) -> list[tuple[str | Raw, Tree]]:
    if kind == "Secret":
        fields = draw.some(("data", "stringData"), 0.7)
        body: list[tuple[str | Raw, Tree]] = [
            (field, _map(draw, 1, generic=generic, encoded=field == "data")) for field in fields
        ]
        if draw.chance(0.3):
            body.append(("type", placeholders.text(draw, generic=generic)))
        return body
    if kind == "ConfigMap":
        return [("data", _map(draw, 1, generic=generic))]
    if kind.endswith("List"):
        items = [manifest(draw) if draw.chance(0.5) else _tree(draw, 2, generic=generic)]
        return [("items", items)]
    return [("spec", _map(draw, 3, generic=generic))]


def _map(draw: Draw, depth: int, *, generic: bool, encoded: bool = False) -> Map:
    entries: list[tuple[str | Raw, Tree]] = []
    seen: set[str] = set()
    for _ in range(draw.weighed({0: 1, 1: 6, 2: 6, 3: 4, 4: 2})):
        name: str | Raw = draw.pick(_KEYS) if draw.chance(0.4) else f"key{len(entries)}"
        if draw.chance(0.02):
            name = Raw(draw.pick(_RAW_KEYS))
        said = name.text if isinstance(name, Raw) else name
        if said in seen and not draw.chance(0.02):
            continue
        seen.add(said)
        value: Tree
        if encoded and draw.chance(0.7):
            value = _encoded(draw, generic=generic)
        else:
            value = _tree(draw, depth - 1, generic=generic)
        entries.append((name, value))
    return Map(tuple(entries))


def _tree(draw: Draw, depth: int, *, generic: bool) -> Tree:
    kinds = {"text": 10.0, "raw": 2.0, "rare": 0.3 if draw.wild else 0.05}
    if depth > 0 or draw.chance(0.1):
        kinds |= {"map": 4, "list": 4}
    match draw.weighed(kinds):
        case "raw":
            return Raw(draw.pick(_RAW))
        case "rare":
            return Raw(draw.pick(_RARE_RAW))
        case "map":
            return _map(draw, depth - 1, generic=generic)
        case "list":
            count = draw.number(0, 3)
            return tuple(_tree(draw, depth - 1, generic=generic) for _ in range(count))
    return placeholders.text(draw, generic=generic)


def _encoded(draw: Draw, *, generic: bool) -> Tree:
    text = placeholders.text(draw, generic=generic).encode()
    if draw.chance(0.1):
        text = draw.pick((b"\xff\x00", b"\xfe", b"\x80<")) + text
    if draw.chance(0.03):
        text += b"\xff>"
    encoded = base64.b64encode(text).decode()
    match draw.weighed({"": 20, "wrapped": 1, "bare": 1, "url": 0.5, "twice": 0.5, "spaced": 0.5}):
        case "wrapped":
            return "\n".join(encoded[at : at + 8] for at in range(0, len(encoded), 8)) + "\n"
        case "bare":
            return encoded.rstrip("=")
        case "url":
            return base64.urlsafe_b64encode(text).decode()
        case "twice":
            return base64.b64encode(encoded.encode()).decode()
        case "spaced":
            return f" {encoded}"
    return encoded
