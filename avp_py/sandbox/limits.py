"""The limits of a render."""

import time
from dataclasses import dataclass

from avp_py.settings import LimitSettings


@dataclass(frozen=True)
class Limits:
    """The limits of one render.

    Attributes:
        timeout: how long each child may run, in seconds.
        deadline: when the whole run must be over, on the clock of time.monotonic().
        input_bytes: how much may be read as manifests, of one chart, of one file that is named.
        files: how many files a folder may have that is read, copied, or passed to helm.
        output_bytes: how much a child may print.
    """

    timeout: float
    deadline: float
    input_bytes: int
    files: int
    output_bytes: int

    @property
    def left(self) -> float:
        """The seconds that are left of the run; below 0 it is over."""
        return self.deadline - time.monotonic()


def limits_of(settings: LimitSettings, timeout: float, deadline: float) -> Limits:
    """Return the limits of the settings."""
    return Limits(timeout, deadline, settings.input_bytes, settings.files, settings.output_bytes)
