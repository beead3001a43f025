"""What an auth method must be able to do."""

from abc import ABC, abstractmethod

import hvac


class AuthMethod(ABC):
    """A way to log in to Vault.

    Attributes:
        name: its name in AVP_AUTH_TYPE.
    """

    name: str

    @abstractmethod
    def login(self, client: hvac.Client) -> None:
        """Gives the client a token. Errors of hvac and requests pass through."""
