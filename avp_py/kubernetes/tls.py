"""TLS to the Kubernetes API."""

import ssl

from avp_py.errors import SettingsError
from avp_py.kubernetes.access import Access
from avp_py.network.tls import load_client_certificate, new_context, trust_system


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
    client = access.client_certificate
    if client is not None:
        try:
            load_client_certificate(context, client.chain, client.key.reveal())
        except OSError:
            raise SettingsError(
                f"client certificate and key in {access.source} cannot be used",
                hint="they must be in PEM, belong together, and the key must not be encrypted",
            ) from None
    return context
