"""Text as YAML that every reader reads alike: YAML 1.1, YAML 1.2 and JSON."""

import json
import re
from typing import Final

from avp_py.errors import PlaceholderError

_UNSAFE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""What JSON allows in a string and YAML does not, or reads as a line break."""

NOT_IN_BLOCK: Final = re.compile("[\x00-\x08\x0b-\x1f]|" + _UNSAFE.pattern)
"""What a block scalar cannot hold: it has no escapes."""

UNREPRESENTABLE: Final = re.compile("[\x7f-\x9f\ufffe\uffff]")
"""What is lost on the way through Argo CD however it is written: Argo CD reads each manifest once
more from Go's JSON, which does not escape these, and yaml.v2 refuses them or, as U+0085, takes one
for a line break (SplitYAML in gitops-engine's kube.go, for Argo CD v3.2)."""

MAX_KEY: Final = 1000
"""How long a key may be without a `?`, in characters: a reader of YAML looks 1024 ahead for its
colon."""


def quoted(text: str) -> str:
    """Return the text as a double-quoted scalar that is at once JSON, YAML 1.1 and YAML 1.2.

    Raises:
        PlaceholderError: the text holds half of a surrogate pair, which no encoding can carry.
    """
    return _UNSAFE.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(match: re.Match[str]) -> str:
    if "\ud800" <= match[0] <= "\udfff":
        raise PlaceholderError(
            "the value is not valid Unicode", hint="store binary data as base64 in the backend"
        )
    return f"\\u{ord(match[0]):04x}"
