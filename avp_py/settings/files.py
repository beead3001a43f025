"""The settings file that `-c` names: YAML, JSON, or an env file, as argocd-vault-plugin takes them.

Keys are the names of settings in any case. Unlike there, a value keeps its text: `0123` does not
become 83, and a number is no crash.
"""

from collections.abc import Mapping
from pathlib import Path

from avp_py.errors import SettingsError
from avp_py.nodes import MappingNode, ScalarNode, parse, position, resolve
from avp_py.settings.envfile import EnvFileError, parse_env

_YAML = (".yaml", ".yml", ".json")
_ENV = (".env", ".dotenv")


def read_config(path: Path, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Reads the file.

    Args:
        path: the file; its ending says its format: .yaml, .yml, .json, .env or .dotenv.
        environ: the environment, from which an env file may take values.

    Returns:
        Values by the name of their setting.

    Raises:
        SettingsError: the file cannot be read, or holds something else than names and values.
        DocumentError: it is not YAML or JSON.
    """
    kind = path.suffix or path.name
    if kind not in _YAML + _ENV:
        raise SettingsError(
            f"{path}: the format of the settings file is not known",
            hint=f"let its name end with one of {', '.join(_YAML + _ENV)}",
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(
            f"the settings file {path} cannot be read: {error.strerror}", hint="check -c"
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"the settings file {path} is not UTF-8", hint="save it so") from None
    return _read_yaml(text, path) if kind in _YAML else _read_env(text, path, environ)


def _read_yaml(text: str, path: Path) -> Mapping[str, str]:
    values: dict[str, str] = {}
    for document in parse(text, str(path))[:1]:
        root = resolve(document.root) if document.root is not None else None
        if root is None or (isinstance(root, ScalarNode) and root.is_null):
            continue
        if not isinstance(root, MappingNode):
            raise _misplaced(text, root.start, path)
        for entry in root.entries:
            value = resolve(entry.value)
            if not isinstance(value, ScalarNode):
                raise _misplaced(text, value.start, path)
            if not value.is_null:
                values[entry.key.value.upper()] = value.value
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
        ) from None
    return {name.upper(): value for name, value in values.items()}
