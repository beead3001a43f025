"""A system call filter: what a child process may do besides files, ports and signals.

Landlock knows neither all kinds of sockets, nor files without a name, nor most of what acts on
other processes. A filter is a program for the kernel's packet filter (classic BPF): it sees the
number and the arguments of a system call, but not the memory that they point to. Like a Landlock
domain, it belongs to a thread and is inherited by the processes that this thread starts.

What is denied fails as it does on a kernel without it, or for a user without the right to it, so
that a program that can do without goes on.

Source: seccomp(2), include/uapi/linux/{seccomp,filter,audit}.h and the tables of system calls
(arch/x86/entry/syscalls/syscall_64.tbl, scripts/syscall.tbl) of Linux 6.18.
"""

import ctypes
import errno
import functools
import itertools
import os
import struct
import sys
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from avp_py import kernel
from avp_py.sandbox import privileges
from avp_py.sandbox.access import Access


class Machine(NamedTuple):
    """An architecture: how the kernel numbers its own, and which column of CALLS is its."""

    audit: int
    column: int


MACHINES: Final[Mapping[str, Machine]] = {
    "x86_64": Machine(0xC000003E, 0),
    "aarch64": Machine(0xC00000B7, 1),
}
"""By what uname(2) calls them."""

NONE: Final = -1
"""A call that an architecture does not have."""

LAST_CALL: Final = 469
"""The newest call of Linux 6.18, file_setattr. What is newer is unknown here and does not exist for
a child; nor do those of the x32 interface, whose numbers are higher."""

SILENT: Final[Mapping[str, tuple[int, int]]] = {
    "chmod": (90, NONE), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
}  # fmt: skip
"""Calls that do nothing and succeed: git fails where it cannot set the mode of its files."""

DENIED: Final[Mapping[str, tuple[int, int]]] = {
    # The owner, times and attributes of files, which Landlock leaves to anybody who reaches them.
    "chown": (92, NONE), "fchown": (93, 55), "lchown": (94, NONE), "fchownat": (260, 54),
    "utime": (132, NONE), "utimes": (235, NONE), "futimesat": (261, NONE), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "removexattrat": (466, 466), "file_setattr": (469, 469),
    # The names of files that appear in a directory.
    "inotify_init": (253, NONE), "inotify_init1": (294, 26), "fanotify_init": (300, 262),
    # Files without a path, which could be executed, and files by a handle.
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    # Other processes: their memory, open files, priorities and processors.
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_getfd": (438, 438), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "migrate_pages": (256, 238), "move_pages": (279, 239),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119), "sched_setaffinity": (203, 122), "sched_setattr": (314, 274),
    # Memory, semaphores and queues that processes of one user share by a number or a name.
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195),
    "semget": (64, 190), "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187),
    "mq_open": (240, 180), "mq_unlink": (241, 181),
    # System calls by another way than this filter.
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    # Namespaces and mounts.
    "unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51), "pivot_root": (155, 41),
    "mount": (165, 40), "umount2": (166, 39), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "statmount": (457, 457), "listmount": (458, 458),
    "open_tree_attr": (467, 467),
    # Parts of the kernel with many flaws, which these programs do not use.
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "modify_ldt": (154, NONE), "uselib": (134, NONE),
    # The machine as a whole.
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "syslog": (103, 116), "iopl": (172, NONE), "ioperm": (173, NONE),
    "sethostname": (170, 161), "setdomainname": (171, 162), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266),
}  # fmt: skip
"""Calls that fail, by name: their numbers on each of MACHINES."""

CHECKED: Final[Mapping[str, tuple[int, int]]] = {
    "clone": (56, 220), "clone3": (435, 435), "prlimit64": (302, 261),
    "socket": (41, 198), "socketpair": (53, 199),
    "listen": (50, 201), "setsockopt": (54, 208),
    "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
}  # fmt: skip
"""Calls of which the arguments decide."""

_SECCOMP: Final = (317, 277)
"""The number of seccomp(2) itself."""

_SET_MODE_FILTER, _GET_ACTION_AVAIL = 1, 2

_NUMBER_OFFSET, _ARCHITECTURE_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16
"""struct seccomp_data."""

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_EQUAL, _GREATER, _AT_LEAST, _ANY_BIT = 0x15, 0x25, 0x35, 0x45
"""Instructions: the first loads a word, the last four compare it and jump."""

_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
"""SECCOMP_RET_ALLOW, and SECCOMP_RET_ERRNO with an error number in its lower half."""

_NAMESPACES: Final = 0x7E020000
"""CLONE_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID and _NEWNET."""

_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_SOCK_STREAM, _SOCK_DGRAM = 1, 2
_IPPROTO_TCP, _IPPROTO_UDP = 6, 17
_NETLINK_ROUTE: Final = 0
_TCP_ULP: Final = 31

_FAST_OPEN: Final = 0x20000000
"""MSG_FASTOPEN: data that connects a TCP socket, past Landlock's rules for ports."""

_SOCKET_TYPE: Final = 0xF
"""SOCK_TYPE_MASK: beside it are SOCK_CLOEXEC and SOCK_NONBLOCK."""

Block = tuple[tuple[int, int, int, int], ...]
"""Instructions (code, jump if true, jump if not, value) that do not continue after the last one:
whatever they compare, they return."""


def can_filter() -> bool:
    """Return whether this kernel has system call filters, and its calls are known here."""
    if sys.platform != "linux" or os.uname().machine not in MACHINES:
        return False
    action = struct.pack("=I", _FAIL)
    return kernel.call(_own(_SECCOMP), _GET_ACTION_AVAIL, 0, action) == 0


def filter_thread(access: Access) -> None:
    """Filter the system calls of this thread and of all that it starts from now on.

    Nothing is filtered on a kernel that cannot. It cannot be undone. The thread must not gain
    privileges (privileges.forbid_new_privileges).

    Args:
        access: what remains allowed.

    Raises:
        SandboxError: the kernel refuses.
    """
    if not can_filter():
        return
    code = build_filter(
        os.uname().machine, internet=bool(access.connect), unix_sockets=access.unix_sockets
    )
    kept = ctypes.create_string_buffer(code)
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(kept))
    privileges.check(kernel.call(_own(_SECCOMP), _SET_MODE_FILTER, 0, program))


@functools.cache
def build_filter(machine: str, *, internet: bool, unix_sockets: bool) -> bytes:
    """Return the filter, an array of struct sock_filter.

    Args:
        machine: one of MACHINES.
        internet: whether sockets for TCP and UDP may be made.
        unix_sockets: whether sockets may be made that connect to others of this machine.
    """
    audit, column = MACHINES[machine]
    answers: dict[int, Block] = {}
    for calls, answer in ((SILENT, _fail(0)), (DENIED, _fail(errno.EPERM))):
        answers |= {numbers[column]: answer for numbers in calls.values()}
    for name, block in _checks(internet, unix_sockets).items():
        answers[CHECKED[name][column]] = block
    answers.pop(NONE, None)
    known = _load(_NUMBER_OFFSET) + _if(
        _GREATER, LAST_CALL, _fail(errno.ENOSYS), _search(_ranges(answers))
    )
    # Calls of another architecture, such as i386's, have other numbers.
    whole = _load(_ARCHITECTURE_OFFSET) + _unless(_EQUAL, audit, _fail(errno.ENOSYS), known)
    return struct.pack("=" + len(whole) * "HBBI", *itertools.chain.from_iterable(whole))


def _checks(internet: bool, unix_sockets: bool) -> Mapping[str, Block]:
    """Return what decides about each of CHECKED."""
    tcp_or_udp = _argument(1) + _masked(
        _SOCKET_TYPE,
        _one_of(
            (_SOCK_STREAM, _SOCK_DGRAM),
            # No MPTCP, SCTP or DCCP, for which Landlock has no rules.
            _argument(2) + _one_of(
                (0, _IPPROTO_TCP, _IPPROTO_UDP),
                _allow(), _fail(errno.EPROTONOSUPPORT),
            ),
            _fail(errno.ESOCKTNOSUPPORT),
        ),
    )  # fmt: skip
    # The resolver learns the addresses of the machine from NETLINK_ROUTE.
    netlink = _argument(2) + _if(_EQUAL, _NETLINK_ROUTE, _allow(), _fail(errno.EPROTONOSUPPORT))
    denied = _fail(errno.EACCES)
    return {
        "socket": _argument(0) + _one_of(
            (_AF_INET, _AF_INET6),
            tcp_or_udp if internet else denied,
            _if(
                _EQUAL, _AF_NETLINK, netlink if internet else denied,
                _if(
                    _EQUAL, _AF_UNIX, _allow() if unix_sockets else denied,
                    _fail(errno.EAFNOSUPPORT),
                ),
            ),
        ),
        # One for datagrams could be connected anew.
        "socketpair": _argument(0) + _if(
            _EQUAL, _AF_UNIX,
            _argument(1) + _masked(
                _SOCKET_TYPE, _if(_EQUAL, _SOCK_STREAM, _allow(), denied)
            ),
            _fail(errno.EAFNOSUPPORT),
        ),
        # A socket that listens without a bound port gets one, which Landlock does not deny.
        "listen": denied,
        # An upper layer can turn a socket for TCP into another kind (net/smc/af_smc.c).
        "setsockopt": _argument(1) + _if(
            _EQUAL, _IPPROTO_TCP,
            _argument(2) + _if(_EQUAL, _TCP_ULP, _fail(errno.ENOPROTOOPT), _allow()),
            _allow(),
        ),
        "sendto": _argument(3) + _if(_ANY_BIT, _FAST_OPEN, _fail(errno.EOPNOTSUPP), _allow()),
        "sendmsg": _argument(2) + _if(_ANY_BIT, _FAST_OPEN, _fail(errno.EOPNOTSUPP), _allow()),
        "sendmmsg": _argument(3) + _if(_ANY_BIT, _FAST_OPEN, _fail(errno.EOPNOTSUPP), _allow()),
        # Its own limits, and no other process'.
        "prlimit64": _argument(0) + _if(_EQUAL, 0, _allow(), _fail(errno.EPERM)),
        "clone": _argument(0) + _if(_ANY_BIT, _NAMESPACES, _fail(errno.EPERM), _allow()),
        # Its flags are in memory. C libraries use clone where it is missing.
        "clone3": _fail(errno.ENOSYS),
    }  # fmt: skip


def _own(numbers: tuple[int, int]) -> int:
    return numbers[MACHINES[os.uname().machine].column]


def _load(offset: int) -> Block:
    return ((_LOAD, 0, 0, offset),)


def _argument(index: int) -> Block:
    """Load the lower half of an argument; the kernel ignores the upper half of those looked at."""
    return _load(_ARGUMENTS_OFFSET + 8 * index)


def _masked(mask: int, then: Block) -> Block:
    return ((_AND, 0, 0, mask), *then)


def _allow() -> Block:
    return ((_RETURN, 0, 0, _ALLOW),)


def _fail(number: int) -> Block:
    """Fail with an error number; 0 succeeds, and nothing is done."""
    return ((_RETURN, 0, 0, _FAIL | number),)


def _if(test: int, value: int, then: Block, otherwise: Block) -> Block:
    return ((test, 0, len(then), value), *then, *otherwise)


def _unless(test: int, value: int, then: Block, otherwise: Block) -> Block:
    return ((test, len(then), 0, value), *then, *otherwise)


def _one_of(values: Iterable[int], then: Block, otherwise: Block) -> Block:
    *rest, last = values
    # Each jumps to the same end.
    block = _if(_EQUAL, last, then, otherwise)
    for count, value in enumerate(reversed(rest)):
        block = ((_EQUAL, count + 1, 0, value), *block)
    return block


def _ranges(answers: Mapping[int, Block]) -> list[tuple[int, int, Block]]:
    """Return the first and last number of calls that follow each other and have one answer."""
    ranges: list[tuple[int, int, Block]] = []
    first = last = NONE
    for number in sorted(answers):
        answer = answers[number]
        if number == last + 1 and answer is answers.get(last):
            ranges.pop()
        else:
            first = number
        ranges.append((first, number, answer))
        last = number
    return ranges


def _search(ranges: list[tuple[int, int, Block]]) -> Block:
    """Find the range of a number by halving; what is in none is allowed."""
    if len(ranges) > 1:
        middle = len(ranges) // 2
        below, above = _search(ranges[:middle]), _search(ranges[middle:])
        return _if(_AT_LEAST, ranges[middle][0], above, below)
    ((first, last, answer),) = ranges
    if first == last:
        return _if(_EQUAL, first, answer, _allow())
    return _if(_GREATER, last, _allow(), _if(_AT_LEAST, first, answer, _allow()))
