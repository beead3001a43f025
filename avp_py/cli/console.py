"""What a command gets of the process that it runs in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO, TextIO

from avp_py.errors import OutputError


@dataclass(frozen=True)
class Console:
    """The environment and the standard streams.

    Attributes:
        environ: the environment, as it was at the start.
        stdin: standard input.
        stdout: standard output: manifests and nothing else.
        stderr: standard error: all that is said to a person.
    """

    environ: Mapping[str, str] = field(repr=False)
    stdin: BinaryIO
    stdout: BinaryIO
    stderr: TextIO

    def write(self, text: str) -> None:
        """Writes to standard output, at once.

        Raises:
            OutputError: it cannot be written.
            BrokenPipeError: who reads it has gone.
        """
        try:
            self.stdout.write(text.encode())
            self.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(
                f"standard output cannot be written: {error.strerror}",
                hint="look where it goes; it may hold a part",
            ) from None


class Door(Enum):
    """The name that the program was called by."""

    AVP_PY = "avp-py"
    ARGOCD_VAULT_PLUGIN = "argocd-vault-plugin"
    """Behaves as that program does: folders are read as plain files, and only `-s` names a
    settings Secret."""

    @property
    def exit_usage(self) -> int:
        """The exit code where the command line is wrong; that program knows 0 and 1 only."""
        return 2 if self is Door.AVP_PY else 1
