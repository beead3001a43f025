"""Auth by a personal access token of GitHub."""

from avp_py.backends.vault.auth.interface import AuthMethod, LoginRequest, mount_of
from avp_py.settings import Sensitive, VaultSettings


class GitHub(AuthMethod):
    """A token of GitHub's, which Vault shows to GitHub's API."""

    name = "github"
    needs = "AVP_GITHUB_TOKEN"
    credentials = frozenset({"AVP_GITHUB_TOKEN"})

    def __init__(self, token: Sensitive, mount: str) -> None:
        self._token = token
        self._mount = mount

    @classmethod
    def from_settings(cls, settings: VaultSettings) -> "GitHub | None":
        """The method, or None where the token is not set."""
        if not settings.github_token:
            return None
        return cls(settings.github_token, mount_of(settings.mount_path, cls.name))

    def credential(self) -> LoginRequest:
        """The login with the token of GitHub's."""
        return LoginRequest(f"auth/{self._mount}/login", {"token": self._token})
