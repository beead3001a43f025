"""AVP_SANDBOX: which protections a child process gets, and which ones the operator insists on."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avp_py.errors import SandboxError
from avp_py.sandbox import privileges
from avp_py.sandbox.access import Access
from avp_py.sandbox.landlock import PROTECTIONS, Protection, kernel_abi, restrict_thread
from avp_py.sandbox.seccomp import MACHINES, can_filter, filter_thread

if TYPE_CHECKING:
    from avp_py.settings import SandboxMode


def confine(access: Access, mode: "SandboxMode") -> Access | None:
    """Return the access to start a child with, or None to start it without a sandbox.

    Args:
        access: what the child may use.
        mode: AVP_SANDBOX.

    Raises:
        SandboxError: the operator requires what this kernel does not have.
    """
    if mode == "off":
        return None
    abi, filters = kernel_abi(), can_filter()
    missing = [each.name for each in _missing(abi)] + ([] if filters else ["system calls"])
    if mode == "required" and missing:
        raise SandboxError(
            f"AVP_SANDBOX=required, and this kernel cannot restrict {', '.join(missing)}",
            hint=_needs(abi, filters)
            + ", or set AVP_SANDBOX=auto to run with what this kernel has",
        )
    return access if abi or filters else None


def restrict_process(access: Access, mode: "SandboxMode") -> None:
    """Restrict this process, and all that it starts, to an access. It cannot be undone.

    Args:
        access: what remains allowed.
        mode: AVP_SANDBOX.

    Raises:
        SandboxError: the operator requires what this kernel does not have, the kernel refuses, or
            there are other threads, which would stay as they are.
    """
    confined = confine(access, mode)
    if confined is None:
        return
    if sys.platform == "linux" and len(list(Path("/proc/self/task").iterdir())) > 1:
        raise SandboxError("a process with threads cannot be restricted", hint="please report it")
    privileges.forbid_new_privileges()
    restrict_thread(confined)
    filter_thread(confined)


def confines_files(mode: "SandboxMode") -> bool:
    """Return whether a child can read and write nothing but what its access names.

    Args:
        mode: AVP_SANDBOX.
    """
    return mode != "off" and kernel_abi() > 0


def describe_sandbox(mode: "SandboxMode") -> str:
    """Return which protections are in force, in one line.

    Args:
        mode: AVP_SANDBOX.

    Raises:
        SandboxError: the operator requires what this kernel does not have.
    """
    confine(Access(), mode)
    if mode == "off":
        return "off"
    abi, filters = kernel_abi(), can_filter()
    text = "this kernel has no Landlock"
    if abi:
        present = _listed(each for each in PROTECTIONS if each.abi <= abi)
        text = f"Landlock ABI {abi} restricts {present}"
        if missing := _missing(abi):
            text += f"; not {_listed(missing)}"
    calls = "seccomp filters system calls" if filters else "system calls are not filtered"
    return f"{text}; {calls}"


def _missing(abi: int) -> Sequence[Protection]:
    """Return the protections that a version of Landlock's interface does not have."""
    return [each for each in PROTECTIONS if each.abi > abi]


def _needs(abi: int, filters: bool) -> str:
    """Return what a kernel needs beside what this one has."""
    needs = [
        f"Landlock (Linux {each.kernel} or later for all of it)" for each in _missing(abi)[-1:]
    ]
    if not filters:
        needs.append(f"seccomp filters (on {' or '.join(MACHINES)})")
    return f"use a kernel that has {' and '.join(needs)}"


def _listed(protections: Iterable[Protection]) -> str:
    return ", ".join(each.name for each in protections)
