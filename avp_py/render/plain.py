"""Plain files: every .yaml, .yml and .json of a folder, as argocd-vault-plugin reads them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from avp_py.errors import RenderError
from avp_py.render.interface import Rendered, Renderer

_SUFFIXES = (".yaml", ".yml", ".json")


class PlainRenderer(Renderer):
    """The manifests of a folder (or one file) as they are."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def render(self) -> Sequence[Rendered]:
        """Reads the files in the order of their names; folders behind symlinks are not entered."""
        root = self._path.resolve()
        if root.is_file():
            return (Rendered(root.name, _read(root, root.name)),)
        rendered = tuple(
            Rendered(name, _read(_confined(path, root, name), name)) for path, name in _files(root)
        )
        if not rendered:
            raise RenderError(
                f"{self._path} holds no kustomization, no chart, and no .yaml, .yml or .json file",
                hint="name the folder of the manifests",
            )
        return rendered


def _files(root: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(root.iterdir(), key=lambda each: each.name):
        if path.is_dir() and not path.is_symlink():
            for inner, name in _files(path):
                yield inner, f"{path.name}/{name}"
        elif path.suffix in _SUFFIXES:
            yield path, path.name


def _confined(path: Path, root: Path, name: str) -> Path:
    """The file that a path leads to, which must stay in the folder."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise RenderError(
            f"{name} is a symlink that leads nowhere", hint="mend or remove the symlink"
        ) from None
    if not target.is_relative_to(root):
        raise RenderError(
            f"{name} is a symlink that leads out of the folder",
            hint="put the file itself into the folder",
        )
    return target


def _read(path: Path, name: str) -> bytes:
    # A FIFO would hold the open() until somebody writes to it.
    try:
        if not path.is_file():
            raise RenderError(f"{name} is no regular file", hint="remove it from the folder")
        return path.read_bytes()
    except OSError as error:
        raise RenderError(f"{name} cannot be read: {error.strerror}") from None
