"""The local directories that a kustomization reads and writes, and what they refer to.

Directories are found by a wide look: every scalar that is a path of something that is there counts,
whatever field it is in. kustomize takes field names in any case, and patches on generators change
what they read, so a look at the structure would miss some. A directory too many does no harm: it is
copied, or may be read. What a kustomization may not refer to is decided by its structure
(references.py).
"""

import base64
import binascii
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Final

import yaml

from avp_py.render.references import NOTHING, References, references
from avp_py.render.repository import Repository

FILE_NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""RecognizedKustomizationFileNames in kustomize's api/konfig/general.go, v0.21."""

_HELM = frozenset({"helmcharts", "helmchartinflationgenerator"})
"""The fields with charts; the second is also the kind of a generator that runs helm."""

_PLUGINS = frozenset({"generators", "transformers", "validators"})
"""The fields with configurations of kustomize's own plugins."""

_CONFIGURATIONS = ("generator", "transformer", "validator")
"""How the kinds of their configurations end, in lower case."""

_BINARY = frozenset({"tag:yaml.org,2002:binary", "!binary"})

MAX_FILE: Final = 4 << 20
"""How large a kustomization may be that is looked at, in bytes, where nobody says otherwise."""

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
        references: what each of the folders refers to.
        unread: the kustomization files that could not be read, so that not all is known of what
            they refer to.
    """

    folders: tuple[Path, ...]
    named: frozenset[Path]
    needs_helm: bool
    homes: frozenset[Path]
    files: tuple[Path, ...]
    references: Mapping[Path, References]
    unread: tuple[Path, ...]


def kustomization_files(folder: Path) -> Sequence[Path]:
    """The kustomization files that a folder has; kustomize wants just one."""
    # Path.is_file() would fail where the folder may not be entered.
    return [path for name in FILE_NAMES if os.path.isfile(path := folder / name)]  # noqa: PTH113


def find_roots(start: Path, within: Repository, size: int = MAX_FILE) -> Roots:
    """Follow the folders that a kustomization, and those that it leads to, refer to.

    Args:
        start: a folder with a kustomization, symlinks resolved.
        within: the repository; where it is known, nothing outside of it is looked at.
        size: how many bytes a file may have that is looked at; of a larger one nothing is known.
    """
    found: dict[Path, Sequence[str]] = {}
    referred: dict[Path, References] = {}
    named: dict[Path, None] = {}
    read: list[Path] = []
    unread: list[Path] = []
    waiting = [start]
    while waiting:
        folder = waiting.pop()
        if folder in found:
            continue
        texts: list[str] = []
        referred[folder] = NOTHING
        for file in kustomization_files(folder):
            text = _text(_read(file, folder, size))
            scalars, is_whole = _scalars(text)
            refers = references(text)
            texts += scalars
            referred[folder] |= refers
            read.append(file)
            unread += [] if is_whole and refers.is_read else [file]
        found[folder] = texts
        for path in _paths(folder, texts):
            if within.is_known and not within.contains(path):
                continue
            named[path] = None
            if kustomization_files(path):
                waiting.append(Path(os.path.realpath(path)))
    helm = [(folder, scalars) for folder, scalars in found.items() if _has(scalars, _HELM)]
    if any(_has(scalars, _PLUGINS) for scalars in found.values()):
        for folder, scalars in found.items():
            for config in _configurations(folder, scalars):
                inner, _ = _scalars(config)
                if _has(inner, _HELM):
                    helm.append((folder, inner))
                referred[folder] |= references(config)
    homes = {
        os.path.realpath(home)
        for folder, texts in helm
        for home in _homes(folder, texts)
        if not within.is_known or within.contains(home)
    }
    return Roots(
        tuple(found),
        frozenset(named),
        bool(helm),
        frozenset(map(Path, homes)),
        tuple(read),
        referred,
        tuple(unread),
    )


def _has(scalars: Sequence[str], names: frozenset[str] | set[str]) -> bool:
    return any(each.casefold() in names for each in scalars)


def _read(path: Path, folder: Path, size: int) -> bytes:
    """Return a file as kustomize loads it: it must be in the kustomization's folder."""
    try:
        if Path(os.path.realpath(path)).is_relative_to(folder):
            with path.open("rb") as file:
                data = file.read(size + 1)
            return data if len(data) <= size else b""
    except OSError:
        pass
    return b""


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig", "replace")


def _scalars(text: str) -> tuple[Sequence[str], bool]:
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
    for scalar in dict.fromkeys(scalars):
        path = os.path.normpath(os.path.join(folder, scalar))  # noqa: PTH118 - few are paths
        if os.path.lexists(path):
            yield Path("/", path.lstrip("/"))


def _configurations(folder: Path, scalars: Sequence[str]) -> Iterator[str]:
    """Yield the files that a kustomization names, and the texts in it, that may configure plugins.

    Others are manifests, which may be large.
    """
    texts = (each for each in dict.fromkeys(scalars) if ":" in each)
    files = (
        _text(_read(path, folder, MAX_FILE))
        for path in _paths(folder, scalars)
        if os.path.isfile(path)  # noqa: PTH113 - Path.is_file() fails on long names
    )
    for text in chain(files, texts):
        folded = text.casefold()
        if any(word in folded for word in _CONFIGURATIONS):
            yield text


def _homes(folder: Path, scalars: Sequence[str]) -> Iterator[Path]:
    yield folder / _DEFAULT_HOME
    for key, value in pairwise(scalars):
        if key.casefold() == "charthome" and "\0" not in value:
            yield folder / value
