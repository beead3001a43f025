"""What the sandbox asks of the kernel, and what it says where the kernel refuses."""

import os
from typing import Final

from avp_py.errors import SandboxError
from avp_py.kernel import prctl

_PR_SET_NO_NEW_PRIVS: Final = 38


def forbid_new_privileges() -> None:
    """Let this thread, and what it starts, gain no rights by running a program.

    Landlock domains and system call filters want that of whoever is not root.

    Raises:
        SandboxError: the kernel refuses.
    """
    check(prctl(_PR_SET_NO_NEW_PRIVS, 1))


def check(result: int) -> int:
    """Return the result of a system call of the sandbox.

    Raises:
        SandboxError: it failed.
    """
    if result < 0:
        raise SandboxError(
            f"the kernel refused the sandbox of a child process: {os.strerror(-result)}",
            hint="report it with the output of `avp-py version`; the operator's setting "
            "AVP_SANDBOX=off runs without it",
        )
    return result
