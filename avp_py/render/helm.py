"""A folder that is a Helm chart, or that holds the values of one from a repository."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from avp_py.archives import unpack_chart
from avp_py.errors import Failure, RenderError
from avp_py.limits import Limits
from avp_py.remotes import RemoteChart
from avp_py.render.chart_copies import ChartCopies
from avp_py.render.charts import ChartRules, check_chart
from avp_py.render.child import Child
from avp_py.render.helm_arguments import api_version_arguments, helm_arguments
from avp_py.render.interface import CHART_FILE, Remotes, Rendered, Renderer, Source
from avp_py.render.repository import Repository
from avp_py.render.tools import log_version, require_tool
from avp_py.render.workspace import Workspace, open_workspace
from avp_py.sandbox import Access, helm_defaults
from avp_py.settings import Identity, RenderSettings

DEFAULT_RELEASE = "release-name"
"""The name that `helm template` itself uses where it gets none."""


class HelmRenderer(Renderer):
    """`helm template` on a chart, as Argo CD runs it: with the CRDs of the chart."""

    name = "helm"

    def __init__(
        self,
        source: Source,
        repository: Repository,
        settings: RenderSettings,
        limits: Limits,
        identity: Identity,
        environ: Mapping[str, str],
        remotes: Remotes,
    ) -> None:
        self._source = source
        self._repository = repository
        self._settings = settings
        self._limits = limits
        self._identity = identity
        self._environ = environ
        self._remotes = remotes

    def render(self) -> Sequence[Rendered]:
        """Run helm on the chart; what helm writes goes to a folder of its own."""
        settings = self._settings
        if not self._source.path.is_dir():
            raise RenderError(
                f"{self._source} is not a directory", hint="name the chart's directory"
            )
        helm = require_tool("helm", settings.helm, self._environ)
        log_version("helm", helm, self._environ, settings.sandbox)
        folder = self._source.path.resolve()
        repository = self._repository
        remote = _remote_chart(settings, folder)
        arguments = ["template", f"--namespace={self._identity.namespace or 'default'}"]
        if settings.kube_version:
            arguments += [f"--kube-version={settings.kube_version}"]
        arguments += api_version_arguments("--api-versions", settings.kube_api_versions)
        warnings: list[Failure] = []
        with open_workspace(self._environ) as workspace:
            child = Child(
                helm,
                settings,
                self._limits,
                self._environ,
                workspace,
                repository,
                helm_defaults(),
            )
            roots = (str(repository.root), str(workspace.provided))
            rules = ChartRules(roots, self._limits, child.is_confined)
            chart = folder
            if remote is not None:
                chart = self._fetch(remote, workspace, warnings)
            check_chart(str(chart), rules)
            copies = ChartCopies(workspace, rules, self._remotes)
            chart = copies.completed(chart) or chart
            chosen, options = helm_arguments(
                settings, folder, repository, self._limits, workspace.provided
            )
            # Argo CD prefixes the name with the namespace for an Application outside its own.
            release = chosen or (self._identity.app or DEFAULT_RELEASE).rpartition("_")[2]
            arguments += [*options, "--", release, "."]
            output = child.run(arguments, chart, Access())
        if not output.strip():
            raise RenderError(
                "helm template printed nothing: the chart renders no manifest",
                hint="check the values that switch its templates on",
            )
        values = [option for option in options if option.startswith("--values=")]
        own = folder / "values.yaml"
        if remote is not None and not values and own.is_file():
            warnings.append(_unused_values(remote))
        return (
            Rendered(
                "the chart",
                output,
                (*warnings, *copies.warnings),
                names_templates=True,
                inputs=(own, *(Path(each.partition("=")[2]) for each in values)),
                root=repository.root,
            ),
        )

    def _fetch(self, remote: RemoteChart, workspace: Workspace, warnings: list[Failure]) -> Path:
        """Fetch a chart, and return the directory that it is unpacked in.

        Raises:
            AvpError: it cannot be fetched or unpacked.
        """
        fetched = self._remotes.fetcher.fetch_one(remote, warnings)
        folder = workspace.provided / "chart"
        folder.mkdir()
        return folder / unpack_chart(fetched.data, folder, self._limits)


def _unused_values(chart: RemoteChart) -> Failure:
    """Say that the directory has values which nobody names: helm reads those of the chart alone."""
    return Failure(
        f"values.yaml in the directory is not used for the chart {chart.name}: no values are named",
        hint="name it in HELM_VALUES_FILES (the parameter values-files)",
    )


def _remote_chart(settings: RenderSettings, folder: Path) -> RemoteChart | None:
    """Return the chart that the Application names; None where the folder is one.

    Raises:
        RenderError: it is only half named, or the folder is a chart, too.
    """
    name, repository = settings.chart, settings.chart_repo
    version = settings.chart_version or ""
    if not name and not repository and not version:
        return None
    if not name or not repository:
        given = [
            each
            for each, value in (
                ("CHART", name), ("CHART_REPO", repository), ("CHART_VERSION", version),
            )
            if value
        ]  # fmt: skip
        missing = " and ".join(
            each for each, value in (("CHART", name), ("CHART_REPO", repository)) if not value
        )
        raise RenderError(
            f"the Application sets {', '.join(given)} without {missing}",
            hint="name the chart and its repository; a chart in the directory needs neither",
        )
    if (folder / CHART_FILE).exists():
        raise RenderError(
            f"the Application names the chart {name}, and its directory is a chart itself",
            hint="name a directory with values files only, or remove CHART, CHART_REPO and "
            "CHART_VERSION",
        )
    return RemoteChart(repository, name, version)
