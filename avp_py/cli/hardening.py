"""What keeps secrets in the process when something breaks that nobody has foreseen.

Done once, before anything is read: no message of somebody else's reaches standard error. Core dumps
and looks from outside were closed before, in avp_py/entry.py.
"""

import logging
import sys
import threading
import warnings
from types import TracebackType

from avp_py.cli.limits import interrupt
from avp_py.cli.report import MAX_CRASHES, frames


def harden() -> None:
    """Keep the texts of errors and warnings that nobody catches off standard error."""
    # Without a handler anywhere, Python prints what libraries warn of: urllib3 quotes headers that
    # it cannot read.
    logging.getLogger().addHandler(logging.NullHandler())
    warnings.simplefilter("ignore")
    sys.excepthook = _tell
    threading.excepthook = lambda args: _tell(args.exc_type, args.exc_value, None)
    sys.unraisablehook = _unraisable


def _unraisable(args: "sys.UnraisableHookArgs") -> None:
    """Report what is raised where nothing can catch it.

    A thread that cannot begin for lack of memory is waited for by the one that started it.
    """
    if args.exc_type is MemoryError:
        # In the main thread itself the interruption would come in here.
        if threading.get_ident() != threading.main_thread().ident:
            interrupt()
    else:
        _tell(args.exc_type, args.exc_value, None)


def _tell(
    kind: type[BaseException], error: BaseException | None, _traceback: TracebackType | None
) -> None:
    """An error that nothing has caught, without its text."""
    if issubclass(kind, MemoryError):
        sys.stderr.write("avp-py: no memory is left (AVP_MAX_MEMORY)\n")
        return
    text = f"avp-py: internal error, {kind.__name__}; please report it\n"
    if error is not None:
        text += frames(error, MAX_CRASHES - 2 * len(text))
    # Threads that end for the same reason say the same.
    if kind not in _told:
        _told.add(kind)
        sys.stderr.write(text)


_told: set[type[BaseException]] = set()
