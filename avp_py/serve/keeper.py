"""The keeper: the process with the operator's credentials, which reads secrets for the others.

It learns from the supervisor who makes a request and how, and from a worker which secrets the
request needs. The worker handles a tenant's input, and so do its questions count as such: they can
neither change the identity nor skip the policy.
"""

import argparse
import contextlib
import contextvars
import io
import logging
import math
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from avp_py import backends
from avp_py.backends import Backend, Location, Secret, Target
from avp_py.backends.vault.pool import SessionPool
from avp_py.cli import healthcheck
from avp_py.cli.console import Console
from avp_py.cli.main import parse_arguments
from avp_py.cli.sources import LocalOperator
from avp_py.errors import AvpError, Failure, GenerateError, UsageError, quoted
from avp_py.fetch.depot import Depot
from avp_py.generate import LocalKeeper
from avp_py.limits import check_limit
from avp_py.remotes import Fetched, Remote, from_parts
from avp_py.serve.channel import (
    LostError,
    MalformedQuestionError,
    receive_question,
    send_answer,
)
from avp_py.serve.envelope import Envelope, read_body, unpack
from avp_py.serve.events import Events
from avp_py.serve.remote import Answer, Granted, Raised, Read
from avp_py.settings import (
    Settings,
    Sources,
    config_without_credentials,
    read_limits,
    read_log,
    read_render,
    without_argocds,
    without_credentials,
)

IDLE_SECONDS: Final = 1.0
"""How long after the last request nothing is kept any more that was read for others."""

MAX_NOTES: Final = 2000
"""How many notes there are to one answer at most."""


AGAIN_SECONDS: Final = 600.0
"""How long the same warning is not repeated in the log."""

_NOTES: Final[contextvars.ContextVar[list[str] | None]] = contextvars.ContextVar(
    "notes", default=None
)
"""What is noted for the question that is being answered in this context."""


class _Notes(logging.Handler):
    """Keeps notes for the request that they are about, and for no other."""

    def emit(self, record: logging.LogRecord) -> None:
        notes = None if record.levelno >= logging.WARNING else _NOTES.get()
        if notes is not None and len(notes) < MAX_NOTES:
            notes.append(record.getMessage())


class _Warnings(logging.Handler):
    """Writes what is the operator's to change into the operator's log, and not again for a while.

    It names Secrets and files that have nothing to do with the request.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        text, now = record.getMessage(), time.monotonic()
        if now - self._said.get(text, -math.inf) < AGAIN_SECONDS:
            return
        if len(self._said) >= MAX_NOTES:
            self._said.clear()
        self._said[text] = now
        self._say(text)


class KeeperProcess:
    """Answers the workers, each in a thread of its own."""

    def __init__(
        self,
        control: socket.socket,
        environ: Mapping[str, str],
        pool: SessionPool,
        cache_seconds: float,
        events: Events,
        say: Callable[[str], None],
    ) -> None:
        """Make it.

        Args:
            control: where the supervisor sends requests: a message of one byte for each, with the
                worker's channel and the envelope, a file, as descriptors.
            environ: the operator's environment.
            pool: the sessions at Vault.
            cache_seconds: how old an answer may be when a request begins, in seconds.
            events: where it is counted what the policy denies.
            say: writes a line for the operator's log.
        """
        self._say = say
        self._events = events
        self._control = control
        self._environ = without_argocds(environ)
        self._pool = pool
        self._depot = Depot(self._note_fetch)
        self._cache_seconds = cache_seconds
        self._seconds = read_limits(Sources(self._environ)).seconds
        self._lock = threading.Lock()
        self._running = 0
        self._last = time.monotonic()

    def _note_fetch(self, kind: str, outcome: str) -> None:
        self._events.send("fetches", 1.0, kind=kind, outcome=outcome)

    def run(self) -> None:
        """Answer until the supervisor is gone."""
        logger = logging.getLogger("avp_py")
        logger.addHandler(_Notes())
        logger.addHandler(_Warnings(self._say))
        logger.setLevel(logging.INFO)
        logger.propagate = False
        while True:
            readable, _, _ = select.select([self._control], [], [], IDLE_SECONDS)
            if readable and not self._receive():
                return
            self._forget()

    def _receive(self) -> bool:
        """Begin with the next request; return False where there will be none."""
        data, descriptors, _, _ = socket.recv_fds(self._control, 1, 2)
        if not data:
            return False
        channel, envelope = descriptors
        with self._lock:
            self._running += 1
        try:
            threading.Thread(target=self._serve, args=(channel, envelope), daemon=True).start()
        except RuntimeError:
            # No room for another thread: this request is lost, and no other.
            os.close(channel)
            os.close(envelope)
            with self._lock:
                self._running -= 1
        return True

    def _serve(self, channel_number: int, envelope_number: int) -> None:
        try:
            try:
                envelope = unpack(read_body(envelope_number))
            finally:
                os.close(envelope_number)
            with socket.socket(fileno=channel_number) as channel:
                case = _Case(
                    envelope, self._environ, self._pool, self._depot, self._seconds, self._events
                )
                case.serve(channel)
        finally:
            with self._lock:
                self._running -= 1
                self._last = time.monotonic()

    def _forget(self) -> None:
        """Drop what no request may use any more: the oldest may have waited for its whole time."""
        now = time.monotonic()
        is_idle = not self._running and now - self._last > IDLE_SECONDS
        self._pool.forget(now - self._cache_seconds - (0 if is_idle else self._seconds))


@dataclass
class _Case:
    """One request: what its worker may ask, and in which order."""

    envelope: Envelope
    operators: Mapping[str, str] = field(repr=False)
    pool: SessionPool
    depot: Depot
    seconds: float
    events: Events
    settings: Settings | None = None
    keeper: LocalKeeper | None = None
    channel: socket.socket | None = None
    asked: set[str] = field(default_factory=set)
    fetches: int = 0
    has_terms: bool = False
    is_verbose: bool = False

    def serve(self, channel: socket.socket) -> None:
        """Answer the worker until it is gone."""
        self.channel = channel
        prepared = {}
        if self.envelope.command == "generate":
            # What its worker asks first is answered while it is being started.
            prepared[_FIRST] = self._reply({"do": _FIRST})
        with contextlib.suppress(LostError):
            while (question := self._next(channel)) is not None:
                send_answer(channel, prepared.get(question["do"]) or self._reply(question))

    def _reply(self, question: Mapping[str, Any]) -> Answer:
        notes: list[str] = []
        token = _NOTES.set(notes)
        value = self._answer(question)
        _NOTES.reset(token)
        return Answer(value, tuple(notes) if self.is_verbose else ())

    def _next(self, channel: socket.socket) -> Mapping[str, Any] | None:
        """Return the next question; None where there is none, or it is not one of ours."""
        try:
            question: Mapping[str, Any] = receive_question(channel)
        except MalformedQuestionError:
            return None
        name = question.get("do") if isinstance(question, dict) else None
        if not isinstance(name, str) or name not in _QUESTIONS:
            return None
        # Each once: settings that are read anew would be without those of the Secret.
        if name in self.asked and name != _REPEATED:
            return None
        self.asked.add(name)
        return question

    def _answer(self, question: Mapping[str, Any]) -> Any:
        try:
            return _QUESTIONS[question["do"]](self, question)
        except AvpError as error:
            warnings = error.warnings if isinstance(error, GenerateError) else ()
            return Raised(type(error).__name__, tuple(error.failures), tuple(warnings))
        except Exception as error:
            reason = f"internal error of the keeper, {type(error).__name__}; please report it"
            return Raised("BackendError", (Failure(reason),))

    def _arguments(self) -> argparse.Namespace:
        """Return the command line: the client's, and not what a worker makes of it."""
        arguments = parse_arguments(self.envelope.argv, self.envelope.program)
        self.is_verbose = bool(arguments.verbose)
        file = arguments.config_path
        if file is not None and not file.is_absolute():
            # It would be a tenant's, or one in the working directory of the keeper.
            raise UsageError(
                f"-c {quoted(str(file))} is not an absolute path",
                hint="name the settings file by its absolute path: the core reads it",
            )
        return arguments

    def _console(self, out: io.BytesIO | None = None) -> Console:
        # Of what Argo CD lends, nothing replaces what the operator says for all repositories.
        environ = {**self.envelope.variables, **self.operators}
        return Console(
            environ, io.BytesIO(), out or io.BytesIO(), io.StringIO(), operator=self._operator()
        )

    def _operator(self) -> LocalOperator:
        return LocalOperator(self._open_backend, self.depot)

    def _sources(self, _question: Mapping[str, Any]) -> Granted:
        """Return what the sources say, without what may be a credential."""
        sources = self._operator().read_sources(self._arguments(), self._console())
        config = sources.config
        if config is not None:
            config = config_without_credentials(config)
        return Granted(read_render(sources), read_limits(sources), read_log(sources), config)

    def _settings(self, _question: Mapping[str, Any]) -> Settings:
        self.settings, self.keeper = self._operator().open(self._arguments(), self._console())
        return without_credentials(self.settings)

    def _terms(self, question: Mapping[str, Any]) -> Any:
        _, keeper = self._opened()
        terms = keeper.terms(min(_number(question.get("seconds")), self._left()))
        self.has_terms = True
        return terms

    def _fetch(self, question: Mapping[str, Any]) -> Sequence[Fetched | Failure]:
        settings, keeper = self._opened()
        wanted = _remotes(question.get("wanted"))
        self.fetches += len(wanted)
        check_limit(
            "things to fetch", self.fetches, settings.limits.references, "AVP_MAX_REFERENCES"
        )
        seconds = min(_number(question.get("seconds")), self._left())
        begun = time.monotonic()
        # The worker waits for the answer: what comes from it meanwhile is its end.
        keeper.asker = self.channel.fileno() if self.channel is not None else None
        fetched = keeper.fetch(wanted, begun + seconds)
        self.events.send("seconds", time.monotonic() - begun, stage="fetch")
        return fetched

    def _read(self, question: Mapping[str, Any]) -> Sequence[Read | Failure]:
        settings, keeper = self._opened()
        if not self.has_terms:
            # The Secret with settings may hold guards.
            raise MalformedQuestionError("a worker asked for secrets before the terms")
        targets = _targets(question.get("targets"), settings.limits.references)
        seconds = min(_number(question.get("seconds")), self._left())
        begun = time.monotonic()
        found = keeper.read(targets, begun + seconds)
        self.events.send("seconds", time.monotonic() - begun, stage="read")
        if keeper.denied:
            project = settings.identity.project or ""
            self.events.send("denials", float(keeper.denied), project=project)
        return [_sent(found[target]) for target in targets]

    def _healthcheck(self, _question: Mapping[str, Any]) -> tuple[int, str]:
        arguments = self._arguments()
        if arguments.run is not healthcheck.run:
            raise MalformedQuestionError("a worker asked for what its client has not asked for")
        out = io.BytesIO()
        code = healthcheck.run(arguments, self._console(out))
        return code, out.getvalue().decode()

    def _opened(self) -> tuple[Settings, LocalKeeper]:
        if self.settings is None or self.keeper is None or _FIRST not in self.asked:
            raise MalformedQuestionError("a worker asked for secrets before the settings")
        return self.settings, self.keeper

    def _left(self) -> float:
        """Return how long the run may still take, in seconds."""
        return max(self.envelope.started + self.seconds - time.monotonic(), 0)

    def _open_backend(self, settings: Settings, environ: Mapping[str, str]) -> Backend:
        if settings.backend.type == "vault":
            return self.pool.open(settings, environ, self.envelope.started)
        return backends.open_backend(settings, environ)


_QUESTIONS: Final[Mapping[str, Callable[[_Case, Mapping[str, Any]], Any]]] = {
    "sources": _Case._sources,
    "settings": _Case._settings,
    "fetch": _Case._fetch,
    "terms": _Case._terms,
    "read": _Case._read,
    "healthcheck": _Case._healthcheck,
}
"""What a worker may ask, each once but for _REPEATED."""

_REPEATED: Final = "fetch"
"""What a worker may ask more than once: a remote base may need others."""

_FIRST: Final = "settings"
"""What the worker of `generate` asks first."""


def _number(value: object) -> float:
    """Return a length of time that a worker sent, in seconds."""
    if isinstance(value, int | float) and 0 <= value < math.inf:
        with contextlib.suppress(OverflowError):
            return float(value)
    raise MalformedQuestionError("a worker sent what is not a time")


def _targets(value: object, most: int) -> Sequence[Target]:
    """Return the targets that a worker sent."""
    if not isinstance(value, list) or len(value) > most:
        raise MalformedQuestionError("a worker asked for too much")
    return [_target(each) for each in value]


def _remotes(value: object) -> Sequence[Remote]:
    """Return what a worker wants to be fetched."""
    if isinstance(value, list) and all(isinstance(each, list) and each for each in value):
        parts = [part for each in value for part in each]
        if all(isinstance(part, str) and len(part) <= _MAX_PART for part in parts):
            with contextlib.suppress(ValueError):
                return [from_parts(each) for each in value]
    raise MalformedQuestionError("a worker asked for what cannot be fetched")


_MAX_PART: Final = 4096
"""How long a URL, a name or a version may be, in characters."""


def _target(value: object) -> Target:
    if isinstance(value, list) and len(value) == 4:
        path, version, engine, kind = value
        texts = (path, version, kind, "" if engine is None else engine)
        if all(isinstance(each, str) for each in texts):
            return Target(Location(path, version, engine), kind)
    raise MalformedQuestionError("a worker asked for what is not a secret")


def _sent(found: Secret | Failure) -> Read | Failure:
    if isinstance(found, Failure):
        return found
    return Read(dict(found), found.doubt, found.version)
