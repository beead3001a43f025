"""What a render may read: the copy of the repository that the folder lies in."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from avp_py.errors import RenderError


@dataclass(frozen=True)
class Repository:
    """Where a render may read.

    Attributes:
        root: the folder that all must lie in, symlinks resolved.
        is_known: whether the root is the repository's. Otherwise it is the folder that was named,
            and who runs this is a person whose bases may lie beside it.
    """

    root: Path
    is_known: bool


def find_repository(folder: Path, source_path: str | None) -> Repository:
    """The repository's copy that a folder lies in.

    Where Argo CD says which folder of the repository it renders (ARGOCD_APP_SOURCE_PATH) and the
    folder's path ends so, what stands before it is the root: it is Argo CD that makes the folder's
    path of that path, so an Application cannot widen the root with it. Otherwise the root is the
    nearest folder above with `.git` in it. Without either, Argo CD's word makes the folder itself
    the root; without that, the root is not known.

    Args:
        folder: the folder to render, symlinks resolved.
        source_path: what Argo CD says, or None.
    """
    if source_path is not None:
        parts = PurePosixPath(source_path).parts
        inner = tuple(part for part in parts if part != "/")
        if ".." not in inner and folder.parts[len(folder.parts) - len(inner) :] == inner:
            return Repository(folder.parents[len(inner) - 1] if inner else folder, True)
    for above in (folder, *folder.parents):
        if (above / ".git").exists():
            return Repository(above, True)
    return Repository(folder, source_path is not None)


def refuse_outside(path: Path, repository: Repository, what: str) -> None:
    """Refuses a path, symlinks resolved, that lies outside of a known repository.

    Raises:
        RenderError: it does.
    """
    if repository.is_known and not path.is_relative_to(repository.root):
        raise RenderError(
            f"{what} lies outside of the repository",
            hint="put what is rendered into the repository, or name it as a remote base",
        )
