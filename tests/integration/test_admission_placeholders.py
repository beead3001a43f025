"""The policy for objects with unresolved placeholders: what it refuses, and what it admits."""

import base64
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
import yaml

from tests.integration import crds
from tests.integration.admission import (
    COSTLY,
    ENABLED,
    MIB,
    NAMED,
    NAMESPACE,
    PATH,
    accept_without_policy,
    create_namespace,
    in_force,
    make,
    make_helm,
    refusal,
    rendered,
    text,
)
from tests.integration.cluster import Cluster
from tests.integration.helm import Document

IGNORED: Final = {"avp.kubernetes.io/ignore": "true"}


def in_json(value: str) -> str:
    """A value in JSON, as Go writes it."""
    return json.dumps({"a": value}).replace("<", r"\u003c").replace(">", r"\u003e")


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def secret(value: str | bytes, annotations: Mapping[str, str] | None = None) -> Document:
    """A Secret with this value."""
    return make("Secret", annotations, data={"key": encoded(value)})


def thing(spec: Document) -> Document:
    """A custom resource."""
    return make("Thing", spec=spec) | {"apiVersion": "example.com/v1"}


THINGS: Final = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  names: {kind: Thing, plural: things}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          x-kubernetes-preserve-unknown-fields: true
"""


def pod(**container: Any) -> Document:
    """The spec of a pod."""
    return {"containers": [{"name": "main", "image": "registry.example/web"} | container]}


def workload(kind: str, spec: Document, annotations: Mapping[str, str] | None = None) -> Document:
    """A Deployment, StatefulSet, DaemonSet, Job or CronJob of pods with this spec."""
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    job = {"template": {"spec": spec | {"restartPolicy": "Never"}}}
    specs: dict[str, Document] = {
        "Job": job,
        "CronJob": {"schedule": "0 0 * * *", "jobTemplate": {"spec": job}},
    }
    selector = {"matchLabels": {"app": "web"}}
    made = make(
        kind, annotations, spec=specs.get(kind, {"selector": selector, "template": template})
    )
    return made | {"apiVersion": "batch/v1" if kind in specs else "apps/v1"}


def with_env(value: str) -> Document:
    return pod(env=[{"name": "A", "value": value}])


REFUSED: Final[Mapping[str, Document]] = {
    "ConfigMap": text(f"postgres://web:{PATH}@db"),
    "ConfigMap, with a version": text("<path:kv/data/demo/web#password#3>"),
    "ConfigMap, with a modifier": text('<path:kv/data/demo/web#a | jsonPath {.b["c"]}>'),
    "ConfigMap, among routes": text(f"@route('/<path:name>')  # one\n{PATH}"),
    "ConfigMap, in JSON": text(in_json(PATH)),
    "ConfigMap, <key>": text("<password>", NAMED),
    "ConfigMap, <key> with a modifier": text("<password | upper>", NAMED),
    **{f"Secret, base64 at offset {offset}": secret("." * offset + PATH) for offset in range(3)},
    **{
        f"ConfigMap, binaryData at offset {offset}": make(
            "ConfigMap", binaryData={"key": encoded(b"\xff" * (3 + offset) + PATH.encode())}
        )
        for offset in range(3)
    },
    "Secret, stringData": make("Secret", stringData={"key": PATH}),
    **{
        f"Secret, <key> in stringData, {len(key)} letters": make(
            "Secret", NAMED, stringData={"key": f"<{key}>"}
        )
        for key in ("k", "ke", "key", "API_KEY", "api-key.v1")
    },
    "annotation": text("a", {"a": PATH}),
    "annotation, in JSON": text("a", {"a": in_json(PATH)}),
    "annotation of an object without a namespace": {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "made", "annotations": {"a": PATH}},
    },
    **{
        f"{kind}, env": workload(kind, with_env(PATH))
        for kind in ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
    },
    "Pod, env": make("Pod", spec=with_env(PATH)),
    "Deployment, <key>": workload("Deployment", with_env("<password>"), NAMED),
    "Deployment, image": workload("Deployment", pod(image=f"registry.example/web:{PATH}")),
    "Deployment, command": workload("Deployment", pod(command=["web", PATH])),
    "Deployment, args": workload("Deployment", pod(args=[f"--password={PATH}"])),
    "Deployment, init container": workload(
        "Deployment", pod() | {"initContainers": pod(name="first", args=[PATH])["containers"]}
    ),
    "Ingress, path": {
        **make("Ingress"),
        "apiVersion": "networking.k8s.io/v1",
        "spec": {
            "rules": [
                {
                    "http": {
                        "paths": [
                            {
                                "path": f"/{PATH}",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "web", "port": {"number": 80}}},
                            }
                        ]
                    }
                }
            ]
        },
    },
    "custom resource": thing({"a": [{"b": 1.5, "c": None}, {"d": [True, PATH]}]}),
    "custom resource, key": thing({PATH: 1}),
}

ADMITTED: Final[Mapping[str, Document]] = {
    "no placeholder": text("<pathology> path:a#b >"),
    "routes of Flask": text("@route('/<path:name>')  # one\n@route(\"/<path:a>/<b>#c\")"),
    "the same in JSON": text(in_json("@route('/<path:name>#a')")),
    "<key> without the annotation": text("<password>"),
    "<key> in a Secret without the annotation": secret("<password>"),
    "brackets in values": text("Web <web@example.com>", NAMED),
    "HTML in values": text("<b>bold</b>", NAMED),
    "brackets in a Secret": secret("Web <web@example.com>", NAMED),
    "XML in a Secret": secret("<a>b</a>", NAMED),
    "random bytes": secret(os.urandom(1000), NAMED),
    "ignored": text(PATH, IGNORED),
    "ignored Secret": secret(PATH, IGNORED),
    "exempt namespace": text(PATH) | {"metadata": {"name": "made", "namespace": "kube-system"}},
    "made by a controller": {
        **make("Pod", spec=with_env(PATH)),
        "metadata": {
            "name": "made",
            "namespace": NAMESPACE,
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": "web",
                    "uid": "1",
                    "controller": True,
                }
            ],
        },
    },
    "Application": {
        **make("Application"),
        "apiVersion": "argoproj.io/v1alpha1",
        "spec": {
            "project": "default",
            "destination": {"namespace": "demo"},
            "source": {
                "repoURL": "https://git.example/web",
                "plugin": {"name": "avp", "env": [{"name": "HELM_VALUES", "value": PATH}]},
            },
        },
    },
    "every type of value": thing(
        {"a": [None, True, -1, 1.5, 1e300, 2**53, "", [], {}, "\u0001é\n"]}
    ),
}


def old(kind: str, **fields: Any) -> Document:
    """An object from before the policy."""
    made = make(kind, **fields)
    return made | {"metadata": made["metadata"] | {"name": "old", "finalizers": ["example/a"]}}


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Cluster:
    """The API with the namespace and the kinds that these tests use, without the policy."""
    create_namespace(cluster)
    crds.install_argo_cds(cluster)
    crds.install(cluster, THINGS, "things.example.com")
    return cluster


@pytest.fixture(scope="module")
def policy(api: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The API with the policy, and with objects from before it."""
    accept_without_policy(api, [*REFUSED.values(), *ADMITTED.values()])
    api.apply(
        yaml.safe_dump_all(
            [
                old("ConfigMap", data={"placeholder": PATH, "filled": "a"}),
                old("Secret", stringData={"placeholder": PATH, "filled": "a"}),
            ]
        )
    )
    policies = rendered(make_helm(tmp_path_factory.mktemp("helm")), ENABLED)
    with in_force(api, policies, text(PATH)):
        yield api


@pytest.mark.parametrize("name", REFUSED)
def test_an_unresolved_placeholder_is_refused(policy: Cluster, name: str) -> None:
    said = refusal(policy, REFUSED[name])
    assert "ValidatingAdmissionPolicy 'avp-py-placeholders'" in said
    assert "unresolved placeholder" in said


@pytest.mark.parametrize("name", ADMITTED)
def test_everything_else_is_admitted(policy: Cluster, name: str) -> None:
    assert refusal(policy, ADMITTED[name]) == ""


def test_the_message_names_the_placeholder_and_what_to_do(policy: Cluster) -> None:
    said = refusal(policy, REFUSED["ConfigMap"])
    assert f"unresolved placeholder {PATH}; next: set spec.source.plugin.name" in said
    assert "and do a hard refresh" in said
    said = refusal(policy, REFUSED["ConfigMap, in JSON"])
    assert f"unresolved placeholder {PATH}; next:" in said
    said = refusal(policy, REFUSED["ConfigMap, <key>"])
    assert 'unresolved placeholder "<password>"; next:' in said
    said = refusal(policy, REFUSED["Secret, stringData"])
    assert "unresolved placeholder in base64 in data.key; next:" in said


@pytest.mark.parametrize(
    "document",
    [
        {**text("a"), "metadata": {"name": "made", "labels": {"a": PATH}}},
        {**text("a"), "metadata": {"name": PATH}},
        make("ConfigMap", data={PATH: "a"}),
        make("Secret", data={"key": PATH}),
        {
            **make("Ingress", spec={"rules": [{"host": PATH}]}),
            "apiVersion": "networking.k8s.io/v1",
        },
    ],
    ids=["label", "name", "key", "data of a Secret", "host"],
)
def test_the_api_refuses_brackets_in_other_fields_itself(api: Cluster, document: Document) -> None:
    said = refusal(api, document)
    assert "Invalid value" in said or "illegal base64 data" in said, said


def update(policy: Cluster, kind: str, changes: Mapping[str, Any]) -> str:
    """Patch an object from before the policy; return why that is refused."""
    done = policy.try_run(
        *("patch", kind, "old", f"--namespace={NAMESPACE}", "--type=merge"),
        *("--dry-run=server", "--patch", json.dumps(changes)),
    )
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_an_update_is_refused_for_what_it_brings(policy: Cluster, kind: str) -> None:
    field = "data" if kind == "ConfigMap" else "stringData"
    assert update(policy, kind, {field: {"filled": "b"}}) == ""
    assert update(policy, kind, {"metadata": {"annotations": {"a": "b"}}}) == ""
    other = "<path:kv/data/demo/web#other>"
    for key in ("filled", "placeholder"):
        assert "unresolved placeholder" in update(policy, kind, {field: {key: other}})


@pytest.mark.parametrize("kind", ["configmap", "secret"])
def test_an_object_with_a_placeholder_can_be_deleted(policy: Cluster, kind: str) -> None:
    here = (kind, "old", f"--namespace={NAMESPACE}")
    policy.run("delete", *here, "--wait=false")
    change = {"metadata": {"finalizers": [], "annotations": {"a": PATH}}}
    policy.run("patch", *here, "--type=merge", "--patch", json.dumps(change))
    assert "NotFound" in policy.try_run("get", *here).stderr


# --- Size and cost ---


LARGE: Final[Mapping[str, Document]] = {
    "a Secret of many keys": make(
        "Secret", NAMED, data={f"k{n}": encoded(os.urandom(MIB // 500)) for n in range(500)}
    ),
    "a Secret of one key": make("Secret", data={"key": encoded(os.urandom(MIB))}),
    "a ConfigMap": text("a" * MIB),
    "a ConfigMap of routes": text("@route('/<path:name>')  # one\n" * (MIB // 31)),
}


@pytest.mark.parametrize("name", LARGE)
def test_the_largest_objects_do_not_exceed_the_cost_limit(policy: Cluster, name: str) -> None:
    assert refusal(policy, LARGE[name]) == ""


def test_the_largest_secret_is_searched_to_its_end(policy: Cluster) -> None:
    said = refusal(policy, secret(os.urandom(MIB - len(PATH)) + PATH.encode()))
    assert "unresolved placeholder in base64 in data.key" in said


def test_what_exceeds_the_cost_limit_is_refused(policy: Cluster) -> None:
    assert "cost limit exceeded" in refusal(policy, COSTLY)
