"""Argo CD's own repo-server, from the manifests of the Argo CD that tools/argocd pins."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from tests.conftest import build_tools
from tests.integration.cluster import Cluster

NAME: Final = "argocd-repo-server"
"""What the manifests call its Deployment, its container and its service account."""

Document = dict[str, Any]

_CHART: Final = """\
{{- $deployment := .Files.Get "deployment.yaml" | fromYaml }}
{{- $pod := $deployment.spec.template.spec }}
{{- with .Values.repoServer }}
{{- $extra := tpl (toYaml .extraContainers) $ | fromYamlArray }}
{{- $_ := set $pod "containers" (concat $pod.containers $extra) }}
{{- $_ := set $pod "volumes" (concat .volumes $pod.volumes) }}
{{- $_ := set $deployment.spec.template.metadata "annotations" .podAnnotations }}
{{- $own := first $pod.containers }}
{{- $_ := set $own "env" (concat $own.env (.env | default list)) }}
{{- $_ := set $own "volumeMounts" (concat (.volumeMounts | default list) $own.volumeMounts) }}
{{- with .imagePullSecrets }}
{{- $_ := set $pod "imagePullSecrets" . }}
{{- end }}
{{- end }}
{{ toYaml $deployment }}
"""
"""What the argo-cd chart does with these values: templates/argocd-repo-server/deployment.yaml of
argo-helm. `extraContainers` goes through `tpl`, `volumes` does not."""


def manifests() -> Path:
    """The folder of a kustomization: Deployment, ServiceAccount, Service, NetworkPolicy."""
    return build_tools("argocd")["argocd"].parent / "manifests" / "base" / "repo-server"


def deployment() -> Document:
    """The Deployment."""
    text = (manifests() / f"{NAME}-deployment.yaml").read_text()
    document: Document = yaml.safe_load(text)
    return document


def chart_like_argo_cds(folder: Path) -> Path:
    """A chart whose values `repoServer` change the Deployment as those of argo-cd do."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: argo-cd\nversion: 0.0.0\n")
    (folder / "templates" / "deployment.yaml").write_text(_CHART)
    (folder / "deployment.yaml").write_text(yaml.safe_dump(deployment()))
    return folder


def containers(of: Mapping[str, Any]) -> Sequence[str]:
    """The names of a Deployment's containers."""
    return [each["name"] for each in of["spec"]["template"]["spec"]["containers"]]


def apply(cluster: Cluster, namespace: str) -> None:
    """Install or upgrade Argo CD's part, as its own docs do."""
    where = ("--namespace", namespace)
    cluster.run("apply", "--server-side", *where, "--kustomize", str(manifests()))


def current(cluster: Cluster, namespace: str) -> Document:
    """The current Deployment."""
    where = ("--namespace", namespace, "--output=json")
    found: Document = json.loads(cluster.run("get", "deployment", NAME, *where))
    return found
