"""The notes of what is done, which `-v` shows."""

import contextlib
import logging
from collections.abc import Iterator
from typing import TextIO

from avp_py.cli.report import MAX_LINE, MAX_NOTES, clip


class _Notes(logging.Handler):
    """Writes notes, a line each, as long as there is room for them; counts the others."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._left = MAX_NOTES - len(self._omitted(10**9))
        self.omitted = 0

    def emit(self, record: logging.LogRecord) -> None:
        line = clip(f"avp-py: {record.getMessage()}", MAX_LINE) + "\n"
        self._left -= len(line.encode())
        if self._left < 0:
            self.omitted += 1
        else:
            self._stream.write(line)

    def finish(self) -> None:
        """Say how many notes were left out."""
        if self.omitted:
            self._stream.write(self._omitted(self.omitted))

    def _omitted(self, count: int) -> str:
        return f"avp-py: {count} more notes left out\n"


@contextlib.contextmanager
def notes_on(stream: TextIO | None) -> Iterator[None]:
    """Send the notes that are made meanwhile to a stream; without one, nowhere."""
    logger = logging.getLogger("avp_py")
    logger.propagate = False
    if stream is None:
        logger.setLevel(logging.CRITICAL)
        yield
        return
    notes = _Notes(stream)
    logger.addHandler(notes)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(notes)
        notes.finish()
