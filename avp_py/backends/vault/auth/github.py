"""The GitHub auth method."""

from avp_py.backends.vault.auth.interface import AuthMethod, LoginRequest, mount_of
from avp_py.settings import Sensitive, VaultSettings


class GitHub(AuthMethod):
    """A personal access token, which Vault sends to GitHub."""

    name = "github"
    needs = "AVP_GITHUB_TOKEN"
    credentials = frozenset({"AVP_GITHUB_TOKEN"})

    def __init__(self, token: Sensitive, mount: str) -> None:
        self._token = token
        self._mount = mount

    @classmethod
    def from_settings(cls, settings: VaultSettings) -> "GitHub | None":
        """Return the method, or None if the token is not set."""
        if not settings.github_token:
            return None
        return cls(settings.github_token, mount_of(settings.mount_path, cls.name))

    def credential(self) -> LoginRequest:
        """Return the login with the token."""
        return LoginRequest(f"auth/{self._mount}/login", {"token": self._token})
