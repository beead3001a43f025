"""The system call filter, run by an interpreter for each architecture."""

import errno
import json
import operator
import socket
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from avp_py.sandbox.seccomp import CHECKED, DENIED, LAST_CALL, MACHINES, SILENT, build_filter

NUMBERS: Final[Mapping[str, Mapping[str, int]]] = json.loads(
    (Path(__file__).parent / "data" / "system_calls.json").read_text()
)
"""The calls of each architecture, by golang.org/x/sys v0.38.0, and those that Linux 6.17 brought
(arch/x86/entry/syscalls/syscall_64.tbl, scripts/syscall.tbl)."""

ALLOWED: Final = 0x7FFF0000
FAILED: Final = 0x00050000
I386: Final = 0x40000003

TESTS: Final[Mapping[int, Callable[[int, int], object]]] = {
    0x15: operator.eq, 0x25: operator.gt, 0x35: operator.ge, 0x45: operator.and_,
}  # fmt: skip
"""BPF_JEQ, BPF_JGT, BPF_JGE and BPF_JSET."""

MPTCP, SCTP, UDPLITE, DCCP = 262, 132, 136, 33
TIPC = 30


def returned(code: bytes, architecture: int, number: int, *arguments: int) -> int:
    """Return what a filter returns for a call (bpf(4), Linux' include/uapi/linux/seccomp.h)."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    program: list[tuple[int, int, int, int]] = list(struct.iter_unpack("=HBBI", code))
    word = at = 0
    while True:
        operation, if_true, if_not, value = program[at]
        at += 1
        if operation == 0x06:
            return value
        if operation == 0x20:
            (word,) = struct.unpack_from("=I", data, value)
        elif operation == 0x54:
            word &= value
        else:
            at += if_true if TESTS[operation](word, value) else if_not


class Filter:
    """The filter of an architecture."""

    def __init__(self, machine: str, *, internet: bool = True, unix_sockets: bool = False) -> None:
        self._code = build_filter(machine, internet=internet, unix_sockets=unix_sockets)
        self._architecture = MACHINES[machine].audit
        self._numbers = NUMBERS[machine]

    def error(
        self, call: str | int, *arguments: int, architecture: int | None = None
    ) -> int | None:
        """Return the error number of a call, or None where it is allowed."""
        number = self._numbers[call] if isinstance(call, str) else call
        found = returned(self._code, architecture or self._architecture, number, *arguments)
        if found == ALLOWED:
            return None
        assert found & 0xFFFF0000 == FAILED
        return found & 0xFFFF


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    """An architecture."""
    name: str = request.param
    return name


def test_the_numbers_are_the_kernels(machine: str) -> None:
    column = MACHINES[machine].column
    for name, numbers in {**DENIED, **SILENT, **CHECKED}.items():
        assert numbers[column] == NUMBERS[machine].get(name, -1), name
    assert max(NUMBERS[machine].values()) == LAST_CALL


@pytest.mark.parametrize("internet", [True, False])
def test_what_is_denied_fails_and_all_else_is_allowed(machine: str, internet: bool) -> None:
    filtered = Filter(machine, internet=internet)
    for name in NUMBERS[machine]:
        if name in DENIED:
            assert filtered.error(name) == errno.EPERM, name
        elif name in SILENT:
            assert filtered.error(name) == 0, name
        elif name not in CHECKED:
            assert filtered.error(name) is None, name


def test_calls_of_other_architectures_and_newer_ones_do_not_exist(machine: str) -> None:
    filtered = Filter(machine)
    others = [each.audit for name, each in MACHINES.items() if name != machine]
    for architecture in (I386, *others):
        assert filtered.error("getpid", architecture=architecture) == errno.ENOSYS
    x32 = 0x40000000
    for number in (LAST_CALL + 1, 512, 547, x32, x32 | NUMBERS[machine]["getpid"], 2**32 - 1):
        assert filtered.error(number) == errno.ENOSYS
    assert filtered.error("getpid") is None


FLAGS: Final = (0, socket.SOCK_CLOEXEC, socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
INTERNET: Final = (socket.AF_INET, socket.AF_INET6)


@pytest.mark.parametrize("family", INTERNET)
@pytest.mark.parametrize("flags", FLAGS)
def test_sockets_of_the_internet_are_for_tcp_and_udp(machine: str, family: int, flags: int) -> None:
    stream, datagram = socket.SOCK_STREAM | flags, socket.SOCK_DGRAM | flags
    allowed = {(stream, 0), (stream, 6), (datagram, 0), (datagram, 17)}
    online, offline = Filter(machine), Filter(machine, internet=False)
    for kind, protocol in allowed:
        assert online.error("socket", family, kind, protocol) is None
        assert offline.error("socket", family, kind, protocol) == errno.EACCES
        # The kernel ignores the upper half.
        high = 1 << 32
        assert offline.error("socket", high | family, kind, protocol) == errno.EACCES
        assert online.error("socket", family, kind, high | MPTCP) == errno.EPROTONOSUPPORT
    for protocol in (1, MPTCP, SCTP, UDPLITE, DCCP, 255, 256):
        for kind in (stream, datagram):
            assert online.error("socket", family, kind, protocol) == errno.EPROTONOSUPPORT
    for kind in (socket.SOCK_RAW, socket.SOCK_SEQPACKET, 6, 10):
        assert online.error("socket", family, kind | flags, 0) == errno.ESOCKTNOSUPPORT


def test_other_sockets_are_those_that_the_operator_names(machine: str) -> None:
    filtered, named = Filter(machine), Filter(machine, internet=False, unix_sockets=True)
    for kind in (1, 2, 5):
        assert filtered.error("socket", socket.AF_UNIX, kind, 0) == errno.EACCES
        assert named.error("socket", socket.AF_UNIX, kind, 0) is None
    for family in range(64):
        if family not in (socket.AF_UNIX, socket.AF_NETLINK, *INTERNET):
            assert filtered.error("socket", family, 1, 0) == errno.EAFNOSUPPORT
    assert filtered.error("socket", socket.AF_NETLINK, socket.SOCK_RAW, 0) is None
    assert named.error("socket", socket.AF_NETLINK, socket.SOCK_RAW, 0) == errno.EACCES
    for protocol in (4, 9, 15, 16):
        arguments = (socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        assert filtered.error("socket", *arguments) == errno.EPROTONOSUPPORT
    for flags in FLAGS:
        assert filtered.error("socketpair", socket.AF_UNIX, socket.SOCK_STREAM | flags, 0) is None
        assert (
            filtered.error("socketpair", socket.AF_UNIX, socket.SOCK_DGRAM | flags, 0) is not None
        )
    assert filtered.error("socketpair", TIPC, socket.SOCK_STREAM, 0) == errno.EAFNOSUPPORT


def test_arguments_decide(machine: str) -> None:
    filtered = Filter(machine)
    fast_open, no_signal = 0x20000000, 0x4000
    for name, position in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):
        before = [7] * position
        assert filtered.error(name, *before, no_signal) is None
        assert filtered.error(name, *before, no_signal | fast_open) == errno.EOPNOTSUPP
    # A thread, a process, and one that starts a program.
    for flags in (0x3D0F00, 17, 0x1200011, 0x4111):
        assert filtered.error("clone", flags) is None
    for bit in (17, 25, 26, 27, 28, 29, 30):
        assert filtered.error("clone", 17 | 1 << bit) == errno.EPERM
    assert filtered.error("clone3") == errno.ENOSYS
    assert filtered.error("prlimit64", 0) is None
    assert filtered.error("prlimit64", 1) == errno.EPERM
    assert filtered.error("listen", 3, 5) == errno.EACCES
    assert filtered.error("setsockopt", 3, socket.IPPROTO_TCP, socket.TCP_NODELAY) is None
    assert filtered.error("setsockopt", 3, socket.SOL_SOCKET, 31) is None
    assert filtered.error("setsockopt", 3, socket.IPPROTO_TCP, 31) == errno.ENOPROTOOPT
