"""What a Secret named by an Application may set: its own Vault, but nothing of the sidecar."""

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avp_py.backends.vault.auth import AUTH_METHODS, LoginRequest, open_auth
from avp_py.errors import GenerateError, SettingsError
from avp_py.settings import TABLE, Owner, Sensitive, Settings, Trust, VaultSettings, declared, parse
from tests.settings import load_with_secret

NAMES = {
    trust: {setting.name for setting in TABLE if setting.trust is trust} for trust in (*Trust, None)
}
VALUES = {
    "AVP_JWT_PATH": "/run/jwt",
    "AVP_K8S_TOKEN_PATH": "/run/token",
    "VAULT_CACERT": "/run/ca.pem",
    "VAULT_CAPATH": "/run/ca",
    "VAULT_CLIENT_CERT": "/run/cert.pem",
    "VAULT_CLIENT_KEY": "/run/key.pem",
    "AVP_MOUNT_PATH": "auth/theirs",
    "AVP_K8S_MOUNT_PATH": "auth/theirs",
    "VAULT_ADDR": "https://theirs.example",
    "VAULT_AGENT_ADDR": "https://theirs.example",
    "VAULT_NAMESPACE": "theirs",
    "VAULT_CACERT_BYTES": "-----BEGIN CERTIFICATE-----",
    "VAULT_TLS_SERVER_NAME": "theirs.example",
    "VAULT_SKIP_VERIFY": "true",
    "VAULT_PROXY_ADDR": "http://theirs.example:3128",
    "VAULT_HTTP_PROXY": "http://theirs.example:3128",
    "VAULT_DISABLE_REDIRECTS": "true",
}
"""What is not the sidecar's to be told, each with a value."""

CREDENTIALS = {
    "token": ("VAULT_TOKEN",),
    "approle": ("AVP_ROLE_ID", "AVP_SECRET_ID"),
    "userpass": ("AVP_USERNAME", "AVP_PASSWORD"),
    "github": ("AVP_GITHUB_TOKEN",),
    "jwt": ("AVP_JWT",),
}
"""The methods whose credentials a Secret can hold."""

ROLES = {"AVP_JWT_ROLE": "role", "AVP_K8S_ROLE": "role", "AVP_CERT_ROLE": "role"}


def judged(environ: Mapping[str, str], secret: Mapping[str, str], *trusted: Trust) -> Settings:
    return load_with_secret(environ, secret, "team:avp", frozenset(trusted))


def opened(environ: Mapping[str, str], secret: Mapping[str, str], *trusted: Trust) -> str:
    """The name of the auth method that would be used."""
    settings = judged(environ, secret, *trusted)
    return open_auth(settings.vault, settings.secret).name


def refusal(environ: Mapping[str, str], secret: Mapping[str, str]) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        opened(environ, secret)
    return caught.value


def credentials(method: str, word: str) -> dict[str, str]:
    return dict.fromkeys(CREDENTIALS[method], word) | {"AVP_AUTH_TYPE": method}


def test_every_setting_of_files_and_addresses_is_looked_at() -> None:
    assert NAMES[Trust.FILES] | NAMES[Trust.ADDRESS] == VALUES.keys()
    for setting in TABLE:
        may_be_in_a_secret = setting.owner is Owner.OPERATOR or setting.in_secret
        if may_be_in_a_secret and setting.parse is parse.file_path:
            assert setting.trust is Trust.FILES, setting.name
        if may_be_in_a_secret and setting.parse in (parse.address, parse.proxy, parse.pem):
            assert setting.trust is Trust.ADDRESS, setting.name


def test_every_method_says_which_settings_hold_its_credentials() -> None:
    names = {setting.name for _, setting in declared(VaultSettings)}
    for method in AUTH_METHODS.values():
        assert method.credentials == set(CREDENTIALS.get(method.name, ())), method.name
        assert method.credentials <= names


@pytest.mark.parametrize("name", sorted(NAMES[Trust.FILES]))
def test_files_of_the_sidecar_are_not_named_by_such_a_secret(name: str) -> None:
    secret = {**credentials("token", "own"), name: VALUES[name]}
    with pytest.raises(GenerateError) as caught:
        judged({}, secret)
    (failure,) = caught.value.failures
    assert failure.reason == (
        f"the Secret team:avp, which the Application names, sets {name} to a file of the sidecar"
    )
    assert failure.hint == (
        "remove it from the Secret, or ask the operator to name that Secret (-s, or AVP_SECRET of "
        "the sidecar), or to trust it in the policy (trust: [files])"
    )
    with pytest.raises(GenerateError):
        judged({}, secret, Trust.ADDRESS)
    assert judged({}, secret, Trust.FILES).secret is not None
    assert judged({name: VALUES[name]}, secret).secret is not None, "the sidecar's own word"


@pytest.mark.parametrize("name", ["VAULT_ADDR", "VAULT_AGENT_ADDR"])
def test_a_socket_is_a_file_of_the_sidecar(name: str) -> None:
    secret = {**credentials("token", "own"), name: "unix:///run/agent.sock"}
    with pytest.raises(GenerateError, match="1 failure"):
        judged({}, secret)
    assert opened({}, secret, Trust.FILES) == "token"


@pytest.mark.parametrize("name", sorted(NAMES[Trust.ADDRESS]))
@pytest.mark.parametrize("method", CREDENTIALS)
def test_an_address_comes_with_its_own_credentials_or_not_at_all(method: str, name: str) -> None:
    address = {name: VALUES[name]}
    own, theirs = credentials(method, "own"), credentials(method, "env")
    assert opened(ROLES, {**own, **address}) == method
    error = refusal({**ROLES, **theirs}, address)
    assert error.reason == (
        "the Secret team:avp, which the Application names, says where credentials are sent "
        f"({name}), and those of the auth method {method} are not in it"
    )
    needed = ", ".join(sorted(CREDENTIALS[method]))
    assert error.hint == (
        f"put {needed} into the Secret, or ask the operator to name that Secret (-s, or "
        "AVP_SECRET of the sidecar), or to trust it in the policy (trust: [address])"
    )
    assert opened({**ROLES, **theirs}, address, Trust.ADDRESS) == method
    assert opened({**ROLES, **theirs, **address}, address) == method, "the sidecar's own word"
    for left_out in CREDENTIALS[method]:
        mixed = {key: value for key, value in own.items() if key != left_out}
        refusal({**ROLES, left_out: "env"}, {**mixed, **address})


@pytest.mark.parametrize("method", ["k8s", "cert"])
def test_files_of_the_sidecar_are_no_credentials_of_a_secret(method: str) -> None:
    environ = {"VAULT_CLIENT_CERT": "/run/c", "VAULT_CLIENT_KEY": "/run/k"}
    secret = {"AVP_AUTH_TYPE": method, "AVP_K8S_ROLE": "team", "AVP_CERT_ROLE": "team"}
    assert opened(environ, secret) == method, "a role of its own is what such a Secret is for"
    error = refusal(environ, {**secret, "VAULT_ADDR": "https://theirs.example"})
    assert "use another auth method (AVP_AUTH_TYPE: approle, " in error.hint
    files = {**secret, "VAULT_ADDR": "https://theirs.example", "AVP_K8S_TOKEN_PATH": "/run/token"}
    with pytest.raises(SettingsError):
        opened(environ, files, Trust.FILES)


def test_a_token_in_a_file_is_not_the_secrets_own() -> None:
    environ = {"AVP_JWT_PATH": "/run/jwt", "AVP_AUTH_TYPE": "jwt"}
    secret = {"AVP_JWT_ROLE": "team", "VAULT_ADDR": "https://theirs.example"}
    assert refusal(environ, secret).hint.startswith("put AVP_JWT into the Secret")
    assert opened(environ, {**secret, "AVP_JWT": "own"}) == "jwt"


def test_without_auth_type_the_method_that_would_be_used_counts() -> None:
    secret = {"AVP_ROLE_ID": "own", "AVP_SECRET_ID": "own", "VAULT_ADDR": "https://theirs.example"}
    assert opened({}, secret) == "approle"
    assert "the auth method token are" in refusal({"VAULT_TOKEN": "env"}, secret).reason
    assert opened({"VAULT_TOKEN": "env"}, {**secret, "AVP_AUTH_TYPE": "approle"}) == "approle"


def test_a_malformed_address_of_the_sidecar_is_another_one() -> None:
    environ = {"VAULT_ADDR": "vault.example", "VAULT_TOKEN": "env"}
    refusal(environ, {"VAULT_ADDR": "https://theirs.example"})


def test_what_the_operator_names_is_not_judged() -> None:
    settings = load_with_secret({"VAULT_TOKEN": "env"}, dict(VALUES))
    assert settings.secret is None
    assert open_auth(settings.vault, settings.secret).name == "token"


WHERE = {name: VALUES[name] for name in NAMES[Trust.ADDRESS]}
METHODS = st.sampled_from([*AUTH_METHODS, None])
SETTINGS = sorted({name for names in CREDENTIALS.values() for name in names})


def _words(request: Sensitive | LoginRequest) -> Iterator[str]:
    if isinstance(request, Sensitive):
        yield request.reveal()
    else:
        yield request.path
        yield from (each.reveal() for each in request.body.values())


@given(
    st.sets(st.sampled_from(SETTINGS)),
    st.sets(st.sampled_from(SETTINGS)),
    st.dictionaries(st.sampled_from(sorted(WHERE)), st.booleans(), max_size=3),
    METHODS,
    METHODS,
)
def test_no_credential_of_the_sidecar_goes_where_a_tenant_says(
    environ: set[str],
    secret: set[str],
    addresses: dict[str, bool],
    method: str | None,
    own_method: str | None,
) -> None:
    said = dict.fromkeys(environ, "env") | ROLES | {"AVP_AUTH_TYPE": method or ""}
    own = dict.fromkeys(secret, "own") | {"AVP_AUTH_TYPE": own_method or ""}
    said |= {name: WHERE[name] for name, is_same in addresses.items() if is_same}
    own |= {name: WHERE[name] for name in addresses}
    try:
        settings = judged(said, own)
        auth = open_auth(settings.vault, settings.secret)
    except SettingsError:
        return
    if not all(addresses.values()):
        assert auth.name not in ("k8s", "cert")
        assert not any("env" in word for word in _words(auth.credential()))
