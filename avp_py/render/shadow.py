"""A copy of a folder in which kustomize may edit, seen from which `../base` is where it was.

Below a temporary folder the path of the original is laid out again: its parents are real folders
that hold links to what is named beside the way down, and the folder itself is a copy.

    <temporary>/repo/base      -> /repo/base
    <temporary>/repo/overlay      a copy of /repo/overlay

Kustomize resolves links before it checks that files lie in their kustomization's folder, so files
of the folder must be copies, and folders beside it may be links.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avp_py.errors import RenderError
from avp_py.render.repository import real_path
from avp_py.sandbox import Limits

_ROOT = Path("/")


def make_shadow(
    copied: Sequence[Path],
    opened: Iterable[Path],
    named: Iterable[Path],
    below: Path,
    limits: Limits,
) -> None:
    """Lays out the shadow.

    Args:
        copied: the folders to copy: absolute, symlinks resolved; the kustomization's own first.
        opened: further folders that are written to: absolute, symlinks resolved, there or not.
            They and the folders in them become real folders that hold links to their contents.
        named: what is read beside all these: absolute.
        below: where to make it, symlinks resolved; the copy of `/repo/app` is `below/repo/app`.
        limits: how many files, and how many bytes, may be copied.

    Raises:
        RenderError: the root of the file system would have to be copied, or too much.
        OSError: the shadow cannot be written.
    """
    tops = frozenset(copied)
    tops = frozenset(folder for folder in tops if not tops.intersection(folder.parents))
    if _ROOT in tops:
        raise RenderError(
            "the kustomization lies in the root of the file system, all of which it would copy",
            hint="put the kustomization into a folder of its own",
        )
    homes = {folder for home in opened for folder in (home, *_subfolders(home))}
    homes = {home for home in homes if not tops.intersection((home, *home.parents))}
    ways = {parent for folder in tops | homes for parent in folder.parents} | homes
    links = {Path(entry) for home in homes for entry in _entries(home)} - ways - tops
    for path in sorted(named, key=lambda each: len(each.parts)):
        _find_way(path, tops, ways, links)
    plan = _Plan(tops, frozenset(ways), below)
    for way in sorted(ways):
        shadow_of(way, below).mkdir(exist_ok=True)
    for path in links:
        _link(path, plan)
    allowance = _Allowance(limits.files, limits.input_bytes, copied[0])
    for folder in tops:
        _copy(folder, plan, allowance)


def shadow_of(path: Path, below: Path) -> Path:
    """Where a path stands in the shadow."""
    return below / path.relative_to(_ROOT)


@dataclass(frozen=True)
class _Plan:
    """What of the shadow is real.

    Attributes:
        tops: the folders that are copied, none within another.
        ways: the folders that are made, to hold copies and links.
        below: where the shadow is.
    """

    tops: frozenset[Path]
    ways: frozenset[Path]
    below: Path

    def stand_in(self, path: Path) -> Path:
        """The shadow of what is real in it, else the path itself."""
        if path in self.ways or self.tops.intersection((path, *path.parents)):
            return shadow_of(path, self.below)
        return path


def _entries(folder: Path) -> Sequence["os.DirEntry[str]"]:
    """What a folder holds; nothing where kustomize could not see it either."""
    try:
        return list(os.scandir(folder))
    except (PermissionError, FileNotFoundError, NotADirectoryError):
        return ()


def _subfolders(folder: Path) -> Sequence[Path]:
    return [Path(entry) for entry in _entries(folder) if entry.is_dir(follow_symlinks=False)]


def _find_way(path: Path, tops: frozenset[Path], ways: set[Path], links: set[Path]) -> None:
    """Adds what is needed to reach a path: ways, and a link in place of the first symlink or of it.

    A symlink gets a link of its own, as it may lead to what is copied.
    """
    for step in (*reversed(path.parents), path):
        if step in tops or step in links:
            return
        if step not in ways:
            if step == path or step.is_symlink():
                links.add(step)
                return
            ways.add(step)


def _link(path: Path, plan: _Plan) -> None:
    target = real_path(path)
    shadow_of(path, plan.below).symlink_to(plan.stand_in(target))


class _Allowance:
    """How much may still be copied; messages name directories as seen from `start`."""

    def __init__(self, files: int, size: int, start: Path) -> None:
        self._files = files
        self._size = size
        self._start = start

    def charge(self, folder: Path, files: int, size: int) -> None:
        """Spend files and bytes on what is copied of a folder.

        Raises:
            RenderError: it is more than may be copied.
        """
        self._files -= files
        self._size -= size
        if self._files < 0 or self._size < 0:
            what, setting = ("files", "AVP_MAX_FILES")
            if self._size < 0:
                what, setting = ("bytes", "AVP_MAX_INPUT")
            name = os.path.relpath(folder, self._start)
            raise RenderError(
                f"{'the folder' if name == '.' else name} has too many {what} to be copied for "
                "kustomize",
                hint="give the kustomization a folder of its own; the operator's setting "
                f"{setting} says how many {what} there may be",
            )


def _copy(folder: Path, plan: _Plan, allowance: _Allowance) -> None:
    """Copies a folder without `.git`, and without what is neither file, folder nor symlink."""
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        shadow_of(current, plan.below).mkdir()
        for entry in _entries(current):
            allowance.charge(folder, 1, 0)
            path = Path(entry)
            if entry.is_symlink():
                _link(path, plan)
            elif entry.is_dir():
                # The temporary folder may lie in the folder that is copied.
                if entry.name != ".git" and path != plan.below:
                    waiting.append(path)
            elif entry.is_file():
                allowance.charge(folder, 0, entry.stat().st_size)
                _copy_file(path, shadow_of(path, plan.below))


def _copy_file(path: Path, copy: Path) -> None:
    try:
        shutil.copyfile(path, copy)
    except PermissionError:
        # Kustomize cannot read it either, and says so if it needs it.
        copy.touch(mode=0)
    except FileNotFoundError:
        # Gone since the folder was listed: a temporary file of somebody else.
        return
