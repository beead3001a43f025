"""What a render may fetch from other machines, with which credentials, and where it is kept."""

from dataclasses import dataclass

from avp_py.settings import parse
from avp_py.settings.declaration import Owner, setting


@dataclass(frozen=True, kw_only=True)
class FetchSettings:
    """How charts, remote bases and files are fetched."""

    repositories: str | None = setting(
        "AVP_REPOSITORIES",
        Owner.OPERATOR_ALONE,
        parse.absolute,
        "the absolute path of a YAML file with credentials for chart repositories, registries and "
        "git repositories (docs/charts.md)",
    )
    argocd_repositories: tuple[str, ...] = setting(
        "AVP_ARGOCD_REPOSITORIES",
        Owner.OPERATOR_ALONE,
        parse.words,
        "which of Argo CD's own repository Secrets are used as such credentials: by name, "
        "`[namespace:]name`, separated by commas; `[namespace:]labels` stands for all with Argo "
        "CD's labels",
        default="",
    )
    cache: str | None = setting(
        "AVP_CHART_CACHE",
        Owner.OPERATOR_ALONE,
        parse.absolute,
        "the absolute path of a directory that keeps what was fetched; nothing is kept without it",
    )
    cache_bytes: int = setting(
        "AVP_CHART_CACHE_SIZE",
        Owner.OPERATOR_ALONE,
        parse.size,
        "how much that directory may hold, in bytes or as `1Gi`; what was not used for longest is "
        "removed first",
        default="1Gi",
        unit="bytes",
    )
    hosts: tuple[str, ...] = setting(
        "AVP_RENDER_HOSTS",
        Owner.OPERATOR_ALONE,
        parse.hosts,
        "the hosts that may be fetched from although they are this machine or have a link-local "
        "address, as `host` or `host:port`, separated by commas; such a port need not be in "
        "`AVP_RENDER_PORTS`",
        default="",
    )
    ranges: bool = setting(
        "AVP_CHART_RANGES",
        Owner.OPERATOR_ALONE,
        parse.boolean,
        "whether a dependency of a chart without Chart.lock may name a range of versions: true or "
        "false",
        default="false",
    )
