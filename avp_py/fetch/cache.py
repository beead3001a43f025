"""What was fetched before, in a directory: entries by key, verified by digest, limited by size.

    avp-py/        a directory of mode 0700 that is ours, in the one that the operator names
      lock         byte ranges of it are locked: by whoever fetches an entry
      ab/ab12…     an entry: a line of JSON, and the data
      new-…        an entry that is being written

An entry is complete or not there at all, as it is renamed into its place. One that is not what its
first line says is removed. Many processes may use the directory at once.

What other processes write is not known: each looks at the whole directory at first, and then after
each part (_PART) of a limit that it has written. So each process that writes at the same time may
exceed the limits by that part.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import secrets
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from avp_py.errors import SettingsError

logger: Final = logging.getLogger(__name__)

_DIRECTORY: Final = "avp-py"
_LOCK: Final = "lock"
_NEW: Final = "new-"

_MAX_HEAD: Final = 1 << 20
"""How long the first line of an entry may be, in bytes: it lists the submodules of a commit."""

_KEPT: Final = 0.9
"""To which part of its size limit a cache is reduced that exceeds it."""

MAX_ENTRIES: Final = 50_000
"""How many entries there may be: looking at them takes time, and a tenant can make tiny ones."""

_PART: Final = 1 / 20
"""After which part of a limit, written by a process, it looks at the whole directory again."""

_BLOCK: Final = 4096
"""What the smallest file needs on the disk, in bytes."""

_STALE_SECONDS: Final = 3600.0
"""How old a file is that was not renamed into its place, before it counts as left behind."""

_POLL_SECONDS: Final = 0.02
"""How often a lock is tried that another process holds."""


@dataclass(frozen=True)
class Entry:
    """What is kept.

    Attributes:
        data: the archive, the tar, the file or the index.
        version: the exact version or commit that it is; empty for others.
        etag: the ETag of an index or a file.
        submodules: path, URL and hash of each submodule of a commit.
        submodules_error: why they are not known.
    """

    data: bytes = field(default=b"", repr=False)
    version: str = ""
    etag: str = ""
    submodules: tuple[tuple[str, str, str], ...] = ()
    submodules_error: str = ""


def key_of(kind: str, *parts: str) -> str:
    """Return the key of an entry.

    Args:
        kind: what is kept.
        parts: all that it depends on: the URL, the name, the version, the fingerprint of the
            credential.
    """
    text = json.dumps([_FORMAT, kind, *parts])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_FORMAT: Final = 2
"""The version of the entries' format: a change of it leaves older entries unused."""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class Cache:
    """The cache in a directory."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        """Open the cache; it is made where there is none.

        Args:
            directory: the one that the operator names (AVP_CHART_CACHE).
            max_bytes: how many bytes of the disk the entries may have in all.

        Raises:
            SettingsError: it cannot be used, or others could write to it.
        """
        self._root = directory / _DIRECTORY
        self._max_bytes = max_bytes
        self._guard = threading.Lock()
        self._usage: _Usage | None = None
        try:
            with contextlib.suppress(FileExistsError):
                self._root.mkdir(mode=0o700)
            status = self._root.lstat()
            self._lock = os.open(
                self._root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
        except OSError as error:
            raise SettingsError(
                f"the directory in AVP_CHART_CACHE cannot be used: {error.strerror}",
                hint="name an existing directory that avp-py may write to, with room for "
                "AVP_CHART_CACHE_SIZE",
            ) from error
        is_ours = status.st_uid == os.geteuid() and not status.st_mode & 0o077
        if not is_ours or not stat.S_ISDIR(status.st_mode):
            os.close(self._lock)
            raise SettingsError(
                f"{_DIRECTORY} in the directory of AVP_CHART_CACHE belongs to another user, or "
                "others may use it",
                hint="remove it, or name another directory",
            )

    def close(self) -> None:
        """Close the cache; what is locked is unlocked."""
        os.close(self._lock)

    def has(self, key: str) -> bool:
        """Return whether there is an entry; it is not verified."""
        return self._path(key).exists()

    def get(self, key: str) -> Entry | None:
        """Return an entry, or None where there is none that can be used."""
        path = self._path(key)
        try:
            with path.open("rb") as file:
                head = file.readline(_MAX_HEAD)
                data = file.read()
            fields = json.loads(head)
            modules = tuple((str(a), str(b), str(c)) for a, b, c in fields["submodules"])
            entry = Entry(
                data, fields["version"], fields["etag"], modules, fields["submodules_error"]
            )
            if fields["key"] == key and fields["digest"] == hashlib.sha256(data).hexdigest():
                os.utime(path)
                return entry
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            pass
        logger.warning("a corrupt entry of the chart cache is removed")
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def put(self, key: str, entry: Entry) -> None:
        """Keep an entry. What cannot be kept is fetched again, and reported here only."""
        head = {
            "key": key,
            "digest": hashlib.sha256(entry.data).hexdigest(),
            "version": entry.version,
            "etag": entry.etag,
            "submodules": entry.submodules,
            "submodules_error": entry.submodules_error,
        }
        text = json.dumps(head).encode() + b"\n"
        size = len(text) + len(entry.data)
        if _rounded(size) > self._max_bytes * _KEPT or len(text) > _MAX_HEAD:
            logger.warning("%d bytes are too many for the chart cache", size)
            return
        new = self._root / f"{_NEW}{secrets.token_hex(8)}"
        try:
            path = self._path(key)
            # Somebody may have emptied the cache.
            self._root.mkdir(mode=0o700, exist_ok=True)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            with open(new, "xb", opener=_private) as file:
                file.write(text)
                file.write(entry.data)
            new.rename(path)
            self._note(_rounded(size))
        except OSError as error:
            logger.warning("the chart cache cannot be written: %s", error.strerror)
            with contextlib.suppress(OSError):
                new.unlink()

    @contextlib.contextmanager
    def locked(self, key: str, seconds: float) -> Iterator[None]:
        """Wait until no other process fetches an entry, and let others wait meanwhile.

        A lock ends with its process. Where another one takes too long, both fetch.

        Args:
            key: the entry.
            seconds: how long to wait at most.
        """
        start = int(key[:15], 16)
        end = time.monotonic() + seconds
        is_locked = False
        while not (is_locked := self._try_lock(start)) and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
        try:
            yield
        finally:
            if is_locked:
                fcntl.lockf(self._lock, fcntl.LOCK_UN, 1, start)

    def _try_lock(self, start: int) -> bool:
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, start)
        except OSError:
            return False
        return True

    def _path(self, key: str) -> Path:
        return self._root / key[:2] / key

    def _note(self, size: int) -> None:
        """Note an entry that was written; look at all of them if the limits may be exceeded."""
        with self._guard:
            usage = self._usage
            if usage is not None:
                usage.new_bytes += size
                usage.new_entries += 1
                if not (
                    _may_exceed(usage.bytes, usage.new_bytes, self._max_bytes)
                    or _may_exceed(usage.entries, usage.new_entries, MAX_ENTRIES)
                ):
                    return
            self._usage = self._reduce()

    def _reduce(self) -> "_Usage":
        """Remove what was not used for longest, until the rest is small enough; return that."""
        found = self._entries()
        size, number = sum(each for _, each, _ in found), len(found)
        if size > self._max_bytes or number > MAX_ENTRIES:
            for _, each, path in sorted(found):
                if size <= self._max_bytes * _KEPT and number <= MAX_ENTRIES * _KEPT:
                    break
                with contextlib.suppress(OSError):
                    Path(path).unlink()
                size -= each
                number -= 1
        return _Usage(size, number)

    def _entries(self) -> Sequence[tuple[float, int, str]]:
        """Return when each entry was last used, its size, and its path."""
        found = []
        stale = time.time() - _STALE_SECONDS
        folders: list[Path | str] = [self._root]
        while folders:
            for entry in _listed(folders.pop()):
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.name != _LOCK:
                        status = entry.stat(follow_symlinks=False)
                        if entry.name.startswith(_NEW) and status.st_mtime < stale:
                            Path(entry.path).unlink()
                        else:
                            found.append((status.st_mtime, size_on_disk(status), entry.path))
        return found


@dataclass
class _Usage:
    """How much there is, as far as a process knows.

    Attributes:
        bytes: of the disk, when all entries were last looked at.
        entries: their number at that time.
        new_bytes: what this process has written since.
        new_entries: in how many entries.
    """

    bytes: int
    entries: int
    new_bytes: int = 0
    new_entries: int = 0


def _may_exceed(known: int, new: int, limit: int) -> bool:
    return known + new > limit or new > limit * _PART


def _listed(folder: Path | str) -> Sequence[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return ()


def _rounded(size: int) -> int:
    """Return how many bytes of the disk so many bytes need at least."""
    return max(-(-size // _BLOCK), 1) * _BLOCK


def size_on_disk(status: os.stat_result) -> int:
    """Return how many bytes of the disk a file has, or will have once it is written out."""
    return max(status.st_blocks * 512, _rounded(status.st_size))
