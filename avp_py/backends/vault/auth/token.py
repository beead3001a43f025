"""A token that is already there, so that no login is needed."""

from avp_py.backends.vault.auth.interface import AuthMethod
from avp_py.settings import Sensitive, VaultSettings


class Token(AuthMethod):
    """The token in VAULT_TOKEN."""

    name = "token"
    needs = "VAULT_TOKEN"
    credentials = frozenset({"VAULT_TOKEN"})
    can_repeat = False

    def __init__(self, token: Sensitive) -> None:
        self._token = token

    @classmethod
    def from_settings(cls, settings: VaultSettings) -> "Token | None":
        """Return the method, or None if VAULT_TOKEN is not set."""
        return cls(settings.token) if settings.token else None

    def credential(self) -> Sensitive:
        """Return the token."""
        return self._token
