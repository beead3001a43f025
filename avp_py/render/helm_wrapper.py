"""The program that kustomize starts in helm's place.

It is a shell script: it answers the query for helm's version, and has its other arguments checked
by us, who have an interpreter running. kustomize sets HELM_CONFIG_HOME and its like to what a
kustomization says; the script sets them to the run's own directories again.
"""

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from shlex import quote
from typing import Final

from avp_py.errors import RenderError
from avp_py.render.charts import VERSION, ChartRules, check_arguments
from avp_py.render.staging import staged_path
from avp_py.render.workspace import Workspace
from avp_py.sandbox import Limits, Questions, helm_defaults, program_access, read_go_module

SHELL: Final = "/bin/sh"
"""What runs the script (POSIX)."""

_ALLOWED: Final = "allowed"


class HelmWrapper:
    """The script, and the check of what it is called with.

    Attributes:
        path: the script.
        access: what it and helm need to run.
        questions: what answers it while kustomize runs.
    """

    def __init__(
        self,
        helm: str,
        roots: Iterable[Path],
        workspace: Workspace,
        limits: Limits,
        stack: contextlib.ExitStack,
        *,
        network: bool,
        confined: bool,
    ) -> None:
        """Write the script.

        Args:
            helm: helm's absolute path.
            roots: the directories that a chart may be in and lead to, symlinks resolved.
            workspace: where to write it; its staging copy and scratch may be read, too.
            limits: how large a chart may be.
            stack: closes the questions.
            network: whether charts may be pulled.
            confined: whether a sandbox keeps helm from reading other files.

        Raises:
            RenderError: the temporary directory lets no program run.
        """
        allowed = [path for root in roots for path in (root, staged_path(root, workspace.tree))]
        allowed.append(workspace.scratch)
        self._rules = ChartRules(tuple(map(str, allowed)), limits, network, confined)
        self._writable = str(workspace.tree)
        self.questions = stack.enter_context(contextlib.closing(Questions(self._decide)))
        self.path = workspace.provided / "helm"
        # Where the process is in the sandbox, the mode of a file cannot be changed later.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o500)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(os.fsencode(self._script(helm, workspace)))
        if not os.access(self.path, os.X_OK):
            raise RenderError(
                "no program can run in the temporary directory, where the wrapper of helm is",
                hint="set TMPDIR to a directory that is not mounted noexec",
            )
        self.access = program_access(str(self.path)) | program_access(helm)

    def _script(self, helm: str, workspace: Workspace) -> str:
        lines = [f"#!{SHELL}"]
        if version := _version(helm):
            queries = " | ".join(quote(" ".join(query)) for query in VERSION)
            lines.append(f'case "$*" in {queries}) echo {quote(version)}; exit ;; esac')
        lines += (f"export {name}={quote(value)}" for name, value in workspace.variables.items())
        defaults = helm_defaults().items()
        lines += (f'export {name}="${{{name}:-{value}}}"' for name, value in defaults)
        lines += (
            self.questions.script,
            f'if [ "$verdict" = {_ALLOWED} ]; then exec {quote(helm)} "$@"; fi',
            'printf "avp-py: %s\\n" "$verdict" >&2',
            "exit 1",
        )
        return "".join(f"{line}\n" for line in lines)

    def _decide(self, folder: str, arguments: Sequence[str]) -> str:
        """Return whether helm may be started with arguments, or why not."""
        try:
            check_arguments(arguments, folder, self._writable, self._rules)
        except RenderError as refused:
            return refused.reason
        return _ALLOWED


def _version(helm: str) -> str:
    """Return helm's version as `helm version --short` begins, if the program itself has it."""
    name, version = read_go_module(Path(helm)) or ("", "")
    return version if name.startswith("helm.sh/helm/") and version.startswith("v") else ""
