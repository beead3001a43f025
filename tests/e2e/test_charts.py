"""Charts of a private repository that Argo CD knows: fetched, kept, and denied to others."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.cmp.server import serve
from tests.conftest import ROOT, build_tools
from tests.e2e.api import Document
from tests.e2e.app import App, mentions
from tests.e2e.argocd import NAMESPACE
from tests.e2e.conftest import NewApp
from tests.e2e.ecosystem import ACCOUNT, POLICY_FILE, TENANTS, Ecosystem
from tests.integration.repositories import Repository, basic, package, serve_charts

USER, PASSWORD = "robot", "correct-horse-battery-staple"

RIGHTS = f"""\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: repositories, namespace: {NAMESPACE}}}
rules:
  - {{apiGroups: [""], resources: [secrets], verbs: [list]}}
  - apiGroups: [""]
    resources: [configmaps]
    resourceNames: [argocd-tls-certs-cm, argocd-ssh-known-hosts-cm]
    verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: repositories, namespace: {NAMESPACE}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: repositories}}
subjects: [{{kind: ServiceAccount, name: {ACCOUNT}, namespace: {NAMESPACE}}}]
"""


@dataclass(frozen=True)
class Site:
    """The ecosystem with a private chart repository.

    Attributes:
        repository: it.
        on: the ecosystem.
    """

    repository: Repository
    on: Ecosystem


@pytest.fixture
def site(ecosystem: Ecosystem, tmp_path: Path) -> Iterator[Site]:
    """A repository for whose charts Argo CD has a Secret, and of whose team-a may have some."""
    charts = {("web", "1.2.3"): package("web", "1.2.3", {"values.yaml": "a: b\n"})}
    repository = Repository(charts, basic(USER, PASSWORD))
    policy = ecosystem.operator / POLICY_FILE
    before = policy.read_text()
    (tmp_path / "cache").mkdir()
    with ExitStack() as stack:
        stack.enter_context(serve_charts(repository))
        ecosystem.cluster.apply(RIGHTS)
        ecosystem.cluster.apply(yaml.safe_dump(secret(repository.server.address)))
        rule = {
            "name": "charts of team-a",
            "projects": [TENANTS[0]],
            "namespaces": [f"{TENANTS[0]}-*"],
            "fetch": [f"{repository.url}/**"],
        }
        rules = yaml.safe_load(before)["rules"]
        policy.write_text(yaml.safe_dump({"rules": [*rules, rule]}))
        stack.callback(policy.write_text, before)
        env = {
            "AVP_ARGOCD_REPOSITORIES": "labels",
            "AVP_RENDER_HOSTS": repository.host,
            "AVP_CHART_CACHE": str(tmp_path / "cache"),
        }
        ecosystem.sidecar.kill()
        ecosystem.sidecar.start(**env)
        stack.callback(ecosystem.sidecar.restart)
        # A sidecar has one plugin, and `avp` is another one.
        above = ("avp-py", "serve", "--") if ecosystem.sidecar.mode == "serve" else ()
        argocd = build_tools("argocd")["argocd"]
        plugin = ROOT / "plugin-avp.yaml"
        further = {**operator(ecosystem), **env}
        sockets = ecosystem.argocd.sockets
        stack.enter_context(serve(argocd, plugin, further, *above, sockets=sockets))
        yield Site(repository, ecosystem)


def operator(ecosystem: Ecosystem) -> Mapping[str, str]:
    """What the operator sets in each sidecar."""
    return ecosystem.sidecar._env


def secret(url: str) -> Document:
    """A Secret with which Argo CD knows all repositories of a server."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "charts-of-the-test",
            "namespace": NAMESPACE,
            "labels": {"argocd.argoproj.io/secret-type": "repo-creds"},
        },
        "stringData": {"type": "helm", "url": url, "username": USER, "password": PASSWORD},
    }


def rendered(app: App) -> str:
    """What Argo CD renders for an Application."""
    return app.on.argocd.run("app", "manifests", app.name)


def with_chart(app: App, url: str) -> None:
    """Let its kustomization have the chart alone."""
    chart = {"name": "web", "repo": url, "version": "1.2.3", "releaseName": app.name}
    text = yaml.safe_dump({"helmCharts": [chart]})
    app.repository.push({"deploy/kustomization.yaml": text})


def by_parameters(app: App, url: str) -> Document:
    """A source with values only."""
    parameters = {"chart": "web", "chart-repo": url, "chart-version": "1.2.3"}
    return {
        "repoURL": app.repository.url,
        "targetRevision": "main",
        "path": "values",
        "plugin": {
            "name": "avp",
            "parameters": [
                *({"name": name, "string": text} for name, text in parameters.items()),
                {"name": "values-files", "array": ["values.yaml"]},
            ],
        },
    }


def test_charts_of_a_private_repository(site: Site, new_app: NewApp) -> None:
    url = site.repository.url
    app, values, other = new_app(), new_app(), new_app(TENANTS[1])
    with_chart(app, url)
    site.on.cluster.apply(app.manifest(app.namespace))
    app.refresh()
    assert "name: web" in rendered(app), app.errors
    assert app.errors == ""
    assert site.repository.paths == ["/index.yaml", "/web-1.2.3.tgz"]

    app.refresh(hard=True)
    assert "name: web" in rendered(app)
    values.repository.push({"values/values.yaml": "c: d\n"})
    site.on.cluster.apply(values.manifest(values.namespace, source=by_parameters(values, url)))
    values.refresh(hard=True)
    assert "name: web" in rendered(values), values.errors
    # All of it was kept.
    if site.on.sidecar.mode == "serve":
        assert site.repository.paths == []

    # The password is Argo CD's, and what is kept too; another team gets neither.
    with_chart(other, url)
    site.on.cluster.apply(other.manifest(other.namespace))
    text = mentions(lambda: other.errors, "ComparisonError", "the policy does not allow")
    assert PASSWORD not in text
    assert site.repository.paths == []
