"""How messages are written on standard error: as text for a person, or as JSON for a collector."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from avp_py.cli.report import (
    MAX_FRAMES,
    MAX_LINE,
    MAX_REPORT,
    MAX_WARNINGS,
    clip,
    count,
    describe,
    describe_warnings,
    fit,
    frames,
    outcome,
)
from avp_py.errors import AvpError, Failure

IDENTITY: Final[Mapping[str, str]] = {
    "project": "ARGOCD_APP_PROJECT_NAME",
    "app": "ARGOCD_APP_NAME",
}
"""The fields of a record that identify the Application, and their variables."""

_EXPANSION: Final = 3
"""How many times longer JSON may be than its text in UTF-8: `ä` takes 2 bytes, `\\u00e4` 6."""

_MAX_DETAIL: Final = 6 << 10
"""How many bytes of another program's messages a record has, before they are written as JSON."""


class Format(ABC):
    """A way to write messages. Each method returns lines, within the share of bytes they have."""

    @abstractmethod
    def failures(self, error: AvpError, *, verbose: bool) -> str:
        """Return the failures of a run; `verbose` lists every place."""

    @abstractmethod
    def warnings(self, warnings: Sequence[Failure]) -> str:
        """Return what was noticed, and failed nothing."""

    @abstractmethod
    def note(self, text: str) -> str:
        """Return a note of what is done, as one line."""

    @abstractmethod
    def origin(self, error: BaseException) -> str:
        """Return where in the program an error came from."""

    @abstractmethod
    def crash(self, message: str, error: BaseException | None, limit: int) -> str:
        """Return an error that was not foreseen; of the error itself only where it came from."""


class TextFormat(Format):
    """Text: one screen to act on."""

    def failures(self, error: AvpError, *, verbose: bool) -> str:
        """Return equal failures together, with their places."""
        return describe(error, verbose=verbose)

    def warnings(self, warnings: Sequence[Failure]) -> str:
        """Return a line for each."""
        return describe_warnings(warnings)

    def note(self, text: str) -> str:
        """Return the note after the name of the program."""
        return clip(f"avp-py: {text}", MAX_LINE) + "\n"

    def origin(self, error: BaseException) -> str:
        """Return the frames."""
        return frames(error)

    def crash(self, message: str, error: BaseException | None, limit: int) -> str:
        """Return the message, and below it the frames."""
        text = f"avp-py: {message}\n"
        return text if error is None else text + frames(error, limit - 2 * len(text))


class JsonFormat(Format):
    """JSON: an object a line, whose fields docs/errors.md lists."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Take the identity from the environment, as it is: it may be malformed."""
        self._identity = {
            field: clip(environ[name], 253) for field, name in IDENTITY.items() if environ.get(name)
        }

    def failures(self, error: AvpError, *, verbose: bool) -> str:  # noqa: ARG002 - has room for all
        """Return a record for the run, and one for each place of a failure."""
        first = self._record("error", outcome(error, len(error.failures)))
        records = self._records("error", error.failures, MAX_REPORT - len(first), 1 << 10)
        return first + records

    def warnings(self, warnings: Sequence[Failure]) -> str:
        """Return a record for each."""
        return self._records("warning", warnings, MAX_WARNINGS, 400)

    def note(self, text: str) -> str:
        """Return a record of the note."""
        return self._record("info", clip(text, MAX_LINE // _EXPANSION))

    def origin(self, error: BaseException) -> str:
        """Return a record with the frames."""
        text = frames(error, MAX_FRAMES // _EXPANSION)
        return self._record("debug", "where in the program the error came from", frames=text)

    def crash(self, message: str, error: BaseException | None, limit: int) -> str:
        """Return a record with the frames."""
        text = "" if error is None else frames(error, limit // _EXPANSION - 200)
        return self._record("error", message, frames=text)

    def _records(self, level: str, failures: Sequence[Failure], room: int, most: int) -> str:
        """Return a record for each failure, in at most `room` bytes, and how many are left out.

        Args:
            level: their level.
            failures: what to write.
            room: how many bytes there are.
            most: how many bytes a reason has, before it is written as JSON.
        """
        lines: list[str] = []
        room -= len(self._omitted(level, len(failures)))
        for number, each in enumerate(failures):
            line = self._failure(level, each, most)
            room -= len(line)
            if room < 0:
                lines.append(self._omitted(level, len(failures) - number))
                break
            lines.append(line)
        return "".join(lines)

    def _omitted(self, level: str, number: int) -> str:
        what = "more failure" if level == "error" else f"more {level}"
        return self._record(level, count(number, what))

    def _failure(self, level: str, failure: Failure, most: int) -> str:
        name = most * 2 // 5
        # kustomize and helm have nothing to say to a warning.
        detail = failure.detail.splitlines() if level == "error" else ()
        return self._record(
            level,
            clip(failure.reason, most),
            document=clip(failure.document, name),
            field=clip(failure.field, name),
            file=clip(failure.file, name),
            line=failure.line,
            placeholder=clip(failure.reference, name),
            path=clip(failure.target, name),
            hint=clip(failure.hint, most),
            detail="\n".join(fit(detail, _MAX_DETAIL)),
        )

    def _record(self, level: str, message: str, **more: str | int) -> str:
        """Return an object on one line; fields that are empty are left out."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        known = {field: value for field, value in more.items() if value}
        # In ASCII, so that a line is JSON whatever the encoding of standard error is.
        record = {"time": time, "level": level, "msg": message, **known, **self._identity}
        return json.dumps(record) + "\n"
