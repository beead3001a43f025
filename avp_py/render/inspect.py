"""Inspect a folder without rendering it: for the parameters that a UI shows.

What cannot be read is skipped: nothing here fails, or reads files outside of the repository.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from avp_py.errors import DocumentError
from avp_py.golang.documents import parse
from avp_py.golang.nodes import MappingNode, Node, ScalarNode, SequenceNode, dereference
from avp_py.render.kustomization import find_roots, kustomization_files
from avp_py.render.repository import Repository, real_path
from avp_py.settings.images import split_image

MAX_BYTES: Final = 4 << 20
"""How much is read in all, in bytes: more would keep a UI waiting."""

MAX_FOUND: Final = 300
"""How many images, or values of a chart, are returned: a UI has a field for each."""

MAX_LENGTH: Final = 1000
"""How long a value may be that is returned, in characters."""

_SUFFIXES = (".yaml", ".yml", ".json")
_CONTAINERS = frozenset({"containers", "initContainers"})
"""The lists whose images kustomize sets (api/konfig/builtinpluginconsts/images.go, v0.21)."""

_IN_A_PATH = re.compile(r"[.,=\[\]\\]")


def images_in(folder: Path, repository: Repository) -> Sequence[str]:
    """Return the images that a kustomization's manifests name, as `name:tag` or `name=newname:tag`.

    Images of charts and remote bases are not included. The `images` of kustomizations apply, those
    of bases first.

    Args:
        folder: the folder with the kustomization, symlinks resolved.
        repository: nothing outside of it is read.
    """
    roots = find_roots(folder, repository)
    folders = [each for each in roots.folders if each.is_relative_to(repository.root)]
    named = {real_path(each) for each in roots.named if each.suffix in _SUFFIXES}
    files = sorted(each for each in named if any(each.is_relative_to(one) for one in folders))
    reader = _Reader()
    own, *others = [_entries(each, reader) for each in folders]
    found: _Images = {}
    for file in files:
        for node in _nodes(reader.read(file)):
            for image in _container_images(node):
                if split := split_image(image):
                    name, end = split
                    found.setdefault(name, set()).add(end)
    for entries in reversed(others):
        _rename(found, entries)
    there = [(name, end) for name, ends in found.items() for end in ends]
    known = sorted(_announced(name, end, own) for name, end in there if split_image(name + end))
    return known[:MAX_FOUND]


def values_files_in(folder: Path) -> Sequence[str]:
    """Return the files in a chart's folder whose names begin with `values`."""
    names = [name for name in _names(folder) if name.startswith("values")]
    return sorted(name for name in names if name.endswith(_SUFFIXES[:2]))[:MAX_FOUND]


def values_in(folder: Path) -> Mapping[str, str]:
    """Return the values of a chart, with their names as `helm --set` expects them."""
    documents = list(_nodes(_Reader().read_in(folder, "values.yaml")))
    found: dict[str, str] = {}
    for path, node in _leaves("", documents[0]) if documents else ():
        if len(found) == MAX_FOUND:
            break
        if not node.is_null and len(path) + len(node.value) <= MAX_LENGTH:
            found[path] = node.value
    return found


def _names(folder: Path) -> Sequence[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names, not paths
    except OSError:
        return ()


class _Reader:
    """Reads files, and no more than MAX_BYTES in all."""

    def __init__(self) -> None:
        self._left = MAX_BYTES

    def read(self, file: Path) -> str:
        """Return the text of a regular file: opening a FIFO would wait for somebody to write."""
        try:
            if file.is_file() and (size := file.stat().st_size) <= self._left:
                self._left -= size
                return file.read_text("utf-8-sig")
        except (OSError, ValueError):
            pass
        return ""

    def read_in(self, folder: Path, name: str) -> str:
        """Return the text of a file of a folder, which must be there with symlinks resolved."""
        file = real_path(folder / name)
        return self.read(file) if file.is_relative_to(folder) else ""


def _nodes(text: str) -> Iterator[Node]:
    try:
        documents = parse(text, "a file")
    except DocumentError:
        return
    for document in documents:
        if document.root is not None:
            yield document.root


def _container_images(node: Node) -> Iterator[str]:
    waiting = [node]
    seen: set[Node] = set()
    while waiting:
        current = dereference(waiting.pop())
        # What many aliases refer to is read once.
        if current in seen:
            continue
        seen.add(current)
        if isinstance(current, SequenceNode):
            waiting.extend(current.items)
        elif isinstance(current, MappingNode):
            for key, value in current.entries:
                waiting.append(value)
                items = dereference(value)
                if key.value in _CONTAINERS and isinstance(items, SequenceNode):
                    yield from (text for each in items.items if (text := _text(each, "image")))


def _text(node: Node, key: str) -> str:
    node = dereference(node)
    value = node.get(key) if isinstance(node, MappingNode) else None
    return value.value if isinstance(value, ScalarNode) else ""


_Entries = Mapping[str, tuple[str, str]]
"""The images that a kustomization sets: name to new name and new tag or digest, or empty."""


def _entries(folder: Path, reader: _Reader) -> _Entries:
    found: dict[str, tuple[str, str]] = {}
    for file in kustomization_files(folder)[:1]:
        for document in _nodes(reader.read_in(folder, file.name)):
            root = dereference(document)
            images = root.get("images") if isinstance(root, MappingNode) else None
            for entry in images.items if isinstance(images, SequenceNode) else ():
                tag, digest = _text(entry, "newTag"), _text(entry, "digest")
                end = (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
                found[_text(entry, "name")] = (_text(entry, "newName"), end)
    return found


_Images = dict[str, set[str]]
"""The images that there are: name to tags and digests, as they are written after it."""


def _rename(images: _Images, entries: _Entries) -> None:
    """Set images as a kustomization does."""
    renamed = {name: images.pop(name) for name in entries if name in images}
    for name, ends in renamed.items():
        new, end = entries[name]
        here = {end} if end else ends
        # Many bases may rename many images: the smaller part is moved.
        less, more = sorted((here, images.get(new or name, set())), key=len)
        more |= less
        images[new or name] = more


def _announced(name: str, end: str, own: _Entries) -> str:
    """Return an image as an Application would write it to leave it as it is."""
    new, new_end = own.get(name, ("", ""))
    renamed = (new or name) + (new_end or end)
    return f"{name}={renamed}" if new not in ("", name) else renamed


def _leaves(path: str, node: Node) -> Iterator[tuple[str, ScalarNode]]:
    node = dereference(node)
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
