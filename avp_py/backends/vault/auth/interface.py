"""The interface of an auth method."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from avp_py.settings import Sensitive, VaultSettings


@dataclass(frozen=True)
class LoginRequest:
    """All that a login sends.

    Tokens are cached under a hash of it, so nothing else may be sent.

    Attributes:
        path: the path of the POST, without `/v1/`.
        body: the fields of its body.
        is_guessable: whether a person chose the secret in it, as a password.
    """

    path: str
    body: Mapping[str, Sensitive]
    is_guessable: bool = False


class AuthMethod(ABC):
    """A way to log in to Vault.

    Attributes:
        name: its name in AVP_AUTH_TYPE.
        needs: the settings that it needs, in words.
        credentials: the settings with all of its credentials; empty if those are files of the
            sidecar.
        can_repeat: whether another login can return another token.
        mount_settings: the settings for its mount, in words.
    """

    name: ClassVar[str]
    needs: ClassVar[str]
    credentials: ClassVar[frozenset[str]]
    can_repeat: ClassVar[bool] = True
    mount_settings: ClassVar[str] = "AVP_MOUNT_PATH"

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: VaultSettings) -> "AuthMethod | None":
        """Return the method with its credentials, or None if they are not set."""

    @abstractmethod
    def credential(self) -> Sensitive | LoginRequest:
        """Return a token, or the login that gets one.

        A file with a credential is read each time, as it may have changed.

        Raises:
            SettingsError: a file with a credential cannot be read.
        """


def mount_of(path: str | None, default: str) -> str:
    """Return where a method is mounted, without the `auth/` that the settings have."""
    return (path or default).strip("/").removeprefix("auth/")
