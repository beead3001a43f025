"""What users write in YAML, as in examples/argocd, is what `argocd app create` makes."""

import dataclasses
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests import registry as registries
from tests.e2e.api import Document
from tests.e2e.app import IMAGE, App, mentions, settles, web_files
from tests.e2e.conftest import DATABASE_URL, SECRETS, Declare, NewApp
from tests.e2e.ecosystem import TENANTS, Ecosystem
from tests.e2e.examples import CLUSTER, FOLDER, example, values_for
from tests.e2e.repository import Repository
from tests.registry import Registry

DIGEST: Final = f"sha256:{'d' * 64}"

KUSTOMIZATION: Final = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"


NewRepository = Callable[[str, Mapping[str, str | bytes]], Repository]


def is_live(app: App) -> None:
    """Wait until an Application exists, and all of it is in the cluster."""
    settles(lambda: app.exists, True)
    settles(lambda: (app.status, app.errors), ("Synced", ""))


@pytest.fixture
def commanded(new_app: NewApp) -> App:
    """What CI's command makes, to compare with."""
    app = new_app()
    app.deploy("1.0.0")
    is_live(app)
    return app


@pytest.fixture
def new_repository(tmp_path: Path) -> NewRepository:
    """Make a further repository with files."""

    def make(name: str, files: Mapping[str, str | bytes]) -> Repository:
        repository = Repository(tmp_path / name, os.environ["PATH"])
        repository.push(files)
        return repository

    return make


def test_an_application(app: App, commanded: App, declare: Declare) -> None:
    declare(*example("application.yaml", values_for(app)))
    is_live(app)
    assert app.outcome == commanded.outcome
    declared, made = app.document["spec"], commanded.document["spec"]
    made["source"]["repoURL"] = app.repository.url
    made["destination"]["namespace"] = app.namespace
    assert declared == made


def test_parameters_with_a_file_in_the_folder(app: App, commanded: App, declare: Declare) -> None:
    app.repository.push({"deploy/.argocd-source.yaml": (FOLDER / "argocd-source.yaml").read_text()})
    declare(*example("application-parameters.yaml", values_for(app)))
    is_live(app)
    assert app.outcome == commanded.outcome
    # The file of one Application wins over that of all.
    (override,) = example("argocd-source.yaml", {"1.0.0": "1.1.0"})
    app.repository.push({f"deploy/.argocd-source-{app.name}.yaml": yaml.safe_dump(override)})
    app.refresh()
    settles(lambda: app.image, f"{IMAGE}:1.1.0")
    is_live(app)


def test_such_a_file_replaces_the_applications_variables(app: App, declare: Declare) -> None:
    app.repository.push({"deploy/.argocd-source.yaml": (FOLDER / "argocd-source.yaml").read_text()})
    declare(*example("application.yaml", values_for(app)))
    settles(lambda: app.exists, True)
    mentions(lambda: app.errors, "no credentials for Vault are set")


def test_a_committer_sets_nothing_of_the_operators(
    app: App, ecosystem: Ecosystem, declare: Declare
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        address = f"http://127.0.0.1:{elsewhere.getsockname()[1]}"
        override = {"plugin": {"env": [{"name": "VAULT_ADDR", "value": address}]}}
        app.repository.push({"deploy/.argocd-source.yaml": yaml.safe_dump(override)})
        declare(*example("application-parameters.yaml", values_for(app)))
        settles(lambda: app.exists, True)
        mentions(
            lambda: app.errors,
            "the Application sets VAULT_ADDR, which is the operator's to set",
            "remove it from plugin.env",
        )
        assert app.deployment is None
        with pytest.raises(BlockingIOError):
            elsewhere.accept()

        # The attack works where the operator lets it.
        ecosystem.sidecar.kill()
        ecosystem.sidecar.start(AVP_TENANT_SETTINGS="VAULT_ADDR")
        try:
            app.refresh(hard=True)
            elsewhere.accept()[0].close()
        finally:
            ecosystem.sidecar.restart()


def test_an_application_for_each_directory(
    new_app: NewApp, commanded: App, declare: Declare
) -> None:
    # The example calls Application and namespace as the folder.
    apps = [dataclasses.replace(each, name=each.namespace) for each in (new_app(), new_app())]
    for each in apps:
        each.on.vault.write(each.secret_path, SECRETS)
    repository = apps[0].repository
    repository.push({**web_files(f"apps/{apps[0].name}"), **web_files(f"apps/{apps[1].name}")})
    values = {**CLUSTER, "https://git.example/team/web.git": repository.url}
    declare(*example("applicationset-directories.yaml", values))
    for each in apps:
        is_live(each)
        assert each.outcome == commanded.outcome

    # For the policy each is an Application of its own, whatever it was made by.
    other, own = (each.secret_path for each in apps)
    repository.edit(
        f"apps/{apps[1].name}/secret.yaml", 'path: "" # kv', f"path: {other} # not {own}, kv"
    )
    for each in apps:
        each.refresh()
    mentions(lambda: apps[1].errors, f"the policy does not allow the path {other}")
    is_live(apps[0])


def test_an_application_for_each_environment(
    new_app: NewApp, commanded: App, declare: Declare
) -> None:
    staging, production = new_app(), new_app()
    values = {
        **CLUSTER,
        "https://git.example/team/web.git": staging.repository.url,
        "web-staging": staging.name,
        "team-a-staging": staging.namespace,
        "web-production": production.name,
        "team-a-production": production.namespace,
    }
    declare(*example("applicationset-environments.yaml", values))
    for each in (staging, production):
        is_live(each)
    assert production.outcome == commanded.outcome
    assert (staging.image, production.image) == (f"{IMAGE}:1.1.0", f"{IMAGE}:1.0.0")


def test_an_app_of_apps(
    new_app: NewApp, new_repository: NewRepository, commanded: App, declare: Declare
) -> None:
    apps = {"a": new_app(), "b": new_app(TENANTS[1])}
    files = {}
    for team, each in apps.items():
        values = {
            **CLUSTER,
            f"web-{team}": each.name,
            f"team-{team}-web": each.namespace,
            f"https://git.example/team-{team}/web.git": each.repository.url,
        }
        (document,) = example(f"app-of-apps/apps/team-{team}.yaml", values)
        files[f"apps/team-{team}.yaml"] = yaml.safe_dump(document)
    operators = new_repository("operators", files)
    values = {**CLUSTER, "https://git.example/operator/apps.git": operators.url}
    declare(*example("app-of-apps/root.yaml", values))
    for each in apps.values():
        is_live(each)
        assert each.outcome == commanded.outcome

    operators.edit("apps/team-b.yaml", "value: 1.0.0", "value: 1.1.0")
    apps["a"].on.argocd.run("app", "get", "apps", "--refresh")
    settles(lambda: apps["b"].image, f"{IMAGE}:1.1.0")
    assert apps["a"].image == f"{IMAGE}:1.0.0"


AGENT: Final = {
    "agent/kustomization.yaml": f"{KUSTOMIZATION}resources: [agent.yaml]\n",
    "agent/agent.yaml": """\
apiVersion: v1
kind: Pod
metadata:
  name: agent
  annotations: {avp.kubernetes.io/path: ""}
spec:
  containers:
    - name: agent
      image: registry.example/platform/agent
      env: [{name: TOKEN, value: <AGENT_TOKEN>}]
""",
}

DEFAULTS: Final = {
    "namespace/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: defaults}\n"
    "data: {note: <AGENT_TOKEN>}\n"
}


def test_each_of_several_sources_is_rendered_by_itself(
    app: App, new_repository: NewRepository, commanded: App, declare: Declare
) -> None:
    app.on.vault.write(app.secret_path, {**SECRETS, "AGENT_TOKEN": "its-token"})
    platform = "https://git.example/platform"
    values = {
        **values_for(app),
        f"{platform}/monitoring.git": new_repository("agent", AGENT).url,
        f"{platform}/defaults.git": new_repository("defaults", DEFAULTS).url,
    }
    (document,) = example("multi-source.yaml", values)
    declare(document)
    is_live(app)
    assert app.outcome == commanded.outcome
    agent = app.on.object(app.namespace, "pods", "agent")
    assert agent is not None
    (container,) = agent["spec"]["containers"]
    assert container["image"] == "registry.example/platform/agent:7.0.0"
    assert container["env"] == [{"name": "TOKEN", "value": "its-token"}]
    assert "github.com/url" not in agent["metadata"]["annotations"]
    plain = app.on.object(app.namespace, "configmaps", "defaults")
    assert plain is not None
    assert plain["data"] == {"note": "<AGENT_TOKEN>"}

    # To a plugin, Argo CD passes the reference to another source as nothing.
    document["spec"]["sources"][2]["ref"] = "values"
    set_variable(document["spec"]["sources"][0], "APP_REPO", "$values/namespace")
    app.on.api.patch_application(app.name, {"spec": document["spec"]})
    settles(lambda: app.outcome["deployments/web"]["annotations"]["github.com/url"], "/namespace")


def set_variable(source: Document, name: str, value: str) -> None:
    """Set a variable of the plugin, as argocd-image-updater does: in its place, or at the end."""
    env = source["plugin"]["env"]
    entry = next((each for each in env if each["name"] == name), None)
    if entry is None:
        env.append({"name": name, "value": value})
    else:
        entry["value"] = value


SIDE_IMAGES: Final = ("registry.example/team/proxy", "registry.example/team/migrate")


def with_side_images(app: App) -> None:
    """Add two containers to the Deployment."""
    file = "deploy/deployment.yaml"
    deployment = yaml.safe_load((app.repository.clone / file).read_text())
    containers = deployment["spec"]["template"]["spec"]["containers"]
    containers += [{"name": f"side-{number}", "image": image}
                   for number, image in enumerate(SIDE_IMAGES)]  # fmt: skip
    app.repository.push({file: yaml.safe_dump(deployment)})


def images_of(app: App) -> Sequence[str]:
    found = app.deployment
    if found is None:
        return []
    return [each["image"] for each in found["spec"]["template"]["spec"]["containers"]]


def updates(app: App, tags: Sequence[str], digest: str = "") -> Mapping[str, str]:
    """What image-updater 1.3 writes for the example: SetPluginImage in pkg/argocd/argocd.go.

    Args:
        app: the Application.
        tags: the new tags, in the order of the example.
        digest: what is added to each tag by the update strategy `digest`.
    """
    (updater,) = example("image-updater.yaml", {"web": app.name})
    (reference,) = updater["spec"]["applicationRefs"]
    assert reference["namePattern"] == app.name
    env = {}
    for image, tag in zip(reference["images"], tags, strict=True):
        name, _, _ = image["imageName"].rpartition(":")
        target = image["manifestTargets"]["plugin"]
        if "spec" in target:
            env[target["spec"]] = f"{name}:{tag}{digest}"
        else:
            env[target["name"]], env[target["tag"]] = name, f"{tag}{digest}"
    return env


@pytest.mark.parametrize("digest", ["", f"@{DIGEST}"], ids=["tags", "digests"])
def test_image_updater_writes_several_images(digest: str, app: App, declare: Declare) -> None:
    with_side_images(app)
    declare(*example("application.yaml", values_for(app)))
    is_live(app)
    assert images_of(app) == [f"{IMAGE}:1.0.0", *SIDE_IMAGES]
    source = app.document["spec"]["source"]
    for name, value in updates(app, ("1.1.0", "2.1.0", "3.1.0"), digest).items():
        set_variable(source, name, value)
    change = {"spec": {"source": {"plugin": {"env": source["plugin"]["env"]}}}}
    app.on.api.patch_application(app.name, change)
    expected = [
        f"{name}:{tag}{digest}"
        for name, tag in zip((IMAGE, *SIDE_IMAGES), ("1.1.0", "2.1.0", "3.1.0"), strict=True)
    ]
    settles(lambda: images_of(app), expected)
    is_live(app)
    assert app.secret == {"DATABASE_URL": DATABASE_URL}


def test_image_updater_writes_them_to_git(app: App, declare: Declare) -> None:
    with_side_images(app)
    env = updates(app, ("1.1.0", "2.1.0", "3.1.0"))
    entries = [{"name": name, "value": value} for name, value in env.items()]
    file = f"deploy/.argocd-source-{app.name}.yaml"
    app.repository.push({file: yaml.safe_dump({"plugin": {"env": entries}})})
    declare(*example("application-parameters.yaml", values_for(app)))
    is_live(app)
    proxy, migrate = SIDE_IMAGES
    assert images_of(app) == [f"{IMAGE}:1.1.0", f"{proxy}:2.1.0", f"{migrate}:3.1.0"]
    assert app.secret == {"DATABASE_URL": DATABASE_URL}


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry of OCI artifacts."""
    with registries.serve(tmp_path_factory.mktemp("registry")) as running:
        yield running


def test_an_artifact_of_a_registry(
    app: App, new_app: NewApp, commanded: App, registry: Registry, declare: Declare
) -> None:
    name = f"team/{app.name}"
    registry.push(name, "1.0.0", web_files())
    example_url = "oci://registry.example/team/manifests"
    values = {**values_for(app, example_url), example_url: registry.url(name), "false": "true"}
    secret, application = example("oci.yaml", values)
    declare(secret, application)
    is_live(app)
    assert app.outcome == commanded.outcome

    by_command = new_app()
    command = list(by_command.create_command("1.0.0"))
    command[command.index("--repo") + 1] = registry.url(name)
    command[command.index("--revision") + 1] = "1.0.0"
    app.on.argocd.run(*command)
    is_live(by_command)
    assert by_command.outcome == commanded.outcome

    files = dict(web_files())
    before = files["deploy/deployment.yaml"]
    files["deploy/deployment.yaml"] = before.replace(b"replicas: 1", b"replicas: 2")
    registry.push(name, "1.1.0", files)
    app.on.api.patch_application(app.name, {"spec": {"source": {"targetRevision": "1.1.0"}}})
    settles(lambda: app.outcome["deployments/web"]["content"]["replicas"], 2)


def test_of_a_large_repository_only_a_part_is_sent(
    app: App, new_app: NewApp, commanded: App, declare: Declare
) -> None:
    overlay = f"{KUSTOMIZATION}resources: [../base]\n"
    app.repository.push(
        {
            **web_files("teams/web/base"),
            "teams/web/prod/kustomization.yaml": overlay,
            "shared/kustomization.yaml": f"{KUSTOMIZATION}resources: [map.yaml]\n",
            "shared/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\n",
            "shared/assets": os.urandom(8 << 20),
        }
    )
    values = values_for(app, "https://git.example/team/monorepo.git")
    (document,) = example("monorepo.yaml", values)
    declare(document)
    is_live(app)
    assert app.outcome == commanded.outcome

    by_command = new_app()
    (annotation,) = document["metadata"]["annotations"].items()
    command = list(by_command.create_command("1.0.0", "--annotations", "=".join(annotation)))
    command[command.index("--repo") + 1] = app.repository.url
    command[command.index("--path") + 1] = document["spec"]["source"]["path"]
    app.on.argocd.run(*command)
    is_live(by_command)
    assert by_command.outcome == commanded.outcome

    # What is outside of the common root is not there; with another annotation it is.
    wider = f"{KUSTOMIZATION}resources: [../base, ../../../shared]\n"
    app.repository.push({"teams/web/prod/kustomization.yaml": wider})
    app.refresh()
    mentions(lambda: app.errors, "'../../../shared', which a kustomization names, is outside")
    assert app.on.object(app.namespace, "configmaps", "shared") is None
    annotations = {annotation[0]: f"{annotation[1]};/shared"}
    app.on.api.patch_application(app.name, {"metadata": {"annotations": annotations}})
    app.refresh(hard=True)
    settles(lambda: app.errors, "")
    # Automated sync takes no commit twice.
    app.on.argocd.run("app", "sync", app.name)
    is_live(app)
    assert app.on.object(app.namespace, "configmaps", "shared") is not None
