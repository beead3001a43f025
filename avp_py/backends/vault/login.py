"""One login for all reads of a run, and one more where Vault refuses the token of the first."""

import threading
from typing import Final

from avp_py.backends.vault.auth import AuthMethod
from avp_py.backends.vault.connection import Connection
from avp_py.errors import BackendError, LoginError, UnreachableError

MAX_LOGINS: Final = 2
"""How often a run logs in: the second time because the first token may have expired."""


class Login:
    """The state of the login that threads share."""

    def __init__(self, connection: Connection, auth: AuthMethod) -> None:
        self._connection = connection
        self._auth = auth
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
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._number > refused or (self._number and not self._can_repeat()):
                return self._number
            try:
                self._connection.log_in(self._auth)
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

    def _can_repeat(self) -> bool:
        return self._auth.can_repeat and self._number < MAX_LOGINS
