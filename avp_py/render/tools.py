"""Where kustomize, helm and kubectl are, and which versions they have."""

import logging
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from avp_py.errors import AvpError, ToolMissingError
from avp_py.limits import Limits
from avp_py.render.workspace import open_workspace
from avp_py.sandbox import (
    SYSTEM,
    Access,
    Places,
    child_environment,
    confine,
    program_access,
    run,
    search_path,
)
from avp_py.settings import RenderSettings, SandboxMode

logger: Final = logging.getLogger(__name__)

_BRIEFLY = Limits(
    seconds=10, timeout=10, deadline=math.inf, input_bytes=0, files=0, output_bytes=1 << 20
)

_VERSION_ARGUMENTS = {
    "kustomize": ("version",),
    "helm": ("version", "--short"),
    "kubectl": ("version", "--client"),
}


def find_tool(kind: str, name: str, environ: Mapping[str, str]) -> str | None:
    """Return the absolute path of a program, or None.

    Only absolute folders of PATH are searched: the working directory is a tenant's.

    Args:
        kind: `kustomize`, `helm` or `kubectl`; names the setting AVP_<KIND>.
        name: its setting: a name that is looked up on PATH, or a path.
        environ: the environment.

    Raises:
        ToolMissingError: the setting is a path that is not absolute, or not of an executable file.
    """
    if "/" in name:
        found = shutil.which(name) if name.startswith("/") else None
        if found is None:
            raise ToolMissingError(
                f"AVP_{kind.upper()}: {name} is not an executable program",
                hint=f"set it to the absolute path of {kind}, or unset it to search PATH",
            )
        return found
    return shutil.which(name, path=search_path(environ))


def require_tool(kind: str, name: str, environ: Mapping[str, str]) -> str:
    """Return the absolute path of a program that must exist; see find_tool.

    Raises:
        ToolMissingError: it was not found.
    """
    found = find_tool(kind, name, environ)
    if found is None:
        raise ToolMissingError(
            f"{name} not found on PATH",
            hint=f"install {kind}, or set AVP_{kind.upper()} to its path",
        )
    return found


def find_builder(
    settings: RenderSettings, environ: Mapping[str, str], *, needs_edit: bool
) -> tuple[str, str]:
    """Return the kind and the absolute path of the program that builds a kustomization.

    It is kustomize; where kustomize is missing and nothing is to be edited, kubectl.

    Raises:
        ToolMissingError: there is neither, or only kubectl where something is to be edited.
    """
    kustomize = find_tool("kustomize", settings.kustomize, environ)
    if kustomize is not None:
        return "kustomize", kustomize
    if not needs_edit:
        kubectl = find_tool("kubectl", settings.kubectl, environ)
        if kubectl is not None:
            return "kubectl", kubectl
    raise ToolMissingError(
        f"{settings.kustomize} not found on PATH"
        + (", and kubectl cannot set an image or annotation" if needs_edit else ""),
        hint="install kustomize, or set AVP_KUSTOMIZE to its path",
    )


def builder_version(settings: RenderSettings, environ: Mapping[str, str]) -> str:
    """Return what the program that builds a kustomization says of its version, or what is wrong."""
    try:
        return ask_builder(settings, environ)
    except ToolMissingError as error:
        return error.reason if "/" in settings.kustomize else "not found"
    except AvpError as error:
        return error.reason


def ask_builder(settings: RenderSettings, environ: Mapping[str, str]) -> str:
    """Return what the program that builds a kustomization says of its version, with its path.

    Raises:
        RenderError: as `find_builder` and `ask_version`.
    """
    kind, path = find_builder(settings, environ, needs_edit=False)
    version = ask_version(kind, path, environ, settings.sandbox)
    if kind == "kustomize":
        return version
    return f"{version}, kubectl in place of kustomize: it cannot set an image or annotation"


def version_of(kind: str, name: str, environ: Mapping[str, str], sandbox: SandboxMode) -> str:
    """Return what a program says of its version, with its path; or that it was not found."""
    try:
        if find_tool(kind, name, environ) is None:
            return "not found"
        return ask_version(kind, name, environ, sandbox)
    except AvpError as error:
        return error.reason


def log_version(kind: str, program: str, environ: Mapping[str, str], sandbox: SandboxMode) -> None:
    """Log the version of a program that is used, if that is wanted: it has to be started for it."""
    if logger.isEnabledFor(logging.INFO):
        logger.info("%s %s", kind, version_of(kind, program, environ, sandbox))


def ask_version(kind: str, name: str, environ: Mapping[str, str], sandbox: SandboxMode) -> str:
    """Return what a program says of its version, with its path.

    Args:
        kind: `kustomize`, `helm` or `kubectl`.
        name: its setting, as for find_tool.
        environ: the environment.
        sandbox: AVP_SANDBOX.

    Raises:
        ToolMissingError: it was not found.
        ChildError: it does not run.
        SandboxError: AVP_SANDBOX requires what the kernel does not have.
        RenderError: the temporary folder cannot be made.
    """
    path = require_tool(kind, name, environ)
    with open_workspace(environ) as workspace:
        access = SYSTEM | program_access(path)
        access |= Access(read=(workspace.home,), write=(workspace.scratch,))
        output = run(
            [path, *_VERSION_ARGUMENTS[kind]],
            cwd=Path("/"),
            env=child_environment(environ, (), workspace.variables),
            limits=_BRIEFLY,
            access=confine(access, sandbox),
            places=Places(workspace.tree, workspace.folder, None),
        )
    return f"{' '.join(output.decode(errors='replace').split())} ({path})"
