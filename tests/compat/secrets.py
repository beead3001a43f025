"""What is in Vault: one fixed set of secrets, with values of every type.

`kv` is a KV engine of version 2, `old` one of version 1.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.integration.vault import Vault

PEM: Final = "-----BEGIN KEY-----\nMIIB+w/0=\nAAAA\n-----END KEY-----\n"

TEXTS: Final[Mapping[str, str]] = {
    "user": "alice",
    "password": "s3cr:t #1 'x' \"y\" \\z",
    "empty": "",
    "space": " ",
    "padded": "  two spaces  ",
    "line": "one\n",
    "lines": "first\n  second\n\n\tthird \nfourth",
    "breaks": "\n\nlate\n\n",
    "leading": "  deep\nshallow\n",
    "windows": "one\r\ntwo\r\n",
    "pem": PEM,
    "unicode": "Grüße, мир, 世界, ✓",
    "emoji": "🦉 and 👩‍👩‍👧",
    "tab": "a\tb",
    "quote": 'it\'s "so"',
    "slash": "C:\\new\\table",
    "dashes": "---\nkind: Evil\n---\n",
    "comment": "a #b\n# c",
    "yes": "yes",
    "true-text": "true",
    "null-text": "null",
    "tilde": "~",
    "int-text": "42",
    "octal": "0777",
    "hex": "0x1F",
    "exponent-text": "1e3",
    "float-text": "1.10",
    "sexagesimal": "12:30:45",
    "date": "2024-02-29",
    "underscore": "1_000",
    "infinity-text": ".inf",
    "merge": "<<",
    "equals": "=",
    "anchor": "&a b",
    "alias": "*a",
    "tag": "!x y",
    "flow": "{a: b}",
    "sequence": "[1, 2",
    "mapping": "key: value",
    "item": "- x",
    "percent": "%TAG",
    "at": "@x",
    "tick": "`x`",
    "bar": "| x",
    "long": "0123456789 abcdef " * 30,
    "long-word": "x" * 300,
    "angle": "<user>",
    "inline": "<path:kv/data/app#user>",
    "open": "a < b",
    "escaped": "\\u003cuser\\u003e",
    "html": "<b>bold</b> & more",
    "base64": "aGVsbG8gd29ybGQ=",
    "base64-bytes": "/wD+gA==",
    "base64-lines": "aGVsbG8g\nd29ybGQ=\n",
    "base64-bad": "aGVsbG8*d29ybGQ=",
    "base64-short": "aGVsbG8",
    "base64-placeholder": "PHVzZXI+",
    "json": '{"user": "app", "port": 5432, "hosts": ["a", "b"], "tls": {"on": true, "ca": null}}',
    "json-list": '[{"name": "a", "size": 1}, {"name": "b", "size": 2.5}]',
    "json-number": "1e3",
    "json-big": '{"id": 12345678901234567890, "near": 9007199254740993, "far": 1e400}',
    "json-near": '{"id": 9007199254740993}',
    "json-floats": '{"a": 1000000, "b": 0.1, "c": 1e21, "d": 1e-7, "e": 123456789.5}',
    "json-null": "null",
    "json-true": "true",
    "json-text": '"quoted \\u00fc"',
    "json-keys": '{"b": 1, "a": {"z": [], "y": {}}, "<x>": "&"}',
    "json-same": '{"a": 1, "a": 2}',
    "json-bad": '{"a": }',
    "yaml": "user: app\nport: 5432\nhosts: [a, b]\non: yes\nmode: 0777\n",
    "yaml-list": "- 1\n- two\n- 3.0\n",
    "yaml-merge": "base: &b {x: 1}\nuse:\n  <<: *b\n  y: 2\n",
    "yaml-null": "# nothing\n",
    "yaml-bad": "a: [1",
}

CONTROLS: Final[Mapping[str, str]] = {
    "bell": "a\u0007b",
    "escape": "\u001b[31mred",
    "delete": "a\u007fb",
    "next-line": "a\u0085b",
    "separator": "a\u2028b",
    "bom": "\ufeffa",
    "not-a-character": "a\uffffb",
    "nul": "a\u0000b",
    "return": "a\rb",
}

NUMBERS: Final[Mapping[str, str]] = {
    "port": "5432",
    "zero": "0",
    "negative": "-7",
    "big": "9007199254740993",
    "biggest": "9223372036854775807",
    "bigger": "12345678901234567890",
    "huge": "123456789012345678901234567890",
    "float": "1.5",
    "trailing": "1.50",
    "whole": "3.0",
    "exponent": "1e3",
    "large": "1e21",
    "tiny": "1e-7",
}
"""Numbers as JSON text: KV 1 of Vault keeps the text, KV 2 changes some."""

STRUCTURES: Final[Mapping[str, Any]] = {
    "yes-value": True,
    "no-value": False,
    "nothing": None,
    "list": ["a", "b: c", 3, None, True, 1.5],
    "no-items": [],
    "object": {"cpu": "1", "memory": "2Gi", "odd key": True, "n": 7},
    "no-keys": {},
    "objects": [{"name": "x", "on": True}, {"name": "y", "on": False}],
    "nested": {"a": {"b": [{"c": "<user>"}, [1, [2]]]}},
}

ODD_KEYS: Final[Mapping[str, str]] = {
    "with space": "spaced",
    "a.b": "dotted",
    "a/b": "slashed",
    "UPPER": "upper",
    "ключ": "cyrillic",
    "k>": "bracket",
    "path:x": "colon",
    "1": "digit",
    "true": "word",
}

FIRST: Final[Mapping[str, Any]] = {"user": "bob", "password": "old", "port": 1, "only-first": "1"}
SECOND: Final[Mapping[str, Any]] = {"user": "carol", "password": "mid", "port": "2"}

KEYS: Final = (*TEXTS, *CONTROLS, *NUMBERS, *STRUCTURES, *ODD_KEYS)


def _json(*parts: Mapping[str, Any]) -> str:
    pairs = [
        f"{json.dumps(key)}: {json.dumps(value)}" for part in parts for key, value in part.items()
    ]
    pairs += [f"{json.dumps(key)}: {value}" for key, value in NUMBERS.items()]
    return "{" + ", ".join(pairs) + "}"


ALL: Final = _json(TEXTS, CONTROLS, STRUCTURES, ODD_KEYS)

SECRETS: Final[Mapping[str, Sequence[str]]] = {
    "kv/data/app": (json.dumps(FIRST), json.dumps(SECOND), '{"x": "3"}', '{"x": "4"}', ALL),
    "kv/data/other": ('{"user": "dave", "port": 6379, "host": "db.example"}',),
    "kv/data/team/web/deep": ('{"user": "erin", "user name": "Erin E."}',),
    "kv/data/gone": ('{"user": "ghost"}',),
    "kv/data/bare": ("{}",),
    "kv/data/my app": ('{"user": "spaced path"}',),
    "kv/data/über": ('{"user": "unicode path"}',),
    "kv/data/x/data/y": ('{"user": "heidi"}',),
    "kv/data/50%25": ('{"user": "percent path"}',),
    "old/app": (ALL,),
    "old/other": ('{"user": "frank", "port": 3306}',),
    "old/wrapped": ('{"data": {"user": "inner"}, "user": "outer"}',),
    "old/text": ('{"data": "plain", "user": "outer"}',),
    "old/data/app": ('{"user": "inner"}',),  # what is written there is `{"data": …}`
    "old/x/data/y": ('{"data": {"user": "inner"}, "user": "outer"}',),
    "old/nulled": ('{"data": null, "user": "outer"}',),
}
"""Every secret with its versions in order, as JSON."""


def write_all(vault: Vault) -> None:
    """Mount the engines and write the secrets; one version is deleted, and one destroyed."""
    for mount, version in (("kv", "2"), ("old", "1")):
        vault.client.sys.enable_secrets_engine("kv", path=mount, options={"version": version})
    for path, versions in SECRETS.items():
        for text in versions:
            vault.write(path, text)
    vault.call("post", "kv/delete/app", {"versions": [3]})
    vault.call("post", "kv/destroy/app", {"versions": [4]})
    vault.call("post", "kv/delete/gone", {"versions": [1]})
