"""A quick look at what a folder holds, without a render: for the parameters that a UI shows.

What cannot be read is not there: a look never fails, and sees no more than files of the repository.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from avp_py.errors import DocumentError
from avp_py.nodes import MappingNode, Node, ScalarNode, SequenceNode, parse, resolve
from avp_py.render.kustomization import find_roots, kustomization_files
from avp_py.settings.parse import split_image

MAX_FILES: Final = 500
"""How many files are read: more would keep a UI waiting."""

MAX_SIZE: Final = 1 << 20
"""The size in bytes of the largest file that is read."""

MAX_VALUES: Final = 300
"""How many values of a chart are told; a UI has a field for each."""

_SUFFIXES = (".yaml", ".yml", ".json")
_CONTAINERS = frozenset({"containers", "initContainers"})
"""The lists whose images kustomize sets (api/konfig/builtinpluginconsts/images.go, v0.21)."""

_IN_A_PATH = re.compile(r"[.,=\[\]\\]")


def images_in(folder: Path, repository: Path) -> Sequence[str]:
    """The images that a kustomization's manifests name, as `name:tag` or `name=newname:tag`.

    Images of charts and remote bases are not seen. The `images` of kustomizations are heeded: those
    of bases first.

    Args:
        folder: the folder with the kustomization, symlinks resolved.
        repository: what lies outside is not looked at.
    """
    roots = find_roots(folder)
    folders = [each for each in roots.folders if each.is_relative_to(repository)]
    named = {Path(os.path.realpath(each)) for each in roots.named if each.suffix in _SUFFIXES}
    files = sorted(each for each in named if any(each.is_relative_to(one) for one in folders))
    found = {
        image
        for file in files[:MAX_FILES]
        for document in _read(file)
        for image in _container_images(document)
    }
    for base in reversed(folders[1:]):
        entries = _entries(base)
        found = {_renamed(image, entries) for image in found}
    own = _entries(folder)
    return sorted(_announced(image, own) for image in found if split_image(image))


def values_files_in(folder: Path) -> Sequence[str]:
    """The files in a chart's folder whose names begin with `values`."""
    return sorted(
        name
        for name in _names(folder)
        if name.startswith("values") and name.endswith(_SUFFIXES[:2])
    )


def values_in(folder: Path) -> Mapping[str, str]:
    """The values of a chart, with their names as `helm --set` takes them."""
    documents = list(_read(Path(os.path.realpath(folder / "values.yaml")), within=folder))
    found: dict[str, str] = {}
    for path, node in _leaves("", documents[0]) if documents else ():
        if len(found) == MAX_VALUES:
            break
        if not node.is_null:
            found[path] = node.value
    return found


def _names(folder: Path) -> Sequence[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names, not paths
    except OSError:
        return ()


def _read(file: Path, within: Path | None = None) -> Iterator[Node]:
    """The documents of a file."""
    try:
        if within and not file.is_relative_to(within):
            return
        # Only a regular file: a FIFO would hold the open() until somebody writes to it.
        if not file.is_file() or file.stat().st_size > MAX_SIZE:
            return
        documents = parse(file.read_text("utf-8-sig"), file.name)
    except (OSError, ValueError, DocumentError):
        return
    for document in documents:
        if document.root is not None:
            yield document.root


def _container_images(node: Node) -> Iterator[str]:
    waiting = [node]
    while waiting:
        current = resolve(waiting.pop())
        if isinstance(current, SequenceNode):
            waiting.extend(current.items)
        elif isinstance(current, MappingNode):
            for key, value in current.entries:
                waiting.append(value)
                items = resolve(value)
                if key.value in _CONTAINERS and isinstance(items, SequenceNode):
                    yield from (text for each in items.items if (text := _text(each, "image")))


def _text(node: Node, key: str) -> str:
    node = resolve(node)
    value = node.get(key) if isinstance(node, MappingNode) else None
    return value.value if isinstance(value, ScalarNode) else ""


_Entries = Mapping[str, tuple[str, str]]
"""The images that a kustomization sets: name to new name and new tag or digest, or empty."""


def _entries(folder: Path) -> _Entries:
    found: dict[str, tuple[str, str]] = {}
    for file in kustomization_files(folder)[:1]:
        for document in _read(Path(os.path.realpath(file)), within=folder):
            root = resolve(document)
            images = root.get("images") if isinstance(root, MappingNode) else None
            for entry in images.items if isinstance(images, SequenceNode) else ():
                tag, digest = _text(entry, "newTag"), _text(entry, "digest")
                end = (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
                found[_text(entry, "name")] = (_text(entry, "newName"), end)
    return found


def _renamed(image: str, entries: _Entries) -> str:
    name, end = split_image(image) or (image, "")
    new, new_end = entries.get(name, ("", ""))
    return (new or name) + (new_end or end)


def _announced(image: str, own: _Entries) -> str:
    """As an Application would have to write it to leave it as it is."""
    name, _ = split_image(image) or (image, "")
    renamed = _renamed(image, own)
    return f"{name}={renamed}" if own.get(name, ("", ""))[0] not in ("", name) else renamed


def _leaves(path: str, node: Node) -> Iterator[tuple[str, ScalarNode]]:
    node = resolve(node)
    if isinstance(node, ScalarNode):
        if path:
            yield path, node
    elif isinstance(node, MappingNode):
        for key, value in node.entries:
            name = _IN_A_PATH.sub(lambda match: f"\\{match[0]}", key.value)
            yield from _leaves(f"{path}.{name}" if path else name, value)
    else:
        for number, item in enumerate(node.items):
            yield from _leaves(f"{path}[{number}]", item)
