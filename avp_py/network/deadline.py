"""One time limit for several steps."""

import time
from typing import Final

MIN_SECONDS: Final = 0.001
"""What a socket gets when the time is up: for it, 0 means never to wait."""


class Deadline:
    """A time limit that counts from when it is made.

    Attributes:
        seconds: the limit.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """How many seconds are left; never less than a socket needs to time out."""
        return max(self._end - time.monotonic(), MIN_SECONDS)

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() >= self._end

    def allows(self, pause: float) -> bool:
        """Return whether there is time left after a pause of so many seconds."""
        return time.monotonic() + pause < self._end
