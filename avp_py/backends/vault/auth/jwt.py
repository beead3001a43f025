"""Auth by a JSON Web Token that somebody else signed: a CI system, a projected service account."""

from pathlib import Path

from avp_py.backends.vault.auth.interface import AuthMethod, LoginRequest, mount_of
from avp_py.backends.vault.auth.kubernetes import read_token
from avp_py.settings import Sensitive, VaultSettings


class Jwt(AuthMethod):
    """A role of Vault's, and a token or the file that holds it."""

    name = "jwt"
    needs = "AVP_JWT_ROLE, and AVP_JWT or AVP_JWT_PATH"
    credentials = frozenset({"AVP_JWT"})

    def __init__(self, role: str, token: Sensitive | Path, mount: str) -> None:
        self._role = role
        self._token = token
        self._mount = mount

    @classmethod
    def from_settings(cls, settings: VaultSettings) -> "Jwt | None":
        """The method, or None where the role or the token is not set."""
        token = settings.jwt or (Path(settings.jwt_path) if settings.jwt_path else None)
        if not settings.jwt_role or not token:
            return None
        return cls(settings.jwt_role, token, mount_of(settings.mount_path, cls.name))

    def credential(self) -> LoginRequest:
        """The login with the token, which may have to be read from its file."""
        token = read_token(self._token) if isinstance(self._token, Path) else self._token
        body = {"role": Sensitive(self._role), "jwt": token}
        return LoginRequest(f"auth/{self._mount}/login", body)
