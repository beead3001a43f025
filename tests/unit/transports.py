"""What tests of requests share: a server as messages name it, and errors as OpenSSL raises them."""

import ssl
from typing import Final

from avp_py.transport import Peer

CANARY: Final = "canary-of-the-original"
"""The text of errors of other libraries, which no message may show."""


def server(address: str) -> Peer:
    """A server, with settings that are easy to find in a message."""
    return Peer(
        name="the server",
        address=address,
        address_setting="ADDRESS",
        timeout_setting="TIMEOUT",
        proxy_setting="PROXY",
        header_settings="TOKEN",
        ca_hint="put it into CA",
        server_name_setting="SERVER_NAME",
        client_certificate_setting="CERTIFICATE and KEY",
        has_client_certificate=False,
        redirect_setting="",
    )


def tls_error(reason: str) -> ssl.SSLError:
    """The error of a connection, by OpenSSL's word for it."""
    error = ssl.SSLError(1, CANARY)
    error.reason = reason
    return error


def certificate_error(code: int, message: str) -> ssl.SSLCertVerificationError:
    """The error of a certificate, by OpenSSL's number and message."""
    error = ssl.SSLCertVerificationError(1, CANARY)
    error.verify_code, error.verify_message = code, message
    return error
