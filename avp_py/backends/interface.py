"""The interface of a backend: locations to read, the secrets at them, and the methods."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from avp_py.errors import Failure
from avp_py.values import Guarded, Value


@dataclass(frozen=True)
class Location:
    """A secret to read.

    Attributes:
        path: the path in the backend, normalised.
        version: the version, `""` for the newest.
        engine_version: the version of the engine that holds it, as the document says; None if it
            does not. Each backend decides what it means.
    """

    path: str
    version: str = ""
    engine_version: str | None = None

    def __str__(self) -> str:
        return f"{self.path}, version {self.version}" if self.version else self.path


class Target(NamedTuple):
    """What a document refers to.

    Attributes:
        location: the secret.
        kind: the kind of the document, if the policy depends on kinds; else `""`.
    """

    location: Location
    kind: str = ""


Gate: TypeAlias = Callable[[str, str], None]
"""Checks a path, exactly as it would be requested, for the kind of the document that needs it, and
raises PathError if that is not allowed."""

MayName: TypeAlias = Callable[[str], bool]
"""Returns whether a message may name a path."""


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
        doubt: Failure | None = None,
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
        failure: Failure,
        may_name: MayName,  # noqa: ARG002
    ) -> Failure:
        """Return the failure of a read, or a better one.

        This is called after all reads, and may query the backend. It raises nothing.

        Args:
            location: the location of the read.
            failure: what `places` or `read` raised.
            may_name: called for each other path that the better failure would name.
        """
        return failure

    def close(self) -> None:
        """Release what the backend keeps open."""
        return
