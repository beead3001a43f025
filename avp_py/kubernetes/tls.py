"""TLS to the Kubernetes API."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from avp_py.errors import SettingsError
from avp_py.kubernetes.access import Access, ClientCertificate
from avp_py.settings import Sensitive
from avp_py.transport import new_context, trust_system


def open_context(access: Access) -> ssl.SSLContext:
    """Return the context of a TLS connection.

    Raises:
        SettingsError: a certificate or key cannot be used.
    """
    context = new_context(verify=access.verify)
    if access.ca_certificates is not None:
        try:
            context.load_verify_locations(cadata=access.ca_certificates)
        except ssl.SSLError:
            raise SettingsError(
                f"the CA certificates in {access.ca_setting} are invalid",
                hint="they must be complete, in PEM",
            ) from None
    elif access.verify:
        trust_system(context)
    if access.client_certificate is not None:
        try:
            _load(context, access.client_certificate)
        except OSError:
            raise SettingsError(
                f"client certificate and key in {access.source} cannot be used",
                hint="they must be in PEM, belong together, and the key must not be encrypted",
            ) from None
    return context


def _load(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Give certificate and key to OpenSSL, which reads them from files only.

    A pipe is such a file, and its content is never on a disk: nothing is left if we are killed.
    """
    chain = Sensitive(certificate.chain)
    with _as_file(chain) as chain_file, _as_file(certificate.key) as key_file:
        # With a password OpenSSL does not ask the terminal for one.
        context.load_cert_chain(chain_file, key_file, password="")


@contextmanager
def _as_file(text: Sensitive) -> Iterator[str]:
    """Yield the name of a file that holds a text, for one read.

    Raises:
        OSError: a pipe is too small for it.
    """
    data = text.reveal().encode()
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
