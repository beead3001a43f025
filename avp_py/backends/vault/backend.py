"""Read the KV engines, versions 1 and 2."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from avp_py.backends.interface import Backend, Location, MayName, Secret
from avp_py.backends.vault.explain import (
    Unexplained,
    explain,
    explain_hidden,
    nothing_found,
    other_engine,
    read_as_version_1,
    read_denied,
    read_rejected,
    wrong_shape,
)
from avp_py.backends.vault.mounts import Mounts
from avp_py.backends.vault.paths import kv_version, shows_version_2, with_engine
from avp_py.backends.vault.session import Session
from avp_py.backends.vault.translate import RejectedError
from avp_py.errors import BackendError, Failure, ForbiddenError, NotFoundError
from avp_py.values import Number

_VERSION = re.compile(
    r"[+-]?(?:[0-9]{1,18}|0[xX][0-9a-fA-F]{1,16}|0[bB][01]{1,63}|0[oO][0-7]{1,20})"
)
"""Vault accepts integers of 64 bits, as Go's strconv.ParseInt reads them."""

OWN_PATHS: Final = frozenset({"audit", "auth", "cubbyhole", "identity", "sys"})
"""Where no engine can be mounted (protectedMounts in vault/mount.go, v1.21): there are no secrets,
but our own token (auth/token/lookup-self), and what it may read about Vault and others."""

_OWN_TYPES: Final = frozenset(
    f"{prefix}{name}"
    for prefix in ("", "ns_")
    for name in ("cubbyhole", "identity", "system", "token")
)
"""The same by the type of the mount, which is in each answer: a path may begin with the name of a
namespace of Vault Enterprise."""


class VaultBackend(Backend):
    """Vault, for one run."""

    def __init__(
        self,
        session: Session,
        kv_version: str | None = None,
        since: float = -math.inf,
        *,
        is_shared: bool = False,
    ) -> None:
        """Make the backend; nothing is sent yet.

        Args:
            session: what it reads with.
            kv_version: AVP_KV_VERSION, for messages.
            since: when the run began, on the clock of the session.
            is_shared: whether other runs use the session, too: then `close` leaves it open.
        """
        self._kv_version = kv_version
        self._session = session
        self._since = since
        self._is_shared = is_shared
        self._mounts = Mounts(lambda path: session.read(path, "", since))

    def places(self, location: Location) -> Iterator[Location]:
        """Yield the place that the path suggests, and then the one that Vault reports.

        A place without a version of the engine has a path that suggests version 2, which the answer
        must confirm.

        Raises:
            BackendError: the path is one of Vault's own, the version is invalid, or Vault does not
                report the mount.
        """
        if location.path.partition("/")[0] in OWN_PATHS:
            raise _own_path(location.path)
        # Before the version is looked at: version 1 of the engine has none.
        location = with_engine(location, self._kv_version)
        if location.version and not _VERSION.fullmatch(location.version):
            raise BackendError(
                f"{location.version[:40]!r} is not a version number",
                hint="write a number, or no version for the newest",
            )
        if location.engine_version:
            yield location
            return
        is_guessed = shows_version_2(location.path)
        if is_guessed:
            yield location
            if location.path.split("/")[1:2] == ["data"]:
                return
            # A `data` later in the path may be part of a name.
        placed = self._session.logged_in(lambda: self._mounts.place(location), self._since)
        if not is_guessed or (placed.path, placed.engine_version) != (location.path, "2"):
            yield placed

    def read(self, location: Location) -> Secret:
        """Read a secret; log in first if needed.

        Raises:
            BackendError: the secret cannot be read, or the login failed.
        """
        return self._session.logged_in(lambda: self._read_place(location), self._since)

    def explain(self, location: Location, failure: Failure, may_name: MayName) -> Failure:
        """Return the failure with what Vault reports about the mount, if that may be the cause."""
        if not isinstance(failure, Unexplained):
            return failure
        path = failure.place.path
        version = kv_version(location, self._kv_version)
        mount = self._mounts.find(path)
        if mount is not None:
            return explain(failure, mount, version, self._kv_version, may_name)
        if self._mounts.is_hidden(path):
            return explain_hidden(failure, version)
        return failure

    def close(self) -> None:
        """Close the connections, unless others use them."""
        if not self._is_shared:
            self._session.close()

    def _read_place(self, location: Location) -> Secret:
        self._check_engine(location)
        try:
            answer = self._session.read(location.path, location.version, self._since)
        except ForbiddenError:
            raise read_denied(location) from None
        except RejectedError as error:
            raise read_rejected(location, error) from error
        if not location.engine_version and not _may_be_version_2(answer):
            location = self._mounts.place(location)
            self._check_engine(location)
        return _unwrap(answer, location, self._kv_version)

    def _check_engine(self, location: Location) -> None:
        """Raise an error if Vault has reported that the location is in another engine than KV.

        A read there may have effects: each read of database/creds creates a user.
        """
        mount = self._mounts.known(location.path)
        if not location.engine_version and mount is not None and not mount.kv_version:
            raise other_engine(location.path, mount)


def _may_be_version_2(answer: Mapping[str, Any]) -> bool:
    """Return whether an answer is one of KV version 2, with its metadata, or has no secret."""
    data = answer.get("data")
    if not isinstance(data, Mapping):
        return True
    metadata = data.get("metadata")
    return data.keys() == {"data", "metadata"} and isinstance(metadata, Mapping)


def _unwrap(answer: Mapping[str, Any], location: Location, setting: str | None) -> Secret:
    """Return the values in Vault's answer.

    The forms are those of Vault 1.21's KV engine; argocd-vault-plugin distinguishes them in the
    same way (pkg/backends/vault.go, v1.18.1).
    """
    if answer.get("mount_type") in _OWN_TYPES:
        raise _own_path(location.path)
    data = answer.get("data")
    if not isinstance(data, Mapping):
        if "no handler for route" in str(answer.get("errors")):
            raise NotFoundError(
                f"Vault has no secrets engine at {location.path}",
                hint="check the mount, the first part of the path; `vault secrets list` lists them",
            )
        raise nothing_found(location)
    if location.engine_version == "1":
        doubt = None
        if _is_version_2(data):
            (doubt,) = read_as_version_1(location.path, setting).failures
        return Secret(data, doubt)
    inner = data.get("data")
    if isinstance(inner, Mapping):
        return Secret(inner, version=_version_in(data.get("metadata")))
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
    raise wrong_shape(location)


def _version_in(metadata: object) -> str:
    """Return the version of an answer, or an empty text if it has none."""
    version = metadata.get("version") if isinstance(metadata, Mapping) else None
    return version.text if isinstance(version, Number) and version.text.isdecimal() else ""


def _is_version_2(data: Mapping[str, Any]) -> bool:
    """Return whether an answer is one of KV version 2, whatever version was requested."""
    inner, metadata = data.get("data"), data.get("metadata")
    return (
        data.keys() == {"data", "metadata"}
        and (inner is None or isinstance(inner, Mapping))
        and isinstance(metadata, Mapping)
        and {"created_time", "deletion_time", "destroyed", "version"} <= metadata.keys()
    )


def _own_path(path: str) -> BackendError:
    return BackendError(
        f"{path[:200]} is a path of Vault's own, where there are no secrets",
        hint="write a path of a secrets engine",
    )
