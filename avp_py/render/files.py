"""Reading files of a directory, and none outside of it."""

import errno
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from avp_py.render.below import open_folder
from avp_py.render.follow import follow


def read_files(root: Path, paths: Iterable[Path], most: int) -> Mapping[Path, bytes]:
    """Return the contents of files in a directory, each once, by its real path.

    Args:
        root: the directory, symlinks resolved.
        paths: the files. A path that leads outside, or is not that of a file, does not count.
        most: how many bytes they may have in all.

    Raises:
        OSError: one of them cannot be read, or they are larger.
    """
    found: dict[Path, bytes] = {}
    named = (os.path.normpath(each) for each in paths if "\0" not in str(each))
    targets = {follow(each, (str(root),)) for each in named}
    for target in sorted(each for each in targets if each is not None):
        data = read_file(root, Path(target), most + 1) if Path(target).is_file() else None
        if data is None:
            continue
        most -= len(data)
        if most < 0:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        found[Path(target)] = data
    return found


def read_file(root: Path, path: Path, most: int) -> bytes | None:
    """Return the first bytes of a file in a directory, or None where it is not a regular file.

    Args:
        root: the directory, symlinks resolved.
        path: the file in it, symlinks resolved; one that has come since then is not followed.
        most: how many bytes are read at most.

    Raises:
        OSError: it cannot be read.
    """
    descriptor = _open(root, path)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(descriptor)


def _open(root: Path, path: Path) -> int:
    """Open a file for reading, step by step from a directory on, and follow no symlink.

    Raises:
        OSError: it cannot be opened.
    """
    *folders, last = path.relative_to(root).parts
    with open_folder(root, folders) as folder:
        # A FIFO would hold the call until somebody writes to it.
        return os.open(last, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=folder)
