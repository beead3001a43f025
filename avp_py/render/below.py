"""Files below a directory that another program may change at any moment.

Each directory is opened from the one above it, and never through a symlink. So a symlink that
replaces a directory after its path was checked leads nowhere.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from avp_py.errors import RenderError

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a FIFO would block.
_OLD: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextlib.contextmanager
def open_folder(root: Path, parts: Sequence[str]) -> Iterator[int]:
    """Open a directory.

    Args:
        root: a directory; of its path, only the last step is protected.
        parts: the names of the directories below it that lead to the one to open.

    Yields:
        Its descriptor.

    Raises:
        OSError: one of them is not a directory.
    """
    folder = os.open(root, _DIRECTORY)
    try:
        for part in parts:
            inner = os.open(part, _DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


@contextlib.contextmanager
def open_below(root: Path, parts: Sequence[str]) -> Iterator[int]:
    """Open a directory, as `open_folder`, that was one when its path was checked.

    Raises:
        RenderError: one of them is not a directory any more.
    """
    with contextlib.ExitStack() as opened:
        with _unchanged():
            folder = opened.enter_context(open_folder(root, parts))
        yield folder


@contextlib.contextmanager
def make_below(folder: int, parts: Sequence[str]) -> Iterator[int]:
    """Open a directory; where it does not exist, it is made.

    Args:
        folder: the descriptor of a directory.
        parts: the names of the directories below it that lead to the one to open.

    Yields:
        Its descriptor.

    Raises:
        RenderError: one of them is not a directory.
        OSError: it cannot be made.
    """
    with contextlib.ExitStack() as opened:
        for part in parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=folder)
            with _unchanged():
                folder = os.open(part, _DIRECTORY, dir_fd=folder)
            opened.callback(os.close, folder)
        yield folder


def read_file(folder: int, name: str, most: int) -> bytes:
    """Return a file in a directory.

    Args:
        folder: the descriptor of the directory.
        name: the file.
        most: how many bytes to read.

    Raises:
        RenderError: it is not a file any more.
    """
    with _unchanged():
        descriptor = os.open(name, _OLD, dir_fd=folder)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _changed()
        return file.read(most)


def write_file(folder: int, name: str, data: bytes) -> None:
    """Write a file in a directory, instead of what has its name.

    Args:
        folder: the descriptor of the directory.
        name: the file.
        data: its content.

    Raises:
        OSError: it cannot be written.
    """
    new = f".{secrets.token_hex(8)}"
    with open(os.open(new, _NEW, 0o644, dir_fd=folder), "wb") as file:  # noqa: PTH123
        file.write(data)
    os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)


@contextlib.contextmanager
def _unchanged() -> Iterator[None]:
    """Raise RenderError where what was checked cannot be opened any more."""
    try:
        yield
    except OSError as error:
        raise _changed() from error


def _changed() -> RenderError:
    return RenderError(
        "a file or directory of a copy was replaced while avp-py was writing to it",
        hint="try again; if that does not help, please report it",
    )
