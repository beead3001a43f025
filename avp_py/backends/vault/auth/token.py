"""Auth by a token that somebody else got. Vault is not asked."""

from avp_py.backends.vault.auth.interface import AuthMethod
from avp_py.settings import Sensitive, VaultSettings


class Token(AuthMethod):
    """A token as it is."""

    name = "token"
    needs = "VAULT_TOKEN"
    credentials = frozenset({"VAULT_TOKEN"})
    can_repeat = False

    def __init__(self, token: Sensitive) -> None:
        self._token = token

    @classmethod
    def from_settings(cls, settings: VaultSettings) -> "Token | None":
        """The method, or None where VAULT_TOKEN is not set."""
        return cls(settings.token) if settings.token else None

    def credential(self) -> Sensitive:
        """The token."""
        return self._token
