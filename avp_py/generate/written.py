"""Where a placeholder was written that kustomize has rendered, for the message about its failure.

kustomize does not say which line of its output comes from which file, unless it changes the output
(`buildMetadata`). So the text of the placeholder is looked for in the files that the kustomizations
name. That is done after a failure only.
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from avp_py.errors import Failure

MAX_BYTES: Final = 4 << 20
"""How large the files may be in all, in bytes. Beyond that, nothing is looked for."""

MAX_PLACEHOLDERS: Final = 100
"""How many different placeholders are looked for: a message shows no more of them to act on."""


def find_written(
    failures: Sequence[Failure], folder: Path, inputs: Iterable[Path]
) -> Iterator[Failure]:
    """Yield failures, those with file and line whose placeholder just one file holds.

    The line is left out where that file holds the text more than once.

    Args:
        failures: what failed.
        folder: the folder that was rendered, which names of files are relative to.
        inputs: the paths of what it was rendered from.
    """
    wanted = dict.fromkeys(each.reference for each in failures if each.reference and not each.file)
    texts = _read(inputs) if wanted else {}
    places = {each: _place(each, texts) for each in list(wanted)[:MAX_PLACEHOLDERS]}
    for failure in failures:
        path, line = places.get(failure.reference, (None, 0))
        if failure.file or path is None:
            yield failure
        else:
            yield dataclasses.replace(failure, file=os.path.relpath(path, folder), line=line)


def _place(placeholder: str, texts: Mapping[Path, str]) -> tuple[Path | None, int]:
    """Return the one file that holds a placeholder, or None; and the line, or 0."""
    holding = [path for path, text in texts.items() if placeholder in text]
    if len(holding) != 1:
        return None, 0
    text = texts[holding[0]]
    start = text.index(placeholder)
    is_once = placeholder not in text[start + 1 :]
    return holding[0], text.count("\n", 0, start) + 1 if is_once else 0


def _read(inputs: Iterable[Path]) -> Mapping[Path, str]:
    """Return the text of each file, each once; nothing where one cannot be read, or all are large.

    A symlink leads to a file that may be read: that is checked where the path is found.
    """
    texts: dict[Path, str] = {}
    left = MAX_BYTES
    try:
        for path in sorted({Path(os.path.realpath(each)) for each in inputs}):
            # A FIFO would hold the open() until somebody writes to it.
            if path.is_file():
                with path.open("rb") as file:
                    data = file.read(left + 1)
                left -= len(data)
                if left < 0:
                    return {}
                texts[path] = data.decode(errors="replace")
    except OSError:
        return {}
    return texts
