"""Landlock: a thread gives up rights for good, and what it starts from then on does not have them.

A domain belongs to a thread and is inherited by the processes that this thread forks, so a
short-lived thread restricts itself and starts the child; the rest of the process stays as it is.

Source: include/uapi/linux/landlock.h and Documentation/userspace-api/landlock.rst of Linux 6.18.
"""

import contextlib
import os
import stat
import struct
import sys
from collections.abc import Mapping
from enum import IntFlag
from pathlib import Path
from typing import Final, NamedTuple

from avp_py import kernel
from avp_py.sandbox import privileges
from avp_py.sandbox.access import Access

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""Numbers of the system calls, the same on every architecture."""

_GET_VERSION: Final = 1
_RULE_PATH, _RULE_PORT = 1, 2


class _File(IntFlag):
    """LANDLOCK_ACCESS_FS_*."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


_READ: Final = _File.READ_FILE | _File.READ_DIR
_WRITE: Final = (
    _File.WRITE_FILE | _File.TRUNCATE | _File.REFER | _File.REMOVE_DIR | _File.REMOVE_FILE
    | _File.MAKE_DIR | _File.MAKE_REG | _File.MAKE_SYM
)  # fmt: skip
"""What a directory for writing permits: no devices, sockets or FIFOs."""

_OF_FILES: Final = (
    _File.EXECUTE | _File.WRITE_FILE | _File.READ_FILE | _File.TRUNCATE | _File.IOCTL_DEV
)
"""The rights that a rule for anything but a directory may name; others are EINVAL."""

_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
"""LANDLOCK_ACCESS_NET_*."""

_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1 << 0, 1 << 1
"""LANDLOCK_SCOPE_*."""


class Protection(NamedTuple):
    """What one version of Landlock's interface restricts.

    Attributes:
        abi: the version from which it does.
        name: what it restricts, for people.
        kernel: the Linux release that brought it.
    """

    abi: int
    name: str
    kernel: str


PROTECTIONS: Final = (
    Protection(1, "files", "5.13"),
    Protection(2, "moving files between directories", "5.19"),
    Protection(3, "truncation", "6.2"),
    Protection(4, "TCP", "6.7"),
    Protection(5, "device ioctl", "6.10"),
    Protection(6, "signals and abstract sockets", "6.12"),
)


def kernel_abi() -> int:
    """Return the version of the kernel's Landlock interface; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(kernel.call(_CREATE_RULESET, None, 0, _GET_VERSION), 0)


def restrict_thread(access: Access) -> bool:
    """Restrict this thread, and all processes that it starts from now on, to an access.

    Rights that the kernel's interface does not know stay unrestricted. It cannot be undone. The
    thread must not gain privileges (privileges.forbid_new_privileges).

    Args:
        access: what remains allowed. Paths that do not exist allow nothing.

    Returns:
        Whether this thread can signal nothing but what it starts from now on, and its own process.

    Raises:
        SandboxError: the kernel refuses.
    """
    abi = kernel_abi()
    if not abi:
        return False
    files = _known_files(abi)
    attributes = [int(files)]
    if abi >= 4:
        attributes.append(_BIND_TCP | _CONNECT_TCP)
    if abi >= 6:
        attributes.append(_SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS)
    packed = struct.pack(f"={len(attributes)}Q", *attributes)
    ruleset = privileges.check(kernel.call(_CREATE_RULESET, packed, len(packed), 0))
    try:
        for path, rights in _rights(access).items():
            _allow_path(ruleset, path, rights & files)
        if abi >= 4:
            for port in access.connect:
                rule = struct.pack("=QQ", _CONNECT_TCP, port)
                privileges.check(kernel.call(_ADD_RULE, ruleset, _RULE_PORT, rule, 0))
        privileges.check(kernel.call(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return abi >= 6


def _rights(access: Access) -> Mapping[Path, _File]:
    """Return the rights of each path that an access names, however often."""
    rights: dict[Path, _File] = {}
    for paths, more in (
        (access.read, _READ),
        (access.write, _READ | _WRITE),
        (access.execute, _READ | _File.EXECUTE),
    ):
        for path in paths:
            rights[path] = rights.get(path, _File(0)) | more
    return rights


def _known_files(abi: int) -> _File:
    known = _File(0)
    for right in _File:
        since = {_File.REFER: 2, _File.TRUNCATE: 3, _File.IOCTL_DEV: 5}.get(right, 1)
        if abi >= since:
            known |= right
    return known


def _allow_path(ruleset: int, path: Path, rights: _File) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                rights &= _OF_FILES
            rule = struct.pack("=Qi", rights, descriptor)
            privileges.check(kernel.call(_ADD_RULE, ruleset, _RULE_PATH, rule, 0))
        finally:
            os.close(descriptor)
