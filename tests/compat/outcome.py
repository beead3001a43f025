"""How a program ended, told in the same way for both."""

import json
from dataclasses import dataclass
from typing import Any, Final

from avp_py.errors import Failure
from tests.compat.reading import Manifest, canonical
from tests.integration.reader import Reader, UnreadableError

_NAMES: Final = ("apiVersion", "kind", "metadata")


@dataclass(frozen=True)
class Outcome:
    """What came of a case.

    Attributes:
        output: what was printed.
        documents: the manifests in it; None where the program failed.
        error: what was said of the failure.
        panicked: whether it was no failure but a crash.
        unreadable: whether it ended well, and printed what Argo CD cannot read.
        failures: avp-py's failures one by one.
        code: the exit code of a process that was the case's own.
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
        """Whether there are manifests."""
        return self.documents is not None

    def shown(self) -> str:
        """What became of the manifests, in a few characters: without what names them."""
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
        """The outcome for a person."""
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
    """Whether a team would see no difference: same manifests or an error, and exit code."""
    if theirs.code != ours.code:
        return False
    if theirs.documents is None or ours.documents is None:
        spoiled = theirs.panicked or theirs.unreadable or ours.unreadable
        return not spoiled and not theirs.is_ok and not ours.is_ok
    return [canonical(each) for each in theirs.documents] == [
        canonical(each) for each in ours.documents
    ]
