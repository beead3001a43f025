"""What an operator installs, on a real Kubernetes API, next to Argo CD's own repo-server.

There are no nodes: the API accepts, defaults and validates every object, and no pod starts.
"""

import itertools
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT, Run
from tests.integration import repo_server
from tests.integration.cluster import Cluster
from tests.integration.crds import install_prometheus_operators
from tests.integration.helm import CASES, CHART, Document, Helm, read
from tests.integration.manifests import fields, manifest
from tests.integration.repo_server import NAME, containers
from tests.integration.vault import Vault

MINIMAL = CHART / "ci" / "minimal-values.yaml"
COMPONENT = ROOT / "deploy" / "kustomize"

Kustomize = Callable[..., str]


@pytest.fixture
def kustomize(tools: Mapping[str, Path], tmp_path: Path) -> Kustomize:
    """Build a kustomization over Argo CD's manifests and the component."""
    shutil.copytree(repo_server.manifests(), tmp_path / "argocd")
    shutil.copytree(COMPONENT, tmp_path / "component")

    def build(kustomization: Mapping[str, Any], **files: str) -> str:
        folder = tmp_path / "mine"
        folder.mkdir()
        for name, text in files.items():
            (folder / f"{name}.yaml").write_text(text)
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(dict(kustomization)))
        done = subprocess.run(
            [tools["kustomize"], "build", folder], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return build


def apply(cluster: Cluster, namespace: str, manifests: object, *options: str) -> Sequence[Document]:
    """Apply as docs/installation.md does, with unknown fields as errors; return the result."""
    text = manifests if isinstance(manifests, str) else yaml.safe_dump(manifests)
    printed = cluster.run(
        *("apply", "--server-side", "--field-manager=avp-py", "--validate=strict"),
        *("--namespace", namespace, "--output=json", "--filename=-", *options),
        stdin=text,
    )
    found = json.loads(printed)
    items: Sequence[Document] = found["items"] if found["kind"] == "List" else [found]
    return items


def may_get(cluster: Cluster, argocd: str, secret: str, namespace: str) -> bool:
    """Return whether the repo-server's service account may read a Secret."""
    account = f"system:serviceaccount:{argocd}:{NAME}"
    done = cluster.try_run(
        *("auth", "can-i", "get", f"secret/{secret}", "--as", account),
        *("--namespace", namespace),
    )
    assert done.stdout.strip() in ("yes", "no"), done.stderr
    return done.stdout.strip() == "yes"


def as_admin(cluster: Cluster) -> Sequence[str]:
    """Options with which helm reaches the cluster."""
    return (
        f"--kube-apiserver={cluster.server}",
        f"--kube-ca-file={cluster.ca_file}",
        f"--kube-token={cluster.admin_token}",
    )


def test_the_api_accepts_all_that_the_chart_renders(
    cluster: Cluster, argocd: str, helm: Helm
) -> None:
    cluster.run("create", "namespace", f"{argocd}-team-a")
    install_prometheus_operators(cluster, "podmonitors", "prometheusrules")
    for case in CASES:
        given = case.read_text().replace("team-a:", f"{argocd}-team-a:")
        values = helm.folder / case.name
        values.write_text(given.replace(f"prod-{NAME}", NAME).replace("argocd:", f"{argocd}:"))
        objects = helm.template(values, namespace=argocd)
        strict = ("--server-side", "--validate=strict", "--dry-run=server")
        cluster.run("apply", *strict, "--filename=-", stdin=objects)
        patch = helm.printed(values, "patch", namespace=argocd)
        (merged,) = apply(cluster, argocd, patch, "--dry-run=server")
        assert set(containers(merged)) == {NAME, *containers(patch)}
    assert containers(repo_server.current(cluster, argocd)) == [NAME]


def test_the_argo_cd_chart_accepts_the_printed_values(
    cluster: Cluster, argocd: str, helm: Helm, tmp_path: Path
) -> None:
    theirs = repo_server.chart_like_argo_cds(tmp_path / "argo-cd")
    braces = helm.values(
        {
            "image": {"repository": "registry.example/avp-py"},
            "extraEnv": [{"name": "NO_PROXY", "value": "a {{ b }} 'c'"}],
        }
    )
    for case in (*CASES, braces):
        printed = helm.values(helm.printed(case, "values", namespace=argocd))
        done = helm.run("template", "argocd", theirs, "--values", printed)
        assert done.returncode == 0, done.stderr
        (document,) = read(done.stdout)
        (merged,) = apply(cluster, argocd, document, "--dry-run=server", "--force-conflicts")
        patch = helm.printed(case, "patch", namespace=argocd)
        assert set(containers(merged)) == {NAME, *containers(patch)}
        own, *ours = document["spec"]["template"]["spec"]["containers"]
        of_patch = {each["name"]: each for each in patch["spec"]["template"]["spec"]["containers"]}
        changes = of_patch.pop(NAME, {})
        assert ours == list(of_patch.values())
        for field in ("env", "volumeMounts"):
            assert all(each in own[field] for each in changes.get(field, ()))


@pytest.mark.both_helms
def test_install_upgrade_and_uninstall(cluster: Cluster, argocd: str, helm: Helm) -> None:
    where = ("--namespace", argocd, *as_admin(cluster))
    values = helm.values(
        yaml.safe_load(MINIMAL.read_text())
        | {"plugins": ["avp-kustomize", "avp-helm"], "rbac": {"secrets": {argocd: ["avp"]}}}
    )
    done = helm.run("install", "avp-py", CHART, *where, "--values", values)
    assert done.returncode == 0, done.stderr
    notes = helm.run("get", "notes", "avp-py", *where).stdout
    start = notes.index("repoServer:\n")
    printed = yaml.safe_load(
        notes[start : notes.index("\n\nIf Argo CD was installed from its manifests")]
    )
    assert printed == helm.printed(values, "values", namespace=argocd)
    assert "Set settings.VAULT_ADDR" not in notes

    apply(cluster, argocd, helm.printed(values, "patch", namespace=argocd))
    assert containers(repo_server.current(cluster, argocd)) == [NAME, "avp-kustomize", "avp-helm"]
    assert may_get(cluster, argocd, "avp", argocd)

    fewer = helm.values({"image": {"repository": "registry.example/avp-py"}})
    done = helm.run("upgrade", "avp-py", CHART, *where, "--values", fewer)
    assert done.returncode == 0, done.stderr
    assert "Set settings.VAULT_ADDR" in done.stdout
    apply(cluster, argocd, helm.printed(fewer, "patch", namespace=argocd))
    assert containers(repo_server.current(cluster, argocd)) == [NAME, "avp-kustomize"]
    assert not may_get(cluster, argocd, "avp", argocd)

    # Argo CD's own upgrade leaves the sidecar alone.
    repo_server.apply(cluster, argocd)
    assert containers(repo_server.current(cluster, argocd)) == [NAME, "avp-kustomize"]

    before = repo_server.deployment()["spec"]["template"]["spec"]["volumes"]
    nothing = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME}}
    apply(cluster, argocd, nothing)
    done = helm.run("uninstall", "avp-py", *where)
    assert done.returncode == 0, done.stderr
    after = repo_server.current(cluster, argocd)["spec"]["template"]
    assert [each["name"] for each in after["spec"]["containers"]] == [NAME]
    assert {each["name"] for each in after["spec"]["volumes"]} == {each["name"] for each in before}
    left = json.loads(
        cluster.run("get", "configmap,role,rolebinding", "--namespace", argocd, "--output=json")
    )
    assert not [each for each in left["items"] if each["metadata"]["name"].startswith("avp-py")]


def test_secrets_are_read_by_name_only(cluster: Cluster, argocd: str, helm: Helm) -> None:
    team = f"{argocd}-team"
    cluster.run("create", "namespace", team)
    values = helm.values(
        {
            "image": {"repository": "registry.example/avp-py"},
            "rbac": {"secrets": {argocd: ["avp-settings"], team: ["one", "two"]}},
        }
    )
    cluster.run("apply", "--server-side", "-f", "-", stdin=helm.template(values, namespace=argocd))
    allowed = {(argocd, "avp-settings"), (team, "one"), (team, "two")}
    for namespace, secret in itertools.product(
        (argocd, team, "default"), ("avp-settings", "one", "two", "other")
    ):
        expected = (namespace, secret) in allowed
        assert may_get(cluster, argocd, secret, namespace) is expected


def test_a_token_of_the_charts_audience_logs_in_to_vault(
    cluster: Cluster, argocd: str, helm: Helm, vault: Vault, kv2: str, run: Run, tmp_path: Path
) -> None:
    mount = f"auth/{argocd}"
    values = helm.values(
        {
            "image": {"repository": "registry.example/avp-py"},
            "settings": {"VAULT_ADDR": vault.address},
            "vault": {"kubernetesAuth": {"role": "argocd", "mountPath": mount}},
        }
    )
    pod = helm.printed(values, "patch", namespace=argocd)["spec"]["template"]["spec"]
    (projected,) = (
        each["projected"] for each in pod["volumes"] if each["name"] == "avp-py-vault-token"
    )
    audience = projected["sources"][0]["serviceAccountToken"]["audience"]
    assert audience == "vault", "what docs/installation.md says"
    (settings,) = (
        each["data"]
        for each in read(helm.template(values, namespace=argocd))
        if each["metadata"]["name"] == "avp-py-settings"
    )
    (mounted,) = (
        each["mountPath"]
        for each in pod["containers"][0]["volumeMounts"]
        if each["name"] == "avp-py-vault-token"
    )
    assert settings["AVP_K8S_TOKEN_PATH"] == f"{mounted}/token"

    # What docs/installation.md has the operator of Vault do.
    vault.client.sys.enable_auth_method("kubernetes", path=argocd)
    reviewer = ("--clusterrole=system:auth-delegator", f"--serviceaccount={argocd}:{NAME}")
    cluster.run("create", "clusterrolebinding", argocd, *reviewer)
    config = {
        "kubernetes_host": cluster.server,
        "kubernetes_ca_cert": cluster.ca_file.read_text(),
        "token_reviewer_jwt": cluster.token(argocd, NAME),
        "disable_local_ca_jwt": True,
    }
    vault.call("post", f"{mount}/config", config)
    vault.write(f"{kv2}/data/app", {"key": "from-vault"})
    role = {
        "bound_service_account_names": [NAME],
        "bound_service_account_namespaces": [argocd],
        "audience": audience,
        "token_policies": [vault.policy(f"{kv2}/data/app")],
    }
    vault.call("post", f"{mount}/role/argocd", role)

    token = tmp_path / "token"
    env = settings | {"AVP_K8S_TOKEN_PATH": str(token)}
    document = manifest({"key": "<key>"}, f"{kv2}/data/app")
    token.write_text(cluster.token(argocd, NAME, f"--audience={audience}"))
    assert fields(run("generate", "-", env=env, stdin=document)) == {"key": "from-vault"}
    token.write_text(cluster.token(argocd, NAME))
    assert run("generate", "-", env=env, stdin=document).code == 1


# --- The component ---


def test_the_component_adds_the_sidecar(
    cluster: Cluster, argocd: str, kustomize: Kustomize
) -> None:
    built = kustomize(
        {
            "namespace": argocd,
            "resources": ["../argocd"],
            "components": ["../component"],
            "configMapGenerator": [
                {"name": "avp-py-settings", "literals": ["VAULT_ADDR=https://vault.example"]},
                {"name": "avp-py-policy", "files": ["policy.yaml"]},
            ],
            "images": [{"name": "avp-py", "newName": "registry.example/avp-py", "newTag": "1"}],
        },
        policy="rules: [{allow: ['**']}]\n",
    )
    objects = {(each["kind"], each["metadata"]["name"]): each for each in read(built)}
    assert len(objects) == len(read(built))
    applied = apply(cluster, argocd, built, "--force-conflicts")
    assert len(applied) == len(objects)
    (ours,) = (
        each
        for each in repo_server.current(cluster, argocd)["spec"]["template"]["spec"]["containers"]
        if each["name"] != NAME
    )
    assert ours["image"] == "registry.example/avp-py:1"
    names = [name for kind, name in objects if kind == "ConfigMap"]
    (settings,) = (name for name in names if name.startswith("avp-py-settings-"))
    assert ours["envFrom"][0] == {"configMapRef": {"name": settings}}
    assert may_get(cluster, argocd, "avp-settings", argocd)
    assert not may_get(cluster, argocd, "argocd-secret", argocd)


def test_component_and_chart_make_the_same_container(helm: Helm, kustomize: Kustomize) -> None:
    built = kustomize(
        {
            "namespace": "argocd",
            "resources": ["../argocd"],
            "components": ["../component"],
            "configMapGenerator": [{"name": "avp-py-settings", "literals": ["A=b"]}],
        }
    )
    (deployment,) = (each for each in read(built) if each["kind"] == "Deployment")
    by_component = sidecar(deployment)
    by_chart = sidecar(
        helm.printed(
            helm.values(
                {
                    "image": {"repository": "avp-py"},
                    "policy": {"rules": []},
                    "vault": {
                        "ca": {"configMap": "avp-py-vault-ca"},
                        "kubernetesAuth": {"role": "a"},
                    },
                    "rbac": {"secrets": {"argocd": ["avp-settings"]}},
                    "repositories": {"secret": "avp-py-repositories"},
                }
            ),
            "patch",
        )
    )
    same = ("command", "resources", "securityContext", "startupProbe", "livenessProbe",
            "readinessProbe")  # fmt: skip
    for field in same:
        assert by_component[field] == by_chart[field]
    paths = [
        {each["mountPath"] for each in container["volumeMounts"]}
        for container in (by_component, by_chart)
    ]
    assert paths[0] == paths[1]


def sidecar(deployment: Document) -> Document:
    """The container of the plugin avp-kustomize."""
    (found,) = (
        each
        for each in deployment["spec"]["template"]["spec"]["containers"]
        if each["name"] == "avp-kustomize"
    )
    return dict(found)
