"""Where a placeholder was written that kustomize or helm has rendered, for a message about it.

kustomize does not say which file a document comes from, unless it changes the output
(`buildMetadata`), and helm does not say which line of a template. So the text of the placeholder is
looked for in the files that the kustomizations name, or in the template and the values of the
chart. That is done after a failure only.
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Final, NamedTuple

from avp_py import manifests
from avp_py.errors import Failure, Failures
from avp_py.manifests import Manifest
from avp_py.render import Rendered
from avp_py.render.files import read_files

MAX_BYTES: Final = 4 << 20
"""How large the files may be in all, in bytes. Beyond that, nothing is looked for."""

MAX_PARSED: Final = 256 << 10
"""How large the files may be in all whose documents are distinguished, in characters: parsing that
takes a second or two at most."""

MAX_PLACES: Final = 100
"""How many different places are looked for: a message shows no more of them to act on."""

_LONGEST_NAME: Final = 253
"""How long a name of Kubernetes can be."""


def find_written(
    failures: Sequence[Failure],
    folder: Path,
    rendered: Rendered,
    *,
    max_bytes: int = MAX_BYTES,
    max_parsed: int = MAX_PARSED,
) -> Iterator[Failure]:
    """Yield failures, with file and line where the placeholder can be traced back.

    The file is the one that holds the text of the placeholder. Of several it is the one where a
    document of the same kind and name holds it; as kustomize can extend names, a part of the name
    counts, too, and the longest wins. Where two files are equally likely, none is named; nor is a
    line where the text is there twice.

    Where no file holds the text, as of a placeholder in base64, or where there is none, as of a
    finding, the file is that with the document. There, and where documents can also come from
    elsewhere, only the whole name counts. A template that holds the text goes before the values.

    Args:
        failures: what failed.
        folder: the folder that was rendered, which names of files are relative to.
        rendered: the output of the renderer, and its inputs.
        max_bytes: how large the files may be in all; beyond that, none is searched.
        max_parsed: how many characters of them may be parsed to tell their documents apart.
    """
    wanted = [each for each in failures if each.field and not each.line]
    templates = {folder / each.file for each in wanted if each.file}
    texts = _read(rendered.root, (*rendered.inputs, *templates), max_bytes) if wanted else {}
    search = _Search(
        folder, texts, templates, is_whole=rendered.has_all_inputs, max_parsed=max_parsed
    )
    keys = dict.fromkeys(map(_key, wanted))
    places = {key: search.find(*key) for key in list(keys)[:MAX_PLACES]}
    for failure in failures:
        file, line = ("", 0) if failure.line else places.get(_key(failure), ("", 0))
        yield dataclasses.replace(failure, file=file, line=line) if file else failure


def _key(failure: Failure) -> tuple[str, str, str]:
    return failure.file, failure.document, failure.reference


class _Object(NamedTuple):
    """A document of a file, or an item of a list there."""

    path: Path
    text: str
    manifest: Manifest
    namespace: str
    name: str


class _Search:
    """Looks for placeholders in files."""

    def __init__(
        self,
        folder: Path,
        texts: Mapping[Path, str],
        templates: Set[Path],
        *,
        is_whole: bool,
        max_parsed: int,
    ) -> None:
        self._texts = texts
        self._inputs = [path for path in texts if path not in templates]
        self._is_whole = is_whole
        self._names = {path: os.path.relpath(path, folder) for path in texts}
        self._objects: dict[Path, Mapping[str, Sequence[_Object]]] = {}
        self._left = max_parsed

    def find(self, file: str, document: str, reference: str) -> tuple[str, int]:
        """Return the file that a failure comes from, and the line.

        Args:
            file: the file, where it is known.
            document: what its document is called where it was rendered.
            reference: its placeholder, or other words.

        Returns:
            The file, or an empty text; and the line, or 0.
        """
        named = [path for path, name in self._names.items() if name == file]
        paths = named if file else self._inputs
        placeholder = reference if reference.startswith("<") and reference.endswith(">") else ""
        holding = self._holding(paths, placeholder) or self._holding(self._inputs, placeholder)
        if not holding:
            found = self._find_object(paths, document)
            return ("" if found is None else self._names[found.path]), 0
        alone = holding[0] if len(holding) == 1 and self._is_whole else None
        if alone is not None and self._texts[alone].count(placeholder) == 1:
            text = self._texts[alone]
            return self._names[alone], text.count("\n", 0, text.index(placeholder)) + 1
        found = self._find_object(holding, document, placeholder, is_part=self._is_whole)
        if found is None:
            return ("" if alone is None else self._names[alone]), 0
        start, end = found.manifest.start, found.manifest.end
        line = 0
        if found.text.count(placeholder, start, end) == 1:
            line = found.manifest.origin.line(found.text.index(placeholder, start))
        return self._names[found.path], line

    def _holding(self, paths: Sequence[Path], placeholder: str) -> Sequence[Path]:
        return [path for path in paths if placeholder and placeholder in self._texts[path]]

    def _find_object(
        self, paths: Sequence[Path], document: str, placeholder: str = "", *, is_part: bool = False
    ) -> _Object | None:
        """Return the one object that a document can come from, or None.

        Args:
            paths: the files.
            document: what the document is called.
            placeholder: a text that the object must hold.
            is_part: whether the name of the object may be a part of the document's.
        """
        kind, namespace, name = _called(document)
        if len(name) > _LONGEST_NAME:
            return None
        found: dict[tuple[int, bool], list[_Object]] = {}
        for path in paths:
            objects = self._read_objects(path)
            if objects is None:
                # An object in it may be as likely as those that are found.
                return None
            for each in objects.get(kind, ()):
                start, end = each.manifest.start, each.manifest.end
                is_named = each.name in name if is_part else each.name == name
                if is_named and each.text.find(placeholder, start, end) >= 0:
                    likeness = (len(each.name), each.namespace == namespace)
                    found.setdefault(likeness, []).append(each)
        best = found[max(found)] if found else ()
        return best[0] if len(best) == 1 else None

    def _read_objects(self, path: Path) -> Mapping[str, Sequence[_Object]] | None:
        """Return the objects in a file, by their kinds; None where the files are too large."""
        text = self._texts[path]
        if path not in self._objects and len(text) <= self._left:
            self._left -= len(text)
            objects: dict[str, list[_Object]] = {}
            stream = manifests.read_stream(text.encode(), path.name, Failures(), is_source=True)
            for manifest in stream.manifests:
                _, namespace, name = _called(manifest.label)
                each = _Object(path, stream.text, manifest, namespace, name)
                objects.setdefault(manifest.kind, []).append(each)
            self._objects[path] = objects
        return self._objects.get(path)


def _called(label: str) -> tuple[str, str, str]:
    """Return kind, namespace and name from what a document is called."""
    kind, _, rest = label.partition(" ")
    namespace, _, name = rest.partition(" (")[0].rpartition("/")
    return kind, namespace, name


def _read(root: Path | None, paths: Iterable[Path], max_bytes: int) -> Mapping[Path, str]:
    """Return the text of each file; nothing where one cannot be read, or they are large."""
    if root is None:
        return {}
    try:
        files = read_files(root, paths, max_bytes)
    except OSError:
        return {}
    return {path: data.decode(errors="replace") for path, data in files.items()}
