"""What of charts/ and deploy/ is made from the code, and from the chart's own schema.

`python tools/docs.py` writes it, with the other files that are made.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from avp_py.cmp import PLUGINS
from avp_py.settings import TABLE, Setting, parse

ROOT: Final = Path(__file__).resolve().parent.parent
CHART: Final = ROOT / "charts" / "avp-py"

BEGIN: Final = "<!-- begin: made by `make docs` from values.schema.json and values.yaml -->"
END: Final = "<!-- end -->"

_CREDENTIALS: Final = (parse.sensitive, parse.token)

Json = Mapping[str, Any]


def schema() -> str:
    """The chart's values.schema.json, with the settings that the code knows today."""
    made = json.loads((CHART / "values.schema.json").read_text())
    values, names = made["properties"], _names()
    values["settings"]["properties"] = {
        name: {"description": description, "type": ["string", "number", "boolean"]}
        for name, description in names.items()
    }
    values["credentials"]["properties"] = {name: {"$ref": "#/definitions/key"} for name in names}
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _names() -> Mapping[str, str]:
    """All settings that count in the sidecar's own environment, and what each is."""
    return {setting.name: _description(setting) for setting in TABLE if _is_the_sidecars(setting)}


def _is_the_sidecars(setting: Setting) -> bool:
    """Whether the sidecar's own environment counts for it."""
    return setting.is_operators or setting.name.startswith("AVP_")


def _description(setting: Setting) -> str:
    """What a setting is. A credential is known here too, as the templates refuse it.

    Of a name that it does not know, a schema can say only that; not where it belongs.
    """
    if setting.parse in _CREDENTIALS:
        return "a credential: it belongs under `credentials`"
    return setting.summary


def readme() -> str:
    """The chart's README, with the table of all values."""
    before, _, rest = (CHART / "README.md").read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    table = "".join(f"{line}\n" for line in _table_lines())
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"


def _table_lines() -> Iterator[str]:
    yield "| value | default | what it is |"
    yield "|---|---|---|"
    properties = json.loads(schema())["properties"]
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    for path, text, default in _rows(properties, defaults, ""):
        yield f"| `{path}` | `{json.dumps(default, ensure_ascii=False)}` | {text} |"


def _rows(
    properties: Json, defaults: Mapping[str, Any], prefix: str
) -> Iterator[tuple[str, str, Any]]:
    """Path, description and default of each value; an object whose fields are fixed has none."""
    for name, found in properties.items():
        path = f"{prefix}{name}"
        if name not in defaults:
            continue
        if defaults[name] and found.get("properties") and "additionalProperties" in found:
            yield from _rows(found["properties"], defaults[name], f"{path}.")
        else:
            yield path, found["description"], defaults[name]


def _policy(name: str) -> str:
    """An admission policy of the chart, for clusters without the chart."""
    return (CHART / "files" / f"{name}-policy.yaml").read_text()


FILES: Final[Mapping[str, Callable[[], str]]] = {
    **{f"charts/avp-py/files/{plugin.name}.yaml": plugin.manifest for plugin in PLUGINS},
    "charts/avp-py/values.schema.json": schema,
    "charts/avp-py/README.md": readme,
    **{
        f"deploy/kustomize/{plugin.file}": plugin.manifest
        for plugin in PLUGINS
        if plugin.name == "avp-kustomize"
    },
    "deploy/admission/applications/policy.yaml": lambda: _policy("applications"),
    "deploy/admission/placeholders/policy.yaml": lambda: _policy("placeholders"),
}
"""Each file, from the repository's root, and what makes its text."""
