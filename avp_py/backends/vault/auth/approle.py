"""Auth by AppRole: AVP_ROLE_ID and AVP_SECRET_ID."""

import hvac

from avp_py.backends.vault.auth.interface import AuthMethod
from avp_py.settings import Sensitive, VaultSettings


class AppRole(AuthMethod):
    """A role id and a secret id at a mount."""

    name = "approle"

    def __init__(self, role_id: Sensitive, secret_id: Sensitive, mount_path: str | None) -> None:
        self._role_id = role_id
        self._secret_id = secret_id
        self._mount = (mount_path or "auth/approle").strip("/").removeprefix("auth/")

    @classmethod
    def from_settings(cls, settings: VaultSettings) -> "AppRole | None":
        """The method, or None where one of the two ids is not set."""
        if not settings.role_id or not settings.secret_id:
            return None
        return cls(settings.role_id, settings.secret_id, settings.mount_path)

    def login(self, client: hvac.Client) -> None:
        """Logs in once; the client keeps the token."""
        client.auth.approle.login(
            role_id=self._role_id.reveal(),
            secret_id=self._secret_id.reveal(),
            mount_point=self._mount,
        )
