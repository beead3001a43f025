"""Copies of charts whose dependencies are missing, with these completed."""

from pathlib import Path

from avp_py.errors import Failure, RenderError, quoted
from avp_py.render.chart_files import ChartFiles
from avp_py.render.charts import ChartRules, check_chart
from avp_py.render.dependencies import Dependencies
from avp_py.render.interface import Remotes
from avp_py.render.workspace import Workspace


class ChartCopies:
    """The copies of one render.

    Attributes:
        warnings: what is to be noticed about what was fetched.
    """

    def __init__(self, workspace: Workspace, rules: ChartRules, remotes: Remotes) -> None:
        """Make none yet.

        Args:
            workspace: where copies are made; the charts may be in its staging copy.
            rules: what helm may render.
            remotes: how it gets dependencies.
        """
        self._workspace = workspace
        self._rules = rules
        self._dependencies = Dependencies(
            remotes.fetcher, rules.roots, rules.limits, ranges=remotes.ranges
        )
        self._copies: dict[Path, Path] = {}
        self.warnings: list[Failure] = self._dependencies.warnings

    def completed(self, chart: Path) -> Path | None:
        """Return the copy of a chart with its dependencies; None where it has all of them.

        Args:
            chart: its directory, which has been checked.

        Raises:
            AvpError: a dependency is missing, and may not or cannot be fetched.
        """
        if self._dependencies.is_complete(chart):
            return None
        if chart not in self._copies:
            # The copy has a name of ours: the wrapper's shell would drop a space at the end of the
            # chart's. helm shows the name in Chart.yaml only.
            copy = self._workspace.provided / f"chart-{len(self._copies)}"
            self._copy(chart, copy)
            self._dependencies.complete(chart, copy)
            # All of it, with what was added.
            check_chart(str(copy), self._rules)
            self._copies[chart] = copy
        return self._copies[chart]

    def _copy(self, chart: Path, copy: Path) -> None:
        """Copy what helm loads of a chart: files where links were.

        Raises:
            RenderError: it cannot be copied.
        """
        try:
            files = ChartFiles.find(str(chart), self._rules.roots, self._rules.limits)
            for name in files.paths:
                target = copy / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(files.read(name))
        except OSError as error:
            raise RenderError(
                f"the chart {quoted(chart.name)} cannot be copied, so as to complete its "
                f"dependencies: {error.strerror}",
                hint="set TMPDIR to a writable folder with room for a copy of the chart",
            ) from error
