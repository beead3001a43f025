"""Where avp-py differs from argocd-vault-plugin on purpose, each row with its reason and example.

`python -m tests.compat.deviations` writes `docs/compatibility-details.md` from this table.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from tests.compat.case import Case, Link, manifests
from tests.compat.outcome import Outcome


class Reason(Enum):
    """Why argocd-vault-plugin's behaviour is not copied."""

    CORRUPTION = "corrupts"
    LOSS = "loses silently"
    CRASH = "crashes"
    LEAK = "leaks"
    EXTENSION = "only fails"
    """Not a defect: argocd-vault-plugin fails where avp-py can do something useful."""


def nothing_more(_theirs: Outcome, _ours: Outcome) -> bool:
    """Accept any outcomes: what the programs return is all that the example shows."""
    return True


@dataclass(frozen=True)
class Deviation:
    """One row.

    Attributes:
        theirs: what argocd-vault-plugin does.
        ours: what avp-py does.
        reason: why.
        example: manifests that show both, or a whole command.
        theirs_returns: what argocd-vault-plugin returns for the example (`Outcome.shown`).
        ours_returns: what avp-py returns for it.
        shows: checks what else differs, where both return the same.
    """

    theirs: str
    ours: str
    reason: Reason
    example: str | Case
    theirs_returns: str
    ours_returns: str
    shows: Callable[[Outcome, Outcome], bool] = nothing_more

    @property
    def case(self) -> Case:
        """Return the example as a case."""
        return self.example if isinstance(self.example, Case) else manifests("", self.example)


def _document(fields: str, kind: str = "X", path: str = "kv/data/app", more: str = "") -> str:
    return (
        f"kind: {kind}\nmetadata:\n  annotations:\n"
        f'    avp.kubernetes.io/path: "{path}"\n{more}{fields}'
    )


_INLINE: Final = b"kind: X\nspec: <path:kv/data/app#user>\n"
_CONFIG: Final = ("generate", "-", "-c", "{files}/config.yaml")
_NOWHERE: Final = "http://127.0.0.1:1"

TEMPLATE: Final = {"AVP_PATH_TEMPLATE": "kv/data/{{ app }}", "ARGOCD_APP_NAME": "app"}
"""What an empty path annotation means in the example of it."""

DEVIATIONS: Mapping[str, Deviation] = {
    "number-in-text": Deviation(
        "A number or boolean inside a longer text replaces the whole text.",
        "It is written into the string.",
        Reason.CORRUPTION,
        _document('spec: "x-<port>"\n'),
        "5432",
        '"x-5432"',
    ),
    "structure-in-text": Deviation(
        "A list or mapping inside a longer text replaces the whole text.",
        "An error.",
        Reason.CORRUPTION,
        _document('spec: "x-<list>"\n'),
        '["a", "b: c", 3, null, true, 1.5]',
        "error",
    ),
    "panic-value-is-not-text": Deviation(
        "A list, a mapping or a parsed number in a ConfigMap or in base64 crashes it.",
        "A number is written as text; a list or mapping is an error.",
        Reason.CRASH,
        _document('data: {a: "<list>"}\n', kind="ConfigMap"),
        "crash",
        "error",
    ),
    "panic-empty-modifier": Deviation(
        "`<key | >` crashes it.",
        "An error.",
        Reason.CRASH,
        _document('spec: "<user | >"\n'),
        "crash",
        "error",
    ),
    "unknown-modifier-of-a-missing-key": Deviation(
        "An unknown modifier is skipped where the key is missing; with `remove-missing` the "
        "field is removed.",
        "An error: it may be a mistyped `default`.",
        Reason.LOSS,
        _document(
            "data: {a: <absent | base64>}\n",
            kind="ConfigMap",
            more='    avp.kubernetes.io/remove-missing: "true"\n',
        ),
        "{}",
        "error",
    ),
    "panic-modifier-on-number": Deviation(
        "`sha256sum` and `jsonPath` on a number crash it.",
        "`sha256sum` is an error; `jsonPath` reads the number.",
        Reason.CRASH,
        _document('spec: "<port | sha256sum>"\n'),
        "crash",
        "error",
    ),
    "panic-data-is-not-an-object": Deviation(
        "A secret of KV 1 whose `data` is text, read as KV 2, crashes it.",
        "The KV version of the mount is used; where a setting says 2, it is an error.",
        Reason.CRASH,
        _document('spec: "<user>"\n', path="old/text"),
        "crash",
        '"outer"',
    ),
    "base64decode-hides-errors": Deviation(
        "`base64decode` drops everything from the first invalid character on.",
        "An error.",
        Reason.LOSS,
        _document('spec: "<base64-bad | base64decode>"\n'),
        '"hel"',
        "error",
    ),
    "parsed-integers-are-rounded": Deviation(
        "`jsonParse` and `yamlParse` round integers beyond 2^53.",
        "They keep all digits.",
        Reason.CORRUPTION,
        _document('spec: "<json-near | jsonParse>"\n'),
        '{"id": 9007199254740992}',
        '{"id": 9007199254740993}',
    ),
    "null-leaves-the-placeholder": Deviation(
        "A modifier that returns null leaves the placeholder in the manifest, without an error.",
        "An error.",
        Reason.LOSS,
        _document('spec: "<json-null | jsonParse>"\n'),
        '"<json-null | jsonParse>"',
        "error",
    ),
    "unresolved-placeholder": Deviation(
        "A `<path:` with a `#` or `/data/` after it that it does not take for a placeholder (four "
        "parts, a "
        "space before `path`, in a key, in a list in a list, escaped as `\\u003c`, `%3C` or "
        "`&lt;`, in base64 outside of a Secret) is deployed as it is.",
        "An error that names the field, unless the document is ignored or `AVP_LEFTOVERS` says so.",
        Reason.LOSS,
        'kind: X\nspec: "<path:kv/data/app#user#1#2>"\n',
        '"<path:kv/data/app#user#1#2>"',
        "error",
    ),
    "byte-order-mark-inside": Deviation(
        "A byte order mark inside a document is text; in some places Argo CD then loses the first "
        "character of the following lines.",
        "An error.",
        Reason.CORRUPTION,
        'kind: X\nspec: "a\ufeffb"\n',
        '"a\ufeffb"',
        "error",
    ),
    "routes": Deviation(
        "`<path:name>` with a `#` and a `>` anywhere after it, on other lines too, is a "
        "placeholder: routes of Flask and Django are errors.",
        "A path with a quote, or with a `>` and a line break, is not a placeholder.",
        Reason.EXTENSION,
        'kind: X\nspec: |\n  route("/<path:name>")  # a -> b\n',
        "error",
        '"route(\\"/<path:name>\\")  # a -> b\\n"',
    ),
    "items-of-a-list": Deviation(
        "A list is one object: the annotations and kinds of its items have no effect, so that "
        "base64 in a Secret is not searched.",
        "An item that has a kind is an object with its own annotations; where it has none, those "
        "of the list apply.",
        Reason.LOSS,
        "kind: List\nitems:\n- kind: Secret\n"
        "  metadata: {annotations: {avp.kubernetes.io/path: kv/data/app}}\n"
        "  data: {a: PHVzZXI+}\n",
        '[{"data": {"a": "PHVzZXI+"}, "kind": "Secret", "metadata": {"annotations": '
        '{"avp.kubernetes.io/path": "kv/data/app"}}}]',
        '[{"data": {"a": "YWxpY2U="}, "kind": "Secret", "metadata": {"annotations": '
        '{"avp.kubernetes.io/path": "kv/data/app"}}}]',
    ),
    "base64-in-base64": Deviation(
        "Base64 in a Secret is searched only where it is the whole value and padded, and once: a "
        "placeholder in base64 that is in JSON in base64, as in an image pull secret, is deployed "
        "as it is.",
        "It is filled, in up to three layers, and encoded again in the same form.",
        Reason.LOSS,
        # auth: <path:kv/data/app#user>:<path:kv/data/app#user>
        "kind: Secret\nstringData:\n"
        '  a: \'{"auth": "PHBhdGg6a3YvZGF0YS9hcHAjdXNlcj46PHBhdGg6a3YvZGF0YS9hcHAjdXNlcj4="}\'\n',
        '{"a": "{\\"auth\\": '
        '\\"PHBhdGg6a3YvZGF0YS9hcHAjdXNlcj46PHBhdGg6a3YvZGF0YS9hcHAjdXNlcj4=\\"}"}',
        '{"a": "{\\"auth\\": \\"YWxpY2U6YWxpY2U=\\"}"}',
    ),
    "bytes-that-are-not-utf-8": Deviation(
        "Bytes that are not UTF-8 become replacement characters.",
        "An error.",
        Reason.CORRUPTION,
        _document('spec: "<base64-bytes | base64decode>"\n'),
        '"\ufffd\\u0000\ufffd\ufffd"',
        "error",
    ),
    "next-line-becomes-a-space": Deviation(
        "The character U+0085 becomes a space.",
        "An error: Argo CD turns it into a space, however it is written.",
        Reason.CORRUPTION,
        _document('spec: "<next-line>"\n'),
        '"a b"',
        "error",
    ),
    "base64-is-encoded-again": Deviation(
        "Base64 in a Secret that contains `<…>` but no placeholder is encoded again.",
        "It stays as it is.",
        Reason.CORRUPTION,
        "kind: Secret\ndata:\n  a: PGE+Yh==\n",
        '{"a": "PGE+Yg=="}',
        '{"a": "PGE+Yh=="}',
    ),
    "merge-key-is-not-quoted": Deviation(
        "The quoted key `<<` is printed without quotes, and so becomes a merge key.",
        "It stays quoted.",
        Reason.CORRUPTION,
        "kind: X\nspec:\n  '<<': {a: b}\n",
        '{"a": "b"}',
        '{"<<": {"a": "b"}}',
    ),
    "annotation-is-not-a-string": Deviation(
        "If one annotation is not a string, all annotations of the document are ignored.",
        "Those of `avp.kubernetes.io` apply. One of them that is not a string is an error; null is "
        "the empty string, as in Kubernetes.",
        Reason.LOSS,
        "kind: X\nmetadata:\n  annotations: {a: 1, avp.kubernetes.io/path: kv/data/app}\n"
        'spec: "<user>"\n',
        '"<user>"',
        '"alice"',
    ),
    "key-of-two-types": Deviation(
        "Of two keys in a mapping with the same name in JSON but different types, such as `on` "
        'and `"true"`, or `1` and `"1"`, either is used, at random.',
        "An error that names the line. (Of duplicate keys the last one is used, with a warning.)",
        Reason.LOSS,
        'kind: X\nspec: {on: 1, "true": 1}\n',
        '{"true": 1}',
        "error",
    ),
    "only-the-first-document-is-read": Deviation(
        "Between two lines of `---`, only the first document is read: what comes after `...`, or "
        "after a mapping in braces, is dropped.",
        "An error.",
        Reason.LOSS,
        "kind: A\n...\nkind: X\n",
        "{}",
        "error",
    ),
    "colon-at-the-end-in-flow-style": Deviation(
        "`[a:]` is a list with the text `a:`.",
        "An error: in YAML 1.2 it is a list with the mapping `{a: null}`, so readers disagree.",
        Reason.CORRUPTION,
        "kind: X\nspec: [a:]\n",
        '["a:"]',
        "error",
    ),
    "nothing-in-nothing-out": Deviation(
        "Input without a manifest succeeds and prints nothing, and Argo CD prunes everything.",
        "An error.",
        Reason.LOSS,
        "# nothing\n",
        "nothing",
        "error",
    ),
    "path-leaves-v1": Deviation(
        "A path with too many `..` leaves `/v1/`.",
        "An error.",
        Reason.LEAK,
        'kind: X\nspec: "<path:../v1/kv/data/app#user>"\n',
        '"alice"',
        "error",
    ),
    "vaults-own-paths": Deviation(
        "Vault's own paths can be read as KV 1: `auth/token/lookup-self` returns the plugin's "
        "token.",
        "An error: paths that begin with `auth/`, `sys/`, `identity/`, `cubbyhole/` or `audit/` "
        "are never requested.",
        Reason.LEAK,
        _document(
            'spec: "<path>"\n',
            path="auth/token/lookup-self",
            more='    avp.kubernetes.io/kv-version: "1"\n',
        ),
        '"auth/token/root"',
        "error",
    ),
    "response-without-data": Deviation(
        "A response without data is a secret without keys.",
        "An error: nothing was found at the path.",
        Reason.LOSS,
        _document(
            'stringData: {a: "<user>"}\n',
            kind="Secret",
            path="kv/app",
            more='    avp.kubernetes.io/kv-version: "1"\n'
            '    avp.kubernetes.io/remove-missing: "true"\n',
        ),
        "{}",
        "error",
    ),
    "annotated-path-is-always-read": Deviation(
        "The path of the annotation is read even where no placeholder needs it, and in an ignored "
        "document, and it is an error if nothing is found there.",
        "Only what a placeholder needs is read.",
        Reason.EXTENSION,
        _document("spec: text\n", path="kv/data/nowhere"),
        "error",
        '"text"',
    ),
    "empty-path-is-the-template": Deviation(
        "With an empty path annotation, every `<key>` is missing.",
        "The path comes from the operator's template.",
        Reason.EXTENSION,
        _document('spec: "<user>"\n', path=""),
        "error",
        '"alice"',
    ),
    "kv-version-is-detected": Deviation(
        "A path without `/data/` is read as KV 2, and fails, unless a setting says KV 1.",
        "Vault is queried for the version of the mount.",
        Reason.EXTENSION,
        _document('spec: "<user>"\n', path="kv/app"),
        "error",
        '"alice"',
    ),
    "kv-1-read-as-kv-2": Deviation(
        "A secret of KV 1 with a mapping under `data` can be read as KV 2.",
        "The version of the mount is used unless a setting gives one.",
        Reason.CORRUPTION,
        _document('spec: "<user>"\n', path="old/wrapped"),
        '"inner"',
        '"outer"',
    ),
    "text-after-a-marker": Deviation(
        "Text after a `---` on the same line is an error.",
        "It is read, and printed on its own line.",
        Reason.EXTENSION,
        "kind: A\n--- {kind: B, x: 1}\n",
        "error",
        '[{}, {"x": 1}]',
    ),
    "byte-order-mark-after-the-first-marker": Deviation(
        "If the first line is `---`, a byte order mark after it becomes part of the first key.",
        "It is removed, as after every other `---`.",
        Reason.EXTENSION,
        "---\n\ufeffkind: X\nspec: text\n",
        "error",
        '"text"',
    ),
    "flow-style-first": Deviation(
        "Input that begins with a brace must be JSON throughout.",
        "It may be YAML in braces, or JSON documents separated by `---`.",
        Reason.EXTENSION,
        '{kind: X, spec: "<path:kv/data/app#user>"}\n',
        "error",
        '"alice"',
    ),
    "more-modifiers": Deviation(
        "There are seven modifiers.",
        "There are more (docs/modifiers.md).",
        Reason.EXTENSION,
        _document('spec: "<user | upper>"\n'),
        "error",
        '"ALICE"',
    ),
    # From here on: settings, folders and options.
    "partial-output": Deviation(
        "It prints the manifests before the first one that fails.",
        "All or nothing is printed, and all failures are reported at once.",
        Reason.LOSS,
        'kind: A\nx: 1\n---\nkind: B\nx: "<path:kv/data/nowhere#a>"\n',
        "error",
        "error",
        lambda theirs, ours: "x: 1" in theirs.output and not ours.output,
    ),
    "errors-show-values": Deviation(
        "Its errors show the whole field, and base64 decoded.",
        "Errors name document, field and placeholder, never other text of the field.",
        Reason.LEAK,
        _document(
            "data:\n  a: c2VjcmV0LTEyMyA8YWJzZW50Pg==  # secret-123 <absent>\n", kind="Secret"
        ),
        "error",
        "error",
        lambda theirs, ours: "secret-123" in theirs.error and "secret-123" not in ours.error,
    ),
    "tenant-settings": Deviation(
        "An Application can change every setting in `plugin.env`, even Vault's address, to which "
        "the credentials are then sent.",
        "An error that names the setting, unless the operator permits it in "
        "`AVP_TENANT_SETTINGS`; guards such as `AVP_PATH_VALIDATION` cannot be permitted.",
        Reason.LEAK,
        Case("", _INLINE, env={"VAULT_ADDR": _NOWHERE, "ARGOCD_ENV_VAULT_ADDR": "{VAULT_ADDR}"}),
        '"alice"',
        "error",
    ),
    "path-validation-anywhere": Deviation(
        "`AVP_PATH_VALIDATION` may match anywhere in the path: `team` allows `other/team`.",
        "It must match at the start of the path.",
        Reason.LEAK,
        Case("", _INLINE, env={"AVP_PATH_VALIDATION": "data/app"}),
        '"alice"',
        "error",
    ),
    "path-validation-before-normalising": Deviation(
        "`AVP_PATH_VALIDATION` checks the path as written: `^kv/data/other` allows "
        "`kv/data/other/../app`.",
        "It checks the normalised path, which is the one requested.",
        Reason.LEAK,
        Case(
            "",
            b"kind: X\nspec: <path:kv/data/other/../app#user>\n",
            env={"AVP_PATH_VALIDATION": "^kv/data/other"},
        ),
        '"alice"',
        "error",
    ),
    "password-in-the-address": Deviation(
        "A password in `VAULT_ADDR` appears in errors.",
        "An address with a password is an error.",
        Reason.LEAK,
        Case(
            "",
            b"kind: X\nspec: <path:sys/raw/a#b>\n",
            env={"VAULT_ADDR": "http://user:secret-123@{VAULT_HOST}", "VAULT_TOKEN": "wrong"},
        ),
        "error",
        "error",
        lambda theirs, ours: "secret-123" in theirs.error and "secret-123" not in ours.error,
    ),
    "settings-file-crash": Deviation(
        "A number, date or mapping for a `VAULT_` name in a settings file crashes it.",
        "A value is used as it is written; a mapping is an error.",
        Reason.CRASH,
        Case("", _INLINE, _CONFIG, {"config.yaml": "VAULT_MAX_RETRIES: 1\n"}),
        "crash",
        '"alice"',
    ),
    "settings-file-numbers": Deviation(
        "Numbers in a settings file are converted: `AVP_PASSWORD: 0123` logs in with `83`.",
        "A value is used as it is written.",
        Reason.CORRUPTION,
        Case(
            "",
            _INLINE,
            _CONFIG,
            {"config.yaml": "AVP_USERNAME: user-with-password-83\nAVP_PASSWORD: 0123\n"},
            {"AVP_AUTH_TYPE": "userpass", "VAULT_TOKEN": None},
        ),
        '"alice"',
        "error",
    ),
    "settings-file-mappings": Deviation(
        "A mapping or list for an `AVP_` name in a settings file is ignored.",
        "An error that names the line.",
        Reason.LOSS,
        Case("", _INLINE, _CONFIG, {"config.yaml": "AVP_PATH_VALIDATION: [^old/]\n"}),
        '"alice"',
        "error",
    ),
    "settings-file-repeated-name": Deviation(
        "Of duplicate names in a JSON settings file the last one is used.",
        "An error.",
        Reason.LOSS,
        Case(
            "",
            _INLINE,
            ("generate", "-", "-c", "{files}/config.json"),
            {"config.json": '{"AVP_KV_VERSION": "1", "AVP_KV_VERSION": "2"}'},
        ),
        '"alice"',
        "error",
    ),
    "further-arguments": Deviation(
        "A second path is ignored.",
        "An error.",
        Reason.LOSS,
        Case(
            "",
            argv=("generate", "{files}/a", "{files}/b"),
            files={"a/a.yaml": "kind: A\nx: 1\n", "b/b.yaml": "kind: B\nx: 2\n"},
        ),
        "1",
        "error",
    ),
    "symlink-out-of-the-folder": Deviation(
        "A symlink in the folder is followed, wherever it points.",
        "One that points outside the folder is an error.",
        Reason.LEAK,
        Case(
            "",
            argv=("generate", "{files}/a"),
            files={"a/a.yaml": Link("../b.yaml"), "b.yaml": "kind: B\nx: 1\n"},
        ),
        "1",
        "error",
    ),
    "json-that-is-not-utf-8": Deviation(
        "Bytes in JSON that are not UTF-8, and lone surrogates, become replacement characters.",
        "An error.",
        Reason.CORRUPTION,
        Case("", b'{"kind": "A", "x": "\xe9"}'),
        '"\ufffd"',
        "error",
    ),
    "only-what-is-needed": Deviation(
        "The backend must be configured, and it logs in, even where there are no placeholders.",
        "Neither the backend nor, for `-s`, the cluster is contacted before a placeholder needs "
        "it.",
        Reason.EXTENSION,
        Case(
            "",
            b"kind: A\nx: 1\n",
            env={"AVP_AUTH_TYPE": "approle", "AVP_ROLE_ID": "a", "AVP_SECRET_ID": "wrong"},
        ),
        "error",
        "1",
    ),
    "type-and-auth-are-optional": Deviation(
        "`AVP_TYPE` and `AVP_AUTH_TYPE` must be set.",
        "The type defaults to `vault`; the auth method follows from the credentials that are set.",
        Reason.EXTENSION,
        Case("", _INLINE, env={"AVP_TYPE": None, "AVP_AUTH_TYPE": None}),
        "error",
        '"alice"',
    ),
    "white-space-around-settings": Deviation(
        "White space around most settings makes them invalid.",
        "It is removed.",
        Reason.EXTENSION,
        Case("", _INLINE, env={"VAULT_TOKEN": "{VAULT_TOKEN}\n"}),
        "error",
        '"alice"',
    ),
    "empty-settings": Deviation(
        "An empty value in a settings file or an Application overrides values from other sources.",
        "An empty value is ignored, since Argo CD replaces an unknown `$NAME` with nothing.",
        Reason.EXTENSION,
        Case("", _INLINE, _CONFIG, {"config.yaml": "VAULT_ADDR: ''\n"}),
        "error",
        '"alice"',
    ),
    "empty-short-options": Deviation(
        "`-c=` and `-s=`, with nothing after, name a file and a Secret called `=`.",
        "They are ignored, as `-c ''` and `--config-path=` are by both programs.",
        Reason.EXTENSION,
        Case("", _INLINE, ("generate", "-", "-c=", "-s=")),
        "error",
        '"alice"',
    ),
    "mount-without-auth": Deviation(
        "`AVP_MOUNT_PATH` must begin with `auth/`.",
        "`auth/` is optional.",
        Reason.EXTENSION,
        Case(
            "",
            _INLINE,
            env={
                "AVP_AUTH_TYPE": "userpass",
                "AVP_USERNAME": "{USERNAME}",
                "AVP_PASSWORD": "{PASSWORD}",
                "AVP_MOUNT_PATH": "userpass",
                "VAULT_TOKEN": None,
            },
        ),
        "error",
        '"alice"',
    ),
    "path-validation-of-other-spellings": Deviation(
        "`AVP_PATH_VALIDATION` rejects `kv//data/app` where it allows `kv/data/app`.",
        "Both are the same normalised path.",
        Reason.EXTENSION,
        Case(
            "",
            b"kind: X\nspec: <path:kv//data/app#user>\n",
            env={"AVP_PATH_VALIDATION": "^kv/data/app$"},
        ),
        "error",
        '"alice"',
    ),
    "folder-given-by-a-symlink": Deviation(
        "A path that is a symlink to a folder is an error.",
        "It is read as a folder.",
        Reason.EXTENSION,
        Case(
            "",
            argv=("generate", "{files}/b"),
            files={"a/a.yaml": "kind: A\nx: 1\n", "b": Link("a")},
        ),
        "error",
        "1",
    ),
    "folders-named-as-files": Deviation(
        "A folder whose name ends in `.yaml` is an error.",
        "It is read as a folder.",
        Reason.EXTENSION,
        Case("", argv=("generate", "{files}"), files={"a.yaml/b.yaml": "kind: A\nx: 1\n"}),
        "error",
        "1",
    ),
    "more-options": Deviation(
        "v1.18.1 has no `-v`, `--render` or `--disable-token-cache`, and only `generate` has "
        "options.",
        "They are accepted; `version` accepts and ignores them.",
        Reason.EXTENSION,
        Case("", b"kind: A\nx: 1\n", ("generate", "-", "--disable-token-cache")),
        "error",
        "1",
    ),
}


def page() -> str:
    """Return docs/compatibility-details.md."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield from _OPENING.splitlines()
    for is_extension, title in _TITLES.items():
        rows = {
            name: row
            for name, row in DEVIATIONS.items()
            if (row.reason is Reason.EXTENSION) is is_extension
        }
        yield from ("", f"## {title}", "")
        yield "| name | argocd-vault-plugin | avp-py |" + ("" if is_extension else " it |")
        yield "|---|---|---|" + ("" if is_extension else "---|")
        for name, row in rows.items():
            reason = "" if is_extension else f" {row.reason.value} |"
            yield f"| [`{name}`](#{name}) | {_cell(row.theirs)} | {_cell(row.ours)} |{reason}"
    yield from _OTHER_DIFFERENCES.splitlines()
    yield from ("", "## Examples")
    for name, row in DEVIATIONS.items():
        yield from ("", f"### {name}", "", "```text")
        yield from _example(row.case)
        yield "```"
        yield ""
        theirs, ours = _result(row.theirs_returns), _result(row.ours_returns)
        yield f"argocd-vault-plugin: {theirs}; avp-py: {ours}"


def _example(case: Case) -> Iterator[str]:
    for name, content in case.files.items():
        if isinstance(content, Link):
            yield f"# {name} -> {content.to}"
            continue
        text = (
            content.decode("ascii", "backslashreplace") if isinstance(content, bytes) else content
        )
        yield f"# {name}:"
        yield from text.splitlines()
    for name, value in case.env.items():
        yield f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"
    if isinstance(case.stdin, bytes) and (case.files or case.env or case.argv != Case.argv):
        yield f"argocd-vault-plugin {' '.join(case.argv)}"
    yield from case.stdin.decode("ascii", "backslashreplace").splitlines()


def _result(shown: str) -> str:
    if shown in ("error", "crash", "nothing"):
        return shown
    return f"`{''.join(char if char.isprintable() else ascii(char)[1:-1] for char in shown)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


_TITLES: Final = {
    False: "Defects that are not copied",
    True: "Where argocd-vault-plugin only fails",
}

_OPENING: Final = """\
# Compatibility in detail

<!-- made by `python -m tests.compat.deviations` from tests/compat/deviations.py -->

For maintainers; what a user notices is in [compatibility.md](compatibility.md).

`make compat` runs argocd-vault-plugin v1.18.1 and avp-py on the same input with the same
Vault, and compares what they print as Argo CD reads it. The two are equal except for
these rows, and each row is verified with both programs. The secret that the examples
read has `user: alice`, `port: 5432`, and a value of every other type.
"""

_OTHER_DIFFERENCES: Final = r"""
## Not covered by the comparison

These are errors, so that a hostile repository cannot exhaust the memory: a document of
more than 200 levels, one whose aliases expand to more than 100,000 nodes, and a modifier
result of more than 8 MiB. argocd-vault-plugin does not know the annotation
`avp.kubernetes.io/import` ([placeholders.md](placeholders.md)).

The Secret of `-s` is read from the Kubernetes API, which that run does not have.
argocd-vault-plugin reads it only in a pod. Here `KUBECONFIG` takes precedence over the
pod, the pod needs its `ca.crt`, proxies of the environment are not used, the timeout is
10 seconds in total, the name `a:b:c` is invalid, and a setting that is not UTF-8 is an
error ([backends.md](backends.md)).

Settings files are YAML, JSON and env files, as documented by argocd-vault-plugin; its
library also reads `.toml`, `.properties` and `.hcl`, which are not supported here. A key
tagged `!!binary`, and JSON with a line break between a key and its colon, are errors.
So is what parsers read differently: `Kind` or `Items` as a spelling of `kind` or
`items`, an alias in place of `<<`, a tag with a comma right after it, and a document
after a lone carriage return.

Exit codes are the same under the name `argocd-vault-plugin`: 1 for every failure,
invalid usage included ([errors.md](errors.md)). `version` prints one line of the same
form, `argocd-vault-plugin v1.18.1 (avp-py VERSION) BuildDate: unknown`. There is no
`completion`, which prints shell completion scripts.

`AVP_PATH_VALIDATION` is compiled by RE2 in C++, of which Go's package is a version.
Syntax that only RE2 accepts is rejected. Built with Go 1.25 or later, argocd-vault-plugin
accepts long class names (`\p{Letter}`, `\p{LC}`, `\p{Cn}`), which are errors here, and
includes unassigned characters in `\p{C}`. Letters new in Unicode 15.1 are letters here.
An expression that needs more than 64 MiB is an error here, and one with more than 1000
levels of parentheses is an error there.
"""

PAGE: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "compatibility-details.md"

if __name__ == "__main__":
    PAGE.write_text(page())
