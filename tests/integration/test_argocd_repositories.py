"""Argo CD's Secrets for repositories, from the real Kubernetes API and from a stand-in."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from avp_py.errors import AvpError, ClusterError, SettingsError
from avp_py.fetch.credential import Credential, choose
from avp_py.fetch.depot import Depot
from avp_py.generate.credentials import (
    KEPT_SECONDS,
    OUTDATED_SECONDS,
    read_argocd_repositories,
    read_credentials,
)
from avp_py.kubernetes.objects import MAX_OBJECTS, PAGE
from avp_py.settings import Sources, resolve
from tests.integration import leaks
from tests.integration.certificates import self_signed
from tests.integration.cluster import Cluster
from tests.integration.helm import Helm, read
from tests.integration.stand_in import Answer, Exchange, StandIn, as_json, stand_in

pytestmark = pytest.mark.usefixtures("any_machine")

NAMESPACE = "argocd-repositories"
PATIENCE = 30.0
CANARY = "canary-90af"
KNOWN = "git.example.com ssh-ed25519 AAAAC3"
KEY = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"

Environ = Mapping[str, str]


def secret(name: str, kind: str | None = "repository", **values: str) -> dict[str, Any]:
    labels = {"argocd.argoproj.io/secret-type": kind} if kind else {}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"kind": "Secret", "metadata": metadata, "stringData": values}


SECRETS = [
    secret("charts", type="helm", url="https://charts.example.com/team",
           username="robot", password=CANARY),
    secret("scoped", type="helm", url="https://charts.example.com/team", project="p",
           username="scoped", password=CANARY),
    secret("registry", type="helm", url="registry.example.com/charts", enableOCI="true",
           username="robot", password=CANARY),
    secret("bases", url="git@git.example.com:team/bases.git", sshPrivateKey=KEY),
    secret("all", "repo-creds", url="https://git.example.com", password=CANARY),
    secret("app", "repository", url="https://git.example.com/team/private", githubAppID="1",
           githubAppPrivateKey=CANARY),
    secret("cluster", "cluster", server="https://cluster.example", config=CANARY),
    secret("other", None, url="https://other.example.com", username="other", password=CANARY),
]  # fmt: skip


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The certificate of a host, in PEM."""
    return self_signed(tmp_path_factory.mktemp("ca"), "charts").certificate.read_text()


@pytest.fixture(scope="module", autouse=True)
def _objects(cluster: Cluster, certificate: str) -> None:
    maps = {
        "argocd-tls-certs-cm": {"charts.example.com": certificate},
        "argocd-ssh-known-hosts-cm": {"ssh_known_hosts": f"# comment\n{KNOWN}\n"},
    }
    objects: list[dict[str, Any]] = [
        {"kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"kind": "Namespace", "metadata": {"name": f"{NAMESPACE}-2"}},
        *SECRETS,
        *(
            {"kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}, "data": data}
            for name, data in maps.items()
        ),
        {
            "kind": "ServiceAccount",
            "metadata": {"name": "argocd-repo-server", "namespace": NAMESPACE},
        },
    ]
    cluster.apply(yaml.safe_dump_all({"apiVersion": "v1", **each} for each in objects))


@pytest.fixture
def admin(cluster: Cluster, tmp_path: Path) -> Environ:
    return {"KUBECONFIG": str(cluster.kubeconfig(tmp_path))}


def logins(credentials: tuple[Credential, ...]) -> list[tuple[str, str]]:
    return [(each.source.rpartition(" ")[2], each.username) for each in credentials]


def reasons(environ: Environ, *names: str, seconds: float = 10) -> list[str]:
    """What is warned of; no credential may be in it."""
    credentials, warnings = read_argocd_repositories(names, environ, seconds)
    said = f"{credentials!r}{credentials}{warnings}"
    assert leaks.found(said, [CANARY]) == []
    return [each.reason for each in warnings]


def test_all_secrets_with_the_labels_are_used(admin: Environ, certificate: str) -> None:
    names = (f"{NAMESPACE}:labels",)
    credentials, _ = read_argocd_repositories(names, admin, 10)
    chart = "https://charts.example.com/team"
    for project, user in (("p", "scoped"), ("q", "robot")):
        found = choose(credentials, f"{chart}/x", project)
        assert found
        assert (found.username, found.ca) == (user, certificate)
        assert found.password
        assert found.password.reveal() == CANARY
    registry = choose(credentials, "oci://registry.example.com/charts/web", None)
    assert registry
    assert registry.username == "robot"
    bases = choose(credentials, "ssh://git@git.example.com/team/bases", None)
    assert bases
    assert bases.ssh_key
    assert (bases.ssh_key.reveal(), bases.known_hosts) == (KEY, f"{KNOWN}\n")
    template = choose(credentials, "https://git.example.com/team/any", None)
    assert template
    assert template.username == "x-access-token"
    assert choose(credentials, "https://other.example.com/", None) is None
    assert choose(credentials, "https://cluster.example/", None) is None
    assert reasons(admin, *names) == [
        f"Argo CD's Secret {NAMESPACE}:app is not used: githubAppPrivateKey is not supported"
    ]


def test_only_named_secrets_are_used(admin: Environ) -> None:
    names = [f"{NAMESPACE}:{name}" for name in ("other", "charts", "other", "cluster", "none")]
    credentials, _ = read_argocd_repositories(names, admin, 10)
    assert logins(credentials)[:2] == [(names[0], "other"), (names[1], "robot")]
    assert reasons(admin, *names) == [
        f"there is no Secret none in the namespace {NAMESPACE}",
        f"Argo CD's Secret {names[3]} is not used: its label secret-type is 'cluster'",
    ]


def test_each_namespace_has_its_own_config_maps(admin: Environ) -> None:
    names = (f"{NAMESPACE}-2:labels", f"{NAMESPACE}:registry")
    credentials, warnings = read_argocd_repositories(names, admin, 10)
    assert warnings == ()
    assert {each.url for each in credentials} == {
        "oci://registry.example.com/charts",
        "https://charts.example.com/",
        "oci://charts.example.com/",
    }


def test_nothing_is_read_where_no_secret_is_named() -> None:
    assert read_argocd_repositories((), {"KUBECONFIG": "/none"}, 10) == ((), ())


@pytest.mark.parametrize("name", ["a:b:c", "Upper", ":labels", "a b"])
def test_an_invalid_name_is_an_error(admin: Environ, name: str) -> None:
    with pytest.raises(SettingsError, match="is not the name of a Secret"):
        read_argocd_repositories((name,), admin, 10)


# --- With the roles of the chart ---


@pytest.fixture
def repo_server(cluster: Cluster, tmp_path: Path) -> Callable[[], Environ]:
    """Makes the environment of the repo-server's service account."""

    def make() -> Environ:
        token = tmp_path / "token"
        token.write_text(cluster.token(NAMESPACE, "argocd-repo-server"))
        return {"KUBECONFIG": str(cluster.kubeconfig(tmp_path, token))}

    return make


@pytest.mark.parametrize(
    ("given", "users"),
    [
        ({"secrets": ["charts", "other"]}, ["robot", "other"]),
        ({"labels": True}, ["robot", "robot", "scoped"]),
    ],
)
def test_the_roles_of_the_chart_are_enough(
    cluster: Cluster,
    helm: Helm,
    repo_server: Callable[[], Environ],
    given: Mapping[str, Any],
    users: list[str],
) -> None:
    values = helm.values({"image": {"repository": "a/b"}, "argocdRepositories": given})
    only = ("--show-only", "templates/rbac.yaml", "--show-only", "templates/configmaps.yaml")
    text = helm.template(values, *only, namespace=NAMESPACE)
    settings = next(
        each["data"] for each in read(text) if each["metadata"]["name"] == "avp-py-settings"
    )
    names = settings["AVP_ARGOCD_REPOSITORIES"].split(",")
    environ = repo_server()
    account = f"the service account {NAMESPACE}/argocd-repo-server"

    denied = reasons(environ, *names)
    assert denied[-2:] == [
        f"{account} may not read the ConfigMap {name} in the namespace {NAMESPACE}"
        for name in ("argocd-tls-certs-cm", "argocd-ssh-known-hosts-cm")
    ]
    what = f"list the Secrets in the namespace {NAMESPACE}"
    if "secrets" in given:
        what = f"read the Secret charts in the namespace {NAMESPACE}"
    assert denied[0] == f"{account} may not {what}"

    cluster.apply(text)
    try:
        credentials, warnings = read_argocd_repositories(names, environ, 10)
        assert [each for each in warnings if "may not" in each.reason] == []
        found = [name for _, name in logins(credentials) if name not in ("", "x-access-token")]
        assert sorted(found) == sorted(users)
        if "secrets" in given:
            (reason, *_) = reasons(environ, f"{NAMESPACE}:registry")
            assert reason.startswith(f"{account} may not read the Secret registry")
    finally:
        cluster.run("delete", "--filename=-", stdin=text)


def test_the_hint_is_the_rule_that_is_missing(repo_server: Callable[[], Environ]) -> None:
    names = (f"{NAMESPACE}:labels", f"{NAMESPACE}:charts")
    _, warnings = read_argocd_repositories(names, repo_server(), 10)
    rules = [each.hint.rpartition("apiGroups")[2] for each in warnings[:3]]
    assert rules == [
        ' [""], resources ["secrets"], verbs ["list"]',
        ' [""], resources ["secrets"], resourceNames ["charts"], verbs ["get"]',
        ' [""], resources ["configmaps"], resourceNames ["argocd-tls-certs-cm"], verbs ["get"]',
    ]


# --- Answers of a stand-in ---


@pytest.fixture
def server() -> Iterator[StandIn]:
    """A stand-in for the API, without TLS."""
    with stand_in(as_json(404, {"kind": "Status"})) as found:
        yield found


@pytest.fixture
def no_cluster(server: StandIn, tmp_path: Path) -> Environ:
    path = tmp_path / "stand-in"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": server.address}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(config))
    return {"KUBECONFIG": str(path)}


def item(number: int) -> Mapping[str, Any]:
    values = {"url": f"https://h/{number}", "username": "robot", "password": CANARY}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"metadata": {"name": f"repo-{number}"}, "data": data}


def pages(count: int) -> Answer:
    """Answers of an API with so many Secrets."""

    def answer(exchange: Exchange) -> None:
        url = urlsplit(exchange.path)
        query = parse_qs(url.query)
        if not url.path.endswith("/secrets"):
            as_json(404, {"kind": "Status"})(exchange)
            return
        start, limit = int(query.get("continue", ["0"])[0].rstrip("=&")), int(query["limit"][0])
        end = min(start + limit, count)
        body = {"kind": "SecretList", "items": [item(each) for each in range(start, end)]}
        more = {"continue": f"{end}=&"} if end < count else {}
        as_json(200, {**body, "metadata": more})(exchange)

    return answer


@pytest.mark.parametrize("count", [0, 1, PAGE, PAGE + 1, 3 * PAGE])
def test_a_long_list_is_read_in_pages(server: StandIn, no_cluster: Environ, count: int) -> None:
    server.answer = pages(count)
    credentials, warnings = read_argocd_repositories(("labels",), no_cluster, 10)
    assert warnings == ()
    assert [each.url for each in credentials] == [f"https://h/{each}" for each in range(count)]
    lists = [each for each in server.paths if "/secrets?" in each]
    assert len(lists) == max(1, -(-count // PAGE))
    selector = "argocd.argoproj.io%2Fsecret-type%20in%20%28repository%2Crepo-creds%29"
    start = f"/api/v1/namespaces/argocd/secrets?labelSelector={selector}&limit={PAGE}"
    assert all(each.startswith(start) for each in lists)


def test_a_list_without_end_is_an_error(server: StandIn, no_cluster: Environ) -> None:
    body = {"kind": "SecretList", "items": [item(1)] * 4000, "metadata": {"continue": "again"}}
    server.answer = as_json(200, body)
    with pytest.raises(ClusterError, match=f"has more than {MAX_OBJECTS} of the secrets"):
        read_argocd_repositories(("labels",), no_cluster, 10)


NOT_THE_API = "is not the Kubernetes API (HTTP status 200)"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, {"kind": "Secret"}, NOT_THE_API),
        (200, {"kind": "SecretList"}, NOT_THE_API),
        (200, {"kind": "SecretList", "items": CANARY, "metadata": {}}, NOT_THE_API),
        (200, {"kind": "SecretList", "items": [CANARY], "metadata": {}}, NOT_THE_API),
        (200, {"kind": "SecretList", "items": [{"data": {}}], "metadata": {}}, NOT_THE_API),
        (
            200,
            {
                "kind": "SecretList",
                "items": [{"metadata": {"name": "a"}, "data": {"password": f"{CANARY}*"}}],
                "metadata": {},
            },
            NOT_THE_API,
        ),
        (401, {"kind": "Status"}, "rejected our credentials (401)"),
        (404, {"kind": "Status"}, "rejected the request (HTTP status 404)"),
        (410, {"kind": "Status", "reason": "Expired"}, "changed while they were listed"),
        (500, {"kind": "Status", "message": CANARY}, "failed (HTTP status 500)"),
    ],
)
def test_a_list_that_cannot_be_used_is_an_error(
    server: StandIn, no_cluster: Environ, status: int, body: object, said: str
) -> None:
    server.answer = as_json(status, body)
    with pytest.raises(ClusterError) as caught:
        read_argocd_repositories(("labels",), no_cluster, 10)
    error = caught.value
    assert said in error.reason
    assert error.hint
    assert leaks.found(f"{error!r}{error.hint}{error.__cause__!r}", [CANARY]) == []


def test_a_slow_api_ends_in_time(server: StandIn, no_cluster: Environ) -> None:
    given_up = threading.Event()

    def wait(_exchange: Exchange) -> None:
        given_up.wait(5)

    server.answer = wait
    with pytest.raises(AvpError, match=r"(did not answer|could not be read) within"):
        read_argocd_repositories(("labels",), no_cluster, 0.3)
    given_up.set()


# --- All sources together ---


def test_the_operators_file_wins_over_argo_cd_and_that_over_helm(
    admin: Environ, tmp_path: Path
) -> None:
    registries = {"registry.example.com": "robot:of-helm", "helm.example.com": "robot:of-helm"}
    auths = {
        host: {"auth": base64.b64encode(login.encode()).decode()}
        for host, login in registries.items()
    }
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths, "credsStore": "x"}))
    (tmp_path / "repositories.yaml").write_text(
        "repositories: [{url: https://charts.example.com/team, token: of-the-file}]"
    )
    environ = {
        **admin,
        "AVP_RENDER_ENV": "DOCKER_CONFIG",
        "DOCKER_CONFIG": str(tmp_path),
        "AVP_REPOSITORIES": str(tmp_path / "repositories.yaml"),
        "AVP_ARGOCD_REPOSITORIES": f"{NAMESPACE}:charts,{NAMESPACE}:registry,{NAMESPACE}:scoped",
    }
    settings = resolve(Sources(environ)).settings
    credentials, warnings = read_credentials(settings, environ, 10, Depot())
    assert len(warnings) == 1
    sources = {
        url: found.read().source.partition(" (")[0] if found else None
        for url in (
            "https://charts.example.com/team/x",
            "oci://registry.example.com/charts/x",
            "oci://registry.example.com/others/x",
            "oci://helm.example.com/x",
        )
        for found in [choose(credentials, url, "q")]
    }
    assert list(sources.values()) == [
        f"{tmp_path}/repositories.yaml, line 1",
        f"Argo CD's Secret {NAMESPACE}:registry",
        f"{tmp_path}/config.json",
        f"{tmp_path}/config.json",
    ]
    scoped = choose(credentials, "https://charts.example.com/team/x", "p")
    assert scoped
    assert scoped.read().username == "scoped"


def test_while_the_api_is_down_what_was_read_before_is_used(
    server: StandIn, no_cluster: Environ, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = pages(3)
    environ = {**no_cluster, "AVP_ARGOCD_REPOSITORIES": "labels"}
    settings, depot = resolve(Sources(environ)).settings, Depot()

    def read(seconds_later: float) -> int:
        clock = time.monotonic() + seconds_later
        with monkeypatch.context() as patched:
            patched.setattr("avp_py.fetch.depot.time.monotonic", lambda: clock)
            return len(read_credentials(settings, environ, 10, depot)[0])

    found = read(0)
    assert found
    server.answer = lambda exchange: exchange.reply(500, b"")
    server.asked.clear()
    assert read(KEPT_SECONDS - 1) == found
    assert server.asked == []
    assert read(KEPT_SECONDS + 1) == found
    assert server.asked
    # Not every request tries again.
    server.asked.clear()
    assert read(KEPT_SECONDS + 2) == found
    assert server.asked == []
    with pytest.raises(AvpError):
        read(OUTDATED_SECONDS + 1)
    # What the API says counts at once: here, that there is none any more.
    server.answer = pages(0)
    assert read(OUTDATED_SECONDS + 2) == 0
    with pytest.raises(AvpError):
        read_credentials(settings, {**environ, "KUBECONFIG": "/nowhere"}, 10, Depot())


def test_an_api_that_rejects_us_is_not_down(server: StandIn, no_cluster: Environ) -> None:
    server.answer = pages(3)

    def read() -> object:
        return read_argocd_repositories(("labels",), no_cluster, 10)

    depot = Depot()
    assert depot.recent("key", 60, read, OUTDATED_SECONDS)
    server.answer = as_json(401, {"kind": "Status"})
    # The next request is not served either what was read before.
    for seconds in (0, 60):
        with pytest.raises(ClusterError, match="rejected our credentials"):
            depot.recent("key", seconds, read, OUTDATED_SECONDS)


def test_an_api_that_hangs_holds_one_request_up() -> None:
    depot, begun, given_up = Depot(), threading.Event(), threading.Event()
    assert depot.recent("key", 0, lambda: 1, OUTDATED_SECONDS) == 1

    def hang() -> int:
        begun.set()
        given_up.wait(PATIENCE)
        raise ClusterError("it could not be read", is_down=True)

    held = threading.Thread(target=depot.recent, args=("key", 0, hang, OUTDATED_SECONDS))
    held.start()
    assert begun.wait(PATIENCE)

    assert depot.recent("key", 0, hang, OUTDATED_SECONDS) == 1

    given_up.set()
    held.join()
    # That counts from its end: the next one does not try again at once.
    begun.clear()
    assert depot.recent("key", 60, hang, OUTDATED_SECONDS) == 1
    assert not begun.is_set()
