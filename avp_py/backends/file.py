"""Secrets from one YAML file, for demonstrations, tests and work without a Vault.

    kv/data/demo/web:          # a path, as it is written in manifests
      DATABASE_URL: postgres://…
      replicas: 3              # numbers, booleans, lists and mappings keep their type
    kv/data/demo/web#1:        # version 1; without such an entry there is one version
      DATABASE_URL: postgres://…

The entry without a version is the newest. If there is none, the highest version is the newest.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from avp_py.backends.interface import Backend, Location, MayName, Secret
from avp_py.backends.vault.paths import with_engine
from avp_py.errors import DocumentError, Failure, NotFoundError, SettingsError
from avp_py.files import read_text
from avp_py.golang.documents import parse
from avp_py.golang.lines import position
from avp_py.golang.nodes import Entry, MappingNode, Node, ScalarNode, dereference
from avp_py.settings import Settings
from avp_py.values import Number, Value

MAX_SUGGESTIONS = 5
"""How many names similar to a missing one are considered for the one that is suggested."""

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_VERSION = re.compile(r"[0-9]{1,18}")
_BOOLEANS = {"true": True, "false": False}


def open_backend(settings: Settings, environ: Mapping[str, str]) -> Backend:  # noqa: ARG001
    """Return the backend for the file that AVP_FILE names.

    Args:
        settings: all of them.
        environ: not used; other backends need it.

    Raises:
        SettingsError: AVP_FILE is not set, or the file cannot be read.
        DocumentError: the file does not have the form that this module describes.
    """
    if settings.backend.file is None:
        raise SettingsError("AVP_FILE is not set", hint="set it to the YAML file with the secrets")
    return FileBackend.load(Path(settings.backend.file), settings.backend.kv_version)


def check(settings: Settings, environ: Mapping[str, str], *, log_in: bool) -> str:  # noqa: ARG001
    """Read the file; a login is never needed. Raises what open_backend raises."""
    open_backend(settings, environ)
    return f"{settings.backend.file} can be read"


class FileBackend(Backend):
    """Secrets that were read from a file."""

    def __init__(
        self, secrets: Mapping[str, Secret], source: str, kv_version: str | None = None
    ) -> None:
        """Make the backend.

        Args:
            secrets: the secrets, by path and version.
            source: the name of the file, for messages.
            kv_version: AVP_KV_VERSION. The file stands in for Vault.
        """
        self._secrets = secrets
        self._source = source
        self._kv_version = kv_version

    @classmethod
    def load(cls, path: Path, kv_version: str | None = None) -> "FileBackend":
        """Read the whole file. Raises what open_backend raises."""
        hint = "set AVP_FILE to the YAML file with the secrets"
        text = read_text(path, "the secrets file", hint)
        secrets: dict[str, Secret] = {}
        for document in parse(text, str(path)):
            root = document.root
            if root is None or (isinstance(root, ScalarNode) and root.is_null):
                continue
            for entry in _entries(root, text, path):
                if entry.key.value in secrets:
                    raise DocumentError(
                        f"{path}, {position(text, entry.key.start)}: duplicate path "
                        f"{entry.key.value!r}",
                        hint="remove one of the two",
                    )
                values = {
                    each.key.value: _value(each.value) for each in _entries(entry.value, text, path)
                }
                version = entry.key.value.partition("#")[2]
                secrets[entry.key.value] = Secret(values, version=version)
        return cls(secrets, str(path), kv_version)

    def places(self, location: Location) -> Iterator[Location]:
        """Yield the location, without a version if its engine has none."""
        yield with_engine(location, self._kv_version)

    def read(self, location: Location) -> Secret:
        """Return the secret of a path and version."""
        name = (
            f"{location.path}#{location.version}"
            if location.version
            else self._newest(location.path)
        )
        if name in self._secrets:
            return self._secrets[name]
        raise NotFoundError(f"{self._source} has no {name}", hint=f"add {name} to the file")

    def explain(self, location: Location, failure: Failure, may_name: MayName) -> Failure:
        """Return the failure with the nearest name in the file that it may name."""
        import difflib  # late: few runs have a name to look up

        name = f"{location.path}#{location.version}" if location.version else location.path
        for near in difflib.get_close_matches(name, self._secrets, n=MAX_SUGGESTIONS):
            if may_name(near.partition("#")[0]):
                return dataclasses.replace(failure, hint=f"did you mean {near}?")
        return failure

    def _newest(self, path: str) -> str:
        if path in self._secrets:
            return path
        prefix = f"{path}#"
        versions = [name[len(prefix) :] for name in self._secrets if name.startswith(prefix)]
        numbers = [version for version in versions if _VERSION.fullmatch(version)]
        return f"{prefix}{max(numbers, key=int)}" if numbers else path


def _entries(node: Node, text: str, path: Path) -> tuple[Entry, ...]:
    mapping = dereference(node)
    if not isinstance(mapping, MappingNode):
        raise DocumentError(
            f"{path}, {position(text, mapping.start)}: expected a mapping",
            hint="the file maps paths to keys, and keys to values",
        )
    return tuple(mapping.entries)


def _value(node: Node) -> Value:
    """Return the value of a node by YAML 1.2's JSON schema: no yes, no, octal number or date."""
    node = dereference(node)
    if isinstance(node, MappingNode):
        return {entry.key.value: _value(entry.value) for entry in node.entries}
    if not isinstance(node, ScalarNode):
        return [_value(item) for item in node.items]
    if node.is_null:
        return None
    if node.style is None and node.tag is None:
        if node.value in _BOOLEANS:
            return _BOOLEANS[node.value]
        if _NUMBER.fullmatch(node.value):
            return Number(node.value)
    return node.value
