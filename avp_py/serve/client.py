"""The client: hands a request to the core, and waits for its exit code.

It is started for each request, so it loads as little as it can: `socket`, `argparse` and our other
modules take longer to load than everything that it does.
"""

from __future__ import annotations

import _socket
import os
import struct
import sys
import time

from avp_py import __version__
from avp_py.serve.wire import COMMANDS, CREDENTIALS, MAX_MESSAGE, REPLY, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    # It takes longer to load than all that is loaded here.
    from typing import Final, NoReturn

_WITH_VALUE: Final = ("-c", "--config-path", "-s", "--secret-name")
"""Options that may come before the command, with their value as the next argument."""

_ARGOCD: Final = (b"ARGOCD_APP_", b"ARGOCD_ENV_", b"KUBE_VERSION=", b"KUBE_API_VERSIONS=")
"""How the variables begin that Argo CD sets for a request."""

_LENT: Final = (
    b"GIT_ASKPASS=", b"GIT_SSH_COMMAND=", b"GIT_SSL_", b"ARGOCD_GIT_", b"ARGOCD_BINARY_NAME=",
    b"ARGOCD_ASK_PASS_SOCK=", b"SOCKS5_USER=", b"SOCKS5_PASSWD=",
)  # fmt: skip
"""How those begin that lend credentials for git (LENT_NAMES in avp_py/settings/declaration.py). No
others are handed over: all else is the operator's, and the core has it."""

_DEFAULT_SECONDS: Final = 55.0
"""The default of AVP_RUN_TIMEOUT."""

_GRACE_SECONDS: Final = 4.0
"""How much later than its time limit the client ends a request that the core has not ended: after
the core would, and with the default of the limit before Argo CD does."""

_UNKNOWN_SECONDS: Final = 3600.0
"""What counts for a time limit that only the core can read."""

_AGAIN_SECONDS: Final = 0.05
"""When a client tries again for which there was no room."""

_FAILED: Final = 1
_INTERRUPTED: Final = 130


def is_for_core(argv: list[str]) -> bool:
    """Return whether a command line is one of COMMANDS.

    Args:
        argv: the arguments, without the program's name.
    """
    is_value = False
    for word in argv:
        if not is_value and not word.startswith("-"):
            return word in COMMANDS
        is_value = word in _WITH_VALUE
    return False


def run(path: str, program: str) -> NoReturn:
    """Hand the command line over to the core, and end the process with its exit code.

    Args:
        path: the socket of the core.
        program: the name that the program was called by.
    """
    started = time.monotonic()
    try:
        code = _request(path, program, started)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except _NoCoreError as error:
        _say(f"error: {error.args[0]}\n  next: {error.args[1]}\n")
        code = _FAILED
    os._exit(code)


class _NoCoreError(Exception):
    """The core did not do it: why, and what to do next."""


def _request(path: str, program: str, started: float) -> int:
    try:
        cwd = os.getcwdb()  # noqa: PTH109 - pathlib takes long to load
    except OSError:
        raise _NoCoreError(
            "the working directory no longer exists", "change to one that does"
        ) from None
    environ = [name + b"=" + value for name, value in os.environb.items()]
    variables = [each for each in environ if each.startswith(_ARGOCD)]
    lent = [each for each in environ if each.startswith(_LENT)]
    argv = list(map(os.fsencode, sys.argv[1:]))
    request = pack(__version__.encode(), program.encode(), started, cwd, argv, variables, lent)
    core = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    seconds = _seconds()
    end = started + seconds + _GRACE_SECONDS
    try:
        _connect(core, path, end)
        _, user, _ = CREDENTIALS.unpack(
            core.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, CREDENTIALS.size)
        )
        if user != os.geteuid():
            raise _NoCoreError(
                f"the core at {path} runs as another user ({user})",
                "start `avp-py serve` as the user of argocd-cmp-server",
            )
        descriptors = struct.pack("=3i", *map(_usable, range(3)))
        rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptors)
        core.settimeout(_left(end))
        sent = core.sendmsg([request], [rights])
        if sent < len(request):
            core.sendall(memoryview(request)[sent:])
        code, length = REPLY.unpack(_receive(core, REPLY.size, end))
        _say(_receive(core, min(length, MAX_MESSAGE), end).decode(errors="replace"))
    except TimeoutError:
        raise _NoCoreError(
            f"the core did not answer within the time limit of the run (AVP_RUN_TIMEOUT={seconds:g}"
            "s)",
            "check the log of `avp-py serve`; AVP_PARALLEL says how many requests run at once",
        ) from None
    except OSError as error:
        raise _NoCoreError(
            f"no connection to the core at {path}: {error.strerror}",
            "check that `avp-py serve` runs; it ends, and its container with it, when its "
            "supervisor does",
        ) from None
    return int(code)


def _connect(core: _socket.socket, path: str, end: float) -> None:
    while True:
        core.settimeout(_left(end))
        try:
            core.connect(path)
        except BlockingIOError:
            # More clients wait than the kernel keeps for the core: that is no reason to fail yet.
            if time.monotonic() > end:
                raise TimeoutError from None
            time.sleep(_AGAIN_SECONDS)
        else:
            return


def _left(end: float) -> float:
    """Return how long a call may wait, in seconds; 0 would mean not to wait at all."""
    return max(end - time.monotonic(), 0.001)


def _receive(core: _socket.socket, size: int, end: float) -> bytes:
    data = b""
    while len(data) < size:
        core.settimeout(_left(end))
        part = core.recv(size - len(data))
        if not part:
            raise _NoCoreError(
                "the core ended before the request did", "refresh the Application once more"
            )
        data += part
    return data


def _usable(number: int) -> int:
    """Return a standard stream, or /dev/null where it is closed."""
    try:
        os.fstat(number)
    except OSError:
        return os.open(os.devnull, os.O_RDWR if number == 0 else os.O_RDONLY)
    return number


def _seconds() -> float:
    """Return how long the request may take.

    Below the core the variable is a number of seconds, as `avp-py serve` has written it. The probes
    of a container have what the operator wrote, such as `2m`.
    """
    try:
        seconds = float(os.environ.get("AVP_RUN_TIMEOUT") or _DEFAULT_SECONDS)
    except ValueError:
        return _UNKNOWN_SECONDS
    return seconds if 0 < seconds < 1e6 else _UNKNOWN_SECONDS


def _say(text: str) -> None:
    data = text.encode(errors="backslashreplace")
    try:
        while data:
            data = data[os.write(2, data) :]
    except OSError:
        return
