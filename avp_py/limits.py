"""How much one run may use: time, memory, text, files, documents, secrets."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from avp_py.errors import LimitError

if TYPE_CHECKING:
    from avp_py.settings import Settings


@dataclass
class Limits:
    """The limits of one run, and what is left of those that are used up.

    Attributes:
        seconds: how long the run may take.
        deadline: when it must be over, by `clock`.
        timeout: how long each child process may take, in seconds.
        input_bytes: how much may be read as manifests, of one chart, of one file that is named.
        files: how many files a directory may have that is read, copied, or handed to helm.
        output_bytes: how much a child process may print, and how long the output may be.
        documents: how many documents may be rendered.
        references: how many different secrets may be read.
        clock: the time, in seconds; it never goes back.
    """

    seconds: float
    deadline: float
    timeout: float
    input_bytes: int
    files: int
    output_bytes: int
    documents: int = 0
    references: int = 0
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._characters = self.output_bytes

    @property
    def left(self) -> float:
        """How long the run may still take, in seconds; below 0 it is over."""
        return self.deadline - self.clock()

    def check_deadline(self) -> None:
        """Raise LimitError where the time is over."""
        if self.left <= 0:
            raise time_limit_error(self.seconds)

    def charge(self, characters: int) -> None:
        """Count text of the output before it is made, or raise LimitError where it is too long."""
        self._characters -= characters
        if self._characters < 0:
            raise LimitError(
                "the output would exceed its limit (AVP_MAX_OUTPUT)",
                hint="split the Application, or raise the operator's setting AVP_MAX_OUTPUT",
            )


def limits_of(
    settings: "Settings", started: float, clock: Callable[[], float] = time.monotonic
) -> Limits:
    """Return the limits of a run.

    Args:
        settings: the settings.
        started: when the run began, by `clock`.
        clock: the time, in seconds.
    """
    limits = settings.limits
    return Limits(
        limits.seconds,
        started + limits.seconds,
        settings.render.timeout,
        limits.input_bytes,
        limits.files,
        limits.output_bytes,
        limits.documents,
        limits.references,
        clock,
    )


def check_limit(what: str, count: int, most: int, setting: str) -> None:
    """Raise LimitError where a count is above its limit.

    Args:
        what: what is counted, in the plural.
        count: how many there are.
        most: how many there may be.
        setting: the setting that says so.
    """
    if count > most:
        raise LimitError(
            f"there are more than {most} {what}",
            hint=f"split the Application, or raise the operator's setting {setting}",
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


def lowest(*limits: int) -> int:
    """Return the lowest of limits as setrlimit(2) has them, where RLIM_INFINITY is none."""
    known = (each for each in limits if each != resource.RLIM_INFINITY)
    return min(known, default=resource.RLIM_INFINITY)
