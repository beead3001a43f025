"""CustomResourceDefinitions of other projects, on a real Kubernetes API."""

import json
import time
from typing import Final

from tests.conftest import build_tools
from tests.integration.cluster import Cluster

SECONDS: Final = 30
"""How long the API may take to serve a new kind."""


def install(cluster: Cluster, manifest: str, name: str) -> None:
    """Create a CustomResourceDefinition, and wait until objects of its kind can be created."""
    cluster.apply(manifest)
    end = time.monotonic() + SECONDS
    while not _is_served(cluster, name):
        assert time.monotonic() < end, f"{name} is not established"
        time.sleep(0.1)


def _is_served(cluster: Cluster, name: str) -> bool:
    """`kubectl wait` fails at once where there is no condition yet."""
    status = json.loads(cluster.run("get", f"crd/{name}", "--output=json")).get("status", {})
    conditions = {each["type"]: each["status"] for each in status.get("conditions") or ()}
    return conditions.get("Established") == "True"


def install_prometheus_operators(cluster: Cluster, *names: str) -> None:
    """Install kinds of the Prometheus operator."""
    folder = build_tools("prometheus-operator-crds")["prometheus-operator-crds"]
    for name in names:
        manifest = (folder / f"monitoring.coreos.com_{name}.yaml").read_text()
        install(cluster, manifest, f"{name}.monitoring.coreos.com")


def install_argo_cds(cluster: Cluster) -> None:
    """Install Application."""
    folder = build_tools("argocd-crds")["argocd-crds"]
    for name in ("application",):
        manifest = (folder / f"{name}-crd.yaml").read_text()
        install(cluster, manifest, f"{name}s.argoproj.io")
