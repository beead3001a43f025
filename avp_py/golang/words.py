"""The words that are booleans or null as plain scalars of YAML 1.1 (yaml.v2 v2.4.0)."""

from collections.abc import Mapping
from typing import Final


def _forms(word: str) -> tuple[str, str, str]:
    return word, word.capitalize(), word.upper()


BOOLEANS: Final[Mapping[str, bool]] = {
    form: value
    for words, value in (("y yes true on", True), ("n no false off", False))
    for word in words.split()
    for form in _forms(word)
}

NULLS: Final = frozenset({"", "~", *_forms("null")})
"""YAML 1.1 and 1.2 agree on these."""


def boolean_name(value: bool) -> str:
    """Return the name that Kubernetes has for a key that is a boolean."""
    return "true" if value else "false"
