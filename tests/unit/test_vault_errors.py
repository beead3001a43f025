"""Every error of hvac, requests and urllib3 becomes one of ours, in our words."""

import inspect
import socket
import ssl
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import hvac.exceptions
import pytest
import requests.exceptions
import urllib3.exceptions

from avp_py.backends.vault.adapter import TooLargeError, TriedError
from avp_py.backends.vault.translate import RejectedError, Translator
from avp_py.errors import BackendError, ForbiddenError, LoginError, NotFoundError, UnreachableError
from avp_py.settings import load
from avp_py.settings.groups import DEFAULT_ADDRESS

ADDRESS = "https://vault.example:8200"
CANARY = "canary-of-the-original"
SETTINGS = load({"VAULT_ADDR": ADDRESS, "VAULT_CLIENT_TIMEOUT": "7"}).vault

NO_CONNECTION = f"no connection to Vault at {ADDRESS} (3 tries)"
NO_TLS = f"no TLS connection to {ADDRESS}"
LATE = f"{ADDRESS} did not answer within 7 s"
NO_PROXY = f"the proxy on the way to {ADDRESS} cannot be used"
NO_HEADER = "the token or the namespace holds a character that no header can carry"
NO_ADDRESS = f"VAULT_ADDR, {ADDRESS}, is not an address"
CIRCLES = f"{ADDRESS} sends us on more than once, or away from https"
NOT_VAULT = f"what answers at {ADDRESS} is not Vault"
HALF = f"the answer of {ADDRESS} broke off or cannot be read (3 tries)"
TOO_LARGE = f"the answer of {ADDRESS} is larger than 32 MiB"

OF_REQUESTS: Mapping[str, str] = {
    "ChunkedEncodingError": HALF,
    "ConnectTimeout": LATE,
    "ContentDecodingError": HALF,
    "InvalidHeader": NO_HEADER,
    "InvalidJSONError": NOT_VAULT,
    "InvalidProxyURL": NO_PROXY,
    "InvalidSchema": NO_PROXY,
    "InvalidURL": NO_ADDRESS,
    "JSONDecodeError": NOT_VAULT,
    "MissingSchema": NO_ADDRESS,
    "ProxyError": NO_PROXY,
    "ReadTimeout": LATE,
    "SSLError": NO_TLS,
    "Timeout": LATE,
    "TooManyRedirects": CIRCLES,
    # The last branch: a lost connection is meant, or a use of requests that we do not make.
    "ConnectionError": NO_CONNECTION,
    "HTTPError": NO_CONNECTION,
    "RequestException": NO_CONNECTION,
    "RetryError": NO_CONNECTION,
    "StreamConsumedError": NO_CONNECTION,
    "URLRequired": NO_CONNECTION,
    "UnrewindableBodyError": NO_CONNECTION,
}

OF_URLLIB3: Mapping[str, str] = {
    "ConnectTimeoutError": LATE,
    "DecodeError": HALF,
    "IncompleteRead": HALF,
    "InvalidChunkLength": HALF,
    "InvalidHeader": NO_HEADER,
    "LocationParseError": NO_ADDRESS,
    "LocationValueError": NO_ADDRESS,
    "NameResolutionError": LATE,  # as NewConnectionError is; requests hands out neither
    "NewConnectionError": LATE,
    "ProtocolError": HALF,
    "ProxyError": NO_PROXY,
    "ProxySchemeUnknown": NO_PROXY,
    "ReadTimeoutError": LATE,
    "ResponseNotChunked": HALF,
    "SSLError": NO_TLS,
    "TimeoutError": LATE,
    "URLSchemeUnknown": NO_ADDRESS,
    # The last branch: a lost connection is meant, or a use of urllib3 that we do not make.
    "BodyNotHttplibCompatible": NO_CONNECTION,
    "ClosedPoolError": NO_CONNECTION,
    "EmptyPoolError": NO_CONNECTION,
    "FullPoolError": NO_CONNECTION,
    "HTTPError": NO_CONNECTION,
    "HeaderParsingError": NO_CONNECTION,
    "HostChangedError": NO_CONNECTION,
    "MaxRetryError": NO_CONNECTION,
    "PoolError": NO_CONNECTION,
    "RequestError": NO_CONNECTION,
    "ResponseError": NO_CONNECTION,
    "TimeoutStateError": NO_CONNECTION,
    "UnrewindableBodyError": NO_CONNECTION,
}

SAID = "what Vault said"
FAILED = f"Vault at {ADDRESS} failed with status 500: {SAID} (3 tries)"

OF_HVAC: Mapping[str, tuple[type[BackendError], str]] = {
    "Forbidden": (ForbiddenError, SAID),
    "InvalidPath": (NotFoundError, SAID),
    "InvalidRequest": (RejectedError, f"Vault rejected the request (500): {SAID}"),
    "RateLimitExceeded": (UnreachableError, f"the rate limit is reached at {ADDRESS} (3 tries)"),
    "Unauthorized": (ForbiddenError, SAID),
    "VaultDown": (UnreachableError, f"Vault at {ADDRESS} is sealed or down (3 tries)"),
    "VaultNotInitialized": (UnreachableError, f"Vault at {ADDRESS} is not initialised"),
    # The last branch: statuses that ask for another try.
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


def translated(error: Exception, status: int | None = None) -> BackendError:
    cause = RuntimeError(CANARY)
    cause.__cause__ = ValueError(CANARY)
    error.__cause__ = cause
    return Translator(SETTINGS).translate(TriedError(error, 3, status))


def made(module: ModuleType, name: str) -> Exception:
    """An error that holds the canary, without what its constructor wants."""
    kind: Any = getattr(module, name)
    error: Exception = kind.__new__(kind)
    error.args = (CANARY,)
    return error


def test_the_tables_are_complete() -> None:
    assert classes(requests.exceptions, requests.RequestException) == sorted(OF_REQUESTS)
    assert classes(urllib3.exceptions, urllib3.exceptions.HTTPError) == sorted(OF_URLLIB3)
    assert classes(hvac.exceptions, hvac.exceptions.VaultError) == sorted(OF_HVAC)


@pytest.mark.parametrize("name", OF_REQUESTS)
def test_an_error_of_requests_becomes_ours(name: str) -> None:
    error = translated(made(requests.exceptions, name))

    assert error.reason == OF_REQUESTS[name]
    assert error.hint
    assert CANARY not in f"{error.reason}{error.hint}{error.detail}{error!r}"


@pytest.mark.parametrize("name", OF_URLLIB3)
def test_an_error_of_urllib3_becomes_ours(name: str) -> None:
    error = translated(made(urllib3.exceptions, name))

    assert error.reason == OF_URLLIB3[name]
    assert error.hint
    assert CANARY not in f"{error.reason}{error.hint}{error.detail}{error!r}"


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


def test_a_token_that_vault_does_not_know_is_told_from_one_without_rights() -> None:
    said = ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]

    error = translated(hvac.exceptions.Forbidden(errors=said), 403)

    assert type(error) is LoginError
    assert error.reason == "Vault rejected the token (403)"


@pytest.mark.parametrize(
    ("original", "reason"),
    [
        (TooLargeError(CANARY), TOO_LARGE),
        (UnicodeEncodeError("latin-1", CANARY, 0, 1, CANARY), NO_HEADER),
    ],
)
def test_our_own_limits_are_told_in_our_words(original: Exception, reason: str) -> None:
    error = translated(original)

    assert error.reason == reason
    assert CANARY not in f"{error.reason}{error.hint}{error!r}"


def _system(errno: int) -> OSError:
    return OSError(errno, CANARY)


def _tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, CANARY)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        (_system(111), f"no connection to Vault at {ADDRESS}: Connection refused (3 tries)"),
        (socket.gaierror(-2, CANARY), f"no connection to Vault at {ADDRESS}: its name does not"),
        (RuntimeError(CANARY), NO_CONNECTION),
    ],
)
def test_the_systems_reason_is_found_behind_an_error(origin: Exception, reason: str) -> None:
    error = requests.ConnectionError(CANARY)
    error.__context__ = origin

    said = Translator(SETTINGS).translate(TriedError(error, 3)).reason

    assert said.startswith(reason)
    assert CANARY not in said


def _certificate(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, CANARY)
    error.verify_code, error.verify_message = code, message
    return error


OF_OPENSSL: Mapping[str, tuple[ssl.SSLError, str, str]] = {
    "expired": (
        _certificate(10, "certificate has expired"),
        f"the TLS certificate of {ADDRESS} is expired, or not valid yet: certificate has expired",
        "renew the certificate",
    ),
    "not yet valid": (
        _certificate(9, "certificate is not yet valid"),
        f"the TLS certificate of {ADDRESS} is expired, or not valid yet: certificate is not yet",
        "the clock of this machine",
    ),
    "other name": (
        _certificate(62, "Hostname mismatch, certificate is not valid for 'vault.example'."),
        f"the TLS certificate of {ADDRESS} is for another name: Hostname mismatch, certificate is "
        "not valid for 'vault.example'",
        "VAULT_TLS_SERVER_NAME",
    ),
    "unknown CA": (
        _certificate(20, "unable to get local issuer certificate"),
        f"the TLS certificate of {ADDRESS} is not signed by a trusted CA: unable to get local",
        "set VAULT_CACERT to a PEM file",
    ),
    "revoked": (
        _certificate(23, "certificate revoked"),
        f"the TLS certificate of {ADDRESS} is not trusted: certificate revoked",
        "check the certificate of the server",
    ),
    "plain HTTP": (
        _tls("WRONG_VERSION_NUMBER"),
        f"the server at {ADDRESS} does not speak TLS, but most likely plain HTTP (wrong version "
        "number)",
        "set VAULT_ADDR=http://vault.example:8200 if that is meant",
    ),
    "plain HTTP, as newer OpenSSL calls it": (
        _tls("RECORD_LAYER_FAILURE"),
        f"the server at {ADDRESS} does not speak TLS, but most likely plain HTTP",
        "set VAULT_ADDR=http://vault.example:8200 if that is meant",
    ),
    "client certificate": (
        _tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"),
        f"the server at {ADDRESS} requires a client certificate",
        "set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY",
    ),
    "another": (
        _tls("NO_PROTOCOLS_AVAILABLE"),
        f"{NO_TLS}: no protocols available",
        "check VAULT_ADDR, the server's TLS settings",
    ),
}


@pytest.mark.parametrize("name", OF_OPENSSL)
def test_openssls_reason_is_found_behind_an_error(name: str) -> None:
    origin, reason, hint = OF_OPENSSL[name]
    error = requests.exceptions.SSLError(CANARY)
    error.__context__ = origin

    said = Translator(SETTINGS).translate(TriedError(error, 3))

    assert said.reason.startswith(reason)
    assert hint in said.hint
    assert CANARY not in f"{said.reason}{said.hint}"


@pytest.mark.parametrize("setting", ["VAULT_CACERT", "VAULT_CACERT_BYTES", "VAULT_CAPATH"])
def test_the_setting_that_names_the_wrong_ca_is_named(setting: str) -> None:
    value = "-----BEGIN CERTIFICATE-----\n" if setting == "VAULT_CACERT_BYTES" else "/trust"
    error = requests.exceptions.SSLError(CANARY)
    error.__context__ = _certificate(19, "self-signed certificate in certificate chain")

    said = Translator(load({"VAULT_ADDR": ADDRESS, setting: value}).vault).translate(
        TriedError(error, 3)
    )

    assert said.hint == f"put the CA certificate that signed it into {setting}"


def test_the_address_of_an_agent_is_named_by_its_setting() -> None:
    settings = load({"VAULT_AGENT_ADDR": ADDRESS, "VAULT_ADDR": "https://other"}).vault

    error = Translator(settings).translate(TriedError(requests.ConnectionError(CANARY), 3))

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
    translator = Translator(load(settings).vault)
    refused = requests.ConnectionError(CANARY)
    refused.__context__ = _system(111)
    untrusted = requests.exceptions.SSLError(CANARY)
    untrusted.__context__ = _tls("WRONG_VERSION_NUMBER")

    error = translator.translate(TriedError(refused, 3))
    late = requests.Timeout(CANARY)
    others = [translator.translate(TriedError(each, 3)) for each in (untrusted, late)]
    others.append(translator.not_vault())

    if is_unset:
        assert error.reason == f"{UNSET}: Connection refused"
        assert error.hint == "set it, or use AVP_TYPE=file"
    assert ("VAULT_ADDR is not set" in error.reason) == is_unset
    for other in others:
        assert DEFAULT_ADDRESS in other.reason
        assert ("VAULT_ADDR is not set" in other.reason) == is_unset
        assert other.hint.startswith("set VAULT_ADDR, or use AVP_TYPE=file") == is_unset


def test_a_vault_at_the_default_address_speaks_for_itself() -> None:
    error = Translator(load({}).vault).translate(TriedError(hvac.exceptions.VaultDown(), 3, 503))

    assert error.reason == f"Vault at {DEFAULT_ADDRESS} is sealed or down (3 tries)"


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

    error = Translator(settings).translate(TriedError(answer, 1, 400))

    assert error.reason == "the server at http://vault.example:8200 speaks TLS, not plain HTTP"
    assert error.hint == f"set VAULT_ADDR={ADDRESS}"


def test_an_unsupported_operation_is_a_rejected_request() -> None:
    error = translated(hvac.exceptions.UnexpectedError(errors=["unsupported operation"]), 405)

    assert type(error) is RejectedError
    assert error.reason == "Vault rejected the request (405): unsupported operation"


def test_what_vault_says_is_cut() -> None:
    error = translated(hvac.exceptions.InvalidRequest(errors=["x" * 1000]), 400)

    assert len(error.reason) < 400
