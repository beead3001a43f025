"""Chart.lock: which version of each dependency belongs to a chart. Pure.

Sources: Manager.Build in pkg/downloader/manager.go, HashReq and HashV2Req in
internal/resolver/resolver.go of Helm 4.2.4. Those of 3.19.4 are the same.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from avp_py.errors import ChartLimitError
from avp_py.golang import gojson
from avp_py.render.chart_metadata import (
    FEWER,
    MAX_DEPENDENCIES,
    Dependency,
    read_list,
    read_mapping,
    read_text,
)

LOCKS: Final = ("requirements.lock", "Chart.lock")
"""The files, in the order in which they count; charts of the API version v1 have the first."""

NAMED: Final = ("@", "alias:")
"""How a repository begins that is the name of one in a person's configuration."""


@dataclass(frozen=True)
class Lock:
    """The lock file of a chart.

    Attributes:
        digest: of the dependencies in Chart.yaml and of these.
        dependencies: each with its exact version; None where there is no list.
    """

    digest: str
    dependencies: tuple[Dependency, ...] | None

    @classmethod
    def read(cls, data: bytes, name: str) -> Self | None:
        """Return a lock file; None of an empty one.

        Args:
            data: its content.
            name: its name.

        Raises:
            RenderError: it is malformed.
        """
        known = read_mapping(data, name)
        if not known:
            return None
        listed = read_list(known, "dependencies")
        if listed is not None and len(listed) > MAX_DEPENDENCIES:
            raise ChartLimitError(
                f"{name} has more than {MAX_DEPENDENCIES} dependencies", hint=FEWER
            )
        dependencies = None if listed is None else tuple(map(Dependency.read, listed))
        return cls(read_text(known, "digest"), dependencies)

    def is_of(self, required: Sequence[Dependency], *, is_v1: bool) -> bool:
        """Return whether the lock file was made for these dependencies.

        Args:
            required: those in Chart.yaml.
            is_v1: whether the chart is of the API version v1, so that Helm 2 may have made it.
        """
        resolved = self._resolved(required)
        both = f"[{_list(resolved)},{_list(self.dependencies)}]"
        of_helm_2 = f'{{"dependencies":{_list(required)}}}'
        return self.digest == _digest(both) or (is_v1 and self.digest == _digest(of_helm_2))

    def _resolved(self, required: Sequence[Dependency]) -> Sequence[Dependency]:
        """Return the dependencies with URLs in place of the names of repositories.

        The lock file has them in the same order, and the digest proves which URL it was.
        """
        locked = self.dependencies or ()
        if len(locked) != len(required):
            return required
        return [
            replace(each, repository=other.repository)
            if each.repository.startswith(NAMED)
            else each
            for each, other in zip(required, locked, strict=True)
        ]


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(gojson.utf8(text)).hexdigest()}"


def _list(dependencies: Sequence[Dependency] | None) -> str:
    if dependencies is None:
        return "null"
    return f"[{','.join(map(_json, dependencies))}]"


def _json(dependency: Dependency) -> str:
    return f"{{{','.join(_members(dependency))}}}"


def _members(dependency: Dependency) -> Iterator[str]:
    """Yield the fields in the order of the struct, without those that are empty and may lack."""
    name, version = dependency.name, dependency.version
    yield f'"name":{gojson.write(name)}'
    if version:
        yield f'"version":{gojson.write(version)}'
    yield f'"repository":{gojson.write(dependency.repository)}'
    if dependency.condition:
        yield f'"condition":{gojson.write(dependency.condition)}'
    if dependency.tags:
        yield f'"tags":{gojson.write(dependency.tags)}'
    if dependency.is_enabled:
        yield '"enabled":true'
    if dependency.import_values:
        yield f'"import-values":{gojson.write(dependency.import_values)}'
    if dependency.alias:
        yield f'"alias":{gojson.write(dependency.alias)}'
