"""Reading a tar archive of somebody else's: every step is checked, and nothing is skipped silently.

Python's tarfile ends without an error at a header that it cannot read, so that half of an archive
looks like a whole one; it calls itself for each extension header, and makes the holes of a sparse
file real. Here an archive is read to its end marker, or not at all.

The format is that of POSIX.1-2001 (pax) with GNU's long names, as Go's archive/tar (1.25), which
helm uses, `git archive` and GNU tar write it.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from avp_py.errors import RenderError, quoted
from avp_py.limits import Limits

Kind: TypeAlias = Literal["file", "directory", "symlink", "hard link", "device or FIFO"]

_KINDS: Final[Mapping[bytes, Kind]] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"1": "hard link",
    b"2": "symlink",
    b"3": "device or FIFO",
    b"4": "device or FIFO",
    b"5": "directory",
    b"6": "device or FIFO",
}

_BLOCK: Final = 512
_ZEROS: Final = bytes(_BLOCK)
_CHUNK: Final = 1 << 16

_MAX_EXTENSION: Final = 1 << 20
"""How many bytes an extension header may have (maxSpecialFileSize in Go's archive/tar)."""

_MAX_EXTENSIONS: Final = 8
"""How many of them one entry may have."""


@dataclass(frozen=True)
class Entry:
    """What an archive has under one name.

    Attributes:
        name: the name, as it is written; what is not UTF-8 is in surrogates.
        kind: what it is.
        is_executable: whether its owner may execute it.
        target: where a link leads.
        data: the content of a file.
    """

    name: str
    kind: Kind
    is_executable: bool
    target: str
    data: bytes


def read_tar(data: bytes, limits: Limits, *, is_packed: bool) -> Iterator[Entry]:
    """Yield the entries of an archive.

    Args:
        data: the archive.
        limits: how many bytes all files may have together, and how many entries there may be.
        is_packed: whether it is compressed with gzip.

    Raises:
        RenderError: it is not an archive, or is truncated, or too large.
    """
    return _Reader(_Packed(data) if is_packed else _Plain(data), limits).entries()


class _Plain:
    """The bytes of an archive."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def read(self, size: int) -> bytes:
        """Return so many bytes; fewer at the end."""
        found, self._data = self._data[:size], self._data[size:]
        return bytes(found)


class _Packed:
    """The bytes of an archive that gzip has compressed: no more are unpacked than are read."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._stream = zlib.decompressobj(_GZIP)
        self._unpacked = bytearray()

    def read(self, size: int) -> bytes:
        """Return so many bytes; fewer at the end.

        Raises:
            RenderError: it was not gzip that made this, or some of it is missing.
        """
        while len(self._unpacked) < size and self._unpack():
            pass
        found = bytes(self._unpacked[:size])
        del self._unpacked[:size]
        return found

    def _unpack(self) -> bool:
        """Unpack some more; return False at the end."""
        stream = self._stream
        if stream.eof:
            if not (stream.unused_data or self._data):
                return False
            # What gzip has compressed may be in several parts, one after the other.
            stream = zlib.decompressobj(_GZIP)
        waiting = self._stream.unused_data or self._stream.unconsumed_tail
        self._stream = stream
        if not waiting:
            waiting, self._data = bytes(self._data[:_CHUNK]), self._data[_CHUNK:]
        try:
            unpacked = stream.decompress(waiting, _CHUNK)
        except zlib.error:
            raise _malformed("it is not compressed with gzip, or damaged") from None
        if not (waiting or unpacked or stream.eof):
            raise _truncated()
        self._unpacked += unpacked
        return True


_GZIP: Final = 16 + zlib.MAX_WBITS
"""zlib's number for the format of gzip."""


class _Reader:
    def __init__(self, source: _Plain | _Packed, limits: Limits) -> None:
        self._source = source
        self._limits = limits
        self._left = limits.input_bytes

    def entries(self) -> Iterator[Entry]:
        """Yield each entry."""
        count = 0
        while (header := self._header()) is not None:
            count += 1
            if count > self._limits.files:
                raise RenderError(
                    f"the archive has more entries than AVP_MAX_FILES ({self._limits.files})",
                    hint=_MORE,
                )
            # Those for all that follow: git writes the commit there.
            if header[_TYPE] == b"g":
                self._content(_size(header))
                continue
            entry = self._entry(header)
            if entry.name.endswith("/") and entry.kind == "file":
                raise _malformed("a file has the name of a directory")
            yield entry

    def _entry(self, header: bytes) -> Entry:
        """Return the entry that begins with a header, which its extensions may precede."""
        name = target = ""
        size = None
        extensions = 0
        while (kind := header[_TYPE]) in (b"x", b"L", b"K"):
            extensions += 1
            content = self._content(_size(header), _MAX_EXTENSION)
            if extensions > _MAX_EXTENSIONS:
                raise _malformed("an entry has too many extension headers")
            if kind == b"L":
                name = _text(content)
            elif kind == b"K":
                target = _text(content)
            else:
                records = _records(content)
                name, target = records.get("path", name), records.get("linkpath", target)
                size = _decimal(records["size"]) if "size" in records else size
            following = self._header()
            if following is None:
                raise _truncated()
            header = following
        if kind not in _KINDS:
            raise _malformed(f"the type {chr(kind[0])!a} of an entry is not known")
        what = _KINDS[kind]
        name = name or _name(header)
        if kind == b"\0" and name.endswith("/"):
            # As before POSIX.
            what = "directory"
        data = b""
        if what == "file":
            data = self._content(_size(header) if size is None else size)
        mode = _number(header[_MODE])
        return Entry(name, what, bool(mode & 0o100), target or _text(header[_TARGET]), data)

    def _header(self) -> bytes | None:
        """Return the next header; None at the end marker."""
        header = self._source.read(_BLOCK)
        if header == _ZEROS:
            return None
        if len(header) < _BLOCK:
            raise _truncated()
        total = sum(header) - sum(header[_CHECKSUM]) + len(header[_CHECKSUM]) * ord(" ")
        if _number(header[_CHECKSUM]) != total:
            raise _malformed("it is not a tar archive, or damaged")
        return header

    def _content(self, size: int, most: int | None = None) -> bytes:
        if most is not None and size > most:
            raise _malformed("an extension header is too large")
        self._left -= size
        if self._left < 0:
            raise RenderError(
                "the files of the archive are larger than AVP_MAX_INPUT "
                f"({self._limits.input_bytes} bytes)",
                hint=_MORE,
            )
        padded = -(-size // _BLOCK) * _BLOCK
        content = self._source.read(padded)
        if len(content) < padded:
            raise _truncated()
        return content[:size]


_TYPE: Final = slice(156, 157)
_MODE: Final = slice(100, 108)
_SIZE: Final = slice(124, 136)
_CHECKSUM: Final = slice(148, 156)
_TARGET: Final = slice(157, 257)
_MAGIC: Final = slice(257, 263)
_PREFIX: Final = slice(345, 500)


def _name(header: bytes) -> str:
    name = _text(header[:100])
    prefix = _text(header[_PREFIX]) if header[_MAGIC] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _size(header: bytes) -> int:
    return _number(header[_SIZE])


def _number(data: bytes) -> int:
    """Return a number of a header: in octal, or where the first bit is set, in binary."""
    if data[0] & 0x80:
        if data[0] != 0x80:
            raise _malformed("a number in it is malformed")
        return int.from_bytes(data[1:])
    digits = data.strip(b" \0")
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        raise _malformed("it is not a tar archive, or damaged")
    return int(digits, 8)


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < _MAX_DIGITS):
        raise _malformed("a number in it is malformed")
    return int(text)


_MAX_DIGITS: Final = 20


def _records(data: bytes) -> Mapping[str, str]:
    """Return the records of an extension header: lines `LENGTH KEY=VALUE`.

    Raises:
        RenderError: they are malformed, or describe a sparse file.
    """
    records: dict[str, str] = {}
    place = 0
    while place < len(data):
        space = data.find(b" ", place, place + _MAX_DIGITS)
        end = place + _decimal(data[place : max(space, place)].decode("latin-1"))
        record = data[space + 1 : end]
        key, equals, value = record[:-1].partition(b"=")
        if end > len(data) or not equals or record[-1:] != b"\n":
            raise _malformed("an extension header is malformed")
        if key.startswith(b"GNU.sparse."):
            raise _malformed("it has a sparse file")
        if key in _USED:
            if b"\0" in value:
                raise _malformed("a name in it has a NUL")
            records[key.decode()] = value.decode("utf-8", "surrogateescape")
        place = end
    return records


_USED: Final = (b"path", b"linkpath", b"size")


_MORE: Final = "the operator's settings AVP_MAX_INPUT and AVP_MAX_FILES say how much there may be"


def shown(name: str) -> str:
    """Return a name in an archive as messages show it."""
    return quoted(name.encode("utf-8", "backslashreplace").decode())


def refused(what: str) -> RenderError:
    """Return the error for an archive with something that must not be unpacked.

    Args:
        what: what it has.
    """
    return RenderError(
        f"the archive has {what}",
        hint="whoever publishes it must make it anew: `helm package` and `git archive` do not "
        "write this",
    )


def _malformed(why: str) -> RenderError:
    return RenderError(
        f"the archive cannot be read: {why}",
        hint="see what is published there; a proxy may have answered instead",
    )


def _truncated() -> RenderError:
    return _malformed("it is truncated")
