"""Where kustomize and helm are looked up, and the error when one is not found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from avp_py.errors import ToolMissingError
from avp_py.render.tools import find_tool, version_of
from tests.conftest import Run
from tests.trees import write

MAP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\n"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write(
        tmp_path / "app", {"kustomization.yaml": "resources: [map.yaml]\n", "map.yaml": MAP}
    )


def make_program(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\ncase $1 in version) echo v0;; *) printf "{MAP}";; esac\n')
    path.chmod(mode)
    return path


@pytest.mark.parametrize("path", [{}, {"PATH": ""}, {"PATH": "/none:/etc"}])
def test_missing_kustomize_is_an_error_that_says_how_to_get_it(
    path: Mapping[str, str], app: Path, run: Run
) -> None:
    result = run("generate", app, env=path)

    assert (result.code, result.out) == (1, "")
    assert "1. kustomize not found on PATH\n" in result.err
    assert "next: install kustomize, or set AVP_KUSTOMIZE to its path\n" in result.err


@pytest.mark.parametrize(
    "kustomization",
    [
        "helmCharts: [{name: x}]\n",
        "HelmCharts: [{name: x}]\n",
        "helmCharts: [{name: x}]\nnamePrefix: a\nnamePrefix: b\n",
        "resources: [../base]\n",
        "generators: [generator.yaml]\n",
        "generators:\n- |-\n  kind: HelmChartInflationGenerator\n",
        "helmChartInflationGenerator: [{chartName: x}]\n",
    ],
)
def test_missing_helm_is_an_error_where_there_is_a_chart(
    kustomization: str, tmp_path: Path, run: Run
) -> None:
    write(
        tmp_path,
        {
            "app/kustomization.yaml": kustomization,
            "app/generator.yaml": "kind: HelmChartInflationGenerator\n",
            "base/kustomization.yml": "helmCharts: [{name: x}]\n",
        },
    )
    kustomize = make_program(tmp_path / "kustomize")

    result = run("generate", tmp_path / "app", env={"AVP_KUSTOMIZE": str(kustomize)})

    assert (result.code, result.out) == (1, "")
    assert "1. helm not found on PATH\n" in result.err
    assert "next: install helm, or set AVP_HELM to its path\n" in result.err


@pytest.mark.parametrize(
    "kustomization",
    ["resources: [map.yaml]\n", "generators: [map.yaml]\n", "resources: [.., /, ../app, '']\n"],
)
def test_missing_helm_is_no_error_where_there_is_none(
    kustomization: str, app: Path, tmp_path: Path, run: Run
) -> None:
    write(app, {"kustomization.yaml": kustomization})
    kustomize = make_program(tmp_path / "kustomize")

    result = run("generate", app, env={"AVP_KUSTOMIZE": str(kustomize)})

    assert (result.code, result.out, result.err) == (0, MAP, "")


def test_programs_are_looked_up_on_path_by_their_configured_name(
    app: Path, tmp_path: Path, run: Run
) -> None:
    make_program(tmp_path / "bin/kustomize5")
    env = {"PATH": f"/none:{tmp_path}/bin", "AVP_KUSTOMIZE": "kustomize5"}

    assert run("generate", app, env=env).out == MAP


@pytest.mark.parametrize("path", [".", "", ":", "bin", "./bin:", ".:/none"])
def test_relative_folders_of_path_are_not_searched(
    path: str, app: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_program(app / "kustomize")
    make_program(app / "bin/kustomize")
    monkeypatch.chdir(app)

    result = run("generate", ".", env={"PATH": path})

    assert (result.code, result.out) == (1, "")
    assert "kustomize not found on PATH" in result.err


@pytest.mark.parametrize("kind", ["kustomize", "helm", "kubectl"])
@pytest.mark.parametrize("name", ["plain", "none", "folder", "./good", "in/good"])
def test_a_path_where_no_program_is_is_an_error(
    kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_program(tmp_path / "plain", mode=0o644)
    make_program(tmp_path / "in/good")
    make_program(tmp_path / "good")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    # A relative path would be one in the tenant's folder.
    path = name if "/" in name else str(tmp_path / name)

    with pytest.raises(ToolMissingError) as raised:
        find_tool(kind, path, {"PATH": str(tmp_path)})

    assert raised.value.reason == f"AVP_{kind.upper()}: {path} is not an executable program"
    assert f"set it to the absolute path of {kind}" in raised.value.hint


def test_version_reports_each_program_and_its_path(tmp_path: Path, run: Run) -> None:
    kustomize = make_program(tmp_path / "kustomize")

    result = run("version", env={"AVP_KUSTOMIZE": str(kustomize)})

    assert result.code == 0
    assert f"kustomize v0 ({kustomize})\n" in result.out
    assert "helm      not found\n" in result.out


def test_version_reports_a_program_that_does_not_start(tmp_path: Path) -> None:
    path = make_program(tmp_path / "helm")
    path.write_text("\x7fELF")

    assert "cannot be started: Exec format error" in version_of("helm", str(path), {}, "auto")
