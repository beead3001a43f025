"""Normalised paths: what is checked is what is requested."""

import re
from typing import Final

from avp_py.errors import PathError
from avp_py.settings import Regexp

MAX_LENGTH: Final = 4096
"""How long a path may be, in characters; Vault's storage accepts less."""

MAX_PARTS: Final = 64
"""How many parts it may have: where the mount ends is not known, so each of them is tried."""

_UNFIT = re.compile("[\x00-\x1f\x7f\\\\\ud800-\udfff]")


def normalise(path: str) -> str:
    """Return a path without empty, `.` and `..` segments, and without slashes at its ends.

    argocd-vault-plugin leaves this to Vault's client, which cleans a path just before the request
    (Go's path.Join), so `a/../b` is in use; here it happens before anything checks the path.
    Percent signs are not decoded.

    Raises:
        PathError: the path is empty, too long, has too many parts, climbs above its beginning, or
            holds a control character, a backslash, or a lone surrogate.
    """
    if len(path) > MAX_LENGTH:
        raise PathError(
            f"the path has more than {MAX_LENGTH} characters", hint="write it from the mount on"
        )
    if _UNFIT.search(path):
        raise PathError(
            "the path holds a control character, a backslash, or bytes that are not UTF-8",
            hint="separate the parts of a path with /, on one line",
        )
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if not segments:
                raise PathError(
                    "the path climbs above its beginning", hint="write it from the mount on"
                )
            segments.pop()
        elif segment not in ("", "."):
            segments.append(segment)
    if len(segments) > MAX_PARTS:
        raise PathError(
            f"the path has more than {MAX_PARTS} parts", hint="write it from the mount on"
        )
    if not segments:
        raise PathError("the path is empty", hint="write it from the mount on, as kv/data/team/app")
    return "/".join(segments)


def validate(path: str, expression: Regexp | None) -> None:
    """Raise an error unless the operator's AVP_PATH_VALIDATION allows a path.

    argocd-vault-plugin looks for the expression anywhere in the path as it is written, so that
    `^team-a/` lets `team-a/../team-b/x` through (pkg/kube/template.go, v1.18.1).

    Args:
        path: the path, normalised.
        expression: what it must match from its beginning; None allows every path.

    Raises:
        PathError: it does not match.
    """
    if expression is not None and not expression.matches(path):
        raise PathError(
            f"AVP_PATH_VALIDATION does not allow the path {path[:200]}",
            hint="ask the operator which paths may be read",
        )
