"""How much one run may still take: time, and text to put in."""

import time
from dataclasses import dataclass

from avp_py.errors import LimitError


@dataclass
class Budget:
    """What is left of a run's limits.

    Attributes:
        seconds: how long the run may take.
        deadline: when it must be over, on the clock of time.monotonic().
        characters: how long the filled text may still become.
    """

    seconds: float
    deadline: float
    characters: int

    def check_deadline(self) -> None:
        """Goes on, or raises LimitError where the time is over."""
        if time.monotonic() >= self.deadline:
            raise time_limit_error(self.seconds)

    def charge(self, characters: int) -> None:
        """Takes what a text needs, before it is made, or raises LimitError."""
        self.characters -= characters
        if self.characters < 0:
            raise LimitError(
                "the filled manifests would exceed the limit of the output (AVP_MAX_OUTPUT)",
                hint="split the Application, or raise the operator's setting AVP_MAX_OUTPUT",
            )


def time_limit_error(seconds: float) -> LimitError:
    """Return the error of a run that has taken longer than it may."""
    return LimitError(
        f"the run exceeded its time limit (AVP_RUN_TIMEOUT={seconds:g}s)",
        hint="split the Application, or raise the operator's setting AVP_RUN_TIMEOUT; -vv "
        "shows where the run was",
    )


def memory_limit_error(size: int) -> LimitError:
    """Return the error of a run that needs more memory than it may use."""
    return LimitError(
        f"the run needs more memory than it may use (AVP_MAX_MEMORY={_shown(size)})",
        hint="split the Application, or raise the operator's setting AVP_MAX_MEMORY, and with it "
        "the memory limit of the container",
    )


def _shown(size: int) -> str:
    """Return a number of bytes as a setting has it."""
    for unit, factor in (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)):
        if size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def check_limit(what: str, count: int, most: int, setting: str) -> None:
    """Raises LimitError where a count is above its limit."""
    if count > most:
        raise LimitError(
            f"there are more than {most} {what}",
            hint=f"split the Application, or raise the operator's setting {setting}",
        )
