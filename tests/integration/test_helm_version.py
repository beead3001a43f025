"""kustomize queries helm's version before each chart; the program says it without being started."""

import contextlib
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from avp_py.errors import ChildError, Failure
from avp_py.limits import Limits
from avp_py.remotes import Fetched, Fetcher, Remote
from avp_py.render import Remotes
from avp_py.render.helm_wrapper import HelmWrapper
from avp_py.render.workspace import open_workspace
from avp_py.sandbox import Places, Questions, read_go_module
from avp_py.sandbox import run as run_child
from tests.conftest import HELM, HELMS, Run
from tests.trees import write

LIMITS = Limits(
    seconds=60,
    timeout=60,
    deadline=float("inf"),
    input_bytes=1 << 20,
    files=9,
    output_bytes=1 << 20,
)
CHART = {
    "kustomization.yaml": "helmCharts: [{name: c, releaseName: c}]\n",
    "charts/c/Chart.yaml": "name: c\nversion: 1.0.0\n",
    "charts/c/values.yaml": "",
    "charts/c/templates/a.yaml": "kind: ConfigMap\nmetadata: {name: a}\n",
}
QUERIES = [["version", "--short"], ["version", "-c", "--short"]]


class Nothing(Fetcher):
    """Has nothing that could be fetched."""

    def fetch(
        self, wanted: Sequence[Remote], _seconds: float = math.inf
    ) -> Sequence[Fetched | Failure]:
        raise AssertionError(wanted)


def ask(helm: Path, arguments: list[str], env: Mapping[str, str] | None = None) -> str:
    """Call helm through the wrapper that kustomize calls."""
    with open_workspace({}) as workspace, contextlib.closing(Questions()) as questions:
        remotes = Remotes(Nothing())
        wrapper = HelmWrapper(
            str(helm), [helm.parent], workspace, LIMITS, questions, remotes, confined=False
        )
        output = run_child(
            [str(wrapper.path), *arguments],
            cwd=helm.parent,
            env=env or {},
            limits=LIMITS,
            access=None,
            places=Places(workspace.tree, workspace.folder, None),
            questions=questions,
        )
    return output.decode()


@pytest.mark.both_helms
def test_the_module_of_a_program(environ: Mapping[str, str], helm_name: str) -> None:
    helm = environ["AVP_HELM"]
    said = subprocess.run([helm, "version", "--short"], capture_output=True, text=True, check=True)
    module = read_go_module(Path(helm))
    assert module is not None
    name, version = module
    assert name == f"helm.sh/helm/{HELMS[helm_name]}"
    assert said.stdout.startswith(f"{version}+")


def test_a_program_that_is_not_from_go(tools: Mapping[str, Path], tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    whole = tools[HELM].read_bytes()
    for size in (0, 3, 40, 63, 64, 4096, len(whole) - 500):
        cut.write_bytes(whole[:size])
        assert read_go_module(cut) is None
    assert read_go_module(Path(sys.executable)) is None
    assert read_go_module(tmp_path / "none") is None
    assert read_go_module(tmp_path) is None


@pytest.mark.both_helms
@pytest.mark.parametrize("query", QUERIES)
def test_helm_is_not_started_for_its_version(
    environ: Mapping[str, str], tmp_path: Path, query: list[str], helm_name: str
) -> None:
    helm = tmp_path / "helm"
    shutil.copyfile(environ["AVP_HELM"], helm)
    helm.chmod(0o400)

    assert ask(helm, query).startswith(f"{HELMS[helm_name]}.")
    # For anything else it must be started, which the mode of the file forbids.
    write(tmp_path, {"chart/Chart.yaml": "name: chart\nversion: 1.0.0\n"})
    with pytest.raises(ChildError) as failure:
        ask(helm, ["template", str(tmp_path / "chart")])
    assert "ermission denied" in failure.value.detail


@pytest.mark.parametrize("query", QUERIES)
def test_a_helm_that_does_not_say_its_version_is_started(tmp_path: Path, query: list[str]) -> None:
    helm = tmp_path / "helm"
    helm.write_text('#!/bin/sh\necho "v3.1.2 $*"\n')
    helm.chmod(0o500)

    assert ask(helm, query) == f"v3.1.2 {' '.join(query)}\n"


def test_helm_collects_garbage_less_often_unless_the_operator_says(tmp_path: Path) -> None:
    helm = tmp_path / "helm"
    helm.write_text('#!/bin/sh\necho "$GOGC $GOMEMLIMIT"\n')
    helm.chmod(0o500)
    (tmp_path / "chart").mkdir()
    arguments = ["template", str(tmp_path / "chart")]

    assert ask(helm, arguments) == f"400 {1 << 29}\n"
    assert ask(helm, arguments, {"GOGC": "50", "GOMEMLIMIT": "1GiB"}) == "50 1GiB\n"


@pytest.mark.both_helms
def test_manifests_are_the_same_whether_helm_is_started_or_not(
    run: Run, environ: Mapping[str, str], tmp_path: Path
) -> None:
    # A script around helm has no version to read, so it is started twice.
    log = tmp_path / "log"
    script = tmp_path / "helm"
    script.write_text(f'#!/bin/sh\necho "$1" >>{log}\nexec {environ["AVP_HELM"]} "$@"\n')
    script.chmod(0o500)
    tree = write(tmp_path / "app", CHART)
    rendered = run("generate", tree, env=environ)
    controlled = run(
        "generate", tree, env={**environ, "AVP_HELM": str(script), "AVP_SANDBOX": "off"}
    )

    assert rendered.code == 0, rendered.err
    assert controlled.out == rendered.out
    assert log.read_text().split() == ["version", "template"]


def test_the_temporary_directory_may_have_any_name(
    run: Run, environ: Mapping[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / os.fsdecode(b"\xff it's; $(x)")
    folder.mkdir()

    rendered = run(
        "generate", write(tmp_path / "app", CHART), env={**environ, "TMPDIR": str(folder)}
    )

    assert rendered.code == 0, rendered.err
    assert list(folder.iterdir()) == []
