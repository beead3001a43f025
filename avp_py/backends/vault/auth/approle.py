"""Auth by AppRole."""

import hvac

from avp_py.backends.vault.auth.interface import AuthMethod, mount_of
from avp_py.settings import Sensitive, VaultSettings


class AppRole(AuthMethod):
    """A role id and a secret id."""

    name = "approle"
    needs = "AVP_ROLE_ID and AVP_SECRET_ID"

    def __init__(self, role_id: Sensitive, secret_id: Sensitive, mount: str) -> None:
        self._role_id = role_id
        self._secret_id = secret_id
        self._mount = mount

    @classmethod
    def from_settings(cls, settings: VaultSettings) -> "AppRole | None":
        """The method, or None where one of the two ids is not set."""
        if not settings.role_id or not settings.secret_id:
            return None
        return cls(settings.role_id, settings.secret_id, mount_of(settings.mount_path, cls.name))

    def login(self, client: hvac.Client) -> None:
        """Logs in; the client keeps the token."""
        client.auth.approle.login(
            role_id=self._role_id.reveal(),
            secret_id=self._secret_id.reveal(),
            mount_point=self._mount,
        )
