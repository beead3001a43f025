"""The command as a process of its own, and what it leaves behind."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

AVP = (sys.executable, "-m", "avp_py")

_WITHOUT_CAPABILITIES = """
import ctypes, os, sys
PR_CAPBSET_DROP = 24
with open("/proc/sys/kernel/cap_last_cap") as file:
    last = int(file.read())
for capability in range(last + 1):
    if ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
os.execv(sys.argv[1], sys.argv[1:])
"""


_WITHOUT_CALLS = """
import ctypes, os, struct, sys
# Answers system calls as a kernel that does not have them (seccomp(2), bpf(4)).
LOAD, JUMP_BELOW, JUMP_ABOVE, RETURN = 0x20, 0x35, 0x25, 0x06
ALLOW, ENOSYS = 0x7FFF0000, 0x00050000 | 38
code = [(LOAD, 0, 0, 0), (JUMP_BELOW, 0, 2, FIRST), (JUMP_ABOVE, 1, 0, LAST),
        (RETURN, 0, 0, ENOSYS), (RETURN, 0, 0, ALLOW)]
program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in code))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, struct.pack("@HP", len(code),
                                                              ctypes.addressof(program))):
    sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
"""


def without_calls(first: int, last: int) -> str:
    """Python that makes its process, and what that starts, see a kernel without some calls."""
    return _WITHOUT_CALLS.replace("FIRST", str(first)).replace("LAST", str(last))


NO_LANDLOCK = without_calls(444, 446)
NO_SECCOMP = without_calls(*2 * [{"x86_64": 317, "aarch64": 277}[os.uname().machine]])


def as_anybody(argv: Sequence[str | Path]) -> Sequence[str | Path]:
    """A command line without any privileges, even for root (capabilities(7))."""
    if os.geteuid() != 0:
        return argv
    return [sys.executable, "-c", _WITHOUT_CAPABILITIES, *argv]


def run_as_anybody(
    argv: Sequence[str | Path], env: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a command without any privileges, even for root."""
    return subprocess.run(
        as_anybody(argv), env=env, capture_output=True, text=True, timeout=60, check=False
    )


def session_members(session: int) -> Sequence[int]:
    """The processes of a session that still run."""
    return [pid for pid, fields in _processes() if fields[3] == str(session) and fields[0] != "Z"]


def children(parent: int) -> set[int]:
    """The processes that a process has started or adopted, dead ones included."""
    return {pid for pid, fields in _processes() if fields[1] == str(parent)}


def descendants(pid: int) -> Sequence[int]:
    """The children of a process, their children, and so on, as they are at one moment."""
    started: dict[int, list[int]] = {}
    for child, fields in _processes():
        started.setdefault(int(fields[1]), []).append(child)
    found = [pid]
    for each in found:
        found += started.get(each, ())
    return found[1:]


def stands_by(pid: int) -> bool:
    """Return whether a process is the worker of a core that waits for a request."""
    try:
        return Path(f"/proc/{pid}/comm").read_text() == "avp-py standby\n"
    except OSError:
        return False


def leads_session(pid: int) -> bool:
    """Return whether a process began a session of its own, as each worker of a core does."""
    return any(found == pid and fields[3] == str(pid) for found, fields in _processes())


def is_asleep(pid: int) -> bool:
    """Return whether a process waits for something."""
    return any(found == pid and fields[0] == "S" for found, fields in _processes())


def descriptors(pid: int) -> Sequence[str]:
    """What a process has open, without the numbers of sockets and pipes.

    Only root may know that of a process that is not dumpable: for others it is empty.
    """
    found = []
    for link in Path(f"/proc/{pid}/fd").glob("*") if os.geteuid() == 0 else ():
        try:
            found.append(str(link.readlink()).partition(":[")[0])
        except OSError:
            continue
    return sorted(found)


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that is dead and not yet waited for does not."""
    return any(found == pid and fields[0] != "Z" for found, fields in _processes())


def started(pid: int) -> str:
    """Return when a process started, to tell it from a later one; empty if it does not run."""
    return next(
        (fields[19] for found, fields in _processes() if found == pid and fields[0] != "Z"), ""
    )


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition is true, or for a time limit; return whether it is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def processes_of(root: Path) -> Mapping[int, str]:
    """The command lines of the processes whose environment names a folder."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.fsencode(root) in (folder / "environ").read_bytes():
                command = (folder / "cmdline").read_bytes()
                found[int(folder.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def _processes() -> Sequence[tuple[int, Sequence[str]]]:
    """Each process with the fields of its /proc/PID/stat after the name: state, parent, ..."""
    found = []
    # A pattern for the files themselves would fail where a process ends meanwhile.
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            found.append((int(folder.name), fields))
    return found
