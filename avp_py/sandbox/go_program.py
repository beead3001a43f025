"""What a program that Go built says of its module, read without starting it."""

import functools
import re
import struct
from pathlib import Path
from typing import BinaryIO, Final

MAX_SECTION_BYTES: Final = 1 << 20
"""How much of a program is read at once; what Go writes takes some kilobytes."""

_ELF: Final = b"\x7fELF\x02\x01"
"""How a program begins that is for Linux on a little-endian machine of 64 bits (elf(5))."""

_HEADER: Final = struct.Struct("<40xQ10xHHH")
"""Of ELF's header: where section headers begin, their size, their number, and the names' one."""

_SECTION: Final = struct.Struct("<I20xQQ")
"""Of a section header: where its name begins, where the section begins, and its size."""

_MAGIC: Final = b"\xff Go buildinf:"
_MODULE: Final = re.compile(rb"\nmod\t([\x21-\x7e]{1,200})\t([\x21-\x7e]{1,100})\t")


def read_go_module(program: Path) -> tuple[str, str] | None:
    """Return the path and the version of a program's main module, as `go version -m` prints them.

    Args:
        program: the program.

    Returns:
        The path, as `helm.sh/helm/v3`, and the version, as `v3.19.4` or `(devel)`; None if the
        program was not built by Go, or for another system than Linux.
    """
    try:
        status = program.stat()
        return _read_module(program, status.st_ino, status.st_mtime_ns)
    except (OSError, struct.error):
        return None


@functools.lru_cache(maxsize=4)
def _read_module(program: Path, _inode: int, _modified: int) -> tuple[str, str] | None:
    with program.open("rb") as file:
        built = _build_information(file)
    module = _MODULE.search(built) if built.startswith(_MAGIC) else None
    return (module[1].decode(), module[2].decode()) if module else None


def _build_information(file: BinaryIO) -> bytes:
    """Return the section that Go's linker writes (debug/buildinfo/buildinfo.go, Go 1.25).

    Since Go 1.18 the text of the module is in it.
    """
    header = file.read(_HEADER.size)
    if not header.startswith(_ELF):
        return b""
    start, size, count, names = _HEADER.unpack(header)
    table = _read(file, start, size * count)
    sections = [_SECTION.unpack_from(table, size * number) for number in range(count)]
    if names >= count:
        return b""
    labels = _read(file, *sections[names][1:])
    for name, offset, length in sections:
        if labels.startswith(b".go.buildinfo\0", name):
            return _read(file, offset, length)
    return b""


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(min(size, MAX_SECTION_BYTES))
