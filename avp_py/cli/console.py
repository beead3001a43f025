"""What a command gets of the process that it runs in, and what it reaches from there."""

import functools
import io
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, TextIO

from avp_py.cli.limits import ProcessLimits, RunLimits, TimeLimitReached
from avp_py.cli.log import Log
from avp_py.cli.sources import LocalOperator, Operator
from avp_py.errors import OutputError


@dataclass(frozen=True)
class Console:
    """The environment and the standard streams.

    Attributes:
        environ: the environment, as it was at the start.
        stdin: standard input.
        stdout: standard output: manifests and nothing else. Not buffered, so that each write says
            how much of it was written, or None where a write would block.
        stderr: standard error, for `log` alone.
        limits: the limits that the run has in this process.
        started: when the program began, on the clock of time.monotonic().
        in_background: does something that speeds up what comes later, while the run goes on. It may
            outlive the run, so only a process of the run's own does it; elsewhere it is left out.
        operator: the operator's side of the run.
        count: receives how many things a run deals with; see avp_py.generate.Request.
    """

    environ: Mapping[str, str] = field(repr=False)
    stdin: BinaryIO
    stdout: io.RawIOBase | io.BytesIO
    stderr: TextIO
    limits: RunLimits = field(default_factory=RunLimits)
    started: float = field(default_factory=time.monotonic)
    in_background: Callable[[Callable[[], None]], None] = lambda _action: None
    operator: Operator = field(default_factory=LocalOperator)
    count: Callable[[str, int], None] = lambda _name, _number: None

    @functools.cached_property
    def log(self) -> Log:
        """All that is said to a person, on standard error."""
        return Log(self.stderr, self.environ)

    def write(self, text: str) -> None:
        """Write all of a text to standard output, and flush it.

        Raises:
            OutputError: not all of it was written.
        """
        left = memoryview(text.encode())
        try:
            while left:
                # A full disk, a limit, or a reader that goes away can cut one write short.
                written = self.stdout.write(left)
                if written is None:
                    # The descriptor does not block, and its reader is slower than we are.
                    select.select((), (self.stdout,), ())
                else:
                    left = left[written:]
            self.stdout.flush()
        except OSError as error:
            raise OutputError(
                f"standard output cannot be written: {error.strerror}", hint=_INCOMPLETE
            ) from error
        except TimeLimitReached:
            raise OutputError(
                "standard output was not read within the time limit of the run "
                f"(AVP_RUN_TIMEOUT={self.limits.seconds:g}s)",
                hint=_INCOMPLETE,
            ) from None


_INCOMPLETE = "check where standard output goes; what it received is not the whole output"


def open_console(environ: Mapping[str, str]) -> Console:
    """Return the console of this process, which is the run's own.

    A standard stream that is closed becomes /dev/null, so that no other file gets its number.
    Standard output becomes one that cannot be written: what is printed is lost, and that is an
    error.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)
    return Console(
        dict(environ),
        open(0, "rb", closefd=False),
        io.FileIO(1, "w", closefd=False),
        sys.stderr or open(2, "w", buffering=1, errors="backslashreplace", closefd=False),
        ProcessLimits(),
        in_background=lambda action: threading.Thread(target=action, daemon=True).start(),
    )
