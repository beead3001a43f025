"""What the system call filter denies, tried by real children on the real kernel.

Each attack works in the sandbox without the filter first, so the filter alone denies it.
"""

import contextlib
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pytest

from avp_py.errors import ChildError
from avp_py.sandbox import Access
from avp_py.sandbox.seccomp import CHECKED, DENIED, MACHINES, SILENT
from tests.integration.laboratory import Laboratory
from tests.trees import write

COLUMN: Final = MACHINES[os.uname().machine].column

PRELUDE: Final = """
import ctypes, os, resource, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
"""

UNFILTERED: Final = "avp_py.sandbox.process.filter_thread"

Tried = Callable[..., None]


def numbered(code: str) -> str:
    """Put the numbers of this machine's system calls in place of `@name`."""
    tables = {**DENIED, **SILENT, **CHECKED}
    return PRELUDE + re.sub(r"@(\w+)", lambda found: str(tables[found[1]][COLUMN]), code)


@pytest.fixture
def denied(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> Tried:
    """Code works in the sandbox without the filter, and fails with it: `denied(code, says)`."""

    def attempt(code: str, says: str, more: Access | None = None) -> None:
        access = laboratory.access | (more or Access())
        code = numbered(code)
        with monkeypatch.context() as patched:
            patched.setattr(UNFILTERED, lambda _: None)
            laboratory.run(code, access)
        with pytest.raises(ChildError) as raised:
            laboratory.run(code, access)
        assert says in raised.value.detail

    return attempt


@contextlib.contextmanager
def accepting() -> Iterator[tuple[int, list[bytes]]]:
    """A port of loopback on which TCP and MPTCP are accepted, and what was sent there."""
    received: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        received.append(connection.recv(100))

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1], received
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


PORTS: Final = {
    "MPTCP": (
        "s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)\n"
        "s.connect(('127.0.0.1', {port})); s.send(b'x')",
        "Protocol not supported",
    ),
    "fast open": (
        "socket.socket().sendto(b'x', 0x20000000, ('127.0.0.1', {port}))",
        "not supported",
    ),
    "fast open of a message": (
        "socket.socket().sendmsg([b'x'], [], 0x20000000, ('127.0.0.1', {port}))",
        "not supported",
    ),
}


@pytest.mark.parametrize("how", PORTS)
def test_no_port_is_reached_past_landlock(how: str, denied: Tried) -> None:
    code, says = PORTS[how]
    # Another port is allowed, this one is not.
    with accepting() as (port, received):
        denied(code.format(port=port), says, Access(connect=(1,)))
    assert received == [b"x"]


def test_without_a_network_there_is_no_udp_either(laboratory: Laboratory) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        code = (
            "import socket\n"
            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            f"s.sendto(b'x', ('127.0.0.1', {server.getsockname()[1]}))"
        )
        laboratory.run(code, laboratory.access | Access(connect=(443,)))
        assert server.recv(10) == b"x"
        laboratory.denied(code)


def test_no_socket_of_the_file_system_is_reached(laboratory: Laboratory) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        path = laboratory.top / "outside/socket"
        server.bind(str(path))
        server.listen()
        code = "import socket; socket.socket(socket.AF_UNIX).connect('outside/socket')"
        # The operator can allow it by naming a socket.
        laboratory.run(code, laboratory.access | Access(unix_sockets=True))
        laboratory.denied(code)


CALLS: Final[Mapping[str, tuple[str, str]]] = {
    "a port that listens": ("socket.socket().listen()", "Permission denied"),
    "a pair of sockets that can be connected anew": (
        "socket.socketpair(type=socket.SOCK_DGRAM)",
        "Permission denied",
    ),
    "what the kernel tells about devices": (
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15)",
        "Protocol not supported",
    ),
    "a program without a path": (
        "file = os.memfd_create('x')\n"
        "os.write(file, open(sys.executable, 'rb').read())\n"
        "os.execve(file, ['x', '-ISc', ''], {})",
        "not permitted",
    ),
    "the names of files elsewhere": (
        "watch = call(@inotify_init1, 0)\n"
        "assert libc.inotify_add_watch(watch, b'outside', 0x100) > 0",
        "not permitted",
    ),
    "the mode of a file by its handle": (
        "call(@name_to_handle_at, -100, b'outside/file', struct.pack('=Ii128x', 128, 0), "
        "ctypes.byref(ctypes.c_int()), 0)",
        "not permitted",
    ),
    "the times of a file": ("os.utime('outside/file', (1, 1))", "not permitted"),
    "the owner of a file": ("os.chown('outside/file', os.getuid(), -1)", "not permitted"),
    "the owner of an open file": (
        "os.chown(os.open('repository/file', os.O_RDONLY), os.getuid(), -1)",
        "not permitted",
    ),
    "an attribute of a file": ("os.setxattr('outside/file', 'user.x', b'y')", "not permitted"),
    "being traced": ("call(@ptrace, 0, 0, 0, 0)", "not permitted"),
    "the memory of a process": (
        "buffer = ctypes.create_string_buffer(8)\n"
        "vector = struct.pack('=QQ', ctypes.addressof(buffer), 8)\n"
        "call(@process_vm_readv, os.getpid(), vector, 1, vector, 1, 0)",
        "not permitted",
    ),
    "an open file of a process": (
        "call(@pidfd_getfd, os.pidfd_open(os.getpid()), 1, 0)",
        "not permitted",
    ),
    "the limits of another process": (
        "resource.prlimit({pid}, resource.RLIMIT_NOFILE)",
        "not permitted",
    ),
    "the priority of another process": (
        "os.setpriority(os.PRIO_PROCESS, {pid}, os.getpriority(os.PRIO_PROCESS, {pid}))",
        "not permitted",
    ),
    "the processors of another process": (
        "os.sched_setaffinity({pid}, os.sched_getaffinity({pid}))",
        "not permitted",
    ),
    "shared memory": (
        "memory = call(@shmget, 0, 4096, 0o600); call(@shmctl, memory, 0, 0)",
        "not permitted",
    ),
    "a semaphore": (
        "semaphore = call(@semget, 0, 1, 0o600); call(@semctl, semaphore, 0, 0)",
        "not permitted",
    ),
    "a queue": ("queue = call(@msgget, 0, 0o600); call(@msgctl, queue, 0, 0)", "not permitted"),
    "calls by a ring": (
        "call(@io_uring_setup, 1, ctypes.create_string_buffer(120))",
        "not permitted",
    ),
    "a user namespace": ("call(@unshare, 0x10000000)", "not permitted"),
    "a child in a user namespace": (
        "call(@clone, 0x10000000 | 17, 0, 0, 0, 0) or os._exit(0)",
        "not permitted",
    ),
    "the same by the newer call": (
        "call(@clone3, struct.pack('=QQQQQQQQ', 0x10000000, 0, 0, 0, 17, 0, 0, 0), 64) "
        "or os._exit(0)",
        "not implemented",
    ),
    "another root": ("os.chroot('/')", "not permitted"),
    "a file system": ("call(@fsopen, b'tmpfs', 0)", "not permitted"),
    "a program for the kernel": (
        "call(@bpf, 0, ctypes.create_string_buffer(struct.pack('=IIII', 2, 4, 4, 1) "
        "+ bytes(100)), 116)",
        "not permitted",
    ),
    "a performance counter": (
        "call(@perf_event_open, struct.pack('=IIQ', 1, 112, 0) + bytes(96), 0, -1, -1, 0)",
        "not permitted",
    ),
    "page faults": ("call(@userfaultfd, 1)", "not permitted"),
    "a key": ("call(@add_key, b'user', b'avp-py', b'x', 1, -2)", "not permitted"),
    "a keyring": ("call(@keyctl, 0, -2, 1)", "not permitted"),
    "the kernel's log": ("call(@syslog, 10, 0, 0)", "not permitted"),
}


@pytest.mark.parametrize("what", CALLS)
def test_what_these_programs_need_not_do_is_denied(
    what: str, laboratory: Laboratory, denied: Tried
) -> None:
    for name in ("outside", "repository"):
        write(laboratory.top, {f"{name}/file": "text"})
    code, says = CALLS[what]

    denied(code.replace("{pid}", str(os.getpid())), says, Access(connect=(443,)))


@pytest.mark.parametrize(
    "code",
    [
        "os.chmod('outside/file', 0o700)",
        "os.chmod('file', 0o700, dir_fd=os.open('outside', os.O_PATH))",
        "os.chmod(os.open('repository/file', os.O_RDONLY), 0o700)",
        "call(@fchmodat2, -100, b'outside/file', 0o700, 0)",
    ],
)
def test_the_mode_of_a_file_stays(
    code: str, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [laboratory.top / f"{name}/file" for name in ("outside", "repository")]
    for path in paths:
        write(path.parent, {"file": ""})
        path.chmod(0o644)

    def modes() -> list[int]:
        return [path.stat().st_mode & 0o777 for path in paths]

    laboratory.run(numbered(code), laboratory.access)
    assert modes() == [0o644, 0o644]

    monkeypatch.setattr(UNFILTERED, lambda _: None)
    laboratory.run(numbered(code), laboratory.access)
    assert 0o700 in modes()


def test_threads_processes_and_pairs_of_sockets_are_allowed(laboratory: Laboratory) -> None:
    code = (
        "import resource, socket, subprocess, sys, threading\n"
        "thread = threading.Thread(target=print, args=('thread',)); thread.start(); thread.join()\n"
        "one, other = socket.socketpair(); one.send(b'x'); assert other.recv(1) == b'x'\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))\n"
        "subprocess.run([sys.executable, '-ISc', 'print(1)'], check=True)\n"
    )
    assert laboratory.run(code, laboratory.access) == b"1\nthread\n"
