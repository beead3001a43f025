"""From a git push to the objects in the cluster: tags without a commit, files without a build."""

from tests.e2e.app import IMAGE, SOURCE_URL, App, settles
from tests.e2e.conftest import CACHE_PASSWORD, DATABASE_URL


def replicas(app: App) -> int | None:
    found = app.deployment
    return found["spec"]["replicas"] if found else None


def revision(app: App) -> str:
    found: str = app.document["status"]["sync"]["revision"]
    return found


def test_ci_deploys_a_tag_and_all_of_it_is_live(app: App) -> None:
    app.deploy("1.0.0")
    settles(lambda: app.status, "Synced")

    assert app.secret == {"DATABASE_URL": DATABASE_URL}
    assert app.on.secret(app.namespace, "cache") == {
        "cache.conf": f"requirepass {CACHE_PASSWORD}\nmaxmemory 64mb\n"
    }
    assert app.image == f"{IMAGE}:1.0.0"
    live = [
        app.on.object(app.namespace, kind, name)
        for kind, name in (("deployments", "web"), ("secrets", "web"), ("secrets", "cache"))
    ]
    for each in live:
        assert each is not None
        metadata = each["metadata"]
        assert metadata["annotations"]["github.com/url"] == SOURCE_URL
        # Server-side apply records an Apply, the other kind an Update.
        operations = {one["operation"] for one in metadata["managedFields"]
                      if one["manager"] == "argocd-controller"}  # fmt: skip
        assert operations == {"Apply"}
    assert app.document["spec"]["syncPolicy"]["syncOptions"] == [
        "ApplyOutOfSyncOnly=true",
        "ServerSideApply=true",
    ]


def test_options_joined_by_a_comma_have_no_effect(app: App) -> None:
    command = list(app.create_command("1.0.0"))
    first = command.index("--sync-option")
    command[first : first + 4] = ["--sync-option", "ApplyOutOfSyncOnly=true,ServerSideApply=true"]
    app.on.argocd.run(*command)
    settles(lambda: app.status, "Synced")
    found = app.deployment
    assert found is not None
    operations = {each["operation"] for each in found["metadata"]["managedFields"]
                  if each["manager"] == "argocd-controller"}  # fmt: skip
    assert operations == {"Update"}


def test_a_commit_to_the_manifests_keeps_the_tag(app: App) -> None:
    app.deploy("1.0.0")
    settles(lambda: app.status, "Synced")
    old = (app.repository.clone / "deploy/deployment.yaml").read_text()
    commit = app.repository.push(
        {"deploy/deployment.yaml": old.replace("replicas: 1", "replicas: 3")}
    )
    app.refresh()
    settles(lambda: replicas(app), 3)
    settles(lambda: (app.status, revision(app)), ("Synced", commit))
    assert app.image == f"{IMAGE}:1.0.0"


def test_a_new_tag_needs_no_commit(app: App) -> None:
    app.deploy("1.0.0")
    settles(lambda: app.status, "Synced")
    commits, before = app.repository.commits(), app.deployment
    secrets = app.uids["web"], app.on.object(app.namespace, "secrets", "web")
    app.deploy("1.1.0")
    settles(lambda: app.image, f"{IMAGE}:1.1.0")
    settles(lambda: app.status, "Synced")
    after = app.deployment
    assert before is not None
    assert after is not None
    before["spec"]["template"]["spec"]["containers"][0]["image"] = f"{IMAGE}:1.1.0"
    assert after["spec"] == before["spec"]
    assert (app.uids["web"], app.on.object(app.namespace, "secrets", "web")) == secrets
    assert app.repository.commits() == commits


def test_the_same_deploy_again_changes_nothing(app: App) -> None:
    app.deploy("1.0.0")
    settles(lambda: app.status, "Synced")
    settles(lambda: app.health, "Healthy")
    before = app.deployment
    app.deploy("1.0.0")
    app.refresh(hard=True)
    settles(lambda: app.status, "Synced")
    assert app.deployment == before
