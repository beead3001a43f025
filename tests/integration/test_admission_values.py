"""The values of the chart's admission policies, and the policies without the chart."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.integration.admission import (
    COSTLY,
    ENABLED,
    PATH,
    create_namespace,
    in_force,
    refusal,
    removed_again,
    rendered,
    said_of,
    text,
)
from tests.integration.cluster import Cluster
from tests.integration.helm import CHART, Helm, read
from tests.pages import Block, Terminal, blocks, terminal

__all__ = ["terminal"]

PAGE = "docs/admission.md"
VALUES = blocks(PAGE, "", "yaml")


@pytest.fixture
def api(cluster: Cluster) -> Cluster:
    """The API with the namespace of the objects."""
    create_namespace(cluster)
    return cluster


def test_what_exceeds_the_cost_limit_can_be_admitted(api: Cluster, helm: Helm) -> None:
    values = {"placeholders": {"enabled": True, "failurePolicy": "Ignore"}}
    with in_force(api, rendered(helm, values), text(PATH)):
        assert refusal(api, COSTLY) == ""


# --- Values ---


def test_it_can_be_tried_out_with_warnings(api: Cluster, helm: Helm) -> None:
    values = {"placeholders": {"enabled": True, "validationActions": ["Warn", "Audit"]}}
    with in_force(api, rendered(helm, values), text(PATH)):
        assert refusal(api, text(PATH)) == ""
        said = said_of(api, text(PATH))
        assert "Warning: Validation failed for ValidatingAdmissionPolicy" in said
        assert f"unresolved placeholder {PATH}" in said


def test_it_can_be_limited_to_what_argo_cd_writes(api: Cluster, helm: Helm) -> None:
    controller = "system:serviceaccount:argocd:argocd-application-controller"
    is_argo_cd = {
        "name": "is-written-by-argo-cd",
        "expression": f"request.userInfo.username == '{controller}'",
    }
    values = {"placeholders": {"enabled": True, "matchConditions": [is_argo_cd]}}
    argo_cd = (f"--as={controller}", "--as-group=system:masters")
    with in_force(api, rendered(helm, values), text(PATH), *argo_cd):
        assert "unresolved placeholder" in refusal(api, text(PATH), *argo_cd)
        assert refusal(api, text(PATH)) == ""


def test_it_can_be_limited_to_namespaces(api: Cluster, helm: Helm) -> None:
    selector = {"matchLabels": {"kubernetes.io/metadata.name": "default"}, "matchExpressions": []}
    values = {"placeholders": {"enabled": True, "namespaceSelector": selector}}
    there = text(PATH) | {"metadata": {"name": "made", "namespace": "default"}}
    with in_force(api, rendered(helm, values), there):
        assert refusal(api, text(PATH)) == ""


@pytest.mark.parametrize("block", VALUES, ids=lambda block: block.text.split(",")[0])
def test_the_values_that_the_page_shows(api: Cluster, helm: Helm, block: Block) -> None:
    values = yaml.safe_load(block.text)
    policies = helm.template(helm.values(values), "--show-only", "templates/admission.yaml")
    api.run("apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=policies)
    assert len(read(policies)) == 2 * len(values["admission"])


# --- Without the chart ---


@pytest.mark.runs(PAGE, "Installation")
def test_the_command_that_the_page_shows(api: Cluster, helm: Helm, terminal: Terminal) -> None:
    terminal.install(kubectl=api.kubectl)
    terminal.env["KUBECONFIG"] = str(api.kubeconfig(terminal.folder))
    shutil.copytree(ROOT / "deploy", terminal.folder / "deploy")
    (block,) = blocks(PAGE, "Installation", "sh")
    terminal.run(block)
    with removed_again(api, rendered(helm, ENABLED), text(PATH)):
        assert "unresolved placeholder" in refusal(api, text(PATH))


@pytest.mark.parametrize("name", ["placeholders", "applications"])
def test_deploy_has_the_same_policy_as_the_chart(
    helm: Helm, tools: Mapping[str, Path], name: str
) -> None:
    folder = ROOT / "deploy" / "admission" / name
    built = subprocess.run(
        [tools["kustomize"], "build", folder], capture_output=True, text=True, check=True
    ).stdout
    found, expected = (
        {each["kind"]: (each["metadata"]["name"], each["spec"]) for each in read(manifests)}
        for manifests in (built, rendered(helm, {name: {"enabled": True}}))
    )
    assert found == expected
    assert len(found) == 2


def test_the_chart_requires_a_kubernetes_that_has_such_policies(helm: Helm) -> None:
    values = helm.values({"image": {"repository": "a"}, "admission": ENABLED})
    version = ("--kube-version", "1.29.5")
    done = helm.run("template", "avp-py", CHART, "--values", values, *version)
    assert "admission.placeholders: requires Kubernetes 1.30, and this is v1.29.5" in done.stderr
