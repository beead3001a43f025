"""Read what Argo CD knows of repositories: its Secrets, and two ConfigMaps.

Their names and labels are in common/common.go of Argo CD, v3.2.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avp_py.errors import Failure
from avp_py.kubernetes.access import SERVICE_ACCOUNT
from avp_py.kubernetes.objects import (
    CONFIG_MAP,
    SECRET,
    TIME_LIMIT_SECONDS,
    Api,
    DataObject,
    UnavailableError,
    in_time,
    open_api,
)
from avp_py.kubernetes.secret import split_name

LABEL: Final = "argocd.argoproj.io/secret-type"
BY_LABEL: Final = "labels"
"""What stands for all Secrets of a namespace with the label."""

_SELECTOR: Final = f"{LABEL} in (repository,repo-creds)"
_CERTIFICATES: Final = "argocd-tls-certs-cm"
_KNOWN_HOSTS: Final = "argocd-ssh-known-hosts-cm"

logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class RepositoryObjects:
    """What one Argo CD knows.

    Attributes:
        secrets: its Secrets for repositories, in the order in which they were named.
        certificates: the certificates of hosts in PEM, by host.
        known_hosts: the lines of a known_hosts file.
        warnings: what cannot be read.
    """

    secrets: Sequence[DataObject]
    certificates: Mapping[str, str]
    known_hosts: str
    warnings: Sequence[Failure]


def read_repository_objects(
    names: Sequence[str],
    environ: Mapping[str, str],
    seconds: float = TIME_LIMIT_SECONDS,
    service_account: Path = SERVICE_ACCOUNT,
) -> Sequence[RepositoryObjects]:
    """Read the objects from the API in KUBECONFIG, or without it from that of this pod's cluster.

    Args:
        names: the Secrets, as `[namespace:]name`; `[namespace:]labels` means all that have Argo
            CD's label.
        environ: the environment of the process.
        seconds: how long it may take; at most TIME_LIMIT_SECONDS.
        service_account: the folder with the service account of this pod.

    Returns:
        What each namespace has, in the order in which they were named. What we may not read, or is
        not there, is a warning.

    Raises:
        SettingsError: a name is invalid, or KUBECONFIG cannot be used.
        DocumentError: KUBECONFIG is malformed.
        ClusterError: there is no API, or it fails.
    """
    by_namespace: dict[str, list[str]] = {}
    for each in names:
        namespace, name = split_name(each)
        by_namespace.setdefault(namespace, []).append(name)

    def read(limit: float) -> Sequence[RepositoryObjects]:
        api = open_api(environ, limit, service_account)
        logger.info(
            "Argo CD's Secrets for repositories in the namespaces %s at %s, with the credentials "
            "in %s", ", ".join(by_namespace), api.access.server, api.access.source,
        )  # fmt: skip
        return [_read(api, namespace, wanted) for namespace, wanted in by_namespace.items()]

    return in_time(read, "Argo CD's Secrets for repositories", seconds)


def _read(api: Api, namespace: str, names: Sequence[str]) -> RepositoryObjects:
    secrets: dict[str, DataObject] = {}
    warnings: list[Failure] = []
    for name in names:
        try:
            if name == BY_LABEL:
                found = list(api.list(SECRET, namespace, _SELECTOR))
            else:
                found = [api.read(SECRET, namespace, name)]
        except UnavailableError as error:
            warnings += error.failures
        else:
            for each in found:
                secrets.setdefault(each.name, each)
    certificates, known_hosts = (
        _config_map(api, namespace, name, warnings) for name in (_CERTIFICATES, _KNOWN_HOSTS)
    )
    return RepositoryObjects(
        tuple(secrets.values()), certificates, known_hosts.get("ssh_known_hosts", ""), warnings
    )


def _config_map(api: Api, namespace: str, name: str, warnings: list[Failure]) -> Mapping[str, str]:
    """Return the values of a ConfigMap, which Argo CD can do without."""
    try:
        found = api.read(CONFIG_MAP, namespace, name)
    except UnavailableError as error:
        if not error.is_missing:
            warnings += error.failures
        return {}
    return {key: value.decode() for key, value in found.data.items()}
