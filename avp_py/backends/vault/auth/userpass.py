"""The userpass auth method."""

from avp_py.backends.vault.auth.interface import AuthMethod, LoginRequest, mount_of
from avp_py.settings import Sensitive, VaultSettings


class UserPass(AuthMethod):
    """A user name and a password."""

    name = "userpass"
    needs = "AVP_USERNAME and AVP_PASSWORD"
    credentials = frozenset({"AVP_USERNAME", "AVP_PASSWORD"})

    def __init__(self, username: str, password: Sensitive, mount: str) -> None:
        self._username = username
        self._password = password
        self._mount = mount

    @classmethod
    def from_settings(cls, settings: VaultSettings) -> "UserPass | None":
        """Return the method, or None if the name or the password is not set."""
        if not settings.username or not settings.password:
            return None
        return cls(settings.username, settings.password, mount_of(settings.mount_path, cls.name))

    def credential(self) -> LoginRequest:
        """Return the login with the password."""
        path = f"auth/{self._mount}/login/{self._username}"
        return LoginRequest(path, {"password": self._password}, is_guessable=True)
