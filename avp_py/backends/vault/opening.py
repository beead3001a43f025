"""Open the backend for Vault, or check it."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Final

from avp_py.backends.vault.auth import open_auth
from avp_py.backends.vault.backend import VaultBackend
from avp_py.backends.vault.connection import Connection
from avp_py.backends.vault.login import Login
from avp_py.backends.vault.session import Session
from avp_py.backends.vault.token_cache import TokenCache
from avp_py.settings import Settings

CHECK_SECONDS: Final = 5.0
"""How long Vault may take to answer a check, since a probe waits for it."""


def open_backend(
    settings: Settings,
    environ: Mapping[str, str],
    sleep: Callable[[float], None] = time.sleep,
) -> VaultBackend:
    """Return the backend for Vault; nothing is sent before the first read.

    Args:
        settings: all of them.
        environ: the environment of the run, which may name proxies.
        sleep: waits for so many seconds before another attempt.

    Raises:
        SettingsError: a credential or a file for TLS is missing.
    """
    auth = open_auth(settings.vault, settings.secret)
    cache = TokenCache.open(settings.vault)
    connection = Connection.open(settings.vault, environ, settings.backend.concurrency, sleep)
    return VaultBackend(Session(connection, auth, cache), settings.backend.kv_version)


def check(settings: Settings, environ: Mapping[str, str], *, log_in: bool) -> str:
    """Query Vault's health, which needs no token; one attempt.

    Args:
        settings: all of them.
        environ: the environment of the run, which may name proxies.
        log_in: whether to log in too; a token of an earlier run is not used for that.

    Returns:
        The address, and Vault's version.

    Raises:
        SettingsError: a file for TLS cannot be used; with `log_in`, a credential is missing.
        BackendError: Vault cannot be reached, is sealed, or rejects the login.
    """
    timeout = min(settings.vault.timeout, CHECK_SECONDS)
    vault = dataclasses.replace(settings.vault, max_retries=0, timeout=timeout)
    connection = Connection.open(vault, environ, 1)
    try:
        version = connection.health()
        said = f"Vault {version} at {vault.address}"
        if not log_in:
            return said
        auth = open_auth(vault, settings.secret)
        Login(connection, auth).ensure()
        return f"{said}, login by {auth.name}"
    finally:
        connection.close()
