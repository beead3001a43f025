"""The first instructions of the program: the process is closed before anything else is loaded.

Nothing but light modules of the standard library may be imported here at the top: whatever is
loaded before `close_process` is time in which other processes can read our environment.
"""

import ctypes
import resource
import sys
from typing import Final, NoReturn

_PR_SET_DUMPABLE: Final = 4
"""Linux' prctl(2)."""


def entrypoint() -> NoReturn:
    """Run the console script `avp-py`."""
    close_process()
    from avp_py.cli.main import start

    start()


def entrypoint_as_avp() -> NoReturn:
    """Run the console script `argocd-vault-plugin`."""
    close_process()
    from avp_py.cli.main import start
    from avp_py.settings import Program

    start(Program.ARGOCD_VAULT_PLUGIN)


def close_process() -> None:
    """Keep memory and environment inside of the process: no core dump, no look from outside.

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
