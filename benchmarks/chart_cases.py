"""The cases of `make bench-charts`, and the servers that count their requests."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.integration.remote_sites import MAP, PASSWORD, USER, Sites, serve_sites
from tests.integration.repositories import basic, server_tls
from tests.integration.stand_in import Answer, Exchange, StandIn, stand_in

KUSTOMIZE: Final = "kustomize build --enable-helm ."
_ADD: Final = "helm repo add team {charts} >&2 && "
_DEPENDENCY: Final = "helm dependency build . >&2 && helm template web ."
_PARAMETERS: Final = "helm template web web --repo {charts} --version 1.2.3 -f values.yaml"

_UMBRELLA: Final = "apiVersion: v2\nname: umbrella\nversion: 1.0.0\ndependencies:\n"
_WEB: Final = "- {{name: web, repository: '{}', version: {}}}\n"
_LOCAL: Final = {
    "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.2.3\n",
    "values.yaml": "a: b\n",
    "templates/map.yaml": MAP.replace("{}", "local") + "data: {version: 1.2.3}\n",
}


@dataclass(frozen=True)
class ChartCase:
    """An Application with something remote.

    Attributes:
        name: what it is called in the table.
        files: its repository; `{charts}`, `{registry}`, `{git}`, `{files}` are the servers, and
            `{commit}` is the hash of a commit.
        alone: the shell command that renders it without avp-py.
        shows: what its manifests contain.
        path: the directory of the Application.
        is_locked: whether `helm dependency update` writes its Chart.lock beforehand.
        variables: what the Application sets.
    """

    name: str
    files: Mapping[str, str]
    alone: str = KUSTOMIZE
    shows: str = "1.2.3"
    path: str = "app"
    is_locked: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)


def _helm_charts(repository: str, version: str) -> Mapping[str, str]:
    entry = f"{{name: web, repo: '{repository}', version: {version}}}"
    return {"app/kustomization.yaml": f"helmCharts: [{entry}]\n"}


def _umbrella(repository: str) -> Mapping[str, str]:
    return {"app/Chart.yaml": _UMBRELLA + _WEB.format(repository, "1.2.3")}


def _resource(url: str) -> Mapping[str, str]:
    return {"app/kustomization.yaml": f"resources: ['{url}']\n"}


CASES: Final = (
    ChartCase("helmCharts, exact version", _helm_charts("{charts}", "1.2.3")),
    ChartCase("helmCharts, a range", _helm_charts("{charts}", "^1.0.0"), shows="1.3.0"),
    ChartCase("helmCharts, oci", _helm_charts("oci://{registry}/team", "1.2.3")),
    ChartCase(
        "umbrella chart, Chart.lock", _umbrella("{charts}"), _ADD + _DEPENDENCY, is_locked=True
    ),
    ChartCase(
        "umbrella chart, Chart.lock, oci",
        _umbrella("oci://{registry}/team"),
        _DEPENDENCY,
        is_locked=True,
    ),
    ChartCase(
        "umbrella chart, file://",
        {**_umbrella("file://../web"), **{f"web/{name}": text for name, text in _LOCAL.items()}},
        _DEPENDENCY,
        is_locked=True,
    ),
    ChartCase(
        "chart by parameters, values in git",
        {"app/values.yaml": "a: b\n"},
        _PARAMETERS,
        variables={
            "ARGOCD_ENV_CHART": "web",
            "ARGOCD_ENV_CHART_REPO": "{charts}",
            "ARGOCD_ENV_CHART_VERSION": "1.2.3",
            "ARGOCD_ENV_HELM_VALUES_FILES": "values.yaml",
        },
    ),
    ChartCase(
        "git base at a branch", _resource("{git}/bases/.git//app?ref=main"), shows="name: common"
    ),
    ChartCase(
        "git base at a commit",
        _resource("{git}/bases/.git//app?ref={commit}"),
        shows="name: common",
    ),
    ChartCase("file by URL", _resource("{files}/map.yaml"), shows="name: file"),
    ChartCase(
        "the same chart in the repository",
        {
            "app/kustomization.yaml": "helmCharts: [{name: web, version: 1.2.3}]\n",
            **{f"app/charts/web/{name}": text for name, text in _LOCAL.items()},
        },
    ),
)


@dataclass
class Fronts:
    """The servers of tests/integration/remote_sites.py, with TLS, and as private as is wanted.

    Attributes:
        sites: the servers behind.
        servers: the servers in front, by their names in the cases.
        certificate: the certificate to trust.
        commit: the hash of the commit of the git repository.
        is_private: whether a password is wanted.
        seconds: how long each request waits before it is answered.
    """

    sites: Sites
    certificate: Path
    commit: str
    servers: dict[str, StandIn] = field(default_factory=dict)
    is_private: bool = False
    seconds: float = 0.0

    def answer(self, behind: StandIn) -> Answer:
        """Return how the server in front answers."""

        def answer(exchange: Exchange) -> None:
            time.sleep(self.seconds)
            if not self.is_private:
                headers = {**exchange.asked.headers, "Authorization": basic(USER, PASSWORD)}
                exchange.asked = replace(exchange.asked, headers=headers)
            behind.answer(exchange)

        return answer

    def count(self) -> int:
        """Return the number of requests since the last time."""
        found = sum(len(each.asked) for each in self.servers.values())
        for each in self.servers.values():
            each.asked.clear()
        return found

    @property
    def hosts(self) -> str:
        """All of them, for AVP_RENDER_HOSTS."""
        return ",".join(f"127.0.0.1:{each.port}" for each in self.servers.values())

    def filled(self, text: str) -> str:
        """Return a text with the addresses of the servers."""
        charts, registry, git, files = (self.servers[name].address for name in _NAMES)
        for name, address in {
            "{charts}": f"{charts}/charts",
            "{registry}": registry.removeprefix("https://"),
            "{git}": git,
            "{files}": files,
            "{commit}": self.commit,
        }.items():
            text = text.replace(name, address)
        return text

    def named(self, text: str) -> str:
        """Return a text with names for the addresses, which are others in each run."""
        for name, each in self.servers.items():
            text = text.replace(f"127.0.0.1:{each.port}", f"{name}.example.com")
        return text

    def repositories(self, password: Path) -> str:
        """Return the text of AVP_REPOSITORIES."""
        urls = ("{charts}", "oci://{registry}/team", "{git}", "{files}")
        return "repositories:\n" + "".join(
            f"- {{url: '{self.filled(each)}', username: {USER}, passwordFile: '{password}'}}\n"
            for each in urls
        )


_NAMES: Final = ("charts", "registry", "git", "files")


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[Fronts]:
    """Run the servers.

    Args:
        folder: an existing, empty folder.
    """
    for name in ("sites", "tls"):
        (folder / name).mkdir()
    with contextlib.ExitStack() as stack:
        sites = stack.enter_context(serve_sites(folder / "sites"))
        tls, text = server_tls(folder / "tls")
        certificate = folder / "ca.pem"
        certificate.write_text(text)
        head = folder / "sites" / "git" / "bases" / ".git" / "refs" / "heads" / "main"
        fronts = Fronts(sites, certificate, head.read_text().strip())
        behind = (sites.charts.server, sites.counted, sites.git, sites.files)
        for name, each in zip(_NAMES, behind, strict=True):
            fronts.servers[name] = stack.enter_context(stand_in(fronts.answer(each), tls))
        yield fronts


def chosen(only: str) -> Sequence[ChartCase]:
    """Return the cases whose name contains a text."""
    return [each for each in CASES if only in each.name]
