"""All credentials of the operator for repositories, from wherever they are kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from avp_py.errors import Failure
from avp_py.fetch.argocd import ArgocdSecret, read_secrets
from avp_py.fetch.credential import Credential, Offer
from avp_py.fetch.depot import Depot
from avp_py.fetch.helm_config import read_helm_files
from avp_py.fetch.repositories import read_repositories
from avp_py.settings import Settings

KEPT_SECONDS: Final = 10.0
"""How old the credentials of Argo CD may be, in seconds: reading them is some requests."""

OUTDATED_SECONDS: Final = 3600.0
"""How old they may be while the Kubernetes API cannot be reached, in seconds: Argo CD, too, goes on
with what it knows."""


def read_credentials(
    settings: Settings, environ: Mapping[str, str], seconds: float, depot: Depot
) -> tuple[tuple[Offer, ...], tuple[Failure, ...]]:
    """Read which credentials for repositories there are: Argo CD's at most every KEPT_SECONDS.

    Args:
        settings: the settings of the operator.
        environ: the environment of the operator, without what Argo CD sets for an Application.
        seconds: how long reading Argo CD's Secrets may take.
        depot: keeps what is in them.

    Returns:
        The credentials, those that win first, and warnings for the operator: they name files and
        Secrets that have nothing to do with the request.

    Raises:
        AvpError: a file or the Kubernetes API cannot be read.
    """
    credentials: list[Offer] = []
    warnings: list[Failure] = []
    if settings.fetch.repositories is not None:
        credentials += read_repositories(Path(settings.fetch.repositories))
    names = settings.fetch.argocd_repositories

    def read() -> tuple[tuple[Credential, ...], tuple[Failure, ...]]:
        return read_argocd_repositories(names, environ, seconds)

    for found, more in (
        depot.recent("\n".join(names), KEPT_SECONDS, read, OUTDATED_SECONDS),
        read_helm_files(environ, settings.render.environment),
    ):
        credentials += found
        warnings += more
    return tuple(credentials), tuple(warnings)


def read_argocd_repositories(
    names: Sequence[str], environ: Mapping[str, str], seconds: float
) -> tuple[tuple[Credential, ...], tuple[Failure, ...]]:
    """Read the credentials in Argo CD's own Secrets, from the Kubernetes API.

    Args:
        names: AVP_ARGOCD_REPOSITORIES; where it is empty, nothing is read.
        environ: the environment of the operator.
        seconds: how long it may take.

    Returns:
        The credentials, those that win first, and what cannot be used.

    Raises:
        SettingsError: a name is invalid, or KUBECONFIG cannot be used.
        DocumentError: KUBECONFIG is malformed.
        ClusterError: there is no API, or it fails.
    """
    if not names:
        return (), ()
    # Late: most runs read no object.
    from avp_py.kubernetes import LABEL, read_repository_objects

    credentials: list[Credential] = []
    warnings: list[Failure] = []
    for each in read_repository_objects(names, environ, seconds):
        secrets = [
            ArgocdSecret(f"{one.namespace}:{one.name}", one.labels.get(LABEL, ""), one.data)
            for one in each.secrets
        ]
        found, more = read_secrets(secrets, each.certificates, each.known_hosts)
        credentials += found
        warnings += (*each.warnings, *more)
    return tuple(credentials), tuple(warnings)
