"""The repository's plugin files under the real argocd-cmp-server, called as by Argo CD."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.cmp.application import documents, identity, secret
from tests.cmp.client import CallError, Match
from tests.conftest import ROOT
from tests.integration import leaks
from tests.integration.charts import CHART
from tests.integration.conftest import StartCmpServer
from tests.integration.vault import Vault
from tests.trees import write

pytestmark = pytest.mark.usefixtures("any_machine")

MAP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {text: here}\n"
FAILED: Final = "error generating manifests: `avp-py generate --render=%s .` failed exit status 1: "


@pytest.fixture
def app(tmp_path: Path, kv2: str) -> Path:
    """A repository with a kustomization at its root whose Secret is in Vault."""
    return write(
        tmp_path / "repository",
        {
            "kustomization.yaml": "resources: [map.yaml, secret.yaml]\n",
            "map.yaml": MAP,
            "secret.yaml": secret(
                f"{kv2}/data/web", password="<password>", other=f"<path:{kv2}/data/other#key>"
            ),
        },
    )


@pytest.fixture
def operator(vault: Vault, kv2: str) -> Mapping[str, str]:
    """A sidecar's environment: an AppRole that may read the mount's `web` and `other`."""
    vault.write(f"{kv2}/data/web", {"password": "hunter22-of-web"})
    vault.write(f"{kv2}/data/other", {"key": "hunter22-of-other"})
    vault.write(f"{kv2}/data/alien", {"key": "hunter22-of-alien"})
    role_id, secret_id = vault.approle(f"{kv2}/data/web", f"{kv2}/data/other")
    return {"VAULT_ADDR": vault.address, "AVP_ROLE_ID": role_id, "AVP_SECRET_ID": secret_id}


KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@pytest.mark.parametrize(
    ("plugin", "name", "matches"),
    [
        *(("plugin.yaml", name, True) for name in KUSTOMIZATIONS),
        ("plugin.yaml", "Chart.yaml", False),
        ("plugin.yaml", "base/kustomization.yaml", False),
        ("plugin.yaml", "my-kustomization.yaml", False),
        ("plugin-avp-helm.yaml", "Chart.yaml", True),
        ("plugin-avp-helm.yaml", "charts/one/Chart.yaml", False),
        ("plugin-avp-helm.yaml", "kustomization.yaml", False),
    ],
)
@pytest.mark.parametrize("path", [".", "apps/web"])
def test_a_folder_matches_by_its_own_files(
    cmp_server: StartCmpServer, tmp_path: Path, plugin: str, name: str, matches: bool, path: str
) -> None:
    write(tmp_path / path, {name: "", "other.yaml": MAP})
    client = cmp_server(plugin, {}).client

    assert client.check().has_discovery
    assert client.match(tmp_path, path=path, env={}) == Match(matches, discovery=True)


def test_plain_manifests_are_for_those_who_name_the_plugin(
    cmp_server: StartCmpServer, tmp_path: Path
) -> None:
    write(tmp_path, {"map.yaml": MAP})
    client = cmp_server("plugin-avp.yaml", {}).client

    assert not client.check().has_discovery
    assert client.match(tmp_path, env={}) == Match(supported=False, discovery=False)
    assert documents(client.generate(tmp_path, env=identity()))["ConfigMap"]["data"] == {
        "text": "here"
    }


@pytest.mark.parametrize("plugin", ["plugin.yaml", "plugin-avp-helm.yaml", "plugin-avp.yaml"])
def test_no_plugin_wants_git_credentials(cmp_server: StartCmpServer, plugin: str) -> None:
    assert not cmp_server(plugin, {}).client.check().wants_git_credentials


@pytest.mark.parametrize("known", ["ARGOCD_APP_NAMESPACE", "KUBE_VERSION", "KUBE_API_VERSIONS"])
def test_nothing_is_filled_for_the_source_hydrator(
    cmp_server: StartCmpServer, app: Path, operator: Mapping[str, str], known: str
) -> None:
    client = cmp_server("plugin.yaml", operator).client
    # What the hydrator leaves empty; every other request has at least one of them.
    empty = {"ARGOCD_APP_NAMESPACE": "", "KUBE_VERSION": "", "KUBE_API_VERSIONS": ""}
    with pytest.raises(CallError, match="source hydrator makes this request") as caught:
        client.generate(app, env={**identity(), **empty})
    assert "hunter22" not in caught.value.message

    other = {**identity(), **empty, known: identity()[known]}
    assert "Secret" in documents(client.generate(app, env=other))


def test_the_source_hydrator_gets_what_has_no_placeholders(
    cmp_server: StartCmpServer, tmp_path: Path
) -> None:
    write(tmp_path, {"map.yaml": MAP})
    empty = {"ARGOCD_APP_NAMESPACE": "", "KUBE_VERSION": "", "KUBE_API_VERSIONS": ""}
    client = cmp_server("plugin-avp.yaml", {}).client
    assert documents(client.generate(tmp_path, env={**identity(), **empty}))["ConfigMap"]


def test_the_secrets_of_vault_are_in_their_places(
    cmp_server: StartCmpServer, app: Path, operator: Mapping[str, str]
) -> None:
    server = cmp_server("plugin.yaml", operator)

    found = documents(server.client.generate(app, env=identity()))

    assert found["Secret"]["stringData"] == {
        "password": "hunter22-of-web",
        "other": "hunter22-of-other",
    }
    assert found["ConfigMap"]["data"] == {"text": "here"}
    log = server.log.read_text()
    assert "avp-py generate --render=kustomize ." in log
    assert leaks.found(log, [*operator.values(), "hunter22-of-web", "hunter22-of-other"]) == []


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_log_has_the_report_of_a_run_that_succeeds(
    cmp_server: StartCmpServer, app: Path, operator: Mapping[str, str], tmp_path: Path, form: str
) -> None:
    plugin = (ROOT / "plugin.yaml").read_text().replace("[generate, ", "[generate, -v, ")
    file = write(tmp_path / "plugin", {"plugin.yaml": plugin}) / "plugin.yaml"
    server = cmp_server(file, {**operator, "AVP_LOG_FORMAT": form})

    server.client.generate(app, env=identity())

    log = server.log.read_text()
    assert "logged in by approle at auth/approle" in log
    assert "documents: 2, placeholders: 2" in log
    assert ("avp-py: read " in log) == (form == "text")
    assert leaks.found(log, [*operator.values(), "hunter22-of-web", "hunter22-of-other"]) == []


def test_plugin_env_sets_the_image_and_the_annotation(
    cmp_server: StartCmpServer, tmp_path: Path
) -> None:
    write(
        tmp_path,
        {
            "kustomization.yaml": "resources: [pod.yaml]\n",
            "pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"
            "spec: {containers: [{name: web, image: registry.example/team/web:1}]}\n",
        },
    )
    client = cmp_server("plugin.yaml", {}).client
    env = identity(
        IMAGE_NAME="registry.example/team/web", IMAGE_TAG="1.4.2", APP_REPO="https://git.example/w"
    )

    pod = documents(client.generate(tmp_path, env=env))["Pod"]

    assert pod["spec"]["containers"][0]["image"] == "registry.example/team/web:1.4.2"
    assert pod["metadata"]["annotations"] == {"github.com/url": "https://git.example/w"}


def test_a_chart_is_rendered_with_its_secrets(
    cmp_server: StartCmpServer, tmp_path: Path, operator: Mapping[str, str], kv2: str
) -> None:
    write(tmp_path, {**CHART, "values.yaml": f"text: <path:{kv2}/data/other#key>\n"})
    client = cmp_server("plugin-avp-helm.yaml", operator).client

    found = documents(client.generate(tmp_path, env=identity()))["ConfigMap"]

    assert found["metadata"]["name"] == "web-settings"
    assert found["data"] == {"text": "hunter22-of-other"}


def test_an_app_in_a_sub_folder_refers_to_the_base_beside_it(
    cmp_server: StartCmpServer, app: Path, operator: Mapping[str, str]
) -> None:
    (app / "base").mkdir()
    for name in ("kustomization.yaml", "map.yaml", "secret.yaml"):
        (app / name).rename(app / "base" / name)
    write(
        app / "overlays/production",
        {"kustomization.yaml": "resources: [../../base]\nnamePrefix: production-\n"},
    )
    server = cmp_server("plugin.yaml", operator)
    # With an image kustomize edits, in a staging copy of the folder.
    path = "overlays/production"
    env = identity(path=path, IMAGE_NAME="web", IMAGE_TAG="2")

    found = documents(server.client.generate(app, path=path, env=env))

    assert found["Secret"]["metadata"]["name"] == "production-web"
    assert found["Secret"]["stringData"]["password"] == "hunter22-of-web"


def test_links_arrive_as_links(cmp_server: StartCmpServer, tmp_path: Path) -> None:
    write(tmp_path, {"one/map.yaml": MAP, "kustomization.yaml": "resources: [two/map.yaml]\n"})
    (tmp_path / "two").symlink_to("one")
    client = cmp_server("plugin.yaml", {}).client

    found = documents(client.generate(tmp_path, env=identity()))

    assert found["ConfigMap"]["data"] == {"text": "here"}


def test_the_folder_of_an_application_may_be_a_link(
    cmp_server: StartCmpServer, tmp_path: Path
) -> None:
    write(
        tmp_path,
        {
            "apps/real/kustomization.yaml": "resources: [../base]\n",
            "apps/base/kustomization.yaml": "resources: [map.yaml]\n",
            "apps/base/map.yaml": MAP,
        },
    )
    (tmp_path / "link").symlink_to("apps/real")
    client = cmp_server("plugin.yaml", {}).client

    found = documents(client.generate(tmp_path, path="link", env=identity(path="link")))

    assert found["ConfigMap"]["data"] == {"text": "here"}


@pytest.mark.parametrize("link", ["map.yaml", "apps"])
@pytest.mark.parametrize("target", ["../../../../../../etc/passwd", "../OTHER/apps"])
def test_argo_cd_itself_refuses_links_out_of_the_repository(
    link: str, target: str, cmp_server: StartCmpServer, tmp_path: Path
) -> None:
    """This keeps an Application's directory out of the copy of another request."""
    write(tmp_path, {"kustomization.yaml": "resources: [map.yaml]\n"})
    server = cmp_server("plugin.yaml", {})
    (server.work / "_cmp_server/OTHER/apps").mkdir(parents=True)
    (tmp_path / link).symlink_to(target)

    with pytest.raises(CallError) as raised:
        server.client.generate(tmp_path, path="." if link == "map.yaml" else link, env=identity())

    assert "illegal filepath in symlink" in raised.value.message


@pytest.mark.parametrize("preserve", [False, True])
def test_modes_of_files_do_not_matter(
    cmp_server: StartCmpServer,
    app: Path,
    operator: Mapping[str, str],
    tmp_path: Path,
    preserve: bool,
) -> None:
    config = yaml.safe_load((ROOT / "plugin.yaml").read_text())
    config["spec"]["preserveFileMode"] = preserve
    # The report is on standard error, which argocd-cmp-server also logs on success.
    config["spec"]["init"] = {"command": ["sh", "-c", "stat -c '%a %n' * >&2"]}
    plugin_file = tmp_path / "plugin.yaml"
    plugin_file.write_text(yaml.safe_dump(config))
    (app / "map.yaml").chmod(0o755)
    (app / "kustomization.yaml").chmod(0o440)
    server = cmp_server(plugin_file, operator)
    env = identity(IMAGE_NAME="web", IMAGE_TAG="2")

    found = documents(server.client.generate(app, env=env))

    assert found["Secret"]["stringData"]["password"] == "hunter22-of-web"
    log = server.log.read_text()
    assert ("755 map.yaml" in log, "440 kustomization.yaml" in log) == (preserve, preserve)
    assert server.files() == ["work/_cmp_server"]


def test_the_ui_shows_the_location_and_next_step_of_a_failure(
    cmp_server: StartCmpServer, app: Path, operator: Mapping[str, str], kv2: str
) -> None:
    write(app, {"secret.yaml": secret(f"{kv2}/data/web", password="<pasword>", other="<password>")})
    server = cmp_server("plugin.yaml", operator)

    with pytest.raises(CallError) as raised:
        server.client.generate(app, env=identity())

    assert raised.value.message == FAILED % "kustomize" + (
        "avp-py: 1 failure, nothing was printed\n\n"
        "1. the key 'pasword' is not in the secret\n"
        "   in Secret web (document 2 of the rendered manifests)\n"
        f"      secret.yaml:8: stringData.password: <pasword> at {kv2}/data/web\n"
        "   next: did you mean password?"
    )
    assert leaks.found(raised.value.message, [*operator.values(), "hunter22-of-web"]) == []
    assert server.files() == ["work/_cmp_server"]


def test_with_json_the_ui_shows_records(
    cmp_server: StartCmpServer, app: Path, operator: Mapping[str, str], kv2: str
) -> None:
    write(app, {"secret.yaml": secret(f"{kv2}/data/web", password="<pasword>", other="<password>")})
    server = cmp_server("plugin.yaml", {**operator, "AVP_LOG_FORMAT": "json"})

    with pytest.raises(CallError) as raised:
        server.client.generate(app, env=identity())

    records = raised.value.message.removeprefix(FAILED % "kustomize")
    first, second = map(json.loads, records.splitlines())
    assert first["msg"] == "1 failure, nothing was printed"
    assert second["placeholder"] == "<pasword>"
    assert (second["file"], second["line"]) == ("secret.yaml", 8)
    assert (second["project"], second["app"]) == (first["project"], first["app"])
    assert leaks.found(raised.value.message, [*operator.values(), "hunter22-of-web"]) == []


def test_a_denied_path_fails_the_whole_application(
    cmp_server: StartCmpServer, app: Path, operator: Mapping[str, str], kv2: str
) -> None:
    write(
        app,
        {
            "secret.yaml": secret(
                f"{kv2}/data/web", a="<password>", b=f"<path:{kv2}/data/alien#key>"
            )
        },
    )
    server = cmp_server("plugin.yaml", operator)

    with pytest.raises(CallError) as raised:
        server.client.generate(app, env=identity())

    assert raised.value.message == FAILED % "kustomize" + (
        "avp-py: 1 failure, nothing was printed\n\n"
        f"1. Vault denied read access to {kv2}/data/alien (403)\n"
        "   in Secret web (document 2 of the rendered manifests)\n"
        f"      secret.yaml:9: stringData.b: <path:{kv2}/data/alien#key> at {kv2}/data/alien\n"
        f'   next: allow it in the token\'s policy: path "{kv2}/data/alien" '
        '{ capabilities = ["read"] }'
    )
    assert leaks.found(server.log.read_text(), [*operator.values(), "hunter22-of-alien"]) == []


def test_what_fails_in_a_hundred_places_still_fits_a_screen(
    cmp_server: StartCmpServer, app: Path, operator: Mapping[str, str], kv2: str
) -> None:
    fields = {f"field{number:03}": "<missing>" for number in range(100)}
    write(app, {"secret.yaml": secret(f"{kv2}/data/web", **fields)})
    client = cmp_server("plugin.yaml", operator).client

    with pytest.raises(CallError) as raised:
        client.generate(app, env=identity())

    assert "\n1. the key 'missing' is not in the secret\n" in raised.value.message
    assert "and in 90 more places" in raised.value.message
    assert len(raised.value.message.splitlines()) < 20


@pytest.mark.parametrize("name", ["VAULT_ADDR", "AVP_KUSTOMIZE", "AVP_TYPE", "AVP_ROLE_ID"])
def test_plugin_env_cannot_set_what_is_the_operators(
    cmp_server: StartCmpServer, app: Path, operator: Mapping[str, str], name: str
) -> None:
    client = cmp_server("plugin.yaml", operator).client

    with pytest.raises(CallError) as raised:
        client.generate(app, env=identity(**{name: "http://127.0.0.1:9"}))

    own = f"the Application sets {name}, which is the operator's to set"
    assert f"\n1. {own}\n   next: remove it from plugin.env" in raised.value.message


def test_plugin_env_cannot_name_programs_and_libraries(
    cmp_server: StartCmpServer, app: Path, operator: Mapping[str, str]
) -> None:
    client = cmp_server("plugin.yaml", operator).client
    env = identity(PATH=str(app), LD_PRELOAD=str(app / "map.yaml"), PYTHONPATH=str(app))

    found = documents(client.generate(app, env=env))

    assert found["Secret"]["stringData"]["password"] == "hunter22-of-web"


def test_names_that_nobody_prefixed_do_not_reach_kustomize(
    cmp_server: StartCmpServer, app: Path, operator: Mapping[str, str]
) -> None:
    # argocd-cmp-server accepts any name; the repo-server adds the prefix ARGOCD_ENV_.
    write(app, {"kustomize": "#!/bin/sh\necho stolen: here\n"})
    (app / "kustomize").chmod(0o755)
    spy = write(app.parent / "programs", {"spy": "#!/bin/sh\nenv >&2\nexit 7\n"}) / "spy"
    spy.chmod(0o755)
    client = cmp_server("plugin.yaml", {**operator, "AVP_KUSTOMIZE": str(spy)}).client
    env = {**identity(), "PATH": f".:{app}", "LD_PRELOAD": "/none.so", "HELM_PLUGINS": "."}

    with pytest.raises(CallError) as raised:
        client.generate(app, env=env)

    shown = raised.value.message
    assert "spy build failed (exit code 7)" in shown
    assert "LD_PRELOAD=" not in shown
    assert "HELM_PLUGINS=" not in shown
    assert leaks.found(shown, operator.values()) == []


AT_ONCE: Final = 20


def test_twenty_applications_at_once_get_their_own_secrets(
    cmp_server: StartCmpServer, vault: Vault, kv2: str, tmp_path: Path
) -> None:
    names = [f"app{number:02}" for number in range(AT_ONCE)]
    for name in names:
        vault.write(f"{kv2}/data/{name}", {"password": f"hunter22-of-{name}"})
        write(
            tmp_path / name,
            {
                "base/kustomization.yaml": "resources: [secret.yaml]\n",
                "base/secret.yaml": secret(f"{kv2}/data/{name}", password="<password>"),
                "app/kustomization.yaml": f"resources: [../base]\nnamePrefix: {name}-\n",
            },
        )
    role_id, secret_id = vault.approle(f"{kv2}/data/*")
    server = cmp_server(
        "plugin.yaml",
        {"VAULT_ADDR": vault.address, "AVP_ROLE_ID": role_id, "AVP_SECRET_ID": secret_id},
    )

    def password(name: str) -> tuple[str, str]:
        env = identity(name, "app", APP_REPO=f"https://git.example/{name}")
        found = documents(server.client.generate(tmp_path / name, path="app", env=env))["Secret"]
        assert found["metadata"]["annotations"]["github.com/url"] == f"https://git.example/{name}"
        return found["metadata"]["name"], found["stringData"]["password"]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        got = list(pool.map(password, names))

    assert got == [(f"{name}-web", f"hunter22-of-{name}") for name in names]
    assert server.files() == ["work/_cmp_server"]
    assert server.wait_for_children() == {}
