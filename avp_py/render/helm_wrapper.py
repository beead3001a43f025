"""The program that kustomize starts in helm's place.

It is a shell script: it answers the query for helm's version, and has its other arguments checked
by us, who have an interpreter running. A chart that is to be pulled is fetched and unpacked by us;
one whose dependencies are missing is completed in a copy. kustomize sets HELM_CONFIG_HOME and its
like to what a kustomization says; the script sets them to the run's own directories again.
"""

import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Final

from avp_py.archives import read_chart
from avp_py.errors import AvpError, Failure, RenderError, quoted
from avp_py.limits import Limits
from avp_py.remotes import Fetched, Fetcher, Remote
from avp_py.render.chart_copies import ChartCopies
from avp_py.render.charts import VERSION, ChartRules, Pull, check_arguments
from avp_py.render.interface import Remotes
from avp_py.render.script import SHELL, write_script
from avp_py.render.staging import original_path, staged_path
from avp_py.render.workspace import Workspace
from avp_py.sandbox import Questions, helm_defaults, program_access, read_go_module

_ALLOWED: Final = "allowed"
_DONE: Final = "done"
_COPY: Final = "copy"
"""The verdicts; after the last one follow the number of the argument that is a chart, and the copy
to render in its place."""

_REPLACE: Final = """\
case "$verdict" in "{copy} "*)
  rest=${{verdict#* }}; number=${{rest%% *}}; chart=${{rest#* }}; count=0
  for word; do
    shift; count=$((count + 1)); [ "$count" = "$number" ] && word=$chart; set -- "$@" "$word"
  done
  verdict={allowed} ;;
esac
"""


class _InTime(Fetcher):
    """Fetches while kustomize runs: it has one time limit for all charts."""

    def __init__(self, fetcher: Fetcher, seconds: float) -> None:
        self._fetcher = fetcher
        self._end = time.monotonic() + seconds

    def fetch(
        self, wanted: Sequence[Remote], seconds: float = math.inf
    ) -> Sequence[Fetched | Failure]:
        """Fetch."""
        left = max(self._end - time.monotonic(), 0)
        return self._fetcher.fetch(wanted, min(seconds, left))


class HelmWrapper:
    """The script, and the check of what it is called with.

    Attributes:
        path: the script.
        access: what it and helm need to run.
        failures: what could not be fetched.
        warnings: what is to be noticed about what was fetched.
    """

    def __init__(
        self,
        helm: str,
        roots: Iterable[Path],
        workspace: Workspace,
        limits: Limits,
        questions: Questions,
        remotes: Remotes,
        confined: bool,
    ) -> None:
        """Write the script.

        Args:
            helm: helm's absolute path.
            roots: the directories that a chart may be in and lead to, symlinks resolved.
            workspace: where to write it; its staging copy and scratch may be read, too.
            limits: how large a chart may be.
            questions: what answers the script while kustomize runs.
            remotes: how it gets charts.
            confined: whether a sandbox keeps helm from reading other files.

        Raises:
            RenderError: the temporary directory lets no program run.
        """
        allowed = [path for root in roots for path in (root, staged_path(root, workspace.tree))]
        allowed += (workspace.scratch, workspace.provided)
        self._rules = ChartRules(tuple(map(str, allowed)), limits, confined)
        self._tree = workspace.tree
        self._clones = workspace.clones
        remotes = replace(remotes, fetcher=_InTime(remotes.fetcher, limits.timeout))
        self._fetcher = remotes.fetcher
        self._copies = ChartCopies(workspace, self._rules, remotes)
        self.failures: list[Failure] = []
        self.warnings = self._copies.warnings
        self.path = write_script(
            workspace.provided / "helm", self._script(helm, workspace, questions)
        )
        self.access = program_access(str(self.path)) | program_access(helm)

    def _script(self, helm: str, workspace: Workspace, questions: Questions) -> Sequence[str]:
        lines = [f"#!{SHELL}"]
        if version := _version(helm):
            queries = " | ".join(quote(" ".join(query)) for query in VERSION)
            lines.append(f'case "$*" in {queries}) echo {quote(version)}; exit ;; esac')
        lines += (f"export {name}={quote(value)}" for name, value in workspace.variables.items())
        defaults = helm_defaults().items()
        lines += (f'export {name}="${{{name}:-{value}}}"' for name, value in defaults)
        lines += (
            questions.script("helm", self._decide),
            _REPLACE.format(copy=_COPY, allowed=_ALLOWED),
            f'if [ "$verdict" = {_ALLOWED} ]; then exec {quote(helm)} "$@"; fi',
            f'[ "$verdict" = {_DONE} ] && exit 0',
            'printf "avp-py: %s\\n" "$verdict" >&2',
            "exit 1",
        )
        return lines

    def _decide(self, folder: str, arguments: Sequence[str]) -> str:
        """Return whether helm may be started with arguments, or why not."""
        try:
            found = check_arguments(arguments, folder, self._rules)
            if isinstance(found, Pull):
                self._pull(found)
                return _DONE
            if found is not None and (copy := self._copies.completed(self._original(found.path))):
                return f"{_COPY} {found.number} {copy}"
        except AvpError as refused:
            self.failures += refused.failures
            return refused.failures[0].reason.replace("\n", " ")
        return _ALLOWED

    def _original(self, chart: str) -> Path:
        """Return what a chart in the staging copy is a copy of: what is beside it is only there."""
        path = Path(chart)
        original = original_path(path, self._tree)
        return original if original.is_dir() else path

    def _pull(self, pull: Pull) -> None:
        """Fetch a chart, and unpack it where kustomize looks for it.

        Raises:
            AvpError: it cannot be fetched or unpacked.
        """
        root, inner = self._place(pull)
        fetched = self._fetcher.fetch_one(pull.chart, self.warnings)
        chart = read_chart(fetched.data, self._rules.limits)
        # helm unpacks into a directory with the name in Chart.yaml, which is the one wanted.
        chart.write(root, (*inner, pull.chart.name), self._rules.limits)

    def _place(self, pull: Pull) -> tuple[Path, Sequence[str]]:
        """Return where to unpack a chart: a root, and the names of directories that lead from it.

        Raises:
            RenderError: it is in none of the directories that kustomize writes to.
        """
        # The directory may be behind symlinks.
        folder = Path(os.path.realpath(pull.folder))
        # kustomize may replace a clone by a symlink, but not the directory that it is in.
        roots = {self._tree: self._tree} | {each: each.parent for each in self._clones}
        for allowed, root in roots.items():
            if folder.is_relative_to(allowed):
                return root, folder.relative_to(root).parts
        raise RenderError(
            f"the chart {quoted(pull.chart.name)} would be pulled to a directory outside of the "
            "copies that kustomize works in",
            hint="name a directory of the kustomization's own repository in chartHome",
        )


def _version(helm: str) -> str:
    """Return helm's version as `helm version --short` begins, if the program itself has it."""
    name, version = read_go_module(Path(helm)) or ("", "")
    return version if name.startswith("helm.sh/helm/") and version.startswith("v") else ""
