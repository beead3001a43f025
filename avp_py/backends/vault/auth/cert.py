"""Auth by the client certificate of the TLS connection."""

import hvac

from avp_py.backends.vault.auth.interface import AuthMethod, mount_of
from avp_py.settings import VaultSettings


class Cert(AuthMethod):
    """The certificate that the connection shows anyway, and maybe the role that it is for."""

    name = "cert"
    needs = "VAULT_CLIENT_CERT and VAULT_CLIENT_KEY"

    def __init__(self, role: str | None, mount: str) -> None:
        self._role = role
        self._mount = mount

    @classmethod
    def from_settings(cls, settings: VaultSettings) -> "Cert | None":
        """The method, or None where there is no client certificate."""
        if not settings.client_cert or not settings.client_key:
            return None
        return cls(settings.cert_role, mount_of(settings.mount_path, cls.name))

    def login(self, client: hvac.Client) -> None:
        """Logs in; the client keeps the token. hvac's own call wants the files once more."""
        names = {"name": self._role} if self._role else {}
        client.adapter.login(f"/v1/auth/{self._mount}/login", use_token=True, json=names)
