"""A hostile repository for the tests: the tree, the attacker's programs, and bare kustomize."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from tests.conftest import Run
from tests.trees import write

TOKEN: Final = "eyJ-token-of-the-sidecar"
CHART: Final = "{apiVersion: v2, name: c, version: 1.0.0}\n"
TEMPLATE: Final = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: stolen}\n"
    'data: {x: {{ .Files.Get "stolen" | default (.Files.Get "d/map.yaml") | default .Values.stolen'
    ' | default "none" | quote }}}\n'
)
NO_VARIABLES: Final[Mapping[str, str]] = MappingProxyType({})
MAP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: map\n"
CHAIN: Final = """
end = time.monotonic() + 20
while time.monotonic() < end and not os.fork(): pass
os._exit(0)
"""
"""Python of a process that is never there for long: it ends as soon as it has started the next. The
last one ends by itself, so that a test that fails harms no other."""


class Tree(NamedTuple):
    """A repository in a folder, next to files that it must not read.

    Attributes:
        app: the folder to render.
        token: a file next to the repository.
        ran: the file that a program of the attacker writes.
        env: an environment that says which part of the repository the folder is.
    """

    app: Path
    token: Path
    ran: Path
    env: Mapping[str, str]


def make_tree(top: Path, environ: Mapping[str, str]) -> Tree:
    """Write `repo/apps/web` with a chart, and files next to the repository."""
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


def kustomize(
    tree: Tree, *flags: str, timeout: float = 60, env: Mapping[str, str] = NO_VARIABLES
) -> str:
    """Return what kustomize alone renders from the folder, as the shell pipeline runs it."""
    helm_command = f"--helm-command={tree.env['AVP_HELM']}"
    argv = [tree.env["AVP_KUSTOMIZE"], "build", "--enable-helm", helm_command, *flags, "."]
    return _run(argv, tree, timeout, env)


def helm(
    tree: Tree, *flags: str, timeout: float = 60, env: Mapping[str, str] = NO_VARIABLES
) -> str:
    """Return what helm alone renders from the chart in the folder."""
    return _run([tree.env["AVP_HELM"], "template", *flags, "r", "."], tree, timeout, env)


def _run(argv: Sequence[str], tree: Tree, timeout: float, env: Mapping[str, str]) -> str:
    done = subprocess.run(
        argv, cwd=tree.app, capture_output=True, text=True, check=False, timeout=timeout,
        env={"PATH": os.environ["PATH"], "HOME": str(tree.ran.parent), **env},
    )  # fmt: skip
    return done.stdout + done.stderr


def has_run(tree: Tree) -> bool:
    """Return whether a program of the attacker has run, and forget that."""
    found = tree.ran.exists()
    tree.ran.unlink(missing_ok=True)
    return found


def refused(run: Run, tree: Tree, says: str, *more: str) -> None:
    """Check that the run fails, says so, and shows nothing of the token."""
    result = run("generate", tree.app, env=tree.env)
    assert (result.code, result.out) == (1, ""), result.out
    for each in (says, *more):
        assert each in result.err, result.err
    assert TOKEN not in result.err
    assert not tree.ran.exists()
