"""KUBECONFIG, or the service account of a pod: reading the access from files."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from avp_py.errors import AvpError, ClusterError, DocumentError, SettingsError
from avp_py.kubernetes.access import Access, in_cluster
from avp_py.kubernetes.kubeconfig import read_kubeconfig
from avp_py.settings import Sensitive

TOKEN = "canary.of-the.token"
KEY = "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SERVER = "https://api.example:6443"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def config(
    cluster: Mapping[str, Any] | None = None, user: Mapping[str, Any] | None = None, **top: Any
) -> Mapping[str, Any]:
    """A kubeconfig whose current context is `here`; arguments replace defaults."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [
            {"name": "there", "context": {"cluster": "other", "user": "other"}},
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "ignored"}},
        ],
        "clusters": [
            {"name": "other", "cluster": {"server": "https://other.example"}},
            {"name": "c", "cluster": {"server": SERVER, **(cluster or {})}},
        ],
        "users": [{"name": "u", "user": {"token": TOKEN} if user is None else user}],
        **top,
    }


NOT_A_TOKEN = "token contains characters that are not printable ASCII"
NOT_A_HOST = "KUBERNETES_SERVICE_HOST is not a host name or an IP address"


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def read(path: Path, content: Mapping[str, Any]) -> Access:
    path.write_text(yaml.safe_dump(content))
    return read_kubeconfig(str(path))


def refuse(path: Path, content: Mapping[str, Any] | str) -> AvpError:
    """Return the error of a file; the message must not contain its secrets."""
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    with pytest.raises((SettingsError, DocumentError)) as caught:
        read_kubeconfig(str(path))
    for secret in ("canary", encoded(KEY)[:40], "Y2FuYXJ5"):
        assert secret not in caught.value.reason + caught.value.hint
    return caught.value


def test_the_current_context_with_a_token(kubeconfig: Path) -> None:
    assert read(kubeconfig, config()) == Access(
        server=SERVER,
        source=str(kubeconfig),
        ca_certificates=None,
        token=Sensitive(TOKEN),
    )


def test_everything_about_the_server(kubeconfig: Path) -> None:
    found = read(
        kubeconfig,
        config(
            {
                "server": "https://rancher.example/k8s/clusters/c-1/",
                "certificate-authority-data": encoded(f"a remark: \N{BULLET}\n{PEM}{PEM}"),
                "certificate-authority": "/no/such/file",
                "tls-server-name": "kubernetes.default.svc",
                "proxy-url": "http://me:canary@proxy.example:3128",
            }
        ),
    )
    assert found.server == "https://rancher.example/k8s/clusters/c-1"
    assert found.ca_certificates == PEM + PEM
    assert found.server_name == "kubernetes.default.svc"
    assert found.proxy == Sensitive("http://me:canary@proxy.example:3128")
    assert found.verify


def test_verification_is_off_only_when_it_says_so(kubeconfig: Path) -> None:
    assert read(kubeconfig, config({"insecure-skip-tls-verify": False})).verify
    assert not read(kubeconfig, config({"insecure-skip-tls-verify": True})).verify


def test_relative_files_are_looked_up_next_to_the_kubeconfig(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kubeconfig.parent
    for name, text in (("ca", PEM), ("crt", PEM), ("key", KEY), ("token", f" {TOKEN}\n")):
        (folder / name).write_text(text)
    user = {"tokenFile": "token", "client-certificate": "crt", "client-key": "key"}
    found = read(kubeconfig, config({"certificate-authority": "ca"}, user))
    assert found.ca_certificates == PEM
    assert found.token == Sensitive(TOKEN)
    assert found.client_certificate is not None
    assert found.client_certificate.chain == PEM
    assert found.client_certificate.key == Sensitive(KEY)

    monkeypatch.chdir(folder)
    assert read_kubeconfig("config.yaml").ca_certificates == PEM


def test_data_beats_a_file_and_a_token_file_beats_a_token(kubeconfig: Path) -> None:
    (kubeconfig.parent / "token").write_text(TOKEN)
    user = {
        "token": "older",
        "tokenFile": "token",
        "client-certificate": "/no/such/file",
        "client-certificate-data": encoded(PEM),
        "client-key": "/no/such/file",
        "client-key-data": encoded(KEY),
    }
    found = read(kubeconfig, config(user=user))
    assert found.token == Sensitive(TOKEN)
    assert found.client_certificate is not None
    assert found.client_certificate.key == Sensitive(KEY)


def test_nothing_secret_is_in_the_repr(kubeconfig: Path) -> None:
    user = {
        "token": TOKEN,
        "client-certificate-data": encoded(PEM),
        "client-key-data": encoded(KEY),
    }
    text = repr(read(kubeconfig, config({"proxy-url": "http://a:canary@proxy.example"}, user)))
    assert "canary" not in text
    assert "Y2FuYXJ5" not in text
    assert "***" in text


def test_json_and_a_byte_order_mark_are_fine(kubeconfig: Path) -> None:
    text = yaml.safe_dump(config(), default_flow_style=True)
    kubeconfig.write_text(f"\N{BYTE ORDER MARK}{text}")
    assert read_kubeconfig(str(kubeconfig)).server == SERVER


def test_merge_keys_count(kubeconfig: Path) -> None:
    text = yaml.safe_dump(config())
    kubeconfig.write_text(text.replace(f"server: {SERVER}", f"<<: {{server: '{SERVER}'}}"))
    assert "<<" in kubeconfig.read_text()
    assert read_kubeconfig(str(kubeconfig)).server == SERVER


def test_the_first_file_of_a_list_that_exists_counts(kubeconfig: Path) -> None:
    kubeconfig.write_text(yaml.safe_dump(config()))
    second = kubeconfig.with_name("second")
    second.write_text("not: looked at")
    listed = os.pathsep.join(["/no/such/file", "", str(kubeconfig), str(second)])
    assert read_kubeconfig(listed).server == SERVER


def test_a_list_without_a_file_that_exists() -> None:
    with pytest.raises(SettingsError) as caught:
        read_kubeconfig(os.pathsep.join(["/no/such/file", "/nor/this"]))
    assert caught.value.reason == "KUBECONFIG: file not found: /no/such/file, /nor/this"


def test_a_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_kubeconfig(str(tmp_path))
    assert caught.value.reason == f"KUBECONFIG: cannot read {tmp_path}: Is a directory"


@pytest.mark.parametrize(
    "field", ["exec", "auth-provider", "username", "password", "as", "as-groups", "as-user-extra"]
)
def test_other_ways_to_log_in_say_what_to_use_instead(kubeconfig: Path, field: str) -> None:
    value = "canary" if field in ("username", "password", "as") else {"command": "canary"}
    error = refuse(kubeconfig, config(user={"token": TOKEN, field: value}))
    assert error.reason == f"{kubeconfig}: users[u]: {field} is not supported"
    assert "tokenFile" in error.hint


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_field_counts_as_unset(kubeconfig: Path, empty: str | None) -> None:
    found = read(kubeconfig, config({"proxy-url": empty}, {"token": TOKEN, "exec": empty}))
    assert (found.proxy, found.token) == (None, Sensitive(TOKEN))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({**config(), "current-context": ""}, "current-context is not set"),
        (
            {**config(), "current-context": "gone"},
            "contexts has no item 'gone'",
        ),
        (config(clusters=None), "clusters has no item 'c'"),
        (config(users=[]), "users has no item 'u'"),
        (
            config(contexts=[{"name": "here", "context": {"user": "u"}}]),
            "the cluster of the current context is not set",
        ),
        (
            config(contexts=[{"name": "here", "context": {"cluster": "c"}}]),
            "the user of the current context is not set",
        ),
        (config(user={}), "users[u]: no credentials are set"),
        (config(user={"client-key-data": encoded(KEY)}), "users[u]: client-certificate is not set"),
        (config(user={"client-certificate-data": encoded(PEM)}), "users[u]: client-key is not set"),
        (
            config({"server": "http://api.example"}),
            "clusters[c]: the server http://api.example does not use TLS",
        ),
        (
            config({"insecure-skip-tls-verify": True, "certificate-authority-data": encoded(PEM)}),
            "clusters[c]: insecure-skip-tls-verify and certificate-authority are both set",
        ),
        (
            config({"certificate-authority": "/no/such/file"}),
            "clusters[c]: certificate-authority: cannot read /no/such/file: No such file or "
            "directory",
        ),
        (
            config(user={"tokenFile": "/no/such/file"}),
            "users[u]: tokenFile: cannot read /no/such/file: No such file or directory",
        ),
        (
            config({"certificate-authority-data": encoded("canary")}),
            "clusters[c]: certificate-authority-data has no PEM certificate",
        ),
        (
            config(user={"token": "canary\nX-Header: canary"}),
            NOT_A_TOKEN,
        ),
        (
            config(user={"token": "canary\u00e9"}),
            NOT_A_TOKEN,
        ),
    ],
)
def test_what_cannot_be_used(kubeconfig: Path, content: Mapping[str, Any], reason: str) -> None:
    error = refuse(kubeconfig, content)
    assert isinstance(error, SettingsError)
    assert error.reason == f"{kubeconfig}: {reason}"
    assert error.hint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", ": the file must be a mapping"),
        ("- a", ": the file must be a mapping"),
        ("a: [canary", ", line 1, column 11: not valid YAML: did not find expected ',' or ']'"),
        ("a:\n\tcanary: b", ", line 2, column 1: a tab where YAML requires spaces"),
        ("current-context: [a]", ": current-context must be a string"),
        ("current-context: a\ncontexts: {a: b}", ": contexts must be a list of mappings"),
        ("current-context: a\ncontexts: [a]", ": contexts must be a list of mappings"),
        ("current-context: a\ncontexts: [{name: a}]", ": contexts[a].context must be a mapping"),
    ],
)
def test_a_malformed_file(kubeconfig: Path, text: str, reason: str) -> None:
    error = refuse(kubeconfig, text)
    assert isinstance(error, DocumentError)
    assert error.reason.startswith(f"{kubeconfig}{reason}")
    assert error.hint


@pytest.mark.parametrize(
    ("cluster", "user", "what"),
    [
        ({"server": "api.example:6443"}, None, "server must be a URL such as https://"),
        ({"server": ""}, None, "server must be a URL such as https://"),
        (
            {"server": "https://me:canary@api.example"},
            None,
            "server must be a URL such as https://",
        ),
        ({"server": "https://api.example?canary"}, None, "server must be a URL such as https://"),
        ({"server": "https://api.example:99999"}, None, "server must be a URL such as https://"),
        ({"server": "https://[::1"}, None, "server must be a URL such as https://"),
        ({"server": "https://[fe80::1%eth0]"}, None, "server must be a URL such as https://"),
        ({"server": "https://a..b"}, None, "server must be a URL such as https://"),
        ({"server": f"https://{'a' * 64}.example"}, None, "server must be a URL such as https://"),
        ({"tls-server-name": ".a"}, None, "tls-server-name must be a host name"),
        ({"tls-server-name": "canary\u00e9"}, None, "tls-server-name must be a host name"),
        ({"server": "https://api.example/a b"}, None, "server must be a URL such as https://"),
        ({"server": ["canary"]}, None, "server must be a string"),
        ({"proxy-url": "socks5://me:canary@proxy.example"}, None, "proxy-url must be a URL such"),
        ({"proxy-url": "http://proxy.example:canary"}, None, "proxy-url must be a URL such"),
        ({"insecure-skip-tls-verify": "canary"}, None, "insecure-skip-tls-verify must be true or"),
        ({"certificate-authority-data": "canary!"}, None, "certificate-authority-data must be bas"),
        ({}, {"token": ["canary"]}, "token must be a string"),
        ({}, {"client-key-data": "canary"}, "client-key-data must be base64"),
    ],
)
def test_a_malformed_field(
    kubeconfig: Path, cluster: Mapping[str, Any], user: Mapping[str, Any] | None, what: str
) -> None:
    error = refuse(kubeconfig, config(cluster, user))
    assert isinstance(error, DocumentError)
    item = "clusters[c]" if user is None else "users[u]"
    assert error.reason.startswith(f"{kubeconfig}: {item}: {what}")
    assert error.hint


def test_loopback_may_be_without_tls_and_gets_no_credentials(kubeconfig: Path) -> None:
    for server in ("http://127.0.0.1:8001", "http://localhost:8001", "http://[::1]:8001"):
        found = read(kubeconfig, config({"server": server}))
        assert found.server == server
        assert (found.token, found.client_certificate) == (None, None)


@pytest.fixture
def pod(tmp_path: Path) -> Path:
    """The folder of a service account."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "ca.crt").write_text(PEM)
    return tmp_path


def of_a_pod(host: str = "10.0.0.1", port: str = "443") -> Mapping[str, str]:
    return {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("10.0.0.1", "https://10.0.0.1:443"),
        ("fd00:10:96::1", "https://[fd00:10:96::1]:443"),
        ("kubernetes.default.svc", "https://kubernetes.default.svc:443"),
    ],
)
def test_a_pod_has_all_that_is_needed(pod: Path, host: str, server: str) -> None:
    assert in_cluster(of_a_pod(host), pod) == Access(
        server=server,
        source=str(pod),
        is_pod=True,
        ca_certificates=PEM,
        token=Sensitive(TOKEN),
    )


@pytest.mark.parametrize("environ", [{}, of_a_pod(host=""), of_a_pod(port="")])
def test_neither_a_pod_nor_a_kubeconfig(environ: Mapping[str, str]) -> None:
    with pytest.raises(ClusterError) as caught:
        in_cluster(environ)
    assert "not running in a pod, and KUBECONFIG is not set" in caught.value.reason
    assert "-c" in caught.value.hint


@pytest.mark.parametrize("missing", ["token", "ca.crt"])
def test_a_pod_without_a_service_account(pod: Path, missing: str) -> None:
    (pod / missing).unlink()
    with pytest.raises(ClusterError) as caught:
        in_cluster(of_a_pod(), pod)
    assert caught.value.reason == (
        f"cannot read the pod's service account: {pod / missing}: No such file or directory"
    )
    assert "automountServiceAccountToken" in caught.value.hint


@pytest.mark.parametrize(
    ("environ", "files", "reason"),
    [
        (of_a_pod(host="a/b"), {}, NOT_A_HOST),
        (
            of_a_pod(host="[fd00::1]"),
            {},
            NOT_A_HOST,
        ),
        (of_a_pod(host="a@b"), {}, NOT_A_HOST),
        (of_a_pod(port="0"), {}, "KUBERNETES_SERVICE_PORT is not a port number"),
        (of_a_pod(port="tcp://10.0.0.1"), {}, "KUBERNETES_SERVICE_PORT is not a port number"),
        (of_a_pod(), {"token": " \n"}, "{pod}/token is empty"),
        (
            of_a_pod(),
            {"token": "a\nb"},
            f"{{pod}}/{NOT_A_TOKEN}",
        ),
        (of_a_pod(), {"ca.crt": "canary"}, "{pod}/ca.crt has no PEM certificate"),
    ],
)
def test_a_pod_with_something_malformed(
    pod: Path, environ: Mapping[str, str], files: Mapping[str, str], reason: str
) -> None:
    for name, text in files.items():
        (pod / name).write_text(text)
    with pytest.raises(SettingsError) as caught:
        in_cluster(environ, pod)
    assert caught.value.reason == reason.format(pod=pod)
    assert caught.value.hint
