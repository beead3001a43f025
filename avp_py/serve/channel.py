"""Messages between a worker and the keeper: a length, and so many bytes.

What a worker sends is JSON, and read as hostile input. What the keeper sends is pickled: a worker
trusts it, as it has the secrets.
"""

import json
import pickle
import socket
import struct
from typing import Any, Final

from avp_py.errors import ServeError

_LENGTH: Final = struct.Struct("!I")

MAX_QUESTION: Final = 16 << 20
"""How long a message of a worker may be, in bytes."""

MAX_PARTS: Final = 1 << 20
"""How many values there may be in it: each takes far more memory than the byte that it may be."""


class LostError(ServeError):
    """The other side is gone, or did not answer in time."""


class MalformedQuestionError(ServeError):
    """A worker sent what no worker of ours sends."""


def send_question(channel: socket.socket, question: Any) -> None:
    """Send a question to the keeper.

    Raises:
        LostError: the keeper is gone.
    """
    _send(channel, json.dumps(question).encode())


def receive_question(channel: socket.socket) -> Any:
    """Return the next question of a worker: anything that JSON can say; None when it is gone.

    Raises:
        MalformedQuestionError: it is not JSON in ASCII, or too long.
    """
    try:
        data = _receive(channel, MAX_QUESTION)
    except LostError:
        return None
    if sum(map(data.count, (b"[", b"{", b","))) > MAX_PARTS:
        raise MalformedQuestionError("a worker sent too much")
    try:
        return json.loads(data.decode("ascii"))
    except (ValueError, RecursionError):
        raise MalformedQuestionError("a worker sent what is not JSON") from None


def send_answer(channel: socket.socket, answer: Any) -> None:
    """Send an answer to a worker.

    Raises:
        LostError: the worker is gone.
    """
    _send(channel, pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))


def receive_answer(channel: socket.socket) -> Any:
    """Return the keeper's answer.

    Raises:
        LostError: the keeper is gone, or did not answer within the time limit of the channel.
    """
    # The keeper is trusted with far more than this.
    return pickle.loads(_receive(channel, 1 << 31))  # noqa: S301


def _send(channel: socket.socket, data: bytes) -> None:
    try:
        channel.sendall(_LENGTH.pack(len(data)))
        channel.sendall(data)
    except OSError as error:
        raise LostError(str(error.strerror)) from error


def _receive(channel: socket.socket, most: int) -> bytes:
    (length,) = _LENGTH.unpack(_receive_exactly(channel, _LENGTH.size))
    if length > most:
        raise MalformedQuestionError(f"a worker sent {length} bytes")
    return _receive_exactly(channel, length)


def _receive_exactly(channel: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        try:
            part = channel.recv(min(length - len(data), 1 << 20))
        except OSError as error:
            raise LostError(str(error.strerror or error)) from error
        if not part:
            raise LostError("the other side has ended")
        data += part
    return bytes(data)
