"""A client of the Kubernetes API, for what tests ask it many times a second."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from tests.integration.cluster import Cluster

Document = dict[str, Any]

_APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
_SECONDS = 30


class Api:
    """The API, as its administrator."""

    def __init__(self, cluster: Cluster) -> None:
        self._server = cluster.server
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(cluster.ca_file)
        # What the API answers for a kind that it is about to serve.
        retries = Retry(10, status_forcelist=[requests.codes.too_many_requests])
        self._session.mount("https://", HTTPAdapter(max_retries=retries))
        self._session.headers["Authorization"] = f"Bearer {cluster.admin_token}"

    def find(self, path: str) -> Document | None:
        """The object at a path; None if there is none."""
        answer = self._session.get(f"{self._server}{path}", timeout=_SECONDS)
        if answer.status_code == requests.codes.not_found:
            return None
        answer.raise_for_status()
        found: Document = answer.json()
        return found

    def get(self, path: str) -> Document:
        """The object at a path, which exists."""
        found = self.find(path)
        assert found is not None, path
        return found

    def list(self, path: str) -> Sequence[Document]:
        """The objects of a collection."""
        items: Sequence[Document] = self.get(path)["items"]
        return items

    def watch(self, path: str, version: str, seconds: int) -> Iterator[Document]:
        """Yield the objects of a collection that change after a version, for a time."""
        since = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(seconds)}
        with self._session.get(
            f"{self._server}{path}", params=since, stream=True, timeout=seconds + _SECONDS
        ) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                yield json.loads(line)["object"]

    def patch(self, path: str, change: Mapping[str, Any]) -> None:
        """Change an object with a merge patch."""
        headers = {"Content-Type": "application/merge-patch+json"}
        answer = self._session.patch(
            f"{self._server}{path}", json=change, headers=headers, timeout=_SECONDS
        )
        answer.raise_for_status()

    def application(self, name: str) -> Document:
        """An Application of Argo CD."""
        return self.get(f"{_APPLICATIONS}/{name}")

    def applications(self) -> Sequence[Document]:
        """All Applications."""
        return self.list(_APPLICATIONS)

    def watch_applications(self, seconds: int) -> Iterator[Document]:
        """Yield the Applications that change from now on, for a time."""
        version = self.get(_APPLICATIONS)["metadata"]["resourceVersion"]
        return self.watch(_APPLICATIONS, version, seconds)

    def patch_application(self, name: str, change: Mapping[str, Any]) -> None:
        """Change an Application."""
        self.patch(f"{_APPLICATIONS}/{name}", change)

    def delete_application(self, name: str) -> None:
        """Delete an Application, if it exists; its objects stay."""
        self._session.delete(f"{self._server}{_APPLICATIONS}/{name}", timeout=_SECONDS)
