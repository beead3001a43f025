"""The pages: what their blocks of commands do, run as they stand (tests/pages.py)."""

import base64
import json
import re
import shlex
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.conftest import ROOT, Run
from tests.integration.cluster import Cluster
from tests.pages import Terminal, blocks, terminal
from tests.trees import write

__all__ = ["terminal"]

pytestmark = pytest.mark.usefixtures("any_machine")

GET: Final = (
    *("get", "applications.argoproj.io", "web"),
    *("--namespace=argocd", "--output=json"),
)
ARGO_CD: Final = """
apiVersion: v1
kind: Namespace
metadata: {name: argocd}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: applications.argoproj.io
  annotations: {api-approved.kubernetes.io: unapproved}
spec:
  group: argoproj.io
  names: {kind: Application, plural: applications}
  scope: Namespaced
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""

# The options are checked by the real argocd. `argocd app patch --type merge` applies the patch to
# the Application by the same library as Kubernetes (evanphx/json-patch) does here.
ARGOCD: Final = """#!/bin/sh
set -eu
ARGOCD "$@" --help > help
command=$2 name=$3
shift 3
application="applications.argoproj.io $name --namespace argocd"
case $command in
patch) exec kubectl patch $application "$@" ;;
*) exec kubectl get $application --output=json > "at-$command" ;;
esac
"""


def application(sync_policy: Mapping[str, Any]) -> Any:
    """Return an Application of argocd-vault-plugin that sets its image."""
    plugin = {
        "name": "argocd-vault-plugin",
        "env": [{"name": "IMAGE_TAG", "value": "1.4.2"}],
        "parameters": [{"name": "APP_REPO", "string": "https://git.example/team/web"}],
    }
    source = {"repoURL": "https://git.example/team/web", "path": "deploy", "plugin": plugin}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "web", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "destination": {"name": "in-cluster", "namespace": "demo"},
            "source": source,
            "syncPolicy": dict(sync_policy),
        },
    }


def generated_spec(program: Path, home: Path, *arguments: str, app: object = None) -> Any:
    """Return the Application that argocd makes of options, or of one and options."""
    shell = Terminal(home, [])
    if app is not None:
        (home / "app.yaml").write_text(yaml.safe_dump(app))
        arguments = ("--file", "app.yaml", *arguments)
    command = shlex.join([str(program), "admin", "app", "generate-spec", *arguments])
    return yaml.safe_load(shell.script(command))


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A fresh namespace."""
    name = f"pages-{uuid.uuid4().hex}"
    cluster.run("create", "namespace", name)
    return name


@pytest.fixture
def argo_cd(cluster: Cluster, terminal: Terminal, argocd_program: Path) -> Terminal:
    """A shell with kubectl, and with argocd's changes of Applications."""
    terminal.env["KUBECONFIG"] = str(cluster.kubeconfig(terminal.folder))
    cluster.apply(ARGO_CD)
    cluster.run("wait", "--for=condition=Established", "crd/applications.argoproj.io")
    terminal.install(
        kubectl=cluster.kubectl, argocd=ARGOCD.replace("ARGOCD", str(argocd_program), 1)
    )
    return terminal


SYNC_POLICIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "automated": {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["A=true"]},
    "automated without options": {"automated": {}},
    "switched off": {"automated": {"enabled": False, "prune": True}},
    "by hand": {"syncOptions": ["A=true"]},
}


@pytest.mark.runs("docs/migration.md", "Swap")
@pytest.mark.parametrize("policy", SYNC_POLICIES.values(), ids=SYNC_POLICIES)
def test_the_swap_changes_only_the_name_of_the_plugin(
    argo_cd: Terminal, cluster: Cluster, policy: Mapping[str, Any]
) -> None:
    app = application(policy)
    cluster.apply(yaml.safe_dump(app))
    try:
        argo_cd.run(*blocks("docs/migration.md", "Swap", "sh"))
        after = json.loads(cluster.run(*GET))["spec"]
    finally:
        cluster.run("delete", "applications.argoproj.io", "web", "--namespace=argocd")

    expected = application(policy)["spec"]
    expected["source"]["plugin"]["name"] = "avp-kustomize"
    assert after == expected
    # What is looked at before the sync is the new plugin, and nothing is applied meanwhile.
    for moment in ("at-diff", "at-sync"):
        then = json.loads((argo_cd.folder / moment).read_text())["spec"]
        assert then["source"] == expected["source"]
        assert "automated" not in then["syncPolicy"]


def test_argocd_app_set_deletes_what_the_plugin_sets(argocd_program: Path, tmp_path: Path) -> None:
    app = application({"automated": {"prune": True, "selfHeal": True}})
    options = ("--config-management-plugin=avp-kustomize", "--sync-policy=automated")
    found = generated_spec(argocd_program, tmp_path, *options, app=app)
    assert found["spec"]["source"]["plugin"] == {"name": "avp-kustomize"}
    assert found["spec"]["syncPolicy"] == {"automated": {}}


@pytest.mark.runs("docs/plugin.md", "Applications")
def test_the_command_of_a_pipeline_makes_the_application_that_it_says(
    terminal: Terminal, argocd_program: Path
) -> None:
    (block,) = blocks("docs/plugin.md", "Applications", "sh")
    terminal.install(argocd=argocd_program)
    # The options are those of `app create`; generate-spec prints what that would send.
    terminal.script(f"{block.text.rstrip()} --help")
    terminal.fill = {r"\bargocd app create\b": "argocd admin app generate-spec", " --upsert": ""}
    found = yaml.safe_load(terminal.run(block))

    assert found["metadata"]["name"] == "web"
    assert found["spec"]["source"]["plugin"] == {
        "name": "avp-kustomize",
        "env": [
            {"name": "AVP_SECRET", "value": "vault-credentials"},
            {"name": "APP_REPO", "value": "https://git.example/team/web"},
            {"name": "IMAGE_NAME", "value": "ghcr.io/team/web"},
            {"name": "IMAGE_TAG", "value": "1.4.2"},
        ],
    }
    assert found["spec"]["syncPolicy"] == {
        "automated": {},
        "syncOptions": ["ApplyOutOfSyncOnly=true", "ServerSideApply=true"],
    }


def test_argocd_takes_two_options_in_one_for_a_single_option(
    argocd_program: Path, tmp_path: Path
) -> None:
    found = generated_spec(argocd_program, tmp_path, "web", "--sync-option=A=true,B=true")
    assert found["spec"]["syncPolicy"]["syncOptions"] == ["A=true,B=true"]


ROWS: Final = re.findall(
    r"^\| `(.+?)`.*? \| `(.+?)`.*? \| `(.+?)` \| (.+) \|$",
    (ROOT / "docs" / "placeholders.md")
    .read_text()
    .split("## stringData or data\n", 1)[-1]
    .split("\n## ", 1)[0],
    re.MULTILINE,
)
"""Of the table below "stringData or data": what is written, the value, the output, the end."""


@pytest.mark.parametrize(("written", "value", "output", "end"), ROWS)
def test_data_of_a_secret_is_not_encoded_for_its_author(
    run: Run, namespace: str, cluster: Cluster, tmp_path: Path, environ: Mapping[str, str],
    written: str, value: str, output: str, end: str,
) -> None:  # fmt: skip
    files = {"secrets.yaml": yaml.safe_dump({"kv/data/demo/web": {"key": value}})}
    env = {**environ, "AVP_TYPE": "file", "AVP_FILE": str(write(tmp_path, files) / "secrets.yaml")}
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "web", "annotations": {"avp.kubernetes.io/path": "kv/data/demo/web"}},
        "data": {"key": written.replace(r"\|", "|")},
    }
    found = run("generate", "-", env=env, stdin=yaml.safe_dump(manifest).encode())
    assert found.code == 0, found.err
    assert yaml.safe_load(found.out)["data"] == {"key": output}

    where = ("--namespace", namespace)
    if "illegal base64 data" in end:
        with pytest.raises(AssertionError, match="illegal base64 data"):
            cluster.run("create", *where, "--filename=-", stdin=found.out)
        return
    cluster.run("create", *where, "--filename=-", stdin=found.out)
    stored = cluster.run("get", "secret", "web", *where, "--output=jsonpath={.data.key}")
    if end.startswith("other bytes"):
        assert base64.b64decode(stored) != value.encode()
    else:
        assert base64.b64decode(stored).decode() == end.strip("`")


def test_the_table_of_data_has_five_rows() -> None:
    assert len(ROWS) == 5
