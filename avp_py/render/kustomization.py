"""What a kustomization refers to, as far as it matters before kustomize runs.

Only a look: what cannot be read here is left for kustomize to complain about.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avp_py.errors import DocumentError
from avp_py.nodes import MappingNode, ScalarNode, SequenceNode, parse, resolve

FILE_NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""RecognizedKustomizationFileNames in kustomize's api/konfig/general.go, v0.21."""

_FOLDERS = ("resources", "components", "bases", "generators", "transformers", "validators")
_HELM = ("helmCharts", "helmChartInflationGenerator", "generators")
"""Fields through which helm can run; a file under `generators` may be a chart's generator."""


@dataclass(frozen=True)
class Roots:
    """The local folders that a build reads.

    Attributes:
        folders: the folder itself first, then those that it refers to, with symlinks resolved.
        with_charts: those of them whose kustomization may run helm.
    """

    folders: tuple[Path, ...]
    with_charts: frozenset[Path]


def find_roots(start: Path) -> Roots:
    """Follows the folders that a kustomization, and those behind it, refer to.

    Args:
        start: a folder with a kustomization, symlinks resolved.
    """
    found: dict[Path, bool] = {}
    waiting = [start]
    while waiting:
        folder = waiting.pop()
        if folder in found:
            continue
        root = _read(folder)
        found[folder] = root is not None and any(root.get(name) is not None for name in _HELM)
        if root is not None:
            waiting.extend(_folders(folder, root))
    return Roots(tuple(found), frozenset(folder for folder, charts in found.items() if charts))


def _read(folder: Path) -> MappingNode | None:
    for name in FILE_NAMES:
        try:
            documents = parse((folder / name).read_text(), name)
        except (OSError, UnicodeDecodeError, DocumentError):
            continue
        root = documents[0].root if documents else None
        if root is not None and isinstance(resolved := resolve(root), MappingNode):
            return resolved
    return None


def _folders(folder: Path, root: MappingNode) -> Iterator[Path]:
    for name in _FOLDERS:
        entries = root.get(name)
        for entry in entries.items if isinstance(entries, SequenceNode) else ():
            item = resolve(entry)
            if not isinstance(item, ScalarNode) or "\n" in item.value or "\0" in item.value:
                continue
            try:
                path = (folder / item.value).resolve()
                if path.is_dir():
                    yield path
            except (OSError, RuntimeError):
                continue
