"""A run before any request: what requests load and prepare when they first need it.

A worker is a fork of the supervisor, and finds all of it done.
"""

import contextlib
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

from avp_py.backends import Secret, Target
from avp_py.cli.main import build_parser
from avp_py.errors import AvpError
from avp_py.generate import Keeper, Request, Terms, generate
from avp_py.remotes import Fetched, Remote
from avp_py.render import Mode, Source
from avp_py.render.detect import load_renderers
from avp_py.sandbox import temporary_directory
from avp_py.serve.wire import COMMANDS
from avp_py.settings import Program, Sources, resolve

_APPLICATION: Final = {
    "ARGOCD_APP_NAME": "a",
    "ARGOCD_APP_NAMESPACE": "b",
    "ARGOCD_APP_PROJECT_NAME": "c",
    "ARGOCD_ENV_APP_REPO": "d",
    "ARGOCD_ENV_IMAGE_NAME": "e",
    "ARGOCD_ENV_IMAGE_TAG": "f",
}

_MANIFESTS: Final = b"""\
kind: ConfigMap
metadata: {name: a}
data:
  a: b
---
kind: Secret
metadata: {name: b, annotations: {avp.kubernetes.io/path: ""}}
data: {a: <a>, b: "PGE+"}
stringData: {c: "x<a>y", d: "<path:kv/data/a#a | base64encode>"}
"""

_TREE: Final = {
    "kustomization.yaml": b"resources: [a.yaml]\nhelmCharts: [{name: c, releaseName: c}]\n",
    "a.yaml": _MANIFESTS,
    "charts/c/Chart.yaml": b"name: c\nversion: 1.0.0\n",
    "charts/c/values.yaml": b"",
    "charts/c/templates/c.yaml": (
        b"kind: Pod\nmetadata: {name: c}\nspec: {containers: [{name: c, image: e}]}\n"
    ),
}


def rehearse(environ: Mapping[str, str]) -> str:
    """Make the run, with kustomize and helm.

    Args:
        environ: the operator's environment.

    Returns:
        Why it could not be made to its end; an empty text where it was.
    """
    for program in Program:
        for command in (None, *COMMANDS):
            build_parser(program, command)
    # There is no chart to render by itself, and nothing fails.
    load_renderers()
    import_module("avp_py.generate.folder")
    import_module("avp_py.generate.written")
    import_module("difflib")
    try:
        _generate(_MANIFESTS, "plain", environ)
        with tempfile.TemporaryDirectory(dir=temporary_directory(environ)) as folder:
            for name, data in _TREE.items():
                file = Path(folder, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            _generate(Source(Path(folder).resolve(), "the rehearsal"), "kustomize", environ)
    except OSError as error:
        return str(error.strerror)
    except AvpError as error:
        return error.failures[0].reason
    except Exception as error:
        # Requests report it, each for itself.
        return f"internal error, {type(error).__name__}; please report it"
    return ""


def rehearse_briefly(environ: Mapping[str, str]) -> None:
    """Make the part of the run that starts no program.

    A process that was forked for a request copies each page of memory when it first writes to it,
    and Python writes wherever it reads. A worker that does so before it gets its request answers
    it sooner.

    Args:
        environ: the operator's environment.
    """
    # What is malformed is for requests to report.
    with contextlib.suppress(Exception):
        _generate(_MANIFESTS, "plain", environ)


def _generate(source: Source | bytes, mode: Mode, environ: Mapping[str, str]) -> None:
    variables = {**environ, **_APPLICATION}
    settings = resolve(Sources(variables)).settings
    keeper = _Rehearsal(settings.policy.path_template)
    generate(Request(source, mode, settings, variables), keeper)


class _Rehearsal(Keeper):
    """A keeper that makes up each secret."""

    def __init__(self, path_template: str) -> None:
        self._path_template = path_template

    def terms(self, _seconds: float) -> Terms:
        return Terms(self._path_template, by_kind=False)

    def fetch(self, _wanted: Sequence[Remote], _deadline: float) -> Sequence[Fetched]:
        return ()

    def read(self, targets: Sequence[Target], _deadline: float) -> Mapping[Target, Secret]:
        return {target: Secret({"a": "YWJj"}) for target in targets}
