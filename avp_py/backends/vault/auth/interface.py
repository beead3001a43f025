"""What an auth method must be able to do."""

from abc import ABC, abstractmethod
from typing import ClassVar

import hvac

from avp_py.settings import VaultSettings


class AuthMethod(ABC):
    """A way to log in to Vault.

    Attributes:
        name: its name in AVP_AUTH_TYPE.
        needs: the settings that it needs, in words.
        can_repeat: whether another login can give another token.
    """

    name: ClassVar[str]
    needs: ClassVar[str]
    can_repeat: ClassVar[bool] = True

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: VaultSettings) -> "AuthMethod | None":
        """The method with its credentials, or None where they are not set."""

    @abstractmethod
    def login(self, client: hvac.Client) -> None:
        """Gives the client a token.

        Errors of hvac and requests pass through.

        Raises:
            SettingsError: a file that holds a credential cannot be read.
        """


def mount_of(path: str | None, default: str) -> str:
    """Where a method is mounted, as hvac wants it: without the `auth/` that the settings have."""
    return (path or default).strip("/").removeprefix("auth/")
