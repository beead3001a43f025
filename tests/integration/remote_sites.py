"""The servers that charts and bases come from, on loopback: each counts, and wants a password."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests import registry
from tests.integration.git_server import commit, git_site
from tests.integration.repositories import (
    Repository,
    basic,
    package,
    serve_charts,
    with_etag,
)
from tests.integration.stand_in import Exchange, StandIn, forward, stand_in

USER: Final = "robot"
PASSWORD: Final = "correct-horse-battery"

VALUES: Final = {"values.yaml": "a: b\n"}

MAP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n"


@dataclass(frozen=True)
class Sites:
    """The servers.

    Attributes:
        charts: a chart repository.
        registry: an OCI registry, as a client reaches it: `oci://` and this.
        counted: what counts the requests to the registry.
        git: what counts the requests to the git repositories.
        files: a server of files.
        repositories: a file for AVP_REPOSITORIES.
    """

    charts: Repository
    registry: str
    counted: StandIn
    git: StandIn
    files: StandIn
    repositories: Path

    @property
    def hosts(self) -> str:
        """All of them, for AVP_RENDER_HOSTS."""
        servers = (self.charts.server, self.counted, self.git, self.files)
        return ",".join(f"127.0.0.1:{each.port}" for each in servers)

    def requests(self) -> Sequence[str]:
        """What was requested since the last time."""
        found = []
        for each in (self.charts.server, self.counted, self.git, self.files):
            found += [f"{asked.method} {asked.path}" for asked in each.asked]
            each.asked.clear()
        return found

    def authorized(self) -> bool:
        """Whether every request so far had the password, or was refused for want of it."""
        return all(
            asked.headers.get("Authorization") == basic(USER, PASSWORD)
            for each in (self.charts.server, self.git, self.files)
            for asked in each.asked
        )


@contextmanager
def serve_sites(folder: Path) -> Iterator[Sites]:
    """Run the servers, with two versions of the chart `web` and a git repository `bases`."""
    with ExitStack() as stack:
        versions = ("1.2.3", "1.3.0")
        # kustomize wants a chart to have values.
        archives = {("web", each): package("web", each, VALUES) for each in versions}
        repository = Repository(archives)
        repository.authorization = basic(USER, PASSWORD)
        stack.enter_context(serve_charts(repository))
        (folder / "registry").mkdir()
        behind = stack.enter_context(registry.serve(folder / "registry", (USER, PASSWORD)))
        for version in versions:
            behind.push_chart("team/web", version, archives["web", version])
        counted = stack.enter_context(stand_in(forward(f"http://{behind.address}")))
        commits = stack.enter_context(
            git_site(_bases(folder / "git", repository.url), basic(USER, PASSWORD))
        )
        files = stack.enter_context(stand_in(_file))
        text = ""
        for url in (repository.url, commits.address, files.address):
            text += f"- {{url: '{url}', username: {USER}, passwordFile: '{folder}/password'}}\n"
        oci = f"127.0.0.1:{counted.port}"
        text += f"- {{url: 'oci://{oci}/team', username: {USER}, plainHTTP: true,"
        text += f" passwordFile: '{folder}/password'}}\n"
        file = folder / "repositories.yaml"
        file.write_text("repositories:\n" + text)
        (folder / "password").write_text(f"{PASSWORD}\n")
        yield Sites(repository, oci, counted, commits, files, file)


def _file(exchange: Exchange) -> None:
    if exchange.asked.headers.get("Authorization") != basic(USER, PASSWORD):
        exchange.reply(401, b"")
    elif exchange.path == "/map.yaml":
        with_etag(MAP.format("file").encode())(exchange)
    else:
        exchange.reply(404, b"")


def _bases(folder: Path, charts: str) -> Path:
    commit(
        folder / "bases",
        {
            "app/kustomization.yaml": "resources: [../common, map.yaml]\n",
            "app/map.yaml": MAP.format("app"),
            "common/kustomization.yaml": "resources: [map.yaml]\n",
            "common/map.yaml": MAP.format("common"),
            "chart/kustomization.yaml": "helmCharts:\n"
            f"- {{name: web, repo: '{charts}', version: 1.2.3, valuesFile: values.yaml}}\n",
            "chart/values.yaml": "a: c\n",
            "generator/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\n"
            "kind: Component\ngenerators: [chart.yaml]\n",
            "generator/chart.yaml": "apiVersion: builtin\nkind: HelmChartInflationGenerator\n"
            f"metadata: {{name: a}}\nname: web\nrepo: {charts}\nversion: 1.2.3\n",
        },
    )
    return folder
