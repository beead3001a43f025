"""What a process may use that renders one request, and all that it starts."""

from collections.abc import Mapping
from pathlib import Path

from avp_py.render.child import passed_on
from avp_py.render.interface import Source
from avp_py.render.repository import find_repository
from avp_py.render.script import SHELL
from avp_py.render.tools import find_tool
from avp_py.sandbox import (
    CERTIFICATES,
    SYSTEM,
    Access,
    named_access,
    program_access,
    python_access,
)
from avp_py.settings import RenderSettings


def render_access(
    source: Source | None,
    settings: RenderSettings,
    environ: Mapping[str, str],
    scratch: Path,
) -> Access:
    """Return the access of a process that renders; that of each child is a part of it.

    Args:
        source: the directory or file to render; None where manifests come on standard input.
        settings: how to render.
        environ: the environment.
        scratch: the directory for temporary files, which nothing else uses.

    Raises:
        RenderError: the directory is not in the repository.
        ToolMissingError: a setting names a program that does not exist.
    """
    names = (*passed_on(settings), *CERTIFICATES)
    access = SYSTEM | named_access(environ, names) | python_access()
    access |= Access(read=(Path("/proc/self"),), write=(scratch,), execute=(scratch,))
    for kind, name in (
        ("kustomize", settings.kustomize),
        ("helm", settings.helm),
        ("kubectl", settings.kubectl),
    ):
        program = find_tool(kind, name, environ)
        if program is not None:
            access |= program_access(program)
    # The wrappers around helm and git are scripts of ours.
    access |= program_access(SHELL)
    if source is not None:
        path = source.path.resolve()
        root = path
        if path.is_dir():
            root = find_repository(path, settings.source_path, environ).root
        access |= Access(read=(root,))
    return access
