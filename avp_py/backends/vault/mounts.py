"""The mounts of Vault: which engine, and which version of KV, a path belongs to."""

import dataclasses
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from avp_py.backends.interface import Location
from avp_py.errors import BackendError, ForbiddenError, NotFoundError


@dataclass(frozen=True)
class Mount:
    """A mount, as Vault reports it.

    Attributes:
        path: its path, with a slash at the end.
        engine: the type of its secrets engine.
        kv_version: the version of the KV engine; `""` for any other engine.
    """

    path: str
    engine: str
    kv_version: str


class Mounts:
    """The mounts that Vault has reported; it is queried once for each."""

    def __init__(self, read: Callable[[str], Mapping[str, Any]]) -> None:
        """Make an empty one.

        Args:
            read: returns Vault's answer to a read of a path.
        """
        self._read = read
        self._lock = threading.Lock()
        self._mounts: dict[str, Mount] = {}
        self._unknown: dict[str, bool] = {}
        """By scope, whether Vault accepted the token and still named no mount."""

    def place(self, location: Location) -> Location:
        """Return the location with the version of its engine, and with `/data/` if needed.

        If the token may not query mounts, version 2 is assumed, as argocd-vault-plugin always does.
        For a mount of another engine, `engine_version` is `""`.

        Raises:
            BackendError: the path is that of a mount, Vault cannot be reached, or rejects the
                token.
        """
        path = location.path
        with self._lock:
            mount = self._known(path)
            if mount is None and _scope(path) not in self._unknown:
                mount = self._query(path)
        if mount is None:
            return dataclasses.replace(location, engine_version="2")
        rest = path[len(mount.path) :]
        if not rest:
            raise NotFoundError(
                f"{path} is a mount, not a secret",
                hint="write the name of the secret after the mount",
            )
        if mount.kv_version == "1":
            return dataclasses.replace(location, version="", engine_version="1")
        if mount.kv_version == "2" and not f"{rest}/".startswith("data/"):
            path = f"{mount.path}data/{rest}"
        return dataclasses.replace(location, path=path, engine_version=mount.kv_version)

    def find(self, path: str) -> Mount | None:
        """Return the mount of a path, or None if Vault does not name one.

        Vault is queried if that is not known yet. A query that fails is not repeated.
        """
        with self._lock:
            mount = self._known(path)
            if mount is None and _scope(path) not in self._unknown:
                try:
                    mount = self._query(path)
                except BackendError:
                    self._unknown[_scope(path)] = False
            return mount

    def known(self, path: str) -> Mount | None:
        """Return the mount of a path if Vault has named it already."""
        with self._lock:
            return self._known(path)

    def is_hidden(self, path: str) -> bool:
        """Return whether Vault accepted the token and still named no mount for the path.

        Then there is no mount, or the token's policies grant nothing in it: Vault answers the same
        answer for both, so that nobody can guess names of mounts (pathInternalUIMountRead in
        vault/logical_system.go, v1.21).
        """
        with self._lock:
            return self._unknown.get(_scope(path), False)

    def _known(self, path: str) -> Mount | None:
        return next(
            (mount for name, mount in self._mounts.items() if f"{path}/".startswith(name)), None
        )

    def _query(self, path: str) -> Mount | None:
        """Query the mount of a path, and keep the answer.

        The endpoint is the one that Vault's own `kv` commands query before each read
        (command/kv_helpers.go, v1.21).
        """
        try:
            data = self._read(f"sys/internal/ui/mounts/{path}").get("data")
        except (ForbiddenError, NotFoundError) as error:
            self._unknown[_scope(path)] = "preflight capability check" in error.reason
            return None
        if not isinstance(data, dict) or not isinstance(data.get("type"), str):
            self._unknown[_scope(path)] = False
            return None
        name, engine, options = str(data.get("path")), data["type"], data.get("options")
        if not name.endswith("/") or not f"{path}/".startswith(name):
            self._unknown[_scope(path)] = False
            return None
        version = ""
        if engine in ("kv", "generic"):
            said = options.get("version") if isinstance(options, dict) else None
            version = "2" if said == "2" else "1"
        mount = self._mounts[name] = Mount(name, engine, version)
        return mount


def _scope(path: str) -> str:
    """Return the prefix of all paths for which Vault would give the same answer.

    The secrets of a folder are in one mount, and so are those after the same `MOUNT/data/`.
    """
    first, _, rest = path.partition("/")
    return first if rest.startswith("data/") else path.rpartition("/")[0]
