"""What the core says about its requests: a line for each on standard error."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TextIO

from avp_py.cli.formats import Format, JsonFormat
from avp_py.errors import quoted
from avp_py.serve.envelope import Envelope
from avp_py.serve.events import Events


class Outcome(StrEnum):
    """How a request ended."""

    OK = "ok"
    FAILED = "failed"
    """The worker said why."""

    KILLED = "killed"
    """The worker was ended by a signal that the core had not sent."""

    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    """The client was gone before its request was done."""


class Journal:
    """Writes a line for each request that has ended. No value of a secret ever comes here."""

    def __init__(self, stream: TextIO, form: Format, events: Events) -> None:
        """Make it.

        Args:
            stream: where the lines go.
            form: the form of messages: text, or JSON.
            events: where requests are counted.
        """
        self._stream = stream
        self._events = events
        self._is_json: Final = isinstance(form, JsonFormat)

    def load(self, workers: int, queue: int) -> None:
        """Note how many requests run, and how many wait."""
        self._events.send("workers", workers)
        self._events.send("queue", queue)

    def ended(
        self,
        number: int,
        envelope: Envelope,
        outcome: Outcome,
        begun: float | None = None,
        counts: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Write the line of a request.

        Args:
            number: its number.
            envelope: the request.
            outcome: how it ended.
            begun: when its worker was started; None where it never was.
            counts: how many documents and so on its worker had dealt with.
        """
        now = time.monotonic()
        waited = (now if begun is None else begun) - envelope.started
        took = 0.0 if begun is None else now - begun
        self._events.send("requests", command=envelope.command, outcome=str(outcome))
        self._events.send("seconds", waited, stage="queue")
        if begun is not None:
            self._events.send("seconds", took, stage="run")
        facts = {
            "request": number,
            "command": envelope.command,
            "app": envelope.application,
            "project": envelope.project,
            "outcome": str(outcome),
            "waited": round(waited, 3),
            "took": round(took, 3),
            **counts,
        }
        if self._is_json:
            moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            line = json.dumps({"time": moment, "level": "info", "msg": "request ended", **facts})
        else:
            line = " ".join(
                f"{name}={quoted(value) if isinstance(value, str) else value}"
                for name, value in facts.items()
            )
        self._stream.write(f"{line}\n")
        self._stream.flush()
