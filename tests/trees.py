"""A snapshot of a folder, which a test compares before and after."""

import gzip
import io
import os
import stat
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Entry(NamedTuple):
    """All that is kept of a file, folder, symlink or anything else."""

    mode: int
    changed: int
    holds: bytes | str | None


def snapshot(root: Path) -> Mapping[str, Entry]:
    """Names, types, contents, modes, times in ns and targets of links, the folder's own too."""
    return {os.fsdecode(path.relative_to(root)): _entry(path) for path in (root, *_below(root))}


def found_in(root: Path) -> list[Path]:
    """All files and folders below a folder; what is removed meanwhile does not interrupt this."""
    return [
        Path(folder, name) for folder, *names in os.walk(root) for each in names for name in each
    ]


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder, creating folders as needed; return the folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return root


def _below(root: Path) -> list[Path]:
    found = []
    for entry in os.scandir(root):
        found.append(Path(entry))
        if entry.is_dir(follow_symlinks=False):
            found += _below(Path(entry))
    return found


def _entry(path: Path) -> Entry:
    status = path.lstat()
    holds: bytes | str | None = None
    if stat.S_ISREG(status.st_mode):
        holds = path.read_bytes()
    elif stat.S_ISLNK(status.st_mode):
        holds = str(path.readlink())
    # Inode, size and owner are left out: a change of those changes what is here.
    return Entry(status.st_mode, status.st_mtime_ns, holds)


def pack(files: Mapping[str, bytes]) -> bytes:
    """A gzipped tar; the same files make the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)
