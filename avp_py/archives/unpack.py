"""Unpacking what another machine has sent: charts, and the files of commits.

The names in an archive are hostile. A file is only made where none was, in directories that are
opened one by one without following a symlink: neither what the archive itself has made, nor what a
program changes meanwhile, leads out of the directory.
"""

import contextlib
import errno
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avp_py.archives.tar import Entry, read_tar, refused, shown
from avp_py.errors import RenderError
from avp_py.limits import Limits

_MAX_NAME: Final = 255
"""How many bytes the name of a file may have (NAME_MAX)."""

_MAX_PATH: Final = 1024
"""How many bytes a path in an archive may have; with what is before it, Linux allows 4096."""

_DRIVE: Final = re.compile("[a-zA-Z]:/")


@dataclass(frozen=True)
class PackedChart:
    """The files of a chart that was packed.

    Attributes:
        folder: the directory that they are in, in the archive.
        files: their contents by their paths in that directory.
    """

    folder: str
    files: Mapping[str, bytes]

    def write(self, root: Path, folders: Sequence[str], limits: Limits) -> None:
        """Write the files into a directory.

        Args:
            root: a directory.
            folders: the names of the directories below it that lead to the one to write, which is
                made if it does not exist.
            limits: how many directories there may be.

        Raises:
            RenderError: one of them is a symlink, or a file exists.
            OSError: it cannot be written.
        """
        with contextlib.closing(_Writer(root, limits)) as writer:
            for name, data in self.files.items():
                writer.write((*folders, *name.split("/")), data, is_executable=False)


def read_chart(data: bytes, limits: Limits) -> PackedChart:
    """Read a packed chart as helm does (LoadArchiveFiles in pkg/chart/v2/loader/archive.go, v4.2).

    As there, links are empty files.

    Args:
        data: a tar archive, compressed with gzip.
        limits: how large it may be, and how many entries it may have.

    Raises:
        RenderError: it is not such an archive, is too large, or has names that helm refuses.
    """
    tops: set[str] = set()
    files: dict[str, bytes] = {}
    for entry in read_tar(data, limits, is_packed=True):
        # Some were made on Windows.
        name = entry.name.replace("\\", "/")
        parts = _parts(name)
        if entry.kind == "device or FIFO":
            raise refused(f"a device or FIFO, {shown(name)}")
        tops.update(parts[:1])
        if entry.kind == "directory":
            continue
        inner = "/".join(parts[1:])
        if not inner or _DRIVE.match(inner):
            raise refused(f"{shown(name)}, which is not in the directory of the chart")
        if inner in files:
            raise refused(f"{shown(name)} more than once")
        files[inner] = entry.data
    if not files:
        raise refused("no files")
    if len(tops) > 1:
        names = ", ".join(map(shown, sorted(tops)[:3]))
        raise refused(f"more than one directory at its top: {names}")
    return PackedChart(tops.pop(), files)


def unpack_chart(data: bytes, folder: Path, limits: Limits) -> str:
    """Unpack a packed chart; return the name of the directory that it has in the archive.

    Args:
        data: a tar archive, compressed with gzip.
        folder: a directory; that of the chart is made in it.
        limits: how large it may be, and how many entries it may have.

    Raises:
        RenderError: it is not such an archive, is too large, or has what may not be unpacked.
        OSError: it cannot be written.
    """
    chart = read_chart(data, limits)
    chart.write(folder, (chart.folder,), limits)
    return chart.folder


def unpack_tar(data: bytes, root: Path, folders: Sequence[str], limits: Limits) -> int:
    """Unpack the files of a commit: files, directories, and symlinks as they are.

    Args:
        data: a tar archive without compression.
        root: a directory.
        folders: the names of the directories below it that lead to the one to write, which is made
            if it does not exist.
        limits: how large it may be, and how many entries it may have.

    Returns:
        How many entries it has and directories were made.

    Raises:
        RenderError: it is not such an archive, is too large, or has what may not be unpacked.
        OSError: it cannot be written.
    """
    with contextlib.closing(_Writer(root, limits)) as writer:
        entries = 0
        for entry in read_tar(data, limits, is_packed=False):
            _unpack(entry, folders, writer)
            entries += 1
        return entries + writer.made


def _unpack(entry: Entry, folders: Sequence[str], writer: "_Writer") -> None:
    inner = _parts(entry.name)
    parts = (*folders, *inner)
    if entry.kind not in ("file", "directory", "symlink"):
        raise refused(f"a {entry.kind}, {shown(entry.name)}")
    if any(part.lower() == ".git" for part in inner):
        raise refused(f"{shown(entry.name)}: files of git itself")
    if entry.kind == "directory":
        writer.make(parts)
    elif not inner:
        raise refused(f"{shown(entry.name)}, which is not a name of a file")
    elif entry.kind == "file":
        writer.write(parts, entry.data, is_executable=entry.is_executable)
    else:
        writer.link(parts, entry.target)


def _parts(name: str) -> Sequence[str]:
    """Return the parts of a path in an archive; one that leads out of it is an error."""
    if name.startswith("/"):
        raise refused(f"an absolute path, {shown(name)}")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise refused(f"a path that leads out of it, {shown(name)}")
    encoded = os.fsencode(name)
    if len(encoded) > _MAX_PATH or max(map(len, encoded.split(b"/"))) > _MAX_NAME:
        raise refused(f"a path that is too long, {shown(name)}")
    return parts


class _Writer:
    """Writes files below a directory, which it opens step by step and never through a symlink."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._limits = limits
        self._left = limits.files
        self._root = os.open(root, _DIRECTORY)
        # Those of a directory mostly follow each other.
        self._last: tuple[str, ...] = ()
        self._folder = os.dup(self._root)

    @property
    def made(self) -> int:
        """How many directories were made."""
        return self._limits.files - self._left

    def close(self) -> None:
        """Close what is open."""
        os.close(self._root)
        os.close(self._folder)

    def make(self, parts: Sequence[str]) -> None:
        """Make a directory, and those above it.

        Raises:
            RenderError: a file or symlink has the name of one, or there are too many.
        """
        path = tuple(parts)
        if path == self._last:
            return
        if any(part in ("", ".", "..") or "/" in part for part in path):
            raise refused(f"a path that leads out of it, {shown('/'.join(path))}")
        current = os.dup(self._root)
        try:
            for count, part in enumerate(path, 1):
                inner = self._enter(current, part, path[:count])
                os.close(current)
                current = inner
        except BaseException:
            os.close(current)
            raise
        os.close(self._folder)
        self._folder, self._last = current, path

    def _enter(self, current: int, part: str, path: Sequence[str]) -> int:
        try:
            return os.open(part, _DIRECTORY, dir_fd=current)
        except FileNotFoundError:
            self._left -= 1
            if self._left < 0:
                raise RenderError(
                    f"the archive has more directories than AVP_MAX_FILES ({self._limits.files})",
                    hint="the operator's setting AVP_MAX_FILES says how many there may be",
                ) from None
            os.mkdir(part, dir_fd=current)
            return os.open(part, _DIRECTORY, dir_fd=current)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                name = shown("/".join(path))
                raise refused(f"paths below {name}, which is not a directory") from None
            raise

    def write(self, parts: Sequence[str], data: bytes, *, is_executable: bool) -> None:
        """Write a file.

        Raises:
            RenderError: it exists.
        """
        self.make(parts[:-1])
        mode = 0o755 if is_executable else 0o644
        with _once(parts):
            descriptor = os.open(parts[-1], _NEW, mode, dir_fd=self._folder)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(data)

    def link(self, parts: Sequence[str], target: str) -> None:
        """Make a symlink.

        Raises:
            RenderError: a file has its name, or it leads nowhere.
        """
        if not target or len(os.fsencode(target)) > _MAX_PATH:
            raise refused(f"the symlink {shown('/'.join(parts))} without a target, or a long one")
        self.make(parts[:-1])
        with _once(parts):
            os.symlink(target, parts[-1], dir_fd=self._folder)


_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def _once(parts: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise refused(f"{shown('/'.join(parts))} more than once") from None
