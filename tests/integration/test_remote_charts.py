"""A chart by parameters, with the values of the Application's directory: as helm renders it."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests import registry
from tests.conftest import Run
from tests.integration.conftest import StartCmpServer
from tests.integration.repositories import Repository, package, serve_charts
from tests.integration.test_helm_values import TEMPLATE, parameters
from tests.trees import snapshot, write

pytestmark = pytest.mark.cover

SHOP: Final[Mapping[str, str]] = {
    "values.yaml": "colour: blue\nlist: [1]\n",
    "templates/facts.yaml": TEMPLATE + "  namespace: {{ .Release.Namespace }}\n",
    "crds/gadgets.yaml": "apiVersion: apiextensions.k8s.io/v1\n"
    "kind: CustomResourceDefinition\nmetadata:\n  name: gadgets.example.org\n",
}
VERSIONS: Final = ("1.2.3", "1.3.0", "2.0.0-rc.1")

TREE: Final[Mapping[str, str]] = {
    "repo/.git/HEAD": "",
    "repo/common.yaml": "colour: common\nshade: common\n",
    "repo/shop/prod.yaml": "colour: prod\n",
    "repo/shop/env/eu.yaml": "colour: eu\nregion: eu\n",
    "outside.yaml": "colour: canary\n",
}


@dataclass(frozen=True)
class Charts:
    """Where the chart `shop` is.

    Attributes:
        repository: a chart repository.
        registry: an OCI registry.
    """

    repository: Repository
    registry: registry.Registry

    @property
    def hosts(self) -> str:
        """Both, for AVP_RENDER_HOSTS."""
        return f"{self.repository.host},{self.registry.address}"


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Charts]:
    archives = {("shop", each): package("shop", each, SHOP) for each in VERSIONS}
    colour = {"templates/facts.yaml": "kind: Map\ncolour: {{ .Values.colour }}\n"}
    archives["painted", "1.0.0"] = package("painted", "1.0.0", colour)
    folder = tmp_path_factory.mktemp("registry")
    with serve_charts(Repository(archives)) as repository, registry.serve(folder) as oci:
        for (name, version), archive in archives.items():
            oci.push_chart(f"team/{name}", version, archive)
        yield Charts(repository, oci)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write(tmp_path, TREE) / "repo/shop"


@pytest.fixture
def env(charts: Charts, environ: Mapping[str, str], tmp_path: Path) -> Mapping[str, str]:
    """An environment in which both may be reached; the registry has no TLS."""
    file = tmp_path / "repositories.yaml"
    url = charts.registry.url("team")
    file.write_text(f"repositories: [{{url: '{url}', plainHTTP: true}}]\n")
    return {**environ, "AVP_RENDER_HOSTS": charts.hosts, "AVP_REPOSITORIES": str(file)}


def helm(environ: Mapping[str, str], app: Path, *arguments: str) -> str:
    """Return what `helm template` prints, which fetches the chart itself."""
    argv = [environ["AVP_HELM"], "template", "--include-crds", *arguments]
    home = {name: str(app.parents[1] / "home") for name in ("HOME", "TMPDIR")}
    Path(home["HOME"]).mkdir(exist_ok=True)
    done = subprocess.run(
        argv, cwd=app, env=home, check=True, capture_output=True, text=True, timeout=60
    )
    # What helm pulls from a registry is announced before the manifests.
    return re.sub(r"\A(?:(?:Pulled|Digest): .*\n)+", "", done.stdout)


def named(url: str, **more: object) -> Mapping[str, str]:
    """ARGOCD_APP_PARAMETERS for the chart, with others."""
    return parameters(**{"chart": "shop", "chart_repo": url, "chart_version": "1.2.3", **more})


FORMS: Final[Mapping[str, tuple[Mapping[str, object], list[str]]]] = {
    "nothing": ({}, []),
    "files": (
        {"values_files": ["prod.yaml", "env/eu.yaml", "../common.yaml"]},
        ["-f=prod.yaml", "-f=env/eu.yaml", "-f=../common.yaml"],
    ),
    "inline values": (
        {"values_files": ["prod.yaml"], "HELM_VALUES": "colour: inline\n"},
        ["-f=prod.yaml", "--set=colour=inline"],
    ),
    "single values": (
        {"values_files": ["prod.yaml"], "helm_parameters": {"a.b": "c", "list[0]": "x,y"}},
        ["-f=prod.yaml", "--set=a.b=c", r"--set=list[0]=x\,y"],
    ),
    "arguments": (
        {"HELM_ARGS": "-f prod.yaml --set-string n=1 --kube-version 1.29.1 --no-hooks"},
        ["-f=prod.yaml", "--set-string=n=1", "--kube-version=1.29.1", "--no-hooks"],
    ),
    "a range": ({"chart_version": "^1.0"}, ["--version=^1.0"]),
    "a prerelease": ({"chart_version": "2.0.0-rc.1"}, ["--version=2.0.0-rc.1"]),
}


@pytest.mark.both_helms
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["https", "oci"])
def test_output_is_that_of_helm_with_repo(
    kind: str, form: str, charts: Charts, app: Path, env: Mapping[str, str], run: Run
) -> None:
    said, arguments = FORMS[form]
    if kind == "oci":
        url = charts.registry.url("team")
        named_to_helm = [f"{url}/shop", "--plain-http"]
    else:
        url = charts.repository.url
        named_to_helm = ["shop", f"--repo={url}"]
    wanted = [] if "chart_version" in said else ["--version=1.2.3"]
    expected = helm(env, app, "shop-release", *named_to_helm, *wanted, *arguments)
    before = snapshot(app.parent)
    identity = {"ARGOCD_APP_NAME": "shop-release"}

    result = run("generate", app, env={**env, **identity, **named(url, **said)})

    assert (result.code, result.err) == (0, "")
    assert result.out == expected
    assert "name: gadgets.example.org" in result.out
    assert snapshot(app.parent) == before


@pytest.mark.both_helms
def test_release_and_namespace_are_those_of_the_application(
    charts: Charts, app: Path, env: Mapping[str, str], run: Run
) -> None:
    url = charts.repository.url
    identity = {"ARGOCD_APP_NAME": "argocd-apps_web", "ARGOCD_APP_NAMESPACE": "shop-prod"}
    for release, more in (("web", {}), ("mine", {"HELM_RELEASE_NAME": "mine"})):
        arguments = (release, "shop", f"--repo={url}", "--version=1.2.3", "--namespace=shop-prod")

        result = run("generate", app, env={**env, **identity, **named(url, **more)})

        assert (result.code, result.err) == (0, "")
        assert result.out == helm(env, app, *arguments)
        assert f"release: {release}\n" in result.out
        assert "namespace: shop-prod\n" in result.out


def test_variables_name_the_same(
    charts: Charts, app: Path, env: Mapping[str, str], run: Run
) -> None:
    variables = {
        "ARGOCD_ENV_CHART": "shop",
        "ARGOCD_ENV_CHART_REPO": charts.repository.url,
        "ARGOCD_ENV_CHART_VERSION": "1.2.3",
        "ARGOCD_ENV_HELM_VALUES_FILES": "prod.yaml\nenv/eu.yaml",
        "ARGOCD_ENV_HELM_PARAMETERS": "a=b",
    }
    same = named(
        charts.repository.url,
        values_files=["prod.yaml", "env/eu.yaml"],
        helm_parameters={"a": "b"},
    )

    result = run("generate", app, env={**env, **variables})

    assert (result.code, result.err) == (0, "")
    assert result.out == run("generate", app, env={**env, **same}).out
    assert "region" in result.out


def test_the_newest_release_is_used_without_a_version(
    charts: Charts, app: Path, env: Mapping[str, str], run: Run
) -> None:
    said = parameters(chart="shop", chart_repo=charts.repository.url, values_files=["prod.yaml"])

    result = run("generate", app, env={**env, **said})

    expected = helm(env, app, "release-name", "shop", f"--repo={charts.repository.url}",
                    "-f=prod.yaml")  # fmt: skip
    assert (result.code, result.err, result.out) == (0, "", expected)


@pytest.mark.parametrize("mode", ["auto", "helm", "plain"])
def test_every_plugin_but_that_of_kustomizations_has_it(
    mode: str, charts: Charts, app: Path, env: Mapping[str, str], run: Run
) -> None:
    said = named(charts.repository.url, values_files=["prod.yaml"])

    result = run("generate", f"--render={mode}", app, env={**env, **said})

    assert (result.code, result.err) == (0, "")
    assert "prod" in result.out


@pytest.mark.parametrize("mode", ["auto", "kustomize"])
def test_a_kustomization_in_the_directory_is_an_error(
    mode: str, charts: Charts, app: Path, env: Mapping[str, str], run: Run
) -> None:
    write(app, {"kustomization.yaml": "resources: [map.yaml]\n", "map.yaml": "kind: Map\n"})

    result = run("generate", f"--render={mode}", app, env={**env, **named(charts.repository.url)})

    assert (result.code, result.out) == (1, "")
    assert "the Application names a chart (CHART, CHART_REPO, CHART_VERSION)" in result.err
    assert "has a kustomization, which is rendered" in result.err
    assert "helmCharts" in result.err


@pytest.mark.parametrize("mode", ["auto", "helm"])
def test_a_chart_in_the_directory_is_an_error(
    mode: str, charts: Charts, app: Path, env: Mapping[str, str], run: Run
) -> None:
    write(app, {"Chart.yaml": "{apiVersion: v2, name: own, version: 1.0.0}\n"})

    result = run("generate", f"--render={mode}", app, env={**env, **named(charts.repository.url)})

    assert (result.code, result.out) == (1, "")
    assert "names the chart shop, and its directory is a chart itself" in result.err


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"chart": "shop"}, "sets CHART without CHART_REPO"),
        ({"chart_repo": "https://charts.example"}, "sets CHART_REPO without CHART"),
        ({"chart_version": "1.0.0"}, "sets CHART_VERSION without CHART and CHART_REPO"),
        ({"chart": "shop", "chart_version": "1"}, "CHART, CHART_VERSION without CHART_REPO"),
    ],
)
@pytest.mark.parametrize("mode", ["auto", "helm", "plain"])
def test_a_chart_that_is_half_named_is_an_error(
    mode: str, given: Mapping[str, object], missing: str, app: Path, env: Mapping[str, str],
    run: Run,
) -> None:  # fmt: skip
    result = run("generate", f"--render={mode}", app, env={**env, **parameters(**given)})

    assert (result.code, result.out) == (1, "")
    assert missing in result.err


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"chart_version": "9.9.9"}, "9.9.9"),
        ({"chart_version": ">=9"}, ">=9"),
        ({"chart": "missing"}, "missing"),
    ],
)
@pytest.mark.parametrize("kind", ["https", "oci"])
def test_a_chart_that_there_is_not_is_an_error_that_names_it(
    kind: str, said: Mapping[str, str], reason: str, charts: Charts, app: Path,
    env: Mapping[str, str], run: Run,
) -> None:  # fmt: skip
    url = charts.repository.url if kind == "https" else charts.registry.url("team")
    wanted = {"chart": "shop", "chart_version": "1.2.3", **said, "chart_repo": url}

    result = run("generate", app, env={**env, **parameters(**wanted)})

    assert (result.code, result.out) == (1, "")
    assert reason in result.err
    assert "next:" in result.err
    assert "please report it" not in result.err


@pytest.mark.parametrize(
    "said",
    [
        {"chart": "../shop"},
        {"chart": "--post-renderer=x"},
        {"chart_repo": "file:///etc"},
        {"chart_repo": "--debug"},
        {"chart_repo": "@name"},
        {"chart_repo": "git@example.com:team/charts"},
        {"chart_version": "--debug"},
        {"chart_version": "../../x"},
        {"values_files": ["../../outside.yaml"]},
        {"values_files": ["https://charts.example/values.yaml"]},
        {"HELM_ARGS": "--repo=https://charts.example"},
        {"HELM_ARGS": "--version=1.0.0"},
    ],
    ids=json.dumps,
)
def test_what_no_chart_is_called_is_an_error(
    said: Mapping[str, object], charts: Charts, app: Path, env: Mapping[str, str], run: Run
) -> None:
    url = charts.repository.url
    wanted = {"chart": "shop", "chart_repo": url, "chart_version": "1.2.3", **said}

    result = run("generate", app, env={**env, **parameters(**wanted)})

    assert (result.code, result.out) == (1, "")
    assert "please report it" not in result.err
    assert "canary" not in result.err


def test_values_of_the_directory_count_where_they_are_named(
    charts: Charts, app: Path, env: Mapping[str, str], run: Run
) -> None:
    write(app, {"values.yaml": "colour: of the directory\n"})
    url = charts.repository.url

    unnamed = run("generate", app, env={**env, **named(url)})
    other = run("generate", app, env={**env, **named(url, values_files=["prod.yaml"])})
    both = run("generate", app, env={**env, **named(url, values_files=["values.yaml"])})

    assert "blue" in unnamed.out
    assert "values.yaml in the directory is not used for the chart shop" in unnamed.err
    assert (other.err, both.err) == ("", "")
    assert "prod" in other.out
    assert "of the directory" in both.out


def test_placeholders_in_values_are_filled(
    charts: Charts, app: Path, env: Mapping[str, str], run: Run, tmp_path: Path
) -> None:
    write(app, {"prod.yaml": "colour: <path:kv/data/shop#colour>\n"})
    write(tmp_path, {"secrets.yaml": "kv/data/shop: {colour: teal}\n"})
    backend = {"AVP_TYPE": "file", "AVP_FILE": str(tmp_path / "secrets.yaml")}
    url = charts.repository.url
    said = parameters(chart="painted", chart_repo=url, values_files=["prod.yaml"])

    result = run("generate", app, env={**env, **backend, **said})

    assert (result.code, result.err) == (0, "")
    assert 'colour: "teal"\n' in result.out


def announced(run: Run, app: Path, env: Mapping[str, str], mode: str) -> Mapping[str, object]:
    result = run("parameters", f"--render={mode}", app, env=env)
    assert (result.code, result.err) == (0, "")
    return {each["name"]: each.get("map") for each in json.loads(result.out)}


def test_the_parameters_of_a_directory_with_values(
    app: Path, environ: Mapping[str, str], run: Run
) -> None:
    write(app, {"values.yaml": "colour: of the directory\n"})
    names = {"chart", "chart-repo", "chart-version", "values-files", "helm-parameters"}
    said = {**environ, **parameters(chart="shop")}

    for mode in ("auto", "helm", "plain"):
        found = announced(run, app, said, mode)
        assert names <= set(found)
        # They hold only where the Application names the file.
        assert found["helm-parameters"] is None
    assert names <= set(announced(run, app, environ, "helm"))
    assert not names & set(announced(run, app, environ, "plain"))
    assert not names & set(announced(run, app, said, "kustomize"))

    # Those of a chart in the directory are its defaults.
    write(app, {"Chart.yaml": "{apiVersion: v2, name: own, version: 1.0.0}\n"})
    found = announced(run, app, environ, "helm")
    assert found["helm-parameters"] == {"colour": "of the directory"}
    # There, another chart would be an error.
    assert {"chart", "chart-repo", "chart-version"}.isdisjoint(found)


def test_argo_cd_has_it_rendered_by_the_plugin_without_discovery(
    cmp_server: StartCmpServer, charts: Charts, app: Path
) -> None:
    said = named(charts.repository.url, values_files=["prod.yaml"])
    identity = {"ARGOCD_APP_NAME": "web", "ARGOCD_APP_NAMESPACE": "shop"}
    env = {"AVP_RENDER_HOSTS": charts.hosts}

    # An Application that names a plugin with discovery needs a folder that it discovers, too.
    request = {**identity, **said}
    assert not cmp_server("plugin-avp-helm.yaml", env).client.match(app, env=request).supported
    client = cmp_server("plugin-avp.yaml", env).client
    assert not client.check().has_discovery
    manifests = client.generate(app, env=request)

    assert any("prod" in each for each in manifests)
