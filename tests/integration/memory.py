"""What is in the memory of a process."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

_CHUNK: Final = 1 << 24


def can_read_any() -> bool:
    """Return whether this process may read the memory of those that hide it: CAP_SYS_PTRACE."""
    status = Path("/proc/self/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> 19 & 1)


def found(pid: int, texts: Iterable[str]) -> Sequence[str]:
    """Return the texts that are in the memory of a process, /proc/PID/environ included.

    Raises:
        OSError: the process is gone, or its memory cannot be read.
    """
    left = {text: text.encode() for text in texts}
    present: list[str] = []
    for part in _parts(pid):
        here = [text for text, data in left.items() if data in part]
        present += here
        for text in here:
            del left[text]
    return present


def _parts(pid: int) -> Iterator[bytes]:
    yield Path(f"/proc/{pid}/environ").read_bytes()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *rest = line.split()
            if "r" not in rights or rest[-1] in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
                continue
            begin, end = (int(each, 16) for each in span.split("-"))
            before = b""
            while begin < end:
                memory.seek(begin)
                data = memory.read(min(_CHUNK, end - begin))
                assert data, line
                yield before + data
                before = data[-4096:]
                begin += len(data)
