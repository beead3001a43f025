"""A request as the core receives it: who asks for what."""

import dataclasses
import math
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from avp_py import __version__
from avp_py.errors import ServeError
from avp_py.serve.wire import COMMANDS, HEADER, MAGIC, MAX_BODY
from avp_py.settings import LENT_NAMES, Program, is_argocds
from avp_py.settings.declaration import ARGOCD_PREFIXES

_MAX_NAME: Final = 200
"""How much of a name of the Application is kept for logs, in characters."""


class MalformedRequestError(ServeError):
    """What came is not a request that this version can read."""


@dataclass(frozen=True)
class Envelope:
    """A request: what the client was called with, and what Argo CD says about it.

    Attributes:
        program: the name that the client was called by.
        started: when the client began, on the clock of time.monotonic().
        cwd: the working directory.
        argv: the arguments.
        variables: Argo CD's variables; the keeper alone gets those of LENT_NAMES.
    """

    program: Program
    started: float
    cwd: str
    argv: tuple[str, ...]
    variables: Mapping[str, str] = field(repr=False)

    @property
    def application(self) -> str:
        """The Application's name, for logs."""
        return self.variables.get(_APPLICATION, "")[:_MAX_NAME]

    @property
    def project(self) -> str:
        """The Application's project, for logs and for a fair queue."""
        return self.variables.get(_PROJECT, "")[:_MAX_NAME]

    @property
    def command(self) -> str:
        """The command: the client hands over no others than it knows."""
        return next((word for word in self.argv if word in COMMANDS), "")


_APPLICATION, _PROJECT = _NEEDED = ("ARGOCD_APP_NAME", "ARGOCD_APP_PROJECT_NAME")

_SHARED: Final = tuple(f"\0{each}".encode() for each in (*ARGOCD_PREFIXES, "KUBE_"))
"""How the variables begin that keeper and worker both get."""


def read_header(header: bytes) -> tuple[int, int]:
    """Return how long the body of a request is, and how much of it is for the keeper alone.

    Args:
        header: the first bytes, as many as HEADER has.

    Raises:
        MalformedRequestError: it is not a request, or too long.
    """
    magic, length, private = HEADER.unpack(header)
    if magic != MAGIC or not private < length <= MAX_BODY:
        raise MalformedRequestError(
            "the core received what is not a request", hint="call it by `avp-py` only"
        )
    return int(length), int(private)


def read_body(file: int) -> bytes:
    """Return the body of a request from a file that other processes read, too."""
    return os.pread(file, os.fstat(file).st_size, 0)


def unpack(body: bytes) -> Envelope:
    """Return a request.

    Args:
        body: as avp_py/serve/wire.py says.

    Raises:
        MalformedRequestError: it is malformed, or of another version of the client.
    """
    envelope, end = _read_head(body)
    pairs = (os.fsdecode(text).partition("=") for text in body[end:].split(b"\0") if text)
    variables = {name: value for name, _, value in pairs if is_argocds(name) or name in LENT_NAMES}
    return dataclasses.replace(envelope, variables=variables)


def peek(body: mmap.mmap, private: int) -> Envelope:
    """Return a request with those variables only that the supervisor needs; no others are copied.

    Args:
        body: as for unpack.
        private: how much at its end is for the keeper alone.

    Raises:
        MalformedRequestError: as for unpack, or what is for the keeper alone is not only that.
    """
    envelope, end = _read_head(body)
    last = len(body) - private - 1
    if private and (
        end > last + 1
        or body[last : last + 1] != b"\0"
        or any(body.find(mark, last) >= 0 for mark in _SHARED)
    ):
        # Keeper and worker would not read the same request.
        raise _malformed()
    variables = {}
    for name in _NEEDED:
        mark = f"\0{name}=".encode()
        # The last one counts, as in unpack. It follows the NUL of the last argument.
        begin = body.rfind(mark, end - 1)
        if begin >= 0:
            begin += len(mark)
            variables[name] = os.fsdecode(body[begin : _end_of_text(body, begin)])
    return dataclasses.replace(envelope, variables=variables)


def _read_head(body: bytes | mmap.mmap) -> tuple[Envelope, int]:
    """Return a request without variables, and where they begin."""
    texts = _Texts(body)
    version = texts.next().decode(errors="replace")
    if version != __version__:
        raise MalformedRequestError(
            f"the client has version {version[:40]!r}, and the core {__version__!r}",
            hint="restart the sidecar: both must come from one installation",
        )
    try:
        program = Program(texts.next().decode())
        started = _finite(texts.next())
        cwd = os.fsdecode(texts.next())
        argv = tuple(os.fsdecode(texts.next()) for _ in range(int(texts.next())))
    except ValueError:
        raise _malformed() from None
    return Envelope(program, started, cwd, argv, {}), texts.end


def _malformed() -> MalformedRequestError:
    return MalformedRequestError(
        "the core received a malformed request", hint="call it by `avp-py` only"
    )


class _Texts:
    """The texts of a body, one after the other."""

    def __init__(self, body: bytes | mmap.mmap) -> None:
        self.end = 0
        self._body = body

    def next(self) -> bytes:
        """Return the next text, or raise ValueError."""
        if self.end >= len(self._body):
            raise ValueError(self.end)
        begin, end = self.end, _end_of_text(self._body, self.end)
        self.end = end + 1
        return self._body[begin:end]


def _end_of_text(body: bytes | mmap.mmap, begin: int) -> int:
    end = body.find(b"\0", begin)
    return len(body) if end < 0 else end


def _finite(text: bytes) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(number)
    return number
