"""A copy of a folder in which kustomize may edit, seen from which `../base` is where it was.

Below a temporary folder the path of the original is laid out again: its parents are real folders
that hold links to what stands beside the way down, and the folder itself is a copy.

    <temporary>/repo/base      -> /repo/base
    <temporary>/repo/overlay      a copy of /repo/overlay

Kustomize resolves links before it checks that files lie in their kustomization's folder, so files
of the folder must be copies, and folders beside it may be links.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path


def make_shadow(copied: Iterable[Path], below: Path) -> None:
    """Lays out the shadow.

    Args:
        copied: the folders to copy: absolute, symlinks resolved.
        below: an empty folder, symlinks resolved; the copy of `/repo/app` is `below/repo/app`.
    """
    tops = set(copied)
    tops = {folder for folder in tops if not tops.intersection(folder.parents)}
    opened = {parent for folder in tops for parent in folder.parents}
    for parent in sorted(opened):
        (below / parent.relative_to("/")).mkdir(exist_ok=True)
    for parent in opened:
        _link_entries(parent, tops | opened, below)
    for folder in tops:
        _copy(folder, below)


def shadow_of(path: Path, below: Path) -> Path:
    """Where a path stands in the shadow."""
    return below / path.relative_to("/")


def _link_entries(parent: Path, made: set[Path], below: Path) -> None:
    try:
        entries = list(os.scandir(parent))
    except PermissionError:
        # A folder that can be passed but not listed hides nothing that a build could name.
        return
    for entry in entries:
        path = Path(entry.path)
        if path in made or path == below:
            continue
        if entry.is_symlink():
            _copy_link(path, below)
        else:
            shadow_of(path, below).symlink_to(path)


def _copy(folder: Path, below: Path) -> None:
    """Copies a folder without `.git`, and without what is neither file, folder nor symlink."""
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        shadow_of(current, below).mkdir()
        for entry in os.scandir(current):
            path = Path(entry.path)
            if entry.is_symlink():
                _copy_link(path, below)
            elif entry.is_dir():
                if entry.name != ".git":
                    waiting.append(path)
            elif entry.is_file():
                try:
                    shutil.copyfile(path, shadow_of(path, below))
                except PermissionError:
                    # Kustomize could not read it either; it fails only if it needs it.
                    continue


def _copy_link(path: Path, below: Path) -> None:
    target = path.readlink()
    if target.is_absolute():
        # It may lead into a copied folder; every other path is there in the shadow too.
        target = shadow_of(target, below)
    shadow_of(path, below).symlink_to(target)
