"""The TLS certificates auth method."""

from avp_py.backends.vault.auth.interface import AuthMethod, LoginRequest, mount_of
from avp_py.settings import Sensitive, VaultSettings


class Cert(AuthMethod):
    """The client certificate of the connection, and a role if one is set."""

    name = "cert"
    needs = "VAULT_CLIENT_CERT and VAULT_CLIENT_KEY"
    credentials = frozenset()

    def __init__(self, role: str | None, mount: str) -> None:
        self._role = role
        self._mount = mount

    @classmethod
    def from_settings(cls, settings: VaultSettings) -> "Cert | None":
        """Return the method, or None if there is no client certificate."""
        if not settings.client_cert or not settings.client_key:
            return None
        return cls(settings.cert_role, mount_of(settings.mount_path, cls.name))

    def credential(self) -> LoginRequest:
        """Return the login; the certificate is sent by the TLS connection."""
        body = {"name": Sensitive(self._role)} if self._role else {}
        return LoginRequest(f"auth/{self._mount}/login", body)
