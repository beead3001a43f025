"""A chart is completed in a copy, whose directory is not seen in what helm prints."""

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from avp_py.errors import ChildError
from avp_py.render import Remotes
from avp_py.render.charts import Pull
from avp_py.render.helm_wrapper import HelmWrapper
from avp_py.render.workspace import Workspace, open_workspace
from avp_py.sandbox import Places, Questions
from avp_py.sandbox import run as run_child
from tests.conftest import Run
from tests.fetchers import DictFetcher, served
from tests.integration.dependencies import chart, limits
from tests.integration.repositories import package
from tests.trees import snapshot, write

LIBRARY: Final = "[{name: lib, version: 1.0.0, repository: 'file://../../lib'}]"
NAMES: Final = ("db", " db", "a  b", "-n", "$(id)", "`id`", "'", "*", "é", "\\", "db\\n", "...")


def tree(folder: Path, name: str, release: str = "releaseName: r") -> Path:
    """A kustomization with a chart in a directory of this name, which lacks a dependency."""
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    named = {f"charts/{name}/{path[4:]}": text for path, text in chart("app", LIBRARY).items()}
    return write(
        folder,
        {
            "app/kustomization.yaml": f"helmCharts: [{{name: {quoted}, {release}}}]\n",
            **{f"app/{path}": text for path, text in named.items()},
            **{f"app/{path}": text for path, text in chart("lib").items()},
            ".git/HEAD": "",
        },
    )


def kustomize(environ: Mapping[str, str], folder: Path) -> str:
    """What kustomize and helm print themselves."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "TMPDIR": str(folder.parent)}
    argv = [environ["AVP_KUSTOMIZE"], "build", "--enable-helm", "--helm-command"]
    done = subprocess.run(
        [*argv, environ["AVP_HELM"], str(folder)], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def complete(environ: Mapping[str, str], folder: Path) -> None:
    """Put what the chart lacks into it, with helm itself."""
    argv = [environ["AVP_HELM"], "dependency", "update", "."]
    env = {"HOME": str(folder.parent.parent)}
    subprocess.run(argv, cwd=folder, env=env, check=True, capture_output=True)


@pytest.mark.both_helms
@pytest.mark.parametrize("name", NAMES)
def test_a_directory_of_any_name(
    name: str, environ: Mapping[str, str], tmp_path: Path, run: Run
) -> None:
    for each in ("ours", "theirs"):
        tree(tmp_path / each, name)
    complete(environ, tmp_path / "theirs/app/charts" / name)

    result = run("generate", tmp_path / "ours/app", env=environ)

    assert (result.code, result.err) == (0, "")
    assert result.out == kustomize(environ, tmp_path / "theirs/app")
    assert result.out.count("kind: ConfigMap") == 2


@pytest.mark.both_helms
@pytest.mark.parametrize("name", ["db", "link"])
@pytest.mark.parametrize("release", ["namespace: here", "nameTemplate: x-y"])
def test_the_release_is_that_of_helm(
    name: str, release: str, environ: Mapping[str, str], tmp_path: Path, run: Run
) -> None:
    folders = [tree(tmp_path / each, "db", release) / "app" for each in ("ours", "theirs")]
    text = "kind: A\nmetadata: {name: a}\nrelease: {{ .Release.Name }}\n"
    for folder in folders:
        (folder / "charts/link").symlink_to("db")
        (folder / "charts/db/templates/facts.yaml").write_text(text)
        file = folder / "kustomization.yaml"
        file.write_text(file.read_text().replace('"db"', name))
    complete(environ, folders[1] / "charts/db")

    result = run("generate", folders[0], env=environ)

    assert (result.code, result.err) == (0, "")
    assert result.out == kustomize(environ, folders[1])
    assert "release: " in result.out


@pytest.mark.both_helms
@pytest.mark.parametrize("name", ["db", "db ", "a\nb", "a\n", '"', ","])
def test_sources_are_those_of_helm(
    name: str, environ: Mapping[str, str], tmp_path: Path, run: Run
) -> None:
    for each in ("ours", "theirs"):
        tree(tmp_path / each, name)
    theirs = tmp_path / "theirs/app/charts" / name
    complete(environ, theirs)
    argv = [environ["AVP_HELM"], "template", "r", "."]
    done = subprocess.run(argv, cwd=theirs, check=True, capture_output=True, text=True)

    env = {**environ, "HELM_RELEASE_NAME": "r"}
    result = run("generate", tmp_path / "ours/app/charts" / name, env=env)

    assert (result.code, result.err) == (0, "")
    assert result.out == done.stdout
    assert "# Source: app/charts/lib/templates/facts.yaml\n" in result.out


@pytest.mark.both_helms
def test_a_space_at_the_end_of_a_directory(
    environ: Mapping[str, str], tmp_path: Path, run: Run
) -> None:
    outputs = [
        run("generate", tree(tmp_path / folder, name) / "app", env=environ)
        for folder, name in (("spaced", "db "), ("plain", "db"))
    ]

    # helm itself drops the space at the end of the path, and does not find the chart.
    assert outputs[0] == outputs[1]
    assert (outputs[0].code, outputs[0].err) == (0, "")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory that no chart may be pulled to."""
    return write(tmp_path / "outside", {"file": "as it was"})


def pull(
    environ: Mapping[str, str],
    workspace: Workspace,
    cwd: Path,
    *options: str,
) -> Sequence[tuple[str, str]]:
    """Have a chart pulled in kustomize's place; return what was wrong."""
    url = "https://charts.example.org"
    fetcher = DictFetcher(served(url, {("db", "1.0.0"): package("db", "1.0.0")}))
    with contextlib.closing(Questions()) as questions:
        wrapper = HelmWrapper(
            environ["AVP_HELM"],
            [cwd],
            workspace,
            limits(),
            questions,
            Remotes(fetcher),
            confined=False,
        )
        argv = [str(wrapper.path), "pull", "--untar", "--repo", url, "db", "--version", "1.0.0"]
        with contextlib.suppress(ChildError):
            run_child(
                [*argv, *options],
                cwd=cwd,
                env={},
                limits=limits(),
                access=None,
                places=Places(workspace.tree, workspace.folder, None),
                questions=questions,
            )
        # The next one writes it anew.
        wrapper.path.unlink()
    return [(each.reason, each.hint) for each in wrapper.failures]


OUTSIDE: Final = [
    (
        "the chart 'db' would be pulled to a directory outside of the copies that kustomize works "
        "in",
        "name a directory of the kustomization's own repository in chartHome",
    )
]


def test_a_chart_is_pulled_into_copies_only(environ: Mapping[str, str], outside: Path) -> None:
    before = snapshot(outside)
    with open_workspace({}) as workspace:
        clone = workspace.scratch / "kustomize-1"
        other = workspace.scratch / "kustomize-2"
        for each in (workspace.tree, clone / "app", other):
            each.mkdir(parents=True)
        workspace.clones.add(clone)
        (clone / "link").symlink_to(outside)
        (clone / "inner").symlink_to("app")
        for refused in (
            outside, workspace.provided, workspace.scratch, other, clone / "link",
            f"{clone}/../kustomize-2", f"{clone}-2",
        ):  # fmt: skip
            options = ("--untardir", str(refused))
            assert pull(environ, workspace, workspace.tree, *options) == OUTSIDE
        # Without --untardir it is the working directory that a chart is pulled to.
        assert pull(environ, workspace, outside) == OUTSIDE
        assert pull(environ, workspace, other) == OUTSIDE

        for allowed, found in (("app", "app"), ("inner/x", "app/x"), ("new/charts", "new/charts")):
            assert pull(environ, workspace, clone, "--untardir", allowed) == []
            assert (clone / found / "db/Chart.yaml").is_file()
        assert not list(other.iterdir())
    assert snapshot(outside) == before


@pytest.mark.parametrize("swapped", ["", "app", "app/charts"])
def test_a_swapped_directory_of_a_clone_leads_nowhere(
    swapped: str,
    environ: Mapping[str, str],
    outside: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = snapshot(outside)
    place = HelmWrapper._place
    swaps: list[Path] = []

    def then_swap(self: HelmWrapper, wanted: Pull) -> tuple[Path, Sequence[str]]:
        found = place(self, wanted)
        (folder,) = swaps
        folder.rename(folder.with_name("moved"))
        folder.symlink_to(outside)
        return found

    monkeypatch.setattr(HelmWrapper, "_place", then_swap)
    with open_workspace({}) as workspace:
        clone = workspace.scratch / "kustomize-1"
        (clone / "app/charts").mkdir(parents=True)
        workspace.clones.add(clone)
        swaps.append(clone / swapped)
        ((reason, _),) = pull(environ, workspace, clone, "--untardir", "app/charts")

    assert "which is not a directory" in reason
    assert snapshot(outside) == before
