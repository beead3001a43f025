"""A git repository that somebody pushes to, and that Argo CD reads."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.trees import write

IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Dev"), ("EMAIL", "dev@team.example"))
}
"""The variables that git wants for a commit."""


class Repository:
    """A bare repository, and a clone of it in which files are changed.

    Args:
        folder: an empty folder, or one that does not exist.
        path: PATH, for git.
        clone: where to clone to, if not into that folder; what is there is replaced.
    """

    def __init__(self, folder: Path, path: str, clone: Path | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self._env = {"PATH": path, "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **IDENTITY}
        self._bare = folder / "origin.git"
        self.clone = clone or folder / "clone"
        shutil.rmtree(self.clone, ignore_errors=True)
        self._git(folder, "init", "--quiet", "--bare", "--initial-branch=main", self._bare)
        self._git(folder, "clone", "--quiet", self._bare, self.clone)
        self._git(self.clone, "switch", "--quiet", "--orphan", "main")

    @property
    def url(self) -> str:
        """Its URL."""
        return f"file://{self._bare}"

    def push(self, files: Mapping[str, str | bytes | None]) -> str:
        """Commit files and push them; one that is None is removed. Return the commit's hash."""
        for name in [name for name, text in files.items() if text is None]:
            (self.clone / name).unlink(missing_ok=True)
        write(self.clone, {name: text for name, text in files.items() if text is not None})
        self._git(self.clone, "add", "--all")
        self._git(self.clone, "commit", "--quiet", "--message", "change")
        self._git(self.clone, "push", "--quiet", "origin", "main")
        return self.head

    def edit(self, name: str, old: str, new: str) -> str:
        """Replace a text in a file, and push that. Return the commit's hash."""
        before = (self.clone / name).read_text()
        assert old in before
        return self.push({name: before.replace(old, new)})

    @property
    def head(self) -> str:
        """The hash of the last commit."""
        return self._git(self.clone, "rev-parse", "HEAD").strip()

    def files(self) -> Sequence[str]:
        """The names of the files."""
        return self._git(self.clone, "ls-files").splitlines()

    def branches(self) -> Sequence[str]:
        """The names of the branches."""
        names = self._git(self._bare, "for-each-ref", "--format=%(refname:short)", "refs/heads")
        return names.splitlines()

    def commits(self) -> int:
        """How many commits the branch has."""
        return int(self._git(self._bare, "rev-list", "--count", "main"))

    def _git(self, folder: Path, *arguments: object) -> str:
        done = subprocess.run(
            ["git", *map(str, arguments)],  # noqa: S607 - the one on PATH
            cwd=folder,
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
