"""A run before any request: what requests load and prepare when they first need it.

A worker is a fork of the supervisor, and finds all of it done.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Final

from avp_py.backends import Secret, Target
from avp_py.cli.main import build_parser
from avp_py.errors import AvpError
from avp_py.generate import Keeper, Request, Terms, generate
from avp_py.sandbox import git_access
from avp_py.settings import Program, Sources, read_policy_settings, resolve

_APPLICATION: Final = {
    "ARGOCD_APP_NAME": "a",
    "ARGOCD_APP_NAMESPACE": "b",
    "ARGOCD_APP_PROJECT_NAME": "c",
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


def rehearse(environ: Mapping[str, str]) -> None:
    """Make the run.

    Args:
        environ: the operator's environment.
    """
    for program in Program:
        build_parser(program)
    git_access(environ)
    template = read_policy_settings(Sources(environ)).path_template
    request = Request(_MANIFESTS, "plain", resolve(Sources(_APPLICATION)).settings, _APPLICATION)
    # A template that is malformed is for requests to report.
    with contextlib.suppress(AvpError):
        generate(request, _Rehearsal(template))


class _Rehearsal(Keeper):
    """A keeper of secrets that are none."""

    def __init__(self, path_template: str) -> None:
        self._path_template = path_template

    def terms(self, _seconds: float) -> Terms:
        return Terms(self._path_template, by_kind=False)

    def read(self, targets: Sequence[Target], _deadline: float) -> Mapping[Target, Secret]:
        return {target: Secret({"a": "b"}) for target in targets}
