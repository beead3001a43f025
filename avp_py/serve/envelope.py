"""A request as the core receives it: who asks for what."""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from avp_py import __version__
from avp_py.errors import ServeError
from avp_py.serve.wire import HEADER, MAGIC, MAX_BODY
from avp_py.settings import Program, is_argocds

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
        variables: Argo CD's variables.
    """

    program: Program
    started: float
    cwd: str
    argv: tuple[str, ...]
    variables: Mapping[str, str] = field(repr=False)

    @property
    def application(self) -> str:
        """The Application's name, for logs."""
        return self.variables.get("ARGOCD_APP_NAME", "")[:_MAX_NAME]

    @property
    def project(self) -> str:
        """The Application's project, for logs and for a fair queue."""
        return self.variables.get("ARGOCD_APP_PROJECT_NAME", "")[:_MAX_NAME]

    @property
    def command(self) -> str:
        """The command: the client hands over no others than it knows."""
        return next((word for word in self.argv if word in _COMMANDS), "")


_COMMANDS: Final = ("generate", "parameters", "healthcheck")


def body_length(header: bytes) -> int:
    """Return how long the body of a request is.

    Args:
        header: the first bytes, as many as HEADER has.

    Raises:
        MalformedRequestError: it is not a request, or too long.
    """
    magic, length = HEADER.unpack(header)
    if magic != MAGIC or length > MAX_BODY:
        raise MalformedRequestError(
            "the core received what is not a request", hint="call it by `avp-py` only"
        )
    return int(length)


def unpack(body: bytes) -> Envelope:
    """Return a request.

    Args:
        body: as avp_py/serve/wire.py says.

    Raises:
        MalformedRequestError: it is malformed, or of another version of the client.
    """
    texts = iter(body.split(b"\0"))
    version = next(texts).decode(errors="replace")
    if version != __version__:
        raise MalformedRequestError(
            f"the client has version {version[:40]!r}, and the core {__version__!r}",
            hint="restart the sidecar: both must come from one installation",
        )
    try:
        program = Program(next(texts).decode())
        started = _finite(next(texts))
        cwd = os.fsdecode(next(texts))
        argv = tuple(_take(texts, int(next(texts))))
        pairs = (os.fsdecode(text).partition("=") for text in texts if text)
        variables = {name: value for name, _, value in pairs if is_argocds(name)}
    except (StopIteration, ValueError):
        raise MalformedRequestError(
            "the core received a malformed request", hint="call it by `avp-py` only"
        ) from None
    return Envelope(program, started, cwd, argv, variables)


def _finite(text: bytes) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(number)
    return number


def _take(texts: Iterator[bytes], count: int) -> Iterator[str]:
    for _ in range(count):
        try:
            yield os.fsdecode(next(texts))
        except StopIteration:
            raise ValueError(count) from None
