"""Every failed request to Vault becomes one of our errors."""

import inspect
from collections.abc import Mapping, Sequence
from types import ModuleType

import hvac.exceptions
import pytest
import requests.exceptions

from avp_py.backends.vault.adapter import StatusError
from avp_py.backends.vault.route import describe_peer
from avp_py.backends.vault.translate import RejectedError, Translator
from avp_py.errors import BackendError, ForbiddenError, LoginError, NotFoundError, UnreachableError
from avp_py.settings import VaultSettings
from avp_py.settings.vault import DEFAULT_ADDRESS
from avp_py.transport.failures import translate
from tests.settings import load
from tests.unit.transports import CANARY, certificate_error, tls_error

ADDRESS = "https://vault.example:8200"
SETTINGS = load({"VAULT_ADDR": ADDRESS, "VAULT_CLIENT_TIMEOUT": "7"}).vault

SAID = "what Vault said"
FAILED = f"Vault at {ADDRESS} failed with status 500: {SAID} (3 attempts)"

RATE_LIMIT = f"Vault at {ADDRESS} rejected the request because of a rate limit (3 attempts)"

OF_HVAC: Mapping[str, tuple[type[BackendError], str]] = {
    "Forbidden": (ForbiddenError, SAID),
    "InvalidPath": (NotFoundError, SAID),
    "InvalidRequest": (RejectedError, f"Vault rejected the request (500): {SAID}"),
    "RateLimitExceeded": (UnreachableError, RATE_LIMIT),
    "Unauthorized": (ForbiddenError, SAID),
    "VaultDown": (UnreachableError, f"Vault at {ADDRESS} is sealed or down (3 attempts)"),
    "VaultNotInitialized": (UnreachableError, f"Vault at {ADDRESS} is not initialised"),
    # The last branch: statuses that are retried.
    "BadGateway": (UnreachableError, FAILED),
    "InternalServerError": (UnreachableError, FAILED),
    "PreconditionFailed": (UnreachableError, FAILED),
    "UnexpectedError": (UnreachableError, FAILED),
    "VaultError": (UnreachableError, FAILED),
    # hvac raises these before it sends anything, in calls that we do not make.
    "ParamValidationError": (UnreachableError, FAILED),
    "UnsupportedOperation": (UnreachableError, FAILED),
}


def classes(module: ModuleType, root: type[Exception]) -> Sequence[str]:
    found = inspect.getmembers(module, inspect.isclass)
    return sorted(
        {
            kind.__name__
            for _, kind in found
            if issubclass(kind, root) and kind.__module__ == module.__name__
        }
    )


def translated(error: hvac.exceptions.VaultError, status: int = 500) -> BackendError:
    return Translator(SETTINGS).translate(StatusError(error, status, 3))


def lost(error: Exception, settings: VaultSettings = SETTINGS) -> BackendError:
    """Return our error for a request that another library could not send."""
    failed = translate(error, describe_peer(settings), attempts=3, seconds=7)
    return Translator(settings).translate(failed)


def test_the_table_is_complete() -> None:
    assert classes(hvac.exceptions, hvac.exceptions.VaultError) == sorted(OF_HVAC)


@pytest.mark.parametrize("name", OF_HVAC)
def test_an_error_of_hvac_becomes_ours(name: str) -> None:
    kind, reason = OF_HVAC[name]
    original = getattr(hvac.exceptions, name)(
        CANARY, errors=[f" what \n Vault\tsaid{' '}"], url=CANARY, text=CANARY, json={"x": CANARY}
    )

    error = translated(original, 500)

    assert type(error) is kind
    assert error.reason == reason
    assert CANARY not in f"{error.reason}{error.hint}{error.detail}{error!r}"


@pytest.mark.parametrize("name", OF_HVAC)
@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_a_refusal_in_another_form_than_vaults_is_not_quoted(name: str, status: int) -> None:
    original = getattr(hvac.exceptions, name)(CANARY, errors=None, url=CANARY, text=CANARY)

    error = translated(original, status)

    assert ADDRESS in error.reason or status == 500
    assert CANARY not in f"{error.reason}{error.hint}{error.detail}{error!r}"


def test_an_invalid_token_differs_from_one_without_rights() -> None:
    said = ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]

    error = translated(hvac.exceptions.Forbidden(errors=said), 403)

    assert type(error) is LoginError
    assert error.reason == "Vault rejected the token (403)"


def _system(errno: int) -> OSError:
    return OSError(errno, CANARY)


@pytest.mark.parametrize(
    ("original", "kind", "reason", "hint"),
    [
        (
            requests.ConnectionError(CANARY),
            UnreachableError,
            f"no connection to Vault at {ADDRESS} (3 attempts)",
            "check VAULT_ADDR, and that Vault can be reached from here",
        ),
        (
            requests.Timeout(CANARY),
            UnreachableError,
            f"Vault at {ADDRESS} did not answer within 7 s",
            "check VAULT_ADDR and the network; VAULT_CLIENT_TIMEOUT sets the time",
        ),
        (
            requests.exceptions.ProxyError(CANARY),
            UnreachableError,
            f"the proxy on the way to {ADDRESS} cannot be used",
            "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
        ),
        (
            UnicodeEncodeError("latin-1", CANARY, 0, 1, CANARY),
            BackendError,
            "a header of the request has a character that is not allowed in one",
            "check VAULT_TOKEN and VAULT_NAMESPACE",
        ),
    ],
)
def test_a_request_that_got_no_answer(
    original: Exception, kind: type[BackendError], reason: str, hint: str
) -> None:
    error = lost(original)

    assert type(error) is kind
    assert (error.reason, error.hint) == (reason, hint)


@pytest.mark.parametrize("setting", ["VAULT_CACERT", "VAULT_CACERT_BYTES", "VAULT_CAPATH"])
def test_the_setting_that_names_the_wrong_ca_is_named(setting: str) -> None:
    value = "-----BEGIN CERTIFICATE-----\n" if setting == "VAULT_CACERT_BYTES" else "/trust"
    error = requests.exceptions.SSLError(CANARY)
    error.__context__ = certificate_error(19, "self-signed certificate in certificate chain")

    said = lost(error, load({"VAULT_ADDR": ADDRESS, setting: value}).vault)

    assert said.hint == f"put the CA certificate that signed it into {setting}"


def test_the_address_of_an_agent_is_named_by_its_setting() -> None:
    settings = load({"VAULT_AGENT_ADDR": ADDRESS, "VAULT_ADDR": "https://other"}).vault

    error = lost(requests.ConnectionError(CANARY), settings)

    assert error.hint == "check VAULT_AGENT_ADDR, and that Vault can be reached from here"


UNSET = f"VAULT_ADDR is not set (tried the default {DEFAULT_ADDRESS})"


@pytest.mark.parametrize(
    ("settings", "is_unset"),
    [
        ({}, True),
        ({"VAULT_ADDR": ""}, True),
        ({"VAULT_ADDR": DEFAULT_ADDRESS}, False),
        ({"VAULT_AGENT_ADDR": DEFAULT_ADDRESS}, False),
    ],
    ids=["unset", "empty", "the default itself", "an agent"],
)
def test_an_unset_address_is_reported_as_such(
    settings: Mapping[str, str], *, is_unset: bool
) -> None:
    vault = load(settings).vault
    refused = requests.ConnectionError(CANARY)
    refused.__context__ = _system(111)
    untrusted = requests.exceptions.SSLError(CANARY)
    untrusted.__context__ = tls_error("WRONG_VERSION_NUMBER")

    error = lost(refused, vault)
    late = requests.Timeout(CANARY)
    others = [lost(each, vault) for each in (untrusted, late)]
    others.append(Translator(vault).not_vault())

    if is_unset:
        assert error.reason == f"{UNSET}: Connection refused"
        assert error.hint == "set it, or use AVP_TYPE=file"
    assert ("VAULT_ADDR is not set" in error.reason) == is_unset
    for other in others:
        assert DEFAULT_ADDRESS in other.reason
        assert ("VAULT_ADDR is not set" in other.reason) == is_unset
        assert other.hint.startswith("set VAULT_ADDR, or use AVP_TYPE=file") == is_unset


def test_a_vault_at_the_default_address_speaks_for_itself() -> None:
    failed = StatusError(hvac.exceptions.VaultDown(), 503, 3)
    error = Translator(load({}).vault).translate(failed)

    assert error.reason == f"Vault at {DEFAULT_ADDRESS} is sealed or down (3 attempts)"


@pytest.mark.parametrize(
    "said",
    [
        "Client sent an HTTP request to an HTTPS server.\n",
        "<html>\n<title>400 The plain HTTP request was sent to HTTPS port</title></html>\n",
    ],
    ids=["Go", "nginx"],
)
def test_a_tls_server_differs_from_what_is_not_vault(said: str) -> None:
    settings = load({"VAULT_ADDR": "http://vault.example:8200"}).vault
    answer = hvac.exceptions.InvalidRequest(errors=None, text=said)

    error = Translator(settings).translate(StatusError(answer, 400, 1))

    assert error.reason == "the server at http://vault.example:8200 speaks TLS, not plain HTTP"
    assert error.hint == f"set VAULT_ADDR to {ADDRESS}"


def test_an_unsupported_operation_is_a_rejected_request() -> None:
    error = translated(hvac.exceptions.UnexpectedError(errors=["unsupported operation"]), 405)

    assert type(error) is RejectedError
    assert error.reason == "Vault rejected the request (405): unsupported operation"


def test_what_vault_says_is_cut() -> None:
    error = translated(hvac.exceptions.InvalidRequest(errors=["x" * 1000]), 400)

    assert len(error.reason) < 400
