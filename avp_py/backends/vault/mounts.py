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
    return dataclasses.replace(location, kv_version="2")


class Mounts:
    """What Vault said of its mounts; it is asked once for each."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._versions: dict[str, str] = {}

    def place(self, location: Location) -> Location:
        """The location with its version of the engine, and with `/data/` where that needs it.

        Raises:
            BackendError: Vault cannot be reached, or does not take the token.
        """
        path = f"{location.path}/"
        with self._lock:
            mount = next((each for each in self._versions if path.startswith(each)), None)
            if mount is None:
                mount = self._ask(location.path)
        version = self._versions[mount]
        if version == "1":
            return dataclasses.replace(location, version="", kv_version="1")
        rest = location.path[len(mount) :]
        if version == "2" and not f"{rest}/".startswith("data/"):
            return dataclasses.replace(location, path=f"{mount}data/{rest}", kv_version="2")
        return dataclasses.replace(location, kv_version="2")

    def _ask(self, path: str) -> str:
        """Asks for the mount of a path, and notes its version; gives the mount.

        The endpoint is the one that Vault's own `kv` commands ask before each read
        (command/kv_helpers.go, v1.21). A token that may not ask leaves us with version 2, which
        argocd-vault-plugin always takes.
        """
        mount, version = f"{path.partition('/')[0]}/", ""
        try:
            data = self._connection.read(f"sys/internal/ui/mounts/{path}", {}).get("data")
        except (ForbiddenError, NotFoundError):
            data = None
        # Another engine's answers are no secrets: auth/token/lookup-self would show our own token.
        if isinstance(data, dict) and data.get("type") in ("kv", "generic"):
            options = data.get("options")
            said = options.get("version") if isinstance(options, dict) else None
            mount = str(data.get("path"))
            version = "2" if said == "2" else "1"
        self._versions[mount] = version
        return mount
