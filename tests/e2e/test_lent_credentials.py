"""provideGitCreds: Argo CD lends what it knows of the Application's own repository."""

import base64
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.e2e.api import Document
from tests.e2e.app import PLUGIN, mentions
from tests.e2e.argocd import NAMESPACE
from tests.e2e.conftest import NewApp
from tests.e2e.ecosystem import POLICY_FILE, TENANTS, Ecosystem
from tests.e2e.repository import Repository
from tests.e2e.sidecar import PLUGIN as PLUGIN_FILE
from tests.integration.git_server import git_site
from tests.integration.repositories import basic
from tests.integration.stand_in import Exchange, StandIn

USER, PASSWORD = "robot", "purple-monkey-dishwasher"
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: of-the-base\n"


@dataclass
class Site:
    """A private git server for whose repositories Argo CD has credentials.

    Attributes:
        server: it serves what is below the folder of the test.
        base: a repository on it, with a kustomization that has a ConfigMap.
        on: the ecosystem.
        leaks: the command lines of processes that showed the password while git was served.
    """

    server: StandIn
    base: Repository
    on: Ecosystem
    leaks: list[str] = field(default_factory=list)

    def url(self, repository: Repository) -> str:
        """The URL of a repository on it."""
        return f"{self.server.address}/{repository.clone.parent.name}/origin.git"

    def start_sidecar(self, plugin: Path) -> None:
        """Start the sidecar anew, with another plugin file and no credentials of its own."""
        host = f"127.0.0.1:{self.server.port}"
        # In a container the program is where Argo CD copies it to.
        programs = (Path(sys.executable).parent, os.defpath, self.on.argocd.program.parent)
        self.on.sidecar.kill()
        self.on.sidecar.start(
            plugin, AVP_RENDER_HOSTS=host, PATH=os.pathsep.join(map(str, programs))
        )


@pytest.fixture
def site(ecosystem: Ecosystem, tmp_path: Path) -> Iterator[Site]:
    """The server, from which the policy permits fetching."""
    base = Repository(tmp_path / "base", os.environ["PATH"])
    base.push({"base/kustomization.yaml": "resources: [map.yaml]\n", "base/map.yaml": MAP})
    policy = ecosystem.operator / POLICY_FILE
    before = policy.read_text()
    with ExitStack() as stack:
        server = stack.enter_context(git_site(tmp_path, basic(USER, PASSWORD)))
        site = Site(server, base, ecosystem)
        answer = server.answer

        def watched(exchange: Exchange) -> None:
            site.leaks += showing(PASSWORD)
            answer(exchange)

        server.answer = watched
        rule = {
            "name": "bases of team-a",
            "projects": [TENANTS[0]],
            "namespaces": [f"{TENANTS[0]}-*"],
            "fetch": [f"{server.address}/base/**"],
        }
        rules = yaml.safe_load(before)["rules"]
        policy.write_text(yaml.safe_dump({"rules": [*rules, rule]}))
        stack.callback(policy.write_text, before)
        stack.callback(ecosystem.sidecar.restart)
        yield site


def showing(password: str) -> Sequence[str]:
    """The command lines of the processes that show a password there, or in the environment."""
    login = base64.b64encode(f"{USER}:{password}".encode())
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        # Processes end while they are read.
        with suppress(OSError):
            command = (process / "cmdline").read_bytes()
            shown = command + (process / "environ").read_bytes()
            if password.encode() in shown or login in shown:
                found.append(command.replace(b"\0", b" ").decode())
    return found


def secret(url: str) -> Document:
    """A Secret with which Argo CD knows a repository."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "repository-of-the-test",
            "namespace": NAMESPACE,
            "labels": {"argocd.argoproj.io/secret-type": "repository"},
        },
        "stringData": {"type": "git", "url": url, "username": USER, "password": PASSWORD},
    }


def lending(folder: Path) -> Path:
    """The plugin file, with provideGitCreds."""
    plugin = yaml.safe_load(PLUGIN_FILE.read_text())
    plugin["spec"]["provideGitCreds"] = True
    file = folder / "plugin.yaml"
    file.write_text(yaml.safe_dump(plugin))
    return file


@pytest.mark.parametrize("ref", ["branch", "commit"])
def test_a_base_of_the_applications_own_server(
    ref: str, site: Site, new_app: NewApp, tmp_path: Path
) -> None:
    app, base = new_app(), site.base
    at = "main" if ref == "branch" else base.head
    remote = f"{site.url(base)}//base?ref={at}"
    app.repository.push({"deploy/kustomization.yaml": f"resources: ['{remote}']\n"})
    url = site.url(app.repository)
    site.on.cluster.apply(yaml.safe_dump(secret(url)))
    source = {
        "repoURL": url,
        "targetRevision": "main",
        "path": "deploy",
        "plugin": {"name": PLUGIN},
    }

    site.start_sidecar(lending(tmp_path))
    site.on.cluster.apply(app.manifest(app.namespace, source=source))
    app.refresh()
    assert "name: of-the-base" in site.on.argocd.run("app", "manifests", app.name), app.errors
    assert app.errors == ""
    logins = {
        (each.path.split("/")[1], each.headers.get("Authorization")) for each in site.server.asked
    }
    assert ("base", basic(USER, PASSWORD)) in logins

    # The same without it: Argo CD renders the Application's own files, and git has no password.
    site.start_sidecar(PLUGIN_FILE)
    app.refresh(hard=True)
    text = mentions(
        lambda: app.errors, "ComparisonError", "cannot be fetched: the server wants credentials"
    )
    assert PASSWORD not in text
    assert site.leaks == []
