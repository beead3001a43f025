"""The operator's side of a worker's run: the keeper, which is another process."""

import argparse
import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from avp_py import errors
from avp_py.backends import Secret, Target
from avp_py.cli.console import Console
from avp_py.cli.sources import Operator
from avp_py.errors import AvpError, BackendError, Failure, GenerateError
from avp_py.generate import Keeper, Terms
from avp_py.remotes import Fetched, Remote, as_parts
from avp_py.serve.channel import LostError, receive_answer, send_question
from avp_py.settings import LimitSettings, LogSettings, RenderSettings, Settings, Sources
from avp_py.values import Value

logger: Final = logging.getLogger(__name__)

SPARE_SECONDS: Final = 1.0
"""How much longer than the keeper a worker waits, so that the keeper can say what was slow."""


class KeeperLostError(BackendError):
    """The keeper ended before it answered."""

    is_general = True


@dataclass(frozen=True)
class Answer:
    """What the keeper answers to a question.

    Attributes:
        value: what was asked for, or Raised.
        notes: what was done for it, where the request wants to know (`-v`).
    """

    value: Any
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Granted:
    """What the keeper says of the sources to a command that resolves no settings.

    Attributes:
        render: how to render, as far as the operator says.
        limits: the limits of the run.
        log: how messages are written.
        config: what the settings file holds, without credentials; None without a file.
    """

    render: RenderSettings
    limits: LimitSettings
    log: LogSettings
    config: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Raised:
    """An error as it is sent to a worker.

    Attributes:
        kind: the name of its class.
        failures: what it reports.
        warnings: what was noticed besides.
    """

    kind: str
    failures: tuple[Failure, ...]
    warnings: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Read:
    """A secret as it is sent to a worker.

    Attributes:
        values: its values.
        doubt: why these may not be the intended values.
        version: the version that was read.
    """

    values: Mapping[str, Value]
    doubt: Failure | None
    version: str


class RemoteOperator(Operator):
    """The operator's side of one request, in the keeper."""

    def __init__(
        self,
        channel: socket.socket,
        confine: Callable[[RenderSettings, LimitSettings, argparse.Namespace], None],
    ) -> None:
        """Make it.

        Args:
            channel: to the keeper, for this request.
            confine: gives up all rights that the run does not need, before it reads anything.
        """
        self._channel = channel
        self._confine = confine

    def read_sources(self, arguments: argparse.Namespace, console: Console) -> Sources:
        """Return the sources without credentials; the keeper has read the command line itself."""
        granted: Granted = self._ask({"do": "sources"})
        self._begin(granted, arguments, console)
        return Sources(
            console.environ,
            granted.config,
            arguments.secret_name,
            arguments.program,
            arguments.disable_token_cache,
        )

    def open(self, arguments: argparse.Namespace, console: Console) -> tuple[Settings, Keeper]:
        """Return the settings without credentials, and the keeper."""
        settings: Settings = self._ask({"do": "settings"})
        granted = Granted(settings.render, settings.limits, settings.log)
        self._begin(granted, arguments, console)
        return settings, RemoteKeeper(self._ask)

    def health(self) -> tuple[int, str]:
        """Return the exit code of the keeper's own health check, and what it prints."""
        code, text = self._ask({"do": "healthcheck"})
        return code, text

    def _begin(self, granted: "Granted", arguments: argparse.Namespace, console: Console) -> None:
        # Before anything of the repository is read, and before any thread is started.
        self._confine(granted.render, granted.limits, arguments)
        console.log.use(granted.log.format)
        console.limits.limit_time(granted.limits.seconds, console.started)
        console.limits.limit_memory(granted.limits.memory_bytes)

    def _ask(self, question: Mapping[str, Any], seconds: float | None = None) -> Any:
        """Return the keeper's answer.

        Args:
            question: what to ask.
            seconds: how long it may take; None for the time limit of the run, which interrupts it.

        Raises:
            AvpError: the answer is an error, or there is none.
        """
        try:
            self._channel.settimeout(seconds)
            send_question(self._channel, question)
            answer: Answer = receive_answer(self._channel)
        except LostError as error:
            raise KeeperLostError(
                f"the keeper, which reads secrets, gave no answer: {error.reason}",
                hint="refresh the Application once more; the log of `avp-py serve` says why the "
                "keeper ended",
            ) from error
        for note in answer.notes:
            logger.info("%s", note)
        if isinstance(answer.value, Raised):
            raise _error(answer.value)
        return answer.value


class RemoteKeeper(Keeper):
    """The keeper, as a worker reaches it."""

    def __init__(self, ask: Callable[[Mapping[str, Any], float], Any]) -> None:
        """Make it.

        Args:
            ask: returns the keeper's answer to a question, within so many seconds.
        """
        self._ask = ask

    def terms(self, seconds: float) -> Terms:
        """Ask for what applies to the request."""
        terms: Terms = self._ask({"do": "terms", "seconds": seconds}, seconds + SPARE_SECONDS)
        return terms

    def fetch(self, wanted: Sequence[Remote], deadline: float) -> Sequence[Fetched | Failure]:
        """Ask for it, all at once."""
        seconds = max(deadline - time.monotonic(), 0)
        question = {"do": "fetch", "wanted": list(map(as_parts, wanted)), "seconds": seconds}
        answers: Sequence[Fetched | Failure] = self._ask(question, seconds + SPARE_SECONDS)
        return answers

    def read(self, targets: Sequence[Target], deadline: float) -> Mapping[Target, Secret | Failure]:
        """Ask for the secrets, all at once."""
        seconds = max(deadline - time.monotonic(), 0)
        wanted = [
            [each.location.path, each.location.version, each.location.engine_version, each.kind]
            for each in targets
        ]
        question = {"do": "read", "targets": wanted, "seconds": seconds}
        answers: Sequence[Read | Failure] = self._ask(question, seconds + SPARE_SECONDS)
        return {
            target: Secret(answer.values, answer.doubt, answer.version)
            if isinstance(answer, Read)
            else answer
            for target, answer in zip(targets, answers, strict=True)
        }


def _error(raised: Raised) -> AvpError:
    """Return the error that the keeper raised."""
    kind = getattr(errors, raised.kind, AvpError)
    if issubclass(kind, GenerateError) or len(raised.failures) != 1:
        return GenerateError(raised.failures, raised.warnings)
    (failure,) = raised.failures
    error: AvpError = kind(failure.reason, hint=failure.hint, detail=failure.detail)
    return error
