"""All of it together: cluster, Vault, Argo CD, the plugin, a git repository, two tenants."""

import base64
import itertools
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from tests.conftest import HELM, build_tools
from tests.e2e import argocd as argocds
from tests.e2e import rollouts
from tests.e2e.api import Api, Document
from tests.e2e.argocd import CLUSTER_NAME, NAMESPACE, ArgoCd
from tests.e2e.sidecar import Mode, Sidecar
from tests.integration import cluster as clusters
from tests.integration.cluster import Cluster
from tests.integration.vault import Vault
from tests.integration.vault import serve as serve_vault
from tests.servers import free_ports

ACCOUNT: Final = "argocd-repo-server"
"""The service account of the sidecar."""

SETTINGS_SECRET: Final = "avp-settings"
"""The Secret that CI names in AVP_SECRET."""

CI_ROLE: Final = "ci"
"""The role of each project that CI has a token for, with what examples/ci needs."""

TENANTS: Final = ("team-a", "team-b")
"""The projects of Argo CD; each may deploy to the namespaces that begin with its name."""

POLICY_FILE: Final = "policy.yaml"
POLICY: Final = """\
rules:
  - name: own secrets of team-a
    projects: [team-a]
    namespaces: ["team-a-*"]
    allow: ["kv/data/{{ namespace }}/*"]
  - name: own secrets of team-b
    projects: [team-b]
    namespaces: ["team-b-*"]
    allow: ["kv/data/{{ namespace }}/*"]
  - name: what all may read
    allow: ["kv/data/shared/*"]
  - name: the settings that all use
    secrets: ["argocd:avp-settings"]
    trust: [address]
"""
"""A project is bound to namespaces: Argo CD renders before it checks what the project permits."""

_AUDIENCE: Final = "https://kubernetes.default.svc"
_SETUP: Final = f"""\
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {ACCOUNT}, namespace: {NAMESPACE}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: vault, namespace: {NAMESPACE}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: vault-reviews-tokens}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:auth-delegator}}
subjects: [{{kind: ServiceAccount, name: vault, namespace: {NAMESPACE}}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: {SETTINGS_SECRET}, namespace: {NAMESPACE}}}
rules:
  - {{apiGroups: [""], resources: [secrets], resourceNames: [{SETTINGS_SECRET}], verbs: [get]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: {SETTINGS_SECRET}, namespace: {NAMESPACE}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {SETTINGS_SECRET}}}
subjects: [{{kind: ServiceAccount, name: {ACCOUNT}, namespace: {NAMESPACE}}}]
"""

SHARED_PASSWORD: Final = "battery staple"
"""The key `password` of kv/data/shared/smtp."""

Say = Callable[[str], None]


class VaultServer:
    """A Vault that can be killed and started again at the same address.

    It holds everything in memory: what was in it is written again after a start, and tokens of the
    former one are not valid.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._program = build_tools("vault")["vault"]
        (port,) = free_ports(1)
        self._arguments = (f"--listen=127.0.0.1:{port}", "--root-token=root")
        self._stack = ExitStack()
        self._secrets: dict[str, Mapping[str, Any]] = {}
        self.address = f"http://127.0.0.1:{port}"
        self.pid = 0
        self.client: Vault

    def start(self) -> None:
        """Start it, with the Kubernetes auth method and all secrets that were written before."""
        facts = self._stack.enter_context(serve_vault(self._program, *self._arguments))
        self.pid = int(facts["pid"])
        self.client = Vault(facts["address"], facts["root_token"])
        self.client.client.sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
        self.client.enable("kubernetes", "kubernetes")
        config = {
            "kubernetes_host": self._cluster.server,
            "kubernetes_ca_cert": self._cluster.ca_file.read_text(),
            "token_reviewer_jwt": self._cluster.token(NAMESPACE, "vault", "--duration=24h"),
            "disable_local_ca_jwt": True,
        }
        self.client.call("post", "auth/kubernetes/config", config)
        role = {
            "bound_service_account_names": [ACCOUNT],
            "bound_service_account_namespaces": [NAMESPACE],
            "audience": _AUDIENCE,
            "token_policies": [self.client.policy("kv/data/*")],
        }
        self.client.call("post", "auth/kubernetes/role/avp", role)
        for path, values in self._secrets.items():
            self.client.write(path, values)

    def write(self, path: str, values: Mapping[str, Any]) -> None:
        """Write a secret."""
        self._secrets[path] = values
        self.client.write(path, values)

    def kill(self) -> None:
        """End it at once."""
        os.kill(self.pid, signal.SIGKILL)
        self._stack.close()


@dataclass
class Ecosystem:
    """All that runs.

    Attributes:
        cluster: the Kubernetes API.
        argocd: Argo CD.
        vault: Vault, with the Kubernetes auth method.
        sidecar: the plugin.
        operator: the folder with the operator's files, such as the policy.
    """

    cluster: Cluster
    argocd: ArgoCd
    vault: VaultServer
    sidecar: Sidecar
    operator: Path
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def api(self) -> Api:
        """The Kubernetes API, for frequent questions."""
        return self.argocd.api

    def namespace(self, project: str = TENANTS[0]) -> str:
        """Create a namespace of a tenant; return its name."""
        name = f"{project}-{next(self._numbers)}"
        self.cluster.run("create", "namespace", name)
        return name

    def object(self, namespace: str, kind: str, name: str) -> Document | None:
        """A Deployment, Secret or the like that is in the cluster; None if it is not."""
        group = "apis/apps/v1" if kind == "deployments" else "api/v1"
        return self.api.find(f"/{group}/namespaces/{namespace}/{kind}/{name}")

    def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """The decoded values of a Secret in the cluster; None if there is none."""
        found = self.object(namespace, "secrets", name)
        if found is None:
            return None
        return {
            key: base64.b64decode(value).decode() for key, value in found.get("data", {}).items()
        }


def operator_environment(cluster: Cluster, folder: Path) -> Mapping[str, str]:
    """What the operator sets in the sidecar, and the files that it names."""
    token = folder / "token"
    token.write_text(cluster.token(NAMESPACE, ACCOUNT, "--duration=24h"))
    policy = folder / POLICY_FILE
    policy.write_text(POLICY)
    tools = build_tools("kustomize", HELM)
    return {
        "AVP_KUSTOMIZE": str(tools["kustomize"]),
        "AVP_HELM": str(tools[HELM]),
        "AVP_POLICY": str(policy),
        "AVP_K8S_TOKEN_PATH": str(token),
        "KUBECONFIG": str(cluster.kubeconfig(folder, token)),
    }


@contextmanager
def serve(mode: Mode, say: Say = lambda _: None) -> Iterator[Ecosystem]:
    """Run everything on loopback, with folders of its own, and end it.

    Args:
        mode: how the plugin runs.
        say: reports progress.
    """
    # The path of a socket has at most 107 bytes, and pytest's folders have long names.
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="e2e-"))).resolve()
        folders = {name: folder / name for name in ("cluster", "argocd", "operator")}
        for each in folders.values():
            each.mkdir()
        say("Kubernetes API")
        cluster = stack.enter_context(clusters.serve(folders["cluster"]))
        stack.enter_context(rollouts.report(cluster))
        say("Argo CD")
        argocd = stack.enter_context(argocds.serve(folders["argocd"], cluster))
        cluster.apply(_SETUP)
        for tenant in TENANTS:
            cluster.apply(yaml.safe_dump(_project(tenant)))
        say("Vault")
        vault = VaultServer(cluster)
        vault.start()
        stack.callback(vault.kill)
        vault.write("kv/data/shared/smtp", {"password": SHARED_PASSWORD})
        cluster.apply(yaml.safe_dump(_settings(vault.address)))
        say(f"the plugin ({mode})")
        env = operator_environment(cluster, folders["operator"])
        sidecar = Sidecar(mode, build_tools("argocd")["argocd"], env, argocd.sockets)
        sidecar.start()
        stack.callback(sidecar.kill)
        yield Ecosystem(cluster, argocd, vault, sidecar, folders["operator"])


def _project(name: str) -> Document:
    """An AppProject that restricts where a team deploys to, and to what."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"name": CLUSTER_NAME, "namespace": f"{name}-*"}],
            "roles": [{"name": CI_ROLE, "policies": [
                f"p, proj:{name}:{CI_ROLE}, applications, {action}, {name}/*, allow"
                for action in ("get", "create", "update")
            ]}],
        },
    }  # fmt: skip


def _settings(address: str) -> Document:
    """The Secret that AVP_SECRET names."""
    settings = {"VAULT_ADDR": address, "AVP_AUTH_TYPE": "k8s", "AVP_K8S_ROLE": "avp"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SETTINGS_SECRET, "namespace": NAMESPACE},
        "stringData": {"AVP_TYPE": "vault", **settings},
    }
