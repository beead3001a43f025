"""What holds a run to its time, whatever it is doing when that is over."""

import faulthandler
import signal
import sys
import time
from types import FrameType
from typing import Final, NoReturn

INTERRUPT_AFTER: Final = 0.5
"""How long after the time limit the main thread is interrupted, in seconds. The run's own checks
come first: they say what was slow."""

EXIT_AFTER: Final = 2.0
"""How long after the time limit the process ends, in seconds, where an interrupted main thread has
not ended it: it stops its child processes and removes its temporary folder first."""


class TimeLimitReached(BaseException):
    """The time of the run is over. Only the command line catches it."""


class RunLimits:
    """The limits of a run in a process that is not its own: there is nothing to set.

    Attributes:
        seconds: the time limit, in seconds.
    """

    seconds = 0.0

    def limit_time(self, seconds: float, started: float) -> None:
        """Set when the run ends.

        Args:
            seconds: how long it may take.
            started: when it began, on the clock of time.monotonic().
        """

    def pause(self) -> None:
        """Let the run take any time, until the limit is set anew."""


class ProcessLimits(RunLimits):
    """The limits of a run that has the process to itself.

    The main thread is interrupted by a signal, for which Python must run. Where that has no effect,
    as in a loop of C code that holds the interpreter's lock, a thread of faulthandler's, which
    needs no lock, prints where the code is and ends the process with exit code 1.
    """

    def limit_time(self, seconds: float, started: float) -> None:
        """Set when the run ends; a limit that was set before no longer counts."""
        self.seconds = seconds
        # 0 would be no limit.
        left = max(started + seconds - time.monotonic(), 0) + INTERRUPT_AFTER
        signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, left)
        faulthandler.dump_traceback_later(
            left - INTERRUPT_AFTER + EXIT_AFTER, exit=True, file=sys.stderr
        )

    def pause(self) -> None:
        """Let the run take any time, until the limit is set anew."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TimeLimitReached
