"""A temporary folder for one render, and the removal of stale ones, which killed runs have left."""

import contextlib
import errno
import fcntl
import itertools
import os
import re
import secrets
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avp_py.errors import RenderError

PREFIX: Final = "avp-py-run-"
"""How the names of the folders begin."""

# tempfile puts eight of these after the prefix.
_NAME: Final = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}")


_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True)
class Workspace:
    """The directory. A child may write to the staging copy and to scratch only.

    Attributes:
        folder: the directory itself; symlinks resolved.
        tree: a path in it that is free, for a staging copy.
        scratch: an empty directory in it: TMPDIR and the caches of child processes.
        provided: a directory in it that children only read: the wrapper around helm, values.
        home: a directory in it that stays empty: HOME, and where helm looks for its configuration,
            its plugins (which would be a tenant's code) and its credentials.
        variables: what child processes get of their own: the directories above. Of git's protocols
            those that run programs here or read other directories (ext, file) stay off.
    """

    folder: Path
    tree: Path
    scratch: Path
    provided: Path
    home: Path
    variables: Mapping[str, str]


OPERATORS_FILES: Final = ("HELM_REGISTRY_CONFIG", "HELM_REPOSITORY_CONFIG", "DOCKER_CONFIG")
"""The variables that an operator may point to files of his own, with AVP_RENDER_ENV."""


@contextlib.contextmanager
def open_workspace(environ: Mapping[str, str], names: Collection[str] = ()) -> Iterator[Workspace]:
    """Make the directory, remove it in the end, and remove stale ones of killed runs.

    After SIGKILL, with which cmp-server ends a run after its timeout, it stays until the next
    run. No value of a secret is ever in it: they come in when it is gone.

    Args:
        environ: the environment of the run, with TMPDIR.
        names: AVP_RENDER_ENV; of those in OPERATORS_FILES that it names, the operator's values
            count.

    Raises:
        RenderError: it cannot be made, or (any OSError in the context) not be filled.
    """
    try:
        parent = temporary_directory(environ)
        with contextlib.suppress(OSError):
            remove_stale(parent)
        folder, lock = claim_directory(parent)
        try:
            for name in ("home", "scratch", "provided"):
                (folder / name).mkdir()
            variables = _variables(folder / "home", folder / "scratch")
            named = (name for name in OPERATORS_FILES if name in names and environ.get(name))
            variables |= {name: environ[name] for name in named}
            yield Workspace(
                folder,
                folder / "tree",
                folder / "scratch",
                folder / "provided",
                folder / "home",
                variables,
            )
        finally:
            remove_directory(folder)
            os.close(lock)
    except OSError as error:
        raise RenderError(
            f"the temporary folder cannot be created or written: {error.strerror}",
            hint="set TMPDIR to a writable folder with room for a copy of the rendered folder",
        ) from error


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


def _variables(home: Path, scratch: Path) -> dict[str, str]:
    """Return the variables that decide where helm, git and their libraries read and write.

    Source: helm's pkg/cli/environment.go, pkg/helmpath and pkg/registry/client.go, v3.19 and v4.
    """
    return {
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "XDG_CONFIG_HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "XDG_STATE_HOME": str(home),
        "XDG_CACHE_HOME": str(scratch / "cache"),
        "HELM_CONFIG_HOME": str(home / "helm"),
        "HELM_DATA_HOME": str(home / "helm"),
        "HELM_CACHE_HOME": str(scratch / "helm"),
        "HELM_PLUGINS": str(home / "helm/plugins"),
        "HELM_REGISTRY_CONFIG": str(home / "helm/registry/config.json"),
        "HELM_REPOSITORY_CONFIG": str(home / "helm/repositories.yaml"),
        "HELM_REPOSITORY_CACHE": str(scratch / "helm/repository"),
        "HELM_CONTENT_CACHE": str(scratch / "helm/content"),
        "DOCKER_CONFIG": str(home / "docker"),
        "GIT_ALLOW_PROTOCOL": "http:https:ssh:git",
    }


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
