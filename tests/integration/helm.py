"""The chart charts/avp-py, rendered by the real helm."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.conftest import ROOT

CHART: Final = ROOT / "charts" / "avp-py"
CASES: Final = sorted((CHART / "ci").glob("*-values.yaml"))
"""Values for the usual ways to install."""

Document = dict[str, Any]


def read(text: str) -> Sequence[Document]:
    """The documents of a YAML stream, without empty ones."""
    return [each for each in yaml.load_all(text, yaml.CSafeLoader) if each]


@dataclass(frozen=True)
class Helm:
    """The program, and a folder for what it writes."""

    program: Path
    folder: Path

    def run(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """Run helm, without the settings of whoever runs the tests."""
        return subprocess.run(
            [str(each) for each in (self.program, *arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={"HOME": str(self.folder)},
        )

    def values(self, values: Mapping[str, Any]) -> Path:
        """A file with these values."""
        file = self.folder / f"values-{len(list(self.folder.iterdir()))}.yaml"
        file.write_text(yaml.safe_dump(dict(values)))
        return file

    def template(self, values: Path, *arguments: object, namespace: str = "argocd") -> str:
        """Return what the chart renders from these values."""
        done = self._template(values, namespace, *arguments)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    def printed(self, values: Path, what: str, namespace: str = "argocd") -> Document:
        """Return what `print` prints: `values` or `patch`."""
        only = ("--set", f"print={what}", "--show-only", "templates/print.yaml")
        (document,) = read(self.template(values, *only, namespace=namespace))
        return document

    def refuses(self, values: Mapping[str, Any]) -> str:
        """Return the error of helm for values that the chart must reject."""
        done = self._template(self.values(values), "argocd")
        assert done.returncode != 0, done.stdout
        return done.stderr

    def _template(
        self, values: Path, namespace: str, *arguments: object
    ) -> "subprocess.CompletedProcess[str]":
        release = ("avp-py", CHART, "--namespace", namespace)
        return self.run("template", *release, "--values", values, *arguments)
