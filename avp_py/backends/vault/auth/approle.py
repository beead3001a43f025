"""The AppRole auth method."""

from avp_py.backends.vault.auth.interface import AuthMethod, LoginRequest, mount_of
from avp_py.settings import Sensitive, VaultSettings


class AppRole(AuthMethod):
    """A role id and a secret id."""

    name = "approle"
    needs = "AVP_ROLE_ID and AVP_SECRET_ID"
    credentials = frozenset({"AVP_ROLE_ID", "AVP_SECRET_ID"})

    def __init__(self, role_id: Sensitive, secret_id: Sensitive, mount: str) -> None:
        self._role_id = role_id
        self._secret_id = secret_id
        self._mount = mount

    @classmethod
    def from_settings(cls, settings: VaultSettings) -> "AppRole | None":
        """Return the method, or None if one of the two ids is not set."""
        if not settings.role_id or not settings.secret_id:
            return None
        return cls(settings.role_id, settings.secret_id, mount_of(settings.mount_path, cls.name))

    def credential(self) -> LoginRequest:
        """Return the login with both ids."""
        return LoginRequest(
            f"auth/{self._mount}/login", {"role_id": self._role_id, "secret_id": self._secret_id}
        )
