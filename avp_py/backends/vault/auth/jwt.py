"""The JWT auth method, for a token of a CI system or of a projected service account."""

from pathlib import Path

from avp_py.backends.vault.auth.interface import AuthMethod, LoginRequest, mount_of
from avp_py.backends.vault.auth.kubernetes import read_token
from avp_py.settings import Sensitive, VaultSettings


class Jwt(AuthMethod):
    """A role of Vault, and a token or the file with it."""

    name = "jwt"
    needs = "AVP_JWT_ROLE, and AVP_JWT or AVP_JWT_PATH"
    credentials = frozenset({"AVP_JWT"})

    def __init__(self, role: str, token: Sensitive | Path, mount: str) -> None:
        self._role = role
        self._token = token
        self._mount = mount

    @classmethod
    def from_settings(cls, settings: VaultSettings) -> "Jwt | None":
        """Return the method, or None if the role or the token is not set."""
        token = settings.jwt or (Path(settings.jwt_path) if settings.jwt_path else None)
        if not settings.jwt_role or not token:
            return None
        return cls(settings.jwt_role, token, mount_of(settings.mount_path, cls.name))

    def credential(self) -> LoginRequest:
        """Return the login with the token; read it if it is in a file."""
        token = read_token(self._token) if isinstance(self._token, Path) else self._token
        body = {"role": Sensitive(self._role), "jwt": token}
        return LoginRequest(f"auth/{self._mount}/login", body)
