"""Charts, bases and files from servers that want a password: what is requested, cold and warm."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import Run
from tests.integration.core import serve
from tests.integration.remote_sites import MAP, PASSWORD, Sites, serve_sites
from tests.trees import write


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with serve_sites(tmp_path_factory.mktemp("sites")) as running:
        yield running


@pytest.fixture(autouse=True)
def _forget(sites: Sites) -> None:
    sites.requests()


@dataclass(frozen=True)
class Case:
    """An Application with something remote.

    Attributes:
        files: its directory; `{charts}`, `{registry}`, `{git}`, `{files}` are addresses.
        shows: what its manifests contain.
        cold: the requests without anything in the cache.
        warm: the requests of the next render.
        variables: what the Application sets.
    """

    files: Mapping[str, str]
    shows: str
    cold: tuple[str, ...]
    warm: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


INDEX: Final = "GET /charts/index.yaml"
WEB: Final = "GET /charts/web-1.2.3.tgz"
NEWEST: Final = "GET /charts/web-1.3.0.tgz"
REFS: Final = "GET /bases/.git/info/refs?service=git-upload-pack"
PACK: Final = "POST /bases/.git/git-upload-pack"
UMBRELLA: Final = "apiVersion: v2\nname: umbrella\nversion: 1.0.0\ndependencies:\n"
HELM_CHARTS: Final = "helmCharts:\n- {name: web, repo: '{charts}', version: VERSION}\n"

CASES: Final = {
    "helmCharts": Case(
        {"kustomization.yaml": HELM_CHARTS.replace("VERSION", "1.2.3")},
        "1.2.3",
        (INDEX, WEB),
    ),
    "helmCharts, a range": Case(
        {"kustomization.yaml": HELM_CHARTS.replace("VERSION", "^1.0.0")},
        "1.3.0",
        (INDEX, NEWEST),
        (INDEX,),
    ),
    "helmCharts from a registry": Case(
        {
            "kustomization.yaml": "helmCharts:\n"
            "- {name: web, repo: 'oci://{registry}/team', version: 1.2.3}\n"
        },
        "1.2.3",
        ("GET /v2/team/web/manifests/1.2.3", "GET /v2/team/web/manifests/1.2.3", "BLOB"),
    ),
    "a dependency": Case(
        {"Chart.yaml": UMBRELLA + "- {name: web, repository: '{charts}', version: 1.2.3}\n"},
        "1.2.3",
        (INDEX, WEB),
    ),
    "a dependency in a registry": Case(
        {
            "Chart.yaml": UMBRELLA
            + "- {name: web, repository: 'oci://{registry}/team', version: 1.2.3}\n"
        },
        "1.2.3",
        ("GET /v2/team/web/manifests/1.2.3", "GET /v2/team/web/manifests/1.2.3", "BLOB"),
    ),
    "a dependency of a local chart in helmCharts": Case(
        {
            "kustomization.yaml": "helmCharts: [{name: umbrella}]\n",
            "charts/umbrella/values.yaml": "",
            "charts/umbrella/Chart.yaml": UMBRELLA
            + "- {name: web, repository: '{charts}', version: 1.2.3}\n",
        },
        "1.2.3",
        (INDEX, WEB),
    ),
    "a chart by parameters": Case(
        {"values.yaml": "a: b\n"},
        "1.2.3",
        (INDEX, WEB),
        variables={
            "ARGOCD_ENV_CHART": "web",
            "ARGOCD_ENV_CHART_REPO": "{charts}",
            "ARGOCD_ENV_CHART_VERSION": "1.2.3",
            "ARGOCD_ENV_HELM_VALUES_FILES": "values.yaml",
        },
    ),
    "a base at a branch": Case(
        {"kustomization.yaml": "resources: ['{git}/bases/.git//app?ref=main']\n"},
        "name: common",
        (REFS, PACK, PACK),
        (REFS, PACK),
    ),
    "a chart of a base": Case(
        {"kustomization.yaml": "resources: ['{git}/bases/.git//chart?ref=main']\n"},
        "1.2.3",
        (INDEX, WEB, REFS, PACK, PACK),
        (REFS, PACK),
    ),
    "a chart of a component, by a generator": Case(
        {"kustomization.yaml": "components: ['{git}/bases/.git//generator?ref=main']\n"},
        "1.2.3",
        (INDEX, WEB, REFS, PACK, PACK),
        (REFS, PACK),
    ),
    "a file": Case(
        {"kustomization.yaml": "resources: ['{files}/map.yaml']\n"},
        MAP.format("file"),
        ("GET /map.yaml",),
        ("GET /map.yaml",),
    ),
}


@dataclass(frozen=True)
class Place:
    """Where an Application is rendered.

    Attributes:
        app: its directory.
        env: the operator's environment.
        variables: what the Application sets.
    """

    app: Path
    env: Mapping[str, str]
    variables: Mapping[str, str]


@pytest.fixture
def place(sites: Sites, tmp_path: Path, environ: Mapping[str, str]) -> Callable[[Case], Place]:
    """Write an Application, with an empty cache."""

    def make(case: Case) -> Place:
        names = {
            "{charts}": sites.charts.url,
            "{registry}": sites.registry,
            "{git}": sites.git.address,
            "{files}": sites.files.address,
        }

        def filled(text: str) -> str:
            for name, address in names.items():
                text = text.replace(name, address)
            return text

        app = tmp_path / "app"
        write(app, {name: filled(text) for name, text in case.files.items()})
        (tmp_path / "cache").mkdir()
        env = {
            **environ,
            "AVP_RENDER_HOSTS": sites.hosts,
            "AVP_REPOSITORIES": str(sites.repositories),
            "AVP_CHART_CACHE": str(tmp_path / "cache"),
            "AVP_SANDBOX": "required",
        }
        variables = {name: filled(text) for name, text in case.variables.items()}
        return Place(app, env, variables)

    return make


def seen(sites: Sites) -> tuple[str, ...]:
    """The requests since the last time; the digest of a blob is of no interest."""
    return tuple(
        "BLOB" if "/blobs/" in each else each
        for each in sites.requests()
        # The registry asks for a password first; what it says then is in the next request.
        if each != "GET /v2/"
    )


@pytest.mark.both_helms
@pytest.mark.parametrize("name", CASES)
def test_each_source_is_fetched_once(
    name: str, sites: Sites, place: Callable[[Case], Place], run: Run
) -> None:
    case = CASES[name]
    app = place(case)

    for requests in (case.cold, case.warm):
        result = run("generate", app.app, env={**app.env, **app.variables})

        assert (result.code, result.err) == (0, ""), result.err
        assert case.shows in result.out
        assert sites.authorized()
        assert seen(sites) == requests

    # Without the credentials it is an error, which says what to do.
    alone = {name: each for name, each in app.env.items() if name != "AVP_REPOSITORIES"}
    result = run("generate", app.app, env={**alone, **app.variables})
    assert (result.code, result.out) == (1, "")
    assert "AVP_REPOSITORIES" in result.err
    assert PASSWORD not in result.err


@pytest.mark.parametrize("name", CASES)
def test_the_core_fetches_the_same(name: str, sites: Sites, place: Callable[[Case], Place]) -> None:
    case = CASES[name]
    app = place(case)
    application = {"ARGOCD_APP_NAME": "web", "ARGOCD_APP_PROJECT_NAME": "team"}
    with serve(app.env) as core:
        for requests in (case.cold, case.warm):
            done = core.run(
                "generate", ".", cwd=app.app, variables={**application, **app.variables}
            )

            assert (done.returncode, done.stderr.decode()) == (0, "")
            assert case.shows in done.stdout.decode()
            assert seen(sites) == requests


def test_what_is_the_operators_to_change_is_in_its_log_alone(
    place: Callable[[Case], Place], tmp_path: Path
) -> None:
    app = place(CASES["helmCharts"])
    missing = str(tmp_path / "missing.json")
    own = {"AVP_RENDER_ENV": "HELM_REGISTRY_CONFIG", "HELM_REGISTRY_CONFIG": missing}
    with serve({**app.env, **own}) as core:
        for _ in range(2):
            done = core.run("-v", "generate", ".", cwd=app.app)

            assert done.returncode == 0
            assert "kustomize" in done.stderr.decode()
            assert missing not in done.stderr.decode()
        # It is said once.
        assert core.log.read_text().count(f"there is no file {missing}") == 1
