"""Errors of requests to Vault, as errors of a backend.

No text of hvac is passed on, as it can hold headers, and with them the token: only the list of
errors in Vault's own answer.
"""

from typing import Final

import hvac.exceptions

from avp_py.backends.vault.adapter import StatusError, rejects_credential
from avp_py.backends.vault.route import describe_peer
from avp_py.errors import BackendError, ForbiddenError, LoginError, NotFoundError, UnreachableError
from avp_py.settings import VaultSettings
from avp_py.transport import Problem, RequestFailedError, count_attempts, needs_tls, not_the_peer

PLAIN_HTTP_TO_TLS: Final = (
    "Client sent an HTTP request to an HTTPS server",
    "The plain HTTP request was sent to HTTPS port",
)
"""What servers that speak TLS answer to plain HTTP: Go's, and with it Vault; nginx."""

_OTHER_SERVER: Final = frozenset({Problem.TLS, Problem.TIMEOUT, Problem.NOT_HTTP})
"""What can also mean that another server than Vault is at the default address."""


class RejectedError(BackendError):
    """Vault does not allow the request.

    Attributes:
        said: what Vault said of it.
        status: the status of its answer.
    """

    def __init__(self, said: str, status: int) -> None:
        super().__init__(
            f"Vault rejected the request ({status}): {said}",
            hint="check the path, and the version if one is named",
        )
        self.said = said
        self.status = status


class Translator:
    """Makes the errors for one Vault."""

    def __init__(self, settings: VaultSettings) -> None:
        self._peer = describe_peer(settings)
        self._is_default_address = settings.is_default_address

    def translate(self, failed: RequestFailedError | StatusError) -> BackendError:
        """Return the error of a backend for a failed request."""
        if isinstance(failed, StatusError):
            return self._translate_status(failed)
        return self._translate_network(failed)

    def not_vault(self) -> UnreachableError:
        """Return the error for an answer that Vault would not give."""
        return self._maybe_other_server(*not_the_peer(self._peer))

    def _translate_network(self, failed: RequestFailedError) -> BackendError:
        if failed.problem is Problem.HEADER:
            return BackendError(failed.reason, hint=failed.hint)
        if failed.problem is Problem.CONNECTION and self._is_default_address:
            return UnreachableError(
                f"VAULT_ADDR is not set (tried the default {self._peer.address})"
                f"{failed.cause and f': {failed.cause}'}",
                hint="set it, or use AVP_TYPE=file",
            )
        if failed.problem in _OTHER_SERVER:
            return self._maybe_other_server(failed.reason, failed.hint)
        return UnreachableError(failed.reason, hint=failed.hint)

    def _maybe_other_server(self, reason: str, hint: str) -> UnreachableError:
        """Return an error whose cause may be that no address is set, and the default was tried."""
        if self._is_default_address:
            reason = f"{reason}; VAULT_ADDR is not set, so the default was tried"
            hint = f"set VAULT_ADDR, or use AVP_TYPE=file; else {hint}"
        return UnreachableError(reason, hint=hint)

    def _translate_status(self, failed: StatusError) -> BackendError:
        error, attempts = failed.error, count_attempts(failed.attempts)
        address = self._peer.address
        match error:
            case hvac.exceptions.VaultDown():
                return UnreachableError(
                    f"Vault at {address} is sealed or down ({attempts})",
                    hint="unseal it, or wait for its active node",
                )
            case hvac.exceptions.VaultNotInitialized():
                return UnreachableError(
                    f"Vault at {address} is not initialised",
                    hint="initialise it with: vault operator init",
                )
            case hvac.exceptions.RateLimitExceeded():
                return UnreachableError(
                    f"Vault at {address} rejected the request because of a rate limit ({attempts})",
                    hint="lower AVP_CONCURRENCY, or raise the quota",
                )
        return self._translate_answer(error, failed.status, attempts)

    def _translate_answer(
        self, error: hvac.exceptions.VaultError, status: int, attempts: str
    ) -> BackendError:
        """Return the error for an answer of Vault's that is about the request."""
        said = _message(error)
        if error.errors is None and status < 500:
            if any(each in (error.text or "") for each in PLAIN_HTTP_TO_TLS):
                reason, hint = needs_tls(self._peer)
                return UnreachableError(reason, hint=hint)
            return self.not_vault()
        if rejects_credential(error):
            return BackendError(
                f"the credential was rejected: {said}",
                hint="check it, and what Vault is configured with",
            )
        match error:
            case hvac.exceptions.Forbidden() | hvac.exceptions.Unauthorized():
                if "invalid token" in said:
                    return LoginError(
                        f"Vault rejected the token ({status})",
                        hint="it has expired, was revoked, or is from another Vault",
                    )
                return ForbiddenError(said or "permission denied")
            case hvac.exceptions.InvalidPath():
                return NotFoundError(said or "there is nothing at that path")
            case hvac.exceptions.InvalidRequest():
                return RejectedError(said or "bad request", status)
            case hvac.exceptions.UnexpectedError() if status == 405:
                return RejectedError(said or "unsupported operation", status)
        return UnreachableError(
            f"Vault at {self._peer.address} failed with status {status}{said and f': {said}'} "
            f"({attempts})",
            hint="try again; check Vault's log",
        )


def _message(error: hvac.exceptions.VaultError) -> str:
    """Return Vault's own list of errors, on one line and cut."""
    return "; ".join(" ".join(each.split()) for each in error.errors or ())[:300]
