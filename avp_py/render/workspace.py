"""A temporary folder for one render."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from avp_py.errors import RenderError
from avp_py.sandbox import own_directory


@dataclass(frozen=True)
class Workspace:
    """The directory. A child may write to the staging copy and to scratch only.

    Attributes:
        folder: the directory itself; symlinks resolved.
        tree: a path in it that is free, for a staging copy.
        scratch: an empty directory in it: TMPDIR and the caches of child processes.
        provided: a directory in it that children only read: the wrapper around helm, values.
        home: a directory in it that stays empty: HOME, and where helm looks for its configuration,
            its plugins (which would be a tenant's code) and its credentials.
        variables: what child processes get of their own: the directories above.
        clones: the directories in scratch that kustomize has made for remote bases; each is added
            when its files are unpacked.
    """

    folder: Path
    tree: Path
    scratch: Path
    provided: Path
    home: Path
    variables: Mapping[str, str]
    clones: set[Path] = field(default_factory=set)


@contextlib.contextmanager
def open_workspace(environ: Mapping[str, str]) -> Iterator[Workspace]:
    """Make the directory, remove it in the end, and remove stale ones of killed runs.

    After SIGKILL, with which cmp-server ends a run after its timeout, it stays until the next
    run. No value of a secret is ever in it: they come in when it is gone.

    Args:
        environ: the environment of the run, with TMPDIR.

    Raises:
        RenderError: it cannot be made, or (any OSError in the context) not be filled.
    """
    try:
        with own_directory(environ) as folder:
            for name in ("home", "scratch", "provided"):
                (folder / name).mkdir()
            variables = _variables(folder / "home", folder / "scratch")
            yield Workspace(
                folder,
                folder / "tree",
                folder / "scratch",
                folder / "provided",
                folder / "home",
                variables,
            )
    except OSError as error:
        raise RenderError(
            f"the temporary folder cannot be created or written: {error.strerror}",
            hint="set TMPDIR to a writable folder with room for a copy of the rendered folder",
        ) from error


def _variables(home: Path, scratch: Path) -> dict[str, str]:
    """Return the variables that decide where helm and its libraries read and write.

    Source: helm's pkg/cli/environment.go, pkg/helmpath and pkg/registry/client.go, v3.19 and v4.
    """
    return {
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "XDG_CONFIG_HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "XDG_STATE_HOME": str(home),
        "XDG_CACHE_HOME": str(scratch / "cache"),
        "HELM_CONFIG_HOME": str(home / "helm"),
        "HELM_DATA_HOME": str(home / "helm"),
        "HELM_CACHE_HOME": str(scratch / "helm"),
        "HELM_PLUGINS": str(home / "helm/plugins"),
        "HELM_REGISTRY_CONFIG": str(home / "helm/registry/config.json"),
        "HELM_REPOSITORY_CONFIG": str(home / "helm/repositories.yaml"),
        "HELM_REPOSITORY_CACHE": str(scratch / "helm/repository"),
        "HELM_CONTENT_CACHE": str(scratch / "helm/content"),
        "DOCKER_CONFIG": str(home / "docker"),
    }
