"""What a command gets of the process that it runs in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, TextIO


@dataclass(frozen=True)
class Console:
    """The environment and the standard streams.

    Attributes:
        environ: the environment, as it was at the start.
        stdin: standard input.
        stdout: standard output: manifests and nothing else.
        stderr: standard error: all that is said to a person.
    """

    environ: Mapping[str, str]
    stdin: BinaryIO
    stdout: BinaryIO
    stderr: TextIO
