"""Where avp-py does not do as argocd-vault-plugin does: each place, with its reason and an input.

The model (`model/`) foretells both outcomes of an input and names the places that it passed; a
difference that it does not foretell is a failure. `docs/compatibility.md` is made from this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final


class Reason(Enum):
    """Why the original's behaviour is not copied."""

    CORRUPTION = "corrupts"
    LOSS = "loses silently"
    CRASH = "crashes"
    LEAK = "lets a tenant out"
    EXTENSION = "only fails"
    """Not a defect: where the original ends with an error, there is something useful to do."""


@dataclass(frozen=True)
class Deviation:
    """One place.

    Attributes:
        theirs: what the original does.
        ours: what avp-py does.
        reason: why.
        example: manifests on which both can be seen.
    """

    theirs: str
    ours: str
    reason: Reason
    example: str


def _document(fields: str, kind: str = "X", path: str = "kv/data/app", more: str = "") -> str:
    return (
        f"kind: {kind}\nmetadata:\n  annotations:\n"
        f'    avp.kubernetes.io/path: "{path}"\n{more}{fields}'
    )


DEVIATIONS: Mapping[str, Deviation] = {
    "number-in-text": Deviation(
        "A number or boolean inside a longer string takes the place of the whole string.",
        "It is written into the string.",
        Reason.CORRUPTION,
        _document('spec: "x-<port>"\n'),
    ),
    "structure-in-text": Deviation(
        "A list or mapping inside a longer string takes the place of the whole string.",
        "An error.",
        Reason.CORRUPTION,
        _document('spec: "x-<list>"\n'),
    ),
    "panic-value-is-no-text": Deviation(
        "A list, a mapping or a parsed number in a ConfigMap or in base64 crashes it.",
        "A number is written out; a list or mapping is an error.",
        Reason.CRASH,
        _document('data: {a: "<list>"}\n', kind="ConfigMap"),
    ),
    "panic-empty-modifier": Deviation(
        "`<key | >` crashes it.", "An error.", Reason.CRASH, _document('spec: "<user | >"\n')
    ),
    "panic-modifier-on-number": Deviation(
        "`sha256sum` and `jsonPath` on a number crash it.",
        "An error; `jsonPath` looks into the number.",
        Reason.CRASH,
        _document('spec: "<port | sha256sum>"\n'),
    ),
    "panic-data-is-no-object": Deviation(
        "A secret of KV 1 whose `data` is text, read as KV 2, crashes it.",
        "The version of the mount counts; where a setting says 2, it is an error.",
        Reason.CRASH,
        _document('spec: "<user>"\n', path="old/text"),
    ),
    "base64decode-hides-faults": Deviation(
        "`base64decode` drops what it cannot decode.",
        "An error.",
        Reason.LOSS,
        _document('spec: "<base64-bad | base64decode>"\n'),
    ),
    "parsed-integers-are-rounded": Deviation(
        "`jsonParse` and `yamlParse` round integers beyond 2^53.",
        "They keep their digits.",
        Reason.CORRUPTION,
        _document('spec: "<json-near | jsonParse>"\n'),
    ),
    "null-leaves-the-placeholder": Deviation(
        "A modifier that gives null leaves the placeholder in the manifest, without a word.",
        "An error.",
        Reason.LOSS,
        _document('spec: "<json-null | jsonParse>"\n'),
    ),
    "bytes-are-no-text": Deviation(
        "Bytes that are no text become replacement characters.",
        "An error.",
        Reason.CORRUPTION,
        _document('spec: "<base64-bytes | base64decode>"\n'),
    ),
    "characters-that-yaml-refuses": Deviation(
        "A value with a character that YAML refuses is an error of the YAML that it would write.",
        "It is written as an escape.",
        Reason.EXTENSION,
        _document('spec: "<not-a-character>"\n'),
    ),
    "next-line-becomes-a-space": Deviation(
        "The character U+0085 in a value becomes a space.",
        "It stays.",
        Reason.CORRUPTION,
        _document('spec: "<next-line>"\n'),
    ),
    "base64-is-written-anew": Deviation(
        "Base64 in a Secret that holds `<…>` and no placeholder is written anew.",
        "It is passed on as it is.",
        Reason.CORRUPTION,
        "kind: Secret\ndata:\n  a: PGE+Yh==\n",
    ),
    "merge-key-is-not-quoted": Deviation(
        "A key that is the text `<<` is printed without quotes, and so merges.",
        "It stays quoted.",
        Reason.CORRUPTION,
        "kind: X\nspec:\n  '<<': {a: b}\n",
    ),
    "annotation-is-no-string": Deviation(
        "One annotation whose value is no string, and all annotations of the document are ignored.",
        "Ours count; one of ours that is no string is an error.",
        Reason.LOSS,
        "kind: X\nmetadata:\n  annotations: {a: 1, avp.kubernetes.io/path: kv/data/app}\n"
        'spec: "<user>"\n',
    ),
    "repeated-key": Deviation(
        "Of two equal keys in a mapping the last one counts.",
        "An error that names the line.",
        Reason.LOSS,
        "kind: X\nspec: {a: 1, a: 2}\n",
    ),
    "text-behind-a-marker": Deviation(
        "What stands behind `---` on its line is dropped.",
        "It is read, and set on a line of its own.",
        Reason.LOSS,
        "kind: A\n--- {kind: X}\n",
    ),
    "only-the-first-document-is-read": Deviation(
        "Between two lines of `---`, only the first document is read: what stands behind `...` is "
        "dropped.",
        "An error.",
        Reason.LOSS,
        "kind: A\n...\nkind: X\n",
    ),
    "colon-at-the-end-in-flow-style": Deviation(
        "`[a:]` is a list of the text `a:`.",
        "An error: to YAML 1.2 it is a list of the mapping `{a: null}`, so readers disagree.",
        Reason.CORRUPTION,
        "kind: X\nspec: [a:]\n",
    ),
    "nothing-in-nothing-out": Deviation(
        "Input without a manifest is a success that prints nothing, and Argo CD prunes everything.",
        "An error.",
        Reason.LOSS,
        "# nothing\n",
    ),
    "path-climbs": Deviation(
        "A path that climbs above its beginning leaves `/v1/`.",
        "An error.",
        Reason.LEAK,
        'kind: X\nspec: "<path:../v1/kv/data/app#user>"\n',
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
    ),
    "annotated-path-is-always-read": Deviation(
        "The path of the annotation is read where nothing wants it, even in an ignored document, "
        "and fails where nothing is there.",
        "Only what a placeholder wants is read.",
        Reason.EXTENSION,
        _document("spec: text\n", path="kv/data/nowhere"),
    ),
    "empty-path-is-the-template": Deviation(
        "With an empty path, `<key>` is missing.",
        "The operator's template is the path.",
        Reason.EXTENSION,
        _document('spec: "<user>"\n', path=""),
    ),
    "kv-version-is-detected": Deviation(
        "A path without `/data/` is one of KV 2, and fails, where no setting says KV 1.",
        "Vault is asked for the version of the mount.",
        Reason.EXTENSION,
        _document('spec: "<user>"\n', path="kv/app"),
    ),
    "kv-1-read-as-kv-2": Deviation(
        "A secret of KV 1 with a mapping under `data` can be read as KV 2.",
        "The version of the mount counts where no setting says it.",
        Reason.CORRUPTION,
        _document('spec: "<user>"\n', path="old/wrapped"),
    ),
    "flow-style-first": Deviation(
        "Input that begins with a brace must be JSON.",
        "It may be YAML in braces.",
        Reason.EXTENSION,
        '{kind: X, spec: "<path:kv/data/app#user>"}\n',
    ),
    "more-modifiers": Deviation(
        "There are seven modifiers.",
        "There are more (docs/modifiers.md).",
        Reason.EXTENSION,
        _document('spec: "<user | upper>"\n'),
    ),
}


def page() -> str:
    """docs/compatibility.md."""
    lines = [
        "# Compatibility with argocd-vault-plugin",
        "",
        "<!-- made by `python -m tests.compat.deviations` from tests/compat/deviations.py -->",
        "",
        "`make compat` runs argocd-vault-plugin v1.18.1 and avp-py on the same input against the",
        "same Vault. What they print is compared as Kubernetes reads it. A difference is a",
        "failure, unless a model of both programs foretells both outcomes by these rows.",
    ]
    for is_extension, title in _TITLES.items():
        lines += ["", f"## {title}", "", "| name | argocd-vault-plugin | avp-py | it |"]
        lines += ["|---|---|---|---|"]
        lines += [
            f"| `{name}` | {_cell(row.theirs)} | {_cell(row.ours)} | {row.reason.value} |"
            for name, row in DEVIATIONS.items()
            if (row.reason is Reason.EXTENSION) is is_extension
        ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


_TITLES: Final = {False: "Defects that are not copied", True: "Where it only fails"}

PAGE: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "compatibility.md"

if __name__ == "__main__":
    PAGE.write_text(page())
