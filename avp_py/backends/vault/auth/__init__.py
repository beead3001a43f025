"""The auth methods of Vault that can be used."""

from collections.abc import Callable, Mapping
from typing import Final

from avp_py.backends.vault.auth.approle import AppRole
from avp_py.backends.vault.auth.interface import AuthMethod
from avp_py.backends.vault.auth.token import Token
from avp_py.errors import SettingsError
from avp_py.settings import VaultSettings

__all__ = ["AUTH_METHODS", "AuthMethod", "open_auth"]

AUTH_METHODS: Final[Mapping[str, Callable[[VaultSettings], AuthMethod | None]]] = {
    "token": Token.from_settings,
    "approle": AppRole.from_settings,
}
"""The name in AVP_AUTH_TYPE, and what makes the method; None where its credentials are not set."""


def open_auth(settings: VaultSettings) -> AuthMethod:
    """The method that AVP_AUTH_TYPE names, or without it the first whose credentials are set.

    Raises:
        SettingsError: there is no such method, or its credentials are missing.
    """
    if settings.auth_type is None:
        for make in AUTH_METHODS.values():
            method = make(settings)
            if method is not None:
                return method
        raise SettingsError(
            "there are no credentials for Vault",
            hint="set VAULT_TOKEN, or AVP_ROLE_ID and AVP_SECRET_ID",
        )
    if settings.auth_type not in AUTH_METHODS:
        raise SettingsError(
            f"there is no auth method {settings.auth_type!r}",
            hint=f"set AVP_AUTH_TYPE to one of {', '.join(AUTH_METHODS)}",
        )
    method = AUTH_METHODS[settings.auth_type](settings)
    if method is None:
        raise SettingsError(
            f"the credentials for the auth method {settings.auth_type} are not set",
            hint={
                "token": "set VAULT_TOKEN",
                "approle": "set AVP_ROLE_ID and AVP_SECRET_ID",
            }[settings.auth_type],
        )
    return method
