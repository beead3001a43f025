"""An Application, from a git push to the objects in the cluster."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.e2e.api import Document
from tests.e2e.argocd import CLUSTER_NAME, NAMESPACE
from tests.e2e.ecosystem import SETTINGS_SECRET, Ecosystem
from tests.e2e.repository import Repository

WAIT_SECONDS: Final = 60
"""How long Argo CD may take for what it does in two seconds on an idle machine."""

PLUGIN: Final = "avp-kustomize"
IMAGE: Final = "registry.example/team/web"
SOURCE_URL: Final = "https://git.example/team/web"
"""The repository annotation."""

_WEB: Final = Path(__file__).parent / "repositories" / "web"


def web_files(folder: str = "deploy") -> Mapping[str, bytes]:
    """The example: a Deployment, a Secret, and a chart with another Secret."""
    files = (each for each in _WEB.rglob("*") if each.is_file())
    return {f"{folder}/{each.relative_to(_WEB)}": each.read_bytes() for each in files}


def variables(tag: str) -> Mapping[str, str]:
    """What CI sets in the Application (`--plugin-env`)."""
    return {
        "AVP_SECRET": f"argocd:{SETTINGS_SECRET}",
        "APP_REPO": SOURCE_URL,
        "IMAGE_NAME": IMAGE,
        "IMAGE_TAG": tag,
    }


@dataclass(frozen=True)
class App:
    """An Application with a repository and a namespace of its own.

    Attributes:
        name: its name.
        project: its project.
        namespace: the namespace that it is deployed to.
        repository: its repository; the manifests are in the folder `deploy`.
        on: where it runs.
    """

    name: str
    project: str
    namespace: str
    repository: Repository
    on: Ecosystem

    @property
    def secret_path(self) -> str:
        """The path of its secret in Vault."""
        return f"kv/data/{self.namespace}/{self.name}"

    def create_command(self, tag: str, *further: str, plugin: str = PLUGIN) -> Sequence[str]:
        """The arguments of `argocd` with which CI deploys a tag."""
        return (
            *("app", "create", self.name, "--project", self.project),
            *("--repo", self.repository.url, "--revision", "main", "--path", "deploy"),
            *("--dest-name", CLUSTER_NAME, "--dest-namespace", self.namespace),
            f"--config-management-plugin={plugin}",
            *(part for each in variables(tag).items() for part in ("--plugin-env", "=".join(each))),
            *("--sync-policy", "automated"),
            *("--sync-option", "ApplyOutOfSyncOnly=true", "--sync-option", "ServerSideApply=true"),
            *("--upsert", *further),
        )

    def manifest(self, namespace: str, **instead: Any) -> str:
        """The Application as YAML.

        Args:
            namespace: the destination, which may be another one's.
            instead: fields of its `spec` in place of `source`.
        """
        env = [{"name": name, "value": value} for name, value in variables("1.0.0").items()]
        source = {
            "repoURL": self.repository.url,
            "targetRevision": "main",
            "path": "deploy",
            "plugin": {"name": PLUGIN, "env": env},
        }
        document = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": self.name, "namespace": NAMESPACE},
            "spec": {
                "project": self.project,
                "destination": {"name": CLUSTER_NAME, "namespace": namespace},
                **(instead or {"source": source}),
            },
        }
        return yaml.safe_dump(document)

    def deploy(self, tag: str, *further: str) -> None:
        """Deploy a tag as CI does."""
        self.on.argocd.run(*self.create_command(tag, *further))

    def refresh(self, *, hard: bool = False) -> None:
        """Have Argo CD look at git again; a hard refresh renders even an unchanged commit."""
        self.on.argocd.run("app", "get", self.name, "--hard-refresh" if hard else "--refresh")

    @property
    def outcome(self) -> Mapping[str, Any]:
        """What it is in the cluster, without what differs between two Applications."""
        found: dict[str, Any] = {}
        for kind, name in (("deployments", "web"), ("secrets", "web"), ("secrets", "cache")):
            each = self.on.object(self.namespace, kind, name)
            assert each is not None, f"{kind}/{name} in {self.namespace}"
            annotations = dict(each["metadata"]["annotations"])
            assert annotations.pop("argocd.argoproj.io/tracking-id").startswith(f"{self.name}:")
            found[f"{kind}/{name}"] = {
                "annotations": annotations,
                "content": each.get("spec", each.get("data")),
            }
        return found

    @property
    def exists(self) -> bool:
        """Whether it is in the cluster."""
        return any(each["metadata"]["name"] == self.name for each in self.on.api.applications())

    @property
    def document(self) -> Document:
        """The Application in the cluster."""
        return self.on.api.application(self.name)

    @property
    def status(self) -> str:
        """Its sync status: Synced, OutOfSync or Unknown; empty before the first comparison."""
        sync: str = self.document.get("status", {}).get("sync", {}).get("status", "")
        return sync

    @property
    def health(self) -> str:
        """Its health: Healthy, Progressing, Degraded or Missing."""
        health: str = self.document.get("status", {}).get("health", {}).get("status", "")
        return health

    @property
    def errors(self) -> str:
        """The messages of its conditions."""
        conditions = self.document.get("status", {}).get("conditions") or []
        return "\n".join(f"{each['type']}: {each['message']}" for each in conditions)

    @property
    def secret(self) -> Mapping[str, str] | None:
        """The values of the Secret `web` in the cluster."""
        return self.on.secret(self.namespace, "web")

    @property
    def deployment(self) -> Document | None:
        """The Deployment `web` in the cluster."""
        return self.on.object(self.namespace, "deployments", "web")

    @property
    def image(self) -> str | None:
        """The Deployment's image."""
        found = self.deployment
        if found is None:
            return None
        image: str = found["spec"]["template"]["spec"]["containers"][0]["image"]
        return image

    @property
    def uids(self) -> Mapping[str, str]:
        """The identities of its live objects: one that is deleted and created has a new one."""
        found: dict[str, Document | None] = {
            "deployment": self.deployment,
            "web": self.on.object(self.namespace, "secrets", "web"),
            "cache": self.on.object(self.namespace, "secrets", "cache"),
        }
        return {name: each["metadata"]["uid"] for name, each in found.items() if each}


def settles(read: Callable[[], Any], expected: Any, seconds: float = WAIT_SECONDS) -> None:
    """Wait until something has a value.

    Raises:
        AssertionError: it still has another one when the time is over.
    """
    end = time.monotonic() + seconds
    while (found := read()) != expected and time.monotonic() < end:
        time.sleep(0.1)
    assert found == expected


def mentions(read: Callable[[], str], *parts: str, seconds: float = WAIT_SECONDS) -> str:
    """Wait until a text contains all parts, and return it.

    Raises:
        AssertionError: a part is still missing when the time is over.
    """
    end = time.monotonic() + seconds
    while missing := [part for part in parts if part not in (text := read())]:
        assert time.monotonic() < end, f"{missing} not in {text!r}"
        time.sleep(0.1)
    return read()
