"""Which version of the KV engine a path belongs to, where no setting and no annotation says it."""

import dataclasses
import threading

from avp_py.backends.interface import Location
from avp_py.backends.vault.connection import Connection
from avp_py.errors import ForbiddenError, NotFoundError


def guess_by_path(location: Location) -> Location | None:
    """The location as its path shows it: one with `/data/` in it is of version 2."""
    if "/data/" not in f"{location.path}/":
        return None
    return dataclasses.replace(location, kv_version="2", is_guess=True)


class Mounts:
    """What Vault said of its mounts; it is asked once for each."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._versions: dict[str, str] = {}
        self._refused: set[str] = set()

    def place(self, location: Location) -> Location:
        """The location with its version of the engine, and with `/data/` where that needs it.

        A token that may not ask leaves us with version 2, which argocd-vault-plugin always takes.

        Raises:
            BackendError: the path is that of a mount, Vault cannot be reached, or does not take the
                token.
        """
        path, folder = location.path, location.path.rpartition("/")[0]
        with self._lock:
            mount = self._known(path)
            # The secrets of a folder are in one mount, so one refusal tells of all.
            if mount is None and folder not in self._refused:
                mount = self._ask(path)
                if mount is None:
                    self._refused.add(folder)
        location = dataclasses.replace(location, is_guess=False)
        if mount is None:
            return dataclasses.replace(location, kv_version="2")
        rest = path[len(mount) :]
        if not rest:
            raise NotFoundError(
                f"{path} is a mount, and no secret", hint="name the secret behind the mount"
            )
        if self._versions[mount] == "1":
            return dataclasses.replace(location, version="", kv_version="1")
        if not f"{rest}/".startswith("data/"):
            path = f"{mount}data/{rest}"
        return dataclasses.replace(location, path=path, kv_version="2")

    def known(self, path: str) -> str | None:
        """The mount of a path with a slash at its end, if Vault has told it already."""
        with self._lock:
            return self._known(path)

    def _known(self, path: str) -> str | None:
        return next((each for each in self._versions if f"{path}/".startswith(each)), None)

    def _ask(self, path: str) -> str | None:
        """Asks for the mount of a path, and notes its version; gives the mount.

        The endpoint is the one that Vault's own `kv` commands ask before each read
        (command/kv_helpers.go, v1.21).
        """
        try:
            data = self._connection.read(f"sys/internal/ui/mounts/{path}", {}).get("data")
        except (ForbiddenError, NotFoundError):
            return None
        # Another engine's answers are no secrets: auth/token/lookup-self would show our own token.
        if not isinstance(data, dict) or data.get("type") not in ("kv", "generic"):
            return None
        options = data.get("options")
        said = options.get("version") if isinstance(options, dict) else None
        mount = str(data.get("path"))
        self._versions[mount] = "2" if said == "2" else "1"
        return mount
