"""Messages for requests that failed.

No text of another library or of the server is shown, as it can hold a credential: only what OpenSSL
and the operating system call a failure.
"""

import http.client
import os
import ssl
from typing import Final

from avp_py.errors import FetchError
from avp_py.fetch.child.target import Target
from avp_py.network.tls import CLIENT_CERTIFICATE, EXPIRED, NOT_TLS, OTHER_NAME, UNKNOWN_CA

FILE: Final = "AVP_REPOSITORIES"
"""The setting whose file has credentials and certificates."""

_MAYBE_CERTIFICATE: Final = ", which may want a client certificate"
"""With TLS 1.3 a server says so after the handshake, and what it says may get lost."""


def connection_failed(error: Exception, target: Target, seconds: float) -> FetchError:
    """Return our error for one of a connection.

    Args:
        error: what a socket, OpenSSL or http.client raised.
        target: the URL that was requested.
        seconds: the time limit.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(error, target)
    if isinstance(error, TimeoutError):
        return FetchError(
            f"{target} did not answer completely within {seconds:.3g} s",
            hint="try again, and check the server and the network",
            is_down=True,
        )
    if isinstance(error, ssl.SSLError):
        return _tls(error, target)
    if isinstance(error, http.client.IncompleteRead | ConnectionResetError | BrokenPipeError):
        maybe = _MAYBE_CERTIFICATE if target.scheme == "https" else ""
        return FetchError(
            f"the server of {target} closed the connection before its answer was complete",
            hint=f"try again, and check the server{maybe}",
            is_down=True,
        )
    if isinstance(error, OSError):
        return _system(error, target)
    return FetchError(
        f"what answers at {target} does not speak HTTP",
        hint="check the URL, https or http and the port included",
    )


def unexpected(status: int, target: Target) -> FetchError:
    """Return the error for a status that has no meaning of its own for a request."""
    if status == 429 or status >= 500:
        return FetchError(
            f"the server of {target} failed, or has too much to do (HTTP status {status})",
            hint="try again later, and check the server",
            is_down=True,
        )
    return FetchError(
        f"the server of {target} answers with HTTP status {status}", hint="check the URL"
    )


def refused(status: int, target: Target, credential_url: str, *, was_sent: bool) -> FetchError:
    """Return the error for an answer that a request is not authorized.

    Args:
        status: 401 or 403.
        target: the URL that was requested.
        credential_url: the URL that the credential is for; empty without one.
        was_sent: whether it was sent with the request.
    """
    said = f"(HTTP status {status})"
    if was_sent and credential_url:
        return FetchError(
            f"the server of {target} rejected the credentials for {credential_url} {said}",
            hint=f"check these credentials in the file of {FILE}, or in Argo CD's Secret: they may "
            "be expired, or not permit this; some servers answer so where nothing exists, too",
        )
    if credential_url:
        return FetchError(
            f"the server of {target} wants credentials, and those for {credential_url} are not "
            f"sent there {said}",
            hint=f"name a shorter URL for them in the file of {FILE}, or, for archives on another "
            "host, set passCredentials there",
        )
    return FetchError(
        f"the server of {target} wants credentials, and there are none for it {said}",
        hint=f"add them to the file of {FILE}; some servers answer so where nothing exists, too",
    )


def too_large(target: Target, limit: int) -> FetchError:
    """Return the error for an answer that is larger than its limit."""
    size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
    return FetchError(
        f"what the server sends for {target} is larger than {size}",
        hint="check that the URL names what is meant; the operator's setting AVP_MAX_INPUT says "
        "how large charts and files may be",
    )


def _certificate(error: ssl.SSLCertVerificationError, target: Target) -> FetchError:
    code, said = error.verify_code, error.verify_message.rstrip(".")
    subject = f"the TLS certificate of {target}"
    if code in EXPIRED:
        return FetchError(
            f"{subject} is expired, or not valid yet: {said}",
            hint="renew the certificate of the server, and check the clock of this machine",
            is_down=True,
        )
    if code in OTHER_NAME:
        return FetchError(
            f"{subject} is for another name: {said}", hint="use a name of the certificate"
        )
    if code in UNKNOWN_CA:
        return FetchError(
            f"{subject} is not signed by a trusted CA: {said}",
            hint=f"name the CA certificate for this URL in the file of {FILE}",
        )
    return FetchError(
        f"{subject} is not trusted: {said}", hint="check the certificate of the server"
    )


def _tls(error: ssl.SSLError, target: Target) -> FetchError:
    reason = error.reason or ""
    words = reason.replace("_", " ").lower() or "the connection was closed"
    if reason in NOT_TLS:
        return FetchError(
            f"the server of {target} does not speak TLS, but most likely plain HTTP ({words})",
            hint="use an http URL if that is meant (for a registry, plainHTTP in the file of "
            f"{FILE}), or turn on TLS there",
        )
    if reason in CLIENT_CERTIFICATE:
        return FetchError(
            f"the server of {target} wants a client certificate, or rejected ours ({words})",
            hint=f"name a valid certificate and its key for this URL in the file of {FILE}",
        )
    return FetchError(
        f"no TLS connection to {target}: {words}",
        hint=f"check the TLS settings of the server{_MAYBE_CERTIFICATE}",
        is_down=True,
    )


def _system(error: OSError, target: Target) -> FetchError:
    if isinstance(error, ConnectionRefusedError):
        return FetchError(
            f"{target.netloc} refused the connection",
            hint="check the host and the port of the URL, and that the server runs",
            is_down=True,
        )
    if isinstance(error, PermissionError):
        return FetchError(
            f"the sandbox does not permit connections to port {target.port}",
            hint="the operator's setting AVP_RENDER_PORTS lists the permitted ports",
        )
    said = os.strerror(error.errno) if error.errno else "the connection failed"
    return FetchError(
        f"no connection to {target.netloc}: {said}",
        hint="check the host of the URL, and the network",
        is_down=True,
    )
