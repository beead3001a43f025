"""Strings with placeholders: valid ones, invalid ones, and what only looks like one.

None of them leads to a row of the table of deviations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.compat import secrets
from tests.compat.generator.draw import Draw

_MISSING_KEYS: Final = ("absent", "User", "usr", "nothing", "only-first", "-")
_COMMON_TEXTS: Final = ("user", "password", "pem", "json", "yaml")
_TEXTS: Final = tuple(secrets.TEXTS)
_CONTROLS: Final = tuple(name for name in secrets.CONTROLS if name != "next-line")
_FLAT: Final = (*secrets.NUMBERS, "yes-value", "no-value")
_STRUCTURES: Final = ("list", "no-items", "object", "no-keys", "objects", "nested")


@dataclass(frozen=True)
class Context:
    """How the strings of a document are read.

    Attributes:
        generic: whether `<key>` is a placeholder.
        kv_version: the value of its annotation, or an empty string.
        text_only: whether a list, a mapping or a parsed number would crash argocd-vault-plugin.
        searched: whether placeholders are filled; they are not in nested lists.
    """

    generic: bool
    kv_version: str = ""
    text_only: bool = False
    searched: bool = True


_PATHS: Final[Mapping[str, float]] = {
    "kv/data/app": 30,
    "kv/data/other": 10,
    "kv/data/team/web/deep": 5,
    "kv/data/absent": 2,
    "kv/data/gone": 1,
    "kv/data/bare": 1,
    "kv/data/my app": 1,
    "kv/data/über": 1,
    "kv/data/50%25": 1,
    "kv/data/50%2525": 1,
    "kv/data/x/data/y": 0.5,
    "kv//data/app": 1,
    "kv/data/app/": 1,
    "/kv/data/app": 1,
    "./kv/data/./app": 1,
    "kv/data/x/../app": 1,
    " kv/data/app": 1,
    "kv/data/app ": 1,
    "nowhere/data/app": 1,
    "kv/data/app?version=1": 1,
    "kv\\data\\app": 0.5,
}
_PATHS_OF_KV_1: Final[Mapping[str, float]] = {
    "old/app": 20,
    "old/other": 10,
    "old/wrapped": 1,
    "old/nulled": 1,
    "old/text": 1,
    "old/x/data/y": 1,
    "old/data/app": 1,
    "old//app/": 1,
    "/old/app": 1,
    "kv/../old/app": 1,
    "kv/data/other": 1,
    "old/absent": 1,
    "old": 0.5,
}
_PATHS_WITHOUT_DATA: Final[Mapping[str, float]] = {
    "kv/app": 1,
    "kv/metadata/app": 1,
    "kv/x/data/y": 0.5,
    "kv/data": 1,
    "kv": 0.5,
    "/": 0.5,
    ".": 0.5,
    "old": 0.3,
    "old/app": 1,
    "old/wrapped": 1,
    "old/data/app": 0.5,
}
"""Without an annotation, avp-py detects the KV version, and argocd-vault-plugin fails."""

_BY_KV_VERSION: Final[Mapping[str, Mapping[str, float]]] = {
    "": _PATHS,
    "1": _PATHS_OF_KV_1,
    "2": {**_PATHS, **_PATHS_WITHOUT_DATA},
}

_VERSIONS: Final = {
    "1": 6,
    "2": 4,
    "3": 1,
    "4": 1,
    "5": 2,
    "6": 1,
    "0": 1,
    "-1": 0.5,
    "abc": 0.5,
    "": 0.5,
    " 1": 0.5,
    "1 ": 0.5,
    "latest": 0.5,
    "1.0": 0.5,
    "01": 0.5,
    "+2": 0.5,
    "0x1": 0.5,
    "0b1": 0.3,
    "0o2": 0.3,
    "99999999999999999999": 0.3,
}

_JSON_PATHS: Final = (
    "{.user}",
    "{.port}",
    "{.hosts}",
    "{.hosts[0]}",
    "{.hosts[*]}",
    "{.user}{':'}{.port}",
    "{.tls}",
    "{.tls.on}",
    "{.tls.ca}",
    "{range .hosts[*]}{@}{','}{end}",
    "{[0].name}",
    "{[?(@.size>1)].name}",
    "{.absent}",
    "{..name}",
    "{..on}",
    "{$}",
    "{.a}",
    "{.id}",
    "{.cpu}",
    "{.n}",
    "user",
    "plain text",
    "{.user",
    "{",
    "",
    "{.hosts[-1:]}",
    "{.a,.b}",
    "{.missing} {.user}",
    "{@}",
    "{}",
)

_MODIFIERS: Final = {
    "base64encode": 8,
    "jsonPath": 12,
    "indent": 8,
    "sha256sum": 5,
}
"""Modifiers that turn text into text, or fail."""

_UNKNOWN_MODIFIERS: Final = ("unknown", "Base64Encode", "base64-encode")

_LARGE_INTEGERS: Final = frozenset({"json-near", "json-big"})
"""JSON whose integers argocd-vault-plugin rounds."""

_INDENTS: Final = {
    "2": 6,
    "4": 6,
    "0": 1,
    "-3": 0.5,
    "+2": 0.5,
    "02": 0.5,
    "1001": 0.3,
    "x": 0.5,
    "2 2": 0.5,
    "": 0.5,
    "1.5": 0.3,
    "0x2": 0.3,
    "1_0": 0.3,
    "00000000000000000000002": 0.1,
    "99999999999999999999": 0.1,
}

_TO_TEXT: Final = {
    "text": (
        "base64encode",
        "sha256sum",
        "indent 2",
        "indent 4 | base64encode",
        "base64encode | base64decode",
        "base64encode | sha256sum",
        "indent 0",
        "indent -3",
    ),
    "json": (
        "jsonPath {.user}",
        "jsonPath {.port}",
        "jsonPath {.hosts}",
        "jsonPath {.hosts[*]}",
        "jsonPath {.hosts[-1:]}",
        "jsonPath {.user}{':'}{.port}",
        "jsonPath {.tls}",
        "jsonPath {.tls.ca}",
        "jsonPath {range .hosts[*]}{@}{','}{end}",
        "jsonPath {$}",
        "jsonParse | jsonPath {.port}",
        "yamlParse | jsonPath {.hosts[1]}",
    ),
    "json-list": ("jsonPath {[0].name}", "jsonPath {[?(@.name!='a')].name}"),
    "json-number": ("jsonPath {$}",),
    "json-floats": ("jsonPath {.a} {.b} {.c} {.d} {.e}", "jsonPath {$}"),
    "json-true": ("jsonPath {$}",),
    "json-text": ("jsonParse | base64encode",),
    "json-keys": ("jsonPath {.a}", "jsonPath {$}"),
    "json-same": ("jsonPath {.a}",),
    "yaml": ("yamlParse | jsonPath {.user}", "yamlParse | jsonPath {.on} {.mode}"),
    "yaml-list": ("yamlParse | jsonPath {[2]}",),
    "yaml-merge": ("yamlParse | jsonPath {.use.x}",),
    "base64": ("base64decode", "base64decode | sha256sum"),
    "base64-lines": ("base64decode",),
    "base64-placeholder": ("base64decode",),
    "base64-bytes": ("base64decode | base64encode", "base64decode | sha256sum"),
    "object": ("jsonPath {.cpu}", "jsonPath {.n}", "jsonPath {$}"),
    "objects": ("jsonPath {[*].name}", "jsonPath {[?(@.on==true)].name}"),
    "list": ("jsonPath {[0]}", "jsonPath {$}", "jsonPath {[5]}"),
    "nested": ("jsonPath {.a.b[0].c}", "jsonPath {..c}"),
    "pem": ("indent 4", "base64encode"),
    "lines": ("indent 2", "indent 8"),
}
"""Modifiers that turn the value of a key into text; `text` is the value of any text key."""

_TO_ANYTHING: Final = {
    "json": ("jsonParse", "base64encode | base64decode | jsonParse", "jsonPath {.tls} | jsonParse"),
    "json-list": ("jsonParse", "yamlParse"),
    "json-number": ("jsonParse", "yamlParse"),
    "json-floats": ("jsonParse", "yamlParse"),
    "json-true": ("jsonParse", "yamlParse"),
    "json-text": ("jsonParse", "yamlParse"),
    "json-keys": ("jsonParse", "yamlParse"),
    "json-same": ("jsonParse",),
    "json-bad": ("jsonParse", "yamlParse"),
    "yaml": ("yamlParse",),
    "yaml-list": ("yamlParse",),
    "yaml-merge": ("yamlParse",),
    "yaml-bad": ("yamlParse",),
    "user": ("yamlParse", "jsonParse"),
    "port": ("base64encode", "indent 2", "jsonParse"),
    "list": ("base64encode", "sha256sum", "yamlParse"),
}
"""Modifiers that turn the value of a key into any type, or fail."""

_GOOD_PATHS: Final[Mapping[str, Mapping[str, float]]] = {
    "": {
        "kv/data/app": 20,
        "kv//data/app/": 1,
        "/kv/data/app": 1,
        "./kv/data/./app": 1,
        "kv/data/x/../app": 1,
    },
    "1": {"old/app": 20, "old//app/": 1, "kv/../old/app": 1},
    "2": {"kv/data/app": 20, "kv//data/app/": 1},
}

_ODDITIES: Final = (
    "<>",
    "< >",
    "<|>",
    "<user",
    "user>",
    "<<user>>",
    "<user>>",
    ">user<",
    "<us\ner>",
    "<absent | >",
    "<path:filename>",
    "&lt;path:name&gt; #",
    "use <path:...> here",
    "<mypath:kv/data/app#user>",
    "<PATH:kv/data/app#user>",
    "<path:kv/data/app#us>er>",
    "<path:kv/data/app#k>>",
    "<path:kv/data/<app#user>",
    "<path:kv/data/other> text # more >",
    "<path:path:kv/data/app#user>",
    "<path:kv/data/app# user >",
    "<path:kv/data/app#user|base64encode>",
    "<path:kv/data/app#\tuser\t>",
    "<user\t>",
    "<\tuser>",
    "< user >",
    "<user |base64encode| base64decode>",
    "<user | base64encode\t|\tsha256sum >",
    "<a> and <b>",
    "1 < 2 and 3 > 2",
    "<html><body>text</body></html>",
    "<- arrow",
    "->",
    "a <b> c",
    "\\<user>",
    "%3Cuser%3E",
    "&lt;user&gt;",
    "<user>\n<user>",
    "<path:kv/data/app#user><path:kv/data/other#user>",
    "<path:kv/data/app#user | jsonPath {.a#b}>",
)

_OVER_LINES: Final = (
    "<path:kv/data/app#user\n>",
    "<path:kv/data/\napp#user>",
    "<path:kv/data/app#user#1\n2>",
)
"""Placeholders where `<key>` is not one, and unresolved ones where it is."""

_UNRESOLVED: Final = (
    "<path:kv/data/app#>",
    "<path:kv/data/app>",
    "<path:#user>",
    "<path:##user>",
    "<path:kv/data/app##1>",
    "<path:kv/data/app#user#>",
    "<path:kv/data/app#user#1#2>",
    "< path:kv/data/app#user>",
    "<path:kv/data/app#user",
)
"""What argocd-vault-plugin deploys as it is, and avp-py too with AVP_LEFTOVERS=ignore."""

_AMID_SPACE: Final = (" <port>\n", "<yes-value> ")
_STRUCTURES_AMID_SPACE: Final = ("<list> ", "\n<object>")

_LITERALS: Final = (
    "postgres://",
    ":",
    "@",
    "/db?x=1&y=2",
    " ",
    "\n",
    "plain text ",
    "# no comment",
    ": ",
    "- ",
    "'",
    '"',
    "\\",
    "\\n",
    "ü",
    "🦉",
    "\t",
    "{",
    "}",
    "[",
    ",",
    "%",
    "a: b",
    "\n\n",
    "  ",
    "key=",
    "|",
    "$1",
    "${x}",
)

WORDS: Final = (
    "web",
    "nginx:1.25",
    "true",
    "yes",
    "null",
    "~",
    "",
    "0",
    "007",
    "0x1F",
    "1e3",
    "1.10",
    "2024-02-29",
    "12:30:45",
    "a: b",
    "# x",
    "-",
    "- a",
    "*x",
    "&x",
    "!x",
    "%x",
    "@x",
    "`x`",
    "{a}",
    "[a",
    "a\nb",
    "a\n",
    "\n",
    " a",
    "a ",
    "a  b",
    "Grüße",
    "世界",
    "🦉",
    "a\tb",
    "it's",
    'say "x"',
    "a\\b",
    "line one\n  line two\n\nline four\n",
    "long " * 30,
    "x" * 140,
    "---",
    "...",
    "<<",
    "=",
    "?",
    ":",
    "a #b",
    "a:b",
    "http://x/y",
    "\u2028",
    "\u00a0",
    "\u0007",
    "\ufeff",
    "aGVsbG8=",
    "aGVs\nbG8=",
)


def path(draw: Draw, kv_version: str) -> str:
    """Return the path of a secret, mostly one that exists."""
    return draw.weighed(_BY_KV_VERSION[kv_version])


def version(draw: Draw) -> str:
    """Return a version, mostly one that exists."""
    return draw.weighed(_VERSIONS)


def placeholder(draw: Draw, context: Context, *, whole: bool) -> str:
    """Return one placeholder.

    Args:
        draw: the random choices.
        context: how it is read.
        whole: whether it is the whole string, so that its value may have any type.
    """
    if draw.wild and draw.chance(0.5):
        return _wild(draw, context)
    return _fitting(draw, context, whole=whole)


def _wild(draw: Draw, context: Context) -> str:
    """Return a placeholder whose value is text or missing, or that is invalid."""
    if draw.chance(0.03):
        good = "old/app" if context.kv_version == "1" else "kv/data/app"
        return f"<path:{good}#user | {draw.pick(_UNKNOWN_MODIFIERS)}>"
    kind = draw.weighed({"common": 12, "any": 8, "missing": 2})
    name = draw.pick({"common": _COMMON_TEXTS, "any": _TEXTS, "missing": _MISSING_KEYS}[kind])
    body = name
    if not context.generic or draw.chance(0.4):
        body = f"path:{path(draw, context.kv_version)}#{name}"
        number = version(draw) if draw.chance(0.2) else ""
        # Without the annotation, which may be dropped later, it is an unresolved placeholder.
        if number or (context.generic and draw.lenient and draw.chance(0.03)):
            body += f"#{number}"
    if context.generic and draw.chance(0.05):
        body = f" {body}" if draw.chance(0.5) else f"{body} "
    for _ in range(draw.weighed({0: 6, 1: 3, 2: 1, 3: 0.3})):
        body += f"{draw.pick((' | ', '|', ' |', '| '))}{_modifier(draw, name)}"
    return f"<{body}>"


def _modifier(draw: Draw, name: str) -> str:
    modifier = draw.weighed(_MODIFIERS)
    if modifier == "jsonPath" and name in _LARGE_INTEGERS:
        modifier = "sha256sum"
    if modifier == "jsonPath":
        words = draw.pick(_JSON_PATHS)
    elif modifier == "indent":
        words = draw.weighed(_INDENTS)
    else:
        words = draw.pick(("x", "2", "x y")) if draw.chance(0.05) else ""
    space = draw.pick((" ", "  ", "\t")) if draw.chance(0.1) else " "
    return f"{modifier}{space}{words}".rstrip(" ")


def _fitting(draw: Draw, context: Context, *, whole: bool) -> str:
    statement = ""
    if draw.chance(0.35):
        anything = whole and not context.text_only and draw.chance(0.4)
        table = _TO_ANYTHING if anything else _TO_TEXT
        name = draw.pick(list(table))
        statement = draw.pick(("|", " | ")) + draw.pick(table[name])
        if name == "text":
            name = draw.pick(_TEXTS)
    elif context.generic and draw.chance(0.02):
        name = draw.pick(_MISSING_KEYS)
    elif draw.chance(0.3):
        name = draw.pick(_COMMON_TEXTS)
    else:
        names = [*_TEXTS, *secrets.ODD_KEYS]
        if draw.wild:
            names += _CONTROLS
        if whole:
            names += _FLAT if context.text_only else (*_FLAT, *_STRUCTURES)
        name = draw.pick(names)
    if context.generic and draw.chance(0.7):
        return f"<{name}{statement}>"
    if not statement and context.kv_version != "1" and draw.chance(0.2):
        return "<path:kv/data/other#host>" if draw.chance(0.5) else "<path:kv/data/app#user#2>"
    return f"<path:{draw.weighed(_GOOD_PATHS[context.kv_version])}#{name}{statement}>"


def text(draw: Draw, context: Context) -> str:
    """Return a string that mostly holds placeholders."""
    if not context.searched:
        return draw.pick(WORDS if draw.chance(0.5) else ("<user>", "a <port> b", "<absent>"))
    match draw.weighed({"whole": 8, "mixed": 5, "odd": 2 if draw.wild else 0.3, "word": 2}):
        case "whole":
            return placeholder(draw, context, whole=True)
        case "odd":
            return _odd(draw, context)
        case "word":
            return draw.pick(WORDS)
    parts = []
    for _ in range(draw.number(1, 3)):
        parts.append(draw.pick(_LITERALS))
        parts.append(placeholder(draw, context, whole=False))
    if draw.chance(0.5):
        parts.append(draw.pick(_LITERALS))
    return "".join(parts)


def _odd(draw: Draw, context: Context) -> str:
    if draw.chance(0.1):
        alone = _AMID_SPACE if context.text_only else (*_AMID_SPACE, *_STRUCTURES_AMID_SPACE)
        return draw.pick(alone)
    odd = [*_ODDITIES]
    # In base64, argocd-vault-plugin fills none over several lines.
    if draw.lenient or not (context.generic or context.text_only):
        odd += _OVER_LINES
    if draw.lenient:
        odd += _UNRESOLVED
    chosen = draw.pick(odd)
    return chosen if draw.chance(0.6) else draw.pick(_LITERALS) + chosen + draw.pick(_LITERALS)
