"""Messages for a TLS connection that failed: why, and which setting fixes it."""

import ssl
from typing import Final

from avp_py.transport.peer import Peer
from avp_py.transport.problems import chain

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


def explain_tls(error: Exception, address: str, peer: Peer) -> tuple[str, str]:
    """Return what failed, and what to do.

    Args:
        error: the error of requests or urllib3, with OpenSSL's among its causes.
        address: the URL that was contacted; not the server's own after a redirect.
        peer: the server.
    """
    for each in chain(error):
        if isinstance(each, ssl.SSLCertVerificationError) and hasattr(each, "verify_code"):
            return _explain_certificate(each, address, peer)
        # Only those of OpenSSL have a reason.
        if isinstance(each, ssl.SSLError) and (reason := getattr(each, "reason", None)):
            return _explain_connection(reason, address, peer)
    return (
        f"no TLS connection to {address}",
        f"check {peer.address_setting}, and that the server speaks TLS",
    )


def _explain_certificate(
    error: ssl.SSLCertVerificationError, address: str, peer: Peer
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
            f"use a name of the certificate in {peer.address_setting}, or set "
            f"{peer.server_name_setting} to one",
        )
    if code in _UNKNOWN_CA:
        return f"{subject} is not signed by a trusted CA: {said}", peer.ca_hint
    return (
        f"{subject} is not trusted: {said}",
        f"{peer.ca_hint}; check the certificate of the server",
    )


def _explain_connection(reason: str, address: str, peer: Peer) -> tuple[str, str]:
    words = reason.replace("_", " ").lower()
    if reason in _NOT_TLS:
        plain = address.replace("https://", "http://", 1)
        fix = f"set {peer.address_setting} to {plain} if that is meant, or turn on TLS there"
        if address != peer.address:
            fix = f"check where {peer.address_setting} redirects to"
        return (
            f"the server at {address} does not speak TLS, but most likely plain HTTP ({words})",
            fix,
        )
    if reason in _CLIENT_CERTIFICATE:
        setting = peer.client_certificate_setting
        if not peer.has_client_certificate:
            return (
                f"the server at {address} requires a client certificate ({words})",
                f"set {setting}",
            )
        return (
            f"the server at {address} rejected our client certificate ({words})",
            f"set {setting} to a valid certificate of a CA that the server trusts, and its key",
        )
    return (
        f"no TLS connection to {address}: {words}",
        f"check {peer.address_setting}, the server's TLS settings, {peer.server_name_setting} and "
        f"{peer.client_certificate_setting}",
    )
