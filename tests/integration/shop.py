"""A private chart repository on loopback, and an Application that renders a chart of it."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.integration.core import AVP, command_of
from tests.integration.repositories import Repository, basic, package, serve_charts
from tests.processes import descendants, is_running

USER: Final = "robot"
PASSWORD: Final = "correct-horse-battery-staple"
VALUES: Final = {"values.yaml": "a: b\n"}
VERSIONS: Final = ("1.2.3", "1.3.0")

INDEX: Final = "/index.yaml"
WEB: Final = "/web-1.2.3.tgz"

Ended = subprocess.CompletedProcess[bytes]


@dataclass
class Shop:
    """The repository, and what is around it.

    Attributes:
        repository: it serves the chart `web` in VERSIONS, for a password.
        app: a directory with values only.
        cache: the directory for AVP_CHART_CACHE.
        scratch: TMPDIR of what runs once.
        env: the operator's environment.
    """

    repository: Repository
    app: Path
    cache: Path
    scratch: Path
    env: dict[str, str] = field(default_factory=dict)

    def variables(self, version: str = "1.2.3", **further: str) -> Mapping[str, str]:
        """What Argo CD sets for an Application of the chart."""
        return {
            "ARGOCD_APP_NAME": "web",
            "ARGOCD_APP_NAMESPACE": "demo",
            "ARGOCD_APP_PROJECT_NAME": "team-a",
            "ARGOCD_ENV_CHART": "web",
            "ARGOCD_ENV_CHART_REPO": self.repository.url,
            "ARGOCD_ENV_CHART_VERSION": version,
            "ARGOCD_ENV_HELM_VALUES_FILES": "values.yaml",
            **further,
        }

    def start(self, version: str = "1.2.3", **env: str) -> "subprocess.Popen[bytes]":
        """Start a run of the command by itself."""
        return subprocess.Popen(
            # As the plugin `avp` does.
            [AVP, "generate", "--render=plain", "."],
            cwd=self.app,
            env={**self.env, "TMPDIR": str(self.scratch), **self.variables(version), **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, version: str = "1.2.3", **env: str) -> Ended:
        """Run the command by itself."""
        return ended(self.start(version, **env))

    def kept(self) -> Sequence[bytes]:
        """The entries of the cache, each with its first line."""
        return [each.read_bytes() for each in self.cache.rglob("*") if _is_entry(each)]

    def has_kept(self, data: bytes) -> bool:
        """Return whether data is in the cache."""
        return any(data in each for each in self.kept())

    def unfinished(self) -> Sequence[str]:
        """Entries that are not complete, and files that are none."""
        found = []
        for each in self.cache.rglob("*"):
            if _is_entry(each):
                head = json.loads(each.read_bytes().partition(b"\n")[0])
                found += [each.name] if head["key"] != each.name else []
            elif each.is_file() and each.name != "lock":
                found.append(each.name)
        return found


def _is_entry(file: Path) -> bool:
    return file.is_file() and file.parent.name == file.name[:2]


def ended(process: "subprocess.Popen[bytes]") -> Ended:
    """Wait for the end of a process."""
    out, err = process.communicate(timeout=60)
    return Ended(process.args, process.returncode, out, err)


def fetching(pid: int) -> Sequence[int]:
    """The processes that fetch, of those that a process has started."""
    return [each for each in descendants(pid) if is_running(each) and _fetches(each)]


def _fetches(pid: int) -> bool:
    return "avp_py.fetch.child" in command_of(pid)


@contextmanager
def open_shop(folder: Path, tools: Mapping[str, Path], helm: str) -> Iterator[Shop]:
    """Serve a repository.

    Args:
        folder: an empty directory.
        tools: the programs.
        helm: the name of the one that is helm.
    """
    charts = {("web", each): package("web", each, VALUES) for each in VERSIONS}
    shop = Shop(Repository(charts, basic(USER, PASSWORD)), *_directories(folder))
    (shop.app / "values.yaml").write_text("c: d\n")
    (folder / "password").write_text(PASSWORD)
    with serve_charts(shop.repository):
        repository = {
            "url": shop.repository.url,
            "username": USER,
            "passwordFile": str(folder / "password"),
        }
        (folder / "repositories.yaml").write_text(json.dumps({"repositories": [repository]}))
        shop.env = {
            "PATH": f"{AVP.parent}:{os.defpath}",
            "AVP_KUSTOMIZE": str(tools["kustomize"]),
            "AVP_HELM": str(tools[helm]),
            "AVP_SANDBOX": "required",
            "AVP_RENDER_HOSTS": shop.repository.host,
            "AVP_REPOSITORIES": str(folder / "repositories.yaml"),
            "AVP_CHART_CACHE": str(shop.cache),
        }
        yield shop


def _directories(folder: Path) -> tuple[Path, Path, Path]:
    app, cache, scratch = (folder / each for each in ("app", "cache", "scratch"))
    for each in (app, cache, scratch):
        each.mkdir()
    return app, cache, scratch
