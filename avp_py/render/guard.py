"""Puts the guard before helm: a program that kustomize starts in helm's place."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from avp_py.errors import RenderError
from avp_py.render import helm_guard
from avp_py.render.limits import Limits
from avp_py.render.shadow import shadow_of
from avp_py.render.workspace import Workspace


def lay_guard(
    helm: str, tops: Iterable[Path], workspace: Workspace, limits: Limits, *, network: bool
) -> Path:
    """Writes the program, and gives its path.

    Args:
        helm: helm's absolute path.
        tops: the folders that a chart may lie in and lead to, symlinks resolved.
        workspace: where to write it; what is below it may be read and written too.
        limits: how large a chart may be.
        network: whether charts may be pulled.

    Raises:
        RenderError: the temporary folder lets no program run.
    """
    allowed = [path for top in tops for path in (top, shadow_of(top, workspace.tree))]
    allowed.append(Path(workspace.variables["TMPDIR"]))
    arguments = (
        helm,
        tuple(map(str, allowed)),
        str(workspace.folder),
        network,
        (limits.input_bytes, limits.files),
    )
    # Isolated, without site-packages: nothing of the environment or of the folder is imported.
    interpreter = os.path.realpath(sys.executable)
    lines = (
        f"#!{interpreter} -IS",
        "import sys",
        f"sys.path.append({str(Path(helm_guard.__file__).parent)!r})",
        "import helm_guard",
        f"helm_guard.become_helm(*{arguments!r})",
    )
    program = workspace.programs / "helm"
    program.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    program.chmod(0o700)
    if not os.access(program, os.X_OK):
        raise RenderError(
            "the temporary folder lets no program run, and one must stand before helm",
            hint="let TMPDIR name a folder that is not mounted noexec",
        )
    return program


def check_chart(chart: Path, tops: Iterable[Path], limits: Limits) -> None:
    """Looks at a chart that helm is given straight away.

    Raises:
        RenderError: it leads out of the folders `tops`, is too large, or holds odd files.
    """
    try:
        helm_guard.check_chart(
            str(chart), tuple(map(str, tops)), (limits.input_bytes, limits.files)
        )
    except helm_guard.RefusedError as refused:
        raise RenderError(
            str(refused), hint="put the file itself into the chart, or remove it"
        ) from None
