"""What Chart.yaml says of a chart and its dependencies, as helm reads it. Pure.

Sources: metadata.go and dependency.go in pkg/chart/v2, and LoadFiles in loader/load.go there, of
Helm 4.2.4. Those of 3.19.4 are the same.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from avp_py.errors import ChartLimitError, RenderError, quoted
from avp_py.golang.gojson import YamlFloat, print_float32, write_float
from avp_py.golang.gostrings import SPACE
from avp_py.golang.yaml_error import YamlTextError
from avp_py.golang.yaml_reader import read
from avp_py.values import Number, Value

CHART: Final = "Chart.yaml"
REQUIREMENTS: Final = "requirements.yaml"
"""Where charts of the API version v1 have their dependencies."""

MAX_BYTES: Final = 1 << 20
"""How large such a file may be; the largest in use have some kilobytes."""

MAX_DEPENDENCIES: Final = 200
"""How many dependencies a chart may have, and how many charts may be missing in it and in those
nested in it, each counted once; umbrella charts in use have some dozens."""

FEWER: Final = "split the chart, or put some of the charts that it needs into one of their own"
"""What to do where there are too many."""

_NAME: Final = frozenset(string.ascii_letters + string.digits + "-_.")
_ALIAS: Final = _NAME - {"."}
"""The characters of an alias (aliasNameFormat)."""

_MAX_NAME: Final = 200


@dataclass(frozen=True)
class Dependency:
    """A dependency of a chart, in Chart.yaml or in its lock file.

    Attributes:
        name: the name of the chart that is needed.
        version: its version, or a range of versions.
        repository: where it is; empty for one in `charts/`.
        condition: which values switch it on.
        tags: the groups that it is switched on with.
        is_enabled: what no chart says in this file; helm reads it all the same.
        import_values: the values that the chart takes from it.
        alias: another name for it.
    """

    name: str
    version: str
    repository: str
    condition: str = ""
    tags: tuple[str, ...] = ()
    is_enabled: bool = False
    import_values: tuple[Value, ...] = ()
    alias: str = ""

    @classmethod
    def read(cls, value: Value) -> Self:
        """Return the dependency that an entry of a list describes.

        Raises:
            RenderError: it is malformed.
        """
        if not isinstance(value, Mapping):
            raise RenderError("a dependency is not a mapping")
        known = _Fields(value)
        return cls(
            known.text("name"),
            known.text("version"),
            known.text("repository"),
            known.text("condition"),
            tuple(map(_text, known.items("tags"))),
            known.flag("enabled"),
            tuple(map(_rounded, known.items("import-values"))),
            known.text("alias"),
        )

    def cleaned(self) -> "Dependency":
        """Return it as helm has it once it has loaded a chart (Dependency.Validate).

        Raises:
            RenderError: helm would not load the chart.
        """
        if not set(self.alias) <= _ALIAS:
            raise RenderError(f"the alias {quoted(self.alias)} has characters that helm refuses")
        return Dependency(
            _printable(self.name),
            _printable(self.version),
            _printable(self.repository),
            _printable(self.condition),
            tuple(map(_printable, self.tags)),
            self.is_enabled,
            self.import_values,
            self.alias,
        )


@dataclass(frozen=True)
class Metadata:
    """What is said of a chart.

    Attributes:
        name: its name.
        version: its version.
        is_v1: whether it is of the API version v1.
        dependencies: its dependencies.
    """

    name: str
    version: str
    is_v1: bool
    dependencies: tuple[Dependency, ...]

    @classmethod
    def read(cls, chart: bytes, requirements: bytes | None) -> Self:
        """Return what a chart's files say.

        Args:
            chart: Chart.yaml.
            requirements: requirements.yaml; None without one.

        Raises:
            RenderError: they are malformed: helm would not load the chart.
        """
        known = _Fields(read_mapping(chart, CHART))
        name, version = _printable(known.text("name")), known.text("version")
        is_v1 = known.text("apiVersion") in {"", "v1"}
        dependencies = known.items("dependencies")
        if requirements is not None:
            # It overrides what it has of Chart.yaml; that is its dependencies only.
            more = _Fields(read_mapping(requirements, REQUIREMENTS))
            dependencies = more.items("dependencies") if more.has("dependencies") else dependencies
        if not is_name(name):
            raise RenderError(f"{CHART} has {quoted(name)} as the name of the chart")
        return cls(name, version, is_v1, _dependencies(dependencies))


def _dependencies(values: Sequence[Value]) -> tuple[Dependency, ...]:
    if len(values) > MAX_DEPENDENCIES:
        raise ChartLimitError(f"{CHART} has more than {MAX_DEPENDENCIES} dependencies", hint=FEWER)
    dependencies = tuple(Dependency.read(each).cleaned() for each in values)
    names = [each.alias or each.name for each in dependencies]
    for name in names:
        if names.count(name) > 1:
            raise RenderError(f"more than one dependency has the name or alias {quoted(name)}")
    return dependencies


def is_name(name: str) -> bool:
    """Return whether a chart may have this name: helm makes the name of a file of it."""
    return 0 < len(name) <= _MAX_NAME and set(name) <= _NAME and name[0] not in "._-"


def read_mapping(data: bytes, name: str) -> Mapping[str, Value]:
    """Return what a file says that helm reads as YAML; nothing of an empty one.

    Raises:
        RenderError: it is malformed, or not a mapping.
    """
    if len(data) > MAX_BYTES:
        raise ChartLimitError(f"{name} is larger than {MAX_BYTES >> 20} MiB", hint="shorten it")
    try:
        value = read(data.decode())
    except UnicodeDecodeError:
        raise RenderError(f"{name} is not UTF-8") from None
    except YamlTextError as error:
        raise RenderError(f"{name}: {error.reason}", hint=error.hint) from error
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RenderError(f"{name} is not a mapping")
    return value


def read_list(known: Mapping[str, Value], name: str) -> Sequence[Value] | None:
    """Return a list in such a file; None without one.

    Raises:
        RenderError: it is not a list.
    """
    return _Fields(known).items(name) if _Fields(known).has(name) else None


def read_text(known: Mapping[str, Value], name: str) -> str:
    """Return a text in such a file; an empty one without it.

    Raises:
        RenderError: it is not a scalar.
    """
    return _Fields(known).text(name)


class _Fields:
    """A mapping from which encoding/json fills a struct: the case of its keys has no effect."""

    def __init__(self, known: Mapping[str, Value]) -> None:
        # encoding/json goes through them in this order, and null changes nothing.
        self._known = {key.lower(): known[key] for key in sorted(known) if known[key] is not None}

    def has(self, name: str) -> bool:
        return name.lower() in self._known

    def text(self, name: str) -> str:
        return _text(self._known.get(name.lower()))

    def flag(self, name: str) -> bool:
        value = self._known.get(name.lower(), False)
        if not isinstance(value, bool):
            raise RenderError(f"{name} is not true or false")
        return value

    def items(self, name: str) -> Sequence[Value]:
        value = self._known.get(name.lower(), ())
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise RenderError(f"{name} is not a list")
        return value


def _text(value: Value) -> str:
    """Return a scalar as text, as sigs.k8s.io/yaml makes it for a field of that type."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case YamlFloat():
            return print_float32(value.value)
        case Number():
            return value.text
        case _:
            raise RenderError("a list or a mapping is where a text belongs")


def _rounded(value: Value) -> Value:
    """Return a value with its numbers as encoding/json reads them for `any`: float64."""
    match value:
        case Number():
            return Number(write_float(float(value.text)))
        case Mapping():
            return {key: _rounded(item) for key, item in value.items()}
        case Sequence() if not isinstance(value, str):
            return tuple(map(_rounded, value))
        case _:
            return value


def _printable(text: str) -> str:
    """Return a text as sanitizeString in pkg/chart/v2/chart.go does."""
    spaced = (" " if char in SPACE else char for char in text)
    return "".join(char for char in spaced if char.isprintable())
