"""What a cluster's nodes would do for Argo CD's health checks: report Deployments as rolled out."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import requests

from tests.e2e.api import Api, Document
from tests.integration.cluster import Cluster

BROKEN_TAG: Final = "broken"
"""An image with this tag never starts: its Deployment exceeds its deadline."""

_PERIOD_SECONDS: Final = 0.2
_DEPLOYMENTS: Final = "/apis/apps/v1/deployments"


@contextmanager
def report(cluster: Cluster) -> Iterator[None]:
    """Report each generation of each Deployment as rolled out, or as failed, while this lasts."""
    is_over = threading.Event()
    thread = threading.Thread(target=_report, args=(Api(cluster), is_over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _report(api: Api, is_over: threading.Event) -> None:
    while not is_over.wait(_PERIOD_SECONDS):
        # The API or the object may have gone meanwhile; the next round sees what there is.
        with suppress(requests.RequestException):
            for each in api.list(_DEPLOYMENTS):
                _report_one(api, each)


def _report_one(api: Api, deployment: Document) -> None:
    metadata, spec = deployment["metadata"], deployment["spec"]
    if deployment.get("status", {}).get("observedGeneration") == metadata["generation"]:
        return
    images = [each["image"] for each in spec["template"]["spec"]["containers"]]
    if any(image.endswith(f":{BROKEN_TAG}") for image in images):
        conditions = [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        ]
        replicas = 0
    else:
        conditions = [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}]
        replicas = spec["replicas"]
    status = {
        "observedGeneration": metadata["generation"],
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": replicas,
        "availableReplicas": replicas,
        "conditions": conditions,
    }
    path = f"/apis/apps/v1/namespaces/{metadata['namespace']}/deployments/{metadata['name']}"
    api.patch(f"{path}/status", {"status": status})
