"""Measures the peak memory of a process and its descendants, all together.

    python -m benchmarks.sampler

It obeys a command a line on standard input: `watch PID` begins, and `stop` prints the peak in
bytes, or 0 where it may not be read. Memory that processes share counts once: it is the sum of
their proportional set sizes (Pss in /proc/PID/smaps_rollup). Reading those needs root, as avp-py
closes its processes to others of the same user. The kernel reports no peak of a tree, so that this
is a sample every few milliseconds, which slows down what it watches.
"""

import os
import select
from collections.abc import Iterator
from typing import Final

SECONDS: Final = 0.002
"""How long to wait between two samples."""


class Tree:
    """A process and its descendants; a process that has lost its parent stays one of them."""

    def __init__(self, root: int) -> None:
        self._inside = {root}
        self._outside: set[int] = set()

    def processes(self) -> Iterator[int]:
        """Yield the ids of those that run now."""
        running = {int(name) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208
        self._inside &= running
        self._outside &= running
        # The parent of a process that is seen for the first time has a lower id, mostly.
        for pid in sorted(running - self._inside - self._outside):
            parent = parent_of(pid)
            (self._inside if parent in self._inside else self._outside).add(pid)
        yield from self._inside

    def peak(self) -> int:
        """Return the memory of all now, in bytes; 0 where it cannot be read."""
        return sum(proportional(pid) for pid in self.processes())


def parent_of(pid: int) -> int:
    """Return the id of a process's parent; 0 where the process is gone."""
    fields = stat_of(pid)
    return int(fields[1]) if fields else 0


def stat_of(pid: int) -> list[bytes]:
    """Return the fields of /proc/PID/stat after the name; none where the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - read often
            return file.read().rpartition(b") ")[2].split()
    except OSError:
        return []


def proportional(pid: int) -> int:
    """Return the proportional set size of a process, in bytes; 0 where it cannot be read."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123 - read often
            _, _, rest = file.read().partition(b"\nPss:")
    except OSError:
        return 0
    return int(rest.split(None, 1)[0]) * 1024 if rest else 0


def main() -> None:
    """Obey standard input until it ends."""
    tree: Tree | None = None
    peak = 0
    # Without a buffer, select() sees each line.
    commands = open(0, "rb", buffering=0)  # noqa: SIM115 - a descriptor, for good
    while True:
        ready, _, _ = select.select([commands], [], [], SECONDS if tree else None)
        if ready:
            command, _, argument = commands.readline().decode().strip().partition(" ")
            if not command:
                return
            if command == "watch":
                tree, peak = Tree(int(argument)), 0
            else:
                tree = None
                print(peak, flush=True)
        if tree is not None:
            peak = max(peak, tree.peak())


if __name__ == "__main__":
    main()
