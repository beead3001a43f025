"""The server at the other end, in the words of messages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """A server, and what decides how it is reached.

    A setting is named so that it can follow "check" or "set": `VAULT_ADDR`, or
    `the server in /home/me/.kube/config`.

    Attributes:
        name: what it is: `Vault`.
        address: its URL.
        address_setting: the setting of the URL.
        timeout_setting: the setting of the time limit; `""` where it is fixed.
        proxy_setting: the setting of the proxy.
        header_settings: the settings of the headers.
        ca_hint: what to do where its certificate is signed by an unknown CA.
        server_name_setting: the setting of the name that its certificate must have.
        client_certificate_setting: the settings of our certificate and its key.
        has_client_certificate: whether there is such a certificate.
        redirect_setting: what forbids redirects; `""` where nothing can allow them.
    """

    name: str
    address: str
    address_setting: str
    timeout_setting: str
    proxy_setting: str
    header_settings: str
    ca_hint: str
    server_name_setting: str
    client_certificate_setting: str
    has_client_certificate: bool
    redirect_setting: str
