"""From manifest text to placeholders, and from values back to manifest text.

Pure: nothing in here reads a file, a setting or a backend, and nothing here imports its
neighbours.
"""

from avp_py.manifests.additions import Addition, addition
from avp_py.manifests.duplicates import duplicates
from avp_py.manifests.head import PREFIX, Annotations
from avp_py.manifests.intent import Finding, findings, is_base64, is_data, not_base64
from avp_py.manifests.manifest import Field, Manifest, Origin, read_manifests
from avp_py.manifests.placeholders import Placeholder, Template, read_template
from avp_py.manifests.replacement import REMOVED, Replacement
from avp_py.manifests.rewrite import render_field, rewrite
from avp_py.manifests.stream import Stream, assemble, join, read_stream
from avp_py.manifests.unresolved import Unresolved, unresolved

__all__ = [
    "PREFIX",
    "REMOVED",
    "Addition",
    "Annotations",
    "Field",
    "Finding",
    "Manifest",
    "Origin",
    "Placeholder",
    "Replacement",
    "Stream",
    "Template",
    "Unresolved",
    "addition",
    "assemble",
    "duplicates",
    "findings",
    "is_base64",
    "is_data",
    "join",
    "not_base64",
    "read_manifests",
    "read_stream",
    "read_template",
    "render_field",
    "rewrite",
    "unresolved",
]
