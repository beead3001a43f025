"""From a folder to manifest text: kustomize, Helm charts, plain files.

A tenant's files are read here and nowhere else; secrets never come here.
"""

from avp_py.render.detect import MODES, Mode, choose_mode, load_renderers, open_renderer
from avp_py.render.files import read_files
from avp_py.render.interface import Remotes, Rendered, Renderer, Source
from avp_py.render.kustomization import FILE_NAMES as KUSTOMIZATION_NAMES
from avp_py.render.repository import CMP_WORKDIR
from avp_py.render.tools import ask_builder, ask_version, builder_version, version_of
from avp_py.render.workspace import (
    open_workspace,
)

__all__ = [
    "CMP_WORKDIR",
    "KUSTOMIZATION_NAMES",
    "MODES",
    "Mode",
    "Remotes",
    "Rendered",
    "Renderer",
    "Source",
    "ask_builder",
    "ask_version",
    "builder_version",
    "choose_mode",
    "load_renderers",
    "open_renderer",
    "open_workspace",
    "read_files",
    "version_of",
]
