"""docs/installation.md: an operator who follows it gets what it describes.

Its blocks are run as they are, except for names and addresses (tests/pages.py). Argo CD's manifests
and the argo-cd chart are those of repo_server.py.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import HELM, ROOT
from tests.integration import repo_server
from tests.integration.cluster import Cluster
from tests.integration.helm import Helm
from tests.integration.repo_server import NAME, containers
from tests.integration.vault import Vault
from tests.pages import Terminal, blocks, terminal

__all__ = ["terminal"]

PAGE = "docs/installation.md"
KUSTOMIZE = "Argo CD from its manifests, with kustomize"
KUBECTL = "Argo CD from its manifests, with kubectl"
IMAGE = "registry.example/team/avp-py:0.1.0"


FILES = {
    block.text.split("\n")[0].removeprefix("# "): block.text
    for block in blocks(PAGE, "", "yaml", "hcl")
}
"""The files that the page shows, by the name in their first line."""


@dataclass(frozen=True)
class Operator:
    """An operator with the page, a terminal and a cluster."""

    cluster: Cluster
    namespace: str
    terminal: Terminal

    @property
    def folder(self) -> Path:
        """The working directory."""
        return self.terminal.folder

    def does(self, heading: str, *numbers: int) -> None:
        """Run the blocks below a heading of the page, or those with the numbers."""
        there = [block for block in blocks(PAGE, heading, "sh") if block.is_run]
        for block in [there[number] for number in numbers] or there:
            self.terminal.run(block)

    def mounted(self, volume: str) -> Sequence[Mapping[str, str]]:
        """Return what is in the ConfigMap of a volume of the pod."""
        deployment = repo_server.current(self.cluster, self.namespace)
        return [
            json.loads(
                self.cluster.run(
                    *("get", "configmap", each["configMap"]["name"]),
                    *("--namespace", self.namespace, "--output=json"),
                )
            )["data"]
            for each in deployment["spec"]["template"]["spec"]["volumes"]
            if each["name"] == volume
        ]

    def annotations(self) -> Mapping[str, str]:
        """Those of the pod."""
        deployment = repo_server.current(self.cluster, self.namespace)
        found: Mapping[str, str] = deployment["spec"]["template"]["metadata"]["annotations"]
        return found

    def container(self, name: str) -> Mapping[str, Any]:
        """Return a container of the pod."""
        deployment = repo_server.current(self.cluster, self.namespace)
        there: Sequence[Mapping[str, Any]] = deployment["spec"]["template"]["spec"]["containers"]
        return {each["name"]: each for each in there}[name]

    def environment(self, name: str) -> Sequence[str]:
        """Return the names of the variables of a container."""
        return [each["name"] for each in self.container(name)["env"]]

    def has(self, *plugins: str) -> None:
        """Fail if the pod lacks these sidecars, or anything that they refer to."""
        deployment = repo_server.current(self.cluster, self.namespace)
        assert containers(deployment) in ([NAME, *plugins], [*plugins, NAME])
        pod = deployment["spec"]["template"]["spec"]
        for container in pod["containers"]:
            if container["name"] != NAME:
                assert container["image"] == IMAGE
                assert list(missing(self.cluster, self.namespace, pod, container)) == []


def missing(
    cluster: Cluster, namespace: str, pod: Mapping[str, Any], container: Mapping[str, Any]
) -> Sequence[str]:
    """The ConfigMaps and Secrets without which Kubernetes would not start the container."""
    mounted = {each["name"] for each in container["volumeMounts"]}
    needed = {
        f"{kind}/{source['name' if kind == 'configmap' else 'secretName']}"
        for volume in pod["volumes"]
        if volume["name"] in mounted
        for kind, field in (("configmap", "configMap"), ("secret", "secret"))
        if (source := volume.get(field)) and not source.get("optional")
    }
    for entry in container.get("envFrom", []):
        for kind, field in (("configmap", "configMapRef"), ("secret", "secretRef")):
            if (source := entry.get(field)) and not source.get("optional"):
                needed.add(f"{kind}/{source['name']}")
    for entry in container.get("env", []):
        if source := entry.get("valueFrom", {}).get("secretKeyRef"):
            needed.add(f"secret/{source['name']}")
    there = cluster.run("get", "configmap,secret", "--namespace", namespace, "--output=name")
    assert needed
    return sorted(needed - set(there.split()))


@pytest.fixture
def operator(
    cluster: Cluster, argocd: str, tools: Mapping[str, Path], terminal: Terminal
) -> Operator:
    """An operator with Vault's two ids, and the files of the page."""
    folder = terminal.folder
    programs = {**tools, "helm": tools[HELM]}
    terminal.install(**programs, kubectl=cluster.kubectl)
    terminal.env["KUBECONFIG"] = str(cluster.kubeconfig(folder))
    # The names and addresses of this test.
    terminal.fill = {
        r"(namespace:?) argocd\b": rf"\1 {argocd}",
        r"^(\s+)argocd:": rf"\1{argocd}:",
        r"(serviceaccount[=:])argocd:": rf"\1{argocd}:",
        r"argo/argo-cd": "argo-cd",
        r"https://\S+/install\.yaml": "manifests",
        r"https://\S+//deploy/kustomize\?ref=COMMIT": "deploy/kustomize",
    }
    for name in ("charts", "deploy"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "plugin.yaml", folder)
    shutil.copytree(repo_server.manifests(), folder / "manifests")
    for name, text in FILES.items():
        (folder / name).write_text(terminal.filled(text))
    for name in ("role-id", "secret-id"):
        (folder / name).write_text("made-up\n")
    found = Operator(cluster, argocd, terminal)
    found.does("1. Vault")
    return found


@pytest.mark.runs(PAGE, "1. Vault")
@pytest.mark.runs(PAGE, "Argo CD from the argo-cd chart")
def test_with_the_argo_cd_chart(operator: Operator, cluster: Cluster) -> None:
    repo_server.chart_like_argo_cds(operator.folder / "argo-cd")
    cluster.run("delete", "deployment", NAME, "--namespace", operator.namespace)
    operator.terminal.script(f"helm install argocd argo-cd --namespace {operator.namespace}")
    operator.does("Argo CD from the argo-cd chart")
    operator.has("avp-kustomize")


@pytest.mark.runs(PAGE, "1. Vault")
@pytest.mark.runs(PAGE, KUSTOMIZE)
def test_with_kustomize(operator: Operator) -> None:
    operator.does(KUSTOMIZE, 0)
    operator.has("avp-kustomize")
    assert "kubectl.kubernetes.io/default-container" in operator.annotations()

    part = yaml.safe_load(FILES["kustomization.yaml, the part for a policy"])
    whole = yaml.safe_load(operator.terminal.filled(FILES["kustomization.yaml"])) | part
    (operator.folder / "kustomization.yaml").write_text(yaml.safe_dump(whole))
    operator.does(KUSTOMIZE, 0)
    (policy,) = operator.mounted("avp-py-policy")
    assert policy == {"policy.yaml": FILES["policy.yaml"]}

    without_core = yaml.safe_load(FILES["kustomization.yaml, without the core"])
    (operator.folder / "kustomization.yaml").write_text(yaml.safe_dump(whole | without_core))
    assert "AVP_SOCKET" in operator.environment("avp-kustomize")
    operator.does(KUSTOMIZE, 0)
    operator.has("avp-kustomize")
    assert "serve" not in operator.container("avp-kustomize")["command"]
    assert "AVP_SOCKET" not in operator.environment("avp-kustomize")

    operator.does(KUSTOMIZE, 1)
    with_chart = FILES["kustomization.yaml, with what the chart printed"]
    (operator.folder / "kustomization.yaml").write_text(operator.terminal.filled(with_chart))
    operator.does(KUSTOMIZE, 0)
    operator.has("avp-kustomize")
    assert "avp-py/checksum" in operator.annotations()


@pytest.mark.runs(PAGE, "1. Vault")
@pytest.mark.runs(PAGE, KUBECTL, 0)
@pytest.mark.runs(PAGE, "Upgrade")
@pytest.mark.runs(PAGE, "Uninstall")
def test_with_kubectl(operator: Operator) -> None:
    operator.does(KUBECTL, 0)
    operator.has("avp-kustomize")
    operator.does("Upgrade")
    operator.has("avp-kustomize")
    operator.does("Uninstall")
    assert containers(repo_server.current(operator.cluster, operator.namespace)) == [NAME]


@pytest.mark.runs(PAGE, "1. Vault")
@pytest.mark.runs(PAGE, KUBECTL, 1)
@pytest.mark.runs(PAGE, "Settings that Applications choose")
def test_by_hand(operator: Operator) -> None:
    operator.does(KUBECTL, 1)
    operator.has("avp-kustomize")
    # The second one fails where the account may not.
    operator.does("Settings that Applications choose")


@pytest.mark.parametrize("name", [name for name in FILES if "values.yaml" in name])
def test_the_values_that_the_page_shows(helm: Helm, tmp_path: Path, name: str) -> None:
    values = tmp_path / name.split(",")[0]
    values.write_text(FILES[name])
    assert helm.template(values)
    assert helm.printed(values, "patch")["kind"] == "Deployment"


def test_vault_accepts_the_policy_that_the_page_shows(vault: Vault, kv2: str) -> None:
    rules = FILES["argocd.hcl"].replace("kv/data/*", f"{kv2}/data/*")
    vault.call("PUT", f"sys/policies/acl/argocd-{kv2}", {"policy": rules})
    created = vault.call("POST", "auth/token/create", {"policies": [f"argocd-{kv2}"]})
    found = Vault(vault.address, created["auth"]["client_token"]).call(
        "POST", "sys/capabilities-self", {"paths": [f"{kv2}/data/web", f"{kv2}/metadata/web"]}
    )
    assert found[f"{kv2}/data/web"] == ["read"]
    assert found[f"{kv2}/metadata/web"] == ["deny"]
