"""Directories for temporary files: for one run, removed after it, also when it was killed."""

import contextlib
import errno
import fcntl
import itertools
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

PREFIX: Final = "avp-py-run-"
"""How the names of the folders begin."""

# tempfile puts eight of these after the prefix.
_NAME: Final = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}")


_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def temporary_directory(environ: Mapping[str, str]) -> Path:
    """Return the directory for temporary files that a run's environment names.

    It is the first one that can be written, of TMPDIR and the directories that Python's tempfile
    knows. The working directory is not one of them: it may be a tenant's.

    Raises:
        FileNotFoundError: none can be written.
    """
    for name in (environ.get("TMPDIR"), "/tmp", "/var/tmp", "/usr/tmp"):  # noqa: S108
        if name and Path(name).is_dir() and os.access(name, os.W_OK | os.X_OK):
            return Path(name).absolute()
    raise FileNotFoundError(errno.ENOENT, "no directory for temporary files can be written")


@contextlib.contextmanager
def own_directory(environ: Mapping[str, str]) -> Iterator[Path]:
    """Make a directory for a run, remove it in the end, and remove stale ones of killed runs.

    Args:
        environ: the environment of the run, with TMPDIR.

    Raises:
        OSError: it cannot be made.
    """
    parent = temporary_directory(environ)
    with contextlib.suppress(OSError):
        remove_stale(parent)
    folder, lock = claim_directory(parent)
    try:
        yield folder
    finally:
        remove_directory(folder)
        os.close(lock)


def claim_directory(parent: Path) -> tuple[Path, int]:
    """Make a directory for a run.

    Args:
        parent: where to make it.

    Returns:
        The directory, symlinks resolved, and the lock that shows that its run is alive.

    The lock is a descriptor. It ends with the process, however it ends, and programs that the
    process starts do not inherit it.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).resolve()
        # Until it is locked, another run may find it stale and remove it.
        try:
            lock = _lock(folder, fcntl.LOCK_EX)
        except FileNotFoundError:
            continue
        if folder.exists():
            return folder, lock
        os.close(lock)


def remove_stale(parent: Path) -> None:
    """Remove stale workspaces: what is ours and not locked by a living run.

    This serves other runs: nothing that is found there ends this one.

    Args:
        parent: where they are.
    """
    for folder in parent.iterdir():
        if _NAME.fullmatch(folder.name):
            # It may be gone, locked, or another user's; what cannot be removed now stays.
            with contextlib.suppress(Exception):
                lock = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                try:
                    if os.fstat(lock).st_uid == os.geteuid():
                        remove_directory(folder)
                finally:
                    os.close(lock)


def remove_directory(folder: Path) -> None:
    """Remove a directory and what is in it; what cannot be removed stays.

    Each directory is moved to the top before it is emptied: shutil.rmtree recurses before Python
    3.13, and a tenant's directories may be nested deeper than that works, or than a path may be
    long. tempfile.TemporaryDirectory would change modes, before Python 3.11.8 also of what the
    links of a staging copy lead to (CVE-2023-6597).
    """
    moved = (folder / f"{secrets.token_hex(8)}-{number}" for number in itertools.count())
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        with contextlib.suppress(OSError):
            waiting += _empty(current, moved)
            if current != folder:
                current.rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _empty(folder: Path, paths: Iterator[Path]) -> list[Path]:
    """Remove the files of a directory, and move its directories away.

    Args:
        folder: the directory.
        paths: where to move them.

    Returns:
        Where those are that were moved.
    """
    moved = []
    descriptor = os.open(folder, _DIRECTORY)
    try:
        for entry in list(os.scandir(descriptor)):
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    path = next(paths)
                    os.rename(entry.name, path, src_dir_fd=descriptor)
                    moved.append(path)
                else:
                    os.unlink(entry.name, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    return moved


def _lock(folder: Path, operation: int) -> int:
    """Lock a folder; closing what is returned unlocks it.

    Raises:
        OSError: it cannot be locked, or is not a folder.
    """
    descriptor = os.open(folder, _DIRECTORY)
    try:
        fcntl.flock(descriptor, operation)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
