"""The time and memory limits of a run, in force at any moment of it."""

import errno
import faulthandler
import os
import resource
import signal
import time
from types import FrameType
from typing import Final, NoReturn

from avp_py.limits import lowest

INTERRUPT_AFTER: Final = 0.5
"""How long after the time limit the main thread is interrupted, in seconds. The run's own checks
come first: they say what was slow."""

EXIT_AFTER: Final = 2.0
"""How long after the time limit the process ends, in seconds, where an interrupted main thread has
not ended it: it stops its child processes and removes its temporary folder first."""


_STDERR: Final = 2
"""The descriptor: hardening takes `sys.stderr` away."""


class TimeLimitReached(BaseException):
    """The time of the run is over. Only the command line catches it."""


_PROBE_BYTES: Final = 16 << 20
"""Where there is no room for that much, an error may well come from a lack of memory: the stack of
a thread takes half of it, a library that is loaded a part."""


class RunLimits:
    """The limits of a run in a process that is not its own: there is nothing to set.

    Attributes:
        seconds: the time limit, in seconds.
        memory_bytes: the memory limit, in bytes.
    """

    seconds = 0.0
    memory_bytes = 0

    def limit_time(self, seconds: float, started: float) -> None:
        """Set when the run ends.

        Args:
            seconds: how long it may take.
            started: when it began, on the clock of time.monotonic().
        """

    def pause(self) -> None:
        """Let the run take any time, until the limit is set anew."""

    def limit_memory(self, memory_bytes: int) -> None:
        """Set how much memory the run may use for its data.

        Args:
            memory_bytes: how much, in bytes.
        """

    def lift_memory(self) -> None:
        """Allow the process the memory that it had before, to report that it used too much."""


class ProcessLimits(RunLimits):
    """The limits of a run that has the process to itself.

    The main thread is interrupted by a signal, for which Python must run. Where that has no effect,
    as in a loop of C code that holds the interpreter's lock, a thread of faulthandler's, which
    needs no lock, prints where the code is and ends the process with exit code 1.

    Memory is limited by RLIMIT_DATA. That counts what is private and can be written, so neither the
    addresses that glibc reserves for each thread, nor those of Go programs, which inherit it.
    """

    def __init__(self) -> None:
        self._soft, _ = resource.getrlimit(resource.RLIMIT_DATA)

    def limit_time(self, seconds: float, started: float) -> None:
        """Set when the run ends; a limit that was set before no longer counts."""
        self.seconds = seconds
        # 0 would be no limit.
        left = max(started + seconds - time.monotonic(), 0) + INTERRUPT_AFTER
        signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, left)
        faulthandler.dump_traceback_later(
            left - INTERRUPT_AFTER + EXIT_AFTER, exit=True, file=_STDERR
        )

    def pause(self) -> None:
        """Let the run take any time, until the limit is set anew."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()

    def limit_memory(self, memory_bytes: int) -> None:
        """Set how much memory the run may use for its data; never more than it had before."""
        self.memory_bytes = memory_bytes
        self._set_memory(memory_bytes)

    def lift_memory(self) -> None:
        """Allow the process the memory that it had before, to report that it used too much."""
        self._set_memory(self._soft)

    def _set_memory(self, most: int) -> None:
        # The hard limit may have become less since.
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (lowest(most, self._soft, hard), hard))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error that is being handled comes from a lack of memory.

    Libraries have errors of their own for that, such as a thread that cannot be started. Meanwhile
    the frames of the error hold what filled the memory, and so there is still no room.
    """
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    try:
        bytearray(_PROBE_BYTES)
    except MemoryError:
        return True
    return False


def interrupt() -> None:
    """Interrupt the main thread, as when the time is over."""
    if signal.getsignal(signal.SIGALRM) is _interrupt:
        os.kill(os.getpid(), signal.SIGALRM)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TimeLimitReached
