"""Plain files: every .yaml, .yml and .json of a folder, as argocd-vault-plugin reads them."""

import os
from collections.abc import Sequence
from pathlib import Path

from avp_py.errors import RenderError
from avp_py.limits import Limits
from avp_py.render.files import read_file
from avp_py.render.follow import follow
from avp_py.render.interface import Rendered, Renderer, Source

_SUFFIXES = (".yaml", ".yml", ".json")


class PlainRenderer(Renderer):
    """The manifests of a folder (or one file) as they are."""

    name = "plain"

    def __init__(self, source: Source, limits: Limits) -> None:
        self._source = source
        self._limits = limits

    def render(self) -> Sequence[Rendered]:
        """Read the files in the order of their names, without following symlinks to folders."""
        root = self._source.path.resolve()
        left = self._limits.input_bytes
        if root.is_file():
            # The name on the command line counts, not the one that a symlink leads to.
            if not is_manifest(self._source.path.name):
                raise RenderError(
                    f"{self._source} is not a .yaml, .yml or .json file",
                    hint="name such a file, or pass the manifests on standard input",
                )
            data = _read(root.parent, root, root.name, left)
            return (Rendered(root.name, data, is_source=True),)
        rendered: list[Rendered] = []
        for name in _file_names(root, self._limits.files):
            data = _read(root, _confined(root, name), name, left)
            left -= len(data)
            rendered.append(Rendered(name, data, is_source=True))
        if not rendered:
            raise RenderError(
                f"{self._source} has no kustomization, no chart, and no .yaml, .yml or .json file",
                hint="name the folder of the manifests",
            )
        return rendered


def is_manifest(name: str) -> bool:
    """Return whether a file's name ends like a manifest's; `.yaml` alone does, as in Go."""
    return name.endswith(_SUFFIXES)


def _file_names(root: Path, most: int) -> Sequence[str]:
    """Return the files' names relative to the folder, in the order of Go's filepath.Walk."""
    found: list[Path] = []
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            raise RenderError(
                f"the folder {folder.relative_to(root)} cannot be read: {error.strerror}"
            ) from error
        most -= len(entries)
        if most < 0:
            raise RenderError(
                "the folder has too many files",
                hint="name the folder of the manifests; the operator's setting AVP_MAX_FILES says "
                "how many files there may be",
            )
        for entry in entries:
            path = Path(entry)
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif is_manifest(entry.name):
                found.append(path.relative_to(root))
    return [str(each) for each in sorted(found, key=lambda each: each.parts)]


def _confined(root: Path, name: str) -> Path:
    """Return the file that a path leads to, which must be in the folder.

    Whether one exists outside of it makes no difference.
    """
    target = follow(str(root / name), (str(root),))
    if target is None:
        raise RenderError(
            f"{name} is a symlink that leads out of the folder",
            hint="put the file itself into the folder",
        )
    if not os.path.lexists(target) or Path(target).is_symlink():
        raise RenderError(
            f"{name} is a symlink that leads nowhere", hint="fix or remove the symlink"
        )
    return Path(target)


def _read(root: Path, path: Path, name: str, most: int) -> bytes:
    """Return the contents of a file in a directory.

    Args:
        root: the directory, symlinks resolved.
        path: the file in it, symlinks resolved; one that has come since then is not followed.
        name: what messages call the file.
        most: how many bytes it may have.

    Raises:
        RenderError: it is not a regular file, cannot be read, or is larger.
    """
    try:
        data = read_file(root, path, most + 1)
    except OSError as error:
        raise RenderError(f"{name} cannot be read: {error.strerror}") from error
    if data is None:
        raise RenderError(f"{name} is not a regular file", hint="remove it from the folder")
    if len(data) > most:
        raise RenderError(
            f"the manifests up to {name} are larger than AVP_MAX_INPUT",
            hint="name the folder of the manifests; the operator's setting AVP_MAX_INPUT says how "
            "much may be read",
        )
    return data
