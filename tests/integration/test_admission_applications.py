"""The policy for Applications: what it refuses, and what it admits."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
import yaml

from tests.integration import crds
from tests.integration.admission import (
    NAMESPACE,
    accept_without_policy,
    create_namespace,
    in_force,
    make,
    make_helm,
    refusal,
    rendered,
)
from tests.integration.cluster import Cluster
from tests.integration.helm import Document

REPOSITORY: Final = "https://git.example/web"
VALUES: Final = {"applications": {"enabled": True, "requirePluginFor": ["team-*", "web.prod"]}}


def source(**fields: Any) -> Document:
    """A source of an Application."""
    return {"repoURL": REPOSITORY, "path": "deploy", "targetRevision": "main", **fields}


def application(project: str = "default", **spec: Any) -> Document:
    """An Application."""
    destination = {"name": "in-cluster", "namespace": "demo"}
    made = make("Application", spec={"project": project, "destination": destination, **spec})
    return made | {"apiVersion": "argoproj.io/v1alpha1"}


def hydrated(project: str = "default", **fields: Any) -> Document:
    """An Application that uses the source hydrator."""
    sync = {"targetBranch": "hydrated", "path": "web"}
    hydrator = {"drySource": source(**fields), "syncSource": sync}
    return application(project, sourceHydrator=hydrator)


def plugin(name: str) -> Document:
    return {"plugin": {"name": name}}


OURS: Final = plugin("avp-kustomize")

HYDRATED: Final[Mapping[str, Document]] = {
    "our plugin": hydrated(**OURS),
    "our plugin for manifests": hydrated(**plugin("avp")),
    "argocd-vault-plugin": hydrated(**plugin("argocd-vault-plugin-kustomize")),
    "a plugin without a name": hydrated(plugin={}),
    "discovery": hydrated(),
}

UNNAMED: Final[Mapping[str, Document]] = {
    "no type": application("team-a", source=source()),
    "kustomize": application("team-a", source=source(kustomize={"namePrefix": "a"})),
    "a plugin without a name": application("team-a", source=source(plugin={"env": []})),
    "a plugin with an empty name": application("team-a", source=source(**plugin(""))),
    "one source of two": application("team-a", sources=[source(**OURS), source()]),
    "a chart with a ref": application("team-a", sources=[source(path="", chart="a", ref="a")]),
    "a folder with a ref": application("team-a", sources=[source(ref="a")]),
    "the hydrator": hydrated("team-a", kustomize={}),
    "another project": application("web.prod", source=source()),
}

ADMITTED: Final[Mapping[str, Document]] = {
    "another project without a plugin": application(source=source()),
    "a similar project": application("web-prod", source=source()),
    "a project that contains the name": application("my-team-a", source=source()),
    "the plugin": application("team-a", source=source(**OURS)),
    "the plugin in each source": application("team-a", sources=[source(**OURS)] * 2),
    "a source for its values only": application(
        "team-a", sources=[source(**OURS), {"repoURL": REPOSITORY, "ref": "values"}]
    ),
    "the hydrator with kustomize": hydrated(kustomize={}),
    "the hydrator with helm": hydrated(helm={"releaseName": "a"}),
    "the hydrator with a directory": hydrated(directory={"recurse": True}),
    "the hydrator with another plugin": hydrated(**plugin("cdk8s")),
}


def old(name: str, document: Document) -> Document:
    """An Application from before the policy."""
    metadata = document["metadata"] | {"name": name, "finalizers": ["example.com/a"]}
    return document | {"metadata": metadata}


@pytest.fixture(scope="module")
def policy(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The API with the policy, and with Applications from before it."""
    create_namespace(cluster)
    crds.install_argo_cds(cluster)
    accept_without_policy(cluster, [*HYDRATED.values(), *UNNAMED.values(), *ADMITTED.values()])
    before = [old("hydrated", hydrated(**OURS)), old("unnamed", UNNAMED["no type"])]
    cluster.apply(yaml.safe_dump_all(before))
    policies = rendered(make_helm(tmp_path_factory.mktemp("helm")), VALUES)
    with in_force(cluster, policies, hydrated()):
        yield cluster


@pytest.mark.parametrize("name", HYDRATED)
def test_an_application_that_would_commit_secrets_is_refused(policy: Cluster, name: str) -> None:
    said = refusal(policy, HYDRATED[name])
    assert "the source hydrator commits what a plugin prints, secrets included, to git" in said
    assert "next: use spec.source with the plugin" in said


@pytest.mark.parametrize("name", UNNAMED)
def test_a_project_can_require_a_plugin(policy: Cluster, name: str) -> None:
    said = refusal(policy, UNNAMED[name])
    project = UNNAMED[name]["spec"]["project"]
    assert f"Applications of the project {project} have to name their plugin" in said
    assert "next: set plugin.name in each source, to avp-kustomize for example" in said


@pytest.mark.parametrize("name", ADMITTED)
def test_every_other_application_is_admitted(policy: Cluster, name: str) -> None:
    assert refusal(policy, ADMITTED[name]) == ""


@pytest.mark.parametrize("name", ["hydrated", "unnamed"])
def test_only_a_new_spec_is_checked(policy: Cluster, name: str) -> None:
    here = ("application", name, f"--namespace={NAMESPACE}")

    def patch(change: Mapping[str, Any], *options: str) -> str:
        words = ("--type=merge", "--patch", json.dumps(change))
        done = policy.try_run("patch", *here, *words, *options)
        return done.stderr if done.returncode else ""

    assert patch({"status": {"reconciledAt": "2025-01-01T00:00:00Z"}}) == ""
    refused = patch({"spec": {"destination": {"namespace": "other"}}}, "--dry-run=server")
    assert "ValidatingAdmissionPolicy 'avp-py-applications'" in refused
    policy.run("delete", *here, "--wait=false")
    assert patch({"metadata": {"finalizers": []}, "spec": {"revisionHistoryLimit": 1}}) == ""
    assert "NotFound" in policy.try_run("get", *here).stderr
