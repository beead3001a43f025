"""Every exception that a request can raise is translated into one of our messages."""

import dataclasses
import http.client
import inspect
import socket
import ssl
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import pytest
import requests.exceptions
import urllib3.exceptions

from avp_py.errors import AvpError
from avp_py.transport import Peer, Problem, RequestFailedError
from avp_py.transport.failures import too_large, translate
from avp_py.transport.problems import PROBLEMS, ROOTS, classify
from tests.unit.transports import CANARY, certificate_error, server, tls_error

ADDRESS = "https://server.example:8200"
PEER = server(ADDRESS)


def exceptions_of(module: ModuleType) -> Sequence[type[Exception]]:
    """The exceptions that a module defines, but for warnings."""
    return [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception)
        and not issubclass(kind, Warning)
        and kind.__module__ == module.__name__
    ]


WALKED = [
    kind
    for module in (requests.exceptions, urllib3.exceptions, http.client, ssl)
    for kind in exceptions_of(module)
]


def made(kind: Any) -> Exception:
    """An error that contains the canary, built without the arguments of its constructor."""
    error: Exception = kind.__new__(kind)
    error.args = (CANARY,)
    error.__cause__ = RuntimeError(CANARY)
    error.__cause__.__cause__ = ValueError(CANARY)
    return error


def caused_by(kind: type[Exception], cause: BaseException) -> Exception:
    """An error of requests, whose cause urllib3 hides."""
    error = kind(CANARY)
    error.__context__ = cause
    return error


def failed(error: Exception, peer: Peer = PEER) -> RequestFailedError:
    found = translate(error, peer, attempts=3, seconds=7)
    assert found.hint
    assert CANARY not in f"{found.reason}{found.hint}{found.detail}{found.cause}{found!r}"
    return found


def test_the_walk_finds_the_libraries_exceptions() -> None:
    assert {ssl.SSLError, ssl.SSLCertVerificationError, http.client.BadStatusLine} <= set(WALKED)
    assert {requests.exceptions.ProxyError, urllib3.exceptions.ProtocolError} <= set(WALKED)
    assert len(WALKED) > 60


@pytest.mark.parametrize("kind", WALKED, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_each_exception_has_its_own_row(kind: type[Exception]) -> None:
    assert kind in PROBLEMS
    assert issubclass(kind, ROOTS), "otherwise it is not caught"
    assert isinstance(failed(made(kind)), AvpError)


def test_an_exception_without_a_row_means_what_its_base_means() -> None:
    class NewError(requests.exceptions.ProxyError):
        pass

    assert classify(NewError()) is Problem.PROXY


def test_each_problem_has_a_message_of_its_own() -> None:
    by_problem = {problem: kind for kind, problem in PROBLEMS.items()}
    reasons = {failed(made(kind)).reason for kind in by_problem.values()}
    assert len(reasons) == len(by_problem)
    assert set(Problem) - set(by_problem) == {Problem.TOO_LARGE, Problem.NEEDS_TLS}


REFUSED = ConnectionRefusedError(111, CANARY)
ALERT = http.client.BadStatusLine("\x15\x03\x03\x00")

BY_CAUSE: Mapping[str, tuple[BaseException, Problem, str]] = {
    "refused": (
        REFUSED,
        Problem.CONNECTION,
        f"no connection to the server at {ADDRESS}: Connection refused (3 attempts)",
    ),
    "no such name": (
        socket.gaierror(-2, CANARY),
        Problem.CONNECTION,
        f"no connection to the server at {ADDRESS}: its name does not resolve (3 attempts)",
    ),
    "not known": (
        RuntimeError(CANARY),
        Problem.CONNECTION,
        f"no connection to the server at {ADDRESS} (3 attempts)",
    ),
    "reset": (
        ConnectionResetError(104, CANARY),
        Problem.LOST,
        f"the server at {ADDRESS} closed the connection before its answer was complete (3 att",
    ),
    "closed": (
        http.client.RemoteDisconnected(CANARY),
        Problem.LOST,
        f"the server at {ADDRESS} closed the connection before its answer was complete (3 att",
    ),
    "another protocol": (
        http.client.BadStatusLine("220 smtp"),
        Problem.NOT_HTTP,
        f"what answers at {ADDRESS} is not the server",
    ),
    "late": (
        TimeoutError(CANARY),
        Problem.TIMEOUT,
        f"the server at {ADDRESS} did not answer within 7 s",
    ),
}


@pytest.mark.parametrize("name", BY_CAUSE)
def test_the_cause_decides_what_a_lost_connection_means(name: str) -> None:
    cause, problem, reason = BY_CAUSE[name]

    found = failed(caused_by(requests.ConnectionError, cause))

    assert found.problem is problem
    assert found.reason.startswith(reason)
    assert found.attempts == 3


def test_a_tls_alert_to_plain_http_is_recognised() -> None:
    peer = dataclasses.replace(PEER, address="http://server.example:8200")

    found = failed(caused_by(requests.ConnectionError, ALERT), peer)

    assert found.problem is Problem.NEEDS_TLS
    assert found.reason == "the server at http://server.example:8200 speaks TLS, not plain HTTP"
    assert found.hint == f"set ADDRESS to {ADDRESS}"


def test_a_redirect_may_be_forbidden_by_a_setting() -> None:
    peer = dataclasses.replace(PEER, redirect_setting="NO_REDIRECTS")
    error = requests.TooManyRedirects(CANARY)

    assert failed(error).reason == (
        f"the server at {ADDRESS} redirects more than once, or away from https"
    )
    assert failed(error, peer).reason == (
        f"the server at {ADDRESS} sends a redirect, and NO_REDIRECTS is true"
    )


def test_the_size_limit_is_in_the_message() -> None:
    error = too_large(PEER, 32 << 20)

    assert error.problem is Problem.TOO_LARGE
    assert error.reason == f"the answer of the server at {ADDRESS} is larger than 32 MiB"


BY_OPENSSL: Mapping[str, tuple[ssl.SSLError, str, str]] = {
    "expired": (
        certificate_error(10, "certificate has expired"),
        f"the TLS certificate of {ADDRESS} is expired, or not valid yet: certificate has expired",
        "renew the certificate",
    ),
    "not yet valid": (
        certificate_error(9, "certificate is not yet valid"),
        f"the TLS certificate of {ADDRESS} is expired, or not valid yet: certificate is not yet",
        "the clock of this machine",
    ),
    "other name": (
        certificate_error(62, "Hostname mismatch, certificate is not valid for 'server.example'."),
        f"the TLS certificate of {ADDRESS} is for another name: Hostname mismatch, certificate is "
        "not valid for 'server.example'",
        "or set SERVER_NAME to one",
    ),
    "unknown CA": (
        certificate_error(20, "unable to get local issuer certificate"),
        f"the TLS certificate of {ADDRESS} is not signed by a trusted CA: unable to get local",
        "put it into CA",
    ),
    "revoked": (
        certificate_error(23, "certificate revoked"),
        f"the TLS certificate of {ADDRESS} is not trusted: certificate revoked",
        "check the certificate of the server",
    ),
    "plain HTTP": (
        tls_error("WRONG_VERSION_NUMBER"),
        f"the server at {ADDRESS} does not speak TLS, but most likely plain HTTP (wrong version "
        "number)",
        "set ADDRESS to http://server.example:8200 if that is meant",
    ),
    "plain HTTP, as newer OpenSSL calls it": (
        tls_error("RECORD_LAYER_FAILURE"),
        f"the server at {ADDRESS} does not speak TLS, but most likely plain HTTP",
        "set ADDRESS to http://server.example:8200 if that is meant",
    ),
    "client certificate": (
        tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"),
        f"the server at {ADDRESS} requires a client certificate",
        "set CERTIFICATE and KEY",
    ),
    "another": (
        tls_error("NO_PROTOCOLS_AVAILABLE"),
        f"no TLS connection to {ADDRESS}: no protocols available",
        "check ADDRESS, the server's TLS settings",
    ),
}


@pytest.mark.parametrize("name", BY_OPENSSL)
def test_openssl_says_why_tls_failed(name: str) -> None:
    origin, reason, hint = BY_OPENSSL[name]

    found = failed(caused_by(requests.exceptions.SSLError, origin))

    assert found.problem is Problem.TLS
    assert found.reason.startswith(reason)
    assert hint in found.hint


def test_a_rejected_client_certificate_is_not_a_missing_one() -> None:
    peer = dataclasses.replace(PEER, has_client_certificate=True)
    error = caused_by(requests.exceptions.SSLError, tls_error("TLSV1_ALERT_UNKNOWN_CA"))

    assert failed(error, peer).reason.startswith(
        f"the server at {ADDRESS} rejected our client certificate"
    )
