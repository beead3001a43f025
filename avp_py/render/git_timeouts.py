"""How long kustomize waits for git: each command line has that time, by the URL of the base. Pure.

Source: parseQuery in api/internal/git/repospec.go of kustomize, api v0.13 to v0.21.
"""

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qs

from avp_py.render.references import is_below_repository

DEFAULT_SECONDS: Final = 27.0
"""The time where a URL has no valid `timeout`."""

MARGIN_SECONDS: Final = 0.6
"""How many seconds before its time limit a fetch may end, to say what took too long."""

HINT: Final = (
    "find out why its server is slow, or end the URL of the base with ?timeout=120s (&timeout=120s "
    "after ?ref=…); the operator's setting AVP_RENDER_TIMEOUT must be longer"
)

_UNITS: Final = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0,
}  # fmt: skip
"""Those of Go's time.ParseDuration."""

_PART: Final = re.compile(rf"([0-9]+\.?[0-9]*|\.[0-9]+)({'|'.join(_UNITS)})", re.ASCII)
_INTEGER: Final = re.compile("[+-]?[0-9]+", re.ASCII)

_MAX_LENGTH: Final = 30
"""How long the text of a duration may be, in characters; Go's durations end at 290 years."""


def seconds_for(repository: str, remotes: Collection[str]) -> float:
    """Return how long kustomize waits for a repository; the longest where that is not certain.

    Args:
        repository: its URL, as kustomize gives it to git.
        remotes: the URLs of the bases that kustomizations name.
    """
    named = [each for each in remotes if is_below_repository(each, repository)]
    return max(map(_seconds, named or remotes), default=DEFAULT_SECONDS)


def _seconds(url: str) -> float:
    try:
        query = parse_qs(url.partition("?")[2], max_num_fields=100)
    except ValueError:
        return DEFAULT_SECONDS
    (text, *_) = query.get("timeout", [""])
    if len(text) > _MAX_LENGTH:
        return DEFAULT_SECONDS
    if _INTEGER.fullmatch(text):
        seconds = float(text)
    else:
        parts = _PART.findall(text)
        is_whole = "".join(number + unit for number, unit in parts) == text.removeprefix("+")
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts) if is_whole else 0.0
    return seconds if seconds > 0 else DEFAULT_SECONDS
