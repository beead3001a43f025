"""The one place where errors of hvac, requests and urllib3 become ours.

None of their texts are passed on: theirs can hold headers, and with them the token. What is passed
on is the error list of Vault's own answer, and what OpenSSL and the system call a failure.
"""

import http.client
import os
import socket
from urllib.parse import urlsplit

import hvac.exceptions
import requests
import urllib3.exceptions

from avp_py.backends.vault.adapter import (
    MAX_ANSWER_BYTES,
    TooLargeError,
    TriedError,
    is_refused_behind,
)
from avp_py.errors import BackendError, ForbiddenError, LoginError, NotFoundError, UnreachableError
from avp_py.settings import VaultSettings
from avp_py.transport.tls_errors import PLAIN_HTTP_TO_TLS, chain, explain_tls


class RejectedError(BackendError):
    """Vault does not allow the request.

    Attributes:
        said: what Vault said of it.
        status: the status of its answer.
    """

    def __init__(self, said: str, status: int | None) -> None:
        super().__init__(
            f"Vault rejected the request ({status}): {said}",
            hint="check the path, and the version if one is named",
        )
        self.said = said
        self.status = status


class Translator:
    """Words for what went wrong with one Vault."""

    def __init__(self, settings: VaultSettings) -> None:
        self._settings = settings
        self._setting = settings.address_setting
        self._address = settings.address
        self._timeout = settings.timeout
        self._stays = settings.disable_redirects
        if settings.proxy is None:
            self._proxies = "HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
        else:
            self._proxies = "VAULT_PROXY_ADDR" if settings.proxy_address else "VAULT_HTTP_PROXY"

    def translate(self, tried: TriedError) -> BackendError:
        """Our error for a request that came to nothing."""
        tries = "1 try" if tried.tries == 1 else f"{tried.tries} tries"
        if isinstance(tried.error, hvac.exceptions.VaultError):
            return self._refusal(tried.error, tried.status, tries)
        return self._loss(tried.error, tries)

    def not_vault(self) -> UnreachableError:
        """An answer that Vault would not give."""
        return self._misled(
            f"what answers at {self._address} is not Vault",
            f"check {self._setting}, https or http included; a proxy or a login page may be in "
            "front of Vault",
        )

    def _misled(self, reason: str, hint: str) -> UnreachableError:
        """An error whose cause may be that no address is set, and the default was tried."""
        if self._settings.is_default_address:
            reason = f"{reason}; VAULT_ADDR is not set, so the default was tried"
            hint = f"set VAULT_ADDR, or use AVP_TYPE=file; else {hint}"
        return UnreachableError(reason, hint=hint)

    def _speaks_tls(self) -> UnreachableError:
        address = self._address.replace("http://", "https://", 1)
        return UnreachableError(
            f"the server at {self._address} speaks TLS, not plain HTTP",
            hint=f"set {self._setting}={address}",
        )

    def _refusal(
        self, error: hvac.exceptions.VaultError, status: int | None, tries: str
    ) -> BackendError:
        """A status that is none of success."""
        said = _said(error)
        match error:
            case hvac.exceptions.VaultDown():
                return UnreachableError(
                    f"Vault at {self._address} is sealed or down ({tries})",
                    hint="unseal it, or wait for its active node",
                )
            case hvac.exceptions.VaultNotInitialized():
                return UnreachableError(
                    f"Vault at {self._address} is not initialised",
                    hint="initialise it with: vault operator init",
                )
            case hvac.exceptions.RateLimitExceeded():
                return UnreachableError(
                    f"the rate limit is reached at {self._address} ({tries})",
                    hint="lower AVP_CONCURRENCY, or raise the quota",
                )
        if error.errors is None and (status or 0) < 500:
            if any(each in (error.text or "") for each in PLAIN_HTTP_TO_TLS):
                return self._speaks_tls()
            return self.not_vault()
        if is_refused_behind(error):
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
            f"Vault at {self._address} failed with status {status}"
            f"{f': {said}' if said else ''} ({tries})",
            hint="try again; look into Vault's log",
        )

    def _loss(self, error: Exception, tries: str) -> BackendError:
        """No answer, or half of one: an error of requests or urllib3."""
        match error:
            case requests.exceptions.SSLError() | urllib3.exceptions.SSLError():
                return self._misled(*explain_tls(error, self._asked(error), self._settings))
            case requests.exceptions.Timeout() | urllib3.exceptions.TimeoutError():
                return self._misled(
                    f"{self._address} did not answer within {self._timeout:g} s",
                    "check the network; VAULT_CLIENT_TIMEOUT sets the time",
                )
            case (
                requests.exceptions.ProxyError()
                | requests.exceptions.InvalidProxyURL()
                | requests.exceptions.InvalidSchema()
                | urllib3.exceptions.ProxyError()
                | urllib3.exceptions.ProxySchemeUnknown()
            ):
                return UnreachableError(
                    f"the proxy on the way to {self._address} cannot be used",
                    hint=f"check {self._proxies}",
                )
            case (
                requests.exceptions.InvalidHeader()
                | urllib3.exceptions.InvalidHeader()
                | UnicodeError()
            ):
                return BackendError(
                    "the token or the namespace holds a character that no header can carry",
                    hint="check VAULT_TOKEN and VAULT_NAMESPACE",
                )
            case (
                requests.exceptions.InvalidURL()
                | requests.exceptions.MissingSchema()
                | urllib3.exceptions.LocationValueError()
            ):
                return UnreachableError(
                    f"{self._setting}, {self._address}, is not an address",
                    hint=f"write it as https://vault.example:8200, and check {self._proxies}",
                )
            case requests.exceptions.TooManyRedirects():
                if self._stays:
                    return UnreachableError(
                        f"{self._address} sends us on, and VAULT_DISABLE_REDIRECTS is true",
                        hint=f"name the active node in {self._setting}",
                    )
                return UnreachableError(
                    f"{self._address} sends us on more than once, or away from https",
                    hint=f"check {self._setting}",
                )
            case TooLargeError():
                return UnreachableError(
                    f"the answer of {self._address} is larger than {MAX_ANSWER_BYTES >> 20} MiB",
                    hint=f"check {self._setting}, and what is stored there",
                )
            case requests.exceptions.InvalidJSONError():
                return self.not_vault()
            case (
                requests.exceptions.ChunkedEncodingError()
                | requests.exceptions.ContentDecodingError()
                | urllib3.exceptions.ProtocolError()
                | urllib3.exceptions.IncompleteRead()
                | urllib3.exceptions.InvalidChunkLength()
                | urllib3.exceptions.DecodeError()
            ):
                return UnreachableError(
                    f"the answer of {self._address} broke off or cannot be read ({tries})",
                    hint="try again; look into the log of Vault, or of what stands before it",
                )
        causes = list(chain(error))
        if any(_is_tls_alert(each) for each in causes):
            return self._speaks_tls()
        if any(_is_not_http(each) for each in causes):
            return self.not_vault()
        because = _because(_system_reason(error))
        if self._settings.is_default_address:
            return UnreachableError(
                f"VAULT_ADDR is not set (tried the default {self._address}){because}",
                hint="set it, or use AVP_TYPE=file",
            )
        return UnreachableError(
            f"no connection to Vault at {self._address}{because} ({tries})",
            hint=f"check {self._setting}, and that Vault can be reached from here",
        )

    def _asked(self, error: Exception) -> str:
        """The address that a request went to: another than ours after a redirect."""
        asked = getattr(getattr(error, "request", None), "url", None) or ""
        url = urlsplit(asked)
        if not url.hostname or asked.startswith(f"{self._address}/"):
            return self._address
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _said(error: hvac.exceptions.VaultError) -> str:
    """What Vault's own list of errors says, on one line and cut."""
    return "; ".join(" ".join(each.split()) for each in error.errors or ())[:300]


def _is_not_http(error: BaseException) -> bool:
    return isinstance(error, http.client.HTTPException) and not isinstance(
        error, http.client.RemoteDisconnected | http.client.IncompleteRead
    )


def _is_tls_alert(error: BaseException) -> bool:
    """Whether a server answered plain HTTP with an alert of TLS, as some do."""
    return isinstance(error, http.client.BadStatusLine) and str(error).startswith("\x15\x03")


def _system_reason(error: Exception) -> str:
    """What the operating system said of a connection, as `Connection refused`."""
    for each in chain(error):
        if isinstance(each, socket.gaierror):
            return "its name does not resolve"
        if isinstance(each, http.client.RemoteDisconnected):
            return "it was closed without an answer"
        if isinstance(each, OSError) and each.errno:
            return os.strerror(each.errno)
    return ""
