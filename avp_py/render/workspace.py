"""A temporary folder for one render, and the removal of those that killed runs left behind."""

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avp_py.errors import RenderError

PREFIX: Final = "avp-py-run-"
"""How the names of the folders begin."""

# tempfile puts eight of these behind the prefix.
_NAME: Final = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}")


@dataclass(frozen=True)
class Workspace:
    """The folder.

    Attributes:
        folder: the folder itself; symlinks resolved.
        tree: a path in it that is free, for a shadow; symlinks resolved.
        programs: a folder in it for what stands between a child and another program.
        variables: what child processes get of their own: HOME and TMPDIR are in it too, and so is
            the empty folder that helm seeks plugins in, which would be a tenant's code. Of git's
            protocols those that run programs here or read other folders (ext, file) stay off.
    """

    folder: Path
    tree: Path
    programs: Path
    variables: Mapping[str, str]


@contextlib.contextmanager
def open_workspace() -> Iterator[Workspace]:
    """Makes the folder, and removes it in the end, with those that killed runs left behind.

    After SIGKILL, with which cmp-server ends a run that takes too long, it stays until the next
    run. No value of a secret is ever in it: they come in when it is gone.

    Raises:
        RenderError: it cannot be made, or (any OSError in the context) not be filled.
    """
    try:
        _remove_leftovers(Path(tempfile.gettempdir()))
        folder, lock = _make_folder()
        try:
            for name in ("home", "scratch", "programs", "plugins"):
                (folder / name).mkdir()
            variables = {
                "HOME": str(folder / "home"),
                "TMPDIR": str(folder / "scratch"),
                "HELM_PLUGINS": str(folder / "plugins"),
                "GIT_ALLOW_PROTOCOL": "http:https:ssh:git",
            }
            yield Workspace(folder, folder / "tree", folder / "programs", variables)
        finally:
            # tempfile.TemporaryDirectory would change modes, before Python 3.11.8 also of what
            # the links of a shadow lead to (CVE-2023-6597).
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
    except OSError as error:
        raise RenderError(
            f"the temporary folder cannot be made or filled: {error.strerror}",
            hint="TMPDIR names a folder that can be written, with room for a copy of the folder",
        ) from error


def _make_folder() -> tuple[Path, int]:
    """A fresh folder, symlinks resolved, and the lock that tells others that its run lives.

    The lock ends with the process, however it ends, and child processes do not inherit it.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
        # Until it is locked, another run may take it for a leftover.
        try:
            lock = _lock(folder, fcntl.LOCK_EX)
        except FileNotFoundError:
            continue
        if folder.exists():
            return folder, lock
        os.close(lock)


def _remove_leftovers(parent: Path) -> None:
    """Removes what is ours and not locked by a living run."""
    for folder in parent.iterdir():
        if _NAME.fullmatch(folder.name):
            # It may be gone, locked, or another user's; what cannot be removed now stays.
            with contextlib.suppress(OSError):
                lock = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.geteuid():
                    shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _lock(folder: Path, operation: int) -> int:
    """Locks a folder; closing what is returned unlocks it.

    Raises:
        OSError: it cannot be locked, or is no folder.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, operation)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
