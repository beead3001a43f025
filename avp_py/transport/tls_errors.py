"""Messages for a TLS connection that failed: why, and which setting fixes it."""

import ssl

from avp_py.network.tls import CLIENT_CERTIFICATE, EXPIRED, NOT_TLS, OTHER_NAME, UNKNOWN_CA
from avp_py.transport.peer import Peer
from avp_py.transport.problems import chain


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
    if code in EXPIRED:
        return (
            f"{subject} is expired, or not valid yet: {said}",
            "renew the certificate of the server, and check the clock of this machine",
        )
    if code in OTHER_NAME:
        return (
            f"{subject} is for another name: {said}",
            f"use a name of the certificate in {peer.address_setting}, or set "
            f"{peer.server_name_setting} to one",
        )
    if code in UNKNOWN_CA:
        return f"{subject} is not signed by a trusted CA: {said}", peer.ca_hint
    return (
        f"{subject} is not trusted: {said}",
        f"{peer.ca_hint}; check the certificate of the server",
    )


def _explain_connection(reason: str, address: str, peer: Peer) -> tuple[str, str]:
    words = reason.replace("_", " ").lower()
    if reason in NOT_TLS:
        plain = address.replace("https://", "http://", 1)
        fix = f"set {peer.address_setting} to {plain} if that is meant, or turn on TLS there"
        if address != peer.address:
            fix = f"check where {peer.address_setting} redirects to"
        return (
            f"the server at {address} does not speak TLS, but most likely plain HTTP ({words})",
            fix,
        )
    if reason in CLIENT_CERTIFICATE:
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
