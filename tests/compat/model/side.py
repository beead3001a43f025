"""Which of the two programs is foretold, and how it ends badly."""

from collections.abc import Iterable
from enum import Enum


class Program(Enum):
    """One of the two."""

    AVP = "argocd-vault-plugin"
    OURS = "avp-py"


class Side:
    """A program, and the deviations that showed on its way through an input.

    Attributes:
        is_avp: whether it is argocd-vault-plugin.
        deviations: their names, as in the tables of deviations.py.
    """

    def __init__(self, program: Program) -> None:
        self.is_avp = program is Program.AVP
        self.deviations: set[str] = set()

    def deviates(self, name: str) -> None:
        """Notes that the programs part here."""
        self.deviations.add(name)


class FailedError(Exception):
    """The program ends with an error."""


class PanicError(Exception):
    """argocd-vault-plugin crashes."""


def first_failure(errors: Iterable[Exception]) -> None:
    """Raises the failure that ends the program: a crash comes before an error is told."""
    found = list(errors)
    for error in found:
        if isinstance(error, PanicError):
            raise error
    for error in found:
        raise error
