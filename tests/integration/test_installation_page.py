"""docs/installation.md: an operator who does what it says has what it says.

Blocks of `sh` are run as they stand, but for names and addresses; blocks of `console` need nodes or
Vault's own program. Argo CD's manifests and the argo-cd chart are those of repo_server.py.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.integration import repo_server
from tests.integration.cluster import Cluster
from tests.integration.helm import Helm
from tests.integration.repo_server import NAME, containers

PAGE = (ROOT / "docs" / "installation.md").read_text()
IMAGE = "registry.example/team/avp-py:0.1.0"


def blocks(language: str, heading: str = "") -> Sequence[str]:
    """The blocks of a language on the page, or below one of its headings."""
    section = PAGE
    if heading:
        (section,) = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S)
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.M | re.S)


FILES = {text.split("\n")[0].removeprefix("# "): text for text in blocks("(?:yaml|hcl)")}
"""The files that the page shows, by the name in their first line."""


@dataclass(frozen=True)
class Operator:
    """Somebody with the page, a terminal and a cluster."""

    cluster: Cluster
    namespace: str
    folder: Path

    def does(self, *scripts: str) -> None:
        """Runs blocks of the page."""
        for script in scripts:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", self.here(script)],  # noqa: S607
                cwd=self.folder,
                env={
                    "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                    "HOME": str(self.folder),
                    "KUBECONFIG": str(self.folder / "kubeconfig"),
                },
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"

    def here(self, text: str) -> str:
        """The page's text with the names and addresses of this test."""
        names = {
            r"(namespace:?) argocd\b": rf"\1 {self.namespace}",
            r"^(\s+)argocd:": rf"\1{self.namespace}:",
            r"(serviceaccount[=:])argocd:": rf"\1{self.namespace}:",
            r"argo/argo-cd": "argo-cd",
            r"https://\S+/install\.yaml": "manifests",
            r"https://\S+//deploy/kustomize\S*": "deploy/kustomize",
        }
        for pattern, replacement in names.items():
            text = re.sub(pattern, replacement, text, flags=re.M)
        return text

    def mounted(self, volume: str) -> Sequence[Mapping[str, str]]:
        """What is in the ConfigMap of a volume of the pod."""
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

    def has(self, *plugins: str) -> None:
        """Fails where the pod has not these sidecars, or something is missing that they name."""
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
def operator(cluster: Cluster, argocd: str, tools: Mapping[str, Path], tmp_path: Path) -> Operator:
    """An operator with Vault's two ids, and the files of the page."""
    found = Operator(cluster, argocd, tmp_path)
    (tmp_path / "bin").mkdir()
    for name, program in {**tools, "kubectl": cluster.kubectl}.items():
        (tmp_path / "bin" / name).symlink_to(program)
    for folder in ("charts", "deploy"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "plugin.yaml", tmp_path)
    shutil.copytree(repo_server.manifests(), tmp_path / "manifests")
    for name, text in FILES.items():
        (tmp_path / name).write_text(found.here(text))
    for name in ("role-id", "secret-id"):
        (tmp_path / name).write_text("made-up\n")
    access = {
        "clusters": [{"name": "c", "cluster": {"server": cluster.server,
                      "certificate-authority": str(cluster.ca_file)}}],
        "users": [{"name": "u", "user": {"token": cluster.admin_token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }  # fmt: skip
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(access))
    (tmp_path / "kubeconfig").chmod(0o600)
    found.does(*blocks("sh", "1. Vault"))
    return found


def test_with_the_argo_cd_chart(operator: Operator, cluster: Cluster) -> None:
    repo_server.chart_like_argo_cds(operator.folder / "argo-cd")
    cluster.run("delete", "deployment", NAME, "--namespace", operator.namespace)
    operator.does("helm install argocd argo/argo-cd --namespace argocd")
    operator.does(*blocks("sh", "Argo CD from the argo-cd chart"))
    operator.has("avp-kustomize")


def test_with_kustomize(operator: Operator) -> None:
    build_and_apply, print_by_chart = blocks("sh", "Argo CD from its manifests, with kustomize")
    operator.does(build_and_apply)
    operator.has("avp-kustomize")
    assert "kubectl.kubernetes.io/default-container" in operator.annotations()

    part = yaml.safe_load(FILES["kustomization.yaml, the part for a policy"])
    whole = yaml.safe_load(operator.here(FILES["kustomization.yaml"])) | part
    (operator.folder / "kustomization.yaml").write_text(yaml.safe_dump(whole))
    operator.does(build_and_apply)
    (policy,) = operator.mounted("avp-py-policy")
    assert policy == {"policy.yaml": FILES["policy.yaml"]}

    operator.does(print_by_chart)
    with_chart = FILES["kustomization.yaml, with what the chart printed"]
    (operator.folder / "kustomization.yaml").write_text(operator.here(with_chart))
    operator.does(build_and_apply)
    operator.has("avp-kustomize")
    assert "avp-py/checksum" in operator.annotations()


def test_with_kubectl(operator: Operator) -> None:
    with_chart, _ = blocks("sh", "Argo CD from its manifests, with kubectl")
    operator.does(with_chart)
    operator.has("avp-kustomize")
    operator.does(*blocks("sh", "Upgrade"))
    operator.has("avp-kustomize")
    operator.does(*blocks("sh", "Take it out"))
    assert containers(repo_server.current(operator.cluster, operator.namespace)) == [NAME]


def test_by_hand(operator: Operator) -> None:
    _, by_hand = blocks("sh", "Argo CD from its manifests, with kubectl")
    operator.does(by_hand)
    operator.has("avp-kustomize")
    # The second one fails where the account may not.
    operator.does(*blocks("sh", "Settings that Applications choose"))


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith("values.yaml")])
def test_the_values_that_the_page_shows(helm: Helm, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILES[name])
    assert helm.template(tmp_path / name)
    assert helm.printed(tmp_path / name, "patch")["kind"] == "Deployment"


def test_every_command_that_needs_neither_nodes_nor_vault_is_run_here() -> None:
    tried = [
        block
        for heading in (
            "1. Vault",
            "Argo CD from the argo-cd chart",
            "Argo CD from its manifests, with kustomize",
            "Argo CD from its manifests, with kubectl",
            "Settings that Applications choose",
            "Upgrade",
            "Take it out",
        )
        for block in blocks("sh", heading)
    ]
    assert tried == blocks("sh")
    assert set(re.findall(r"^```(\w+)$", PAGE, re.M)) <= {"sh", "console", "yaml", "hcl"}
