"""Charts with dependencies, completed by us and by helm itself."""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from avp_py.limits import Limits
from avp_py.render.dependencies import Dependencies
from tests.fetchers import DictFetcher
from tests.integration.repositories import TEMPLATE
from tests.trees import snapshot


def limits(input_bytes: int = 10_000_000, files: int = 1000) -> Limits:
    """Limits that no chart of these tests reaches."""
    return Limits(60, time.monotonic() + 60, 60, input_bytes, files, 10_000_000)


def chart(name: str, dependencies: str = "[]", version: str = "1.0.0") -> Mapping[str, str]:
    """The files of a chart; `dependencies` is in YAML."""
    return {
        f"{name}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n"
        f"dependencies: {dependencies}\n",
        f"{name}/values.yaml": "colour: blue\n",
        f"{name}/templates/facts.yaml": TEMPLATE + "  colour: {{ .Values.colour }}\n",
    }


@dataclass
class Tree:
    """A tree with charts.

    Attributes:
        root: its directory.
        helm: helm's program.
        fetcher: where charts are fetched from.
    """

    root: Path
    helm: Path
    fetcher: DictFetcher = field(default_factory=DictFetcher)

    @property
    def folder(self) -> Path:
        """Where the charts are."""
        return self.root / "tree"

    def dependencies(self, *, ranges: bool = False, **most: int) -> Dependencies:
        """What completes its charts."""
        roots = [str(self.folder.resolve())]
        return Dependencies(self.fetcher, roots, limits(**most), ranges=ranges)

    def completed(self, name: str, *, ranges: bool = False, **most: int) -> Path:
        """A copy of a chart that we have completed; the tree stays as it is."""
        before = snapshot(self.folder)
        copy = self.root / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder / name, copy, symlinks=True)
        dependencies = self.dependencies(ranges=ranges, **most)
        try:
            dependencies.complete(self.folder / name, copy)
        finally:
            assert snapshot(self.folder) == before
        assert dependencies.is_complete(self.folder / name) == (self.packages(copy) == set())
        return copy

    @staticmethod
    def packages(chart: Path) -> set[str]:
        """The names of the files in the `charts/` of a chart."""
        return {path.name for path in chart.glob("charts/*.tgz")}

    def template(self, chart: Path, *arguments: str) -> str:
        """What `helm template` prints."""
        return self.call("template", "r", ".", *arguments, folder=chart)

    def built(self, name: str, *arguments: str, command: str = "build") -> str:
        """What `helm template` prints after helm itself has completed another copy of the tree."""
        folder = self.root / "built"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder, symlinks=True)
        self.call("dependency", command, ".", folder=folder / name)
        return self.template(folder / name, *arguments)

    def lock(self, name: str) -> None:
        """Write the lock file of a chart, with helm itself."""
        scratch = self.root / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(self.folder, scratch, symlinks=True)
        self.call("dependency", "update", ".", folder=scratch / name)
        for path in (scratch / name).glob("*.lock"):
            shutil.copy(path, self.folder / name)

    def call(self, *arguments: str, folder: Path | None = None) -> str:
        """What helm prints; AssertionError where it fails."""
        done = subprocess.run(
            [self.helm, *arguments],
            cwd=folder or self.root,
            env={"HOME": str(self.root / "home"), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
