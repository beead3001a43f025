"""Any text of a tenant takes time in proportion to its length.

Each row is a text that would take longer if some step were quadratic. Every new expression or
loop over a tenant's text needs a row in MANIFESTS or FOLDERS, and an expression is counted in
EXPRESSIONS.
"""

import ast
import base64
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import avp_py
from avp_py.errors import RenderError
from avp_py.render.edits import edit_kustomization
from avp_py.render.inspect import images_in
from avp_py.render.kustomization import find_roots, reach
from avp_py.render.remote_files import RemoteFiles
from avp_py.render.repository import Repository
from tests.conftest import Run
from tests.fetchers import DictFetcher
from tests.trees import write
from tests.unit.growth import refuse_growth

X: Final = "kind: X\n"
MAP: Final = "kind: ConfigMap\nmetadata: {name: m}\n"
GENERIC: Final = (
    "kind: ConfigMap\nmetadata: {name: m, annotations: {avp.kubernetes.io/path: kv/data/x}}\n"
)
REMOVING: Final = (
    "kind: ConfigMap\nmetadata: {name: m, annotations: {avp.kubernetes.io/path: kv/data/x, "
    "avp.kubernetes.io/remove-missing: 'true'}}\n"
)
SECRET: Final = "kind: Secret\nmetadata: {name: s}\n"
LIST: Final = "kind: List\nitems:\n"
ITEM: Final = (
    "{kind: ConfigMap, metadata: {annotations: {avp.kubernetes.io/path: kv/data/x}}, k: <k>}"
)
PACKED: Final = "PHBhdGg6a3YvZGF0YS94I2s+"
"""A placeholder in base64."""


class Row(NamedTuple):
    """A text, by its size.

    Attributes:
        n: the size at which a quadratic step shows.
        text: returns the text of a size.
        says: what standard error holds; empty where the run succeeds.
    """

    n: int
    text: Callable[[int], str]
    says: str = ""


def repeated(atom: str) -> Callable[[int], str]:
    """Return a text of one atom over and over."""
    return lambda n: f"{X}a: '{atom * n}'\n"


def packed(text: str) -> str:
    """Return a text in base64."""
    return base64.b64encode(text.encode()).decode()


EXPRESSIONS: Final[Mapping[str, int]] = {
    "archives/unpack.py": 1,
    "generate/resolver.py": 1,
    "golang/gobase64.py": 1,
    "golang/gojson.py": 2,
    "golang/version_ranges.py": 1,
    "golang/yaml_scalars.py": 5,
    "golang/yaml_text.py": 3,
    "manifests/aliases.py": 1,
    "manifests/head.py": 1,
    "modifiers/jsonpath/parser.py": 5,
    "manifests/unresolved.py": 2,
    "modifiers/interface.py": 1,
    "modifiers/text.py": 2,
    "modifiers/yaml_writer.py": 2,
    "manifests/packed.py": 1,
    "manifests/placeholders.py": 1,
    "manifests/simple.py": 6,
    "manifests/stream.py": 1,
    "policy/paths.py": 1,
    "policy/pattern.py": 1,
    "render/edits.py": 1,
    # For texts of 30 characters at most.
    "render/git_timeouts.py": 2,
    "render/charts.py": 1,
    "render/helm_arguments.py": 2,
    "render/images.py": 1,
    "render/inspect.py": 1,
    # For what kustomize says of an error: each ends at the next quote, or is a literal.
    "render/remote_files.py": 2,
    "render/references.py": 4,
    "sandbox/access.py": 1,
    "sandbox/directories.py": 1,
    "sandbox/go_program.py": 1,
    "sandbox/messages.py": 8,
    "settings/envfile.py": 3,
    "settings/images.py": 4,
    "settings/names.py": 2,
    "settings/parse.py": 17,
    "settings/regexp.py": 1,
    "settings/render.py": 1,
}
"""How many expressions of Python's own engine each module has, all of them looked at: linear by
their form, on text of bounded length, or not on a tenant's."""

MANIFESTS: Final[Mapping[str, Row]] = {
    # The text as it comes.
    "comments before a late byte order mark": Row(
        5_000, lambda n: f"{X}---\n" + "#\r\n" * n + "\ufeff" + X
    ),
    "comments and a byte order mark elsewhere": Row(
        5_000, lambda n: f"{X}a: \ufeff\n---\n" + "#\r\n" * n + X, "byte order mark"
    ),
    "blank lines and a byte order mark elsewhere": Row(
        5_000, lambda n: f"{X}a: \ufeff\n---\n" + " \r\n" * n + X, "byte order mark"
    ),
    "documents that are passed on": Row(
        1_000, lambda n: "".join(f"---\napiVersion: v1\n{X}k{i}: {{a: b}}\n" for i in range(n))
    ),
    "a document that is passed on": Row(
        5_000,
        lambda n: f"apiVersion: v1\n{X}data:\n"
        + "".join(f"- k{each}: |\n    text {each}\n  b:\n  - c\n" for each in range(n)),
    ),
    "long lines that nearly are passed on": Row(
        10_000,
        lambda n: f"apiVersion: v1\n{X}a: {'b:c d#e ' * n}# x\nb: [{'-, ' * n}]\n# {'x' * n}\n",
    ),
    "braces that nearly are passed on": Row(
        2_000,
        lambda n: f"apiVersion: v1\n{X}a: {{"
        + ", ".join(f"k{each}: b" for each in range(n))
        + "} # x\n",
    ),
    "documents that are no manifests": Row(
        4_000, lambda n: "a\n---\n" * n, "the document is a single value"
    ),
    "documents with a control character": Row(
        4_000, lambda n: 'a: "\\x7f"\n---\n' * n, "a control character"
    ),
    "documents with an escape of JSON": Row(
        3_000, lambda n: 'a: "\\/"\n---\n' * n, "cannot read the escape"
    ),
    "documents that Kubernetes cannot read": Row(
        2_000, lambda n: "~: 1\n---\n" * n, "Kubernetes cannot read the document"
    ),
    "lines that look like markers": Row(
        10_000, lambda n: f'{X}a: "\n{"---x" + chr(10)}' + "---x\n" * n + '"\n', "begins with ---"
    ),
    "a character far into the text": Row(
        100_000, lambda n: "é" * n + "\x07", "not allowed in YAML"
    ),
    "backslashes in JSON": Row(
        100_000, lambda n: '{"kind":"X","a":"' + "\\\\" * n + '\\/"}\n'
    ),
    "halves of characters in JSON": Row(
        10_000, lambda n: '{"kind":"X","a":"' + "\\ud83d\\ude00" * n + '"}\n'
    ),
    "documents of JSON": Row(2_000, lambda n: '{"kind":"X"}\n' * n),
    "digits in JSON": Row(100_000, lambda n: '{"kind":"X","a":' + "1" * n + "}\n"),
    # Nodes.
    "equal keys": Row(5_000, lambda n: X + "a: {" + "k: v, " * n + "}\n"),
    "equal keys with long values": Row(
        500, lambda n: X + "a: {" + f"k: [{'v, ' * 100}], " * n + "}\n"
    ),
    "repeated keys": Row(5_000, lambda n: X + "a: {" + "k: v, k: w, " * n + "}\n"),
    "repeated keys below repeated keys": Row(
        2_000,
        lambda n: X + f"a: {'{k: v, k: ' * 100}{{{'k: v, k: w, ' * n}}}{'}' * 100}\n",
    ),
    "repeated keys with anchors": Row(
        3_000, lambda n: GENERIC + "a: {" + "k: &k v, k: <k>, " * n + "}\n"
    ),
    "repeated keys that are numbers": Row(
        5_000, lambda n: X + "a: {" + "1: v, 0x1: w, " * n + "}\n"
    ),
    "repeated keys in items": Row(
        1_000, lambda n: "kind: List\nitems:\n" + "- {kind: X, k: v, k: w}\n" * n
    ),
    "repeated fields with what is added": Row(
        2_000,
        lambda n: "kind: ConfigMap\n"
        + "metadata: {annotations: {avp.kubernetes.io/import: kv/data/x}}\n"
        + "data: {a: b}\n" * n,
    ),
    "repeated keys that are removed": Row(
        1_000,
        lambda n: REMOVING
        + "data: {"
        + "".join(f"k{each}: 1, k{each}: <no>, " for each in range(n))
        + "}\n",
    ),
    "repeated merge keys": Row(
        2_000,
        lambda n: GENERIC
        + "x: &x {a: 1}\nb:\n"
        + "".join(f"  <<: {{a{each}: 1}}\n  <<: *x\n" for each in range(n))
        + "  z: <k>\n",
    ),
    "repeated merge keys beside many keys": Row(
        2_000,
        lambda n: GENERIC
        + "b:\n"
        + "".join(f"  a{each}: 1\n  <<: {{c: 1}}\n" for each in range(n))
        + "  z: <k>\n",
    ),
    "repeated merge keys with what is removed": Row(
        1_000,
        lambda n: REMOVING
        + "data:\n"
        + "".join(f"  a{each}: 1\n  <<: {{a{each}: <no>, b: <k>}}\n" for each in range(n)),
    ),
    "merged mappings in a list": Row(
        3_000,
        lambda n: GENERIC
        + "b:\n  <<: ["
        + "".join(f"{{a{each}: 1}}, " for each in range(n))
        + "]\nz: <k>\n",
    ),
    "different keys": Row(10_000, lambda n: X + "".join(f"k{each}: v\n" for each in range(n))),
    "an item after the other": Row(20_000, lambda n: X + "a:\n" + "- a\n" * n),
    "anchors": Row(
        10_000, lambda n: X + "a: [" + "".join(f"&k{each} x, " for each in range(n)) + "]\n"
    ),
    "aliases": Row(10_000, lambda n: X + "x: &x v\na: [" + "*x, " * n + "]\n"),
    "keys that are aliases": Row(
        5_000,
        lambda n: X + "".join(f"a{each}: &k{each} v{each}\n*k{each} : 1\n" for each in range(n)),
    ),
    "tags": Row(10_000, lambda n: X + "a: [" + "!t x, " * n + "]\n"),
    "comments between a tag and its value": Row(
        5_000, lambda n: f"{X}a: !t\n" + " #\r\n" * n + " x\n"
    ),
    "tags and anchors before commas": Row(5_000, lambda n: X + "a: [" + "!t &a, " * n + "]\n"),
    "exclamation marks in a tag": Row(50_000, lambda n: f"{X}a: !{'%21' * n} x\n"),
    "merge keys upon merge keys": Row(
        4,
        lambda n: X
        + "a0: &a0 {x: 1}\n"
        + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, n))
        + f"<<: *a{n - 1}\n",
    ),
    "merge keys in a row": Row(
        2_000, lambda n: X + "x: &x {a: 1}\nb:\n" + "- {<<: *x, a: 2}\n" * n
    ),
    "equal merge keys": Row(2_000, lambda n: X + "x: &x {a: 1}\nb:\n" + "  <<: *x\n" * n),
    # What Kubernetes cannot read.
    "anchors in a text": Row(5_000, lambda n: f"{X}a: '{',&' * n}'\n"),
    "spaces after an anchor": Row(5_000, lambda n: f"{X}a: '{' &' * n}{' ' * n}'\n"),
    "spaces in a text": Row(50_000, lambda n: f"{X}a: 'x{' ' * n}x'\n"),
    "commas and spaces": Row(50_000, lambda n: f"{X}a: '{',  ' * n}'\n"),
    "dashes": Row(20_000, lambda n: f"{X}a: '\n  {'- ' * n}\n  {' -' * n}'\n"),
    "digits": Row(50_000, lambda n: f"{X}a: '{'1' * n}'\n"),
    "words that are null": Row(20_000, lambda n: f"{X}a: '{'null ~ ' * n}'\n"),
    "question marks": Row(20_000, lambda n: f"{X}a: '{'? ' * n}'\n"),
    "backslashes": Row(50_000, lambda n: f"{X}a: '{chr(92) * n}'\n"),
    "escapes": Row(20_000, lambda n: f'{X}a: "{chr(92) * 2 * n}"\n'),
    "a colon in brackets": Row(20_000, lambda n: f"{X}a: [{'x:x, ' * n}]\n"),
    "what is read as Kubernetes does": Row(5_000, lambda n: f"{X}b: ! x\na: [{'[x], ' * n}]\n"),
    # Aliases that are written out.
    "a long plain scalar beside an alias": Row(
        10_000, lambda n: f"{GENERIC}x: &x {'a' * n}<k>\n*x : v\n"
    ),
    "aliases of a long text": Row(
        1_000, lambda n: f"{SECRET}x: &x {'YWFh' * n}\ny: [{'*x, ' * n}]\n"
    ),
    "aliases in lists of a long list": Row(
        100, lambda n: f"{X}x: &x [{'a, ' * n}]\ny: [{'[*x], ' * (n // 4)}]\n"
    ),
    "aliases that are written out": Row(
        300, lambda n: f"{MAP}x: &x '<path:kv/data/x#k>'\ny: [{'[*x], ' * n}]\n", "be deployed"
    ),
    # Placeholders.
    "fields at the root": Row(
        1_000, lambda n: MAP + "".join(f"k{each}: <path:kv/data/x#k>\n" for each in range(n))
    ),
    "fields in a list": Row(3_000, lambda n: MAP + "a:\n" + "- <path:kv/data/x#k>\n" * n),
    "fields in braces": Row(
        1_000,
        lambda n: MAP
        + "data: {"
        + "".join(f"k{each}: <path:kv/data/x#k>, " for each in range(n))
        + "}\n",
    ),
    "fields with tags": Row(3_000, lambda n: MAP + "a:\n" + "- !!str <path:kv/data/x#k>\n" * n),
    "anchors before a field": Row(
        300, lambda n: MAP + "a: [" + "'[&,&,&,&,&,&,&,&', !!str <path:kv/data/x#k>, " * n + "]\n"
    ),
    "blank lines after a field": Row(
        20_000, lambda n: f"{MAP}a: <path:kv/data/x#k>\n" + " \t\n" * n + "z: 1\n"
    ),
    "fields on a long line": Row(
        2_000, lambda n: MAP + "a: [" + "!!str <path:kv/data/x#k>, " * n + "]\n"
    ),
    "many placeholders in a field": Row(3_000, lambda n: f"{MAP}a: {'<path:kv/data/x#k>' * n}\n"),
    "placeholders that fail in a field": Row(
        3_000, lambda n: f"{GENERIC}a: '{'<no>' * n}'\n", "is not in the secret"
    ),
    "different placeholders that fail in a field": Row(
        3_000,
        lambda n: f"{GENERIC}a: '{''.join(f'<no{each}>' for each in range(n))}'\n",
        "is not in the secret",
    ),
    "placeholders in base64 that fail in a field": Row(
        1_000,
        lambda n: f"{SECRET}stringData:\n  a: '"
        + ", ".join(packed(f"<path:kv/data/x#no{each}>") for each in range(n))
        + "'\n",
        "is not in the secret",
    ),
    "placeholders that fail after an escape": Row(
        3_000, lambda n: f'{GENERIC}a: "{chr(92)}x3cnope>{"<no>" * n}"\n', "is not in the secret"
    ),
    "placeholders that fail on many lines": Row(
        3_000, lambda n: f"{GENERIC}a: |\n" + "  <no>\n" * n, "is not in the secret"
    ),
    "brackets on lines": Row(20_000, lambda n: GENERIC + "a: '" + "<\n\n  " * n + ">'\n"),
    "brackets on one line": Row(
        20_000, lambda n: GENERIC + "a: '" + "<k>" * n + "'\n"
    ),
    "brackets that open": Row(50_000, lambda n: f"{GENERIC}a: '{'<' * n}'\n"),
    "brackets that close": Row(50_000, lambda n: f"{GENERIC}a: '{'<' + '>' * n}'\n", "next"),
    "inline brackets on lines": Row(
        20_000, lambda n: MAP + "a: '" + "<path:#\n\n  " * n + ">'\n", "would be deployed"
    ),
    "hashes": Row(50_000, lambda n: f"{MAP}a: '<path:a{'#' * n}'\n", "would be deployed"),
    "paths in a placeholder": Row(50_000, lambda n: f"{GENERIC}a: <{'path:' * n}#>\n", "next"),
    "empty paths in a placeholder": Row(
        50_000, lambda n: f"{GENERIC}a: <{'path:#' * n}#>\n", "next"
    ),
    "bars": Row(20_000, lambda n: f"{GENERIC}a: <k{'|' * n}>\n", "no modifier"),
    "modifiers": Row(1_000, lambda n: f"{GENERIC}a: <k{'| upper ' * n}>\n"),
    "a modifier that is not known": Row(
        50_000, lambda n: f"{GENERIC}a: <k | {'a' * n}>\n", "unknown modifier"
    ),
    "a default of many words": Row(20_000, lambda n: f"{GENERIC}a: <no | default {'a ' * n}>\n"),
    "a default of quotes": Row(50_000, lambda n: f"{GENERIC}a: <no | default {chr(34) * n}x>\n"),
    "an indentation of many digits": Row(
        50_000, lambda n: f"{GENERIC}a: <k | indent {'0' * n}x>\n", "whole"
    ),
    "keys that the secret does not hold": Row(
        300, lambda n: GENERIC + "".join(f"k{each}: <no{each}>\n" for each in range(n)), "is not in"
    ),
    "a long key that the secret does not hold": Row(
        20_000, lambda n: f"{GENERIC}a: <{'k' * n}>\n", "is not in the secret"
    ),
    "placeholders without a path": Row(
        100,
        lambda n: "kind: ConfigMap\nmetadata: {annotations: {avp.kubernetes.io/path: ''}}\n"
        + "".join(f"k{each}: <k{each}>\n" for each in range(n)),
        "the path annotation is empty",
    ),
    "fields below a long key": Row(
        2_000,
        lambda n: f"{MAP}? {'k' * n}\n: [" + "{a: <path:kv/data/x#k>}, " * n + "]\n",
    ),
    "fields without placeholders below a long key": Row(
        2_000, lambda n: f"{MAP}b: '<'\n? {'k' * n}\n: [" + "{a: b}, " * n + "]\n"
    ),
    "a field far below": Row(
        20,
        lambda n: MAP
        + "".join(f"{' ' * each}k:\n" for each in range(n))
        + " " * n
        + "a: <path:kv/data/x#k>\n",
    ),
    # Secrets.
    "base64 in a Secret": Row(2_000, lambda n: SECRET + "data:\n" + f"  k: [{PACKED * n}]\n"),
    "fields in base64": Row(
        500, lambda n: SECRET + "data:\n" + "".join(f"  k{each}: {PACKED}\n" for each in range(n))
    ),
    "text tagged as binary": Row(
        20_000, lambda n: SECRET + "data:\n" + f"  k: !!binary {'YWFh' * n}\n", "not base64"
    ),
    "words of base64": Row(5_000, lambda n: f"{SECRET}a: '{'YWFhYWFh, ' * n}'\n"),
    "words of base64 with placeholders": Row(
        1_000, lambda n: f"{SECRET}a: '{f'{PACKED}, ' * n}'\n"
    ),
    "layers of base64": Row(
        500, lambda n: f"{SECRET}data: {{a: {packed(packed(f'{PACKED}, ' * n))}}}\n"
    ),
    "signs of placeholders in a word": Row(
        5_000, lambda n: f"{SECRET}a: x{'PHBhdGg6' * n}\n"
    ),
    "signs of placeholders at every place": Row(
        2_000, lambda n: f"{X}a: {'PHBhdGg6xwYXRoO8cGF0aD' * n}\n"
    ),
    "signs of placeholders in layers": Row(
        1_000, lambda n: f"{SECRET}a: x{packed('y' + packed('z' + 'PHBhdGg6' * n))}\n"
    ),
    "halves of a sign": Row(5_000, lambda n: f"{X}a: '{'PHBhdGg ' * n}'\n"),
    "spaces in a sign": Row(20_000, lambda n: f"{X}a: 'PHB{' ' * n}h'\n"),
    "large numbers in JSON": Row(
        20_000, lambda n: '{"kind": "X", "a": [' + "1e308, " * n + "1e309]}", "too large"
    ),
    "lines of base64": Row(5_000, lambda n: f"{SECRET}a: |\n" + "  YWFhYWFh\n" * n),
    "names in base64": Row(
        2_000,
        lambda n: "kind: Secret\nmetadata: {annotations: {avp.kubernetes.io/path: kv/data/x}}\n"
        f"a: '{packed('<k>' * n)} x'\n",
    ),
    "half a name in base64": Row(
        5_000,
        lambda n: "kind: Secret\nmetadata: {annotations: {avp.kubernetes.io/path: kv/data/x}}\n"
        f"a: '{packed('<k ' * n)} x'\n",
    ),
    # Keys that are removed.
    "missing keys": Row(
        1_000,
        lambda n: REMOVING
        + "data:\n"
        + "".join(f"  k{each}: <no>\n" for each in range(n))
        + "  z: 1\n",
    ),
    "missing keys in braces": Row(
        500,
        lambda n: REMOVING
        + "data: {"
        + "".join(f"k{each}: <no>, " for each in range(n))
        + "z: 1}\n",
    ),
    "missing keys, every other": Row(
        500,
        lambda n: REMOVING
        + "data: {"
        + "".join(f"k{each}: <no>, j{each}: 1, " for each in range(n))
        + "}\n",
    ),
    "missing keys that a merge brings back": Row(
        200, lambda n: REMOVING + "a:\n" + "- {<<: {a: 1}, a: <no>, b: 1}\n" * n
    ),
    "lists of missing keys": Row(500, lambda n: REMOVING + "a:\n" + "- {a: <no>, b: 1}\n" * n),
    # An import.
    "an import beside many keys": Row(
        1_000,
        lambda n: "kind: ConfigMap\n"
        + "metadata: {annotations: {avp.kubernetes.io/import: kv/data/x}}\n"
        + "data:\n"
        + "".join(f"  k{each}: v\n" for each in range(n)),
    ),
    # Items of a list.
    "items": Row(1_000, lambda n: LIST + f"- {ITEM}\n" * n),
    "items that are aliases": Row(
        500, lambda n: f"{LIST}- &x {{kind: A, a: {'b' * n}}}\n" + "- *x\n" * n
    ),
    "items whose aliases are written out": Row(
        500, lambda n: f"{LIST}- {{kind: A, a: &x [<path:kv/data/x#k>]}}\n" + "- {b: *x}\n" * n
    ),
    "items with missing keys": Row(
        500, lambda n: LIST + f"- {{{REMOVING.strip().replace(chr(10), ', ')}, a: <no>}}\n" * n
    ),
    "items with an import": Row(
        300,
        lambda n: LIST
        + "- kind: Secret\n  metadata: {annotations: {avp.kubernetes.io/import: kv/data/x}}\n" * n,
    ),
    "items with text in base64": Row(
        500, lambda n: LIST + f"- {{kind: Secret, data: {{k: {PACKED}, b: YWJj}}}}\n" * n
    ),
    # Placeholders in keys.
    "keys in brackets": Row(
        1_000,
        lambda n: GENERIC + "a: {" + "".join(f"<k{each}>: 1, " for each in range(n)) + "}\n",
        "in a key",
    ),
    "keys in brackets below a long key": Row(
        1_000, lambda n: f"{GENERIC}? {'k' * n}\n: [" + "{<k>: 1}, " * n + "]\n", "in a key"
    ),
    "a bracket and a long key": Row(20_000, lambda n: f"{GENERIC}a: <k>\n? <{'k ' * n}\n: 1\n"),
    "a long name and spaces in a key": Row(
        20_000, lambda n: f"{GENERIC}a: <k>\n? '<{'k' * n}{' ' * n}'\n: 1\n"
    ),
    # Placeholders that are never filled.
    **{
        f"leftovers of {atom!r}": Row(5_000, repeated(atom), says)
        for atom, says in {
            "<path:": "", "\\x3cpath:": "", "%3cpath:": "", "&lt;path:": "",
            "&#60;path:": "would be deployed",
            "&#0": "", "<   ": "", "\\u003c path:": "", "%3Cpath%3a": "", "path:": "",
            "&lt;path:#": "would be deployed",
        }.items()
    },
    "leftovers in many fields": Row(
        1_000, lambda n: X + "a:\n" + "- '%3Cpath:kv/data/x#k%3E'\n" * n, "would be deployed"
    ),
    "leftovers below a long key": Row(
        1_000,
        lambda n: f"{X}? {'k' * n}\n: [" + "'%3Cpath:kv/data/x#k%3E', " * n + "]\n",
        "would be deployed",
    ),
}  # fmt: skip


BIG: Final = f"# generator\nx: [{'a, ' * 2_000}]\n"
GENERATOR: Final = "apiVersion: builtin\nkind: ConfigMapGenerator\n"


def spelled(names: Iterable[str], field: str = "resources") -> str:
    """Return a kustomization that names files or folders."""
    return f"{field}:\n" + "".join(f"- {each}\n" for each in names)


class Folder(NamedTuple):
    """A folder with a kustomization, by its size.

    Attributes:
        n: the size at which a quadratic step shows.
        files: returns the files of a size.
        links: returns the symlinks of a size.
    """

    n: int
    files: Callable[[int], Mapping[str, str]]
    links: Callable[[int], Mapping[str, str]] = lambda _: {}


FOLDERS: Final[Mapping[str, Folder]] = {
    "a plugin's configuration by many links": Folder(
        50,
        lambda n: {
            "kustomization.yaml": spelled((f"l{each}" for each in range(n)), "generators"),
            "big": GENERATOR + BIG,
        },
        lambda n: {f"l{each}": "big" for each in range(n)},
    ),
    "a large kustomization by many links": Folder(
        50,
        lambda n: {
            "kustomization.yaml": spelled(f"l{each}" for each in range(n)),
            "big/kustomization.yaml": BIG,
        },
        lambda n: {f"l{each}": "big" for each in range(n)},
    ),
    "a large kustomization in many spellings": Folder(
        500,
        lambda n: {
            "kustomization.yaml": spelled("a/../" * each + "big" for each in range(n // 10)),
            "big/kustomization.yaml": BIG,
        },
    ),
    "a large kustomization of folders within folders": Folder(
        20,
        lambda n: {
            "/".join("a" * n) + "/big": BIG + "resources: [a]\n",
        },
        lambda n: {
            "a/" * each + "kustomization.yaml": "a/" * (n - 1 - each) + "a/big"
            for each in range(n)
        },
    ),
    "a path of many parts": Folder(
        50_000, lambda n: {"kustomization.yaml": spelled(["a/" * n + "b"])}
    ),
    "a path of many parts in a text": Folder(
        50_000, lambda n: {"kustomization.yaml": f"generators: ['a: b{'/a' * n}']\n"}
    ),
    "a path that climbs": Folder(
        50_000, lambda n: {"kustomization.yaml": spelled(["a/" * n + "../" * n + "b"])}
    ),
    "many bases": Folder(3_000, lambda n: {"kustomization.yaml": spelled(map(str, range(n)))}),
    "many plugins": Folder(
        3_000, lambda n: {"kustomization.yaml": spelled(map(str, range(n)), "generators")}
    ),
    "many fetched plugins": Folder(
        3_000,
        lambda n: {
            "kustomization.yaml": spelled((f"http://a/{each}" for each in range(n)), "validators")
        },
    ),
    "a chart's home of many parts": Folder(
        50_000,
        lambda n: {"kustomization.yaml": f"helmCharts: []\nhelmGlobals: {{chartHome: {'a/' * n}}}"},
    ),
    "lists of plugins' configurations": Folder(
        2_000, lambda n: {"kustomization.yaml": f"generators: ['items: [{'{items: []}, ' * n}]']\n"}
    ),
    "documents of plugins' configurations": Folder(
        2_000,
        lambda n: {"kustomization.yaml": "generators: [g]\n", "g": f"---\n{GENERATOR}" * n},
    ),
    "bases that rename images": Folder(
        30,
        lambda n: {
            "kustomization.yaml": spelled(["a.yaml", *(f"b{each}" for each in range(n))]),
            "a.yaml": "containers:\n" + "".join(f"- image: b0:{tag}\n" for tag in range(50 * n)),
            **{
                f"b{each}/kustomization.yaml": f"images: [{{name: b{each}, newName: b{each + 1}}}]"
                for each in range(n)
            },
        },
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLDERS)
def test_a_kustomization_is_looked_at_in_linear_time(name: str, tmp_path: Path) -> None:
    row = FOLDERS[name]

    def make(n: int) -> Path:
        folder = tmp_path / str(n)
        write(folder, row.files(n))
        for link, target in row.links(n).items():
            (folder / link).symlink_to(target)
        return folder

    def look(folder: Path) -> None:
        repository = Repository(folder, True)
        roots = find_roots(folder, repository)
        assert roots.references
        for base, refers in roots.references:
            for path in refers.paths:
                reach(base, path, repository)
        images_in(folder, repository)

    refuse_growth(make, look, row.n)


REMOTES: Final[Mapping[str, tuple[int, Callable[[int], Sequence[str]]]]] = {
    "a long URL": (4_000, lambda n: ["a/" * n]),
    "URLs with long paths": (50, lambda n: ["a/" * 55 + f"b{each}" for each in range(n)]),
    "URLs with short paths": (1_000, lambda n: [f"a/b{each}" for each in range(n)]),
}
"""What follows `//` in the URLs of bases in a git repository."""


@pytest.mark.slow
@pytest.mark.parametrize("name", REMOTES)
def test_bases_in_a_commit_are_found_in_linear_time(name: str, tmp_path: Path) -> None:
    n, paths = REMOTES[name]
    clone = write(tmp_path / "clone", {"a/" * 60 + "x": ""})

    def make(n: int) -> Path:
        urls = (f"https://git.example/r.git//{each}?ref=main" for each in paths(n))
        return write(tmp_path / str(n), {"kustomization.yaml": spelled(urls)})

    def prepare(folder: Path) -> None:
        files = RemoteFiles(DictFetcher(), 1 << 24, confined=True)
        with contextlib.suppress(RenderError):
            files.fetch(find_roots(folder, Repository(folder, True)))
        files.prepare(clone)

    refuse_growth(make, prepare, n)


KUSTOMIZATIONS: Final[Mapping[str, Callable[[int], str]]] = {
    "images": lambda n: (
        "images:\n" + "".join(f"- name: a{each}\n  newTag: b\n" for each in range(n))
    ),
    "annotations": lambda n: (
        "commonAnnotations:\n" + "".join(f"  a{each}: b\n" for each in range(n))
    ),
    "resources": lambda n: "resources:\n" + "- a\n" * n,
    "blank lines": lambda n: "resources: []\n" + "  \n" * n + "namePrefix: a\n" + "- \n" * n,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_a_kustomization_is_edited_in_linear_time(name: str) -> None:
    def edit(text: str) -> None:
        edit_kustomization(text, ("a", "b"), ["a:b"])

    refuse_growth(KUSTOMIZATIONS[name], edit, 2_000)


@pytest.mark.slow
@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_are_filled_in_linear_time(name: str, run: Run, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text("kv/data/x: {k: value}\n")
    env = {"PATH": "", "AVP_TYPE": "file", "AVP_FILE": str(secrets)}
    row = MANIFESTS[name]

    def generate(text: bytes) -> None:
        run("generate", "-", env=env, stdin=text)

    result = run("generate", "-", env=env, stdin=row.text(2).encode())
    assert row.says in result.err
    assert (result.code != 0) is bool(row.says), result.err
    refuse_growth(lambda n: row.text(n).encode(), generate, row.n)


def test_every_expression_has_been_looked_at() -> None:
    root = Path(avp_py.__file__).parent
    packages = (
        "archives",
        "manifests",
        "modifiers",
        "golang",
        "render",
        "sandbox",
        "settings",
        "generate",
        "policy",
    )
    found = {}
    for file in sorted(root.rglob("*.py")):
        name = str(file.relative_to(root))
        calls = [
            each.func
            for each in ast.walk(ast.parse(file.read_text()))
            if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute)
        ]
        number = sum(
            isinstance(call.value, ast.Name) and call.value.id == "re" and call.attr != "escape"
            for call in calls
        )
        if number and name.startswith(packages):
            found[name] = number
    assert found == EXPRESSIONS, "add a row to MANIFESTS, then count the new expression"
