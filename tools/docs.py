"""Writes the pages, plugin files and parts of the chart that are made from the code.

    python tools/docs.py            write them
    python tools/docs.py --check    exit 1 where one is not current

The code knows its settings, modifiers and plugins best; a test holds the files to be current.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from chart import FILES as CHART_FILES
from versions import page as versions_page

from avp_py.cmp import PLUGINS
from avp_py.manifests.scalars import flow
from avp_py.modifiers import MODIFIERS
from avp_py.settings import TABLE, Owner
from avp_py.settings.unknown import GUARDS

ROOT = Path(__file__).resolve().parent.parent


def settings_page() -> str:
    """The page of all settings."""
    return "".join(f"{line}\n" for line in _settings_lines())


def _settings_lines() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "<!-- made by `make docs` from avp_py/settings/ -->"
    yield ""
    yield "Every setting is an environment variable. An empty variable counts as unset. A malformed"
    yield "one is an error that names it; all are reported together."
    yield ""
    yield "An unknown name that begins with `AVP_` is a warning (`AVP_WARNINGS`), whether it"
    yield "is in the environment, in the file of `-c` or in the Secret. If it is closest to a"
    yield f"setting that restricts ({', '.join(f'`{name}`' for name in sorted(GUARDS))}),"
    yield "it is an error, so that a misspelt `AVP_POLCY` does not mean that there is no policy;"
    yield "under the name `argocd-vault-plugin` it is a warning. Names that only"
    yield "argocd-vault-plugin knows, names with `AVP_PY_`, and variables that Kubernetes sets for"
    yield "a Service `avp-…` are accepted."
    for owner, explanation in _OWNERS.items():
        yield ""
        yield f"## Set by {owner.value}"
        yield ""
        yield explanation
        yield ""
        second = "parameter" if owner is Owner.TENANT else "default"
        yield f"| name | {second} | what it is |"
        yield "|---|---|---|"
        for setting in TABLE:
            if setting.owner is owner:
                default = f"`{setting.default}` {setting.unit}".rstrip() if setting.default else ""
                parameter = "" if setting.is_family else f"`{setting.parameter}`, {setting.kind}"
                second = parameter if owner is Owner.TENANT else default
                mark = "\\*" if setting.in_secret else ""
                yield f"| `{setting.name}`{mark} | {second} | {setting.summary} |"


_OWNERS = {
    Owner.TENANT: "In `plugin.env` of the Application (or with `--plugin-env`); Argo CD passes "
    "them on as `ARGOCD_ENV_<name>`.\nWhoever can commit to the repository can set them too, in "
    "`.argocd-source.yaml`. Any other name that begins with\n`AVP_`, `VAULT_` or the like is an "
    "error, unless the operator permits it by name in `AVP_TENANT_SETTINGS`\n(names separated by "
    "commas). A name that begins with `AVP_` may also be in the process environment.\n"
    "A name that is almost one of these (`IMAGE_TGA`), or one of these spelled differently "
    "(`helm_args`, `image-tag`),\nis an error, unless `AVP_RENDER_ENV` lists it with its "
    "`ARGOCD_ENV_`. Other names pass. Under the name\n`argocd-vault-plugin` none of this is "
    "checked.\n\n"
    "The same can be set as parameters, in `plugin.parameters` of the Application: the second "
    "column gives\nname and kind. A parameter wins over the variable, and does not have to be "
    "split: in a variable the\nitems of an array are separated by commas or white space, and a "
    "map is one line `name=value` per entry.\nArgo CD passes parameters as JSON in "
    "`ARGOCD_APP_PARAMETERS`; its variables `PARAM_*` are not read.",
    Owner.OPERATOR: "In the environment of the sidecar, or of a shell when debugging; in the file "
    "that `-c`\nnames; or in the Secret that `-s` names (read with `KUBECONFIG`, or the pod's "
    "service account). For names\nthat begin with `AVP_` the environment wins, for those of a "
    "backend (`VAULT_`) the file or Secret does.\n`AVP_TENANT_SETTINGS` can delegate these to "
    "tenants, by name. Whoever sets `VAULT_ADDR` receives the\ncredentials that are sent "
    "there. So in a Secret that an Application names, settings that decide where credentials\nare "
    "sent, or that name files, have restrictions: "
    "[policy.md](policy.md#the-secret-with-the-settings).",
    Owner.OPERATOR_ALONE: "As above, but they cannot be delegated: guards, programs and files of "
    "the sidecar, and limits of\na run. They are set in the environment or in the file of `-c`. "
    "Only those with an asterisk may also be\nin the Secret of `-s`; any other there is an "
    "error, because an Application may choose the Secret.",
    Owner.ARGOCD: "Argo CD sets these from the fields of the Application; set them by hand when "
    "debugging.",
}


def modifiers_page() -> str:
    """The page of all modifiers."""
    return "".join(f"{line}\n" for line in _modifiers_lines())


def _modifiers_lines() -> Iterator[str]:
    yield "# Modifiers"
    yield ""
    yield "<!-- made by `make docs` from avp_py/modifiers/table.py -->"
    yield ""
    yield "A modifier follows a `|` in a placeholder; several form a chain:"
    yield "`<password | urlencode>`, `<path:kv/data/demo/web#json | jsonPath {.user} | upper>`."
    yield "Each gets the result of the one before. A value of the wrong type is an error."
    yield ""
    yield "A missing key stays missing through all modifiers except `default`."
    for modifier in MODIFIERS.values():
        before, after = (
            "(missing)" if value is None else str(value) if isinstance(value, str) else flow(value)
            for value in (modifier.example.before, modifier.example.after)
        )
        yield ""
        yield f"## {modifier.name}"
        yield ""
        yield f"`{modifier.signature}`"
        yield ""
        yield modifier.summary
        yield ""
        yield "```text"
        yield f"{_shown(before)}  | {modifier.example.call}  →  {_shown(after)}"
        yield "```"


def _shown(text: str) -> str:
    return text.replace("\n", "⏎")


PAGES: dict[str, Callable[[], str]] = {
    "docs/modifiers.md": modifiers_page,
    "docs/settings.md": settings_page,
    "docs/versions.md": versions_page,
    **{plugin.file: plugin.manifest for plugin in PLUGINS},
    **CHART_FILES,
}


def main() -> int:
    """Writes or checks the files; gives the exit code."""
    parser = argparse.ArgumentParser(description="Writes the files that are made from the code.")
    parser.add_argument("--check", action="store_true", help="only check whether they are current")
    check = parser.parse_args().check
    stale = []
    for name, make in PAGES.items():
        page = ROOT / name
        if check and (not page.exists() or page.read_text() != make()):
            stale.append(name)
        elif not check:
            page.write_text(make())
    if stale:
        print(f"not current: {', '.join(stale)}; run `make docs`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
