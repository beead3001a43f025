"""The local directories that a kustomization reads and writes, and what they refer to.

Which directories kustomize enters is decided by structure (references.py), and so is what a
kustomization may not refer to. What is read beside the directories, and where charts may be, is
found by a wider search: every scalar that is a path of something that exists counts, in any field,
as patches on generators change what they read. Such a path too many does no harm: it is linked to
in a copy, and nothing is refused because of it.
"""

import codecs
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from avp_py.render.follow import follow
from avp_py.render.references import References, of_configurations, of_kustomization
from avp_py.render.repository import Repository, real_path

FILE_NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""RecognizedKustomizationFileNames in kustomize's api/konfig/general.go, v0.21."""

_HELM = frozenset({"helmcharts", "helmchartinflationgenerator"})
"""The fields with charts; the second is also the kind of a generator that runs helm."""

MAX_SIZE: Final = 4 << 20
"""How much is looked at, in bytes, where nobody says otherwise."""

_DEFAULT_CHART_DIR = "charts"
"""HelmDefaultHome in kustomize's api/types/helmchartargs.go, v0.21."""

_PATH_MAX: Final = 4096
"""Of Linux, in bytes."""

_ENCODINGS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
"""What a byte order mark says; yaml_parser_determine_encoding in readerc.go of yaml.v2, v2.4.2."""


@dataclass(frozen=True)
class Roots:
    """The local folders that a build reads, and those that it may write to.

    Attributes:
        folders: the folder itself first, then those that it refers to, with symlinks resolved.
        named: all paths that their kustomizations name and that exist; with `..` taken away
            as kustomize does it, before any symlink is resolved.
        needs_helm: whether one of them has a chart.
        chart_dirs: where helm may write: a missing chart is pulled into the folder of its
            kustomization, or where that says. Symlinks resolved; one need not exist.
        references: what the folders refer to, and what configures their plugins: with the folder
            that it is relative to.
        unread: the kustomization files that could not be read, so that not all is known of what
            they refer to.
        unforeseen: the folders whose plugins are configured by what cannot be known beforehand:
            what is fetched, what a kustomization changes, what could not be read.
        is_whole: whether all was looked at; what is larger than allowed was not.
    """

    folders: tuple[Path, ...]
    named: frozenset[Path]
    needs_helm: bool
    chart_dirs: frozenset[Path]
    references: tuple[tuple[Path, References], ...]
    unread: tuple[Path, ...]
    unforeseen: tuple[Path, ...]
    is_whole: bool


def kustomization_files(folder: Path) -> Sequence[Path]:
    """Return the kustomization files that a folder has; kustomize accepts just one."""
    return [path for name in FILE_NAMES if _is_file(path := folder / name)]


def _is_file(path: Path) -> bool:
    # Go follows more symlinks than the kernel: up to 255. Path.is_file() would fail where the
    # folder may not be entered.
    return os.path.isfile(real_path(path))  # noqa: PTH113


def find_roots(start: Path, within: Repository, size: int = MAX_SIZE) -> Roots:
    """Follow the folders that a kustomization, and those that it leads to, refer to.

    Args:
        start: a folder with a kustomization, symlinks resolved.
        within: the repository; where it is known, nothing outside of it is looked at.
        size: how many bytes are looked at in all.
    """
    search = _Search(within, size)
    search.follow(start)
    return search.roots()


def reach(folder: Path, reference: str, repository: Repository) -> Path | None:
    """Return where a reference of a kustomization leads, existing or not; None for outside.

    The reference counts as a path, as kustomize tries that for a URL that it cannot clone; `..` is
    resolved before symlinks. What exists at a path outside makes no difference.

    Args:
        folder: the folder of the kustomization.
        reference: what it refers to, of any length.
        repository: where it may lead.
    """
    reached = _resolve(folder, reference, repository)
    return Path(reached) if reached else None


def _resolve(folder: Path, reference: str, within: Repository) -> str | None:
    """Return where a reference leads, existing or not; None for outside of `within`."""
    written = os.path.normpath(os.path.join(folder, reference))  # noqa: PTH118 - may be long
    return follow(written, (str(within.root),) if within.is_known else ("/",))


class _Search:
    """What was found of a kustomization and all that it leads to."""

    def __init__(self, within: Repository, size: int) -> None:
        self._within = within
        self._left = size
        self._folders: dict[Path, None] = {}
        self._named: dict[Path, None] = {}
        self._chart_dirs: dict[Path, None] = {}
        self._needs_helm = False
        self._references: list[tuple[Path, References]] = []
        self._unread: dict[Path, None] = {}
        self._unforeseen: dict[Path, None] = {}
        # One file may be the kustomization of many folders, through symlinks.
        self._read_texts: dict[str, References] = {}
        self._configurations: set[tuple[Path, int, int]] = set()

    def roots(self) -> Roots:
        """Return what was found."""
        return Roots(
            tuple(self._folders),
            frozenset(self._named),
            self._needs_helm,
            frozenset(self._chart_dirs),
            tuple(self._references),
            tuple(self._unread),
            tuple(self._unforeseen),
            self._left >= 0,
        )

    def follow(self, start: Path) -> None:
        """Look at a folder and at those that it leads to.

        What configures plugins is relative to the folder of the kustomization that has them, its
        owner, wherever it is itself.
        """
        waiting: list[tuple[Path, Path | None]] = [(start, None)]
        seen: set[tuple[Path, Path | None]] = set()
        while waiting:
            folder, owner = visit = waiting.pop()
            if visit in seen:
                continue
            seen.add(visit)
            self._folders[folder] = None
            for file in kustomization_files(folder):
                waiting += self._follow_file(file, folder, owner)

    def _follow_file(
        self, file: Path, folder: Path, owner: Path | None
    ) -> Iterator[tuple[Path, Path | None]]:
        """Look at a kustomization, and yield the folders that it leads to, with their owners."""
        text = decode(self._read(file, folder))
        if text not in self._read_texts:
            self._read_texts[text] = of_kustomization(text)
        refers = self._read_texts[text]
        self._references.append((folder, refers))
        if not refers.is_read:
            self._unread[file] = None
        if owner is not None and not refers.is_plain:
            self._unforeseen[owner] = None
        for path in _paths(folder, refers.scalars):
            if _resolve(folder, path, self._within):
                self._named[Path("/", path.lstrip("/"))] = None
        self._note_charts(folder, refers.scalars)
        plugins, remotes = frozenset(refers.plugins), frozenset(refers.remotes)
        for base in refers.bases:
            is_plugin = base in plugins
            below = folder if is_plugin else owner
            if is_plugin and ":" in base:
                self._configure(folder, base)
            if below is not None and base in remotes:
                self._unforeseen[below] = None
            target = _resolve(folder, base, self._within)
            if target and os.path.isdir(target):  # noqa: PTH112
                yield Path(target), below
            elif target and below is not None:
                self._configure_by_file(below, Path(target), folder)

    def _configure_by_file(self, owner: Path, file: Path, folder: Path) -> None:
        """Look at a file that configures plugins, once however often it is named."""
        try:
            status = file.stat()
        except OSError:
            return
        seen = (owner, status.st_dev, status.st_ino)
        if stat.S_ISREG(status.st_mode) and seen not in self._configurations:
            self._configurations.add(seen)
            # In UTF-16 it cannot be read: kyaml splits it as bytes, before it is decoded.
            self._configure(owner, self._read(file, folder).decode("utf-8-sig", "replace"))

    def _configure(self, owner: Path, text: str) -> None:
        """Look at a text that configures plugins."""
        refers = of_configurations(text)
        self._references.append((owner, refers))
        if not refers.is_read:
            self._unforeseen[owner] = None
        self._note_charts(owner, refers.scalars)

    def _note_charts(self, folder: Path, scalars: Sequence[str]) -> None:
        if not any(each.casefold() in _HELM for each in scalars):
            return
        self._needs_helm = True
        for chart_dir in _chart_dirs(scalars):
            # Nothing can be written to a longer path.
            if len(chart_dir) < _PATH_MAX and _resolve(folder, chart_dir, self._within):
                self._chart_dirs[real_path(folder / chart_dir)] = None

    def _read(self, path: Path, folder: Path) -> bytes:
        """Return a file as kustomize loads it: it must be in the kustomization's folder."""
        data = b""
        try:
            real = real_path(path)
            if real.is_relative_to(folder) and self._left >= 0:
                with real.open("rb") as file:
                    data = file.read(self._left + 1)
        except OSError:
            pass
        self._left -= len(data)
        return data if self._left >= 0 else b""


def decode(data: bytes, errors: str = "replace") -> str:
    """Return the text of a kustomization, without its byte order mark.

    Raises:
        UnicodeDecodeError: it is invalid, and `errors` is `strict`.
    """
    encoding = _ENCODINGS.get(data[:2])
    if encoding is None:
        return data.decode("utf-8-sig", errors)
    return data[2:].decode(encoding, errors)


def _paths(folder: Path, scalars: Sequence[str]) -> Iterator[str]:
    """Yield the scalars that are a path of something that exists, relative to the folder."""
    for scalar in dict.fromkeys(scalars):
        path = os.path.normpath(os.path.join(folder, scalar))  # noqa: PTH118 - few are paths
        if os.path.lexists(path):
            yield path


def _chart_dirs(scalars: Sequence[str]) -> Iterator[str]:
    yield _DEFAULT_CHART_DIR
    for key, value in pairwise(scalars):
        if key.casefold() == "charthome":
            yield value
