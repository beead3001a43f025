"""What a render needs from other machines: charts, commits of git repositories, files."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from typing import Final, TypeAlias

from avp_py.errors import Failure, GenerateError


@dataclass(frozen=True)
class RemoteChart:
    """A chart in a repository or a registry.

    Attributes:
        repository: the URL of the repository (`https://…`), or the registry's with the path to the
            chart's parent (`oci://…`), as it was written.
        name: the name of the chart.
        version: an exact version, or a range as helm reads it; empty for the newest one.
    """

    repository: str
    name: str
    version: str = ""

    def __str__(self) -> str:
        version = f" {self.version}" if self.version else ""
        return f"the chart {self.name[:200]}{version[:80]} from {shown(self.repository)}"


@dataclass(frozen=True)
class RemoteCommit:
    """The files of a commit in a git repository.

    Attributes:
        repository: the URL of the repository, as git reads it (`https://…`, `ssh://…`,
            `git@host:path`).
        ref: a branch, a tag or a commit; empty for the default branch.
    """

    repository: str
    ref: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether the ref is the full hash of a commit."""
        return len(self.ref) == 40 and set(self.ref) <= _HEXADECIMAL

    def __str__(self) -> str:
        ref = f" at {self.ref[:200]}" if self.ref else ""
        return f"the git repository {shown(self.repository)}{ref}"


@dataclass(frozen=True)
class RemoteFile:
    """One file.

    Attributes:
        url: its URL (`https://…`, `http://…`), as it was written.
    """

    url: str

    def __str__(self) -> str:
        return f"the file {shown(self.url)}"


_HEXADECIMAL: Final = frozenset("0123456789abcdef")

Remote: TypeAlias = RemoteChart | RemoteCommit | RemoteFile


MAX_SUBMODULES: Final = 300
"""How many a commit may have."""


def is_inside(path: str) -> bool:
    """Return whether the path of a submodule stays in its commit, and out of git's own files."""
    return all(part not in ("", ".", "..") and part.lower() != ".git" for part in path.split("/"))


@dataclass(frozen=True)
class Submodule:
    """A submodule of a commit, whose files are not among those of the commit.

    Attributes:
        path: where it is in the commit.
        commit: the repository, and the commit that belongs there.
    """

    path: str
    commit: RemoteCommit


@dataclass(frozen=True)
class Fetched:
    """What was fetched, as another machine made it: hostile input.

    Attributes:
        data: of a chart the archive (a gzipped tar), of a commit a tar of its files without
            compression, of a file its content.
        version: of a chart its exact version, of a commit its hash, of a file an empty text.
        submodules: those of a commit.
        submodules_error: why they are not known; it matters only where they are wanted.
        warning: what is to be noticed about it: that it may be outdated, for instance.
    """

    data: bytes = field(repr=False)
    version: str = ""
    submodules: tuple[Submodule, ...] = ()
    submodules_error: str = ""
    warning: Failure | None = None


class Fetcher(ABC):
    """Fetches for one request what its policy allows."""

    @abstractmethod
    def fetch(
        self, wanted: Sequence[Remote], seconds: float = math.inf
    ) -> Sequence[Fetched | Failure]:
        """Return for each remote what it is, or why it cannot be fetched.

        Args:
            wanted: what to fetch; several are fetched at the same time.
            seconds: how long it may take, where that is less than the request may.

        Raises:
            AvpError: nothing can be fetched.
        """

    def fetch_one(
        self, wanted: Remote, warnings: list[Failure], seconds: float = math.inf
    ) -> Fetched:
        """Return what one remote is.

        Args:
            wanted: what to fetch.
            warnings: takes what is to be noticed about it.
            seconds: as of `fetch`.

        Raises:
            AvpError: it cannot be fetched.
        """
        (answer,) = self.fetch([wanted], seconds)
        if not isinstance(answer, Fetched):
            raise GenerateError([answer])
        warnings += [answer.warning] if answer.warning else []
        return answer


_KINDS: Final[Mapping[str, type[RemoteChart] | type[RemoteCommit] | type[RemoteFile]]] = {
    "chart": RemoteChart,
    "commit": RemoteCommit,
    "file": RemoteFile,
}


def as_parts(remote: Remote) -> list[str]:
    """Return a remote as texts: its kind, and its attributes."""
    kind = next(name for name, each in _KINDS.items() if isinstance(remote, each))
    return [kind, *astuple(remote)]


def from_parts(parts: Sequence[str]) -> Remote:
    """Return the remote that `as_parts` made texts of.

    Raises:
        ValueError: they are not those of a remote.
    """
    kind, *attributes = parts
    made = _KINDS.get(kind)
    if made is None or len(fields(made)) != len(attributes):
        raise ValueError(kind)
    return made(*attributes)


def shown(url: str) -> str:
    """Return a URL as messages show it: without what may be a password in it, and cut."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url[:200]
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"[:200]
