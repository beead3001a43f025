"""The modifiers of a placeholder, as in `<key | jsonPath {.a} | base64encode>`. Pure: no I/O.

One table names them all. A value goes in, the next value comes out; no error says what it was.
"""

from avp_py.modifiers.interface import (
    MISSING,
    Example,
    Missing,
    Modifier,
    ModifierError,
    UnknownModifierError,
)
from avp_py.modifiers.table import MODIFIERS, apply

__all__ = [
    "MISSING",
    "MODIFIERS",
    "Example",
    "Missing",
    "Modifier",
    "ModifierError",
    "UnknownModifierError",
    "apply",
]
