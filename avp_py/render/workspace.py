"""A temporary folder for one render."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from avp_py.errors import RenderError


@dataclass(frozen=True)
class Workspace:
    """The folder.

    Attributes:
        tree: a path in it that is free, for a shadow; symlinks resolved.
        variables: HOME and TMPDIR of child processes, in it too.
    """

    tree: Path
    variables: Mapping[str, str]


@contextmanager
def open_workspace() -> Iterator[Workspace]:
    """Makes the folder, and removes it in the end; after SIGKILL it stays.

    Raises:
        RenderError: it cannot be made, or (any OSError in the context) not be filled.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="avp-")).resolve()
        try:
            home, scratch = folder / "home", folder / "scratch"
            home.mkdir()
            scratch.mkdir()
            yield Workspace(folder / "tree", {"HOME": str(home), "TMPDIR": str(scratch)})
        finally:
            # tempfile.TemporaryDirectory would change modes, before Python 3.11.8 also of what
            # the links of a shadow lead to (CVE-2023-6597).
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise RenderError(
            f"the temporary folder cannot be made or filled: {error.strerror}",
            hint="TMPDIR names a folder that can be written, with room for a copy of the folder",
        ) from error
