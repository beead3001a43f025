"""A hostile repository for the tests: the tree, the attacker's programs, and bare kustomize."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from tests.conftest import Run
from tests.trees import write

TOKEN: Final = "eyJ-token-of-the-sidecar"
CHART: Final = "{apiVersion: v2, name: c, version: 1.0.0}\n"
TEMPLATE: Final = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: stolen}\n"
    'data: {x: {{ .Files.Get "stolen" | default .Values.stolen | default "none" | quote }}}\n'
)
MAP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\n"


class Tree(NamedTuple):
    """A repository in a folder with what is not for it.

    Attributes:
        app: the folder to render.
        token: a file beside the repository.
        ran: what a program of the attacker writes.
        env: an environment that says which part of the repository the folder is.
    """

    app: Path
    token: Path
    ran: Path
    env: Mapping[str, str]


def make_tree(top: Path, environ: Mapping[str, str]) -> Tree:
    """Write `repo/apps/web` with a chart, and files beside the repository."""
    write(
        top,
        {
            "token": TOKEN,
            "repo/apps/web/charts/c/Chart.yaml": CHART,
            "repo/apps/web/charts/c/values.yaml": "a: b\n",
            "repo/apps/web/charts/c/templates/a.yaml": TEMPLATE,
            "repo/apps/web/map.yaml": MAP,
            "other/kustomization.yaml": "resources: [map.yaml]\n",
            "other/map.yaml": MAP,
        },
    )
    app = top / "repo/apps/web"
    env = {**environ, "ARGOCD_APP_SOURCE_PATH": "apps/web"}
    return Tree(app, top / "token", top / "ran", env)


def program(path: Path, ran: Path) -> None:
    """A program of the attacker."""
    write(path.parent, {path.name: f"#!/bin/sh\necho ran >{ran}\ncat\n"})
    path.chmod(0o755)


def kustomize(tree: Tree, **env: str) -> str:
    """What kustomize alone makes of the folder, as the shell pipeline runs it."""
    done = subprocess.run(
        [
            tree.env["AVP_KUSTOMIZE"], "build", "--enable-helm",
            f"--helm-command={tree.env['AVP_HELM']}", ".",
        ],
        cwd=tree.app, capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(tree.ran.parent), **env},
    )  # fmt: skip
    return done.stdout + done.stderr


def refused(run: Run, tree: Tree, *says: str) -> None:
    """The run fails, says so, and shows nothing of the token."""
    result = run("generate", tree.app, env=tree.env)
    assert (result.code, result.out) == (1, ""), result.out
    for each in says:
        assert each in result.err
    assert TOKEN not in result.err
    assert not tree.ran.exists()
