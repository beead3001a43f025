"""What a kustomization refers to, as far as it matters before kustomize runs.

Only a look, and a wide one: every scalar counts, whatever field it stands in. Kustomize takes
field names in any case and the last of two equal ones (Unmarshal in api/types/kustomization.go,
v0.21), so a look at the structure would miss what it reads. A folder too many does no harm. What
is no YAML is left for kustomize to complain about.
"""

import base64
import binascii
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import yaml

from avp_py.render.remote import remotes

FILE_NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""RecognizedKustomizationFileNames in kustomize's api/konfig/general.go, v0.21."""

_HELM = frozenset({"helmcharts", "helmchartinflationgenerator"})
"""The fields with charts; the second is also the kind of a generator that runs helm."""

_BINARY = frozenset({"tag:yaml.org,2002:binary", "!binary"})

_DEFAULT_HOME = "charts"
"""HelmDefaultHome in kustomize's api/types/helmchartargs.go, v0.21."""


@dataclass(frozen=True)
class Roots:
    """The local folders that a build reads, and those that it may write to.

    Attributes:
        folders: the folder itself first, then those that it refers to, with symlinks resolved.
        named: all paths that their kustomizations name and that are there; with `..` taken away
            as kustomize does it, before any symlink is resolved.
        needs_helm: whether one of them has a chart.
        homes: where helm may write: a chart that is not there is pulled into the folder of its
            kustomization, or where that says. Symlinks resolved; a home need not exist.
        files: their kustomization files.
        remotes: what they name on the network.
        unread: the kustomization files that are no YAML to libyaml, so that not all is known of
            what they refer to.
    """

    folders: tuple[Path, ...]
    named: frozenset[Path]
    needs_helm: bool
    homes: frozenset[Path]
    files: tuple[Path, ...]
    remotes: tuple[str, ...]
    unread: tuple[Path, ...]


def kustomization_files(folder: Path) -> Sequence[Path]:
    """The kustomization files that a folder has; kustomize wants just one."""
    # Path.is_file() would fail where the folder may not be entered.
    return [path for name in FILE_NAMES if os.path.isfile(path := folder / name)]  # noqa: PTH113


def find_roots(start: Path) -> Roots:
    """Follows the folders that a kustomization, and those behind it, refer to.

    Args:
        start: a folder with a kustomization, symlinks resolved.
    """
    found: dict[Path, Sequence[str]] = {}
    named: set[Path] = set()
    read: list[Path] = []
    fetched: list[str] = []
    unread: list[Path] = []
    waiting = [start]
    while waiting:
        folder = waiting.pop()
        if folder in found:
            continue
        texts: list[str] = []
        for file in kustomization_files(folder):
            text = _read(file, folder)
            scalars, is_whole = _scalars(text)
            texts += scalars
            fetched += remotes(text)
            read.append(file)
            unread += [] if is_whole else [file]
        found[folder] = texts
        for path in _paths(folder, found[folder]):
            named.add(path)
            if kustomization_files(path):
                waiting.append(Path(os.path.realpath(path)))
    helm = [(folder, scalars) for folder, scalars in found.items() if _has(scalars, _HELM)]
    if any(_has(scalars, {"generators"}) for scalars in found.values()):
        helm += [
            (folder, inner)
            for folder, scalars in found.items()
            for inner in _named_texts(folder, scalars)
            if _has(inner, _HELM)
        ]
    homes = {
        os.path.realpath(home) for folder, texts in helm for home in _homes(folder, texts, start)
    }
    return Roots(
        tuple(found),
        frozenset(named),
        bool(helm),
        frozenset(map(Path, homes)),
        tuple(read),
        tuple(fetched),
        tuple(unread),
    )


def _has(scalars: Sequence[str], names: frozenset[str] | set[str]) -> bool:
    return any(each.lower() in names for each in scalars)


def _read(path: Path, folder: Path) -> bytes:
    """A file as kustomize loads it: it must lie in the kustomization's folder."""
    try:
        if Path(os.path.realpath(path)).is_relative_to(folder):
            return path.read_bytes()
    except OSError:
        pass
    return b""


def _scalars(text: bytes | str) -> tuple[Sequence[str], bool]:
    """Every scalar of a YAML text, keys among them, up to the first error; and whether it has none.

    An alias of a scalar counts as that, and bytes in base64 as the text that Go makes of them.
    """
    found: list[str] = []
    anchors: dict[str, str] = {}
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.ScalarEvent):
                value = _decoded(event.value) if event.tag in _BINARY else event.value
                found.append(value)
                if event.anchor is not None:
                    anchors[event.anchor] = value
            elif isinstance(event, yaml.AliasEvent) and event.anchor in anchors:
                found.append(anchors[event.anchor])
    except yaml.YAMLError:
        return found, False
    return found, True


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode("utf-8", "surrogateescape")
    except binascii.Error:
        return text


def _paths(folder: Path, scalars: Sequence[str]) -> Iterator[Path]:
    """The scalars that are a path of something that is there, seen from the folder."""
    for scalar in scalars:
        path = os.path.normpath(os.path.join(folder, scalar))  # noqa: PTH118 - few are paths
        if os.path.lexists(path):
            yield Path("/", path.lstrip("/"))


def _named_texts(folder: Path, scalars: Sequence[str]) -> Iterator[Sequence[str]]:
    """The scalars of each file that a kustomization names, and of each text in it."""
    for path in _paths(folder, scalars):
        if os.path.isfile(path):  # noqa: PTH113 - as above
            yield _scalars(_read(path, folder))[0]
    for scalar in scalars:
        yield _scalars(scalar)[0]


def _homes(folder: Path, scalars: Sequence[str], start: Path) -> Iterator[Path]:
    yield folder / _DEFAULT_HOME
    for key, value in pairwise(scalars):
        if "\0" not in value:
            if key.lower() == "charthome":
                yield folder / value
            elif key.lower() in ("confighome", "helmhome"):
                # Handed to helm as it is, which runs where kustomize does.
                yield start / value
