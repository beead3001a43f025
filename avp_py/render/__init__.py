"""From a folder to manifest text: kustomize, Helm charts, plain files.

A tenant's files are read here and nowhere else; secrets never come here.
"""

from avp_py.render.detect import MODES, Mode, detect_mode, open_renderer
from avp_py.render.files import read_files
from avp_py.render.interface import Rendered, Renderer, Source
from avp_py.render.kustomization import FILE_NAMES as KUSTOMIZATION_NAMES
from avp_py.render.tools import ask_builder, ask_version, builder_version, version_of
from avp_py.render.workspace import open_workspace

__all__ = [
    "KUSTOMIZATION_NAMES",
    "MODES",
    "Mode",
    "Rendered",
    "Renderer",
    "Source",
    "ask_builder",
    "ask_version",
    "builder_version",
    "detect_mode",
    "open_renderer",
    "open_workspace",
    "read_files",
    "version_of",
]
