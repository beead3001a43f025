"""A staging copy of a directory: kustomize may edit it, and `../base` is found relative to it.

Below a temporary folder the path of the source is laid out again: its parents are real folders
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
from avp_py.limits import Limits
from avp_py.render.repository import real_path

_ROOT = Path("/")


def make_staging(
    copied: Sequence[Path],
    opened: Iterable[Path],
    named: Iterable[Path],
    below: Path,
    limits: Limits,
) -> None:
    """Lay out the staging copy.

    Args:
        copied: the folders to copy: absolute, symlinks resolved; the kustomization's own first.
        opened: further folders that are written to: absolute, symlinks resolved, there or not.
            They and the folders in them become real folders that hold links to their contents.
        named: what is read beside all these: absolute.
        below: where to make it, symlinks resolved; the copy of `/repo/app` is `below/repo/app`.
        limits: how many files, and how many bytes, may be copied.

    Raises:
        RenderError: the root of the file system would have to be copied, or too much.
        OSError: the staging copy cannot be written.
    """
    roots = frozenset(copied)
    roots = frozenset(folder for folder in roots if not roots.intersection(folder.parents))
    if _ROOT in roots:
        raise RenderError(
            "the kustomization is in the root of the file system, all of which would be copied",
            hint="put the kustomization into a folder of its own",
        )
    chart_dirs = {folder for each in opened for folder in (each, *_subfolders(each))}
    chart_dirs = {each for each in chart_dirs if not roots.intersection((each, *each.parents))}
    parents = {parent for folder in roots | chart_dirs for parent in folder.parents} | chart_dirs
    links = {Path(entry) for each in chart_dirs for entry in _entries(each)} - parents - roots
    for path in sorted(named, key=lambda each: len(each.parts)):
        _add_parents(path, roots, parents, links)
    plan = _Plan(roots, frozenset(parents), below)
    for parent in sorted(parents):
        staged_path(parent, below).mkdir(exist_ok=True)
    for path in links:
        _link(path, plan)
    allowance = _Allowance(limits.files, limits.input_bytes, copied[0])
    for folder in roots:
        _copy(folder, plan, allowance)


def staged_path(path: Path, below: Path) -> Path:
    """Return where a path is in the staging copy."""
    return below / path.relative_to(_ROOT)


def original_path(path: Path, below: Path) -> Path:
    """Return what a path in the staging copy is a copy of; any other path is its own."""
    return _ROOT / path.relative_to(below) if path.is_relative_to(below) else path


@dataclass(frozen=True)
class _Plan:
    """Which directories of the staging copy are real.

    Attributes:
        roots: the folders that are copied, none within another.
        parents: the folders that are made, to hold copies and links.
        below: where the staging copy is.
    """

    roots: frozenset[Path]
    parents: frozenset[Path]
    below: Path

    def real_or_staged(self, path: Path) -> Path:
        """Return the staged path of what is real in the staging copy, else the path itself."""
        if path in self.parents or self.roots.intersection((path, *path.parents)):
            return staged_path(path, self.below)
        return path


def _entries(folder: Path) -> Sequence["os.DirEntry[str]"]:
    """Return the entries of a folder; none where kustomize could not list it either."""
    try:
        return list(os.scandir(folder))
    except (PermissionError, FileNotFoundError, NotADirectoryError):
        return ()


def _subfolders(folder: Path) -> Sequence[Path]:
    return [Path(entry) for entry in _entries(folder) if entry.is_dir(follow_symlinks=False)]


def _add_parents(path: Path, roots: frozenset[Path], parents: set[Path], links: set[Path]) -> None:
    """Add the parents on the way to a path, and a link for its first symlink or for itself.

    A symlink gets a link of its own, as it may lead to what is copied.
    """
    for step in (*reversed(path.parents), path):
        if step in roots or step in links:
            return
        if step not in parents:
            if step == path or step.is_symlink():
                links.add(step)
                return
            parents.add(step)


def _link(path: Path, plan: _Plan) -> None:
    target = real_path(path)
    staged_path(path, plan.below).symlink_to(plan.real_or_staged(target))


class _Allowance:
    """How much may still be copied; messages name directories relative to `start`."""

    def __init__(self, files: int, size: int, start: Path) -> None:
        self._files = files
        self._size = size
        self._start = start

    def charge(self, folder: Path, files: int, size: int) -> None:
        """Charge the files and bytes that are copied of a folder.

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
                hint="move the kustomization into a folder of its own; the operator's setting "
                f"{setting} says how many {what} there may be",
            )


def _copy(folder: Path, plan: _Plan, allowance: _Allowance) -> None:
    """Copy a folder without `.git`, and without anything but files, folders and symlinks."""
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        staged_path(current, plan.below).mkdir()
        for entry in _entries(current):
            allowance.charge(folder, 1, 0)
            path = Path(entry)
            if entry.is_symlink():
                _link(path, plan)
            elif entry.is_dir():
                # The temporary folder may be in the folder that is copied.
                if entry.name != ".git" and path != plan.below:
                    waiting.append(path)
            elif entry.is_file():
                allowance.charge(folder, 0, entry.stat().st_size)
                _copy_file(path, staged_path(path, plan.below))


def _copy_file(path: Path, copy: Path) -> None:
    try:
        shutil.copyfile(path, copy)
    except PermissionError:
        # Kustomize cannot read it either, and says so if it needs it.
        copy.touch(mode=0)
    except FileNotFoundError:
        # Gone since the folder was listed: a temporary file of somebody else.
        return
