"""What the real kustomize and helm render is traced back to a file of the repository."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.integration.manifests import manifest
from tests.integration.test_helm import CHART
from tests.trees import write


@pytest.fixture
def env(tmp_path: Path, environ: Mapping[str, str]) -> Mapping[str, str]:
    file = write(tmp_path / "settings", {"secrets.yaml": "p: {k: hunter22}\n"}) / "secrets.yaml"
    return {**environ, "AVP_TYPE": "file", "AVP_FILE": str(file)}


def test_a_kustomization(run: Run, env: Mapping[str, str], tmp_path: Path) -> None:
    tree = write(
        tmp_path / "tree",
        {
            "app/kustomization.yaml": "resources: [../base]\nsecretGenerator:\n"
            "- name: made\n  literals: [a=<path:p#literal>]\n",
            "base/kustomization.yaml": "namePrefix: x-\nresources: [one.yaml, two.yaml]\n",
            "base/one.yaml": manifest({"a": "<path:p#no>", "b": "<path:p#both>"}, kind="A"),
            "base/two.yaml": manifest({"b": "<path:p#both>"}, kind="B"),
        },
    )
    (tree / ".git").mkdir()
    result = run("generate", tree / "app", env=env)
    assert result.code == 1
    for line in (
        "      ../base/one.yaml:9: spec.a: <path:p#no> at p",
        "      spec.b: <path:p#both> at p",
        "      kustomization.yaml:4: data.a (inside base64): <path:p#literal> at p",
    ):
        assert result.err.splitlines().count(line) >= 1, result.err


def test_where_kustomize_edits_a_copy(run: Run, env: Mapping[str, str], tmp_path: Path) -> None:
    files: Mapping[str, str | bytes] = {
        "kustomization.yaml": "resources: [a.yaml]\n",
        "a.yaml": manifest({"a": "<path:p#no>"}, kind="A"),
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
            "other/a.yaml": "<path:p#no>\n",
            "repo/app/kustomization.yaml": "resources: [a.yaml]\n"
            "configMapGenerator:\n- name: x\n"
            "  options: {annotations: {one: ../../other/a.yaml, two: link.yaml}}\n",
            "repo/app/a.yaml": manifest({"a": "<path:p#no>"}, kind="A"),
        },
    )
    (tree / "repo/app/link.yaml").symlink_to("../../other/a.yaml")
    env = {**env, "ARGOCD_APP_SOURCE_PATH": "app"}
    result = run("generate", tree / "repo/app", env=env)
    # A second file with the text would leave the place open.
    assert "      a.yaml:9: spec.a: <path:p#no> at p\n" in result.err
    (tree / "repo/app/link.yaml").unlink()
    write(tree, {"repo/app/link.yaml": "<path:p#no>\n"})
    result = run("generate", tree / "repo/app", env=env)
    assert "      spec.a: <path:p#no> at p\n" in result.err


def test_a_kustomization_outside_of_the_repository_is_not_searched(
    run: Run, env: Mapping[str, str], tmp_path: Path
) -> None:
    tree = write(
        tmp_path,
        {
            "other/secret.yaml": "# <path:p#no>\n",
            "repo/app/kustomization.yaml": "resources: [a.yaml]\nconfigMapGenerator:\n- name: x\n"
            "  options: {annotations: {one: ../unused}}\n",
            "repo/app/a.yaml": manifest({"a": "<path:p#no>"}, kind="A"),
            "repo/unused/notes": "",
        },
    )
    file = tree / "repo/unused/kustomization.yaml"
    file.symlink_to(tree / "other/secret.yaml")
    env = {**env, "ARGOCD_APP_SOURCE_PATH": "app"}
    result = run("generate", tree / "repo/app", env=env)
    assert "      a.yaml:9: spec.a: <path:p#no> at p\n" in result.err
    # One that is in the repository is searched, and leaves the place open.
    file.unlink()
    write(tree, {"repo/unused/kustomization.yaml": "# <path:p#no>\n"})
    result = run("generate", tree / "repo/app", env=env)
    assert "      spec.a: <path:p#no> at p\n" in result.err


def test_a_chart(run: Run, env: Mapping[str, str], tmp_path: Path) -> None:
    chart = write(tmp_path / "chart", CHART)
    wanting = manifest({"a": "<path:p#no>"}, kind="A").decode()
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
    assert result.err.splitlines().count("      spec.a: <path:p#no> at p") == 3


def test_json_names_the_template(run: Run, env: Mapping[str, str], tmp_path: Path) -> None:
    chart = write(tmp_path / "chart", CHART)
    write(chart, {"templates/a.yaml": manifest({"a": "<path:p#no>"}, kind="A")})
    result = run("generate", chart, env={**env, "AVP_LOG_FORMAT": "json"})
    assert '"file": "templates/a.yaml", "placeholder": "<path:p#no>", "path": "p"' in result.err
