"""AVP_SANDBOX: which protections a child process gets, and which ones the operator insists on."""

from collections.abc import Sequence

from avp_py.errors import SandboxError
from avp_py.sandbox.access import Access
from avp_py.sandbox.landlock import PROTECTIONS, Protection, kernel_abi
from avp_py.settings import SandboxMode


def confine(access: Access, mode: SandboxMode) -> Access | None:
    """Return the access to start a child with, or None to start it without a sandbox.

    Args:
        access: what the child may use.
        mode: AVP_SANDBOX.

    Raises:
        SandboxError: the operator requires what this kernel does not have.
    """
    if mode == "off":
        return None
    abi = kernel_abi()
    missing = missing_protections(abi)
    if mode == "required" and missing:
        raise SandboxError(
            f"AVP_SANDBOX=required, and this kernel cannot restrict {_listed(missing)}",
            hint=f"use a kernel that has Landlock (Linux {missing[-1].kernel} or later for all of "
            "it), or set AVP_SANDBOX=auto to run with what there is",
        )
    return access if abi else None


def missing_protections(abi: int) -> Sequence[Protection]:
    """Return the protections that a version of Landlock's interface does not have."""
    return [each for each in PROTECTIONS if each.abi > abi]


def describe_sandbox(mode: SandboxMode) -> str:
    """Return which protections are in force, in one line.

    Args:
        mode: AVP_SANDBOX.

    Raises:
        SandboxError: the operator requires what this kernel does not have.
    """
    if confine(Access(), mode) is None:
        return "off" if mode == "off" else "none: this kernel has no Landlock"
    abi = kernel_abi()
    present = [each for each in PROTECTIONS if each.abi <= abi]
    text = f"Landlock ABI {abi} restricts {_listed(present)}"
    missing = missing_protections(abi)
    return f"{text}; not {_listed(missing)}" if missing else text


def _listed(protections: Sequence[Protection]) -> str:
    return ", ".join(each.name for each in protections)
