"""Helm 3 and Helm 4 render alike.

Two differences are known, and of no effect on Argo CD: Helm 4 keeps an empty line at the end of a
template, and is linked with a later version of Kubernetes, which counts where Argo CD names none.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import HELMS, Run
from tests.integration.helm import CASES as VALUES
from tests.integration.helm import Helm
from tests.integration.test_helm import CHART
from tests.integration.test_kustomize import CASES, EDITS, copy_case, reference, tenant
from tests.trees import write

WITH_CHARTS: Final = sorted(each.name for each in CASES.iterdir() if any(each.rglob("Chart.yaml")))

OF_HELM: Final = {"helm4": "v1.36.0", "helm": "v1.34.0"}
"""What a chart sees as the version of Kubernetes where Argo CD names none."""


@pytest.fixture
def environments(
    tools: Mapping[str, Path], environ: Mapping[str, str]
) -> Mapping[str, Mapping[str, str]]:
    """An environment for each Helm."""
    return {name: {**environ, "AVP_HELM": str(tools[name])} for name in HELMS}


@pytest.mark.parametrize("edits", ["no edit", "both"])
@pytest.mark.parametrize("case", WITH_CHARTS)
def test_a_kustomization_with_charts(
    case: str,
    edits: str,
    tmp_path: Path,
    environments: Mapping[str, Mapping[str, str]],
    run: Run,
) -> None:
    outputs = set()
    for name, env in environments.items():
        outputs.add(reference(copy_case(case, tmp_path / f"{name}-copy"), EDITS[edits], env))
        app = copy_case(case, tmp_path / name)
        result = run("generate", app, env={**env, **tenant(EDITS[edits])})
        assert (result.code, result.err) == (0, "")
        outputs.add(result.out)

    assert len(outputs) == 1


def test_a_chart(tmp_path: Path, environments: Mapping[str, Mapping[str, str]], run: Run) -> None:
    chart = write(tmp_path, CHART)
    known, unknown = (
        {
            name: run("generate", chart, env={**env, **cluster}).out
            for name, env in environments.items()
        }
        for cluster in ({"KUBE_VERSION": "1.29.7"}, {})
    )

    assert known["helm"] == known["helm4"]
    assert "  version: v1.29.7\n" in known["helm"]
    for name, version in OF_HELM.items():
        assert unknown[name] == known[name].replace("v1.29.7", version)


@pytest.mark.parametrize("values", VALUES, ids=lambda file: file.stem)
def test_our_chart(values: Path, tmp_path: Path, tools: Mapping[str, Path]) -> None:
    three, four = (Helm(tools[name], tmp_path).template(values) for name in ("helm", "helm4"))

    assert [line for line in three.split("\n") if line] == [
        line for line in four.split("\n") if line
    ]
