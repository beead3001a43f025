"""One token for all reads of a run, and another one if Vault rejects the first.

A token comes from a login, or from the cache of an earlier run.
"""

import logging
import threading
from typing import Final

from avp_py.backends.vault.auth import AuthMethod, LoginRequest
from avp_py.backends.vault.connection import Connection, LoginResult
from avp_py.backends.vault.token_cache import TokenCache
from avp_py.backends.vault.translate import RejectedError
from avp_py.errors import BackendError, ForbiddenError, LoginError, UnreachableError
from avp_py.settings import Sensitive

MAX_LOGINS: Final = 2
"""How many tokens a run uses: a second one, as the first may have expired or been revoked."""

logger: Final = logging.getLogger(__name__)


class Login:
    """The state of the login that threads share."""

    def __init__(
        self, connection: Connection, auth: AuthMethod, cache: TokenCache | None = None
    ) -> None:
        self._connection = connection
        self._auth = auth
        self._cache = cache
        self._kept: tuple[str, Sensitive] | None = None
        """The entry of the cache in use, which is dropped when Vault rejects its token."""
        self._lock = threading.Lock()
        self._number = 0
        self._valid = 0
        """The number of the login whose token is known to be valid."""
        self._error: BackendError | None = None
        self._mount = ""

    def ensure(self) -> int:
        """Make sure that there is a token.

        Returns:
            The number of the login whose token is in use.

        Raises:
            BackendError: Vault cannot be reached, or rejects the login; so does each later call.
            SettingsError: a file with a credential, or the token cache, cannot be used.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            if not self._number:
                self._log_in()
            return self._number

    def renew(self, rejected: int, error: ForbiddenError | LoginError) -> bool:
        """Get another token if that may help.

        Vault before 1.13 answers the same for an expired token as for a path that a token may
        not read, so the token is first checked by a lookup of itself.

        Args:
            rejected: the number of the login whose token was rejected.
            error: whether that was for a path (ForbiddenError), or for the token (LoginError).

        Returns:
            Whether there is another token now. If not, the current one stays in use, as it may do
            for other paths.

        Raises:
            BackendError: Vault cannot be reached, or rejects both the token and the credentials.
            SettingsError: a file with a credential, or the token cache, cannot be used.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._number > rejected:
                return True
            may_repeat = self._auth.can_repeat and self._number < MAX_LOGINS
            if not may_repeat and isinstance(error, LoginError):
                self._error = self._rejected()
                raise self._error
            if not may_repeat:
                return False
            if isinstance(error, LoginError):
                if self._cache is not None and self._kept is not None:
                    self._cache.drop(*self._kept)
                self._log_in(is_new=True)
                return True
            if self._valid == self._number or self._is_valid():
                self._valid = self._number
                return False
            try:
                self._get_token(is_new=True)
            except BackendError:
                # There will be no other: what was rejected stays rejected.
                self._valid = self._number
                return False
            self._number += 1
            return True

    def _log_in(self, *, is_new: bool = False) -> None:
        try:
            self._get_token(is_new=is_new)
        except UnreachableError as error:
            self._error = error
            raise
        except BackendError as error:
            said = error.said if isinstance(error, RejectedError) else error.reason
            self._error = LoginError(
                f"Vault rejected the login by {self._auth.name} at {self._mount}: {said}",
                hint=f"check {self._auth.needs}, the role in Vault, and that the auth method is "
                f"mounted there ({self._auth.mount_settings})",
            )
            raise self._error from None
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
        if not is_new and (token := cache.get(name)) is not None:
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
        result = self._connection.log_in(request)
        logger.info("logged in by %s at %s", self._auth.name, self._mount)
        return result
