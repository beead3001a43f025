"""From a folder to manifest text: kustomize, Helm charts, plain files.

A tenant's files are read here and nowhere else; secrets never come here.
"""

from avp_py.render.detect import MODES, Mode, detect_mode, open_renderer
from avp_py.render.files import read_files
from avp_py.render.interface import Rendered, Renderer, Source
from avp_py.render.kustomization import FILE_NAMES as KUSTOMIZATION_NAMES
from avp_py.render.repository import CMP_WORKDIR
from avp_py.render.tools import ask_builder, ask_version, builder_version, version_of
from avp_py.render.workspace import (
    claim_directory,
    open_workspace,
    remove_directory,
    remove_stale,
    temporary_directory,
)

__all__ = [
    "CMP_WORKDIR",
    "KUSTOMIZATION_NAMES",
    "MODES",
    "Mode",
    "Rendered",
    "Renderer",
    "Source",
    "ask_builder",
    "ask_version",
    "builder_version",
    "claim_directory",
    "detect_mode",
    "open_renderer",
    "open_workspace",
    "read_files",
    "remove_directory",
    "remove_stale",
    "temporary_directory",
    "version_of",
]
