"""What a backend is asked for, what it gives, and what it must be able to do."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from avp_py.values import Value


@dataclass(frozen=True, order=True)
class Location:
    """What is read at once.

    Attributes:
        path: the path in the backend, normalised.
        version: the version that is wanted, `""` for the newest; version 1 of Vault's KV engine
            knows no versions, so there it is always `""`.
        kv_version: the version of Vault's KV engine, `"1"` or `"2"`; `""` where nothing says it.
    """

    path: str
    version: str = ""
    kv_version: str = ""

    def __str__(self) -> str:
        return f"{self.path}, version {self.version}" if self.version else self.path


class Secret(Mapping[str, Value]):
    """What a backend holds at a location: values by key. It never prints a value."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def __getitem__(self, key: str) -> Value:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secret({len(self)} keys)"


class Backend(ABC):
    """A source of secrets for one run. `read` is called from several threads at once."""

    @abstractmethod
    def read(self, location: Location) -> Secret:
        """Reads one secret.

        Raises:
            BackendError: the secret is not to be had; the subclass says why.
        """

    def close(self) -> None:
        """Gives back what the backend holds open."""
        return
