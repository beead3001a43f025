"""The first instructions of the program: the process is closed before anything else is loaded.

Nothing but light modules of the standard library may be imported here at the top: whatever is
loaded before `close_process` is time in which other processes can read our environment.

Where a core was started, `generate` and its like are handed to it. Below the core the environment
holds no credential, and there is nothing to close.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    # It takes longer to load than all that the client loads.
    from typing import Final, NoReturn

_PR_SET_DUMPABLE: Final = 4
"""Linux' prctl(2)."""

_SOCKET: Final = "AVP_SOCKET"


def entrypoint() -> NoReturn:
    """Run the console script `avp-py`."""
    _hand_over("avp-py")
    close_process()
    from avp_py.cli.main import start

    start()


def entrypoint_as_avp() -> NoReturn:
    """Run the console script `argocd-vault-plugin`."""
    _hand_over("argocd-vault-plugin")
    close_process()
    from avp_py.cli.main import start
    from avp_py.settings import Program

    start(Program.ARGOCD_VAULT_PLUGIN)


def supervise() -> NoReturn:
    """Run the supervisor, which `avp-py serve` starts with what it needs as arguments."""
    close_process()
    from avp_py.serve.supervisor import start

    start(sys.argv[1:])


def serve_metrics() -> NoReturn:
    """Run the process that serves metrics, which `avp-py serve` starts."""
    close_process()
    from avp_py.serve.metrics import start

    start(sys.argv[1:])


def _hand_over(program: str) -> None:
    """End the process with what the core says, where there is one and the command is for it."""
    socket = os.environ.get(_SOCKET)
    if socket:
        from avp_py.serve import client

        if client.is_for_core(sys.argv[1:]):
            if "healthcheck" in sys.argv:
                # Kubernetes starts a probe with the container's environment.
                close_process()
            client.run(socket, program)


def close_process() -> None:
    """Keep memory and environment inside of the process: no core dump, no look from outside.

    A limit of 1 byte also keeps the kernel from handing a dump to a program such as
    systemd-coredump, for which 0 is no limit at all (do_coredump in Linux' fs/coredump.c). A
    process that is not dumpable hides its memory and environment in /proc from the others of its
    user, its own children among them (proc(5), ptrace(2)).
    """
    # Late: the client needs neither, and loading them takes it a quarter of its time.
    import ctypes
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    soft = 1 if most == resource.RLIM_INFINITY else min(1, most)
    resource.setrlimit(resource.RLIMIT_CORE, (soft, most))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
