"""One token for all reads, and another one if it ends, or Vault rejects it.

A token comes from a login, or from the cache of an earlier run.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from avp_py.backends.vault.auth import AuthMethod, LoginRequest
from avp_py.backends.vault.connection import Connection, LoginResult
from avp_py.backends.vault.token_cache import TokenCache
from avp_py.backends.vault.translate import RejectedError
from avp_py.errors import BackendError, ForbiddenError, LoginError, UnreachableError
from avp_py.settings import Sensitive

MAX_LOGINS: Final = 2
"""How many tokens a run asks for: a second one, as the first may have expired or been revoked.
Tokens whose number of uses is limited are used up by other runs, and do not count."""

MARGIN_SECONDS: Final = 60.0
"""A token is replaced that ends within this time, which is how long Argo CD waits for a run; of a
token that is valid for less than three times as long, in its last third."""

Note: TypeAlias = Callable[[str, str], None]
"""Called with what was done (`reads`, `shared`, `logins`), and how it went (`ok`, `failed`)."""

logger: Final = logging.getLogger(__name__)


class Login:
    """The state of the login that threads share, and runs one after the other.

    What is found out for one run, such as that Vault rejects the login, counts for every run that
    had begun by then: `since` says when that was, on the clock. A later run finds out anew.
    """

    def __init__(
        self,
        connection: Connection,
        auth: AuthMethod,
        cache: TokenCache | None = None,
        clock: Callable[[], float] = time.monotonic,
        note: Note = lambda _what, _outcome: None,
    ) -> None:
        self._note = note
        self._connection = connection
        self._auth = auth
        self._cache = cache
        self._clock = clock
        self._kept: tuple[str, Sensitive] | None = None
        """The entry of the cache in use, which is dropped when Vault rejects its token."""
        self._may_reuse = True
        self._is_limited = False
        """Whether the number of uses of the token is limited."""
        self._lock = threading.Lock()
        self._number = 0
        self._begun: deque[float] = deque(maxlen=MAX_LOGINS)
        """When the last logins began."""
        self._end = math.inf
        """When the token is to be replaced."""
        self._valid = (0, -math.inf)
        """The number of the login whose token was found to be valid, and when."""
        self._error: tuple[float, BackendError] | None = None
        """When a login failed, and why."""
        self._mount = ""

    def refuse_cached(self) -> None:
        """Use no token of an earlier run."""
        self._may_reuse = False

    def ensure(self, since: float = -math.inf) -> int:
        """Make sure that there is a token.

        Args:
            since: when the run began.

        Returns:
            The number of the login whose token is in use.

        Raises:
            BackendError: Vault cannot be reached, or rejects the login; so does each later call of
                a run that began before that.
            SettingsError: a file with a credential, or the token cache, cannot be used.
        """
        with self._lock:
            self._raise_known(since)
            if not self._number:
                self._log_in()
            elif self._clock() >= self._end:
                self._log_in(is_new=True)
            return self._number

    def renew(
        self, rejected: int, error: ForbiddenError | LoginError, since: float = -math.inf
    ) -> bool:
        """Get another token if that may help.

        Vault before 1.13 answers the same for an expired token as for a path that a token may
        not read, so the token is first checked by a lookup of itself.

        Args:
            rejected: the number of the login whose token was rejected.
            error: whether that was for a path (ForbiddenError), or for the token (LoginError).
            since: when the run began.

        Returns:
            Whether there is another token now. If not, the current one stays in use, as it may do
            for other paths.

        Raises:
            BackendError: Vault cannot be reached, or rejects both the token and the credentials.
            SettingsError: a file with a credential, or the token cache, cannot be used.
        """
        with self._lock:
            self._raise_known(since)
            if self._number > rejected:
                return True
            logins = sum(begun >= since for begun in self._begun)
            may_repeat = self._auth.can_repeat and (self._is_limited or logins < MAX_LOGINS)
            if not may_repeat and isinstance(error, LoginError):
                rejection = self._rejected()
                self._error = self._clock(), rejection
                raise rejection
            if not may_repeat:
                return False
            if isinstance(error, LoginError):
                if self._cache is not None and self._kept is not None:
                    self._cache.drop(*self._kept)
                self._log_in(is_new=True)
                return True
            if self._is_known_valid(since) or self._is_valid():
                self._valid = self._number, self._clock()
                return False
            try:
                self._get_token(is_new=True)
            except BackendError:
                # There will be no other: what was rejected stays rejected.
                self._valid = self._number, self._clock()
                return False
            self._number += 1
            return True

    def _raise_known(self, since: float) -> None:
        if self._error is not None and self._error[0] >= since:
            raise self._error[1]

    def _is_known_valid(self, since: float) -> bool:
        number, when = self._valid
        return number == self._number and when >= since

    def _log_in(self, *, is_new: bool = False) -> None:
        begun = self._clock()
        try:
            self._get_token(is_new=is_new)
        except UnreachableError as error:
            self._error = begun, error
            raise
        except BackendError as error:
            said = error.said if isinstance(error, RejectedError) else error.reason
            rejection = LoginError(
                f"Vault rejected the login by {self._auth.name} at {self._mount}: {said}",
                hint=f"check {self._auth.needs}, the role in Vault, and that the auth method is "
                f"mounted there ({self._auth.mount_settings})",
            )
            self._error = begun, rejection
            raise rejection from None
        self._number += 1

    def _rejected(self) -> LoginError:
        """Return the error for a token that Vault rejects, and that cannot be replaced."""
        if self._auth.can_repeat:
            return LoginError(
                f"Vault rejected the token from the login by {self._auth.name} at {self._mount} "
                "(403): expired, revoked, or used up",
                hint="check the TTL and the number of uses of the role's tokens",
            )
        return LoginError(
            f"Vault rejected the token from {self._auth.needs} (403): expired, revoked, or from "
            "another Vault",
            hint="`vault login` and export it again",
        )

    def _is_valid(self) -> bool:
        try:
            self._connection.read("auth/token/lookup-self", {})
        except BackendError:
            return False
        return True

    def _get_token(self, *, is_new: bool) -> None:
        self._begun.append(self._clock())
        self._end = math.inf
        credential = self._auth.credential()
        if isinstance(credential, Sensitive):
            self._connection.use(credential)
            return
        self._mount = credential.path.rpartition("/login")[0]
        cache = self._cache
        if cache is None:
            self._log_in_at_mount(credential)
            return
        name = cache.name(credential)
        may_reuse = self._may_reuse and not is_new
        if may_reuse and (token := cache.get(name)) is not None:
            logger.info("reusing the token of an earlier run")
            self._kept = name, token
            self._connection.use(token)
            return
        result = self._log_in_at_mount(credential)
        if self._kept is not None:
            cache.drop(*self._kept)
        cache.put(name, result.token, result.seconds)
        self._kept = name, result.token

    def _log_in_at_mount(self, request: LoginRequest) -> LoginResult:
        begun = self._clock()
        try:
            result = self._connection.log_in(request)
        except BackendError:
            self._note("logins", "failed")
            raise
        self._note("logins", "ok")
        self._is_limited = result.is_limited
        if result.seconds:
            self._end = begun + result.seconds - min(MARGIN_SECONDS, result.seconds / 3)
        logger.info("logged in by %s at %s", self._auth.name, self._mount)
        return result
