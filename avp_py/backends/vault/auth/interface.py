"""What an auth method must be able to do."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from avp_py.settings import Sensitive, VaultSettings


@dataclass(frozen=True)
class LoginRequest:
    """All that a login sends.

    Tokens are kept between runs under a hash of it, so nothing is sent that does not stand here.

    Attributes:
        path: the path that is posted to, without `/v1/`.
        body: what is posted.
        is_guessable: whether a person chose what is secret in it, as a password.
    """

    path: str
    body: Mapping[str, Sensitive]
    is_guessable: bool = False


class AuthMethod(ABC):
    """A way to log in to Vault.

    Attributes:
        name: its name in AVP_AUTH_TYPE.
        needs: the settings that it needs, in words.
        credentials: the settings that hold all of its credentials; none where those are files of
            the sidecar.
        can_repeat: whether another login can give another token.
        mount_settings: the settings that say where it is mounted, in words.
    """

    name: ClassVar[str]
    needs: ClassVar[str]
    credentials: ClassVar[frozenset[str]]
    can_repeat: ClassVar[bool] = True
    mount_settings: ClassVar[str] = "AVP_MOUNT_PATH"

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: VaultSettings) -> "AuthMethod | None":
        """The method with its credentials, or None where they are not set."""

    @abstractmethod
    def credential(self) -> Sensitive | LoginRequest:
        """A token that is there already, or the login that gets one.

        A file that holds a credential is read now: it may be another one than before.

        Raises:
            SettingsError: a file that holds a credential cannot be read.
        """


def mount_of(path: str | None, default: str) -> str:
    """Where a method is mounted, as hvac wants it: without the `auth/` that the settings have."""
    return (path or default).strip("/").removeprefix("auth/")
