"""TLS contexts that verify as Go does, and with it kubectl, vault and argocd-vault-plugin."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

EXPIRED: Final = (9, 10)
"""OpenSSL's codes (x509_vfy.h, v3.0) for a certificate that is not yet valid, or expired."""

OTHER_NAME: Final = (62, 64)
"""The same for a certificate that is for another name, and for another IP address."""

UNKNOWN_CA: Final = (2, 18, 19, 20, 21)
"""The same for a chain that does not end in a trusted certificate."""

NOT_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}
)
"""What OpenSSL, depending on its version, calls an answer that is not a TLS record."""

CLIENT_CERTIFICATE: Final = frozenset(
    f"{version}_ALERT_{name}"
    for version in ("SSLV3", "TLSV1", "TLSV13")
    for name in (
        "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED", "CERTIFICATE_REQUIRED", "CERTIFICATE_REVOKED",
        "CERTIFICATE_UNKNOWN", "NO_CERTIFICATE", "UNKNOWN_CA", "UNSUPPORTED_CERTIFICATE",
    )
)  # fmt: skip
"""What it calls the server's alerts about our certificate, or about a missing one."""


def new_context(*, verify: bool) -> ssl.SSLContext:
    """Return a context that trusts nobody yet.

    This is not ssl.create_default_context: from Python 3.13 on that rejects CA certificates that Go
    accepts, and that are in use (VERIFY_X509_STRICT).

    Args:
        verify: whether the server's certificate is verified at all.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.hostname_checks_common_name = False
    if verify:
        # Any certificate that is listed can be the end of a chain.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def trust_system(context: ssl.SSLContext) -> None:
    """Trust the CA certificates of the system; those of certifi where there are none."""
    context.load_default_certs()
    known = ssl.get_default_verify_paths()
    if not known.cafile and not known.capath:
        # Python for macOS finds none where its OpenSSL looks.
        import certifi

        context.load_verify_locations(certifi.where())


def load_client_certificate(context: ssl.SSLContext, chain: str, key: str) -> None:
    """Give certificate and key to OpenSSL, which reads them from files only.

    A pipe is such a file, and its content is never on a disk: nothing is left if we are killed.

    Args:
        context: the context that uses them.
        chain: the certificate, with what it depends on, in PEM.
        key: its private key, in PEM.

    Raises:
        OSError: they cannot be used.
    """
    with _as_file(chain) as chain_file, _as_file(key) as key_file:
        # With a password OpenSSL does not ask the terminal for one.
        context.load_cert_chain(chain_file, key_file, password="")


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """Yield the name of a file that holds a text, for one read.

    Raises:
        OSError: a pipe is too small for it.
    """
    data = text.encode()
    reader, writer = os.pipe()
    try:
        try:
            os.set_blocking(writer, False)
            whole = os.write(writer, data) == len(data)
        finally:
            os.close(writer)
        if not whole:
            raise BlockingIOError
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)
