"""Secrets from HashiCorp Vault's KV engines, through hvac. One file for each auth method."""

from avp_py.backends.vault.auth import open_auth
from avp_py.backends.vault.backend import VaultBackend
from avp_py.backends.vault.connection import Connection
from avp_py.backends.vault.token_cache import TokenCache
from avp_py.settings import Settings

__all__ = ["VaultBackend", "open_backend"]


def open_backend(settings: Settings) -> VaultBackend:
    """The backend for Vault; nothing is sent before the first read.

    Raises:
        SettingsError: a credential or a file for TLS is missing.
    """
    auth = open_auth(settings.vault)
    cache = TokenCache.open(settings.vault)
    connection = Connection.open(settings.vault, settings.backend.concurrency)
    return VaultBackend(connection, auth, cache)
