"""What a backend is asked for, what it gives, and what it must be able to do."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from avp_py.errors import BackendError
from avp_py.values import Guarded, Value


@dataclass(frozen=True, order=True)
class Location:
    """What is read at once.

    Attributes:
        path: the path in the backend, normalised.
        version: the version that is wanted, `""` for the newest; version 1 of Vault's KV engine
            knows no versions, so there it is always `""`.
        kv_version: the version of Vault's KV engine, `"1"` or `"2"`; `""` where nothing says it.
        kind: the kind of the document that wants it, if the policy distinguishes kinds; else `""`.
        is_guess: whether `kv_version` follows from the path alone, so that what is found there has
            to show that it is right.
    """

    path: str
    version: str = ""
    kv_version: str = ""
    kind: str = ""
    is_guess: bool = False

    @property
    def candidates(self) -> Iterator[str]:
        """Every path that a backend may request for it.

        Where nothing says the version of the KV engine, `data` may come behind the mount, and a
        mount may have any number of parts.
        """
        yield self.path
        if not self.kv_version:
            segments = self.path.split("/")
            for end in range(1, len(segments) + 1):
                yield "/".join((*segments[:end], "data", *segments[end:]))

    def __str__(self) -> str:
        return f"{self.path}, version {self.version}" if self.version else self.path


Gate: TypeAlias = Callable[[str, str], None]
"""Asked for each path, just as it would be requested, and the kind of the document that wants it:
raises PathError where that may not be."""


class Secret(Guarded, Mapping[str, Value]):
    """What a backend holds at a location: values by key. It never prints a value.

    Attributes:
        doubt: why these may not be the values that were meant; reported where a key is not found.
        version: the version that was read, `""` where the backend does not report one.
    """

    __slots__ = ("_values", "doubt", "version")

    def __init__(
        self,
        values: Mapping[str, Value],
        doubt: BackendError | None = None,
        version: str = "",
    ) -> None:
        self._values = values
        self.doubt = doubt
        self.version = version

    def __getitem__(self, key: str) -> Value:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secret({len(self)} keys)"


class Backend(ABC):
    """A source of secrets for one run. Its methods are called from several threads at once."""

    def places(self, location: Location) -> Iterator[Location]:
        """Where a location is to be sought, one after the other while nothing is found or shown.

        A backend that goes by more than the path as it is written overrides this. What it yields
        is asked of the gate and then handed to `read`, so `read` changes no path.

        Raises:
            BackendError: it cannot be said where.
        """
        yield location

    @abstractmethod
    def read(self, location: Location) -> Secret:
        """Reads one secret, at just that path.

        Raises:
            BackendError: the secret is not to be had; the subclass says why.
        """

    def explain(
        self,
        location: Location,  # noqa: ARG002 - for those that override this
        error: BackendError,
        gate: Gate,  # noqa: ARG002
    ) -> BackendError:
        """Return the error of a failed read, or a better one.

        This is called after all reads, and may query the backend. It raises nothing.

        Args:
            location: what was to be read.
            error: how that failed.
            gate: what the better one names of other paths must pass it.
        """
        return error

    def close(self) -> None:
        """Gives back what the backend holds open."""
        return
