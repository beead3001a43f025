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
        folder: the folder itself; symlinks resolved.
        tree: a path in it that is free, for a shadow; symlinks resolved.
        programs: a folder in it for what stands between a child and another program.
        variables: what child processes get of their own: HOME and TMPDIR are in it too, and so is
            the empty folder that helm seeks plugins in, which would be a tenant's code. Of git's
            protocols those that run programs here or read other folders (ext, file) stay off.
    """

    folder: Path
    tree: Path
    programs: Path
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
            for name in ("home", "scratch", "programs", "plugins"):
                (folder / name).mkdir()
            variables = {
                "HOME": str(folder / "home"),
                "TMPDIR": str(folder / "scratch"),
                "HELM_PLUGINS": str(folder / "plugins"),
                "GIT_ALLOW_PROTOCOL": "http:https:ssh:git",
            }
            yield Workspace(folder, folder / "tree", folder / "programs", variables)
        finally:
            # tempfile.TemporaryDirectory would change modes, before Python 3.11.8 also of what
            # the links of a shadow lead to (CVE-2023-6597).
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise RenderError(
            f"the temporary folder cannot be made or filled: {error.strerror}",
            hint="TMPDIR names a folder that can be written, with room for a copy of the folder",
        ) from error
