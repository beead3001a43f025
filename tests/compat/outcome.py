"""The outcome of a run, in the same form for both programs."""

import json
from dataclasses import dataclass
from typing import Any, Final

from avp_py.errors import Failure
from tests.compat.reading import Manifest, canonical
from tests.integration.reader import Reader, UnreadableError

_NAMES: Final = ("apiVersion", "kind", "metadata")


@dataclass(frozen=True)
class Outcome:
    """The outcome of a case.

    Attributes:
        output: what was printed.
        documents: the manifests in it; None if the program failed.
        error: the error message.
        panicked: whether it crashed.
        unreadable: whether it succeeded, but Argo CD cannot read its output.
        failures: avp-py's failures one by one.
        code: the exit code, if the case had its own process.
    """

    output: str = ""
    documents: tuple[Manifest, ...] | None = None
    error: str = ""
    panicked: bool = False
    unreadable: bool = False
    failures: tuple[Failure, ...] = ()
    code: int | None = None

    @property
    def is_ok(self) -> bool:
        """Return whether there are manifests."""
        return self.documents is not None

    def shown(self) -> str:
        """Return the manifests in a few characters, without apiVersion, kind and metadata."""
        if self.documents is None:
            return "crash" if self.panicked else "unreadable" if self.unreadable else "error"
        bodies: list[Any] = []
        for document in self.documents:
            body = {key: document[key] for key in document if key not in _NAMES}
            name = {"metadata": document["metadata"]} if "metadata" in document else {}
            bodies.append(body or name)
        value: Any = bodies
        if len(bodies) == 1:
            value = bodies[0]
            if len(value) == 1:
                (value,) = value.values()
        return json.dumps(value, ensure_ascii=False, sort_keys=True) if bodies else "nothing"

    def describe(self) -> str:
        """Return the outcome for a report."""
        if self.is_ok:
            return self.output or "(no manifest)\n"
        return f"{'PANIC' if self.panicked else 'ERROR'}: {self.error.rstrip()}\n"


def printed(output: str, reader: Reader) -> Outcome:
    """Return the outcome of a program that succeeded, as Argo CD reads what it printed."""
    try:
        return Outcome(output, tuple(each.content for each in reader.read(output)))
    except UnreadableError as error:
        said = f"printed what Argo CD cannot read: {error}\n{output}"
        return Outcome(output, error=said, unreadable=True)


def are_equal(theirs: Outcome, ours: Outcome) -> bool:
    """Return whether both printed equal manifests or both failed, with the same exit code."""
    if theirs.code != ours.code:
        return False
    if theirs.documents is None or ours.documents is None:
        spoiled = theirs.panicked or theirs.unreadable or ours.unreadable
        return not spoiled and not theirs.is_ok and not ours.is_ok
    return [canonical(each) for each in theirs.documents] == [
        canonical(each) for each in ours.documents
    ]
