"""A request while it arrives, in memory that no worker gets to see.

A worker is a fork of the supervisor, and what the supervisor has ever had in its own memory may
still be there. So the body of a request, with the variables of its Application, is received into a
file without a name. Of what is in it the supervisor copies a few texts; the keeper reads it itself,
and the worker a copy without what is for the keeper alone.
"""

import contextlib
import mmap
import os
import socket
from collections.abc import Iterator, Sequence

from avp_py.serve.wire import HEADER

_MOST_DESCRIPTORS = 3


class Inbox:
    """The request of one client.

    Attributes:
        body: the body, mapped; None until there is room for it.
        file: the file with the body.
        private: how much at the end of the body is for the keeper alone.
        descriptors: what was sent with it.
    """

    def __init__(self) -> None:
        """Make an empty one."""
        self.body: mmap.mmap | None = None
        self.descriptors: Sequence[int] = ()
        self._header = bytearray()
        self.file = -1
        self.private = 0
        self._received = 0

    @property
    def header(self) -> bytes | None:
        """The header; None while it is not there as a whole."""
        return bytes(self._header) if len(self._header) == HEADER.size else None

    @property
    def is_complete(self) -> bool:
        """Whether the body is there as a whole."""
        return self.body is not None and self._received == len(self.body)

    def expect(self, length: int, private: int) -> None:
        """Make room for the body.

        Args:
            length: its length, at least 1.
            private: how much at its end is for the keeper alone.
        """
        self.private = private
        self.file = os.memfd_create("envelope", os.MFD_CLOEXEC)
        os.ftruncate(self.file, length)
        self.body = mmap.mmap(self.file, length)
        # What is forked does not have it.
        self.body.madvise(mmap.MADV_DONTFORK)

    def receive(self, connection: socket.socket) -> bool:
        """Receive the next part; return whether there was one.

        Raises:
            BlockingIOError: there is none yet.
        """
        if self.body is None:
            part = bytearray(HEADER.size - len(self._header))
            size = self._receive_into(connection, memoryview(part))
            self._header += part[:size]
        else:
            with memoryview(self.body) as room, room[self._received :] as rest:
                size = self._receive_into(connection, rest)
            self._received += size
        return size > 0

    @contextlib.contextmanager
    def workers_file(self) -> Iterator[int]:
        """Open a file with the body but for what is for the keeper alone."""
        left = os.fstat(self.file).st_size - self.private
        file = os.memfd_create("envelope", os.MFD_CLOEXEC)
        try:
            # The kernel copies: nothing of it comes into our memory.
            done = 0
            while done < left:
                done += os.sendfile(file, self.file, done, left - done)
            yield file
        finally:
            os.close(file)

    def close(self) -> None:
        """Forget the body; what was sent with it stays."""
        if self.body is not None:
            self.body.close()
        if self.file >= 0:
            os.close(self.file)
            self.file = -1

    def _receive_into(self, connection: socket.socket, room: memoryview) -> int:
        size, data, _, _ = connection.recvmsg_into([room], socket.CMSG_LEN(_MOST_DESCRIPTORS * 4))
        for level, kind, numbers in data:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._keep(memoryview(numbers[: len(numbers) // 4 * 4]).cast("i").tolist())
        return size

    def _keep(self, descriptors: Sequence[int]) -> None:
        if self.descriptors:
            for each in descriptors:
                with contextlib.suppress(OSError):
                    os.close(each)
        else:
            self.descriptors = descriptors
