"""Shell scripts that a child finds where it looks for a program."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from avp_py.errors import RenderError

SHELL: Final = "/bin/sh"
"""What runs the scripts (POSIX)."""


def write_script(path: Path, lines: Iterable[str]) -> Path:
    """Write a script, and return its path.

    Args:
        path: where; nothing may be there.
        lines: its lines; the first names SHELL.

    Raises:
        RenderError: the directory lets no program run.
        OSError: it cannot be written.
    """
    # Where the process is in the sandbox, the mode of a file cannot be changed later.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o500)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(os.fsencode("".join(f"{line}\n" for line in lines)))
    if not os.access(path, os.X_OK):
        raise RenderError(
            "no program can run in the temporary directory, where the wrappers of helm and git are",
            hint="set TMPDIR to a directory that is not mounted noexec",
        )
    return path
