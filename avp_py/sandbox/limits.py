"""How much a render may take."""

import time
from dataclasses import dataclass

from avp_py.settings import LimitSettings


@dataclass(frozen=True)
class Limits:
    """The limits of one render.

    Attributes:
        timeout: how long each child may take, in seconds.
        deadline: when the whole run must be over, on the clock of time.monotonic().
        input_bytes: how much may be read as manifests, of one chart, of one file that is named.
        files: how many files a folder may have that is read, copied, or handed to helm.
        output_bytes: how much a child may print.
    """

    timeout: float
    deadline: float
    input_bytes: int
    files: int
    output_bytes: int

    @property
    def left(self) -> float:
        """How long the run may still take, in seconds; below 0 it is over."""
        return self.deadline - time.monotonic()


def limits_of(settings: LimitSettings, timeout: float, deadline: float) -> Limits:
    """The limits that the settings give."""
    return Limits(timeout, deadline, settings.input_bytes, settings.files, settings.output_bytes)
