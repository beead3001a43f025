"""The Kubernetes auth method: the token of the pod's service account, which Vault verifies."""

from pathlib import Path
from typing import Final

from avp_py.backends.vault.auth.interface import AuthMethod, LoginRequest, mount_of
from avp_py.errors import SettingsError
from avp_py.settings import Sensitive, VaultSettings

SERVICE_ACCOUNT_TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
"""Where Kubernetes mounts the token; AVP_K8S_TOKEN_PATH can name another file."""

MAX_TOKEN: Final = 256 * 1024
"""In characters. Kubernetes' tokens have about 1,000; /dev/zero has no end."""


class Kubernetes(AuthMethod):
    """A role of Vault, and a service account."""

    name = "k8s"
    needs = "AVP_K8S_ROLE"
    credentials = frozenset()
    mount_settings = "AVP_K8S_MOUNT_PATH, which wins over AVP_MOUNT_PATH"

    def __init__(self, role: str, token_path: Path, mount: str) -> None:
        self._role = role
        self._token_path = token_path
        self._mount = mount

    @classmethod
    def from_settings(cls, settings: VaultSettings) -> "Kubernetes | None":
        """Return the method, or None if the role is not set."""
        if not settings.k8s_role:
            return None
        path = Path(settings.k8s_token_path) if settings.k8s_token_path else SERVICE_ACCOUNT_TOKEN
        mount = settings.k8s_mount_path or settings.mount_path
        return cls(settings.k8s_role, path, mount_of(mount, "kubernetes"))

    def credential(self) -> LoginRequest:
        """Return the login with the token, which is read each time, as Kubernetes renews it."""
        body = {"role": Sensitive(self._role), "jwt": read_token(self._token_path)}
        return LoginRequest(f"auth/{self._mount}/login", body)


def read_token(path: Path) -> Sensitive:
    """Return the token in a file.

    Raises:
        SettingsError: the file cannot be read, is empty, or longer than MAX_TOKEN.
    """
    try:
        with path.open(encoding="ascii") as file:
            token = file.read(MAX_TOKEN + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not ASCII text"
        raise SettingsError(
            f"cannot read the token file {path}: {why}",
            hint="mount the service account's token, or set AVP_K8S_TOKEN_PATH or AVP_JWT_PATH to "
            "its file",
        ) from None
    if not token:
        raise SettingsError(f"the token file {path} is empty", hint="mount the token there")
    if len(token) > MAX_TOKEN:
        raise SettingsError(
            f"the token file {path} is too long for a token", hint="name the file with the token"
        )
    return Sensitive(token)
