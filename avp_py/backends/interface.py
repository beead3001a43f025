"""The interface of a backend: locations to read, the secrets at them, and the methods."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from avp_py.errors import BackendError
from avp_py.values import Guarded, Value


@dataclass(frozen=True, order=True)
class Location:
    """A secret to read.

    Attributes:
        path: the path in the backend, normalised.
        version: the version, `""` for the newest. Version 1 of Vault's KV engine has no versions of
            secrets: there it is always `""`.
        kv_version: the version of Vault's KV engine, `"1"` or `"2"`; `""` if it is not known.
        kind: the kind of the document that needs it, if the policy depends on kinds; else `""`.
        is_guess: whether `kv_version` follows from the path alone, and the answer must confirm it.
    """

    path: str
    version: str = ""
    kv_version: str = ""
    kind: str = ""
    is_guess: bool = False

    @property
    def candidates(self) -> Iterator[str]:
        """Yield every path that a backend may request for it.

        If the version of the KV engine is not known, `data` may follow the mount, and a mount can
        have any number of segments.
        """
        yield self.path
        if not self.kv_version:
            segments = self.path.split("/")
            for end in range(1, len(segments) + 1):
                yield "/".join((*segments[:end], "data", *segments[end:]))

    def __str__(self) -> str:
        return f"{self.path}, version {self.version}" if self.version else self.path


Gate: TypeAlias = Callable[[str, str], None]
"""Checks a path, exactly as it would be requested, for the kind of the document that needs it, and
raises PathError if that is not allowed."""


class Secret(Guarded, Mapping[str, Value]):
    """The values at a location, by key. It never prints a value.

    Attributes:
        doubt: why these may not be the intended values; reported if a key is not found.
        version: the version that was read, `""` if the backend does not report one.
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
        """Yield the places to try, in order, until one can be read.

        A backend that needs more than the path as it is written overrides this. Each place is
        checked by the gate and then passed to `read`, so `read` must not change its path.

        Raises:
            BackendError: there is no such place, or it cannot be determined.
        """
        yield location

    @abstractmethod
    def read(self, location: Location) -> Secret:
        """Read one secret, at exactly that path.

        Raises:
            BackendError: the secret cannot be read; the subclass says why.
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
            location: the location of the read.
            error: the error of the read.
            gate: checks each other path that the better error names.
        """
        return error

    def close(self) -> None:
        """Release what the backend keeps open."""
        return
