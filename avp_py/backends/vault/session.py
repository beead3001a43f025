"""What runs share that read from one Vault as one identity: connections, a token, and answers."""

import itertools
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from avp_py.backends.vault.auth import AuthMethod
from avp_py.backends.vault.connection import Connection
from avp_py.backends.vault.login import Login, Note
from avp_py.backends.vault.token_cache import TokenCache
from avp_py.errors import AvpError, ForbiddenError, LoginError

Answer: TypeAlias = Mapping[str, Any]

_Result = TypeVar("_Result")

MAX_ATTEMPTS: Final = 20
"""How often something is tried, each time with another token. More than two attempts are needed
only where tokens may be used a few times, and others use them up."""


@dataclass(frozen=True)
class _Read:
    """A read that was sent, or is about to be.

    Attributes:
        begun: when, on the clock.
        answer: the answer, or why there is none.
    """

    begun: float
    answer: "Future[Answer]"

    def serves(self, since: float, ttl: float) -> bool:
        """Return whether a run may share it.

        A failure is for the runs that waited for it: it may be over at the next moment.

        Args:
            since: when the run began, on the clock.
            ttl: how old an answer may be then, in seconds.
        """
        if self.begun >= since:
            return True
        has_failed = self.answer.done() and self.answer.exception() is not None
        return self.begun >= since - ttl and not has_failed


class Session:
    """One identity at one Vault, for one run, or for many at the same time.

    A run is given no answer that was read before it began (or `ttl` before that). So all runs that
    wait at the same moment share one read, and none sees an older secret than if it were alone.
    """

    def __init__(
        self,
        connection: Connection,
        auth: AuthMethod,
        cache: TokenCache | None = None,
        ttl: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        note: Note = lambda _what, _outcome: None,
    ) -> None:
        """Make the session; nothing is sent yet.

        Args:
            connection: to Vault.
            auth: how to log in.
            cache: the tokens of earlier runs, if they are kept.
            ttl: how old an answer may be when a run begins, in seconds.
            clock: the time, in seconds.
            note: is called for each read and login.
        """
        self._connection = connection
        self._login = Login(connection, auth, cache, clock, note)
        self._note = note
        self._ttl = ttl
        self._clock = clock
        self._lock = threading.Lock()
        self._reads: dict[tuple[str, str], _Read] = {}

    def read(self, path: str, version: str, since: float) -> Answer:
        """Return Vault's answer to a read, which is sent once for all runs that may share it.

        What Vault denies is not kept: another token may be allowed to read it.

        Args:
            path: the path, without `/v1/`.
            version: the version of the secret, `""` for the newest.
            since: when the run began, on the clock.

        Raises:
            BackendError: there is no answer.
        """
        key = (path, version)
        with self._lock:
            read = self._reads.get(key)
            is_ours = read is None or not read.serves(since, self._ttl)
            if read is None or is_ours:
                read = self._reads[key] = _Read(self._clock(), Future())
        if is_ours:
            self._send(key, read, since)
            self._note("reads", "failed" if read.answer.exception() else "ok")
        else:
            self._note("shared", "")
        return read.answer.result()

    def logged_in(self, ask: Callable[[], _Result], since: float) -> _Result:
        """Do something with a token, and once more with another one if that may help.

        Args:
            ask: does it.
            since: when the run began, on the clock.

        Raises:
            BackendError: it failed, or the login did.
            SettingsError: a file with a credential, or the token cache, cannot be used.
        """
        for attempt in itertools.count(1):
            login = self._login.ensure(since)
            try:
                return ask()
            except (ForbiddenError, LoginError) as error:
                if attempt == MAX_ATTEMPTS or not self._login.renew(login, error, since):
                    raise
        raise AssertionError  # pragma: no cover - the count has no end

    def refuse_cached(self) -> None:
        """Use no token of an earlier run, for a session that begins after SIGHUP."""
        self._login.refuse_cached()

    def forget(self, before: float) -> None:
        """Drop the answers that were read before a moment.

        Args:
            before: the moment, on the clock.
        """
        with self._lock:
            for key, read in list(self._reads.items()):
                if read.begun < before and read.answer.done():
                    del self._reads[key]

    def close(self) -> None:
        """Close the connections, and forget all answers."""
        self._connection.close()
        self.forget(math.inf)

    def _send(self, key: tuple[str, str], read: _Read, since: float) -> None:
        path, version = key
        parameters = {"version": version} if version else {}
        try:
            read.answer.set_result(self._connection.read(path, parameters, since))
        except BaseException as error:
            # Whoever waits for the answer must not wait for ever, whatever happened here.
            if not isinstance(error, AvpError) or isinstance(error, ForbiddenError | LoginError):
                with self._lock:
                    if self._reads.get(key) is read:
                        del self._reads[key]
            read.answer.set_exception(error)
