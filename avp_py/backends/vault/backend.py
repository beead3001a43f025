"""Reads of the KV engines, versions 1 and 2."""

import threading
from collections.abc import Mapping
from typing import Any

from avp_py.backends.interface import Backend, Location, Secret
from avp_py.backends.vault.auth import AuthMethod
from avp_py.backends.vault.connection import Connection
from avp_py.errors import BackendError, ForbiddenError, LoginError, NotFoundError, UnreachableError


class VaultBackend(Backend):
    """Vault, as one identity. It logs in before the first read, and at most once."""

    def __init__(self, connection: Connection, auth: AuthMethod) -> None:
        self._connection = connection
        self._auth = auth
        self._lock = threading.Lock()
        self._logged_in = False
        self._login_error: BackendError | None = None

    def read(self, location: Location) -> Secret:
        """Reads a secret, after the login if that is still to be done."""
        if location.version and not location.version.isdecimal():
            raise BackendError(
                f"the version {location.version!r} is not a whole number",
                hint="write the number of a version, or none for the newest",
            )
        self._log_in()
        try:
            answer = self._connection.read(
                location.path, {"version": location.version} if location.version else {}
            )
        except ForbiddenError:
            raise ForbiddenError(
                f"Vault refuses to show {location.path}",
                hint=f'the token\'s policy must hold: path "{location.path}" '
                '{ capabilities = ["read"] }; or the token has expired',
            ) from None
        return _unwrap(answer, location)

    def close(self) -> None:
        """Closes the connections."""
        self._connection.close()

    def _log_in(self) -> None:
        with self._lock:
            if self._login_error is not None:
                raise self._login_error
            if self._logged_in:
                return
            try:
                self._connection.log_in(self._auth)
            except UnreachableError as error:
                self._login_error = error
                raise
            except BackendError as error:
                self._login_error = LoginError(
                    f"Vault refuses the login by {self._auth.name}: {error.reason}",
                    hint="check the credentials, the role, and AVP_MOUNT_PATH",
                )
                raise self._login_error from None
            self._logged_in = True


def _unwrap(answer: Mapping[str, Any], location: Location) -> Secret:
    """The values in Vault's answer.

    The forms are those of Vault 1.21's KV engine; argocd-vault-plugin tells them apart in the same
    way (pkg/backends/vault.go, v1.18.1).
    """
    data = answer.get("data")
    if location.kv_version == "1":
        if isinstance(data, Mapping):
            return Secret(data)
        raise _nothing(answer, location)
    if not isinstance(data, Mapping):
        raise _nothing(answer, location)
    inner = data.get("data")
    if isinstance(inner, Mapping):
        return Secret(inner)
    if "data" in data and inner is None:
        raise NotFoundError(
            f"{location} was deleted",
            hint="name another version, or restore it with: vault kv undelete",
        )
    raise NotFoundError(
        f"{location.path} does not look like a secret of the KV engine version 2",
        hint="if the engine is version 1, annotate the document with "
        'avp.kubernetes.io/kv-version: "1"',
    )


def _nothing(answer: Mapping[str, Any], location: Location) -> NotFoundError:
    warnings = " ".join(str(warning) for warning in answer.get("warnings") or ())
    errors = " ".join(str(error) for error in answer.get("errors") or ())
    mount, _, rest = location.path.partition("/")
    if "versioned K/V" in warnings:
        return NotFoundError(
            f"{location.path} is not a path of the KV engine version 2",
            hint=f"put /data/ behind the mount: {mount}/data/{rest}",
        )
    if "no handler for route" in errors:
        return NotFoundError(
            f"Vault has no secrets engine at {location.path}",
            hint="check the mount, the first part of the path",
        )
    hint = "check the path, and write the secret if it is not there yet"
    if location.kv_version == "2" and not rest.startswith("data/"):
        hint = f"with KV version 2 the path has /data/ behind the mount: {mount}/data/{rest}"
    return NotFoundError(f"Vault has nothing at {location}", hint=hint)
