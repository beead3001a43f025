"""The sessions of a process that serves many runs: one for each identity at each Vault."""

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avp_py.backends.vault.auth import AuthMethod, open_auth
from avp_py.backends.vault.backend import VaultBackend
from avp_py.backends.vault.connection import Connection
from avp_py.backends.vault.login import Note
from avp_py.backends.vault.route import proxies_of
from avp_py.backends.vault.session import Session
from avp_py.backends.vault.token_cache import TokenCache
from avp_py.settings import Sensitive, Settings, VaultSettings

IDLE_SECONDS: Final = 600.0
"""How long a session is kept that nothing uses; far longer than any run."""


@dataclass
class _Used:
    """A session.

    Attributes:
        session: the session.
        last: when a run last opened it, on the clock.
    """

    session: Session
    last: float


class SessionPool:
    """Sessions by address, namespace, TLS, method, and all that identifies us."""

    def __init__(
        self,
        ttl: float = 0.0,
        runs: int = 1,
        clock: Callable[[], float] = time.monotonic,
        note: Note = lambda _what, _outcome: None,
    ) -> None:
        """Make an empty pool.

        Args:
            ttl: how old an answer may be when a run begins, in seconds.
            runs: how many runs use a session at once, and so how many connections it keeps.
            clock: the time, in seconds.
            note: is called for each read and login.
        """
        self._note = note
        self._ttl = ttl
        self._runs = runs
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[Hashable, _Used] = {}
        self._is_cleared = False
        """Whether the token cache may have tokens that are to be used no longer."""

    def open(self, settings: Settings, environ: Mapping[str, str], since: float) -> VaultBackend:
        """Return the backend of a run; nothing is sent before its first read.

        Args:
            settings: all of them.
            environ: the environment of the run, which may name proxies.
            since: when the run began, on the clock.

        Raises:
            SettingsError: a credential or a file for TLS is missing.
        """
        vault = settings.vault
        auth = open_auth(vault, settings.secret)
        key = (vault, _identity(auth), _files(vault), _proxies(vault, environ))
        with self._lock:
            now = self._clock()
            sessions = self._sessions
            _close_idle(sessions, now)
            used = sessions.get(key)
            if used is None:
                connections = settings.backend.concurrency * self._runs
                cache = TokenCache.open(vault)
                connection = Connection.open(vault, environ, connections)
                session = Session(connection, auth, cache, self._ttl, self._clock, self._note)
                if self._is_cleared:
                    session.refuse_cached()
                used = sessions[key] = _Used(session, now)
            used.last = now
        return VaultBackend(used.session, settings.backend.kv_version, since, is_shared=True)

    def forget(self, before: float) -> None:
        """Drop the answers that were read before a moment, as no run may use them any more.

        Args:
            before: the moment, on the clock.
        """
        with self._lock:
            sessions = [each.session for each in self._sessions.values()]
        for session in sessions:
            session.forget(before)

    def clear(self) -> None:
        """Begin anew: each session is replaced at the next run. A run that has one keeps it.

        The new ones log in even where the token cache has a token.

        A signal handler may call this: it takes no lock, which the thread that it interrupts could
        hold.
        """
        self._is_cleared = True
        self._sessions = {}


def _close_idle(sessions: dict[Hashable, _Used], now: float) -> None:
    for key, used in list(sessions.items()):
        if now - used.last > IDLE_SECONDS:
            del sessions[key]
            used.session.close()


def _identity(auth: AuthMethod) -> Hashable:
    """Return the method and the credentials that it sends now; a file is read for that."""
    credential = auth.credential()
    if isinstance(credential, Sensitive):
        return auth.name, credential
    return auth.name, credential.path, frozenset(credential.body.items())


def _files(vault: VaultSettings) -> Hashable:
    """Return what changes when a file for TLS is replaced."""
    return tuple(
        _status(path)
        for path in (vault.ca_cert, vault.ca_path, vault.client_cert, vault.client_key)
        if path
    )


def _status(path: str) -> Hashable:
    try:
        status = Path(path).stat()
    except OSError:
        # Whoever opens the file reports it.
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _proxies(vault: VaultSettings, environ: Mapping[str, str]) -> Hashable:
    return frozenset(proxies_of(vault, environ).items())
