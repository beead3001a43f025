"""What keeps secrets in the process when something breaks that nobody has foreseen.

Done once, before anything is read: no message of somebody else's reaches standard error. Core dumps
and looks from outside were closed before, in avp_py/entry.py.
"""

import contextlib
import logging
import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from types import TracebackType

from avp_py.cli.limits import interrupt
from avp_py.cli.log import Log
from avp_py.cli.report import MAX_CRASHES


def harden(log: Log) -> None:
    """Keep the texts of errors and warnings that nobody catches off standard error.

    Args:
        log: where such an error is reported without its text.
    """

    def tell(
        kind: type[BaseException], error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        # Threads that end for the same reason say the same.
        if kind not in reported:
            reported.add(kind)
            log.write(_crash(log, kind, error))

    reported: set[type[BaseException]] = set()
    # Without a handler anywhere, Python prints what libraries warn of: urllib3 quotes headers that
    # it cannot read.
    logging.getLogger().addHandler(logging.NullHandler())
    warnings.simplefilter("ignore")
    sys.excepthook = tell
    threading.excepthook = lambda args: tell(args.exc_type, args.exc_value, None)
    sys.unraisablehook = partial(_unraisable, tell, threading.main_thread().ident)
    # Where a hook itself has no memory, Python prints a report of its own, but not to None.
    sys.stderr = None


def _unraisable(
    tell: Callable[..., None], main: int | None, args: "sys.UnraisableHookArgs"
) -> None:
    """Report what is raised where nothing can catch it.

    A thread that cannot begin for lack of memory is waited for by the one that started it.
    """
    # Python would print what is raised in here, and there may be no memory left at all.
    with contextlib.suppress(MemoryError):
        if args.exc_type is not MemoryError:
            tell(args.exc_type, args.exc_value, None)
        elif threading.get_ident() != main:
            # In the main thread itself the interruption would come in here.
            interrupt()


def _crash(log: Log, kind: type[BaseException], error: BaseException | None) -> str:
    """Return the report of an error that nothing has caught, without its text."""
    if issubclass(kind, MemoryError):
        return log.format.crash("out of memory (AVP_MAX_MEMORY)", None, MAX_CRASHES)
    message = f"internal error, {kind.__name__}; please report it"
    return log.format.crash(message, error, MAX_CRASHES)
