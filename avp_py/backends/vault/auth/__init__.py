"""The auth methods of Vault that are supported."""

import logging
from collections.abc import Mapping
from typing import Final

from avp_py.backends.vault.auth.approle import AppRole
from avp_py.backends.vault.auth.cert import Cert
from avp_py.backends.vault.auth.github import GitHub
from avp_py.backends.vault.auth.interface import AuthMethod, LoginRequest
from avp_py.backends.vault.auth.jwt import Jwt
from avp_py.backends.vault.auth.kubernetes import Kubernetes
from avp_py.backends.vault.auth.token import Token
from avp_py.backends.vault.auth.userpass import UserPass
from avp_py.errors import SettingsError
from avp_py.settings import OPERATORS_WAYS, ApplicationSecret, Trust, VaultSettings

__all__ = ["AUTH_METHODS", "AuthMethod", "LoginRequest", "open_auth"]

AUTH_METHODS: Final[Mapping[str, type[AuthMethod]]] = {
    method.name: method for method in (Token, AppRole, UserPass, GitHub, Jwt, Kubernetes, Cert)
}
"""The methods by their name in AVP_AUTH_TYPE. Without that, the first one whose credentials are set
is used. The certificate comes last: it may be meant for the connection alone."""

logger: Final = logging.getLogger(__name__)


def open_auth(settings: VaultSettings, secret: ApplicationSecret | None) -> AuthMethod:
    """Return the method in AVP_AUTH_TYPE, or without it the first one whose credentials are set.

    Args:
        settings: Vault's.
        secret: the Secret with some of them, if the Application named it. It must not decide where
            credentials are sent that it does not contain.

    Raises:
        SettingsError: there is no such method, its credentials are missing, or they would be sent
            to an address in that Secret and are not in it.
    """
    method = _choose(settings)
    if secret is not None and secret.addresses and not _is_own(method, secret):
        missing = ", ".join(sorted(method.credentials - secret.given))
        other = ", ".join(sorted({*AUTH_METHODS} - {method.name}))
        raise SettingsError(
            f"the Secret {secret.name}, which the Application names, says where credentials are "
            f"sent ({', '.join(sorted(secret.addresses))}), and those of the auth method "
            f"{method.name} are not in it",
            hint=(
                f"put {missing} into the Secret"
                if missing
                else f"use another auth method (AVP_AUTH_TYPE: {other})"
            )
            + f", {OPERATORS_WAYS} (trust: [{Trust.ADDRESS}])",
        )
    return method


def _is_own(method: AuthMethod, secret: ApplicationSecret) -> bool:
    """Return whether all credentials of a method are in the Secret."""
    return bool(method.credentials) and method.credentials <= secret.given


def _choose(settings: VaultSettings) -> AuthMethod:
    if settings.auth_type is None:
        for kind in AUTH_METHODS.values():
            method = kind.from_settings(settings)
            if method is not None:
                logger.info("auth method %s, chosen by its settings: %s", kind.name, kind.needs)
                return method
        needs = "; ".join(f"{kind.name}: {kind.needs}" for kind in AUTH_METHODS.values())
        raise SettingsError(
            "no credentials for Vault are set", hint=f"set those of one auth method: {needs}"
        )
    if settings.auth_type not in AUTH_METHODS:
        raise SettingsError(
            f"unknown auth method {settings.auth_type!r}",
            hint=f"set AVP_AUTH_TYPE to one of {', '.join(AUTH_METHODS)}",
        )
    kind = AUTH_METHODS[settings.auth_type]
    method = kind.from_settings(settings)
    if method is None:
        raise SettingsError(
            f"the credentials for the auth method {kind.name} are not set",
            hint=f"set {kind.needs}",
        )
    logger.info("auth method %s, chosen by AVP_AUTH_TYPE", kind.name)
    return method
