"""A folder with a Chart.yaml and no kustomization is rendered by `helm template`."""

import base64
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.conftest import Run
from tests.trees import snapshot, write

pytestmark = pytest.mark.both_helms

CHART: Final[Mapping[str, str]] = {
    "Chart.yaml": "{apiVersion: v2, name: shop, version: 1.0.0}\n",
    "values.yaml": "colour: blue\n",
    "crds/gadgets.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    "metadata:\n  name: gadgets.example.org\n",
    "templates/NOTES.txt": "Not a manifest.\n",
    "templates/facts.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: facts
data:
  release: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
  colour: {{ .Values.colour }}
  version: {{ .Capabilities.KubeVersion.Version }}
  gadgets: {{ .Capabilities.APIVersions.Has "example.org/v1/Gadget" | quote }}
""",
}


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    return write(tmp_path / "chart", CHART)


def test_output_is_that_of_helm_template_with_crds(
    chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    before = snapshot(chart)
    helm = [environ["AVP_HELM"], "template", "--include-crds", "release-name", str(chart)]
    expected = subprocess.run(helm, check=True, capture_output=True, text=True, env={}).stdout

    result = run("generate", chart, env=environ)

    assert (result.code, result.err) == (0, "")
    assert result.out == expected
    assert "name: gadgets.example.org" in result.out
    assert "Not a manifest" not in result.out
    assert snapshot(chart) == before


@pytest.mark.parametrize("name", ["web", "argocd-apps_web"])
def test_release_and_namespace_are_those_of_the_application(
    name: str, chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    identity = {"ARGOCD_APP_NAME": name, "ARGOCD_APP_NAMESPACE": "shop-prod"}

    result = run("generate", chart, env={**environ, **identity})

    assert (result.code, result.err) == (0, "")
    assert "  release: web\n  namespace: shop-prod\n" in result.out


def test_without_an_application_they_are_those_of_helm(
    chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    assert "  release: release-name\n  namespace: default\n" in (
        run("generate", chart, env=environ).out
    )


MANY_VERSIONS = "".join(f"group{number}.example.org/v1/Kind," for number in range(6000))
"""More than one argument holds, which is 128 KiB."""


@pytest.mark.parametrize("more", ["", MANY_VERSIONS], ids=["few", "many"])
def test_cluster_facts_reach_the_chart(
    chart: Path, environ: Mapping[str, str], run: Run, more: str
) -> None:
    versions = f"v1,{more}example.org/v1/Gadget"
    cluster = {"KUBE_VERSION": "1.29.7", "KUBE_API_VERSIONS": versions}

    result = run("generate", chart, env={**environ, **cluster})

    assert '  version: v1.29.7\n  gadgets: "true"\n' in result.out


def test_a_kustomization_beside_the_chart_is_what_is_rendered(
    chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    write(chart, {"kustomization.yaml": "configMapGenerator: [{name: map}]\n"})

    assert "name: map-" in run("generate", chart, env=environ).out
    assert "name: facts\n" in run("generate", "--render", "helm", chart, env=environ).out


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{ fail `the shop wants an owner` }}\n", "the shop wants an owner"),
        ("a: {{ .Values.no.such.value }}\n", "nil pointer evaluating interface {}.such"),
        ("{{ if }}\n", "missing value for if"),
        ("a: [\n", "YAML parse error on shop/templates/bad.yaml"),
    ],
)
def test_a_template_that_fails_is_shown_as_helm_says_it(
    template: str, says: str, chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    write(chart, {"templates/bad.yaml": template})

    result = run("generate", chart, env=environ)

    assert (result.code, result.out) == (1, "")
    assert "1. helm template failed (exit code 1)" in result.err
    assert says in result.err
    assert "shop/templates/bad.yaml" in result.err


def test_a_chart_that_renders_nothing_is_an_error(
    tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    template = "{{ if .Values.on }}a: b{{ end }}\n"
    write(tmp_path, {"Chart.yaml": CHART["Chart.yaml"], "templates/off.yaml": template})

    result = run("generate", tmp_path, env=environ)

    assert (result.code, result.out) == (1, "")
    assert "helm template printed nothing" in result.err


def test_a_dependency_that_is_not_there_is_an_error_and_not_fetched(
    tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    dependency = "dependencies: [{name: sub, version: 1.0.0, repository: 'http://127.0.0.1:9'}]\n"
    write(tmp_path, {"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n" + dependency})
    before = snapshot(tmp_path)

    result = run("generate", tmp_path, env={**environ, "AVP_RENDER_PORTS": "9"})

    assert (result.code, result.out) == (1, "")
    assert "the dependency sub (http://127.0.0.1:9) of the chart shop is missing" in result.err
    assert "127.0.0.1 is this machine" in result.err
    assert snapshot(tmp_path) == before


def test_a_release_name_that_helm_refuses_is_an_error(
    chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    result = run("generate", chart, env={**environ, "ARGOCD_APP_NAME": "x" * 54})

    assert (result.code, result.out) == (1, "")
    assert "invalid release name" in result.err


def test_a_folder_without_a_chart_is_an_error_of_helm(
    tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    result = run("generate", "--render", "helm", tmp_path, env=environ)

    assert (result.code, result.out) == (1, "")
    # Helm 3, and Helm 4.
    assert re.search(r"Chart.yaml file is missing|Chart.yaml: no such file", result.err)


@pytest.mark.parametrize(
    ("name", "value"),
    [("IMAGE_NAME", "web"), ("IMAGE_TAG", "1"), ("APP_REPO", "web"), ("IMAGES_WEB", "web:1")],
)
def test_kustomization_settings_are_an_error_for_a_chart(
    name: str, value: str, chart: Path, environ: Mapping[str, str], run: Run
) -> None:
    result = run("generate", chart, env={**environ, f"ARGOCD_ENV_{name}": value})

    assert (result.code, result.out) == (1, "")
    assert f"the Application sets {name}, and there is no kustomization" in result.err


PULL_SECRET: Final = """{{- define "imagePullSecret" }}
{{- with .Values.imageCredentials }}
{{- $auth := printf "%s:%s" .username .password | b64enc }}
{{- $said := printf `"username":"%s","password":"%s","auth":"%s"` .username .password $auth }}
{{- printf `{"auths":{"%s":{%s}}}` .registry $said | b64enc }}
{{- end }}
{{- end }}
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Secret
  metadata:
    name: pull
  type: kubernetes.io/dockerconfigjson
  data:
    .dockerconfigjson: {{ template "imagePullSecret" . }}
"""
"""The image pull secret of Helm's documentation (Chart Development Tips and Tricks), in a list."""


@pytest.mark.parametrize(
    ("user", "password"),
    [("<path:kv/data/registry#user>", "<path:kv/data/registry#password>"), ("bot", "hunter2")],
)
def test_a_pull_secret_is_filled_wherever_it_names_its_user(
    chart: Path, environ: Mapping[str, str], run: Run, user: str, password: str
) -> None:
    credentials = {"registry": "r.example", "username": user, "password": password}
    write(
        chart,
        {
            "templates/pull.yaml": PULL_SECRET,
            "values.yaml": json.dumps({"colour": "x", "imageCredentials": credentials}),
            "secrets.yaml": "kv/data/registry: {user: bot, password: hunter2}\n",
        },
    )
    env = {**environ, "AVP_TYPE": "file", "AVP_FILE": str(chart / "secrets.yaml")}

    result = run("generate", chart, env=env)

    assert (result.code, result.err) == (0, "")
    (pull,) = [
        item
        for each in yaml.safe_load_all(result.out)
        if each["kind"] == "List"
        for item in each["items"]
    ]
    config = json.loads(base64.b64decode(pull["data"][".dockerconfigjson"]))
    found = config["auths"]["r.example"]
    assert (found["username"], found["password"]) == ("bot", "hunter2")
    assert base64.b64decode(found["auth"]) == b"bot:hunter2"
