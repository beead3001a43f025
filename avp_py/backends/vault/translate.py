"""The one place where errors of hvac, requests and urllib3 become ours.

None of their texts are passed on, but for the error list of Vault's own answer: theirs can hold
headers, and with them the token.
"""

import os
import socket

import hvac.exceptions
import requests
import urllib3.exceptions

from avp_py.errors import BackendError, ForbiddenError, NotFoundError, UnreachableError
from avp_py.settings import VaultSettings


class Translator:
    """Words for what went wrong with one Vault."""

    def __init__(self, settings: VaultSettings) -> None:
        self._address = settings.address
        self._timeout = settings.timeout
        self._tries = f"{settings.max_retries + 1} tries"

    def not_vault(self) -> UnreachableError:
        """An answer that Vault would not give."""
        return UnreachableError(
            f"what answers at {self._address} is not Vault",
            hint="check VAULT_ADDR; a proxy or a login page may stand before Vault",
        )

    def vault_error(self, error: hvac.exceptions.VaultError) -> BackendError:
        """A status that is none of success."""
        said = _said(error)
        match error:
            case hvac.exceptions.Forbidden() | hvac.exceptions.Unauthorized():
                return ForbiddenError(said or "permission denied")
            case hvac.exceptions.InvalidPath():
                return NotFoundError(said or "there is nothing at that path")
            case hvac.exceptions.InvalidRequest() | hvac.exceptions.ParamValidationError():
                return BackendError(f"Vault does not take the request: {said or 'bad request'}")
            case hvac.exceptions.VaultDown():
                hint = "unseal it, or wait for its active node"
                return UnreachableError(f"Vault at {self._address} is sealed or down", hint=hint)
            case hvac.exceptions.VaultNotInitialized():
                return UnreachableError(f"Vault at {self._address} is not initialised")
            case hvac.exceptions.RateLimitExceeded():
                hint = "lower AVP_CONCURRENCY, or raise the quota"
                return UnreachableError("Vault's rate limit is reached", hint=hint)
        return UnreachableError(
            f"Vault at {self._address} failed{f': {said}' if said else ''} ({self._tries})",
            hint="look into Vault's log",
        )

    def transport_error(self, error: Exception) -> BackendError:
        """No answer, or half of one: an error of requests or urllib3."""
        match error:
            case requests.exceptions.SSLError() | urllib3.exceptions.SSLError():
                return UnreachableError(
                    f"no trusted TLS connection to {self._address}",
                    hint="check VAULT_CACERT, VAULT_TLS_SERVER_NAME, and the client certificate",
                )
            case requests.exceptions.Timeout() | urllib3.exceptions.TimeoutError():
                return UnreachableError(
                    f"{self._address} did not answer within {self._timeout:g} s ({self._tries})",
                    hint="check the network; VAULT_CLIENT_TIMEOUT sets the time",
                )
            case requests.exceptions.ProxyError() | urllib3.exceptions.ProxyError():
                return UnreachableError(
                    f"the proxy on the way to {self._address} cannot be used",
                    hint="check HTTPS_PROXY and NO_PROXY",
                )
            case requests.exceptions.InvalidHeader():
                return BackendError(
                    "the token or the namespace holds a character that no header can carry",
                    hint="check VAULT_TOKEN and VAULT_NAMESPACE",
                )
            case requests.exceptions.TooManyRedirects():
                return UnreachableError(
                    f"{self._address} sends us in circles", hint="check VAULT_ADDR"
                )
            case (
                requests.exceptions.ChunkedEncodingError()
                | requests.exceptions.ContentDecodingError()
                | urllib3.exceptions.ProtocolError()
                | urllib3.exceptions.DecodeError()
            ):
                return UnreachableError(
                    f"the answer of {self._address} broke off",
                    hint="try again; look into Vault's log",
                )
        why = _system_reason(error)
        return UnreachableError(
            f"no connection to Vault at {self._address}{f': {why}' if why else ''} ({self._tries})",
            hint="check VAULT_ADDR, and that Vault can be reached from here",
        )


def _said(error: hvac.exceptions.VaultError) -> str:
    """What Vault's own list of errors says, on one line and cut; nothing of any other text."""
    errors = error.errors if isinstance(error.errors, list) else []
    return "; ".join(" ".join(str(each).split()) for each in errors)[:300]


def _system_reason(error: BaseException) -> str:
    """What the operating system said of a connection, as `Connection refused`."""
    current: BaseException | None = error
    while current is not None:
        if isinstance(current, socket.gaierror):
            return "its name does not resolve"
        if isinstance(current, OSError) and current.errno:
            return os.strerror(current.errno)
        current = current.__cause__ or current.__context__
    return ""
