"""What the real kustomize and helm render is traced back to a file of the repository."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.conftest import Run
from tests.integration.manifests import manifest
from tests.integration.test_helm import CHART
from tests.integration.test_kustomize import reference
from tests.trees import write

WANTING = manifest({"a": "<path:p#no>"}, kind="A")


@pytest.fixture
def env(tmp_path: Path, environ: Mapping[str, str]) -> Mapping[str, str]:
    file = write(tmp_path / "settings", {"secrets.yaml": "p: {k: hunter22}\n"}) / "secrets.yaml"
    return {**environ, "AVP_TYPE": "file", "AVP_FILE": str(file)}


def test_a_kustomization(run: Run, env: Mapping[str, str], tmp_path: Path) -> None:
    tree = write(
        tmp_path / "tree",
        {
            "app/kustomization.yaml": "resources: [../base, left.yaml]\n"
            "secretGenerator:\n- name: made\n  literals: [a=<path:p#literal>]\n",
            "app/left.yaml": manifest({"a": "%3Cpath:p#k>"}, kind="C"),
            "base/kustomization.yaml": "namePrefix: x-\nresources: [one.yaml, two.yaml, li.yaml]\n",
            "base/one.yaml": manifest({"a": "<path:p#no>", "b": "<path:p#both>"}, kind="A"),
            "base/two.yaml": manifest({"b": "<path:p#both>"}, kind="B"),
            "base/li.yaml": "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n"
            "  kind: Secret\n  metadata: {name: item}\n  stringData: {a: <path:p#both>}\n",
        },
    )
    (tree / ".git").mkdir()
    result = run("generate", tree / "app", env=env)
    assert result.code == 1
    for line in (
        "      ../base/one.yaml:9: spec.a: <path:p#no> at p",
        "      ../base/one.yaml:10: spec.b: <path:p#both> at p",
        "      ../base/two.yaml:9: spec.b: <path:p#both> at p",
        "      left.yaml: spec.a: <path:, percent-encoded",
        "      ../base/li.yaml:7: stringData.a: <path:p#both> at p",
        "      kustomization.yaml:4: data.a (inside base64): <path:p#literal> at p",
    ):
        assert result.err.splitlines().count(line) >= 1, result.err


def test_before_the_backend_is_contacted(run: Run, env: Mapping[str, str], tmp_path: Path) -> None:
    files: Mapping[str, str | bytes] = {
        "kustomization.yaml": "resources: [a.yaml]\n",
        "a.yaml": manifest({"a": "<path:p#no>", "b": "%3Cpath:p#k>"}, kind="A"),
    }
    app = write(tmp_path / "app", files)
    result = run("generate", app, env={**env, "AVP_FILE": str(tmp_path / "none.yaml")})
    assert "none.yaml cannot be read: No such file" in result.err
    assert "      a.yaml: spec.b: <path:, percent-encoded\n" in result.err


def test_where_kustomize_edits_a_copy(run: Run, env: Mapping[str, str], tmp_path: Path) -> None:
    files: Mapping[str, str | bytes] = {
        "kustomization.yaml": "resources: [a.yaml]\n",
        "a.yaml": WANTING,
    }
    env = {**env, "ARGOCD_ENV_APP_REPO": "https://git.example/app"}
    result = run("generate", write(tmp_path / "app", files), env=env)
    assert "      a.yaml:9: spec.a: <path:p#no> at p\n" in result.err


def test_nothing_outside_of_the_repository_is_searched(
    run: Run, env: Mapping[str, str], tmp_path: Path
) -> None:
    tree = write(
        tmp_path,
        {
            "other/a.yaml": WANTING,
            "repo/app/kustomization.yaml": "resources: [a.yaml]\n"
            "configMapGenerator:\n- name: x\n"
            "  options: {annotations: {one: ../../other/a.yaml, two: link.yaml}}\n",
            "repo/app/a.yaml": WANTING,
        },
    )
    (tree / "repo/app/link.yaml").symlink_to("../../other/a.yaml")
    env = {**env, "ARGOCD_APP_SOURCE_PATH": "app"}
    result = run("generate", tree / "repo/app", env=env)
    # A second file with the same object would make the location ambiguous.
    assert "      a.yaml:9: spec.a: <path:p#no> at p\n" in result.err
    (tree / "repo/app/link.yaml").unlink()
    write(tree, {"repo/app/link.yaml": WANTING})
    result = run("generate", tree / "repo/app", env=env)
    assert "      spec.a: <path:p#no> at p\n" in result.err


@pytest.mark.both_helms
def test_a_chart_in_a_kustomization(run: Run, env: Mapping[str, str], tmp_path: Path) -> None:
    files: Mapping[str, str | bytes] = {
        "kustomization.yaml": "resources: [a.yaml]\nhelmCharts: [{name: sub}]\n",
        "a.yaml": manifest({"a": "<path:p#no>"}, kind="A").replace(b"name: app", b"name: own"),
        "charts/sub/Chart.yaml": "{apiVersion: v2, name: sub, version: 1.0.0}\n",
        "charts/sub/values.yaml": "",
        "charts/sub/templates/a.yaml": WANTING,
    }
    result = run("generate", write(tmp_path / "app", files), env=env)
    # Of the chart's document, no file of the kustomization is named.
    assert (
        "   in A demo/app (document 1 of the rendered manifests)\n"
        "      spec.a: <path:p#no> at p\n"
        "   in A demo/own (document 2 of the rendered manifests)\n"
        "      a.yaml:9: spec.a: <path:p#no> at p\n"
    ) in result.err


@pytest.mark.parametrize("asked", [False, True])
def test_the_output_is_that_of_kustomize(
    run: Run, env: Mapping[str, str], tmp_path: Path, asked: bool
) -> None:
    build = "buildMetadata: [originAnnotations]\n" if asked else ""
    files: Mapping[str, str | bytes] = {
        "kustomization.yaml": f"resources: [base, list.yaml]\n{build}",
        "base/kustomization.yaml": "resources: [a.yaml]\nconfigMapGenerator: [{name: made}]\n",
        "base/a.yaml": WANTING.replace(b"#no", b"#k"),
        "list.yaml": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, "
        "metadata: {name: plain}}\n- apiVersion: v1\n  kind: ConfigMap\n"
        "  metadata: {name: empty, annotations: {}}\n",
    }
    app = write(tmp_path / "app", files)
    result = run("generate", app, env=env)
    assert result.code == 0, result.err
    expected = reference(app, {}, env).replace("<path:p#k>", "hunter22")
    assert list(yaml.safe_load_all(result.out)) == list(yaml.safe_load_all(expected))
    assert result.out.count("config.kubernetes.io/origin: ") == (4 if asked else 0)


@pytest.mark.both_helms
def test_a_chart(run: Run, env: Mapping[str, str], tmp_path: Path) -> None:
    chart = write(tmp_path / "chart", CHART)
    wanting = WANTING.decode()
    write(
        chart,
        {
            "templates/a.yaml": f"{wanting}---\n# Source: other/b.yaml\n{wanting}",
            "charts/sub/Chart.yaml": "{apiVersion: v2, name: sub, version: 1.0.0}\n",
            "charts/sub/templates/deep/c.yaml": f"{{{{ if true }}}}\n{wanting}{{{{ end }}}}\n",
        },
    )
    result = run("generate", chart, env=env)
    assert result.code == 1
    rendered = re.findall(r"   in A demo/app \(document \d of the chart, (.*)\)\n", result.err)
    assert sorted(rendered) == [
        "rendered from charts/sub/templates/deep/c.yaml",
        "rendered from templates/a.yaml",
        "rendered from templates/a.yaml",
    ]
    # The text is twice in the other one.
    said = result.err.splitlines()
    assert said.count("      charts/sub/templates/deep/c.yaml:10: spec.a: <path:p#no> at p") == 1
    assert said.count("      templates/a.yaml: spec.a: <path:p#no> at p") == 0
    assert said.count("      spec.a: <path:p#no> at p") == 2


@pytest.mark.both_helms
def test_the_values_of_a_chart(run: Run, env: Mapping[str, str], tmp_path: Path) -> None:
    chart = write(tmp_path / "chart", CHART)
    secret = manifest({"a": "{{ .Values.a }}", "b": "{{ .Values.b }}", "c": "{{ .Values.c }}"})
    write(
        chart,
        {
            "values.yaml": "colour: blue\na: <path:p#a>\nb: <path:p#b>\nc: <path:p#c>\n",
            "more/prod.yaml": "b: <path:p#prod>\nc: <path:p#c>\n",
            "templates/a.yaml": secret,
        },
    )
    result = run("generate", chart, env={**env, "ARGOCD_ENV_HELM_VALUES_FILES": "more/prod.yaml"})
    for line in (
        "      values.yaml:2: spec.a: <path:p#a> at p",
        "      more/prod.yaml:1: spec.b: <path:p#prod> at p",
        "      spec.c: <path:p#c> at p",
    ):
        assert line in result.err.splitlines(), result.err


def test_json_names_the_template(run: Run, env: Mapping[str, str], tmp_path: Path) -> None:
    chart = write(tmp_path / "chart", CHART)
    write(chart, {"templates/a.yaml": WANTING})
    result = run("generate", chart, env={**env, "AVP_LOG_FORMAT": "json"})
    assert '"file": "templates/a.yaml", "line": 9, "placeholder": "<path:p#no>"' in result.err
