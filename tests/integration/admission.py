"""The admission policies of the chart on a real Kubernetes API."""

import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from tests.conftest import build_tools
from tests.integration.cluster import Cluster
from tests.integration.helm import Document, Helm

ENABLED: Final = {"placeholders": {"enabled": True}}

NAMESPACE: Final = "admission"
PATH: Final = "<path:kv/data/demo/web#password>"
NAMED: Final = {"avp.kubernetes.io/path": "kv/data/demo/web"}

COSTLY_QUOTES: Final = 800_000
"""With so many quotes, the text of an object is longer than its cost limit allows to search."""

MIB: Final = 1024 * 1024
"""The most that a Secret or ConfigMap may hold."""

POLICY: Final = "ValidatingAdmissionPolicy 'avp-py-"
"""What the API says of an object that one of them refuses."""

SECONDS: Final = 30
"""How long the API may take to notice a policy; it takes one on an idle machine."""


def create_namespace(cluster: Cluster) -> None:
    """Create the namespace of the objects below, unless it is there."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    cluster.apply(yaml.safe_dump(namespace))


def make(kind: str, annotations: Mapping[str, str] | None = None, **fields: Any) -> Document:
    """An object of the core API, in the namespace of these tests."""
    metadata = {"name": "made", "namespace": NAMESPACE, "annotations": dict(annotations or {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}


def text(value: str, annotations: Mapping[str, str] | None = None) -> Document:
    """A ConfigMap with this value."""
    return make("ConfigMap", annotations, data={"key": value})


COSTLY: Final = text('"<' + '"' * COSTLY_QUOTES, NAMED)
"""An object without a placeholder that costs too much to search."""


def make_helm(folder: Path) -> Helm:
    """The real helm, for fixtures that outlive a test."""
    return Helm(build_tools("helm")["helm"], folder)


def rendered(helm: Helm, admission: Mapping[str, Any]) -> str:
    """Return the policies and bindings of the chart with these values of `admission`."""
    values = {"image": {"repository": "registry.example/avp-py"}, "admission": admission}
    return helm.template(helm.values(values), "--show-only", "templates/admission.yaml")


@contextmanager
def in_force(cluster: Cluster, policies: str, probe: Document, *options: str) -> Iterator[None]:
    """Install policies, and remove them.

    Args:
        cluster: the API.
        policies: their manifests.
        probe: an object that they refuse, or warn about.
        options: options of kubectl for the probe.
    """
    assert POLICY not in said_of(cluster, probe, *options)
    cluster.apply(policies)
    with removed_again(cluster, policies, probe, *options):
        yield


@contextmanager
def removed_again(
    cluster: Cluster, policies: str, probe: Document, *options: str
) -> Iterator[None]:
    """Wait until policies that were installed are in force; remove them at the end."""
    try:
        _wait(cluster, probe, options, is_noticed=True)
        yield
    finally:
        cluster.run("delete", "--filename=-", stdin=policies)
        _wait(cluster, probe, options, is_noticed=False)


def _wait(cluster: Cluster, probe: Document, options: tuple[str, ...], *, is_noticed: bool) -> None:
    end = time.monotonic() + SECONDS
    while (POLICY in said_of(cluster, probe, *options)) is not is_noticed:
        assert time.monotonic() < end, "the API does not notice the policy"
        time.sleep(0.1)


def accept_without_policy(cluster: Cluster, documents: Iterable[Document]) -> None:
    """Check that the API itself, before a policy is installed, has nothing against objects."""
    every = yaml.safe_dump_all(documents)
    cluster.run("create", "--dry-run=server", "--validate=false", "--filename=-", stdin=every)


def refusal(cluster: Cluster, document: Document, *options: str) -> str:
    """Try to create an object; return why the API refuses it, and "" if it does not."""
    done = _create(cluster, document, options)
    return done.stderr if done.returncode else ""


def said_of(cluster: Cluster, document: Document, *options: str) -> str:
    """Try to create an object; return an error or warning."""
    return _create(cluster, document, options).stderr


def _create(
    cluster: Cluster, document: Document, options: tuple[str, ...]
) -> "subprocess.CompletedProcess[str]":
    return cluster.try_run(
        *("create", "--dry-run=server", "--validate=false", "--filename=-", *options),
        stdin=yaml.safe_dump(document),
    )
