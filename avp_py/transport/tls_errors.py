"""Messages for a TLS connection that failed: why, and which setting fixes it."""

import ssl
from collections.abc import Iterator
from typing import Final

from avp_py.settings import VaultSettings

_EXPIRED: Final = (9, 10)
"""OpenSSL's codes (x509_vfy.h, v3.0) for a certificate that is not yet valid, or expired."""

_OTHER_NAME: Final = (62, 64)
"""The same for a certificate that is for another name, and for another IP address."""

_UNKNOWN_CA: Final = (2, 18, 19, 20, 21)
"""The same for a chain that does not end in a trusted certificate."""

_NOT_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}
)
"""What OpenSSL, depending on its version, calls an answer that is not a TLS record."""

_CLIENT_CERTIFICATE: Final = frozenset(
    f"{version}_ALERT_{name}"
    for version in ("SSLV3", "TLSV1", "TLSV13")
    for name in (
        "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED", "CERTIFICATE_REQUIRED", "CERTIFICATE_REVOKED",
        "CERTIFICATE_UNKNOWN", "NO_CERTIFICATE", "UNKNOWN_CA", "UNSUPPORTED_CERTIFICATE",
    )
)  # fmt: skip
"""What it calls the server's alerts about our certificate, or about a missing one."""

PLAIN_HTTP_TO_TLS: Final = (
    "Client sent an HTTP request to an HTTPS server",
    "The plain HTTP request was sent to HTTPS port",
)
"""What servers that speak TLS answer to plain HTTP: Go's, and with it Vault; nginx."""


def explain_tls(error: Exception, address: str, settings: VaultSettings) -> tuple[str, str]:
    """Return what failed, and what to do.

    Args:
        error: the error of requests or urllib3, with OpenSSL's among its causes.
        address: the server's.
        settings: Vault's.
    """
    for each in chain(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return _of_certificate(each, address, settings)
        if isinstance(each, ssl.SSLError) and each.reason:
            return _of_connection(each.reason, address, settings)
    return (
        f"no TLS connection to {address}",
        f"check {settings.address_setting}, VAULT_CACERT and VAULT_CLIENT_CERT",
    )


def _of_certificate(
    error: ssl.SSLCertVerificationError, address: str, settings: VaultSettings
) -> tuple[str, str]:
    code, said = error.verify_code, error.verify_message.rstrip(".")
    subject = f"the TLS certificate of {address}"
    if code in _EXPIRED:
        return (
            f"{subject} is expired, or not valid yet: {said}",
            "renew the certificate of the server, and check the clock of this machine",
        )
    if code in _OTHER_NAME:
        return (
            f"{subject} is for another name: {said}",
            f"use a name of the certificate in {settings.address_setting}, or set "
            "VAULT_TLS_SERVER_NAME to one",
        )
    if code in _UNKNOWN_CA:
        return f"{subject} is not signed by a trusted CA: {said}", _trust(settings)
    return (
        f"{subject} is not trusted: {said}",
        f"{_trust(settings)}; check the certificate of the server",
    )


def _trust(settings: VaultSettings) -> str:
    for name, value in (
        ("VAULT_CACERT", settings.ca_cert),
        ("VAULT_CACERT_BYTES", settings.ca_cert_text),
        ("VAULT_CAPATH", settings.ca_path),
    ):
        if value is not None:
            return f"put the CA certificate that signed it into {name}"
    return (
        "set VAULT_CACERT to a PEM file with the CA certificate that signed it (without one, those "
        "of this system are trusted)"
    )


def _of_connection(reason: str, address: str, settings: VaultSettings) -> tuple[str, str]:
    words = reason.replace("_", " ").lower()
    if reason in _NOT_TLS:
        plain = address.replace("https://", "http://", 1)
        fix = f"set {settings.address_setting}={plain} if that is meant, or turn on TLS there"
        if address != settings.address:
            fix = f"check where {settings.address_setting} redirects to"
        return (
            f"the server at {address} does not speak TLS, but most likely plain HTTP ({words})",
            fix,
        )
    if reason in _CLIENT_CERTIFICATE:
        if settings.client_cert is None:
            return (
                f"the server at {address} requires a client certificate ({words})",
                "set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY",
            )
        return (
            f"the server at {address} rejected our client certificate ({words})",
            "set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY to a valid certificate of a CA that the "
            "server trusts",
        )
    return (
        f"no TLS connection to {address}: {words}",
        f"check {settings.address_setting}, the server's TLS settings, VAULT_TLS_SERVER_NAME and "
        "VAULT_CLIENT_CERT",
    )


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes; urllib3 hides some behind a cause that has none."""
    yield error
    for each in (error.__cause__, error.__context__):
        if each is not None:
            yield from chain(each)
