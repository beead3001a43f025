"""The program that kustomize starts in git's place, for remote bases.

It is a shell script, which asks us: we have the commit fetched, and unpack its files into the
directory that kustomize has made for it. There is no repository of git in it, and no git is run.

The command lines are those of ClonerUsingGitExec in api/internal/git/cloner.go of kustomize, api
v0.13 to v0.21.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from avp_py.archives import unpack_tar
from avp_py.errors import AvpError, Failure, GenerateError
from avp_py.limits import Limits
from avp_py.remotes import Fetched, Fetcher, RemoteCommit, Submodule
from avp_py.render.git_timeouts import HINT, MARGIN_SECONDS
from avp_py.render.remote_files import RemoteFiles
from avp_py.render.script import SHELL, write_script
from avp_py.render.workspace import Workspace
from avp_py.sandbox import Questions, program_access

MAX_DEPTH: Final = 10
"""How deep submodules may be in submodules."""

_DONE: Final = "done"

_NOTHING: Final = (["init"], ["checkout", "FETCH_HEAD"])
"""The command lines that have nothing to do: the files are unpacked when they are fetched."""

_REMOTE: Final = ["remote", "add", "origin"]
_FETCH: Final = ["fetch", "--depth=1"]
_SUBMODULES: Final = ["submodule", "update", "--init", "--recursive"]


_LEAST_SECONDS: Final = 1.0
"""How long a fetch may take at least."""


@dataclass(frozen=True)
class _Submodules:
    """The submodules of a commit.

    Attributes:
        commit: the commit.
        found: its submodules.
        error: why they are not known; empty where they are.
    """

    commit: RemoteCommit
    found: Sequence[Submodule]
    error: str

    def known(self) -> Sequence[Submodule]:
        """Return them, now that they are wanted.

        Raises:
            AvpError: they are not known.
        """
        if self.error:
            raise AvpError(
                f"the submodules of {self.commit} cannot be fetched: {self.error}",
                hint="fix .gitmodules in that repository, or add ?submodules=false to the URL of "
                "the base",
            )
        return self.found


@dataclass
class _Clone:
    """What one directory of kustomize has got.

    Attributes:
        commit: its commit.
        seconds: how long kustomize waits for each command line.
        begin: when the current one began, on the clock of time.monotonic().
        submodules: those of its commit, until they are wanted; None before there is a commit.
        size: how many bytes were unpacked in it, submodules included.
        files: how many files and directories.
    """

    commit: RemoteCommit
    seconds: float
    begin: float
    submodules: _Submodules | None = None
    size: int = 0
    files: int = 0

    @property
    def left(self) -> float:
        """How many seconds kustomize still waits for the current command line."""
        return self.begin + self.seconds - time.monotonic()


@contextmanager
def _in_time(clone: _Clone) -> Iterator[None]:
    """Say of what fails because kustomize does not wait any longer how long it waits."""
    try:
        yield
    except AvpError as error:
        if clone.left > MARGIN_SECONDS or any(each.is_general for each in error.failures):
            raise
        reason = f"kustomize waits only {clone.seconds:g} s for it"
        raise GenerateError(
            [replace(each, reason=f"{each.reason}; {reason}", hint=HINT) for each in error.failures]
        ) from error


class GitWrapper:
    """The script, and what it is answered.

    Attributes:
        access: what it needs to run.
        repositories: the URLs of the repositories that were fetched for bases.
        failures: what could not be fetched.
        warnings: what is to be noticed about what was fetched.
    """

    def __init__(
        self,
        workspace: Workspace,
        limits: Limits,
        questions: Questions,
        fetcher: Fetcher,
        files: RemoteFiles,
    ) -> None:
        """Write the script.

        Args:
            workspace: where to write it; kustomize makes the directories for commits in its
                scratch.
            limits: how large a commit may be.
            questions: what answers the script while kustomize runs.
            fetcher: fetches commits.
            files: fetches the files that the kustomizations of a commit name by URLs.

        Raises:
            RenderError: the temporary directory lets no program run.
        """
        self._root = workspace.scratch
        self._limits = limits
        self._fetcher = fetcher
        self._files = files
        self._clones: dict[str, _Clone] = {}
        self._unpacked = workspace.clones
        self.repositories: set[str] = set()
        self.failures: list[Failure] = []
        self.warnings: list[Failure] = []
        path = write_script(
            workspace.provided / "git",
            (
                f"#!{SHELL}",
                questions.script("git", self._decide),
                f'[ "$verdict" = {_DONE} ] && exit 0',
                'printf "avp-py: %s\\n" "$verdict" >&2',
                "exit 128",
            ),
        )
        self.access = program_access(str(path))

    def _decide(self, folder: str, arguments: Sequence[str]) -> str:
        """Do what a command line is for; return that it is done, or why not."""
        try:
            self._do(folder, list(arguments))
        except AvpError as error:
            self.failures += error.failures
            return error.failures[0].reason.replace("\n", " ")
        return _DONE

    def _do(self, folder: str, arguments: list[str]) -> None:
        if arguments in _NOTHING or (arguments[:3] == _REMOTE and len(arguments) == 4):
            return
        begin, inner = time.monotonic(), self._inner(folder)
        if arguments[:2] == _FETCH and len(arguments) == 4:
            _, _, repository, ref = arguments
            commit = RemoteCommit(repository, "" if ref == "HEAD" else ref)
            clone = _Clone(commit, self._files.git_seconds(repository), begin)
            self._clones[folder] = clone
            clone.submodules = self._unpack(commit, inner, clone)
            self._unpacked.add(self._root.joinpath(*inner))
            self.repositories.add(repository)
        elif arguments == _SUBMODULES and folder in self._clones:
            clone = self._clones.pop(folder)
            clone.begin = begin
            self._update(inner, clone)
        else:
            raise AvpError(
                f"kustomize calls git with a command that is not known: {arguments[:1]}",
                hint="please report it, with the version of kustomize",
            )
        with _in_time(clone):
            self._files.prepare(self._root.joinpath(*inner), max(clone.left, _LEAST_SECONDS))
        if clone.left < 0:
            # The build fails, and kustomize does not always say of which repository.
            raise AvpError(
                f"{clone.commit} came too late: kustomize waits only {clone.seconds:g} s for it",
                hint=HINT,
            )

    def _inner(self, folder: str) -> tuple[str, ...]:
        """Return the parts of a path in scratch.

        Raises:
            AvpError: it is not one of the directories in scratch: what is above one, kustomize
                could replace.
        """
        path = Path(os.path.normpath(folder))
        if path.parent != self._root:
            raise AvpError("kustomize calls git outside of its scratch", hint="please report it")
        return (path.name,)

    def _update(self, inner: tuple[str, ...], clone: _Clone) -> None:
        """Fetch the submodules of a commit, and those in them."""
        level = [(each, inner) for each in clone.submodules.known()] if clone.submodules else []
        for _ in range(MAX_DEPTH):
            places = [(each.commit, (*above, *each.path.split("/"))) for each, above in level]
            level = [
                (module, place)
                for commit, place in places
                for module in self._unpack(commit, place, clone).known()
            ]
            if not level:
                return
        raise AvpError(
            f"submodules are nested deeper than {MAX_DEPTH} levels",
            hint="name the repository that has the base",
        )

    def _unpack(self, commit: RemoteCommit, inner: tuple[str, ...], clone: _Clone) -> _Submodules:
        """Fetch a commit and unpack it; return its submodules.

        Raises:
            AvpError: it cannot be fetched or unpacked, or is too much with those before it.
        """
        fetched = self._fetch(commit, clone)
        clone.size += len(fetched.data)
        self._check(clone)
        clone.files += unpack_tar(fetched.data, self._root, inner, self._limits)
        self._check(clone)
        return _Submodules(commit, fetched.submodules, fetched.submodules_error)

    def _fetch(self, commit: RemoteCommit, clone: _Clone) -> Fetched:
        """Fetch a commit while kustomize waits for it: afterwards nobody wants it."""
        # In less than that, not even the process that fetches could start.
        seconds = max(clone.left, _LEAST_SECONDS)
        with _in_time(clone):
            return self._fetcher.fetch_one(commit, self.warnings, seconds)

    def _check(self, clone: _Clone) -> None:
        """Raise AvpError where a clone is larger than what kustomize may write.

        While it waits for us, nothing measures that. A few commits that are submodules of each
        other more than once are many in all.
        """
        size, files = 2 * self._limits.input_bytes, 2 * self._limits.files
        if clone.size > size or clone.files > files:
            raise AvpError(
                f"a git repository has more than {size} bytes or {files} files, its submodules "
                "included",
                hint="name a smaller one, or add ?submodules=false to its URL; the operator's "
                "settings AVP_MAX_INPUT and AVP_MAX_FILES say how much there may be",
            )
