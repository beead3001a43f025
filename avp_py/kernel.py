"""System calls that Python has no function for."""

import ctypes
import functools
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15
_PR_SET_CHILD_SUBREAPER: Final = 36


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


def die_with_parent(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Let the kernel end this process when its parent ends; where it has ended already, end now.

    Args:
        parent: the parent.
        number: the signal that the kernel sends. A process that has to end others first handles
            another one than SIGKILL.
    """
    if sys.platform == "linux":
        prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def name_process(name: str) -> None:
    """Set the name that `ps` shows of this process: at most 15 characters."""
    if sys.platform == "linux":
        text = ctypes.create_string_buffer(name.encode())
        prctl(_PR_SET_NAME, ctypes.addressof(text))


def _word(argument: int | bytes) -> "ctypes.c_long | ctypes.c_char_p":
    return ctypes.c_long(argument) if isinstance(argument, int) else ctypes.c_char_p(argument)
