"""The notes of what is done, which `-v` shows: everything that avp_py logs."""

import contextlib
import logging
import time
from collections.abc import Iterator

from avp_py.cli.console import Console
from avp_py.cli.log import Log
from avp_py.cli.report import MAX_NOTES


class _Notes(logging.Handler):
    """Writes notes, a line each, as long as there is room for them; counts the others."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log
        # The last two lines have their place in any case.
        self._left = MAX_NOTES - len(self._omitted(10**9)) - len(self._total(10**9))
        self._count = 0
        self._omitted_count = 0

    def emit(self, record: logging.LogRecord) -> None:
        line = self._log.format.note(record.getMessage())
        self._count += 1
        self._left -= len(line.encode())
        if self._left < 0:
            self._omitted_count += 1
        else:
            self._log.write(line)

    def finish(self, seconds: float) -> None:
        """Write how many notes were left out and, after any note, how long all has taken."""
        if self._omitted_count:
            self._log.write(self._omitted(self._omitted_count))
        if self._count:
            self._log.write(self._total(seconds))

    def _omitted(self, count: int) -> str:
        return self._log.format.note(f"{count} more notes left out")

    def _total(self, seconds: float) -> str:
        return self._log.format.note(f"{seconds:.2f} s in all")


@contextlib.contextmanager
def notes_on(console: Console | None) -> Iterator[None]:
    """Send the notes that are made meanwhile to standard error; without a console, nowhere."""
    logger = logging.getLogger("avp_py")
    logger.propagate = False
    if console is None:
        logger.setLevel(logging.CRITICAL)
        yield
        return
    notes = _Notes(console.log)
    logger.addHandler(notes)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(notes)
        notes.finish(time.monotonic() - console.started)
