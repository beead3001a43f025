"""What the process that fetches gets, and what it leaves: files in a directory of its own.

    job.json       what to fetch, and how
    previous       what the repository served before: its index, or the file; may be missing
    outcome.json   what came of it
    data           the archive, the tar of a commit, or the file
    index          the index of a chart repository, where it has changed

The first two are the operator's side's, and hold a credential; whatever is in the others may be
hostile.
"""

import dataclasses
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from avp_py.errors import FetchError
from avp_py.remotes import Remote, as_parts, from_parts

JOB: Final = "job.json"
PREVIOUS: Final = "previous"
OUTCOME: Final = "outcome.json"
DATA: Final = "data"
INDEX: Final = "index"

HEADERS: Final = ("ARGOCD_GIT_AUTH_HEADER", "ARGOCD_GIT_BEARER_AUTH_HEADER")
"""The variables of Argo CD that hold a whole header."""

USERNAME, PASSWORD = LOGIN = "username", "password"
"""What Argo CD's program has answered, beside the variables of `Job.askpass`."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to fetch, and how.

    Attributes:
        remote: what, with its URL normalised.
        credential: Credential.as_mapping() for that URL; empty without one.
        hosts: the hosts that may be this machine (AVP_RENDER_HOSTS).
        ports: the ports that are permitted for every host (AVP_RENDER_PORTS); None for all.
        denied: what the policy denies: expressions for RE2 that match the whole of a URL,
            normalised and without its query. `remote` is allowed, but a server may name others.
        seconds: how long it may take.
        max_bytes: how large the data may be.
        memory_bytes: how much memory for its data the process, and each that it starts, may have.
        known: the versions of the chart, or the commits of the repository, that need not be
            fetched: where one of them is what is wanted, there is no data.
        etag: the ETag of `previous`; empty where there is none.
        askpass: what Argo CD lends (`provideGitCreds`): variables of git, HEADERS, and LOGIN.
    """

    remote: Remote
    credential: Mapping[str, Any] = field(default_factory=dict, repr=False)
    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] | None = None
    denied: tuple[str, ...] = ()
    seconds: float
    max_bytes: int
    memory_bytes: int
    known: tuple[str, ...] = ()
    etag: str = ""
    askpass: Mapping[str, str] = field(default_factory=dict, repr=False)

    def write(self, folder: Path) -> None:
        """Write the job into a directory.

        Raises:
            OSError: it cannot be written.
        """
        fields = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        fields["remote"] = as_parts(self.remote)
        (folder / JOB).write_text(json.dumps(fields), "ascii")

    @classmethod
    def read(cls, folder: Path) -> "Job":
        """Read the job in a directory, which is one of ours."""
        fields = json.loads((folder / JOB).read_text("ascii"))
        remote = from_parts(fields.pop("remote"))
        read: dict[str, Any] = {
            name: tuple(each) if isinstance(each, list) else each for name, each in fields.items()
        }
        return cls(remote=remote, **read)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a job.

    Attributes:
        version: the exact version of the chart, or the hash of the commit.
        etag: the ETag of `index`, or of the file in `data`; empty where the server sent none.
        is_unchanged: whether the server says that `previous` is still what it has.
        submodules: path, URL and hash of each submodule of a commit.
        submodules_error: why they are not known; it matters only where they are wanted.
        reason: why nothing could be fetched; empty where it could.
        hint: what to do about it.
        detail: lines of another program (git) about it.
        is_down: whether the server could not be reached, or failed.
    """

    version: str = ""
    etag: str = ""
    is_unchanged: bool = False
    submodules: tuple[tuple[str, str, str], ...] = ()
    submodules_error: str = ""
    reason: str = ""
    hint: str = ""
    detail: str = ""
    is_down: bool = False

    def check(self) -> None:
        """Raise FetchError where nothing could be fetched."""
        if self.reason:
            raise FetchError(self.reason, hint=self.hint, detail=self.detail, is_down=self.is_down)

    def write(self, folder: Path) -> None:
        """Write the outcome into a directory.

        Raises:
            OSError: it cannot be written.
        """
        (folder / OUTCOME).write_text(json.dumps(dataclasses.asdict(self)), "ascii")

    @classmethod
    def read(cls, folder: Path) -> "Outcome":
        """Read the outcome in a directory, as hostile input.

        Raises:
            FetchError: there is none, or it is not one.
        """
        try:
            # It holds a few lines, and of submodules one for each.
            fields = json.loads((read_left(folder, OUTCOME, _MAX_OUTCOME) or b"").decode("ascii"))
            modules = tuple(
                (str(path), str(url), str(commit)) for path, url, commit in fields.pop("submodules")
            )
            types = {each.name: each.type for each in dataclasses.fields(cls)}
            if all(type(value) is types[name] for name, value in fields.items()):
                return cls(submodules=modules, **fields)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
        raise FetchError("the process that fetches ended without a result", hint="try again")


def read_left(folder: Path, name: str, most: int) -> bytes | None:
    """Return a file that the process left, or None where there is none.

    Args:
        folder: its directory.
        name: the file.
        most: how many bytes it may have.

    Raises:
        FetchError: it is larger, or not a plain file: a link would lead to what the operator's side
            may read, and the process may not.
    """
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _odd(name) from error
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise _odd(name)
        if status.st_size > most:
            raise FetchError(
                f"what was fetched is larger than {most} bytes",
                hint="the operator's setting AVP_MAX_INPUT says how large it may be",
            )
        return file.read(most)


def _odd(name: str) -> FetchError:
    return FetchError(f"the process that fetches left no plain file {name}", hint="try again")


_MAX_OUTCOME: Final = 1 << 20
"""How many bytes of an outcome are read."""
