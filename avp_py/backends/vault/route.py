"""How Vault is reached, by the variables of its own client (api/client.go, v1.22)."""

from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from avp_py.backends.vault.tls import names_files, open_context
from avp_py.errors import SettingsError
from avp_py.network.proxies import proxies_for
from avp_py.settings import VaultSettings
from avp_py.transport import Peer, Route

MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Vault's own limit for a request is 32 MiB (max_request_size); no secret can be larger."""


def open_route(settings: VaultSettings, environ: Mapping[str, str], connections: int) -> Route:
    """Return the route to Vault; nothing is sent.

    Args:
        settings: Vault's.
        environ: the environment of the run, which may name proxies.
        connections: how many threads read at once, and so how many connections are kept.

    Raises:
        SettingsError: a file for TLS cannot be used, or the address is not valid.
    """
    try:
        url = urlsplit(settings.address)
        port = url.port
    except ValueError:
        raise SettingsError(
            f"{settings.address_setting} is not a valid URL: {settings.address!r}",
            hint="set it to https://HOST:PORT",
        ) from None
    if settings.srv_lookup and settings.socket is None and port is None:
        raise SettingsError(
            "VAULT_SRV_LOOKUP is true, but SRV records of DNS are not looked up",
            hint="name Vault's host and port in VAULT_ADDR",
        )
    context = None
    if url.scheme == "https" or names_files(settings):
        context = open_context(settings)
    return Route(
        peer=describe_peer(settings),
        open_context=partial(open_context, settings) if context is None else lambda: context,
        max_bytes=MAX_ANSWER_BYTES,
        server_name=settings.tls_server_name,
        proxies=proxies_of(settings, environ),
        socket=settings.socket,
        max_redirects=0 if settings.disable_redirects else 1,
        connections=connections,
    )


def proxies_of(settings: VaultSettings, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the URL of the proxy for each scheme, with its password; none for a socket."""
    if settings.socket is not None:
        return {}
    if settings.proxy is not None:
        return dict.fromkeys(("http", "https"), settings.proxy.reveal())
    return proxies_for(settings.address, environ)


def describe_peer(settings: VaultSettings) -> Peer:
    """Return Vault as messages name it."""
    proxies = "HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
    if settings.proxy is not None:
        proxies = "VAULT_PROXY_ADDR" if settings.proxy_address else "VAULT_HTTP_PROXY"
    return Peer(
        name="Vault",
        address=settings.address,
        address_setting=settings.address_setting,
        timeout_setting="VAULT_CLIENT_TIMEOUT",
        proxy_setting=proxies,
        header_settings="VAULT_TOKEN and VAULT_NAMESPACE",
        ca_hint=_ca_hint(settings),
        server_name_setting="VAULT_TLS_SERVER_NAME",
        client_certificate_setting="VAULT_CLIENT_CERT and VAULT_CLIENT_KEY",
        has_client_certificate=settings.client_cert is not None,
        redirect_setting="VAULT_DISABLE_REDIRECTS" if settings.disable_redirects else "",
    )


def _ca_hint(settings: VaultSettings) -> str:
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
