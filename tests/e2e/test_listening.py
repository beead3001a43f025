"""All of the ecosystem listens on loopback, but for one port of Argo CD's."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.e2e.ecosystem import Ecosystem
from tests.integration.core import command_of
from tests.processes import descendants

_LISTENS = "0A"
"""TCP_LISTEN in Linux' include/net/tcp_states.h, as proc(5) shows it."""

_LOOPBACK = re.compile(r"[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F")
"""An address of 127.0.0.0/8, ::1, or the former as an address of IPv6, as in /proc/net/tcp6."""


def _sockets(pid: int) -> set[str]:
    """The inodes of a process' sockets."""
    found = set()
    with suppress(OSError):
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if match := re.fullmatch(r"socket:\[(\d+)\]", str(each.readlink())):
                    found.add(match[1])
    return found


def _listening() -> Iterator[tuple[str, str]]:
    """Yield the address and the inode of each socket that listens."""
    for name in ("tcp", "tcp6"):
        for line in Path("/proc/net", name).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENS:
                yield fields[1].partition(":")[0], fields[9]


def test_only_the_metrics_of_the_application_controller_are_beyond_loopback(
    ecosystem: Ecosystem,
) -> None:
    assert ecosystem.argocd.address.startswith("127.0.0.1:")
    owners = {
        inode: command_of(pid).partition(" ")[0]
        for pid in descendants(os.getpid())
        for inode in _sockets(pid)
    }
    ours = [(address, owners[inode]) for address, inode in _listening() if inode in owners]

    assert sum(bool(_LOOPBACK.fullmatch(address)) for address, _ in ours) > 10
    beyond = [Path(owner).name for address, owner in ours if not _LOOPBACK.fullmatch(address)]
    assert beyond == ["argocd-application-controller"]
