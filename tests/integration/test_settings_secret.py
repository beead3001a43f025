"""`-s`: the Secret with the settings, from the real Kubernetes API and from a stand-in."""

import base64
import json
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from avp_py.errors import AvpError, ClusterError, SettingsError
from avp_py.kubernetes import read_settings_secret
from avp_py.kubernetes.access import Access
from avp_py.kubernetes.request import MAX_ANSWER_BYTES, MAX_LOST, get
from avp_py.settings import Sensitive
from tests.conftest import Run
from tests.integration import leaks
from tests.integration.certificates import Certificate, openssl, self_signed
from tests.integration.cluster import Cluster
from tests.integration.manifests import fields, manifest
from tests.integration.stand_in import (
    Answer,
    Exchange,
    StandIn,
    as_html,
    as_json,
    in_turn,
    stand_in,
)
from tests.integration.vault import Vault

pytestmark = pytest.mark.usefixtures("any_machine")

TEXT = 'canary-text: a "b" \\ \n---\n# \N{SNOWMAN} \u0085 end\n'
VALUES = {"VAULT_ADDR": "https://canary.example", "avp_type": "canary-type", "TEXT": TEXT, "NO": ""}
OTHER = "canary-of-the-other-namespace"
NEIGHBOUR = "canary-of-a-neighbour"
CANARIES = [*(value for value in VALUES.values() if value), OTHER, NEIGHBOUR]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


OBJECTS: list[Mapping[str, Any]] = [
    *({"kind": "Namespace", "metadata": {"name": name}} for name in ("argocd", "team-1")),
    {
        "kind": "Secret",
        "metadata": {"name": "avp", "namespace": "argocd"},
        "data": {key: encoded(value) for key, value in VALUES.items()},
    },
    {"kind": "Secret", "metadata": {"name": "empty", "namespace": "argocd"}},
    {
        "kind": "Secret",
        "metadata": {"name": "bytes", "namespace": "argocd"},
        "data": {"AVP_PASSWORD": "/2NhbmFyeQ==", "A": encoded(NEIGHBOUR)},
    },
    {
        "kind": "Secret",
        "metadata": {"name": "foreign-bytes", "namespace": "argocd"},
        "data": {"keystore.jks": "/2NhbmFyeQ==", "AVP_TYPE": encoded("vault")},
    },
    {
        "kind": "Secret",
        "metadata": {"name": "twice", "namespace": "argocd"},
        "stringData": {"AVP_TYPE": NEIGHBOUR, "avp_type": NEIGHBOUR},
    },
    {
        "kind": "Secret",
        "metadata": {"name": "web.settings", "namespace": "team-1"},
        "stringData": {"A": OTHER},
    },
    *(
        {"kind": "ServiceAccount", "metadata": {"name": name, "namespace": "argocd"}}
        for name in ("reader", "nobody")
    ),
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "avp", "namespace": "argocd"},
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": ["avp"],
                "verbs": ["get"],
            }
        ],
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "avp", "namespace": "argocd"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "avp"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": "argocd"}],
    },
]

Environ = Mapping[str, str]
Pod = Callable[..., Environ]
Kubeconfig = Callable[..., Environ]
Read = Callable[..., Mapping[str, str]]


@pytest.fixture(scope="module", autouse=True)
def _objects(cluster: Cluster) -> None:
    cluster.apply(yaml.safe_dump_all({"apiVersion": "v1", **each} for each in OBJECTS))


@pytest.fixture
def service_account(tmp_path: Path) -> Path:
    """The folder with the service account of a pod."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    return folder


@pytest.fixture
def read(service_account: Path) -> Read:
    """Reads a Secret, in a pod with that service account."""
    return partial(read_settings_secret, service_account=service_account)


@pytest.fixture
def pod(cluster: Cluster, service_account: Path) -> Pod:
    """Makes a pod of the cluster, with this token; gives its environment."""

    def make(token: str = cluster.admin_token, authorities: str | None = None) -> Environ:
        (service_account / "token").write_text(token)
        (service_account / "ca.crt").write_text(authorities or cluster.ca_file.read_text())
        return {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": f"{cluster.port}",
        }

    return make


@pytest.fixture
def kubeconfig(cluster: Cluster, tmp_path: Path) -> Kubeconfig:
    """Write a kubeconfig for the cluster; arguments replace its fields, None removes them."""

    def make(
        clusters: Mapping[str, object] | None = None, user: Mapping[str, object] | None = None
    ) -> Environ:
        server = {"server": cluster.server, "certificate-authority": str(cluster.ca_file)}
        chosen = {**server, **(clusters or {})}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "a",
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "clusters": [{"name": "a", "cluster": {k: v for k, v in chosen.items() if v}}],
            "users": [{"name": "a", "user": user or {"token": cluster.admin_token}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(content))
        return {"KUBECONFIG": str(path)}

    return make


@dataclass(frozen=True)
class Refused:
    """How a read failed."""

    error: AvpError

    @property
    def reason(self) -> str:
        return self.error.reason

    @property
    def hint(self) -> str:
        return self.error.hint


@pytest.fixture
def refused(cluster: Cluster, read: Read) -> Callable[..., Refused]:
    """A read that must fail. No credential and no value may be in what is said of it."""

    def read_to_fail(
        name: str, environ: Environ, *credentials: str, seconds: float = 10
    ) -> Refused:
        with pytest.raises(AvpError) as caught:
            read(name, environ, seconds)
        error = caught.value
        said = f"{error} {error!r} {error.failures!r} {error.hint} {error.detail}"
        said += f"{error.__cause__!r}"
        assert leaks.found(said, [cluster.admin_token, *credentials, *CANARIES]) == []
        assert error.hint
        return Refused(error)

    return read_to_fail


# --- In a pod ---


def test_a_pod_reads_the_secret_of_argocds_namespace(pod: Pod, read: Read) -> None:
    expected = {key.upper(): value for key, value in VALUES.items()}
    assert read("avp", pod()) == expected
    assert read("argocd:avp", pod()) == expected


def test_a_pod_reads_a_secret_of_another_namespace(pod: Pod, read: Read) -> None:
    assert read("team-1:web.settings", pod()) == {"A": OTHER}


def test_a_secret_without_data_has_no_settings(pod: Pod, read: Read) -> None:
    assert read("empty", pod()) == {}


def test_the_largest_secret_that_kubernetes_accepts(cluster: Cluster, pod: Pod, read: Read) -> None:
    text = "0123456789abcde\n" * (1024 * 1024 // 16)
    metadata = {"name": "large", "namespace": "argocd"}
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "data": {"A": encoded(text)},
    }
    cluster.run("create", "--validate=false", "-f", "-", stdin=json.dumps(body))
    assert read("large", pod()) == {"A": text}


def test_a_role_with_resource_names_is_all_that_is_needed(
    cluster: Cluster, pod: Pod, read: Read, refused: Callable[..., Refused]
) -> None:
    token = cluster.token("argocd", "reader")
    environ = pod(f"{token}\n")
    assert read("avp", environ)["AVP_TYPE"] == VALUES["avp_type"]
    for name, namespace in (("bytes", "argocd"), ("avp", "team-1"), ("missing", "argocd")):
        error = refused(f"{namespace}:{name}", environ, token)
        assert error.reason == (
            f"the service account argocd/reader may not read the Secret {name} in the namespace "
            f"{namespace}"
        )


def test_no_rights(cluster: Cluster, pod: Pod, refused: Callable[..., Refused]) -> None:
    token = cluster.token("argocd", "nobody")
    found = refused("avp", pod(token), token)
    assert isinstance(found.error, ClusterError)
    assert found.reason == (
        "the service account argocd/nobody may not read the Secret avp in the namespace argocd"
    )
    assert found.hint == (
        "allow it with a Role and a RoleBinding in the namespace argocd: "
        'apiGroups [""], resources ["secrets"], resourceNames ["avp"], verbs ["get"]'
    )


def test_a_missing_secret(pod: Pod, refused: Callable[..., Refused]) -> None:
    for name in ("argocd:gone", "no-such-namespace:gone"):
        found = refused(name, pod())
        namespace, _, _ = name.partition(":")
        assert found.reason == f"there is no Secret gone in the namespace {namespace}"
        assert isinstance(found.error, ClusterError)


@pytest.mark.parametrize("audience", [None, "someone-else"])
def test_a_token_that_is_invalid_or_for_another_audience(
    cluster: Cluster,
    pod: Pod,
    service_account: Path,
    refused: Callable[..., Refused],
    audience: str | None,
) -> None:
    token = "canary.of.a-token"
    if audience:
        token = cluster.token("argocd", "reader", f"--audience={audience}")
    found = refused("avp", pod(token), token)
    assert found.reason == f"the Kubernetes API at {cluster.server} rejected our credentials (401)"
    assert found.hint.startswith(f"renew the credentials in {service_account}: ")


def test_bytes_that_are_no_text(pod: Pod, refused: Callable[..., Refused]) -> None:
    found = refused("bytes", pod(), "canary")
    assert found.reason == (
        "the value of AVP_PASSWORD in the Secret bytes in the namespace argocd is not UTF-8"
    )
    assert isinstance(found.error, SettingsError)


def test_bytes_under_a_name_that_is_not_a_setting(pod: Pod, read: Read) -> None:
    assert read("foreign-bytes", pod()) == {"AVP_TYPE": "vault"}


def test_one_name_in_two_cases(pod: Pod, refused: Callable[..., Refused]) -> None:
    found = refused("twice", pod())
    assert found.reason.endswith("in the namespace argocd, in different cases")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ":",
        ":avp",
        "argocd:",
        "a:b:c",
        "../secrets",
        "argocd:../../nodes",
        "argocd/avp",
        "avp?watch=1",
        "avp%2f..",
        "avp#",
        "AVP",
        "avp ",
        "avp\n",
        "avp\r\nX: y",
        "-avp",
        "avp-",
        "a..b",
        "a.b:avp",
        "\u00e4",
        "a" * 254,
        "a" * 64 + ":avp",
    ],
)
def test_an_invalid_name_of_a_secret_makes_no_request(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings_secret(name, {"KUBECONFIG": "/no/such/file"})
    assert caught.value.reason == f"{name!r} is not the name of a Secret"
    assert "[namespace:]name" in caught.value.hint


def test_the_longest_names_are_names(pod: Pod, refused: Callable[..., Refused]) -> None:
    name, namespace = "a." * 126 + "a", "a" * 63
    expected = f"there is no Secret {name} in the namespace {namespace}"
    assert refused(f"{namespace}:{name}", pod()).reason == expected


# --- KUBECONFIG ---


def test_kubeconfig_beats_the_pod(
    cluster: Cluster, pod: Pod, read: Read, kubeconfig: Kubeconfig, refused: Callable[..., Refused]
) -> None:
    token = cluster.token("argocd", "nobody")
    environ = {**pod(), **kubeconfig(user={"token": token})}
    assert "argocd/nobody" in refused("avp", environ, token).reason
    assert read("avp", {**environ, "KUBECONFIG": ""})


@pytest.mark.parametrize("form", ["file", "data"])
def test_a_client_certificate(
    cluster: Cluster,
    kubeconfig: Kubeconfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    certificate, key = cluster.client_certificate("me", "system:masters")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "no-such-folder"))
    environ = kubeconfig(
        user={"client-certificate": str(certificate), "client-key": str(key)}
        if form == "file"
        else {
            "client-certificate-data": encoded(certificate.read_text()),
            "client-key-data": encoded(key.read_text()),
        }
    )
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    assert read_settings_secret("avp", environ)["TEXT"] == TEXT
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_a_client_certificate_of_someone_without_rights(
    cluster: Cluster, kubeconfig: Kubeconfig, refused: Callable[..., Refused]
) -> None:
    certificate, key = cluster.client_certificate("canary-user")
    environ = kubeconfig(user={"client-certificate": str(certificate), "client-key": str(key)})
    found = refused("avp", environ, "canary-user")
    assert found.reason == "we may not read the Secret avp in the namespace argocd"


def test_a_key_that_cannot_be_used(
    cluster: Cluster, kubeconfig: Kubeconfig, refused: Callable[..., Refused], tmp_path: Path
) -> None:
    certificate, key = cluster.client_certificate("me", "system:masters")
    _, key_of_another = cluster.client_certificate("me", "system:masters")
    locked = tmp_path / "locked.key"
    openssl("ec", "-in", key, "-aes128", "-passout", "pass:canary", "-out", locked)
    (tmp_path / "garbage.key").write_text("canary")
    (tmp_path / "huge.key").write_text("canary" * 100_000)
    for path in (key_of_another, locked, tmp_path / "garbage.key", tmp_path / "huge.key"):
        environ = kubeconfig(user={"client-certificate": str(certificate), "client-key": str(path)})
        found = refused("avp", environ, path.read_text(), "canary")
        assert found.reason == (
            f"client certificate and key in {environ['KUBECONFIG']} cannot be used"
        )
        assert "must not be encrypted" in found.hint


def test_the_ca_certificate_as_data(cluster: Cluster, kubeconfig: Kubeconfig) -> None:
    data = encoded(cluster.ca_file.read_text())
    environ = kubeconfig({"certificate-authority": None, "certificate-authority-data": data})
    assert read_settings_secret("avp", environ)


def test_what_kubectl_itself_writes_can_be_read(cluster: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "written"
    certificate, key = cluster.client_certificate("me", "system:masters")
    kubectl = [str(cluster.kubectl), "config", f"--kubeconfig={path}"]
    for arguments in (
        ["set-cluster", "c", f"--server={cluster.server}", "--embed-certs",
         f"--certificate-authority={cluster.ca_file}"],
        ["set-credentials", "u", f"--client-certificate={certificate}", f"--client-key={key}",
         "--embed-certs"],
        ["set-context", "x", "--cluster=c", "--user=u"],
        ["use-context", "x"],
    ):  # fmt: skip
        subprocess.run([*kubectl, *arguments], check=True, capture_output=True)
    assert read_settings_secret("avp", {"KUBECONFIG": str(path)})


def test_a_listed_certificate_need_not_be_a_ca_certificate(
    cluster: Cluster, pod: Pod, read: Read
) -> None:
    leaf, end, _ = cluster.ca_file.read_text().partition("-----END CERTIFICATE-----")
    assert read("avp", pod(authorities=leaf + end))


def test_kubectl_proxy_serves_without_tls(cluster: Cluster, kubeconfig: Kubeconfig) -> None:
    with subprocess.Popen(
        cluster.command("proxy", "--port=0"), stdout=subprocess.PIPE, text=True
    ) as proxy:
        try:
            assert proxy.stdout is not None
            address = proxy.stdout.readline().split()[-1]
            environ = kubeconfig({"server": f"http://{address}"}, {"token": "not-sent"})
            assert read_settings_secret("avp", environ)
        finally:
            proxy.terminate()


# --- TLS, which does not depend on the environment ---


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate that is unrelated to the cluster."""
    return self_signed(tmp_path_factory.mktemp("authority"), "another", "IP:127.0.0.1")


def test_the_wrong_ca_certificate_fails_in_any_environment(
    cluster: Cluster,
    pod: Pod,
    service_account: Path,
    refused: Callable[..., Refused],
    another: Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(cluster.ca_file))
    found = refused("avp", pod(authorities=another.certificate.read_text()))
    assert isinstance(found.error, ClusterError)
    assert found.reason.startswith(
        f"the TLS certificate of {cluster.server} is not signed by a trusted CA: "
    )
    assert found.hint == f"put the CA certificate that signed it into {service_account}/ca.crt"


def test_the_right_ca_certificate_works_in_any_environment(
    pod: Pod, read: Read, another: Certificate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(another.certificate))
    with closed_port() as port:
        for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
        assert read("avp", pod())


def test_without_a_ca_certificate_those_of_the_system_apply(
    cluster: Cluster,
    kubeconfig: Kubeconfig,
    refused: Callable[..., Refused],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environ = kubeconfig({"certificate-authority": None})
    assert "is not signed by a trusted CA" in refused("avp", environ).reason
    monkeypatch.setenv("SSL_CERT_FILE", str(cluster.ca_file))
    assert read_settings_secret("avp", environ)


def test_verification_can_be_turned_off_in_the_file(kubeconfig: Kubeconfig) -> None:
    fields = {"certificate-authority": None, "insecure-skip-tls-verify": True}
    assert read_settings_secret("avp", kubeconfig(fields))


def test_the_name_in_the_certificate(
    cluster: Cluster, kubeconfig: Kubeconfig, refused: Callable[..., Refused]
) -> None:
    named = {"tls-server-name": "kubernetes.default.svc"}
    assert read_settings_secret("avp", kubeconfig(named))
    found = refused("avp", kubeconfig({"tls-server-name": "api.example"}))
    assert found.reason == (
        f"the TLS certificate of {cluster.server} is for another name: "
        "Hostname mismatch, certificate is not valid for 'api.example'"
    )
    elsewhere = {"server": f"https://localhost:{cluster.port}"}
    assert "not valid for 'localhost'" in refused("avp", kubeconfig(elsewhere)).reason
    assert read_settings_secret("avp", kubeconfig({**elsewhere, **named}))


def test_certificates_that_are_broken(
    pod: Pod, service_account: Path, refused: Callable[..., Refused]
) -> None:
    broken = "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n"
    found = refused("avp", pod(authorities=broken))
    assert found.reason == f"the CA certificates in {service_account}/ca.crt are invalid"


# --- The connection ---


@contextmanager
def closed_port() -> Iterator[int]:
    """A port of loopback that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextmanager
def silent_server() -> Iterator[int]:
    """A port of loopback that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_nobody_listens(pod: Pod, kubeconfig: Kubeconfig, refused: Callable[..., Refused]) -> None:
    with closed_port() as port:
        environ = {**pod(), "KUBERNETES_SERVICE_PORT": str(port)}
        found = refused("avp", environ)
        assert found.reason == (
            f"no connection to the Kubernetes API at https://127.0.0.1:{port}: Connection refused "
            "(1 attempt)"
        )
        assert found.hint == (
            "check KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, and that the Kubernetes "
            "API can be reached from here"
        )
        proxied = kubeconfig({"proxy-url": f"http://me:canary@127.0.0.1:{port}"})
        assert refused("avp", proxied, "canary").hint == (
            f"check proxy-url in {proxied['KUBECONFIG']}"
        )


def test_a_name_that_nobody_has(kubeconfig: Kubeconfig, refused: Callable[..., Refused]) -> None:
    assert refused("avp", kubeconfig({"server": "https://api.invalid"})).reason == (
        "no connection to the Kubernetes API at https://api.invalid: its name does not resolve "
        "(1 attempt)"
    )


def test_a_server_that_never_answers(
    kubeconfig: Kubeconfig, refused: Callable[..., Refused]
) -> None:
    with silent_server() as port:
        for fields in (
            {"server": f"https://127.0.0.1:{port}"},
            {"server": f"http://127.0.0.1:{port}"},
            {"proxy-url": f"http://127.0.0.1:{port}"},
        ):
            started = time.monotonic()
            found = refused("avp", kubeconfig(fields), seconds=0.25)
            assert "did not answer within 0.2" in found.reason
            assert time.monotonic() - started < 2


def pour(source: socket.socket, target: socket.socket) -> None:
    """Relay bytes both ways until one side closes, then close the other."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def tunnel(exchange: Exchange) -> None:
    """Answer CONNECT as a proxy does."""
    host, _, port = exchange.asked.path.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as upstream:
        exchange.send_response_only(200)
        exchange.end_headers()
        exchange.wfile.flush()

        thread = threading.Thread(target=pour, args=(upstream, exchange.connection))
        thread.start()
        pour(exchange.connection, upstream)
        thread.join()
    exchange.close_connection = True


def test_a_proxy_tunnels_and_sees_no_token(cluster: Cluster, kubeconfig: Kubeconfig) -> None:
    with stand_in(tunnel) as proxy:
        address = f"http://me:p%40ss@127.0.0.1:{proxy.port}"
        assert read_settings_secret("avp", kubeconfig({"proxy-url": address}))
    (asked,) = proxy.asked
    assert (asked.method, asked.path) == ("CONNECT", f"127.0.0.1:{cluster.port}")
    pair = base64.b64encode(b"me:p@ss").decode()
    assert asked.headers["Proxy-Authorization"] == f"Basic {pair}"
    assert "Authorization" not in asked.headers


def test_a_proxy_that_refuses(kubeconfig: Kubeconfig, refused: Callable[..., Refused]) -> None:
    with stand_in(as_html(407, "canary-page")) as proxy:
        environ = kubeconfig({"proxy-url": proxy.address})
        found = refused("avp", environ, "canary-page")
    assert found.reason.startswith("the proxy on the way to https://127.0.0.1:")
    assert found.reason.endswith(" cannot be used")


# --- Answers that the Kubernetes API does not normally return ---


def a_secret(data: object = None) -> Answer:
    return as_json(200, {"kind": "Secret", "data": {"A": "Yg=="} if data is None else data})


def status(code: int, **headers: str) -> Answer:
    message = f'canary-message User "system:serviceaccount:<b>:canary-{code}" cannot'
    return as_json(code, {"kind": "Status", "message": message, "code": code}, **headers)


@pytest.fixture
def server() -> Iterator[StandIn]:
    """A stand-in for the API, without TLS."""
    with stand_in(a_secret()) as found:
        yield found


def test_one_request_without_credentials_where_there_is_no_tls(
    server: StandIn, kubeconfig: Kubeconfig
) -> None:
    environ = kubeconfig({"server": f"{server.address}/k8s/clusters/c-1/"}, {"token": "canary-1"})
    assert read_settings_secret("team-1:web.settings", environ) == {"A": "b"}
    (asked,) = server.asked
    assert asked.method == "GET"
    assert asked.path == "/k8s/clusters/c-1/api/v1/namespaces/team-1/secrets/web.settings"
    assert "canary-1" not in str(asked)


PAGE = "<html>canary-page</html>"
TOO_LARGE = "the answer of the Kubernetes API at {server} is larger than 4 MiB"
LOST = (
    "the Kubernetes API at {server} closed the connection before its answer was complete "
    "(3 attempts)"
)
NOT_THE_API = "what answers at {server} is not the Kubernetes API"


def raw(data: bytes) -> Answer:
    return lambda exchange: exchange.raw(data)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (as_html(200, PAGE), f"{NOT_THE_API} (HTTP status 200)"),
        (as_html(404, PAGE), f"{NOT_THE_API} (HTTP status 404)"),
        (as_html(401, PAGE), f"{NOT_THE_API} (HTTP status 401)"),
        (as_json(403, ["canary-message"]), f"{NOT_THE_API} (HTTP status 403)"),
        (as_json(200, {"kind": "SecretList"}), f"{NOT_THE_API} (HTTP status 200)"),
        (a_secret(["canary-data"]), f"{NOT_THE_API} (HTTP status 200)"),
        (a_secret({"A": "canary!"}), f"{NOT_THE_API} (HTTP status 200)"),
        (a_secret({"A": 1}), f"{NOT_THE_API} (HTTP status 200)"),
        (as_json(200, json.loads("[" * 500 + "]" * 500)), f"{NOT_THE_API} (HTTP status 200)"),
        (raw(b"[" * 200_000), f"{NOT_THE_API}"),
        (raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 200_000), f"{NOT_THE_API} (HTTP status 200)"),
        (raw(b"220 canary-smtp\r\n"), NOT_THE_API),
        (raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (MAX_ANSWER_BYTES + 1)), TOO_LARGE),
        (
            status(500, Retry_After="9" * 5000),
            "the Kubernetes API at {server} failed (HTTP status 500)",
        ),
        (status(418), "the Kubernetes API at {server} rejected the request (HTTP status 418)"),
        (status(500), "the Kubernetes API at {server} failed (HTTP status 500)"),
        (as_html(503, PAGE), "the Kubernetes API at {server} failed (HTTP status 503)"),
        (status(403), "we may not read the Secret avp in the namespace argocd"),
    ],
)
def test_odd_answers(
    server: StandIn,
    kubeconfig: Kubeconfig,
    refused: Callable[..., Refused],
    answer: Answer,
    reason: str,
) -> None:
    server.answer = answer
    found = refused("avp", kubeconfig({"server": server.address}), "canary-")
    assert isinstance(found.error, ClusterError)
    assert found.reason == reason.format(server=server.address)
    assert len(server.asked) == 1


LOSSES = [b"", b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"kind": "Secret"}']


@pytest.mark.parametrize("lost", LOSSES)
def test_a_connection_that_is_lost_once_is_made_again(server: StandIn, lost: bytes) -> None:
    pauses: list[float] = []
    server.answer = in_turn(raw(lost), a_secret())
    assert get(Access(server.address, "here", None), "/api", 10, pauses.append).status == 200
    assert pauses == [1]


@pytest.mark.parametrize("lost", LOSSES)
def test_connections_that_are_lost_again_and_again(server: StandIn, lost: bytes) -> None:
    pauses: list[float] = []
    server.answer = raw(lost)
    with pytest.raises(ClusterError) as caught:
        get(Access(server.address, "here", None), "/api", 10, pauses.append)
    assert caught.value.reason == LOST.format(server=server.address)
    assert len(server.asked) == MAX_LOST
    assert pauses == [1] * (MAX_LOST - 1)


def test_trickling_headers_end_in_time_too(
    server: StandIn, kubeconfig: Kubeconfig, refused: Callable[..., Refused]
) -> None:
    given_up = threading.Event()

    def drip(exchange: Exchange) -> None:
        exchange.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(200):
            exchange.wfile.write(b"X-Drop: 1\r\n")
            if given_up.wait(0.05):
                return

    server.answer = drip
    began = time.monotonic()
    found = refused("avp", kubeconfig({"server": server.address}), seconds=0.3)
    given_up.set()
    assert found.reason.endswith("did not answer within 0.3 s")
    assert time.monotonic() - began < 2


def test_an_endless_file_is_an_error(tmp_path: Path, refused: Callable[..., Refused]) -> None:
    link = tmp_path / "config"
    link.symlink_to("/dev/zero")
    found = refused("avp", {"KUBECONFIG": str(link)})
    assert found.reason.endswith(f"cannot read {link}: File too large")


def test_a_pipe_that_nobody_writes_to_ends_in_time(
    tmp_path: Path, refused: Callable[..., Refused]
) -> None:
    pipe = tmp_path / "config"
    os.mkfifo(pipe)
    found = refused("avp", {"KUBECONFIG": str(pipe)}, seconds=0.2)
    assert found.reason.endswith("could not be read within 0.2 s")


def test_redirects_are_not_followed(
    server: StandIn, kubeconfig: Kubeconfig, refused: Callable[..., Refused]
) -> None:
    with stand_in(a_secret()) as target:
        server.answer = as_json(302, {}, Location=f"{target.address}/canary")
        found = refused("avp", kubeconfig({"server": server.address}))
    assert found.reason == f"what answers at {server.address} is not the Kubernetes API"
    assert target.asked == []


def test_a_busy_server_says_when_to_ask_again(server: StandIn, kubeconfig: Kubeconfig) -> None:
    server.answer = in_turn(status(429, Retry_After="0"), status(503, Retry_After="1"), a_secret())
    started = time.monotonic()
    assert read_settings_secret("avp", kubeconfig({"server": server.address})) == {"A": "b"}
    assert 1 <= time.monotonic() - started < 5
    assert len(server.asked) == 3


def test_a_server_that_is_busy_for_long_is_not_waited_for(
    server: StandIn, kubeconfig: Kubeconfig, refused: Callable[..., Refused]
) -> None:
    server.answer = status(429, Retry_After="3600")
    # However much time the run has.
    found = refused("avp", kubeconfig({"server": server.address}), seconds=7200)
    assert found.reason.endswith("failed (HTTP status 429)")
    assert len(server.asked) == 1


def test_a_trickling_answer_ends_in_time(
    server: StandIn, kubeconfig: Kubeconfig, refused: Callable[..., Refused]
) -> None:
    given_up = threading.Event()

    def drip(exchange: Exchange) -> None:
        exchange.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            exchange.wfile.write(b" ")
            if given_up.wait(0.05):
                return

    server.answer = drip
    started = time.monotonic()
    try:
        found = refused("avp", kubeconfig({"server": server.address}), seconds=0.3)
    finally:
        given_up.set()
    assert "did not answer within 0.3" in found.reason
    assert time.monotonic() - started < 2


def test_something_else_than_tls(
    server: StandIn, kubeconfig: Kubeconfig, refused: Callable[..., Refused]
) -> None:
    address = server.address.replace("http:", "https:")
    found = refused("avp", kubeconfig({"server": address}))
    assert found.reason.startswith(f"the server at {address} does not speak TLS, but most likely")


def test_a_server_that_hangs_up_within_tls(another: Certificate) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(another.certificate, another.key)
    with stand_in(raw(b""), tls) as server:
        trusted = another.certificate.read_text()
        access = Access(server.address, "here", trusted, token=Sensitive("canary-token"))
        with pytest.raises(ClusterError) as caught:
            get(access, "/api", 10, lambda _: None)
    assert caught.value.reason == LOST.format(server=server.address)
    assert "canary-token" not in f"{caught.value!r} {caught.value.detail} {caught.value.hint}"
    tokens = [each.headers["Authorization"] for each in server.asked]
    assert tokens == ["Bearer canary-token"] * MAX_LOST


# --- The command ---


def test_a_run_takes_vaults_address_and_token_from_the_secret(
    cluster: Cluster, kubeconfig: Kubeconfig, run: Run, vault: Vault, kv2: str
) -> None:
    vault.write(f"{kv2}/data/app", {"password": "from-the-real-vault"})
    values = {"vault_addr": vault.address, "VAULT_TOKEN": vault.token(f"{kv2}/data/app")}
    name = f"settings-of-{kv2}"
    cluster.apply(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": "argocd"},
                "stringData": values,
            }
        )
    )
    stdin = manifest({"a": "<password>"}, f"{kv2}/data/app")
    environ = {"VAULT_ADDR": "http://127.0.0.1:1", **kubeconfig()}
    assert fields(run("generate", "-", "-s", name, env=environ, stdin=stdin)) == {
        "a": "from-the-real-vault"
    }
    malformed = {**environ, "VAULT_ADDR": "vault.example:8200", "VAULT_CLIENT_TIMEOUT": "20"}
    overridden = run("generate", "-v", "-", "-s", name, env=malformed, stdin=stdin)
    assert 'a: "from-the-real-vault"' in overridden.out
    assert f"settings from the Secret argocd/{name} at https://127.0.0.1:" in overridden.err
    left = run("generate", "-", "-s", name, env={**malformed, "AVP_KV_VERSION": "3"}, stdin=stdin)
    assert left.code == 1
    failed = run("generate", "-v", "-", "-s", "gone", env=environ, stdin=stdin)
    assert (failed.code, failed.out) == (1, "")
    assert "1. there is no Secret gone in the namespace argocd\n   next: create it" in failed.err
    assert leaks.found(failed.err, [cluster.admin_token, *values.values()]) == []
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"https://127.0.0.1:{unused.getsockname()[1]}"
        nowhere = {**environ, **kubeconfig({"server": address})}
        result = run("generate", "-", "-s", "gone", env=nowhere, stdin=b"kind: ConfigMap\n")
    assert result.code == 0, "a Secret is read only where a placeholder needs it"


# --- A Secret that the Application names ---

ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    "token": {"VAULT_TOKEN": "canary-of-the-sidecar"},
    "approle": {"AVP_ROLE_ID": "canary-role", "AVP_SECRET_ID": "canary-of-the-sidecar"},
    "userpass": {"AVP_USERNAME": "sidecar", "AVP_PASSWORD": "canary-of-the-sidecar"},
    "github": {"AVP_GITHUB_TOKEN": "canary-of-the-sidecar"},
    "jwt": {"AVP_JWT_ROLE": "sidecar", "AVP_JWT": "canary-of-the-sidecar"},
    "a jwt in a file": {"AVP_JWT_ROLE": "sidecar", "AVP_JWT_PATH": "{file}"},
    "k8s": {"AVP_AUTH_TYPE": "k8s", "AVP_K8S_ROLE": "sidecar", "AVP_K8S_TOKEN_PATH": "{file}"},
}
"""What the sidecar can have to log in with; each holds the canary."""

CANARY = "canary-of-the-sidecar"


@pytest.fixture
def settled(cluster: Cluster) -> Callable[..., str]:
    """Write a Secret in a tenant's own namespace; return its name for an Application."""

    def settle(**values: str) -> str:
        name = f"avp-{abs(hash(frozenset(values.items())))}"
        metadata = {"name": name, "namespace": "team-1"}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}
        cluster.apply(yaml.safe_dump(body))
        return f"team-1:{name}"

    return settle


@pytest.fixture
def tenants_server() -> Iterator[StandIn]:
    """A server of the tenant that acts as Vault."""
    auth = {"client_token": "theirs", "lease_duration": 60, "renewable": False}
    health = {"initialized": True, "sealed": False, "standby": False, "version": "1.21.1"}
    secret = {"data": {"password": "theirs"}, "metadata": {}}
    with stand_in(as_json(200, {**health, "auth": auth, "data": secret})) as found:
        yield found


def sidecar(method: str, folder: Path) -> dict[str, str]:
    """The environment of a sidecar that logs in by a method."""
    file = folder / "token"
    file.write_text(CANARY)
    return {name: value.format(file=file) for name, value in ENVIRONMENTS[method].items()}


STDIN = manifest({"a": "<password>"}, "kv/data/app")


@pytest.mark.parametrize("method", ENVIRONMENTS)
def test_a_tenants_secret_gets_no_credential_of_the_sidecar(
    method: str,
    tenants_server: StandIn,
    kubeconfig: Kubeconfig,
    settled: Callable[..., str],
    run: Run,
    tmp_path: Path,
) -> None:
    env = {**kubeconfig(), **sidecar(method, tmp_path), "VAULT_ADDR": "https://vault.example"}
    address = tenants_server.address
    for values in (
        {"VAULT_ADDR": address},
        {"VAULT_AGENT_ADDR": address},
        {"VAULT_ADDR": address, "AVP_K8S_ROLE": "x", "AVP_JWT_ROLE": "x", "AVP_USERNAME": "x"},
        {"VAULT_PROXY_ADDR": address},
        {"VAULT_HTTP_PROXY": address, "VAULT_SKIP_VERIFY": "true"},
    ):
        name = settled(**values)
        parameter = json.dumps([{"name": "AVP_SECRET", "string": name}])
        for way in ({"ARGOCD_ENV_AVP_SECRET": name}, {"ARGOCD_APP_PARAMETERS": parameter}):
            result = run("generate", "-v", "-", env={**env, **way}, stdin=STDIN)
            assert (result.code, result.out) == (1, "")
            assert f"the Secret {name}, which the Application names, says where" in result.err
            assert leaks.found(result.err, [CANARY]) == []
    assert tenants_server.asked == []


@pytest.mark.parametrize("method", ENVIRONMENTS)
def test_without_the_guard_the_credential_reaches_the_tenant(
    method: str,
    tenants_server: StandIn,
    kubeconfig: Kubeconfig,
    settled: Callable[..., str],
    run: Run,
    tmp_path: Path,
) -> None:
    env = {**kubeconfig(), **sidecar(method, tmp_path), "VAULT_ADDR": "https://vault.example"}
    # A Secret that the operator names as well is not restricted.
    name = settled(VAULT_ADDR=tenants_server.address)
    env |= {"ARGOCD_ENV_AVP_SECRET": name, "AVP_SECRET": name}
    assert fields(run("generate", "-", env=env, stdin=STDIN)) == {"a": "theirs"}
    assert CANARY in str(tenants_server.asked)


@pytest.mark.parametrize("method", ENVIRONMENTS)
def test_a_tenant_may_bring_a_vault_with_its_credentials(
    method: str,
    tenants_server: StandIn,
    kubeconfig: Kubeconfig,
    settled: Callable[..., str],
    run: Run,
    tmp_path: Path,
) -> None:
    env = {**kubeconfig(), **sidecar(method, tmp_path), "VAULT_ADDR": "https://vault.example"}
    env.pop("AVP_AUTH_TYPE", None)
    name = settled(
        VAULT_ADDR=tenants_server.address, VAULT_TOKEN="own-token", AVP_AUTH_TYPE="token"
    )
    result = run("generate", "-", env={**env, "ARGOCD_ENV_AVP_SECRET": name}, stdin=STDIN)
    assert fields(result) == {"a": "theirs"}
    assert "own-token" in str(tenants_server.asked)
    assert CANARY not in str(tenants_server.asked)


def test_a_tenant_may_choose_a_role_of_the_operators_vault(
    tenants_server: StandIn,
    kubeconfig: Kubeconfig,
    settled: Callable[..., str],
    run: Run,
    tmp_path: Path,
) -> None:
    # It is the operator's here: the sidecar has its address, and the Secret may repeat that.
    env = {**kubeconfig(), **sidecar("k8s", tmp_path), "VAULT_ADDR": tenants_server.address}
    del env["AVP_K8S_ROLE"]
    name = settled(AVP_K8S_ROLE="team-1", VAULT_ADDR=f"{tenants_server.address}/")
    result = run("generate", "-", env={**env, "ARGOCD_ENV_AVP_SECRET": name}, stdin=STDIN)
    assert fields(result) == {"a": "theirs"}
    assert b'"role": "team-1"' in tenants_server.asked[0].body


@pytest.mark.parametrize("way", ["-s", "AVP_SECRET", "both", "trust"])
def test_a_named_or_trusted_secret_may_set_the_address(
    way: str,
    tenants_server: StandIn,
    kubeconfig: Kubeconfig,
    settled: Callable[..., str],
    run: Run,
    tmp_path: Path,
) -> None:
    env = {**kubeconfig(), **sidecar("token", tmp_path), "VAULT_ADDR": "https://vault.example"}
    name = settled(VAULT_ADDR=tenants_server.address)
    argv = ["-s", name] if way == "-s" else []
    if way in ("AVP_SECRET", "both"):
        env["AVP_SECRET"] = name
    if way in ("both", "trust"):
        env["ARGOCD_ENV_AVP_SECRET"] = name
    if way == "trust":
        rule = {"allow": ["kv/data/app"], "secrets": ["team-1:*"], "trust": ["address"]}
        policy = tmp_path / "policy.yaml"
        policy.write_text(json.dumps({"rules": [rule]}))
        env["AVP_POLICY"] = str(policy)
    assert fields(run("generate", "-", *argv, env=env, stdin=STDIN)) == {"a": "theirs"}


def test_a_tenants_secret_names_no_file_of_the_sidecar(
    tenants_server: StandIn,
    kubeconfig: Kubeconfig,
    settled: Callable[..., str],
    run: Run,
    tmp_path: Path,
) -> None:
    file = tmp_path / "file-of-the-sidecar"
    file.write_text(CANARY)
    login = {"AVP_AUTH_TYPE": "jwt", "AVP_JWT_ROLE": "x", "AVP_JWT_PATH": str(file)}
    name = settled(**login, VAULT_ADDR=tenants_server.address)
    env = {**kubeconfig(), "ARGOCD_ENV_AVP_SECRET": name}
    policy = tmp_path / "policy.yaml"
    env["AVP_POLICY"] = str(policy)
    for trust, message in (
        (["address"], "sets AVP_JWT_PATH to a file"),
        (["files"], "says where credentials are sent (VAULT_ADDR)"),
    ):
        rule = {"allow": ["kv/data/app"], "secrets": ["team-1:*"], "trust": trust}
        policy.write_text(json.dumps({"rules": [rule]}))
        result = run("generate", "-", env=env, stdin=STDIN)
        assert (result.code, result.out) == (1, "")
        assert f"the Secret {name}, which the Application names, {message}" in result.err
    assert tenants_server.asked == []
    policy.write_text(json.dumps({"rules": [{**rule, "trust": ["files", "address"]}]}))
    assert fields(run("generate", "-", env=env, stdin=STDIN)) == {"a": "theirs"}
    assert CANARY in str(tenants_server.asked), "so that is what the policy trusts it with"


def test_the_healthcheck_sends_no_credential_where_a_tenant_says(
    tenants_server: StandIn,
    kubeconfig: Kubeconfig,
    settled: Callable[..., str],
    run: Run,
    tmp_path: Path,
) -> None:
    env = {**kubeconfig(), **sidecar("approle", tmp_path)}
    env["ARGOCD_ENV_AVP_SECRET"] = settled(VAULT_ADDR=tenants_server.address)
    result = run("healthcheck", "--login", env=env)
    assert result.code == 1
    assert "which the Application names, says where credentials are sent" in result.out
    assert CANARY not in str(tenants_server.asked)
