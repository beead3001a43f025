"""The program that kustomize starts in helm's place, and the same check for a chart by itself."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from avp_py.errors import RenderError
from avp_py.render.staging import staged_path
from avp_py.render.workspace import Workspace
from avp_py.sandbox import Access, Limits, helm_wrapper, program_access, read_go_module


def write_helm_wrapper(
    helm: str,
    roots: Iterable[Path],
    workspace: Workspace,
    limits: Limits,
    *,
    network: bool,
    confined: bool,
) -> tuple[Path, Access]:
    """Write the program.

    Args:
        helm: helm's absolute path.
        roots: the directories that a chart may be in and lead to, symlinks resolved.
        workspace: where to write it; its staging copy and scratch may be read, too.
        limits: how large a chart may be.
        network: whether charts may be pulled.
        confined: whether a sandbox keeps helm from reading other files.

    Returns:
        Its path, and the access that it and helm need to run.

    Raises:
        RenderError: the temporary directory lets no program run.
    """
    allowed = [path for root in roots for path in (root, staged_path(root, workspace.tree))]
    allowed.append(workspace.scratch)
    arguments = (
        helm,
        dict(workspace.variables),
        tuple(map(str, allowed)),
        str(workspace.tree),
        network,
        confined,
        (limits.input_bytes, limits.files),
    )
    # Isolated, without site-packages: nothing of the environment or of the tree is imported.
    interpreter = os.path.realpath(sys.executable)
    package = Path(helm_wrapper.__file__).parent
    version = _version(helm)
    lines = (
        f"#!{interpreter} -IS",
        "import sys",
        f"sys.path.append({str(package)!r})",
        "import helm_wrapper",
        f"helm_wrapper.answer_version({version!r})" if version else "",
        f"helm_wrapper.exec_helm(*{arguments!r})",
    )
    program = workspace.provided / "helm"
    # Where the process is in the sandbox, the mode of a file cannot be changed later.
    descriptor = os.open(program, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o500)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        file.write("".join(f"{line}\n" for line in lines))
    if not os.access(program, os.X_OK):
        raise RenderError(
            "no program can run in the temporary directory, where the wrapper of helm is",
            hint="set TMPDIR to a directory that is not mounted noexec",
        )
    access = program_access(str(program)) | program_access(helm)
    # The standard library, and where the interpreter's own library is, if it has one.
    libraries = (Path(os.__file__).parent, Path(sys.base_prefix) / "lib")
    return program, access | Access(read=(package, *libraries))


def _version(helm: str) -> str:
    """Return helm's version as `helm version --short` begins, if the program itself has it."""
    name, version = read_go_module(Path(helm)) or ("", "")
    return version if name.startswith("helm.sh/helm/") and version.startswith("v") else ""


def check_chart(
    chart: Path, roots: Iterable[Path], limits: Limits, *, network: bool, confined: bool
) -> None:
    """Check a chart that helm renders directly; see write_helm_wrapper.

    Raises:
        RenderError: it leads out of the directories `roots`, is too large, or holds odd files.
    """
    try:
        helm_wrapper.check_chart(
            str(chart),
            tuple(map(str, roots)),
            (limits.input_bytes, limits.files),
            network=network,
            confined=confined,
        )
    except helm_wrapper.RefusedError as refused:
        raise RenderError(
            str(refused), hint="put the file itself into the chart, or remove it"
        ) from None
