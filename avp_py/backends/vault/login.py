"""One token for all reads of a run, and another one where Vault refuses the first.

A token comes from a login, or from an earlier run that has kept it.
"""

import logging
import threading
from typing import Final

from avp_py.backends.vault.auth import AuthMethod
from avp_py.backends.vault.connection import Connection
from avp_py.backends.vault.token_cache import TokenCache
from avp_py.errors import BackendError, LoginError, UnreachableError
from avp_py.settings import Sensitive

MAX_LOGINS: Final = 2
"""How many tokens a run uses: the second because the first may have expired."""

_notes = logging.getLogger(__name__)


class Login:
    """The state of the login that threads share."""

    def __init__(
        self, connection: Connection, auth: AuthMethod, cache: TokenCache | None = None
    ) -> None:
        self._connection = connection
        self._auth = auth
        self._cache = cache
        self._kept: tuple[str, Sensitive] | None = None
        """What may stand in the cache, and is dropped when Vault refuses it."""
        self._lock = threading.Lock()
        self._number = 0
        self._error: BackendError | None = None

    def ensure(self, refused: int = 0) -> int:
        """Sees to it that there is a token.

        Args:
            refused: the number of the login whose token Vault has refused; 0 for none.

        Returns:
            The number of the login whose token is in use. It is `refused` where another login
            would not help.

        Raises:
            BackendError: Vault cannot be reached, or refuses the login; each call says so again.
            SettingsError: a file with a credential, or the token cache, cannot be used.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._number > refused or (self._number and not self._can_repeat()):
                return self._number
            try:
                self._get_token()
            except UnreachableError as error:
                self._error = error
                raise
            except BackendError as error:
                self._error = LoginError(
                    f"Vault refuses the login by {self._auth.name}: {error.reason}",
                    hint="check the credentials, the role, and AVP_MOUNT_PATH",
                )
                raise self._error from None
            self._number += 1
            return self._number

    def _get_token(self) -> None:
        credential = self._auth.credential()
        if isinstance(credential, Sensitive):
            self._connection.use(credential)
            return
        cache = self._cache
        if cache is None:
            self._connection.log_in(credential)
            return
        name = cache.name(credential)
        if self._kept is not None:
            cache.drop(*self._kept)
        elif (token := cache.get(name)) is not None:
            _notes.info("the token of an earlier run is used")
            self._kept = name, token
            self._connection.use(token)
            return
        grant = self._connection.log_in(credential)
        cache.put(name, grant.token, grant.seconds)
        self._kept = name, grant.token

    def _can_repeat(self) -> bool:
        return self._auth.can_repeat and self._number < MAX_LOGINS
