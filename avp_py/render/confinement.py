"""What a process may use that renders one request, and all that it starts."""

import sys
from collections.abc import Mapping
from pathlib import Path

from avp_py.render.child import CERTIFICATES
from avp_py.render.interface import Source
from avp_py.render.repository import find_repository
from avp_py.render.script import SHELL
from avp_py.render.tools import find_tool
from avp_py.sandbox import (
    SYSTEM,
    Access,
    named_access,
    program_access,
)
from avp_py.settings import RenderSettings, is_for_fetching


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
    passed = (each for each in settings.environment if not is_for_fetching(each))
    access = SYSTEM | named_access(environ, (*passed, *CERTIFICATES))
    # Python loads parts of its library when they are first used, and so do we.
    libraries = {Path(each) for each in (*sys.path, sys.prefix, sys.base_prefix) if each}
    access |= Access(read=tuple(libraries), write=(scratch,), execute=(scratch,))
    access |= Access(read=(Path("/proc/self"),))
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
