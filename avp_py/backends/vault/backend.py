"""Reads of the KV engines, versions 1 and 2."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from avp_py.backends.interface import Backend, Location, Secret
from avp_py.backends.vault.auth import AuthMethod
from avp_py.backends.vault.connection import Connection
from avp_py.backends.vault.login import Login
from avp_py.backends.vault.mounts import Mounts, guess_by_path
from avp_py.backends.vault.token_cache import TokenCache
from avp_py.errors import BackendError, ForbiddenError, LoginError, NotFoundError

_VERSION = re.compile(
    r"[+-]?(?:[0-9]{1,18}|0[xX][0-9a-fA-F]{1,16}|0[bB][01]{1,63}|0[oO][0-7]{1,20})"
)
"""Vault takes whole numbers of 64 bits, as Go's strconv.ParseInt reads them."""

OWN_PATHS: Final = frozenset({"audit", "auth", "cubbyhole", "identity", "sys"})
"""Where no engine can be mounted (protectedMounts in vault/mount.go, v1.21): no secrets of anybody,
but our own token (auth/token/lookup-self), and what it may see of Vault and of others."""

_OWN_TYPES: Final = frozenset(
    f"{prefix}{name}"
    for prefix in ("", "ns_")
    for name in ("cubbyhole", "identity", "system", "token")
)
"""The same by the type of the mount, which Vault tells with each answer: a path may begin with the
name of a namespace of Vault Enterprise."""

_Answer = TypeVar("_Answer")


class VaultBackend(Backend):
    """Vault, as one identity. What it answers is kept for the run, by path and version."""

    def __init__(
        self, connection: Connection, auth: AuthMethod, cache: TokenCache | None = None
    ) -> None:
        self._connection = connection
        self._login = Login(connection, auth, cache)
        self._mounts = Mounts(connection)
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, str], Future[Mapping[str, Any]]] = {}

    def places(self, location: Location) -> Iterator[Location]:
        """Where to seek: as the path shows it, and else where Vault says that it belongs.

        Raises:
            BackendError: the path is one of Vault's own, the version is none, or Vault does not
                say where the mount is.
        """
        if location.path.partition("/")[0] in OWN_PATHS:
            raise _own(location.path)
        if location.version and not _VERSION.fullmatch(location.version):
            raise BackendError(
                f"the version {location.version[:40]!r} is not the number of a version",
                hint="write the number of a version, or none for the newest",
            )
        if location.kv_version:
            yield location
            return
        guess = guess_by_path(location)
        if guess is not None:
            yield guess
            if location.path.split("/")[1:2] == ["data"]:
                return
            # A `data` further on in the path may be a part of a name.
        placed = self._logged_in(lambda: self._mounts.place(location))
        if guess is None or (placed.path, placed.kv_version) != (guess.path, guess.kv_version):
            yield placed

    def read(self, location: Location) -> Secret:
        """Reads a secret, after the login if that is still to be done.

        Raises:
            BackendError: as Backend.read does.
        """
        return self._logged_in(lambda: self._at(location))

    def close(self) -> None:
        """Closes the connections."""
        self._connection.close()

    def _logged_in(self, ask: Callable[[], _Answer]) -> _Answer:
        login = self._login.ensure()
        try:
            return ask()
        except (ForbiddenError, LoginError) as error:
            if not self._login.renew(login, error):
                raise
        return ask()

    def _at(self, location: Location) -> Secret:
        try:
            answer = self._once(location.path, location.version)
        except ForbiddenError:
            raise ForbiddenError(
                f"Vault refuses to show {location.path}",
                hint=f'the token\'s policy must hold: path "{location.path}" '
                '{ capabilities = ["read"] }; or the token has expired',
            ) from None
        if location.is_guess and not _may_be_version_2(answer):
            location = self._mounts.place(location)
        return _unwrap(answer, location, self._mounts.known(location.path))

    def _once(self, path: str, version: str) -> Mapping[str, Any]:
        """The answer of a read that is sent once for all who ask; a refusal is not kept."""
        key = (path, version)
        with self._lock:
            answer = self._answers.get(key)
            is_ours = answer is None
            if answer is None:
                answer = self._answers[key] = Future()
        if is_ours:
            try:
                answer.set_result(
                    self._connection.read(path, {"version": version} if version else {})
                )
            except BackendError as error:
                with self._lock:
                    if isinstance(error, ForbiddenError | LoginError):
                        del self._answers[key]
                answer.set_exception(error)
        return answer.result()


def _may_be_version_2(answer: Mapping[str, Any]) -> bool:
    """Whether an answer is one of KV version 2, with its metadata, or none of any secret."""
    data = answer.get("data")
    if not isinstance(data, Mapping):
        return True
    metadata = data.get("metadata")
    return data.keys() == {"data", "metadata"} and isinstance(metadata, Mapping)


def _unwrap(answer: Mapping[str, Any], location: Location, mount: str | None) -> Secret:
    """The values in Vault's answer.

    The forms are those of Vault 1.21's KV engine; argocd-vault-plugin tells them apart in the same
    way (pkg/backends/vault.go, v1.18.1).
    """
    if answer.get("mount_type") in _OWN_TYPES:
        raise _own(location.path)
    data = answer.get("data")
    if location.kv_version == "1":
        if isinstance(data, Mapping):
            return Secret(data)
        raise _nothing(answer, location, mount)
    if not isinstance(data, Mapping):
        raise _nothing(answer, location, mount)
    inner = data.get("data")
    if isinstance(inner, Mapping):
        return Secret(inner)
    if "data" in data and inner is None:
        metadata = data.get("metadata")
        if isinstance(metadata, Mapping) and metadata.get("destroyed") is True:
            raise NotFoundError(
                f"{location} was destroyed", hint="name another version, or write a new one"
            )
        raise NotFoundError(
            f"{location} was deleted",
            hint="name another version, or restore it with: vault kv undelete",
        )
    raise NotFoundError(
        f"{location.path} does not look like a secret of the KV engine version 2",
        hint="if the engine is version 1, annotate the document with "
        'avp.kubernetes.io/kv-version: "1"',
    )


def _own(path: str) -> BackendError:
    return BackendError(
        f"{path[:200]} is a path of Vault's own, where no secrets are",
        hint="name a path of a secrets engine",
    )


def _nothing(answer: Mapping[str, Any], location: Location, mount: str | None) -> NotFoundError:
    warnings, errors = str(answer.get("warnings")), str(answer.get("errors"))
    if "versioned K/V" in warnings:
        hint = "put /data/ behind the mount"
        return NotFoundError(
            f"{location.path} is not a path of the KV engine version 2",
            hint=hint,
            suggestions=[_with_data(hint, location.path, mount)],
        )
    if "no handler for route" in errors:
        return NotFoundError(
            f"Vault has no secrets engine at {location.path}",
            hint="check the mount, the first part of the path",
        )
    hint = "check the path, and write the secret if it is not there yet"
    if location.version:
        hint = "check the path and the version"
    suggestions = []
    if location.kv_version == "2" and "/data/" not in f"{location.path}/":
        hint = "with KV version 2 the path has /data/ behind the mount"
        suggestions = [_with_data(hint, location.path, mount)]
    return NotFoundError(f"Vault has nothing at {location}", hint=hint, suggestions=suggestions)


def _with_data(hint: str, path: str, mount: str | None) -> tuple[str, str]:
    """A path as it may be meant, and a hint that goes on with it.

    Where the mount is not known, its first part is taken for it.
    """
    if mount is not None:
        meant = f"{mount}data/{path[len(mount) :]}"
        return meant, f"{hint}, as {meant}"
    first, _, rest = path.partition("/")
    meant = f"{first}/data/{rest}"
    return meant, f"{hint}, as {meant}" + (f" if {first} is the mount" if "/" in rest else "")
