"""TLS to a real Vault: CA certificates and client certificates; each setting has an effect."""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from urllib3.exceptions import InsecureRequestWarning

from avp_py.backends.vault.opening import open_backend
from tests.conftest import Run
from tests.integration.certificates import Certificate, openssl, self_signed, signed
from tests.integration.conftest import Fails
from tests.integration.manifests import fields, manifest
from tests.integration.stand_in import StandIn, secret, stand_in, tunnel
from tests.integration.vault import Vault, serve

pytestmark = pytest.mark.usefixtures("any_machine")

NAME = "vault.test"
PASSWORD = "hunter22"


@dataclass(frozen=True)
class Place:
    """The certificates of this module.

    Attributes:
        folder: where they are.
        authority: the CA of `here` and `named`.
        other: a CA that signed none of them.
        here: for 127.0.0.1.
        named: for vault.test alone.
        clients: the CA of clients.
        client: a client's certificate.
    """

    folder: Path
    authority: Certificate
    other: Certificate
    here: Certificate
    named: Certificate
    clients: Certificate
    client: Certificate


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Fresh certificates."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = self_signed(folder, "authority")
    clients = self_signed(folder, "clients")
    return Place(
        folder,
        authority,
        self_signed(folder, "other"),
        _server(authority, folder, "here", "IP:127.0.0.1"),
        _server(authority, folder, "named", f"DNS:{NAME}"),
        clients,
        signed(clients, folder, "/CN=avp-py"),
    )


def _server(
    authority: Certificate, folder: Path, name: str, alternative: str, *, days: int = 1
) -> Certificate:
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key")
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    extensions.write_text(f"subjectAltName={alternative}\n")
    openssl(
        "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-keyout", made.key, "-out", request, "-subj", f"/CN={name}",
    )  # fmt: skip
    openssl(
        "x509", "-req", "-in", request, "-out", made.certificate, "-days", days,
        "-CA", authority.certificate, "-CAkey", authority.key, "-set_serial", "0x42",
        "-extfile", extensions,
    )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def here(tools: Mapping[str, Path], place: Place) -> Iterator[Vault]:
    """A Vault whose certificate is for its address."""
    arguments = ("-tls-cert", place.here.certificate, "-tls-key", place.here.key)
    with serve(tools["vault"], *arguments) as facts:
        trust = str(place.authority.certificate)
        yield _filled(Vault(facts["address"], facts["root_token"], verify=trust))


@pytest.fixture(scope="module")
def strict(tools: Mapping[str, Path], place: Place) -> Iterator[Vault]:
    """A Vault whose certificate is for another name, and which requires a client certificate."""
    arguments = (
        *("-tls-cert", place.named.certificate, "-tls-key", place.named.key),
        *("-tls-client-ca", place.clients.certificate),
    )
    with serve(tools["vault"], *arguments) as facts:
        ours = (str(place.client.certificate), str(place.client.key))
        vault = Vault(facts["address"], facts["root_token"], verify=False, cert=ours)
        with pytest.warns(InsecureRequestWarning):
            _filled(vault)
        yield vault


def _filled(vault: Vault) -> Vault:
    vault.client.sys.enable_secrets_engine("kv", path="kv", options={"version": "1"})
    vault.write("kv/app", {"password": PASSWORD})
    return vault


@pytest.fixture
def env(here: Vault) -> Mapping[str, str]:
    """Variables with which a run reads from the Vault whose certificate is for its address."""
    return {"VAULT_ADDR": here.address, "VAULT_TOKEN": here.root_token, "AVP_KV_VERSION": "1"}


@pytest.fixture
def strict_env(strict: Vault, place: Place) -> Mapping[str, str]:
    """Variables with which a run reads from the strict Vault."""
    return {
        "VAULT_ADDR": strict.address,
        "VAULT_TOKEN": strict.root_token,
        "AVP_KV_VERSION": "1",
        "VAULT_CACERT": str(place.authority.certificate),
        "VAULT_TLS_SERVER_NAME": NAME,
        "VAULT_CLIENT_CERT": str(place.client.certificate),
        "VAULT_CLIENT_KEY": str(place.client.key),
    }


@pytest.fixture
def server(place: Place) -> Iterator[StandIn]:
    """A stand-in for Vault, with the certificate for its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place.here.certificate, place.here.key)
    with stand_in(secret({"password": PASSWORD}), context) as found:
        yield found


WANTED = manifest({"a": "<password>"}, "kv/app")
GIVEN = {"a": PASSWORD}


def _without(env: Mapping[str, str], *names: str) -> Mapping[str, str]:
    return {name: value for name, value in env.items() if name not in names}


def test_cacert_names_a_trusted_ca_certificate(
    run: Run, env: Mapping[str, str], place: Place
) -> None:
    own = {**env, "VAULT_CACERT": str(place.authority.certificate)}

    assert fields(run("generate", "-", env=own, stdin=WANTED)) == GIVEN


def test_the_servers_own_certificate_may_be_trusted(
    run: Run, env: Mapping[str, str], place: Place
) -> None:
    own = {**env, "VAULT_CACERT": str(place.here.certificate)}

    assert fields(run("generate", "-", env=own, stdin=WANTED)) == GIVEN


def test_capath_names_a_folder_of_ca_certificates(
    run: Run, env: Mapping[str, str], place: Place, tmp_path: Path
) -> None:
    # As Kubernetes mounts a ConfigMap: links to files in a hidden folder.
    hidden = tmp_path / "trust" / "..2024_01_01"
    hidden.mkdir(parents=True)
    (tmp_path / "trust" / "..data").symlink_to(hidden.name)
    for each in (place.authority, place.other):
        (hidden / each.certificate.name).write_bytes(each.certificate.read_bytes())
        link = tmp_path / "trust" / each.certificate.name
        link.symlink_to(f"..data/{each.certificate.name}")
    own = {**env, "VAULT_CAPATH": str(tmp_path / "trust")}

    assert fields(run("generate", "-", env=own, stdin=WANTED)) == GIVEN


def test_cacert_wins_over_capath(
    fails: Fails, run: Run, env: Mapping[str, str], place: Place, tmp_path: Path
) -> None:
    (tmp_path / "other.pem").write_bytes(place.other.certificate.read_bytes())
    own = {**env, "VAULT_CACERT": str(place.authority.certificate), "VAULT_CAPATH": str(tmp_path)}

    assert fields(run("generate", "-", env=own, stdin=WANTED)) == GIVEN
    said = fails(WANTED, _without(own, "VAULT_CACERT"))
    assert "is not signed by a trusted CA" in said


def test_cacert_bytes_holds_the_text_of_ca_certificates(
    fails: Fails, run: Run, env: Mapping[str, str], place: Place, tmp_path: Path
) -> None:
    (tmp_path / "other.pem").write_bytes(place.other.certificate.read_bytes())
    good, other = (each.certificate.read_text() for each in (place.authority, place.other))

    for trust in (
        {"VAULT_CACERT_BYTES": good},
        {"VAULT_CACERT_BYTES": f"# the first\n{other}{good}"},
        {"VAULT_CACERT_BYTES": good, "VAULT_CAPATH": str(tmp_path)},
        {"VAULT_CACERT_BYTES": other, "VAULT_CACERT": str(place.authority.certificate)},
    ):
        assert fields(run("generate", "-", env={**env, **trust}, stdin=WANTED)) == GIVEN

    said = fails(WANTED, {**env, "VAULT_CACERT_BYTES": other})
    assert "is not signed by a trusted CA" in said


def test_without_either_the_ca_certificates_of_the_system_apply(
    fails: Fails,
    run: Run,
    env: Mapping[str, str],
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = fails(WANTED, env)
    untrusted = f"the TLS certificate of {env['VAULT_ADDR']} is not signed by a trusted CA: "
    assert f"{untrusted}unable to get local issuer" in said
    assert "next: set VAULT_CACERT to a PEM file with the CA certificate that signed it" in said

    monkeypatch.setenv("SSL_CERT_FILE", str(place.authority.certificate))
    assert fields(run("generate", "-", env=env, stdin=WANTED)) == GIVEN


@pytest.mark.parametrize("setting", ["VAULT_CACERT", "VAULT_CAPATH", None])
def test_the_ca_bundle_of_requests_is_not_trusted_in_addition(
    fails: Fails,
    env: Mapping[str, str],
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    setting: str | None,
) -> None:
    (tmp_path / "other.pem").write_bytes(place.other.certificate.read_bytes())
    chosen = {"VAULT_CACERT": str(tmp_path / "other.pem"), "VAULT_CAPATH": str(tmp_path)}
    own = {**env, setting: chosen[setting]} if setting else env
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(place.authority.certificate))

    assert "is not signed by a trusted CA" in fails(WANTED, own)


def test_the_ca_bundle_of_requests_does_not_override_cacert(
    run: Run, env: Mapping[str, str], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(place.other.certificate))
    own = {**env, "VAULT_CACERT": str(place.authority.certificate)}

    assert fields(run("generate", "-", env=own, stdin=WANTED)) == GIVEN


def test_an_untrusted_certificate_is_not_retried(run: Run, place: Place, server: StandIn) -> None:
    pauses: list[float] = []
    own = {
        "VAULT_ADDR": server.address,
        "VAULT_TOKEN": "hvs.some-token",
        "VAULT_CACERT": str(place.other.certificate),
    }

    opener = partial(open_backend, sleep=pauses.append)
    result = run("generate", "-", env=own, stdin=WANTED, opener=opener)

    assert "is not signed by a trusted CA" in result.err
    assert server.asked == []
    assert pauses == []


def test_skip_verify_trusts_anyone(run: Run, env: Mapping[str, str]) -> None:
    own = {**env, "VAULT_SKIP_VERIFY": "true"}

    assert fields(run("generate", "-", env=own, stdin=WANTED)) == GIVEN


def test_the_server_name_must_match(fails: Fails, env: Mapping[str, str], place: Place) -> None:
    trusting = {**env, "VAULT_CACERT": str(place.authority.certificate)}

    said = fails(WANTED, {**trusting, "VAULT_TLS_SERVER_NAME": "other.test"})

    address = env["VAULT_ADDR"]
    assert f"1. the TLS certificate of {address} is for another name: " in said
    assert "certificate is not valid for 'other.test'\n" in said
    assert "VAULT_TLS_SERVER_NAME" in said
    assert "VAULT_CACERT" not in said
    assert "VAULT_CLIENT_CERT" not in said


def test_an_expired_certificate_is_reported(fails: Fails, place: Place) -> None:
    own = _server(place.authority, place.folder, "old", "IP:127.0.0.1", days=-1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key)
    with stand_in(secret({"password": PASSWORD}), context) as old:
        settings = {"VAULT_ADDR": old.address, "VAULT_TOKEN": "t"}
        trusting = {**settings, "VAULT_CACERT": str(place.authority.certificate)}
        said = fails(WANTED, trusting)

    assert f"1. the TLS certificate of {old.address} is expired, or not valid yet: " in said
    assert "certificate has expired\n" in said
    assert "next: renew the certificate of the server, and check the clock" in said
    assert "VAULT_CACERT" not in said


def test_server_name_and_client_certificate_open_a_strict_vault(
    run: Run, strict_env: Mapping[str, str]
) -> None:
    assert fields(run("generate", "-", env=strict_env, stdin=WANTED)) == GIVEN


def test_skip_verify_still_shows_who_we_are(run: Run, strict_env: Mapping[str, str]) -> None:
    own = _without(strict_env, "VAULT_CACERT", "VAULT_TLS_SERVER_NAME")

    result = run("generate", "-", env={**own, "VAULT_SKIP_VERIFY": "1"}, stdin=WANTED)

    assert fields(result) == GIVEN


def test_without_the_server_name_the_address_must_fit(
    fails: Fails, strict_env: Mapping[str, str]
) -> None:
    said = fails(WANTED, _without(strict_env, "VAULT_TLS_SERVER_NAME"))

    assert "certificate is not valid for '127.0.0.1'" in said


@pytest.mark.parametrize("which", ["none", "of another authority"])
def test_a_client_certificate_that_vault_rejects_is_reported(
    fails: Fails, strict_env: Mapping[str, str], place: Place, which: str
) -> None:
    own = dict(_without(strict_env, "VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY"))
    if which != "none":
        wrong = signed(place.other, place.folder, "/CN=avp-py")
        own |= {"VAULT_CLIENT_CERT": str(wrong.certificate), "VAULT_CLIENT_KEY": str(wrong.key)}

    said = fails(WANTED, own)

    what = "requires a" if which == "none" else "rejected our"
    assert f"1. the server at {own['VAULT_ADDR']} {what} client certificate (" in said
    assert "next: set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY" in said
    assert "VAULT_CACERT" not in said


def test_http_to_a_vault_that_speaks_https_is_reported(
    fails: Fails, env: Mapping[str, str]
) -> None:
    address = env["VAULT_ADDR"].replace("https:", "http:")

    said = fails(WANTED, {**env, "VAULT_ADDR": address})

    assert f"1. the server at {address} speaks TLS, not plain HTTP\n" in said
    assert f"next: set VAULT_ADDR to {env['VAULT_ADDR']}\n" in said


def test_a_tls_alert_to_plain_http_is_recognised(fails: Fails) -> None:
    # As HAProxy and other servers built on OpenSSL do.
    with stand_in(lambda exchange: exchange.raw(b"\x15\x03\x01\x00\x02\x02\x0a")) as server:
        said = fails(WANTED, {"VAULT_ADDR": server.address, "VAULT_TOKEN": "t"})

    assert f"1. the server at {server.address} speaks TLS, not plain HTTP\n" in said


def test_https_to_a_vault_that_speaks_http_is_reported(fails: Fails, vault: Vault) -> None:
    address = vault.address.replace("http:", "https:")

    said = fails(WANTED, {"VAULT_ADDR": address, "VAULT_TOKEN": vault.root_token})

    assert f"1. the server at {address} does not speak TLS, but most likely plain HTTP (" in said
    assert (
        f"next: set VAULT_ADDR to {vault.address} if that is meant, or turn on TLS there\n" in said
    )
    assert "VAULT_CACERT" not in said


def _bad_files(place: Place, folder: Path) -> Mapping[str, tuple[Mapping[str, Path | str], str]]:
    """Invalid settings, and their messages."""
    garbage = folder / "garbage.pem"
    garbage.write_text("-----BEGIN CERTIFICATE-----\ncanary\n")
    mixed = folder / "mixed"
    mixed.mkdir()
    (mixed / "a.pem").write_bytes(place.authority.certificate.read_bytes())
    (mixed / "b.txt").write_text("canary: not PEM")
    empty = folder / "empty"
    empty.mkdir()
    locked = folder / "locked.key"
    openssl("ec", "-in", place.client.key, "-aes256", "-passout", "pass:canary", "-out", locked)
    none = folder / "none.pem"
    cert, key = place.client
    return {
        "no cacert": ({"VAULT_CACERT": none}, f"VAULT_CACERT: {none} cannot be read: No such file"),
        "cacert is a folder": ({"VAULT_CACERT": empty}, f"VAULT_CACERT: {empty} cannot be"),
        "cacert is garbage": ({"VAULT_CACERT": garbage}, f"VAULT_CACERT: {garbage} cannot be used"),
        "cacert bytes are garbage": (
            {"VAULT_CACERT_BYTES": "-----BEGIN CERTIFICATE-----\ncanary\n"},
            "VAULT_CACERT_BYTES: its text cannot be used",
        ),
        "no capath": ({"VAULT_CAPATH": none}, f"VAULT_CAPATH: there is no file in {none}"),
        "empty capath": ({"VAULT_CAPATH": empty}, f"VAULT_CAPATH: there is no file in {empty}"),
        "mixed capath": ({"VAULT_CAPATH": mixed}, f"VAULT_CAPATH: {mixed / 'b.txt'} cannot be"),
        "no key": ({"VAULT_CLIENT_CERT": cert}, "VAULT_CLIENT_KEY is not set"),
        "no cert": ({"VAULT_CLIENT_KEY": key}, "VAULT_CLIENT_CERT is not set"),
        "missing key": (
            {"VAULT_CLIENT_CERT": cert, "VAULT_CLIENT_KEY": none},
            f"VAULT_CLIENT_KEY: {none} cannot be read: No such file",
        ),
        "missing cert": (
            {"VAULT_CLIENT_CERT": none, "VAULT_CLIENT_KEY": key},
            f"VAULT_CLIENT_CERT: {none} cannot be read: No such file",
        ),
        "another's key": (
            {"VAULT_CLIENT_CERT": cert, "VAULT_CLIENT_KEY": place.here.key},
            f"VAULT_CLIENT_KEY: {cert} and {place.here.key} cannot be used: key values mismatch",
        ),
        "a key with a password": (
            {"VAULT_CLIENT_CERT": cert, "VAULT_CLIENT_KEY": locked},
            f"VAULT_CLIENT_CERT and VAULT_CLIENT_KEY: {cert} and {locked} cannot be used",
        ),
    }


BAD_FILES = (
    *("no cacert", "cacert is a folder", "cacert is garbage", "cacert bytes are garbage"),
    *("no capath", "empty capath", "mixed capath", "no key", "no cert"),
    *("missing key", "missing cert", "another's key", "a key with a password"),
)


@pytest.mark.parametrize("name", BAD_FILES)
def test_an_unusable_file_is_reported_before_any_request(
    fails: Fails, place: Place, server: StandIn, tmp_path: Path, name: str
) -> None:
    settings, expected = _bad_files(place, tmp_path)[name]
    own = {"VAULT_ADDR": server.address, "VAULT_TOKEN": "hvs.some-token"}

    said = fails(WANTED, {**own, **{k: str(v) for k, v in settings.items()}}, secrets=("canary",))

    assert expected in said
    assert "next: " in said
    assert server.connections == 0


@pytest.mark.parametrize("name", BAD_FILES)
def test_an_unusable_file_is_reported_even_if_not_needed(
    fails: Fails, place: Place, tmp_path: Path, name: str
) -> None:
    settings, expected = _bad_files(place, tmp_path)[name]
    own = {"VAULT_TOKEN": "hvs.some-token", **{k: str(v) for k, v in settings.items()}}

    for unneeded in (
        {"VAULT_ADDR": "http://127.0.0.1:1"},
        {"VAULT_ADDR": "https://127.0.0.1:1", "VAULT_SKIP_VERIFY": "true"},
    ):
        assert expected in fails(WANTED, {**own, **unneeded}, secrets=("canary",))


def test_a_redirect_from_https_to_http_is_not_followed(
    fails: Fails, place: Place, server: StandIn
) -> None:
    with stand_in(secret({"password": PASSWORD})) as plain:
        server.answer = lambda exchange: exchange.reply(307, b"", Location=f"{plain.address}/x")
        own = {
            "VAULT_ADDR": server.address,
            "VAULT_TOKEN": "hvs.some-token",
            "VAULT_CACERT": str(place.authority.certificate),
        }

        said = fails(WANTED, own)

        assert f"{server.address} redirects more than once, or away from https" in said
        assert plain.connections == 0


def test_a_redirect_to_https_is_followed_with_the_same_trust(
    fails: Fails, run: Run, place: Place, server: StandIn
) -> None:
    text = manifest({"a": "<password>"}, "kv/data/app")
    with stand_in(
        lambda exchange: exchange.reply(307, b"", Location=f"{server.address}{exchange.path}")
    ) as plain:
        own = {"VAULT_ADDR": plain.address, "VAULT_TOKEN": "hvs.some-token"}
        trusting = {**own, "VAULT_CACERT": str(place.authority.certificate)}
        assert fields(run("generate", "-", env=trusting, stdin=text)) == GIVEN
        said = fails(text, own)
    assert f"the TLS certificate of {server.address} is not signed by a trusted CA" in said


def test_a_tunnel_through_a_proxy_keeps_tls_to_vault(
    fails: Fails, run: Run, place: Place, env: Mapping[str, str]
) -> None:
    with stand_in(tunnel) as proxy:
        own = {
            **env,
            "HTTPS_PROXY": proxy.address,
            "VAULT_ADDR": env["VAULT_ADDR"].replace("127.0.0.1", "vault.example.invalid"),
            "VAULT_CACERT": str(place.authority.certificate),
            "VAULT_TLS_SERVER_NAME": "127.0.0.1",
        }
        assert fields(run("generate", "-", env=own, stdin=WANTED)) == GIVEN
        assert [each.method for each in proxy.asked] == ["CONNECT"]
        assert "X-Vault-Token" not in proxy.asked[0].headers
        said = fails(WANTED, _without(own, "VAULT_TLS_SERVER_NAME"))
        assert "certificate is not valid for 'vault.example.invalid'" in said
