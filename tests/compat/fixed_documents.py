"""Manifests for each rule of argocd-vault-plugin, with the result of both programs.

RULES lists the rules by their number; `Fixed.line` names the one that a case shows.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.compat.case import Case, manifests

RULES: Final[Mapping[int, str]] = {
    6: "the command line and the settings file",
    7: "which files and documents are read",
    8: "precedence: AVP_ names: Application, environment, file; VAULT_ names: the file wins",
    9: "the names of settings and what they take",
    10: "backends",
    11: "annotations and their booleans",
    14: "1. which expression seeks: with the path annotation, or without",
    15: "2. how far an inline path reaches",
    16: "3. what only looks like a placeholder",
    17: "4. what is trimmed from a match",
    18: "5. how modifiers are split off",
    19: "6. where placeholders are searched for",
    22: "7. types: the whole field gets the type of the value",
    23: "8. ConfigMaps hold text; base64 in Secrets",
    24: "9. missing keys, and remove-missing",
    25: "10. versions, and paths that are cleaned",
    28: "the seven modifiers",
}
"""The rules of argocd-vault-plugin that both programs follow. For its defects see deviations.py."""


@dataclass(frozen=True)
class Fixed:
    """One case.

    Attributes:
        line: the rule that it shows.
        case: the input.
        expected: the result of both programs (`Outcome.shown`).
    """

    line: int
    case: Case
    expected: str

    @property
    def name(self) -> str:
        """Return the name of the test."""
        return f"{self.line}: {self.case.name}"


def annotated(body: str, *, kind: str = "Widget", path: str = "kv/data/app", **others: str) -> str:
    """Return a manifest with the path annotation, and others such as `kv_version="1"`."""
    lines = [f'    avp.kubernetes.io/path: "{path}"']
    lines += [
        f'    avp.kubernetes.io/{name.replace("_", "-")}: "{value}"'
        for name, value in others.items()
    ]
    return "\n".join([f"kind: {kind}", "metadata:", "  annotations:", *lines, body, ""])


def plain(body: str, *, kind: str = "Widget") -> str:
    """Return a manifest without annotations."""
    return f"kind: {kind}\n{body}\n"


def encoded(text: str | bytes) -> str:
    """Return a text in base64."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


USER: Final = "<path:kv/data/app#user>"

_TABLE: Final = (
    # Which documents there are.
    (7, "empty documents are skipped", "---\n---\nkind: A\n---\n# nothing\n---\nnull\n---\n", "{}"),
    (7, "two documents", "kind: A\nx: 1\n---\nkind: B\nz: 2\n", '[{"x": 1}, {"z": 2}]'),
    (7, "JSON", '{"kind": "A", "x": "<path:kv/data/app#user>"}', '"alice"'),
    (7, "a stream of JSON", '{"kind": "A", "x": 1} {"kind": "B", "y": 2}', '[{"x": 1}, {"y": 2}]'),
    (7, "escapes of JSON", r'{"kind": "A", "x": "\ud83e\udd89 \/ \u003ca\u003e"}', '"🦉 / <a>"'),
    (7, "no kind", "metadata: {name: a}\n", "error"),
    (7, "an empty kind", "kind: ''\nx: 1\n", "error"),
    (7, "a kind that is not text", "kind: yes\nx: 1\n", "error"),
    (7, "an invalid apiVersion", "apiVersion: a/b/c\nkind: A\n", "error"),
    (7, "an apiVersion that is not text", "apiVersion: 1\nkind: A\nx: 1\n", "1"),
    (7, "one document of two without kind", "kind: A\n---\nx: 1\n", "error"),
    (7, "a document that is a list", "- kind: A\n", "error"),
    (7, "a document that is a text", "text\n", "error"),
    (7, "a document that is not YAML", "kind: A\nx: [\n", "error"),
    (7, "a key that is null", "kind: A\n~: 1\n", "error"),
    (7, "a key that is a list", "kind: A\n? [a]\n: 1\n", "error"),
    (7, "a number without end", "kind: A\nx: .inf\n", "error"),
    (7, "a tag that does not fit", "kind: A\nx: !!int a\n", "error"),
    (7, "a merge of something that is not a mapping", "kind: A\nx: {<<: 1}\n", "error"),
    (7, "a directive", "%YAML 1.1\n---\nkind: A\n", "error"),
    (7, "a question mark in braces", "kind: A\nx: [a?b]\n", "error"),
    (7, "an escaped slash", 'kind: A\nx: "a\\/b"\n', "error"),
    (7, "a byte order mark", "\ufeffkind: A\nx: 1\n", "1"),
    (7, "Windows line ends", "kind: A\r\nx: |\r\n  a\r\n  b\r\n", r'"a\nb\n"'),
    (7, "no line end at the end", f"kind: A\nx: |\n  {USER}", r'"alice\n"'),
    (7, "an item of a List that has no annotations and is not a Secret",
     plain(f"items:\n- {{kind: A, x: <user>, z: '{USER}'}}", kind="List"),
     '[{"kind": "A", "x": "<user>", "z": "alice"}]'),
    (7, "annotations of a List", annotated("items: [{kind: A, x: <user>}]", kind="List"),
     '[{"kind": "A", "x": "alice"}]'),
    (7, "a List that is ignored",
     annotated("items: [{kind: A, x: <user>}]", kind="List", ignore="1"),
     '[{"kind": "A", "x": "<user>"}]'),
    (7, "a List in a List",
     plain("items:\n- kind: List\n  items: [{kind: Secret, data: {a: PHVzZXI+}}]", kind="List"),
     '[{"items": [{"data": {"a": "PHVzZXI+"}, "kind": "Secret"}], "kind": "List"}]'),
    (7, "booleans and numbers of YAML 1.1", "kind: A\nx: [yes, 0777, 1_000]\n",
     "[true, 511, 1000]"),
    (7, "anchors and merges", "kind: A\na: &a {x: 1}\nb: {<<: *a, z: 2}\n",
     '{"a": {"x": 1}, "b": {"x": 1, "z": 2}}'),
    (7, "duplicate keys", f"kind: A\nx: {{a: 1, a: '{USER}', z: 1, 'z': 2}}\n",
     '{"a": "alice", "z": 2}'),
    (7, "a duplicate key whose first value cannot be resolved",
     "kind: A\nx: <path:kv/data/app#absent>\nx: {a: <path:kv/data/absent#a>}\nx: 1\n", "1"),
    (7, "a duplicate kind",
     f"kind: ConfigMap\nkind: Secret\ndata: {{a: {encoded(USER)}}}\n",
     f'{{"a": "{encoded("alice")}"}}'),
    (7, "duplicate keys in JSON", '{"kind": "A", "x": 1, "x": "<path:kv/data/app#user>"}',
     '"alice"'),
    (7, "duplicate boolean keys", "kind: A\nx: {on: 1, YES: 2}\n", '{"true": 2}'),
    (7, "duplicate number keys", "kind: A\nx: {0x1: 1, 1: 2}\n", '{"1": 2}'),
    (7, "duplicate merge keys",
     "kind: A\nx: {a: 1, <<: {a: 2, b: 2}, <<: {b: 3}, z: 4, <<: {z: 5}}\n",
     '{"a": 2, "b": 3, "z": 5}'),
    (7, "repeated metadata",
     annotated("metadata: {annotations: {avp.kubernetes.io/path: kv/data/other}}\nx: <user>"),
     '"dave"'),
    (11, "a repeated path",
     annotated("x: <user>").replace(
         "  annotations:", "  annotations:\n    avp.kubernetes.io/path: kv/data/absent"
     ), '"alice"'),
    (11, "a repeated ignore",
     annotated("x: <user>", ignore="false").replace(
         "  annotations:", "  annotations:\n    avp.kubernetes.io/ignore: 'true'"
     ), '"alice"'),
    (24, "remove-missing removes all of the repeated keys",
     annotated("data: {a: '1', b: '2', a: <absent>}", kind="ConfigMap", remove_missing="true"),
     '{"b": "2"}'),
    # Annotations.
    (11, "ignore", annotated("x: <absent>", ignore="true"), '"<absent>"'),
    (11, "ignore in another form", annotated("x: <absent>", ignore="T"), '"<absent>"'),
    (11, "ignore that does not parse", annotated("x: <user>", ignore="yes"), '"alice"'),
    (11, "ignore false", annotated("x: <user>", ignore="0"), '"alice"'),
    (11, "ignore beside remove-missing on another kind",
     annotated("x: <user>", ignore="1", remove_missing="1"), '"<user>"'),
    (11, "remove-missing that does not parse",
     annotated("data: {a: <absent>}", kind="Secret", remove_missing="on"), "error"),
    (11, "annotations of a template within do not count",
     plain("spec: {metadata: {annotations: {avp.kubernetes.io/path: kv/data/app}}, x: <user>}"),
     '{"metadata": {"annotations": {"avp.kubernetes.io/path": "kv/data/app"}}, "x": "<user>"}'),
    # 1. Which expression seeks.
    (14, "the annotation makes a key a placeholder", annotated("x: <user>"), '"alice"'),
    (14, "without it a key is none", plain("x: <user>"), '"<user>"'),
    (14, "an inline path needs no annotation", plain(f"x: {USER}"), '"alice"'),
    (14, "an inline path beside the annotation", annotated("x: <path:kv/data/other#user>"),
     '"dave"'),
    (14, "an inline path with a version", plain("x: <path:kv/data/app#user#1>"), '"bob"'),
    (14, "an empty annotation makes every bracket one", annotated("x: <b>", path=""), "error"),
    (14, "two in one string", annotated("x: <user>:<password>"),
     '''"alice:s3cr:t #1 'x' \\"y\\" \\\\z"'''),
    (14, "a key does not span lines", annotated('x: "<us\\ner>"'), r'"<us\ner>"'),
    (14, "text in brackets is a key", annotated("x: a <b> c"), "error"),
    (14, "arrows are none", annotated("x: a -> b <- c"), '"a -> b <- c"'),
    # 2. How far an inline path reaches.
    (15, "it spans brackets", plain("x: '<path:kv/data/other> text # more >'"), "error"),
    (15, "it spans brackets to a path that is there",
     plain("x: '<path:kv/data/a>/../../data/app#user>'"), '"alice"'),
    (15, "it spans lines", plain('x: "<path:kv/data/x\\ny#user>"'), "error"),
    (15, "it needs a key", plain("x: <path:kv/data/app#>"), '"<path:kv/data/app#>"'),
    (15, "it needs a path", plain("x: <path:#user>"), '"<path:#user>"'),
    # 3. What only looks like one.
    (16, "a space before path", plain("x: < path:kv/data/app#user>"), '"< path:kv/data/app#user>"'),
    (16, "four parts", plain("x: <path:kv/data/app#user#1#2>"), '"<path:kv/data/app#user#1#2>"'),
    (16, "four parts with the annotation", annotated("x: <path:kv/data/app#user#1#2>"), "error"),
    (16, "a space before path with the annotation", annotated("x: < path:kv/data/other#user>"),
     '"dave"'),
    (16, "another word before path", plain("x: <mypath:kv/data/app#user>"),
     '"<mypath:kv/data/app#user>"'),
    (16, "another word before path with the annotation",
     annotated("x: <mypath:kv/data/other#user>"), '"dave"'),
    # 4. What is trimmed.
    (17, "brackets", annotated("x: <<user>>"), '"alice>"'),
    (17, "spaces around a key", annotated("x: <  user  >"), '"alice"'),
    (17, "spaces around an inline key", plain("x: '<path:kv/data/app#  user  >'"), '"alice"'),
    (17, "tabs around a key", annotated('x: "<\\tuser>"'), "error"),
    (17, "tabs around an inline key", plain('x: "<path:kv/data/app#\\tuser\\t>"'), '"alice"'),
    (17, "spaces before a path stay", plain("x: '<path: kv/data/app#user>'"), "error"),
    (17, "spaces after a path stay", plain("x: '<path:kv/data/app #user>'"), "error"),
    # 5. How modifiers are split off.
    (18, "at every bar", annotated("x: <user | base64encode | base64encode>"), '"WVd4cFkyVT0="'),
    (18, "without spaces", annotated("x: <user|base64encode>"), '"YWxpY2U="'),
    (18, "words are joined with one space", annotated("x: '<json | jsonPath {.user}   {.port}>'"),
     '"app 5432"'),
    (18, "with an inline path", plain("x: <path:kv/data/app#user|base64encode>"), '"YWxpY2U="'),
    (18, "after a version", plain("x: <path:kv/data/app#user#1 | base64encode>"), '"Ym9i"'),
    (18, "an inline path whose modifier holds a hash",
     plain("x: <path:kv/data/app#json | jsonPath {.a#b}>"), "error"),
    # 6. Where placeholders are searched for.
    (19, "in a map", annotated("a: {b: {c: <user>}}"), '{"b": {"c": "alice"}}'),
    (19, "in a list", annotated("a: [<user>, b]"), '["alice", "b"]'),
    (19, "in a map in a list", annotated("a: [{b: <user>}]"), '[{"b": "alice"}]'),
    (19, "not in a list in a list", annotated("a: [[<user>]]"), '[["<user>"]]'),
    (19, "nor in a map below it", annotated("a: [[{b: <user>}]]"), '[[{"b": "<user>"}]]'),
    (19, "not in a key", annotated("<user>: <user>"), '"alice"'),
    (19, "in metadata", plain(f"metadata: {{name: '{USER}'}}"), '{"name": "alice"}'),
    (19, "in a block", annotated("a: |\n  x <user>\n  y"), r'"x alice\ny\n"'),
    (19, "in a folded block", annotated("a: >-\n  x <user>\n  y"), '"x alice y"'),
    (19, "written with an escape", annotated('a: "\\u003cuser\\x3e"'), '"alice"'),
    (19, "at an alias", annotated("a: &a <user>\nb: *a"), '{"a": "alice", "b": "alice"}'),
    (19, "at an alias of what is not searched", annotated("a: [[&a <user>]]\nb: *a"),
     '{"a": [["<user>"]], "b": "alice"}'),
    (19, "not at an alias that is a key", annotated("a: &a <user>\n*a : b"),
     '{"<user>": "b", "a": "alice"}'),
    (19, "a value is not searched again", annotated("a: [<angle>, <inline>]"),
     '["<user>", "<path:kv/data/app#user>"]'),
    (19, "not in what a merge key overrides",
     annotated("x:\n  a: <absent>\n  <<: {a: <user>, b: <absent>}\n  b: 1"),
     '{"a": "alice", "b": 1}'),
    # 7. Types.
    (22, "a number", annotated("a: <port>"), "5432"),
    (22, "a number without its path", plain("a: <path:kv/data/other#port>"), "6379"),
    (22, "numbers of many digits", annotated("a: <biggest>", path="old/app", kv_version="1"),
     "9223372036854775807"),
    (22, "numbers of more digits", annotated("a: <bigger>", path="old/app", kv_version="1"),
     "1.2345678901234567e+19"),
    (22, "numbers with an exponent", annotated("a: [<large>, <tiny>, <exponent>]"),
     "[1e+21, 1e-07, 1000]"),
    (22, "a boolean", annotated("a: [<yes-value>, <no-value>]"), "[true, false]"),
    (22, "a list", annotated("a: <list>"), '["a", "b: c", 3, null, true, 1.5]'),
    (22, "a mapping", annotated("a: <object>"),
     '{"cpu": "1", "memory": "2Gi", "n": 7, "odd key": true}'),
    (22, "null counts as missing", annotated("a: <nothing>"), "error"),
    (22, "an empty text does not", annotated("a: <empty>"), '""'),
    (22, "text that looks like something else stays text",
     annotated("a: [<yes>, <null-text>, <tilde>, <int-text>, <octal>, <exponent-text>, <date>]"),
     '["yes", "null", "~", "42", "0777", "1e3", "2024-02-29"]'),
    (22, "text of many lines", annotated("a: <pem>"),
     r'"-----BEGIN KEY-----\nMIIB+w/0=\nAAAA\n-----END KEY-----\n"'),
    (22, "text that looks like a document", annotated("a: <dashes>"),
     r'"---\nkind: Evil\n---\n"'),
    # 8. ConfigMaps and Secrets.
    (23, "a ConfigMap holds text", annotated("data: {a: <port>, b: <yes-value>}", kind="ConfigMap"),
     '{"a": "5432", "b": "true"}'),
    (23, "everywhere in it", annotated("x: [<port>]", kind="ConfigMap"), '["5432"]'),
    (23, "number as KV 1 has it",
     annotated("data: {a: <trailing>}", kind="ConfigMap", path="old/app", kv_version="1"),
     '{"a": "1.50"}'),
    (23, "base64 in a Secret", annotated(f"data: {{a: {encoded('x<user>')}}}", kind="Secret"),
     f'{{"a": "{encoded("xalice")}"}}'),
    (23, "base64 anywhere in a Secret", annotated(f"x: [{encoded('<user>')}]", kind="Secret"),
     '["YWxpY2U="]'),
    (23, "base64 in another kind", annotated(f"x: {encoded('<user>')}"), '"PHVzZXI+"'),
    (23, "numbers in base64 are text",
     annotated(f"data: {{a: {encoded('<port>')}}}", kind="Secret"),
     f'{{"a": "{encoded("5432")}"}}'),
    (23, "bytes in base64",
     annotated(f"data: {{a: {encoded(bytes([255, 0]) + b'<user>')}}}", kind="Secret"),
     f'{{"a": "{encoded(bytes([255, 0]) + b"alice")}"}}'),
    (23, "base64 with an inline path and no annotation",
     plain(f"data: {{a: {encoded(USER)}}}", kind="Secret"), '{"a": "YWxpY2U="}'),
    (23, "base64 without padding is text",
     annotated(f"data: {{a: {encoded('<user>xx').rstrip('=')}}}", kind="Secret"),
     f'{{"a": "{encoded("<user>xx").rstrip("=")}"}}'),
    (23, "base64 with line breaks",
     annotated(f'data: {{a: "{encoded("x<user>")[:4]}\\n{encoded("x<user>")[4:]}"}}',
               kind="Secret"),
     f'{{"a": "{encoded("xalice")}"}}'),
    (23, "a placeholder in data is not encoded",
     annotated("data: {a: <user>}", kind="Secret"), '{"a": "alice"}'),
    (23, "a number in stringData stays one",
     annotated("stringData: {a: <port>}", kind="Secret"), '{"a": 5432}'),
    (23, "brackets beside text, in base64 of base64",
     annotated(f"data: {{a: {encoded(encoded('a <user>'))}}}", kind="Secret"),
     f'{{"a": "{encoded(encoded("a <user>"))}"}}'),
    # 9. What is missing.
    (24, "a missing key", annotated("a: <absent>"), "error"),
    (24, "a missing key of an inline path", plain("a: <path:kv/data/app#absent>"), "error"),
    (24, "a missing path", plain("a: <path:kv/data/absent#user>"), "error"),
    (24, "a missing mount", plain("a: <path:nowhere/data/absent#user>"), "error"),
    (24, "one of two", annotated("a: <user>\nb: <absent>"), "error"),
    (24, "remove-missing in a Secret",
     annotated("data: {a: <absent>, b: <user>}", kind="Secret", remove_missing="true"),
     '{"b": "alice"}'),
    (24, "remove-missing in a ConfigMap",
     annotated("data:\n  a: x<absent>\n  b: <user>", kind="ConfigMap", remove_missing="true"),
     '{"b": "alice"}'),
    (24, "remove-missing of the only key",
     annotated("data:\n  a: <absent>", kind="Secret", remove_missing="true"), "{}"),
    (24, "remove-missing beside an empty mapping",
     annotated("data:\n  a: <absent>\nx: {}", kind="Secret", remove_missing="true"),
     '{"data": {}, "x": {}}'),
    (24, "remove-missing of an inline path",
     annotated("data: {a: <path:kv/data/app#absent>, b: c}", kind="Secret", remove_missing="true"),
     '{"b": "c"}'),
    (24, "remove-missing in base64",
     annotated(f"data: {{a: {encoded('<absent>')}, b: c}}", kind="Secret", remove_missing="true"),
     '{"b": "c"}'),
    (24, "remove-missing of null",
     annotated("data: {a: <nothing>, b: c}", kind="Secret", remove_missing="true"), '{"b": "c"}'),
    (24, "remove-missing with modifiers, wrong ones too",
     annotated("data: {a: <absent | base64encode>, b: <absent | indent x>, c: '<absent | >', d: e}",
               kind="Secret", remove_missing="true"), '{"d": "e"}'),
    (24, "remove-missing at an alias",
     annotated("data: {a: &a <absent>, b: *a, c: d}", kind="Secret", remove_missing="true"),
     '{"c": "d"}'),
    (24, "remove-missing in a list",
     annotated("data: {a: [<absent>]}", kind="Secret", remove_missing="true"), "error"),
    (24, "remove-missing of a missing path",
     annotated("data: {a: <path:kv/data/absent#user>}", kind="Secret", remove_missing="true"),
     "error"),
    (24, "remove-missing on another kind", annotated("a: b", remove_missing="true"), "error"),
    (24, "remove-missing of the last block scalar, and what follows",
     annotated("data:\n  a: >-\n    x<absent>\n---\nkind: B", kind="Secret", remove_missing="true"),
     '[{"data": {}}, {}]'),
    (24, "remove-missing of a key with a question mark",
     annotated("data:\n  ? a\n  : <absent>\n  ? b\n  : c", kind="Secret", remove_missing="true"),
     '{"b": "c"}'),
    # 10. Versions and paths.
    (25, "secret-version", annotated("a: <user>", secret_version="1"), '"bob"'),
    (25, "secret-version of no version", annotated("a: <user>", secret_version="7"), "error"),
    (25, "secret-version not a number", annotated("a: <user>", secret_version="x"), "error"),
    (25, "secret-version 0 is the newest", annotated("a: <user>", secret_version="0"), '"alice"'),
    (25, "secret-version below 0 too", annotated("a: <user>", secret_version="-1"), '"alice"'),
    (25, "secret-version is not for inline paths", annotated(f"a: {USER}", secret_version="1"),
     '"alice"'),
    (25, "a deleted version", plain("a: <path:kv/data/app#x#3>"), "error"),
    (25, "a destroyed version", plain("a: <path:kv/data/app#x#4>"), "error"),
    (25, "a deleted secret", plain("a: <path:kv/data/gone#user>"), "error"),
    (25, "kv-version for a key", annotated("a: <user>", path="old/other", kv_version="1"),
     '"frank"'),
    (25, "kv-version for an inline path",
     'kind: A\nmetadata: {annotations: {avp.kubernetes.io/kv-version: "1"}}\n'
     "a: <path:old/other#user>\n", '"frank"'),
    (25, "kv-version of no version", annotated("a: <user>", kv_version="3"), "error"),
    (25, "KV 1 knows no versions",
     annotated("a: <user>", path="old/other", kv_version="1", secret_version="9"), '"frank"'),
    (25, "KV 2 read as KV 1", annotated("a: <data>", path="kv/data/other", kv_version="1"),
     '{"host": "db.example", "port": 6379, "user": "dave"}'),
    (25, "a path with slashes", plain("a: <path:/kv//data/app/#user>"), '"alice"'),
    (25, "a path with dots", plain("a: <path:kv/./data/x/../app#user>"), '"alice"'),
    (25, "a path with a space", plain("a: <path:kv/data/my app#user>"), '"spaced path"'),
    (25, "a path with a letter", plain("a: <path:kv/data/über#user>"), '"unicode path"'),
    (25, "a path with a percent sign", plain("a: <path:kv/data/50%25#user>"), '"percent path"'),
    (25, "a path with a question mark", plain("a: <path:kv/data/app?version=1#user>"), "error"),
    # Modifiers.
    (28, "base64encode", annotated("a: <user | base64encode>"), '"YWxpY2U="'),
    (28, "base64encode of bytes", annotated("a: <base64-bytes | base64decode | base64encode>"),
     '"/wD+gA=="'),
    (28, "base64encode of a number", annotated("a: <port | base64encode>"), "error"),
    (28, "base64encode of a list", annotated("a: <list | base64encode>"), "error"),
    (28, "base64encode with an argument", annotated("a: <user | base64encode x>"), "error"),
    (28, "base64decode", annotated("a: <base64 | base64decode>"), '"hello world"'),
    (28, "base64decode over lines", annotated("a: <base64-lines | base64decode>"), '"hello world"'),
    (28, "base64decode of a boolean", annotated("a: <yes-value | base64decode>"), "error"),
    (28, "base64decode with an argument", annotated("a: <base64 | base64decode x>"), "error"),
    (28, "jsonPath", annotated("a: '<json | jsonPath {.hosts[0]}>'"), '"a"'),
    (28, "jsonPath of two fields", annotated("""a: "<json | jsonPath {.user}{':'}{.port}>" """),
     '"app:5432"'),
    (28, "jsonPath with a range",
     annotated("""a: "<json | jsonPath {range .hosts[*]}{@}{','}{end}>" """), '"a,b,"'),
    (28, "jsonPath with a filter",
     annotated("""a: '<json-list | jsonPath {[?(@.name!="a")].name}>'"""), '"b"'),
    (28, "jsonPath with a filter that ends the placeholder",
     annotated("a: '<json-list | jsonPath {[?(@.size>1)].name}>'"), "error"),
    (28, "jsonPath of floats", annotated("a: '<json-floats | jsonPath {.a} {.c} {.d} {.e}>'"),
     '"1e+06 1e+21 1e-07 1.234567895e+08"'),
    (28, "jsonPath of a mapping", annotated("a: '<object | jsonPath {.cpu}>'"), '"1"'),
    (28, "jsonPath of a missing key", annotated("a: '<json | jsonPath {.absent}>'"), "error"),
    (28, "jsonPath of a text", annotated("a: '<user | jsonPath {.a}>'"), "error"),
    (28, "jsonPath without a template", annotated("a: <json | jsonPath>"), "error"),
    (28, "jsonPath with half a template", annotated("a: '<json | jsonPath {.user>'"), "error"),
    (28, "jsonParse", annotated("a: <json | jsonParse>"),
     '{"hosts": ["a", "b"], "port": 5432, "tls": {"ca": null, "on": true}, "user": "app"}'),
    (28, "jsonParse of a text", annotated("a: <json-text | jsonParse | base64encode>"),
     f'"{encoded("quoted ü")}"'),
    (28, "jsonParse of null and on", annotated("a: <json-null | jsonParse | jsonPath x>"), '"x"'),
    (28, "jsonParse of invalid JSON", annotated("a: <json-bad | jsonParse>"), "error"),
    (28, "jsonParse of a mapping", annotated("a: <object | jsonParse>"), "error"),
    (28, "jsonParse with an argument", annotated("a: <json | jsonParse x>"), "error"),
    (28, "yamlParse", annotated("a: <yaml | yamlParse>"),
     '{"hosts": ["a", "b"], "mode": 511, "port": 5432, "true": true, "user": "app"}'),
    (28, "yamlParse of merges", annotated("a: <yaml-merge | yamlParse>"),
     '{"base": {"x": 1}, "use": {"true": 2, "x": 1}}'),
    (28, "yamlParse of invalid YAML", annotated("a: <yaml-bad | yamlParse>"), "error"),
    (28, "yamlParse of a number", annotated("a: <port | yamlParse>"), "error"),
    (28, "indent", annotated("a: <lines | indent 2>"), r'"first\n  second\n  third\n  fourth"'),
    (28, "indent by 0", annotated("a: <lines | indent 0>"),
     r'"first\nsecond\nthird\nfourth"'),
    (28, "indent by less", annotated("a: <lines | indent -2>"), r'"first\nsecond\nthird\nfourth"'),
    (28, "indent one line by far", annotated("a: <user | indent 999999999999>"), '"alice"'),
    (28, "indent of white space", annotated("a: <breaks | indent 2>"), r'"\n  late\n"'),
    (28, "indent with an invalid number", annotated("a: <lines | indent x>"), "error"),
    (28, "indent without a number", annotated("a: <lines | indent>"), "error"),
    (28, "indent of a number", annotated("a: <port | indent 2>"), "error"),
    (28, "sha256sum", annotated("a: <user | sha256sum>"),
     '"2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90"'),
    (28, "sha256sum of a list", annotated("a: <list | sha256sum>"), "error"),
    (28, "sha256sum with an argument", annotated("a: <user | sha256sum x>"), "error"),
    (28, "an unknown modifier", annotated("a: <user | reverse>"), "error"),
    (28, "a modifier in other letters", annotated("a: <user | Base64Encode>"), "error"),
)  # fmt: skip

DOCUMENTS: Final = tuple(
    Fixed(line, manifests(name, text), expected) for line, name, text, expected in _TABLE
)
