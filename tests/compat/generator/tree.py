"""Manifests as trees, before they are written as text."""

import base64
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from tests.compat.generator import placeholders
from tests.compat.generator.draw import Draw
from tests.compat.generator.placeholders import Context


@dataclass(frozen=True)
class Raw:
    """A scalar that is written as it is, with the type that YAML gives it."""

    text: str


@dataclass(frozen=True)
class Map:
    """A mapping; a key that is not a Raw is a string."""

    entries: "tuple[tuple[str | Raw, Tree], ...]"


Tree: TypeAlias = "str | Raw | Map | Sequence[Tree]"

_KINDS: Final = {
    "Secret": 30,
    "ConfigMap": 25,
    "Deployment": 20,
    "Widget": 10,
    "List": 5,
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
    "x<port>",
    "a: b",
    "# x",
    "-",
    "k" * 130,
    "",
    "~",
    "'",
)

_UNRESOLVED_KEY: Final = "<path:kv/data/app#user>"

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
"""A mapping has at most one of them: two with the same name in JSON may differ in type."""

_LIKE_RAW_KEYS: Final = frozenset({"1", "true"})
"""Strings that are the name of a raw key, too. One that is repeated may be written with quotes and
without, where it is another type."""

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
    """Return one manifest."""
    kind = draw.weighed(_KINDS)
    api_version = draw.weighed(_API_VERSIONS)
    kv_version = draw.weighed({"": 10, "1": 1, "2": 1})
    context = Context(draw.chance(0.55), kv_version, text_only=kind == "ConfigMap")
    entries: list[tuple[str | Raw, Tree]] = [("apiVersion", api_version), ("kind", kind)]
    if draw.chance(0.01):
        entries[1] = ("kind", Raw(draw.pick(("5", "true", "null", "", "[a]", "1.5"))))
    if draw.chance(0.01):
        entries[0] = ("apiVersion", Raw(draw.pick(("1", "1.0", "null", "", "{}"))))
    for name in ("apiVersion", "kind"):
        if draw.chance(0.01):
            entries = [entry for entry in entries if entry[0] != name]
    entries.append(("metadata", _metadata(draw, context)))
    entries += _body(draw, kind, context)
    if draw.chance(0.2):
        entries = draw.some(entries, 1)
    return Map(tuple(entries))


def _metadata(draw: Draw, context: Context) -> Tree:
    if not context.kv_version and draw.chance(0.01):
        return Raw(draw.pick(("null", "", "text", "[]", "5")))
    entries: list[tuple[str | Raw, Tree]] = [("name", "web")]
    if draw.chance(0.1):
        entries[0] = ("name", placeholders.text(draw, context))
    annotations = _annotations(draw, context)
    if not context.kv_version and draw.chance(0.01):
        entries.append(("annotations", Raw(draw.pick(("null", "", "text", "[]", "{}")))))
    elif annotations:
        entries.append(("annotations", Map(tuple(annotations))))
    if draw.chance(0.1):
        entries.append(("labels", _map(draw, 2, context)))
    return Map(tuple(entries))


def _annotations(draw: Draw, context: Context) -> list[tuple[str | Raw, Tree]]:
    found: list[tuple[str | Raw, Tree]] = []
    kv_version = context.kv_version
    is_odd = False
    if context.generic:
        path = "old/app" if kv_version == "1" else "kv/data/app"
        if draw.chance(0.03):
            path = "old/other" if kv_version == "1" else "kv/data/other"
        if draw.wild and draw.chance(0.4):
            path, is_odd = placeholders.path(draw, kv_version), True
        found.append((f"{_PREFIX}path", path))
    if draw.wild and draw.chance(0.05):
        kv_version, is_odd = draw.pick(("3", "", " 2", "02")), True
    if kv_version != "" or (is_odd and kv_version != context.kv_version):
        found.append((f"{_PREFIX}kv-version", kv_version))
    if draw.wild and draw.chance(0.2):
        found.append((f"{_PREFIX}secret-version", placeholders.version(draw)))
        is_odd = True
    if draw.chance(0.1):
        found.append((f"{_PREFIX}remove-missing", draw.weighed(_BOOLS)))
    if is_odd and context.generic:
        # argocd-vault-plugin always reads the path, so a placeholder makes avp-py read it too.
        found.append(("note", "<user>"))
        return found
    if draw.chance(0.03):
        found.append((f"{_PREFIX}ignore", draw.weighed(_BOOLS)))
    if draw.chance(0.1):
        found.append(("note", placeholders.text(draw, context)))
    return found


def _body(draw: Draw, kind: str, context: Context) -> list[tuple[str | Raw, Tree]]:
    if kind == "Secret":
        fields = draw.some(("data", "stringData"), 0.7)
        body: list[tuple[str | Raw, Tree]] = [
            (field, _map(draw, 1, context, encoded=field == "data")) for field in fields
        ]
        if draw.chance(0.3):
            body.append(("type", placeholders.text(draw, context)))
        return body
    if kind == "ConfigMap":
        return [("data", _map(draw, 1, context))]
    if kind == "List":
        return [("items", tuple(_item(draw, context) for _ in range(draw.number(0, 2))))]
    return [("spec", _map(draw, 3, context))]


def _item(draw: Draw, context: Context) -> Tree:
    """Return an item of a list that is the same whether it counts as an object or not."""
    item = _map(draw, 2, context)
    if draw.chance(0.5):
        kind = draw.pick(("Widget", "Deployment"))
        return Map((("apiVersion", "v1"), ("kind", kind), ("spec", item)))
    return item


def _map(draw: Draw, depth: int, context: Context, *, encoded: bool = False) -> Map:
    entries: list[tuple[str | Raw, Tree]] = []
    seen: set[str] = set()
    has_raw_key = draw.chance(0.03)
    for _ in range(draw.weighed({0: 1, 1: 6, 2: 6, 3: 4, 4: 2})):
        name: str | Raw = draw.pick(_KEYS) if draw.chance(0.4) else f"key{len(entries)}"
        if draw.lenient and draw.chance(0.01):
            name = _UNRESOLVED_KEY
        if has_raw_key and name in _LIKE_RAW_KEYS:
            continue
        if has_raw_key and not entries:
            name = Raw(draw.pick(_RAW_KEYS))
        said = name.text if isinstance(name, Raw) else name
        if said in seen and (said in _LIKE_RAW_KEYS or not draw.chance(0.02)):
            continue
        seen.add(said)
        value: Tree
        if encoded and draw.chance(0.7):
            value = _encoded(draw, context)
        else:
            value = _tree(draw, depth - 1, context)
        entries.append((name, value))
    return Map(tuple(entries))


def _tree(draw: Draw, depth: int, context: Context, *, in_list: bool = False) -> Tree:
    kinds = {"text": 10.0, "raw": 2.0}
    if context.searched:
        kinds["rare"] = 0.3 if draw.wild else 0.05
    if depth > 0 or draw.chance(0.1):
        kinds |= {"map": 4, "list": 4}
    match draw.weighed(kinds):
        case "raw":
            return Raw(draw.pick(_RAW))
        case "rare":
            return Raw(draw.pick(_RARE_RAW))
        case "map":
            return _map(draw, depth - 1, context)
        case "list":
            inner = dataclasses.replace(context, searched=context.searched and not in_list)
            count = draw.number(0, 3)
            return tuple(_tree(draw, depth - 1, inner, in_list=True) for _ in range(count))
    return placeholders.text(draw, context)


def _encoded(draw: Draw, context: Context) -> Tree:
    if draw.chance(0.1):
        word = draw.pick(placeholders.WORDS).encode()
        encoded = base64.b64encode(word).decode()
        return draw.pick(
            (
                encoded.rstrip("="),
                base64.urlsafe_b64encode(word).decode(),
                base64.b64encode(encoded.encode()).decode(),
                f" {encoded}",
            )
        )
    inner = dataclasses.replace(context, text_only=True)
    if draw.chance(0.1):
        before, after = draw.pick((b"\xff\x00", b"\xfe")), draw.pick((b"", b"\xff>"))
        text = before + placeholders.placeholder(draw, inner, whole=False).encode() + after
    else:
        text = placeholders.text(draw, inner).encode()
    encoded = base64.b64encode(text).decode()
    if draw.chance(0.05):
        return "\n".join(encoded[at : at + 8] for at in range(0, len(encoded), 8)) + "\n"
    return encoded
