"""The settings file that `-c` names: YAML, JSON, or an env file, as argocd-vault-plugin reads them.

Keys are the names of settings in any case. Unlike there, a value keeps its text: `0123` does not
become 83, and a number is no crash.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from avp_py.errors import SettingsError
from avp_py.files import read_text
from avp_py.golang.documents import parse
from avp_py.golang.lines import position
from avp_py.golang.nodes import MappingNode, ScalarNode
from avp_py.settings.declaration import OUR_PREFIXES
from avp_py.settings.envfile import EnvFileError, parse_env

_YAML = (".yaml", ".yml", ".json")
_ENV = (".env", ".dotenv")


def read_config(path: Path, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Read the file.

    Args:
        path: the file; its ending says its format: .yaml, .yml, .json, .env or .dotenv.
        environ: the environment, from which an env file may take values.

    Returns:
        Values by the name of their setting.

    Raises:
        SettingsError: the file cannot be read, or holds something else than names and values.
        DocumentError: it is not YAML or JSON, or not UTF-8.
    """
    kind = path.suffix or path.name
    if kind not in _YAML + _ENV:
        raise SettingsError(
            f"{path}: the format of the settings file is not known",
            hint=f"let its name end with one of {', '.join(_YAML + _ENV)}",
        )
    text = read_text(path, "the settings file", "check -c")
    if kind == ".json":
        return _read_json(text, path)
    return _read_yaml(text, path) if kind in _YAML else _read_env(text, path, environ)


def _read_json(text: str, path: Path) -> Mapping[str, str]:
    try:
        root = json.loads(text, parse_int=str, parse_float=str, object_pairs_hook=_Object)
    except (ValueError, RecursionError) as error:
        where = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        root, problem = None, f"{path}{where}: not JSON"
    else:
        problem = ""
    if problem:
        # Raised out here: the library's error holds the text, and must not be a context.
        raise SettingsError(problem, hint="write one object, with a setting a line")
    values: dict[str, str] = {}
    for name, value in _pairs(root, path):
        key = name.upper()
        if key in values:
            raise SettingsError(f"{path}: duplicate name {name[:80]!r}", hint="keep one of the two")
        if isinstance(value, bool):
            values[key] = "true" if value else "false"
        elif isinstance(value, str):
            values[key] = value
        elif value is not None and key.startswith(OUR_PREFIXES):
            raise SettingsError(
                f"{path}: {name[:80]!r} has more than one value",
                hint='write a setting as "AVP_TYPE": "vault"',
            )
    return values


class _Object(list[tuple[str, Any]]):
    """An object of JSON, equal names included."""


def _pairs(root: Any, path: Path) -> Sequence[tuple[str, Any]]:
    """Return the names and values of an object; null is an empty one."""
    if root is None:
        return ()
    if not isinstance(root, _Object):
        raise SettingsError(
            f"{path}: the settings are no object", hint='write {"AVP_TYPE": "vault"}'
        )
    return root


def _read_yaml(text: str, path: Path) -> Mapping[str, str]:
    values: dict[str, str] = {}
    for document in parse(text, str(path))[:1]:
        root = document.root
        if root is None or (isinstance(root, ScalarNode) and root.is_null):
            continue
        if not isinstance(root, MappingNode):
            raise _misplaced(text, root.start, path)
        written = [entry.key.value for entry in root.entries]
        for entry in root.entries:
            if written.count(entry.key.value) > 1:
                raise SettingsError(
                    f"{path}, {position(text, entry.key.start)}: duplicate name "
                    f"{entry.key.value[:80]!r}",
                    hint="keep one of the two",
                )
        for key in sorted(root.keys()):
            name, value = key.upper(), root.get(key)
            if isinstance(value, ScalarNode):
                values.update({} if value.is_null else {name: value.value})
            elif value is not None and name.startswith(OUR_PREFIXES):
                raise _misplaced(text, value.start, path)
    return values


def _misplaced(text: str, index: int, path: Path) -> SettingsError:
    return SettingsError(
        f"{path}, {position(text, index)}: a setting has a name and one value",
        hint="write one setting a line, as AVP_TYPE: vault",
    )


def _read_env(text: str, path: Path, environ: Mapping[str, str]) -> Mapping[str, str]:
    try:
        values = parse_env(text, environ)
    except EnvFileError as error:
        raise SettingsError(
            f"{path}, line {error.line}: not NAME=value",
            hint="write one setting a line, as AVP_TYPE=vault",
        ) from error
    return {name.upper(): value for name, value in values.items()}
