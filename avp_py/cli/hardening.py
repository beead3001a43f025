"""What keeps secrets in the process when something breaks that nobody has foreseen.

Done once, at the door, before anything is read: no core dump, no look from outside, and no message
of somebody else's on standard error.
"""

import ctypes
import logging
import resource
import sys
import threading
import warnings
from types import TracebackType

from avp_py.cli.report import frames

_PR_SET_DUMPABLE = 4
"""Linux' prctl(2)."""


def harden() -> None:
    """Closes what Python and the system leave open. What is not to be had is done without."""
    _no_core_dump()
    # Without a handler anywhere, Python prints what libraries warn of: urllib3 quotes headers that
    # it cannot read.
    logging.getLogger().addHandler(logging.NullHandler())
    warnings.simplefilter("ignore")
    sys.excepthook = _tell
    threading.excepthook = lambda args: _tell(args.exc_type, args.exc_value, None)
    sys.unraisablehook = lambda args: _tell(args.exc_type, args.exc_value, None)


def _no_core_dump() -> None:
    """Sees to it that memory and environment stay where they are.

    A limit of 1 byte also keeps the kernel from handing a dump to a program such as
    systemd-coredump, for which 0 is no limit at all (do_coredump in Linux' fs/coredump.c). A
    process that is not dumpable hides its memory and environment in /proc from the others of its
    user, its own children among them (proc(5), ptrace(2)).
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    soft = 1 if most == resource.RLIM_INFINITY else min(1, most)
    resource.setrlimit(resource.RLIMIT_CORE, (soft, most))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _tell(
    kind: type[BaseException], error: BaseException | None, _traceback: TracebackType | None
) -> None:
    """An error that nothing has caught, without its text."""
    text = f"avp-py: internal error, {kind.__name__}; please report it\n"
    sys.stderr.write(text + (frames(error) if error is not None else ""))
