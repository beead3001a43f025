"""System calls that Python has no function for."""

import ctypes
import functools
import os
import sys
from typing import Final

from avp_py.errors import SandboxError

_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def call(number: int, *arguments: int | bytes | None) -> int:
    """Make a system call; return its result, or the negative of its error number."""
    words = [each if each is None else _word(each) for each in arguments]
    result: int = _library().syscall(ctypes.c_long(number), *words)
    return result if result >= 0 else -ctypes.get_errno()


def prctl(option: int, argument: int) -> int:
    """Make the system call that sets properties of a thread or process.

    Returns:
        Its result, or the negative of its error number.
    """
    result: int = _library().prctl(option, ctypes.c_ulong(argument), *[ctypes.c_ulong(0)] * 3)
    return result if result >= 0 else -ctypes.get_errno()


def adopt_orphans() -> None:
    """Let what outlives a child of ours become a child of this process, for as long as it lives.

    It is for entry points to call, before a child is started. Where that fails, as in an emulated
    kernel, what a child leaves behind is not found.
    """
    if sys.platform == "linux":
        prctl(_PR_SET_CHILD_SUBREAPER, 1)


def forbid_new_privileges() -> None:
    """Let this thread, and what it starts, gain no rights by running a program.

    Landlock domains and system call filters want that of whoever is not root.

    Raises:
        SandboxError: the kernel refuses.
    """
    check(prctl(_PR_SET_NO_NEW_PRIVS, 1))


def check(result: int) -> int:
    """Return the result of a system call of the sandbox.

    Raises:
        SandboxError: it failed.
    """
    if result < 0:
        raise SandboxError(
            f"the kernel refused the sandbox of a child process: {os.strerror(-result)}",
            hint="report it with the output of `avp-py version`; the operator's setting "
            "AVP_SANDBOX=off runs without it",
        )
    return result


def _word(argument: int | bytes) -> "ctypes.c_long | ctypes.c_char_p":
    return ctypes.c_long(argument) if isinstance(argument, int) else ctypes.c_char_p(argument)
