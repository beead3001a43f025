"""How a directory becomes manifests: the settings of kustomize, helm and their sandbox."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from avp_py.settings import images as image_parsers
from avp_py.settings import parse
from avp_py.settings.declaration import (
    Owner,
    setting,
    setting_family,
    setting_list,
    setting_map,
)
from avp_py.settings.images import Image
from avp_py.settings.parse import SandboxMode

RENDER_ENVIRONMENT: Final = "AVP_RENDER_ENV"
"""The operator's list of variables for kustomize and helm, which may be a tenant's."""

CHART_NAMES: Final = frozenset({"CHART", "CHART_REPO", "CHART_VERSION"})
"""The settings that name a chart in a repository."""


@dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """How a directory becomes manifests."""

    source_path: str | None = setting(
        "ARGOCD_APP_SOURCE_PATH",
        Owner.ARGOCD,
        parse.verbatim,
        "the directory's path in the repository; the root of the repository follows from it",
    )
    kube_version: str | None = setting(
        "KUBE_VERSION",
        Owner.ARGOCD,
        parse.text,
        "the cluster's version, for Helm's capabilities",
    )
    kube_api_versions: tuple[str, ...] = setting(
        "KUBE_API_VERSIONS",
        Owner.ARGOCD,
        parse.words,
        "the cluster's API versions, for Helm's capabilities",
        default="",
    )
    image_name: str | None = setting(
        "IMAGE_NAME",
        Owner.TENANT,
        image_parsers.image_name,
        "the image whose tag is set, as `kustomize edit set image` names it",
        title="Image",
        renderer="kustomize",
    )
    image_tag: str | None = setting(
        "IMAGE_TAG",
        Owner.TENANT,
        image_parsers.image_tag,
        "its tag, or a digest `sha256:…`",
        title="Tag of the image",
        renderer="kustomize",
    )
    images: tuple[Image, ...] = setting_list(
        "IMAGES",
        Owner.TENANT,
        image_parsers.image,
        "further images to set: `name:tag`, `name@sha256:…`, `name=newname`, `name=newname:tag`",
        title="Images",
        alias="images",
        renderer="kustomize",
    )
    named_images: Mapping[str, Image] = setting_family(
        "IMAGES_<NAME>",
        Owner.TENANT,
        image_parsers.image,
        "one further image each, in the forms of `IMAGES`; `<NAME>` is of your choice: capitals, "
        "digits and `_`",
        # These two are IMAGE_NAME and IMAGE_TAG, misspelt.
        members=re.compile("IMAGES_(?!(?:NAME|TAG)$)[A-Z0-9_]+"),
        renderer="kustomize",
    )
    app_repo: str | None = setting(
        "APP_REPO",
        Owner.TENANT,
        parse.one_line,
        "the value of the repository annotation on every object",
        title="Repository annotation",
        renderer="kustomize",
    )
    helm_values_files: tuple[str, ...] = setting_list(
        "HELM_VALUES_FILES",
        Owner.TENANT,
        parse.verbatim,
        "values files of a chart, relative to its directory; the last one wins",
        title="Values files",
        alias="values-files",
        renderer="helm",
    )
    helm_values: str | None = setting(
        "HELM_VALUES",
        Owner.TENANT,
        parse.verbatim,
        "values of a chart in YAML; they win over values files",
        title="Values",
        renderer="helm",
    )
    helm_parameters: Mapping[str, str] = setting_map(
        "HELM_PARAMETERS",
        Owner.TENANT,
        parse.verbatim,
        "single values of a chart, named as for `helm --set`; they win over all other values",
        title="Single values",
        alias="helm-parameters",
        renderer="helm",
    )
    helm_release_name: str | None = setting(
        "HELM_RELEASE_NAME",
        Owner.TENANT,
        parse.release_name,
        "the name of the chart's release, where it is not the Application's",
        title="Name of the release",
        renderer="helm",
    )
    helm_args: str | None = setting(
        "HELM_ARGS",
        Owner.TENANT,
        parse.verbatim,
        "arguments of `helm template`, of those that docs/plugin.md lists",
        title="Arguments of helm template",
        renderer="helm",
    )
    chart: str | None = setting(
        "CHART",
        Owner.TENANT,
        parse.chart_name,
        "the name of a chart in `CHART_REPO`, which is rendered with the values files of the "
        "directory",
        title="Chart",
        alias="chart",
        renderer="helm",
    )
    chart_repo: str | None = setting(
        "CHART_REPO",
        Owner.TENANT,
        parse.one_line,
        "the URL of that chart's repository (`https://…`) or registry (`oci://…`)",
        title="Repository of the chart",
        alias="chart-repo",
        renderer="helm",
    )
    chart_version: str | None = setting(
        "CHART_VERSION",
        Owner.TENANT,
        parse.one_line,
        "that chart's version, or a range of versions as helm reads it; the newest without it",
        title="Version of the chart",
        alias="chart-version",
        renderer="helm",
    )
    annotation_key: str = setting(
        "AVP_REPO_ANNOTATION",
        Owner.OPERATOR,
        parse.annotation_key,
        "the key of the repository annotation",
        default="github.com/url",
    )
    kustomize: str = setting(
        "AVP_KUSTOMIZE",
        Owner.OPERATOR_ALONE,
        parse.text,
        "the kustomize program: a name looked up on PATH, or an absolute path",
        default="kustomize",
    )
    helm: str = setting(
        "AVP_HELM",
        Owner.OPERATOR_ALONE,
        parse.text,
        "the helm program: a name looked up on PATH, or an absolute path",
        default="helm",
    )
    kubectl: str = setting(
        "AVP_KUBECTL",
        Owner.OPERATOR_ALONE,
        parse.text,
        "the kubectl program, used where kustomize is missing",
        default="kubectl",
    )
    timeout: float = setting(
        "AVP_RENDER_TIMEOUT",
        Owner.OPERATOR_ALONE,
        parse.seconds,
        "the time that each run of kustomize or helm may take",
        default="60",
        unit="seconds",
    )
    network: bool = setting(
        "AVP_RENDER_NETWORK",
        Owner.OPERATOR_ALONE,
        parse.boolean,
        "whether a render may fetch remote bases and charts: true or false",
        default="true",
    )
    ports: tuple[int, ...] = setting(
        "AVP_RENDER_PORTS",
        Owner.OPERATOR_ALONE,
        parse.ports,
        "the TCP ports that a render may connect to where it may use the network, "
        "separated by commas; the ports of the proxies in HTTP_PROXY and HTTPS_PROXY are "
        "added",
        default="443,80,22",
    )
    sandbox: SandboxMode = setting(
        "AVP_SANDBOX",
        Owner.OPERATOR_ALONE,
        parse.sandbox_mode,
        "the kernel sandbox (Landlock, seccomp) of kustomize, helm and git: `auto` uses "
        "what the kernel has, `required` fails where it lacks something, `off` runs them "
        "without",
        default="auto",
    )
    environment: tuple[str, ...] = setting(
        RENDER_ENVIRONMENT,
        Owner.OPERATOR_ALONE,
        parse.passed_on,
        "further variables that kustomize and helm get, by name, separated by commas; "
        "none of ours (`AVP_`, `VAULT_`); files that their values name by "
        "absolute paths can be read, unless Argo CD sets them for the Application",
        default="",
    )

    @property
    def names_chart(self) -> bool:
        """Whether the Application names a chart in a repository, or part of one."""
        return any((self.chart, self.chart_repo, self.chart_version))
