"""What a command gets of the process that it runs in."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
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


class Door(Enum):
    """The name that the program was called by."""

    AVP_PY = "avp-py"
    ARGOCD_VAULT_PLUGIN = "argocd-vault-plugin"
    """Behaves as that program does: folders are read as plain files, and only `-s` names a
    settings Secret."""
