"""What a render may read: the copy of the repository that the directory is part of."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from avp_py.errors import RenderError
from avp_py.render.follow import follow

CMP_WORKDIR: Final = "ARGOCD_CMP_WORKDIR"
"""Where argocd-cmp-server unpacks repositories, instead of the temporary directory."""

_CMP_DIRECTORY: Final = "_cmp_server"


@dataclass(frozen=True)
class Repository:
    """Where a render may read.

    Attributes:
        root: the directory that everything must be in, symlinks resolved.
        is_known: whether the root is the repository's. Otherwise it is the directory that was
            named, and a person runs this, whose bases may be beside it.
        is_tenants: whether Argo CD started the run, so that messages reach a tenant.
    """

    root: Path
    is_known: bool
    is_tenants: bool = False

    def contains(self, path: Path | str) -> bool:
        """Return whether a path is in the repository, and so is each step of the way it leads.

        What exists at a path outside of the repository makes no difference.

        Args:
            path: an absolute path; `..` in it is resolved as kustomize does it, before symlinks.
        """
        return follow(os.path.normpath(path), (str(self.root),)) is not None


def find_repository(
    folder: Path, source_path: str | None, environ: Mapping[str, str]
) -> Repository:
    """Return the copy of the repository that a directory is part of.

    Under argocd-cmp-server that is a directory of its own for each request. Elsewhere, where Argo
    CD says which directory of the repository it renders (ARGOCD_APP_SOURCE_PATH), the root is the
    nearest directory above that has this one at that path, or below. Without that, it is the
    nearest one above with `.git` in it; without either, the root is not known.

    Args:
        folder: the directory to render, symlinks resolved.
        source_path: what Argo CD says, or None.
        environ: the environment, which may say where argocd-cmp-server unpacks repositories.

    Raises:
        RenderError: Argo CD says a path at which no directory above has this one: the Application's
            path is a symlink out of the repository.
    """
    # GetCMPWorkDir in argo-cd's common/common.go, v3.2, with Go's os.TempDir.
    base = environ.get(CMP_WORKDIR) or environ.get("TMPDIR") or "/tmp"  # noqa: S108
    requests = Path(os.path.realpath(Path(base) / _CMP_DIRECTORY))
    if folder != requests and folder.is_relative_to(requests):
        return Repository(requests / folder.relative_to(requests).parts[0], True, True)
    if source_path is None:
        for above in (folder, *folder.parents):
            if (above / ".git").exists():
                return Repository(above, True)
        return Repository(folder, False)
    inner = tuple(part for part in PurePosixPath(source_path).parts if part != "/")
    if ".." not in inner:
        for above in (folder, *folder.parents):
            named = real_path(above.joinpath(*inner))
            if folder.is_relative_to(named) and named.is_relative_to(above):
                return Repository(above, True, True)
    raise RenderError(
        f"the directory is not the one that ARGOCD_APP_SOURCE_PATH names: {source_path[:200]!r}",
        hint="the Application's path must be a directory of its repository, not a symlink out of "
        "it; at a terminal, unset ARGOCD_APP_SOURCE_PATH",
    )


def real_path(path: Path | str) -> Path:
    """Return an absolute path without symlinks, as os.path.realpath does.

    That one calls itself for each symlink, and fails on a chain that a tenant has made long enough.
    """
    return Path(follow(str(path), ("/",)) or path)


def outside(what: str) -> RenderError:
    """Return the error for something that is outside of the repository."""
    return RenderError(
        f"{what} is outside of the repository",
        hint="put what is rendered into the repository, or name it as a remote base",
    )
