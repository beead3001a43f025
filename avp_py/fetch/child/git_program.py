"""git, run for one repository: in time, and with the configuration of the run."""

import math
import os
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from avp_py.errors import ChildError, FetchError
from avp_py.fetch.child.git_failures import git_failure
from avp_py.limits import Limits
from avp_py.sandbox import Places, Written, run

OLDEST: Final = (2, 37)
"""The first git that can be given the addresses of a host (http.curloptResolve)."""

_MAX_FILES: Final = 1000
"""How many files git may make: packs, and its own."""


class Git:
    """git, and the repository in which it keeps what it fetches."""

    def __init__(
        self,
        folder: Path,
        env: Mapping[str, str],
        deadline: float,
        most: int,
        hidden: Collection[str],
    ) -> None:
        """Look git up.

        Args:
            folder: where the repository is made.
            env: the variables of git.
            deadline: when git must be done, on the clock of time.monotonic().
            most: how many bytes it may fetch.
            hidden: what no message may show.

        Raises:
            FetchError: there is no git.
        """
        program = shutil.which("git", path=env.get("PATH", os.defpath))
        if program is None:
            raise FetchError(
                "git not found on PATH",
                hint="install git where avp-py runs, or put the base into the repository",
            )
        self._program = program
        self.folder = folder
        self._env = {**env, "GIT_DIR": str(folder)}
        self._deadline = deadline
        self._seconds = deadline - time.monotonic()
        self._most = most
        self._hidden = hidden

    def run(self, *arguments: str) -> str:
        """Run git and return what it prints.

        Raises:
            FetchError: it failed, or took too long or fetched too much.
        """
        try:
            return self._run(*arguments).decode("utf-8", "surrogateescape")
        except ChildError as error:
            if error.detail:
                raise git_failure(error.detail, self._hidden) from error
            if self._deadline <= time.monotonic():
                raise FetchError(
                    f"the server did not answer completely within {self._seconds:.3g} s",
                    hint="try again, and check the server and the network; AVP_RENDER_TIMEOUT, "
                    "AVP_RUN_TIMEOUT and ?timeout= of the base limit the time",
                    is_down=True,
                ) from error
            raise FetchError(error.reason, hint=error.hint) from error

    def check_version(self) -> None:
        """Raise FetchError where git is too old to be given the addresses of a host."""
        words = self.run("version").split()
        numbers = words[2].split(".") if len(words) > 2 else ()
        version = tuple(int(each) for each in numbers[:2] if each.isdecimal())
        if version < OLDEST:
            raise FetchError(
                "git is too old to be kept from servers that are not permitted",
                hint=f"install git {OLDEST[0]}.{OLDEST[1]} or later",
            )

    def archive(self, commit: str, data: Path) -> None:
        """Write the files of a commit as a checkout has them into a tar.

        The attributes that leave files out of an archive, and change others, are turned off. No
        filter is configured, so that none runs (Git LFS for instance).

        Args:
            commit: its hash.
            data: the tar; it may be as large as what is fetched.

        Raises:
            FetchError: git cannot write it, or it is too large.
        """
        information = self.folder / "info"
        information.mkdir(exist_ok=True)
        # This file comes before those of the commit (gitattributes(5)).
        (information / "attributes").write_text("* -export-ignore -export-subst\n", "ascii")
        try:
            self.run("archive", "--format=tar", f"--output={data}", commit)
        except FetchError as error:
            # The kernel ends git where it would write more.
            if data.exists() and data.stat().st_size >= self._most:
                raise FetchError(
                    f"the files of the commit are larger than {self._most} bytes",
                    hint="the operator's setting AVP_MAX_INPUT says how large they may be",
                ) from error
            raise

    def _run(self, *arguments: str) -> bytes:
        left = self._deadline - time.monotonic()
        seconds = max(left, 0.001)
        limits = Limits(
            seconds, self._deadline, math.inf, self._most, _MAX_FILES, max(self._most, 1 << 20)
        )
        return run(
            [self._program, *arguments],
            cwd=self.folder.parent,
            env=self._env,
            limits=limits,
            # This process is in a sandbox already, and so is what it starts.
            access=None,
            places=Places(self.folder, self.folder.parent, None),
            written=Written((self.folder,), self._most, _MAX_FILES),
        )
