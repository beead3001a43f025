"""What keeps secrets in the process when something breaks that nobody has foreseen.

Done once, before anything is read: no message of somebody else's reaches standard error. Core dumps
and looks from outside were closed before, in avp_py/entry.py.
"""

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
        if kind not in told:
            told.add(kind)
            log.write(_crash(log, kind, error))

    told: set[type[BaseException]] = set()
    # Without a handler anywhere, Python prints what libraries warn of: urllib3 quotes headers that
    # it cannot read.
    logging.getLogger().addHandler(logging.NullHandler())
    warnings.simplefilter("ignore")
    sys.excepthook = tell
    threading.excepthook = lambda args: tell(args.exc_type, args.exc_value, None)
    sys.unraisablehook = partial(_unraisable, tell)


def _unraisable(tell: Callable[..., None], args: "sys.UnraisableHookArgs") -> None:
    """Report what is raised where nothing can catch it.

    A thread that cannot begin for lack of memory is waited for by the one that started it.
    """
    if args.exc_type is MemoryError:
        # In the main thread itself the interruption would come in here.
        if threading.get_ident() != threading.main_thread().ident:
            interrupt()
    else:
        tell(args.exc_type, args.exc_value, None)


def _crash(log: Log, kind: type[BaseException], error: BaseException | None) -> str:
    """Return the report of an error that nothing has caught, without its text."""
    if issubclass(kind, MemoryError):
        return log.format.crash("out of memory (AVP_MAX_MEMORY)", None, MAX_CRASHES)
    message = f"internal error, {kind.__name__}; please report it"
    return log.format.crash(message, error, MAX_CRASHES)
