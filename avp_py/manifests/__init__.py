"""From manifest text to placeholders, and from values back to manifest text.

Pure: nothing in here reads a file, a setting or a backend, and nothing here imports its
neighbours.
"""

from avp_py.manifests.additions import Addition, addition
from avp_py.manifests.duplicates import duplicates
from avp_py.manifests.head import PREFIX, Annotations
from avp_py.manifests.intent import Finding, findings, is_base64, is_data, not_base64
from avp_py.manifests.leftovers import Leftover, leftovers
from avp_py.manifests.manifest import Manifest, Origin, Slot, read_manifests
from avp_py.manifests.placeholders import Placeholder, Template, read_template
from avp_py.manifests.rewrite import REMOVED, Fill, fill, rewrite
from avp_py.manifests.stream import Stream, assemble, join, read_stream
from avp_py.modifiers import (
    MISSING,
    MODIFIERS,
    Missing,
    ModifierError,
    UnknownModifierError,
    apply,
)

__all__ = [
    "MISSING",
    "MODIFIERS",
    "PREFIX",
    "REMOVED",
    "Addition",
    "Annotations",
    "Fill",
    "Finding",
    "Leftover",
    "Manifest",
    "Missing",
    "ModifierError",
    "Origin",
    "Placeholder",
    "Slot",
    "Stream",
    "Template",
    "UnknownModifierError",
    "addition",
    "apply",
    "assemble",
    "duplicates",
    "fill",
    "findings",
    "is_base64",
    "is_data",
    "join",
    "leftovers",
    "not_base64",
    "read_manifests",
    "read_stream",
    "read_template",
    "rewrite",
]
