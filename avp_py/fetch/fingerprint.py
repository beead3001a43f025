"""What tells apart who may see what was fetched: a digest of the variables of git."""

import hashlib
import json
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from avp_py.sandbox import named_access

_MAX_FILE: Final = 1 << 20
"""How many bytes of a file count; a key or a configuration has fewer."""


def fingerprint(environ: Mapping[str, str], names: Iterable[str]) -> str:
    """Return a digest of variables, and of the files that they name; it reveals none of them.

    The paths do not count: Argo CD writes a key into another file for each request.

    Args:
        environ: the environment.
        names: the variables that count.

    Returns:
        The digest in hexadecimal digits; empty where no variable is set.
    """
    parts = []
    for name in sorted(set(names) & environ.keys()):
        text, contents = environ[name], []
        for path in named_access(environ, (name,)).read:
            text = text.replace(str(path), "", 1)
            contents.append(_digest(path))
        parts.append((name, text, contents))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest() if parts else ""


def _digest(path: Path) -> str:
    """Return a digest of a file; an empty text for what is not one, or cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return ""
        with path.open("rb") as file:
            return hashlib.sha256(file.read(_MAX_FILE)).hexdigest()
    except OSError:
        return ""
