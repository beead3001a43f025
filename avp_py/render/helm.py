"""A folder that is a Helm chart."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from avp_py.errors import RenderError
from avp_py.render.charts import ChartRules, check_chart
from avp_py.render.child import Child
from avp_py.render.helm_arguments import api_version_arguments, helm_arguments
from avp_py.render.interface import Rendered, Renderer, Source
from avp_py.render.repository import Repository
from avp_py.render.tools import log_version, require_tool
from avp_py.render.workspace import open_workspace
from avp_py.sandbox import Access, Limits, helm_defaults
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
    ) -> None:
        self._source = source
        self._repository = repository
        self._settings = settings
        self._limits = limits
        self._identity = identity
        self._environ = environ

    def render(self) -> Sequence[Rendered]:
        """Run helm in the chart's folder; what helm writes goes to a folder of its own."""
        settings = self._settings
        if not self._source.path.is_dir():
            raise RenderError(
                f"{self._source} is not a directory", hint="name the chart's directory"
            )
        helm = require_tool("helm", settings.helm, self._environ)
        log_version("helm", helm, self._environ, settings.sandbox)
        folder = self._source.path.resolve()
        repository = self._repository
        arguments = ["template", f"--namespace={self._identity.namespace or 'default'}"]
        if settings.kube_version:
            arguments += [f"--kube-version={settings.kube_version}"]
        arguments += api_version_arguments("--api-versions", settings.kube_api_versions)
        with open_workspace(self._environ, settings.environment) as workspace:
            child = Child(
                helm,
                settings,
                self._limits,
                self._environ,
                workspace,
                repository,
                helm_defaults(),
            )
            rules = ChartRules(
                (str(repository.root),), self._limits, settings.network, child.is_confined
            )
            check_chart(str(folder), rules)
            chosen, options = helm_arguments(
                settings, folder, repository, self._limits, workspace.provided
            )
            # Argo CD prefixes the name with the namespace for an Application outside its own.
            release = chosen or (self._identity.app or DEFAULT_RELEASE).rpartition("_")[2]
            arguments += [*options, "--", release, "."]
            output = child.run(arguments, folder, Access())
        if not output.strip():
            raise RenderError(
                "helm template printed nothing: the chart renders no manifest",
                hint="check the values that switch its templates on",
            )
        values = [option for option in options if option.startswith("--values=")]
        return (
            Rendered(
                "the chart",
                output,
                names_templates=True,
                inputs=(folder / "values.yaml", *(Path(each.partition("=")[2]) for each in values)),
                root=repository.root,
            ),
        )
