"""The table of docs/versions.md: what the tests run, in the versions that go.mod requires.

`python tools/docs.py` writes it, with the other files that are made.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from build import PROGRAMS
from chart import END

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "versions.md"

BEGIN: Final = "<!-- begin: made by `make docs` from tools/versions.py and tools/*/go.mod -->"


class Use(NamedTuple):
    """What a program is to a reader, and what runs it.

    Attributes:
        title: its name.
        suites: the directories and files that use it.
    """

    title: str
    suites: tuple[str, ...]


USES: Final[Mapping[str, Use]] = {
    "argocd": Use(
        "Argo CD (all its servers, the command, manifests)",
        ("tests/e2e", "tests/integration", "tests/image", "tests/peers", "benchmarks"),
    ),
    "reader": Use(
        "Argo CD's libraries that read a plugin's output (Kubernetes apimachinery)",
        ("tests/integration", "tests/compat", "tests/peers"),
    ),
    "kube-apiserver": Use("Kubernetes (kube-apiserver)", ("tests/e2e", "tests/integration")),
    "kubectl": Use("kubectl", ("tests/e2e", "tests/integration")),
    "etcd": Use("etcd", ("tests/e2e", "tests/integration")),
    "kustomize": Use(
        "kustomize",
        ("tests/e2e", "tests/integration", "tests/image", "tests/peers", "benchmarks"),
    ),
    "kustomize-oldest": Use(
        "kustomize, the oldest supported", ("tests/integration/test_kustomize_versions.py",)
    ),
    "helm4": Use("Helm 4", ("tests/e2e", "tests/integration", "tests/image", "tests/peers")),
    "helm": Use(
        "Helm 3",
        (
            *("tests/e2e", "tests/integration", "tests/image"),
            *("tests/peers/test_kustomize.py", "benchmarks"),
        ),
    ),
    "vault": Use(
        "Vault",
        (
            "tests/e2e",
            "tests/integration",
            "tests/image",
            "tests/compat",
            "tests/peers",
            "benchmarks",
        ),
    ),
    "argocd-vault-plugin": Use(
        "argocd-vault-plugin", ("tests/compat", "tests/peers", "benchmarks")
    ),
    "registry": Use("the registry of the distribution project", ("tests/e2e/test_declarative.py",)),
    "promtool": Use("Prometheus (promtool)", ("tests/integration/test_chart_metrics.py",)),
    "prometheus-operator-crds": Use(
        "prometheus-operator (its CustomResourceDefinitions)",
        ("tests/integration/test_installation.py",),
    ),
    "argocd-crds": Use(
        "Argo CD's CustomResourceDefinitions, for admission policies",
        ("tests/integration/test_admission_applications.py",),
    ),
    "actionlint": Use("actionlint", ("tests/integration/test_ci_examples.py",)),
    "syft": Use("syft", ("tools/image",)),
}
"""In the order of the page; each program of tools/ has an entry."""


def page() -> str:
    """The page of versions, with the table of all programs."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    table = "".join(f"{line}\n" for line in _table_lines())
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"


def _table_lines() -> Iterator[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python = project["requires-python"].removeprefix(">=")
    yield "| program | version | used by |"
    yield "|---|---|---|"
    yield f"| Python | {python} or later; in the image, that of Debian | all |"
    for name, use in USES.items():
        suites = ", ".join(f"`{suite}`" for suite in use.suites)
        yield f"| {use.title} | {PROGRAMS[name].version} | {suites} |"
