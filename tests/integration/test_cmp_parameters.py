"""Parameters under the real argocd-cmp-server: what Argo CD's UI gets, and what it sends back."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cmp.client import CallError
from tests.integration.conftest import StartCmpServer
from tests.trees import write

pytestmark = pytest.mark.usefixtures("any_machine")

WEB: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: 'ghcr.io/team/web:1.0'}]}}}
"""


def request(path: str = ".", *parameters: Mapping[str, Any]) -> Mapping[str, str]:
    """The variables that the repo-server sets for an Application with parameters."""
    return {
        "ARGOCD_APP_NAME": "web",
        "ARGOCD_APP_NAMESPACE": "demo",
        "ARGOCD_APP_SOURCE_PATH": path,
        "ARGOCD_APP_PARAMETERS": json.dumps(parameters),
    }


def images(manifests: Sequence[str]) -> Sequence[str]:
    specs = [json.loads(each)["spec"]["template"]["spec"] for each in manifests]
    return [container["image"] for spec in specs for container in spec["containers"]]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return write(
        tmp_path / "repository",
        {
            "base/kustomization.yaml": "resources: [web.yaml]\n",
            "base/web.yaml": WEB,
            "app/kustomization.yaml": "resources: [../base]\n",
            "common.yaml": "tag: common\n",
            "chart/Chart.yaml": "{apiVersion: v2, name: shop, version: 1.0.0}\n",
            "chart/values.yaml": "tag: '1.0'\nname: web\n",
            "chart/templates/web.yaml": WEB.replace(
                "web:1.0", "{{ .Values.name }}:{{ .Values.tag }}"
            ),
        },
    )


def test_parameters_of_a_kustomization_can_be_changed_in_the_ui(
    cmp_server: StartCmpServer, repository: Path
) -> None:
    client = cmp_server("plugin.yaml", {}).client

    shown = {
        each.name: each for each in client.parameters(repository, path="app", env=request("app"))
    }

    assert shown.keys() == {"IMAGE_NAME", "IMAGE_TAG", "images", "APP_REPO", "AVP_SECRET"}
    assert all(each.title and each.tooltip and not each.required for each in shown.values())
    assert shown["images"].collection == "array"
    (image,) = shown["images"].array
    assert image == "ghcr.io/team/web:1.0"

    changed = {"name": "images", "array": [image.replace("1.0", "2.0")]}
    manifests = client.generate(repository, path="app", env=request("app", changed))
    assert images(manifests) == ["ghcr.io/team/web:2.0"]


def test_parameters_of_a_chart_can_be_changed_in_the_ui(
    cmp_server: StartCmpServer, repository: Path
) -> None:
    client = cmp_server("plugin-avp-helm.yaml", {}).client

    shown = {
        each.name: each
        for each in client.parameters(repository, path="chart", env=request("chart"))
    }

    assert shown["helm-parameters"].map == {"tag": "1.0", "name": "web"}
    assert shown["values-files"].collection == "array"

    files = {"name": "values-files", "array": ["../common.yaml"]}
    single = {"name": "helm-parameters", "map": {"name": "shop"}}
    manifests = client.generate(repository, path="chart", env=request("chart", files, single))
    assert images(manifests) == ["ghcr.io/team/shop:common"]


def test_the_ui_of_a_broken_folder_still_has_its_parameters(
    cmp_server: StartCmpServer, repository: Path
) -> None:
    write(repository, {"app/kustomization.yaml": "resources: [\n"})
    wrong = {"name": "images", "string": "x"}

    shown = cmp_server("plugin.yaml", {}).client.parameters(
        repository, path="app", env=request("app", wrong)
    )

    assert "images" in {each.name for each in shown}


@pytest.mark.parametrize(
    ("parameter", "says"),
    [
        (
            {"name": "images", "string": "web:1"},
            "1. the parameter images holds a string: expected an array",
        ),
        ({"name": "tag", "string": "canary"}, "1. unknown parameter 'tag'"),
        (
            {"name": "VAULT_ADDR", "string": "http://127.0.0.1:9"},
            "1. the Application sets VAULT_ADDR, which is the operator's to set",
        ),
    ],
)
def test_a_parameter_that_is_wrong_is_what_the_ui_shows(
    parameter: Mapping[str, str], says: str, cmp_server: StartCmpServer, repository: Path
) -> None:
    client = cmp_server("plugin.yaml", {}).client

    with pytest.raises(CallError) as caught:
        client.generate(repository, path="app", env=request("app", parameter))

    assert says in str(caught.value)
    assert parameter["string"] not in str(caught.value)
