"""Where avp-py does not do as argocd-vault-plugin does: each place, with its reason and an input.

The model (`model/`) foretells both outcomes of manifests and names the places that it passed; a
difference that it does not foretell is a failure. Rows whose example is a whole command are not
the model's: the generated cases change no setting. `docs/compatibility.md` is made from this table.
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
    """Why the original's behaviour is not copied."""

    CORRUPTION = "corrupts"
    LOSS = "loses silently"
    CRASH = "crashes"
    LEAK = "leaks"
    EXTENSION = "only fails"
    """Not a defect: where the original ends with an error, there is something useful to do."""


def nothing_more(_theirs: Outcome, _ours: Outcome) -> bool:
    """What is seen of an example that shows nothing beside its two ends."""
    return True


@dataclass(frozen=True)
class Deviation:
    """One place.

    Attributes:
        theirs: what the original does.
        ours: what avp-py does.
        reason: why.
        example: manifests on which both can be seen, or a whole command.
        theirs_gives: what the original makes of the example (`Outcome.shown`).
        ours_gives: what avp-py makes of it.
        shows: what else can be seen, where both end alike.
    """

    theirs: str
    ours: str
    reason: Reason
    example: str | Case
    theirs_gives: str
    ours_gives: str
    shows: Callable[[Outcome, Outcome], bool] = nothing_more

    @property
    def case(self) -> Case:
        """The example."""
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
        "A number or boolean inside a longer text takes the place of the whole text.",
        "It is written into the string.",
        Reason.CORRUPTION,
        _document('spec: "x-<port>"\n'),
        "5432",
        '"x-5432"',
    ),
    "structure-in-text": Deviation(
        "A list or mapping inside a longer text takes the place of the whole text.",
        "An error.",
        Reason.CORRUPTION,
        _document('spec: "x-<list>"\n'),
        '["a", "b: c", 3, null, true, 1.5]',
        "error",
    ),
    "panic-value-is-no-text": Deviation(
        "A list, a mapping or a parsed number in a ConfigMap or in base64 crashes it.",
        "A number is written out; a list or mapping is an error.",
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
        "A modifier that does not exist is passed over where the key is missing; with "
        "`remove-missing` the field goes.",
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
        "An error; `jsonPath` looks into the number.",
        Reason.CRASH,
        _document('spec: "<port | sha256sum>"\n'),
        "crash",
        "error",
    ),
    "panic-data-is-no-object": Deviation(
        "A secret of KV 1 whose `data` is text, read as KV 2, crashes it.",
        "The version of the mount counts; where a setting says 2, it is an error.",
        Reason.CRASH,
        _document('spec: "<user>"\n', path="old/text"),
        "crash",
        '"outer"',
    ),
    "base64decode-hides-faults": Deviation(
        "`base64decode` drops what it cannot decode.",
        "An error.",
        Reason.LOSS,
        _document('spec: "<base64-bad | base64decode>"\n'),
        '"hel"',
        "error",
    ),
    "parsed-integers-are-rounded": Deviation(
        "`jsonParse` and `yamlParse` round integers beyond 2^53.",
        "They keep their digits.",
        Reason.CORRUPTION,
        _document('spec: "<json-near | jsonParse>"\n'),
        '{"id": 9007199254740992}',
        '{"id": 9007199254740993}',
    ),
    "null-leaves-the-placeholder": Deviation(
        "A modifier that gives null leaves the placeholder in the manifest, without a word.",
        "An error.",
        Reason.LOSS,
        _document('spec: "<json-null | jsonParse>"\n'),
        '"<json-null | jsonParse>"',
        "error",
    ),
    "leftover-placeholder": Deviation(
        "A `<path:` with a `#` or `/data/` behind it that is no placeholder to it (four parts, a "
        "space before `path`, in a key, in a list in a list, escaped as `\\u003c`, `%3C` or "
        "`&lt;`, in base64 outside of a Secret) is deployed as it is.",
        "An error that names the field, unless the document is ignored or `AVP_LEFTOVERS` says so.",
        Reason.LOSS,
        'kind: X\nspec: "<path:kv/data/app#user#1#2>"\n',
        '"<path:kv/data/app#user#1#2>"',
        "error",
    ),
    "byte-order-mark-inside": Deviation(
        "A byte order mark inside of a document is text; at some places it takes the first "
        "character of the lines that follow, to Argo CD as well.",
        "An error.",
        Reason.CORRUPTION,
        'kind: X\nspec: "a\ufeffb"\n',
        '"a\ufeffb"',
        "error",
    ),
    "routes": Deviation(
        "`<path:name>` with a `#` and a `>` anywhere behind it, on other lines too, is a "
        "placeholder: code of Flask and Django is an error.",
        "No placeholder has a quote in its path, or a `>` and a line break.",
        Reason.EXTENSION,
        'kind: X\nspec: |\n  route("/<path:name>")  # a -> b\n',
        "error",
        '"route(\\"/<path:name>\\")  # a -> b\\n"',
    ),
    "items-of-a-list": Deviation(
        "A list is one object: annotations of its items have no effect, nor do their kinds, so "
        "that base64 in a Secret is not looked into.",
        "An item that has a kind is an object with annotations of its own; where it has none, "
        "those of the list count.",
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
        "Base64 in a Secret is looked into where it is the whole value and padded, and once: a "
        "placeholder in base64 that is in JSON in base64, as in an image pull secret, is deployed "
        "as it is.",
        "It is filled, in up to three layers, and written as it was.",
        Reason.LOSS,
        # auth: <path:kv/data/app#user>:<path:kv/data/app#user>
        "kind: Secret\nstringData:\n"
        '  a: \'{"auth": "PHBhdGg6a3YvZGF0YS9hcHAjdXNlcj46PHBhdGg6a3YvZGF0YS9hcHAjdXNlcj4="}\'\n',
        '{"a": "{\\"auth\\": '
        '\\"PHBhdGg6a3YvZGF0YS9hcHAjdXNlcj46PHBhdGg6a3YvZGF0YS9hcHAjdXNlcj4=\\"}"}',
        '{"a": "{\\"auth\\": \\"YWxpY2U6YWxpY2U=\\"}"}',
    ),
    "bytes-are-no-text": Deviation(
        "Bytes that are no text become replacement characters.",
        "An error.",
        Reason.CORRUPTION,
        _document('spec: "<base64-bytes | base64decode>"\n'),
        '"\ufffd\\u0000\ufffd\ufffd"',
        "error",
    ),
    "next-line-becomes-a-space": Deviation(
        "The character U+0085 becomes a space.",
        "An error: Argo CD itself would make a space of it, however it is written.",
        Reason.CORRUPTION,
        _document('spec: "<next-line>"\n'),
        '"a b"',
        "error",
    ),
    "base64-is-written-anew": Deviation(
        "Base64 in a Secret that holds `<…>` and no placeholder is written anew.",
        "It is passed on as it is.",
        Reason.CORRUPTION,
        "kind: Secret\ndata:\n  a: PGE+Yh==\n",
        '{"a": "PGE+Yg=="}',
        '{"a": "PGE+Yh=="}',
    ),
    "merge-key-is-not-quoted": Deviation(
        "A key that is the text `<<` is printed without quotes, and so merges.",
        "It stays quoted.",
        Reason.CORRUPTION,
        "kind: X\nspec:\n  '<<': {a: b}\n",
        '{"a": "b"}',
        '{"<<": {"a": "b"}}',
    ),
    "annotation-is-no-string": Deviation(
        "One annotation whose value is no string, and all annotations of the document are ignored.",
        "Ours count; one of ours that is no string is an error, but null is the empty text, as it "
        "is to Kubernetes.",
        Reason.LOSS,
        "kind: X\nmetadata:\n  annotations: {a: 1, avp.kubernetes.io/path: kv/data/app}\n"
        'spec: "<user>"\n',
        '"<user>"',
        '"alice"',
    ),
    "key-of-two-types": Deviation(
        "Of two keys in a mapping that have one name in JSON and are of different types, as `on` "
        'and `"true"`, or `1` and `"1"`, either may count, by chance.',
        "An error that names the line. (Of equal keys the last one counts, with a warning.)",
        Reason.LOSS,
        'kind: X\nspec: {on: 1, "true": 1}\n',
        '{"true": 1}',
        "error",
    ),
    "only-the-first-document-is-read": Deviation(
        "Between two lines of `---`, only the first document is read: what stands behind `...` is "
        "dropped.",
        "An error.",
        Reason.LOSS,
        "kind: A\n...\nkind: X\n",
        "{}",
        "error",
    ),
    "colon-at-the-end-in-flow-style": Deviation(
        "`[a:]` is a list of the text `a:`.",
        "An error: to YAML 1.2 it is a list of the mapping `{a: null}`, so readers disagree.",
        Reason.CORRUPTION,
        "kind: X\nspec: [a:]\n",
        '["a:"]',
        "error",
    ),
    "nothing-in-nothing-out": Deviation(
        "Input without a manifest is a success that prints nothing, and Argo CD prunes everything.",
        "An error.",
        Reason.LOSS,
        "# nothing\n",
        "nothing",
        "error",
    ),
    "path-climbs": Deviation(
        "A path that climbs above its beginning leaves `/v1/`.",
        "An error.",
        Reason.LEAK,
        'kind: X\nspec: "<path:../v1/kv/data/app#user>"\n',
        '"alice"',
        "error",
    ),
    "vaults-own-paths": Deviation(
        "Vault's own paths are read as KV 1: `auth/token/lookup-self` shows the plugin's token.",
        "An error: paths that begin with `auth/`, `sys/`, `identity/`, `cubbyhole/` or `audit/` "
        "are never asked for.",
        Reason.LEAK,
        _document(
            'spec: "<path>"\n',
            path="auth/token/lookup-self",
            more='    avp.kubernetes.io/kv-version: "1"\n',
        ),
        '"auth/token/root"',
        "error",
    ),
    "nothing-is-no-keys": Deviation(
        "An answer without data is a secret without keys.",
        "An error that says that nothing is there.",
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
        "The path of the annotation is read where nothing wants it, even in an ignored document, "
        "and fails where nothing is there.",
        "Only what a placeholder wants is read.",
        Reason.EXTENSION,
        _document("spec: text\n", path="kv/data/nowhere"),
        "error",
        '"text"',
    ),
    "empty-path-is-the-template": Deviation(
        "With an empty path, `<key>` is missing.",
        "The operator's template is the path.",
        Reason.EXTENSION,
        _document('spec: "<user>"\n', path=""),
        "error",
        '"alice"',
    ),
    "kv-version-is-detected": Deviation(
        "A path without `/data/` is one of KV 2, and fails, where no setting says KV 1.",
        "Vault is asked for the version of the mount.",
        Reason.EXTENSION,
        _document('spec: "<user>"\n', path="kv/app"),
        "error",
        '"alice"',
    ),
    "kv-1-read-as-kv-2": Deviation(
        "A secret of KV 1 with a mapping under `data` can be read as KV 2.",
        "The version of the mount counts where no setting says it.",
        Reason.CORRUPTION,
        _document('spec: "<user>"\n', path="old/wrapped"),
        '"inner"',
        '"outer"',
    ),
    "text-behind-a-marker": Deviation(
        "Text behind a `---` on its line is an error.",
        "It is read, and printed on a line of its own.",
        Reason.EXTENSION,
        "kind: A\n--- {kind: B, x: 1}\n",
        "error",
        '[{}, {"x": 1}]',
    ),
    "flow-style-first": Deviation(
        "Input that begins with a brace must be JSON, and nothing but JSON.",
        "It may be YAML in braces, or JSON with `---` between.",
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
    # From here on with settings, folders or options.
    "partial-output": Deviation(
        "It prints the manifests before the first that fails.",
        "All or nothing is printed, and all failures are told at once.",
        Reason.LOSS,
        'kind: A\nx: 1\n---\nkind: B\nx: "<path:kv/data/nowhere#a>"\n',
        "error",
        "error",
        lambda theirs, ours: "x: 1" in theirs.output and not ours.output,
    ),
    "errors-show-values": Deviation(
        "Its errors show the whole field, for base64 what is in it.",
        "Errors name document, field and placeholder, never a text beside it.",
        Reason.LEAK,
        _document(
            "data:\n  a: c2VjcmV0LTEyMyA8YWJzZW50Pg==  # secret-123 <absent>\n", kind="Secret"
        ),
        "error",
        "error",
        lambda theirs, ours: "secret-123" in theirs.error and "secret-123" not in ours.error,
    ),
    "tenant-settings": Deviation(
        "An Application can set every setting in `plugin.env`, even Vault's address, to which "
        "the credentials then go.",
        "An error that names the setting, unless the operator permits it in "
        "`AVP_TENANT_SETTINGS`; guards such as `AVP_PATH_VALIDATION` cannot be permitted.",
        Reason.LEAK,
        Case("", _INLINE, env={"VAULT_ADDR": _NOWHERE, "ARGOCD_ENV_VAULT_ADDR": "{VAULT_ADDR}"}),
        '"alice"',
        "error",
    ),
    "path-validation-anywhere": Deviation(
        "`AVP_PATH_VALIDATION` may match anywhere in the path: `team` allows `other/team`.",
        "It must match from the beginning.",
        Reason.LEAK,
        Case("", _INLINE, env={"AVP_PATH_VALIDATION": "data/app"}),
        '"alice"',
        "error",
    ),
    "path-validation-before-cleaning": Deviation(
        "`AVP_PATH_VALIDATION` looks at the path as it is written: `^kv/data/other` allows "
        "`kv/data/other/../app`.",
        "It looks at the path that is requested.",
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
        "A password in `VAULT_ADDR` shows in errors.",
        "Such an address is an error.",
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
        "A value is its text; a mapping is an error.",
        Reason.CRASH,
        Case("", _INLINE, _CONFIG, {"config.yaml": "VAULT_MAX_RETRIES: 1\n"}),
        "crash",
        '"alice"',
    ),
    "settings-file-numbers": Deviation(
        "Numbers in a settings file are calculated: `AVP_PASSWORD: 0123` logs in with `83`.",
        "A value is its text.",
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
        "A mapping or list for an `AVP_` name in a settings file is no setting at all.",
        "An error that names the line.",
        Reason.LOSS,
        Case("", _INLINE, _CONFIG, {"config.yaml": "AVP_PATH_VALIDATION: [^old/]\n"}),
        '"alice"',
        "error",
    ),
    "settings-file-repeated-name": Deviation(
        "Of two equal names in a settings file in JSON the last one counts.",
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
        "A symlink in the folder is followed wherever it leads.",
        "One that leads out of the folder is an error.",
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
        "Bytes in JSON that are not UTF-8, and halves of surrogate pairs, become replacement "
        "characters.",
        "An error.",
        Reason.CORRUPTION,
        Case("", b'{"kind": "A", "x": "\xe9"}'),
        '"\ufffd"',
        "error",
    ),
    "only-what-is-needed": Deviation(
        "The backend must be set up, and takes a login, even where nothing is to be filled in.",
        "Nothing is asked of the backend, or of the cluster for `-s`, before a placeholder "
        "needs it.",
        Reason.EXTENSION,
        Case(
            "",
            b"kind: A\nx: 1\n",
            env={"AVP_AUTH_TYPE": "approle", "AVP_ROLE_ID": "a", "AVP_SECRET_ID": "wrong"},
        ),
        "error",
        "1",
    ),
    "type-and-auth-by-themselves": Deviation(
        "`AVP_TYPE` and `AVP_AUTH_TYPE` must be set.",
        "The type is `vault`; how to log in follows from the credentials that are there.",
        Reason.EXTENSION,
        Case("", _INLINE, env={"AVP_TYPE": None, "AVP_AUTH_TYPE": None}),
        "error",
        '"alice"',
    ),
    "white-space-around-settings": Deviation(
        "White space around most settings makes them wrong.",
        "It is dropped.",
        Reason.EXTENSION,
        Case("", _INLINE, env={"VAULT_TOKEN": "{VAULT_TOKEN}\n"}),
        "error",
        '"alice"',
    ),
    "empty-settings": Deviation(
        "An empty value in a settings file or of the Application overrides what stands elsewhere.",
        "An empty value is none, as Argo CD writes an unknown `$NAME` as nothing.",
        Reason.EXTENSION,
        Case("", _INLINE, _CONFIG, {"config.yaml": "VAULT_ADDR: ''\n"}),
        "error",
        '"alice"',
    ),
    "empty-short-options": Deviation(
        "`-c=` and `-s=`, with nothing behind, name a file and a Secret called `=`.",
        "They are not given, as `-c ''` and `--config-path=` are to both.",
        Reason.EXTENSION,
        Case("", _INLINE, ("generate", "-", "-c=", "-s=")),
        "error",
        '"alice"',
    ),
    "mount-without-auth": Deviation(
        "`AVP_MOUNT_PATH` must begin with `auth/`.",
        "It may.",
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
    "path-validation-of-unclean-paths": Deviation(
        "`AVP_PATH_VALIDATION` refuses `kv//data/app` where it allows `kv/data/app`.",
        "The two are one path.",
        Reason.EXTENSION,
        Case(
            "",
            b"kind: X\nspec: <path:kv//data/app#user>\n",
            env={"AVP_PATH_VALIDATION": "^kv/data/app$"},
        ),
        "error",
        '"alice"',
    ),
    "folder-behind-a-symlink": Deviation(
        "A folder that is named by a symlink is an error.",
        "It is a folder.",
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
        "A folder whose name ends with `.yaml` is an error.",
        "It is a folder.",
        Reason.EXTENSION,
        Case("", argv=("generate", "{files}"), files={"a.yaml/b.yaml": "kind: A\nx: 1\n"}),
        "error",
        "1",
    ),
    "more-options": Deviation(
        "v1.18.1 does not know `-v`, `--render`, nor yet `--disable-token-cache`, and its options "
        "are those of `generate` alone.",
        "They are taken; `version` takes them too, and makes nothing of them.",
        Reason.EXTENSION,
        Case("", b"kind: A\nx: 1\n", ("generate", "-", "--disable-token-cache")),
        "error",
        "1",
    ),
}


def page() -> str:
    """docs/compatibility.md."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield "# Compatibility with argocd-vault-plugin"
    yield ""
    yield "<!-- made by `python -m tests.compat.deviations` from tests/compat/deviations.py -->"
    yield ""
    yield "`make compat` runs argocd-vault-plugin v1.18.1 and avp-py on the same input against the"
    yield "same Vault, and compares what they print as Kubernetes reads it. They give the same, but"
    yield "for what stands here; each row is shown by both programs in that run. The secret that"
    yield "the examples read has `user: alice`, `port: 5432`, and a value of every other kind."
    for is_extension, title in _TITLES.items():
        rows = {
            name: row
            for name, row in DEVIATIONS.items()
            if (row.reason is Reason.EXTENSION) is is_extension
        }
        yield ""
        yield f"## {title}"
        yield ""
        yield "| name | argocd-vault-plugin | avp-py |" + ("" if is_extension else " it |")
        yield "|---|---|---|" + ("" if is_extension else "---|")
        for name, row in rows.items():
            reason = "" if is_extension else f" {row.reason.value} |"
            yield f"| `{name}` | {_cell(row.theirs)} | {_cell(row.ours)} |{reason}"
    yield ""
    yield "A document of more than 200 levels, one whose aliases stand for more than 100,000 nodes,"
    yield "and a text beyond 8 MiB out of one modifier are errors: limits that keep a hostile"
    yield "repository from filling the memory. The annotation `avp.kubernetes.io/import` is ours"
    yield "([placeholders.md](placeholders.md)); the original does not know it."
    yield ""
    yield "The Secret of `-s` is read from the cluster's API, which that run does not have. There,"
    yield "the original knows only a pod. Here `KUBECONFIG` counts before the pod, the pod needs"
    yield "its `ca.crt`, proxies of the environment are not used, all of it may take 10 seconds,"
    yield "`a:b:c` is no name, and a setting that is not UTF-8 is an error"
    yield "([backends.md](backends.md))."
    yield ""
    yield "Settings files are YAML, JSON and env files, as the original's docs have it; that its"
    yield "library reads `.toml`, `.properties` and `.hcl` too is not copied. A key tagged as"
    yield "`!!binary`, and JSON with a line break between a key and its colon, are errors."
    yield "So is what readers take in two ways: `Kind` or `Items` in place of the field's letters,"
    yield "an alias in place of `<<`, a tag with a comma right after it, a document after a"
    yield "carriage return alone."
    yield ""
    yield "Exit codes are the same by the name `argocd-vault-plugin`: 1 for all that fails, wrong"
    yield "usage included ([errors.md](errors.md)). Its `version` prints one line in its shape,"
    yield "`argocd-vault-plugin v1.18.1 (avp-py VERSION) BuildDate: unknown`. The original's"
    yield "`completion`, which writes scripts for shells, is not offered."
    yield ""
    yield "`AVP_PATH_VALIDATION` is read by RE2 in C++, of which Go's package is a version. What"
    yield "only RE2 knows is refused. Built with Go 1.25 or later, the original knows long names of"
    yield r"classes (`\p{Letter}`, `\p{LC}`, `\p{Cn}`), which are an error here, and counts"
    yield r"unassigned characters to `\p{C}`. Letters new in Unicode 15.1 are letters here."
    yield "An expression that takes more than 64 MiB is an error here, and one of more than 1000"
    yield "levels of parentheses is one there."
    yield ""
    yield "## The same, shown"
    for name, row in DEVIATIONS.items():
        yield ""
        yield f"### {name}"
        yield ""
        yield "```text"
        yield from _told(row.case)
        yield "```"
        yield ""
        yield f"argocd-vault-plugin: {_result(row.theirs_gives)}; avp-py: {_result(row.ours_gives)}"


def _told(case: Case) -> Iterator[str]:
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


_TITLES: Final = {False: "Defects that are not copied", True: "Where it only fails"}

PAGE: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "compatibility.md"

if __name__ == "__main__":
    PAGE.write_text(page())
