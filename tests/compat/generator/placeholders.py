"""Strings with placeholders in them: right ones, wrong ones, and what only looks like one."""

from typing import Final

from tests.compat import secrets
from tests.compat.generator.draw import Draw

_PLAIN_KEYS: Final = ("user", "password", "port", "pem", "json", "yaml", "list", "object", "float")
_MISSING_KEYS: Final = ("absent", "User", "usr", "nothing", "only-first", "data", "-")

_PATHS: Final = {
    "kv/data/app": 30,
    "kv/data/other": 10,
    "kv/data/team/web/deep": 5,
    "old/app": 4,
    "old/other": 2,
    "kv/data/absent": 2,
    "kv/data/gone": 1,
    "kv/data/bare": 1,
    "kv/data/my app": 1,
    "kv/data/über": 1,
    "kv/data/50%25": 1,
    "kv/data/50%2525": 1,
    "kv//data/app": 1,
    "kv/data/app/": 1,
    "/kv/data/app": 1,
    "./kv/data/./app": 1,
    "kv/data/x/../app": 1,
    "kv/../old/app": 1,
    "../v1/kv/data/app": 1,
    "../../x": 1,
    " kv/data/app": 1,
    "kv/data/app ": 1,
    "kv/app": 1,
    "kv/metadata/app": 1,
    "nowhere/data/app": 1,
    "kv/data/app?version=1": 1,
    "kv\\data\\app": 0.5,
    "kv/data": 1,
    "kv": 0.5,
    "/": 0.5,
    ".": 0.5,
    "old/wrapped": 1,
    "old/data/app": 0.5,
    "old/x/data/y": 0.5,
    "kv/x/data/y": 0.5,
    "kv/data/x/data/y": 0.5,
    "old": 0.3,
    "old/nulled": 0.5,
    "old/text": 0.5,
    "sys/mounts": 0.5,
    "auth/token/lookup-self": 0.5,
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
    "base64decode": 5,
    "jsonPath": 12,
    "jsonParse": 8,
    "yamlParse": 6,
    "indent": 8,
    "sha256sum": 5,
    "unknown": 1,
    "Base64Encode": 0.5,
    "upper": 1,
    "default": 0.7,
    "toJson": 0.7,
    "": 0.7,
}

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
    "2 keep": 0.3,
    "00000000000000000000002": 0.1,
    "99999999999999999999": 0.1,
}

_FITTING: Final = {
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
        "jsonPath {..on}",
        "jsonParse",
        "jsonParse | jsonPath {.port}",
        "yamlParse | jsonPath {.hosts[1]}",
        "base64encode | base64decode | jsonParse",
        "jsonPath {.tls} | jsonParse",
    ),
    "json-list": (
        "jsonPath {[0].name}",
        "jsonPath {[?(@.name!='a')].name}",
        "jsonParse",
        "yamlParse",
    ),
    "json-number": ("jsonParse", "jsonPath {$}", "yamlParse"),
    "json-near": ("jsonParse", "jsonPath {.id}"),
    "json-floats": ("jsonParse", "jsonPath {.a} {.b} {.c} {.d} {.e}", "jsonPath {$}", "yamlParse"),
    "json-true": ("jsonParse", "yamlParse", "jsonPath {$}"),
    "json-text": ("jsonParse", "jsonParse | base64encode", "yamlParse"),
    "json-keys": ("jsonParse", "jsonPath {.a}", "jsonPath {$}", "yamlParse"),
    "json-same": ("jsonParse", "jsonPath {.a}"),
    "yaml": ("yamlParse", "yamlParse | jsonPath {.user}", "yamlParse | jsonPath {.on} {.mode}"),
    "yaml-list": ("yamlParse", "yamlParse | jsonPath {[2]}"),
    "yaml-merge": ("yamlParse", "yamlParse | jsonPath {.use.x}"),
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
"""What a key's value can take; `text` stands for any text."""

_GOOD_PATHS: Final = {
    "kv/data/app": 20,
    "kv//data/app/": 1,
    "/kv/data/app": 1,
    "./kv/data/./app": 1,
    "kv/data/x/../app": 1,
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
    "<user|>",
    "<user | >",
    "<absent | >",
    "<user || base64encode>",
    "<user | base64encode |>",
    "<path:kv/data/app#>",
    "<path:kv/data/app>",
    "<path:filename>",
    'route("/<path:name>")  # a > b',
    "/<path:name>\n# a > <path:kv/data/app#user>",
    "&lt;path:name&gt; #",
    "use <path:...> here",
    " <port>\n",
    "<list> ",
    "\n<object>",
    "<path:#user>",
    "<path:##user>",
    "<path:kv/data/app##1>",
    "<path:kv/data/app#user#>",
    "<path:kv/data/app#user#1#2>",
    "< path:kv/data/app#user>",
    "<path:kv/data/app#user",
    "<mypath:kv/data/app#user>",
    "<PATH:kv/data/app#user>",
    "<path:kv/data/app#us>er>",
    "<path:kv/data/app#k>>",
    "<path:kv/data/<app#user>",
    "<path:kv/data/other> text # more >",
    "<path:path:kv/data/app#user>",
    "<path:kv/data/app#user\n>",
    "<path:kv/data/\napp#user>",
    "<path:kv/data/app#user#1\n2>",
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
    "\u0085",
    "\u0007",
    "\ufeff",
    "aGVsbG8=",
    "aGVs\nbG8=",
)


def key(draw: Draw) -> str:
    """A key of a secret, mostly one that is there."""
    kinds = {"plain": 12, "any": 8, "missing": 2}
    tables = {"plain": _PLAIN_KEYS, "any": secrets.KEYS, "missing": _MISSING_KEYS}
    return draw.pick(tables[draw.weighed(kinds)])


def path(draw: Draw) -> str:
    """A path of a secret, mostly one that is there."""
    return draw.weighed(_PATHS)


def version(draw: Draw) -> str:
    """A version, mostly one that is there."""
    return draw.weighed(_VERSIONS)


def modifier(draw: Draw) -> str:
    """A modifier with its arguments, mostly right ones."""
    name = draw.weighed(_MODIFIERS)
    if name == "jsonPath":
        words = draw.pick(_JSON_PATHS)
    elif name == "indent":
        words = draw.weighed(_INDENTS)
    else:
        words = draw.pick(("x", "2", "x y")) if draw.chance(0.05) else ""
    return f"{name}{draw.pick((' ', '  ', chr(9))) if draw.chance(0.1) else ' '}{words}".rstrip(" ")


def placeholder(draw: Draw, *, generic: bool, of_text: bool = False) -> str:
    """One placeholder, generic or inline; `of_text` asks for one whose value is text, if right."""
    if draw.wild and draw.chance(0.5):
        return _wild(draw, generic=generic)
    return _fitting(draw, generic=generic, of_text=of_text)


def _wild(draw: Draw, *, generic: bool) -> str:
    if generic and draw.chance(0.6):
        body = key(draw)
    else:
        body = f"path:{path(draw)}#{key(draw)}"
        if draw.chance(0.2):
            body += f"#{version(draw)}"
    if draw.chance(0.05):
        body = f" {body}" if draw.chance(0.5) else f"{body} "
    for _ in range(draw.weighed({0: 6, 1: 3, 2: 1, 3: 0.3})):
        body += f"{draw.pick((' | ', '|', ' |', '| '))}{modifier(draw)}"
    return f"<{body}>"


def _fitting(draw: Draw, *, generic: bool, of_text: bool) -> str:
    statement = ""
    if of_text:
        name = draw.pick(list(secrets.TEXTS))
        if draw.chance(0.3):
            statement = draw.pick(("|", " | ")) + draw.pick(_FITTING["text"])
    elif draw.chance(0.35):
        name = draw.pick(list(_FITTING))
        statement = draw.pick(("|", " | ")) + draw.pick(_FITTING[name])
        if name == "text":
            name = draw.pick(list(secrets.TEXTS))
    elif generic and draw.chance(0.02):
        name = draw.pick(_MISSING_KEYS)
    else:
        name = draw.pick(_PLAIN_KEYS if draw.chance(0.5) else secrets.KEYS)
    if generic and draw.chance(0.7):
        return f"<{name}{statement}>"
    if not statement and draw.chance(0.2):
        return "<path:kv/data/other#host>" if draw.chance(0.5) else "<path:kv/data/app#user#2>"
    return f"<path:{draw.weighed(_GOOD_PATHS)}#{name}{statement}>"


def text(draw: Draw, *, generic: bool) -> str:
    """A string that mostly holds placeholders."""
    match draw.weighed({"whole": 8, "mixed": 5, "odd": 2 if draw.wild else 0.3, "word": 2}):
        case "whole":
            return placeholder(draw, generic=generic)
        case "odd":
            odd = draw.pick(_ODDITIES)
            return odd if draw.chance(0.6) else draw.pick(_LITERALS) + odd + draw.pick(_LITERALS)
        case "word":
            return draw.pick(WORDS)
    parts = []
    for _ in range(draw.number(1, 3)):
        parts.append(draw.pick(_LITERALS))
        parts.append(placeholder(draw, generic=generic, of_text=draw.chance(0.9)))
    if draw.chance(0.5):
        parts.append(draw.pick(_LITERALS))
    return "".join(parts)
