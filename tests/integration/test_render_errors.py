"""Errors of kustomize and helm are shown in full, with the paths that the user knows."""

import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.conftest import Run
from tests.integration.test_kustomize import EDITS, copy_case, tenant
from tests.trees import write


class Broken(NamedTuple):
    """A tree whose folder `app` cannot be rendered, and the error; TREE is its path."""

    files: Mapping[str, str]
    says: str


RESOURCE: Final = "resources: [map.yaml]\n"

BROKEN: Final[Mapping[str, Broken]] = {
    "a missing file": Broken(
        {"app/kustomization.yaml": "resources: [missing.yaml]\n"},
        """
        1. kustomize build failed (exit code 1)
           next: fix the kustomize error below
           | Error: accumulating resources: accumulation err='accumulating resources from \
'missing.yaml': evalsymlink failure on 'TREE/app/missing.yaml' : lstat TREE/app/missing.yaml: \
no such file or directory': must build at directory: not a valid directory: evalsymlink failure \
on 'TREE/app/missing.yaml' : lstat TREE/app/missing.yaml: no such file or directory
        """,
    ),
    "invalid YAML in a base": Broken(
        {
            "app/kustomization.yaml": "resources: [../base]\n",
            "base/kustomization.yaml": RESOURCE,
            "base/map.yaml": "kind: [\n",
        },
        """
        1. kustomize build failed (exit code 1)
           next: fix the kustomize error below
           | Error: accumulating resources: accumulation err='accumulating resources from \
'../base': 'TREE/base' must resolve to a file': recursed accumulation of path 'TREE/base': \
accumulating resources: accumulating resources from 'map.yaml': MalformedYAMLError: yaml: line 1: \
did not find expected node content in File: map.yaml
        """,
    ),
    "a kustomization of invalid YAML": Broken(
        {"app/kustomization.yaml": "resources:\n  - a\n b: [\n"},
        """
        1. kustomize COMMAND failed (exit code 1)
           next: fix the kustomize error below
           | Error: invalid Kustomization: yaml: line 2: did not find expected key
        """,
    ),
    "an unknown field": Broken(
        {"app/kustomization.yaml": "resource: [map.yaml]\n"},
        """
        1. kustomize COMMAND failed (exit code 1)
           next: fix the kustomize error below
           | Error: invalid Kustomization: json: unknown field "resource"
        """,
    ),
    "resources that render nothing": Broken(
        {"app/kustomization.yaml": RESOURCE, "app/map.yaml": "# Nothing yet.\n---\n"},
        """
        1. kustomize build printed nothing: the kustomization renders no manifest
           next: name manifests under resources in the kustomization
        """,
    ),
}  # fmt: skip


def said(error: str, tree: Path) -> str:
    """Return what an error must contain, with the tree's path filled in."""
    return textwrap.dedent(error).strip().replace("TREE", str(tree)) + "\n"


@pytest.mark.parametrize("edits", ["no edit", "both"])
@pytest.mark.parametrize("name", BROKEN)
def test_what_kustomize_says_is_shown_whole_and_nothing_else(
    name: str, edits: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    tree = write(tmp_path, BROKEN[name].files)

    result = run("generate", tree / "app", env={**environ, **tenant(EDITS[edits])})

    command = "build" if edits == "no edit" else "edit"
    assert (result.code, result.out) == (1, "")
    assert result.err == "avp-py: 1 failure, nothing was printed\n\n" + said(
        BROKEN[name].says, tree
    ).replace("COMMAND", command)


@pytest.mark.parametrize("edits", ["no edit", "both"])
def test_a_base_that_names_its_overlay_is_a_cycle(
    edits: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    tree = write(
        tmp_path,
        {
            "app/kustomization.yaml": "resources: [../base]\n",
            "base/kustomization.yaml": "resources: [../app]\n",
        },
    )

    result = run("generate", tree / "app", env={**environ, **tenant(EDITS[edits])})

    assert (result.code, result.out) == (1, "")
    assert "cycle detected: candidate root" in result.err
    assert f"/tree{tmp_path}" not in result.err


@pytest.mark.parametrize("edits", ["no edit", "both"])
def test_two_kustomization_files_in_one_folder(
    edits: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    write(tmp_path, {"kustomization.yaml": RESOURCE, "Kustomization": RESOURCE})

    result = run("generate", tmp_path, env={**environ, **tenant(EDITS[edits])})

    assert (result.code, result.out) == (1, "")
    assert "Error: Found multiple kustomization file" in result.err
    assert "Usage:" not in result.err


@pytest.mark.parametrize(
    ("edits", "says"),
    [
        ("no edit", "| Error: kustomization.yaml is empty\n"),
        ("both", "1. kustomize build printed nothing: the kustomization renders no manifest\n"),
    ],
)
def test_an_empty_kustomization(
    edits: str, says: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    write(tmp_path, {"kustomization.yaml": ""})

    result = run("generate", tmp_path, env={**environ, **tenant(EDITS[edits])})

    assert (result.code, result.out) == (1, "")
    assert says in result.err


@pytest.mark.both_helms
@pytest.mark.parametrize("edits", ["no edit", "both"])
def test_a_chart_that_fails_to_template(
    edits: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    app = copy_case("a-chart-in-a-base", tmp_path / "tree")
    template = "base/charts/cache/templates/workload.yaml"
    write(tmp_path / "tree", {template: '{{ fail "the cache wants a size" }}\n'})

    result = run("generate", app, env={**environ, **tenant(EDITS[edits])})

    assert (result.code, result.out) == (1, "")
    assert "execution error at (cache/templates/workload.yaml:1:3): the cache wants a size" in (
        result.err
    )
    assert f"template base {tmp_path}/tree/base/charts/cache --namespace shop" in result.err
    assert "env=[" not in result.err
    assert "HELM_" not in result.err
    assert f"/tree{tmp_path}" not in result.err


@pytest.mark.both_helms
@pytest.mark.parametrize("edits", ["no edit", "both"])
def test_a_chart_that_cannot_be_pulled(
    edits: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    chart = "helmCharts: [{name: none, repo: 'http://127.0.0.1:9', version: 1.0.0}]\n"
    write(tmp_path, {"kustomization.yaml": chart})

    env = {**environ, **tenant(EDITS[edits]), "AVP_RENDER_HOSTS": "127.0.0.1:9"}
    result = run("generate", tmp_path, env=env)

    assert (result.code, result.out) == (1, "")
    says = "the chart none 1.0.0 from http://127.0.0.1:9 cannot be fetched"
    assert f"{says}: 127.0.0.1:9 refused the connection" in result.err
    assert "env=[" not in result.err


@pytest.mark.parametrize("edits", ["no edit", "both"])
def test_a_loop_of_symlinks_that_is_named_is_an_error(
    edits: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    write(tmp_path, {"kustomization.yaml": "resources: [loop]\n"})
    (tmp_path / "loop").symlink_to("loop")

    result = run("generate", tmp_path, env={**environ, **tenant(EDITS[edits])})

    assert (result.code, result.out) == (1, "")
    assert f"evalsymlink failure on '{tmp_path}/loop' : EvalSymlinks: too many links" in result.err


@pytest.mark.parametrize("edits", ["no edit", "both"])
def test_loops_fifos_and_sockets_that_are_not_named_do_no_harm(
    edits: str, tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    app = copy_case("components", tmp_path / "tree")
    for folder in (app, app.parent):
        (folder / "loop").symlink_to("loop")
        (folder / "above").symlink_to(folder)
        os.mkfifo(folder / "fifo")

    result = run("generate", app, env={**environ, **tenant(EDITS[edits])})

    assert (result.code, result.err) == (0, "")


def fake(folder: Path, script: str) -> str:
    """A stand-in for kustomize that runs a line of shell."""
    path = folder / "kustomize"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


MAP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\n"


def test_stray_output_fails_the_run(tmp_path: Path, environ: Mapping[str, str], run: Run) -> None:
    app = copy_case("components", tmp_path / "tree")
    kustomize = fake(tmp_path, f"echo Downloading...; echo ---; printf '{MAP}'")

    result = run("generate", app, env={**environ, "AVP_KUSTOMIZE": kustomize})

    assert (result.code, result.out) == (1, "")
    assert "the rendered manifests, line 1" in result.err


def test_warnings_on_standard_error_do_not_fail_the_run(
    tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    app = copy_case("components", tmp_path / "tree")
    kustomize = fake(tmp_path, f"echo Beware >&2; printf '{MAP}'")

    result = run("generate", app, env={**environ, "AVP_KUSTOMIZE": kustomize})

    assert (result.code, result.out, result.err) == (0, MAP, "")


def test_control_characters_do_not_reach_the_terminal(
    tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    app = copy_case("components", tmp_path / "tree")
    kustomize = fake(tmp_path, r"printf '\033[31mred\033[0m\a \377\n\033]0;title\a' >&2; exit 3")

    result = run("generate", app, env={**environ, "AVP_KUSTOMIZE": kustomize})

    assert (result.code, result.out) == (1, "")
    assert "kustomize build failed (exit code 3)" in result.err
    assert "| red" in result.err
    assert result.err.replace("\n", "").isprintable()


def test_a_killed_program_is_named_with_its_signal(
    tmp_path: Path, environ: Mapping[str, str], run: Run
) -> None:
    app = copy_case("components", tmp_path / "tree")

    for number, says in ((9, "killed by SIGKILL"), (40, "killed by signal 40")):
        kustomize = fake(tmp_path, f"kill -{number} $$")
        result = run("generate", app, env={**environ, "AVP_KUSTOMIZE": kustomize})
        assert (result.code, result.out) == (1, "")
        assert f"kustomize build failed ({says})" in result.err
