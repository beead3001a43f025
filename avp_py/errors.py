"""Every error that avp-py raises on purpose; what a message says must be fit for Argo CD's UI.

    AvpError
    ├── UsageError          the command line is wrong
    ├── OutputError         standard output cannot be written
    ├── SettingsError       a setting is missing, malformed, or not the tenant's to set
    ├── LimitError          the run takes more than the operator lets it
    ├── RenderError         the folder cannot be turned into manifests
    │   ├── ToolMissingError    kustomize or helm is not there
    │   ├── SandboxError        a child process cannot have the sandbox that it must have
    │   ├── ChartLimitError     a chart has more of something than is read
    │   └── ChildError          kustomize or helm failed, or ran out of time
    ├── FetchError          a chart, a commit or a file of another machine cannot be fetched
    ├── DocumentError       manifests (or another YAML text) cannot be read
    ├── PathError           a path that may not be read
    ├── PlaceholderError    a value does not fit the place where it is written
    ├── BackendError        a backend gave no secret
    │   ├── UnreachableError    no usable answer from its address
    │   ├── LoginError          it does not take our credentials
    │   ├── ForbiddenError      it knows us and refuses the path
    │   └── NotFoundError       it has nothing at the path, or not that version
    ├── ClusterError        the Kubernetes API gave no Secret with settings
    ├── ServeError          the resident core cannot be started, or a part of it is gone
    └── GenerateError       all failures of one run together

No message, hint or detail ever holds a value of a secret, a credential, or manifest text beyond
the placeholder that is at fault.
"""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Failure:
    """One thing that went wrong, in the words that a person reads.

    Attributes:
        reason: what is wrong, and why.
        hint: what to do next; empty where there is no advice.
        document: the document at fault: kind, namespace/name, where it was read.
        field: the path of the field in the document, as `spec.template.spec.containers[0].image`.
        reference: the placeholder, as it is written.
        target: the path that the placeholder was looked up at, with the version.
        file: the file that holds it, relative to the folder that is rendered.
        line: its line there, from 1; 0 where it is not known.
        detail: lines of another program (kustomize, helm) that are shown as they are.
        is_general: whether it concerns the run, and not the place where it was noticed: it has no
            place, and is reported once.
    """

    reason: str
    hint: str = ""
    document: str = ""
    field: str = ""
    reference: str = ""
    target: str = ""
    file: str = ""
    line: int = 0
    detail: str = ""
    is_general: bool = False


class AvpError(Exception):
    """The root: an error with a reason, and where possible a hint and the text of a child."""

    is_general = False
    """Whether it fails the run as a whole (`Failure.is_general`)."""

    def __init__(self, reason: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.detail = detail

    @property
    def failures(self) -> Sequence[Failure]:
        """What to show for this error: one failure, or those that it gathers."""
        return (Failure(self.reason, self.hint, detail=self.detail, is_general=self.is_general),)


class Failures:
    """Collects the failures of a step, so that all of them are reported at once.

    A collector that `at` returns adds where each failure is, and shares what is collected.
    """

    def __init__(self) -> None:
        self._collected: list[Failure] = []
        self._general: set[Failure] = set()
        self._place: dict[str, Any] = {}

    def at(self, **place: Any) -> "Failures":
        """Return this collector, located.

        Args:
            place: attributes of `Failure` (document, field, reference, file, line …), for those
                failures that do not have their own.
        """
        located = Failures()
        located._collected, located._general = self._collected, self._general
        located._place = {**self._place, **place}
        return located

    def add(self, *failures: Failure) -> None:
        """Collect failures."""
        for failure in failures:
            if not failure.is_general:
                own = {name for name in self._place if getattr(failure, name)}
                place = {name: each for name, each in self._place.items() if name not in own}
                self._collected.append(dataclasses.replace(failure, **place))
            elif failure not in self._general:
                self._general.add(failure)
                self._collected.append(failure)

    @contextlib.contextmanager
    def catch(self) -> Iterator[None]:
        """Collect the failures of an AvpError that stops what is done meanwhile."""
        try:
            yield
        except AvpError as error:
            self.add(*error.failures)

    def __iter__(self) -> Iterator[Failure]:
        return iter(self._collected)

    def __len__(self) -> int:
        return len(self._collected)

    def raise_any(self, warnings: Sequence[Failure] = ()) -> None:
        """Raise GenerateError with what was collected; return where nothing was.

        Args:
            warnings: what was noticed besides.
        """
        if self._collected:
            raise GenerateError(self._collected, warnings)


class UsageError(AvpError):
    """The command line is wrong."""


class OutputError(AvpError):
    """Standard output cannot be written."""


class SettingsError(AvpError):
    """A setting is missing, malformed, or not the tenant's to set."""


class LimitError(AvpError):
    """The run takes more than the operator lets it: time, text, documents, secrets."""


class RenderError(AvpError):
    """The folder cannot be turned into manifests."""


class ToolMissingError(RenderError):
    """A program that the render needs is not there."""


class SandboxError(RenderError):
    """A child process cannot have the sandbox that the operator requires."""


class ChartLimitError(RenderError):
    """A chart has more of something than is read, although helm might accept it."""


class ChildError(RenderError):
    """A program that the render needs failed, or ran out of time."""


class FetchError(AvpError):
    """A chart, a commit or a file of another machine cannot be fetched.

    Attributes:
        is_down: whether the other machine could not be reached, or failed: what was fetched from it
            before may serve.
    """

    def __init__(self, reason: str, *, hint: str = "", detail: str = "", is_down: bool = False):
        super().__init__(reason, hint=hint, detail=detail)
        self.is_down = is_down


class DocumentError(AvpError):
    """A YAML text cannot be read, or is not what was expected at that place."""


class PathError(AvpError):
    """A path in the backend that may not be read."""


class PlaceholderError(AvpError):
    """A placeholder is malformed, or its value does not fit the place where it is written."""


class BackendError(AvpError):
    """A backend gave no secret."""


class UnreachableError(BackendError):
    """No usable answer came from the backend's address."""


class LoginError(BackendError):
    """The backend does not accept our credentials."""

    is_general = True


class ForbiddenError(BackendError):
    """The backend knows us and refuses the path."""


class NotFoundError(BackendError):
    """The backend has nothing at the path, or not in that version."""


class ClusterError(AvpError):
    """The Kubernetes API cannot be reached, or did not give the Secret with the settings.

    Attributes:
        is_down: whether it could not be reached, or failed: what was read before may serve.
    """

    def __init__(self, reason: str, *, hint: str = "", detail: str = "", is_down: bool = False):
        super().__init__(reason, hint=hint, detail=detail)
        self.is_down = is_down


class ServeError(AvpError):
    """The resident core cannot be started, or a part of it is gone or was sent what it rejects."""


class GenerateError(AvpError):
    """All failures of one run."""

    def __init__(self, failures: Sequence[Failure], warnings: Sequence[Failure] = ()) -> None:
        """Gather failures.

        Args:
            failures: what failed.
            warnings: what was noticed besides, and fails nothing.
        """
        count = len(failures)
        super().__init__(f"{count} failure{'' if count == 1 else 's'}")
        self._failures = tuple(failures)
        self.warnings = tuple(warnings)

    @property
    def failures(self) -> Sequence[Failure]:
        """The failures that were gathered, in the order of the documents."""
        return self._failures


def quoted(text: str) -> str:
    """Return a text of somebody else's as messages show it: in quotes, and cut."""
    return repr(shortened(text))


def shortened(text: str) -> str:
    """Return a text of somebody else's, cut."""
    return text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}…"


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """Return the advice to write what a text is probably a misspelling of, or an empty text."""
    near = nearest(text, known)
    return f"did you mean {near}?" if near else ""


def nearest(text: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return what a text is probably a misspelling of, or an empty text.

    Args:
        text: the text.
        known: what it can be.
        cutoff: how similar it must be, by difflib's ratio.
    """
    # Late: few runs have a name to look up.
    import difflib

    return next(iter(difflib.get_close_matches(text[:_MAX_QUOTED], known, 1, cutoff)), "")


_MAX_QUOTED = 60
"""How many characters of a text are quoted."""
