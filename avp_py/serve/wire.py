"""What client and supervisor send each other. The client loads it, so it imports nearly nothing.

    client to supervisor: MAGIC, the length of the body (4 bytes), how many bytes at its end are for
        the keeper alone (4 bytes), and the body; with the first of these bytes come the descriptors
        of standard input, output and error
    supervisor to client: the exit code (1 byte), the length of a message (4 bytes), and the message

The body holds texts, each with a NUL at its end, as in /proc/PID/environ: the version of the
client, the name that the program was called by, when the client began (in seconds, on the clock of
time.monotonic(), which all processes of a machine share), the working directory, the number of
arguments, the arguments, and the variables as `NAME=value`; those that hold credentials are the
last. Numbers are big-endian.
"""

import struct

COMMANDS = ("generate", "parameters", "healthcheck")
"""The commands that the core runs."""

MAGIC = b"avp2"

HEADER = struct.Struct("!4sII")
"""MAGIC, the length of the body, and the length of what in it is for the keeper alone."""

REPLY = struct.Struct("!BI")
"""The exit code, and the length of the message."""

MAX_BODY = 8 << 20
"""In bytes. Linux lets arguments and environment have 6 MiB (bprm_stack_limits in fs/exec.c)."""

MAX_MESSAGE = 64 << 10
"""In bytes."""

KEEPER = struct.Struct("=i")
"""What the parent sends to the supervisor with the channel to a new keeper: its process."""

CREDENTIALS = struct.Struct("=iII")
"""What SO_PEERCRED returns: process, user and group (struct ucred)."""


def pack(
    version: bytes,
    program: bytes,
    started: float,
    cwd: bytes,
    argv: list[bytes],
    variables: list[bytes],
    lent: list[bytes],
) -> bytes:
    """Return a request as it is sent.

    Args:
        version: the version of the client.
        program: the name that it was called by.
        started: when it began, on the clock of time.monotonic().
        cwd: the working directory.
        argv: the arguments, without the program's name.
        variables: Argo CD's variables, as `NAME=value`.
        lent: those that lend credentials, which are for the keeper alone.
    """
    count = str(len(argv)).encode()
    texts = [version, program, repr(started).encode(), cwd, count, *argv, *variables]
    body, private = (b"".join(text + b"\0" for text in part) for part in (texts, lent))
    return HEADER.pack(MAGIC, len(body) + len(private), len(private)) + body + private
