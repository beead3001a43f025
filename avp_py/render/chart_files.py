"""The files of a chart that is a directory: those that helm loads, and no others.

Sources: pkg/chart/v2/loader/directory.go and internal/sympath/walk.go of Helm 4.2.4.
"""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avp_py.errors import RenderError, quoted
from avp_py.limits import Limits
from avp_py.render.charts import MAX_NESTED
from avp_py.render.files import read_file
from avp_py.render.follow import follow, is_below
from avp_py.render.helmignore import HELMIGNORE, IgnoreRules

_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class ChartFiles:
    """The files of a chart.

    Attributes:
        folder: its directory, symlinks resolved.
        paths: where each file is, symlinks resolved, by its path in the directory.
        roots: the directories that may be read, symlinks resolved.
        limits: how large they may be.
    """

    folder: str
    paths: Mapping[str, str]
    roots: Sequence[str]
    limits: Limits

    @classmethod
    def find(cls, folder: str, roots: Sequence[str], limits: Limits) -> "ChartFiles":
        """Return the files that helm loads from a directory.

        Args:
            folder: the directory, symlinks resolved.
            roots: the directories that may be read, symlinks resolved.
            limits: how many files there may be.

        Raises:
            RenderError: it or a symlink in it leads out of the directories, or in a circle, or
                there are too many files, or what is not a file.
            OSError: it cannot be read.
        """
        if not is_below(folder, tuple(roots)):
            raise RenderError("the chart is outside of the repository")
        target = follow(f"{folder}/{HELMIGNORE}", tuple(roots))
        rules = IgnoreRules.read(b"")
        if target is not None and Path(target).exists():
            rules = IgnoreRules.read(_whole(HELMIGNORE, target, roots, limits))
        paths = _walk(folder, tuple(roots), limits, rules)
        return cls(folder, dict(sorted(paths.items())), roots, limits)

    def read(self, name: str) -> bytes:
        """Return the content of a file, as helm reads it.

        Raises:
            RenderError: it is larger than a chart may be.
            OSError: it cannot be read.
        """
        return _whole(name, self.paths[name], self.roots, self.limits).removeprefix(_BOM)


def _walk(
    top: str, roots: tuple[str, ...], limits: Limits, rules: IgnoreRules
) -> Mapping[str, str]:
    found: dict[str, str] = {}
    waiting = [(top, "", 0)]
    count = 0
    while waiting:
        folder, prefix, links = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                limits.check_deadline()
                count += 1
                if count > limits.files:
                    raise RenderError(f"it has more files than AVP_MAX_FILES ({limits.files})")
                name = f"{prefix}{entry.name}"
                target = follow(entry.path, roots) if entry.is_symlink() else entry.path
                if target is None:
                    raise RenderError(f"{quoted(name)} is a symlink that leads out of the tree")
                mode = Path(target).lstat().st_mode
                is_folder = stat.S_ISDIR(mode)
                if rules.ignores(name, is_folder=is_folder, check=limits.check_deadline):
                    continue
                if is_folder:
                    inner = links + entry.is_symlink()
                    if inner > MAX_NESTED:
                        raise RenderError(f"{quoted(name)} is a symlink that leads in a circle")
                    waiting.append((target, f"{name}/", inner))
                elif stat.S_ISREG(mode):
                    found[name] = target
                else:
                    raise RenderError(f"{quoted(name)} is neither a file nor a directory")
    return found


def _whole(name: str, target: str, roots: Sequence[str], limits: Limits) -> bytes:
    """Return the content of a file; one that is not a regular file is empty.

    Raises:
        RenderError: it is larger than a chart may be.
        OSError: it cannot be read.
    """
    root = next(each for each in roots if is_below(target, (each,)))
    data = read_file(Path(root), Path(target), limits.input_bytes + 1) or b""
    if len(data) > limits.input_bytes:
        raise RenderError(
            f"{quoted(name)} is larger than AVP_MAX_INPUT ({limits.input_bytes} bytes)"
        )
    return data
