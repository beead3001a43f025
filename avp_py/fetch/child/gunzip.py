"""Reading what is compressed with gzip (RFC 1952), up to a limit."""

import zlib
from typing import Final

from avp_py.errors import FetchError

_PIECE: Final = 64 * 1024


class TooLargeError(FetchError):
    """There is more than the limit."""

    def __init__(self) -> None:
        super().__init__("what was compressed is larger than its limit")


class Gunzip:
    """What compressed data holds.

    Args:
        data: the compressed data, of one member or several.
        limit: how many bytes may be read in all.
    """

    def __init__(self, data: bytes, limit: int) -> None:
        self._rest = memoryview(data)
        self._piece = b""
        self._member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        self._left = limit

    def read(self, size: int) -> bytes:
        """Return as many bytes as there are, up to a size.

        Raises:
            TooLargeError: they are beyond the limit.
            EOFError: the data ends too early.
            zlib.error: it is not compressed with gzip.
        """
        found = bytearray()
        while len(found) < size and not self._is_over():
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            if not self._piece:
                self._piece, self._rest = bytes(self._rest[:_PIECE]), self._rest[_PIECE:]
            found += self._member.decompress(self._piece, size - len(found))
            self._piece = self._member.unconsumed_tail or self._member.unused_data
        self._left -= len(found)
        if self._left < 0:
            raise TooLargeError
        return bytes(found)

    def _is_over(self) -> bool:
        if self._piece or self._rest:
            return False
        if not self._member.eof:
            raise EOFError
        return True
