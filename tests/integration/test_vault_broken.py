"""Vault answers wrongly, late, partly or not at all: what a run reports, and how soon."""

import gzip
import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial

import pytest

from avp_py.backends.vault.opening import open_backend
from avp_py.backends.vault.route import MAX_ANSWER_BYTES
from tests.conftest import Run
from tests.integration.conftest import Fails
from tests.integration.manifests import fields, manifest
from tests.integration.stand_in import (
    Answer,
    Exchange,
    StandIn,
    as_html,
    as_json,
    free_port,
    in_turn,
    secret,
    stand_in,
)

pytestmark = pytest.mark.usefixtures("any_machine")

TOKEN = "hvs.canary/of+the=token"
ROLE_ID = "canary-of-the-role-id"
SECRET_ID = 'canary "of" the secret id'
BODY = "canary-of-the-body"
PAGE = f"<html><title>{BODY}</title></html>"
GOOD = secret({"password": "hunter22"})
WANTED = manifest({"a": "<password>"}, "kv/data/app")

TIMEOUT_SECONDS = 0.3
DRIPS_SECONDS = 4
"""How long an answer drips; far longer than a run may wait for it."""


@pytest.fixture
def pauses() -> list[float]:
    """How long a run would have waited between its attempts; nothing waits here."""
    return []


@pytest.fixture
def run(run: Run, pauses: list[float]) -> Run:
    """Runs the command without those pauses."""
    return partial(run, opener=partial(open_backend, sleep=pauses.append))


@pytest.fixture
def server() -> Iterator[StandIn]:
    """A stand-in for Vault."""
    with stand_in(GOOD) as found:
        yield found


@pytest.fixture
def env(server: StandIn) -> Mapping[str, str]:
    """Variables with which a run reads from that server, with a token."""
    return {"VAULT_ADDR": server.address, "VAULT_TOKEN": TOKEN}


@pytest.fixture
def login_env(server: StandIn) -> Mapping[str, str]:
    """Variables with which a run reads from that server, after a login."""
    return {"VAULT_ADDR": server.address, "AVP_ROLE_ID": ROLE_ID, "AVP_SECRET_ID": SECRET_ID}


def raw(data: bytes) -> Answer:
    return lambda exchange: exchange.raw(data)


def text(status: int, body: bytes, **headers: str) -> Answer:
    return lambda exchange: exchange.reply(status, body, **headers)


def drip(head: bytes, drop: bytes) -> Answer:
    """Send a beginning, then one byte at a time, each well within the time limit."""

    def answer(exchange: Exchange) -> None:
        exchange.wfile.write(head)
        end = time.monotonic() + DRIPS_SECONDS
        while time.monotonic() < end:
            exchange.raw(drop)
            time.sleep(TIMEOUT_SECONDS / 10)

    return answer


def wait(exchange: Exchange) -> None:
    """Do not answer until the client has gone."""
    exchange.connection.settimeout(DRIPS_SECONDS)
    exchange.connection.recv(1)
    exchange.close_connection = True


NOT_VAULT: Mapping[str, Answer] = {
    "html 200": as_html(200, PAGE),
    "html 400": as_html(400, PAGE),
    "html 401": as_html(401, PAGE),
    "html 403": as_html(403, PAGE),
    "html 404": as_html(404, PAGE),
    "html 304": as_html(304, PAGE),
    "html 999": as_html(999, PAGE),
    "html 200 called json": text(200, PAGE.encode(), Content_Type="application/json"),
    "html 403 called json": text(403, PAGE.encode(), Content_Type="application/json"),
    "nothing": text(200, b""),
    "no content": text(204, b""),
    "json list": as_json(200, [BODY]),
    "json list 403": as_json(403, [BODY]),
    "json text": as_json(200, BODY),
    "json null": as_json(404, None),
    "json of another": as_json(404, {"message": BODY}),
    "json of another 403": as_json(403, {"errors": BODY}),
    "not a number": text(200, b'{"data": {"data": {"password": NaN}}}'),
    "deep nesting": text(200, b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "deep nesting 403": text(403, b"[" * 100_000),
    "not utf-8": text(200, b'{"data": "\xff\xfe\xfa"}'),
    "another protocol": raw(b"SSH-2.0-OpenSSH_9.6 " + BODY.encode() + b"\r\n"),
    "endless header": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
    "too many headers": raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n"),
    "half a head": raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "errors that are none": as_json(404, {"errors": 5, "warnings": 7}),
}


@pytest.mark.parametrize("name", NOT_VAULT)
def test_an_answer_that_is_not_from_vault_is_reported(
    fails: Fails, server: StandIn, env: Mapping[str, str], name: str
) -> None:
    server.answer = NOT_VAULT[name]

    said = fails(WANTED, env, secrets=(BODY,))

    assert f"what answers at {server.address} is not Vault" in said
    assert "next: check VAULT_ADDR" in said


@pytest.mark.parametrize("name", NOT_VAULT)
def test_a_login_answer_that_is_not_from_vault_is_reported(
    fails: Fails, server: StandIn, login_env: Mapping[str, str], name: str
) -> None:
    server.answer = NOT_VAULT[name]

    said = fails(WANTED, login_env, secrets=(BODY,))

    assert f"what answers at {server.address} is not Vault" in said
    assert "next: check VAULT_ADDR" in said
    assert {each.method for each in server.asked} == {"POST"}


@pytest.mark.parametrize(
    "answer",
    [
        {"auth": None},
        {"auth": {}},
        {"auth": {"client_token": None}},
        {"auth": {"client_token": ""}},
        {"auth": {"client_token": 5}},
        {"auth": {"client_token": f"{BODY}\nX-Evil: 1"}},
        {"auth": {"client_token": f" {BODY}"}},
        {"auth": {"client_token": f"ключ-{BODY}"}},
        {"auth": [BODY]},
    ],
)
def test_a_login_answer_without_a_token_is_not_from_vault(
    fails: Fails, server: StandIn, login_env: Mapping[str, str], answer: object
) -> None:
    server.answer = as_json(200, answer)

    said = fails(WANTED, login_env, secrets=(BODY,))

    assert f"what answers at {server.address} is not Vault" in said
    assert len(server.asked) == 1


@pytest.mark.parametrize("namespace", ["with\nline", "ключ"])
def test_a_namespace_invalid_in_a_header_is_reported(
    fails: Fails, server: StandIn, env: Mapping[str, str], namespace: str
) -> None:
    said = fails(WANTED, {**env, "VAULT_NAMESPACE": namespace})

    assert "a header of the request has a character that is not allowed in one" in said
    assert "next: check VAULT_TOKEN and VAULT_NAMESPACE" in said
    assert server.asked == []


FAILING: Mapping[str, tuple[Answer, str]] = {
    "html 500": (as_html(500, PAGE), "failed with status 500"),
    "html 502": (as_html(502, PAGE), "failed with status 502"),
    "html 504": (as_html(504, PAGE), "failed with status 504"),
    "vault 500": (as_json(500, {"errors": ["internal error"]}), "status 500: internal error"),
    "412": (as_json(412, {"errors": ["required index state"]}), "status 412: required index"),
    "429": (as_json(429, {"errors": ["quota exceeded"]}), "because of a rate limit"),
    "503 sealed": (as_json(503, {"errors": ["Vault is sealed"]}), "is sealed or down"),
}


@pytest.mark.parametrize("name", FAILING)
@pytest.mark.parametrize(("setting", "requests"), [(None, 3), ("0", 1), ("4", 5)])
def test_a_failing_vault_is_retried_and_then_reported(
    fails: Fails,
    server: StandIn,
    env: Mapping[str, str],
    name: str,
    setting: str | None,
    requests: int,
) -> None:
    server.answer, expected = FAILING[name]
    own = dict(env) if setting is None else {**env, "VAULT_MAX_RETRIES": setting}

    said = fails(WANTED, own, secrets=(BODY,))

    assert server.address in said
    assert expected in said
    assert f"({requests} {'attempt' if requests == 1 else 'attempts'})" in said
    assert "next: " in said
    assert len(server.asked) == requests


def test_an_uninitialised_vault_is_reported_without_retries(
    fails: Fails, server: StandIn, env: Mapping[str, str]
) -> None:
    server.answer = as_json(501, {"errors": ["Vault is not initialized"]})

    assert f"Vault at {server.address} is not initialised" in fails(WANTED, env)
    assert len(server.asked) == 1


def close(exchange: Exchange) -> None:
    exchange.close_connection = True


HALVES: Mapping[str, Answer] = {
    "half a body": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{" + BODY.encode()),
    "chunks cut": raw(
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n9999\r\nx'
    ),
    "chunks without end": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
    "chunk of no size": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}"),
    "closed": close,
}


@pytest.mark.parametrize("name", HALVES)
def test_a_truncated_answer_is_retried_and_then_reported(
    fails: Fails, server: StandIn, env: Mapping[str, str], name: str
) -> None:
    server.answer = HALVES[name]

    said = fails(WANTED, env, secrets=(BODY,))

    assert server.address in said
    assert "closed the connection before its answer was complete (3 attempts)" in said
    assert "next: try again" in said
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "failing",
    [
        as_html(500, PAGE),
        as_html(502, PAGE),
        as_json(503, {"errors": ["Vault is sealed"]}),
        as_json(412, {"errors": []}),
        as_json(429, {"errors": []}),
        *(HALVES[name] for name in ("half a body", "chunks cut", "closed")),
    ],
)
@pytest.mark.parametrize("with_login", [False, True])
def test_a_vault_that_recovers_in_time_is_no_failure(
    run: Run,
    server: StandIn,
    env: Mapping[str, str],
    login_env: Mapping[str, str],
    failing: Answer,
    with_login: bool,
) -> None:
    log_in = as_json(200, {"auth": {"client_token": "t"}})
    answers = [failing, failing, log_in] if with_login else []
    server.answer = in_turn(*answers, failing, failing, GOOD)

    result = run("generate", "-", env=login_env if with_login else env, stdin=WANTED)

    assert fields(result) == {"a": "hunter22"}
    assert len(server.asked) == (6 if with_login else 3)


def test_an_answer_with_invalid_compression_is_reported(
    fails: Fails, server: StandIn, env: Mapping[str, str]
) -> None:
    server.answer = text(200, b"{}", Content_Encoding="gzip")

    assert f"the answer of Vault at {server.address} cannot be decoded" in fails(WANTED, env)


@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_a_refused_request_is_not_retried(
    fails: Fails, server: StandIn, env: Mapping[str, str], status: int
) -> None:
    server.answer = as_json(status, {"errors": ["no"]})

    fails(WANTED, env)

    # The mount is queried once, to explain the error.
    assert server.paths == ["/v1/kv/data/app", "/v1/sys/internal/ui/mounts/kv/data/app"]


def test_vault_says_how_long_to_wait(
    run: Run, server: StandIn, env: Mapping[str, str], pauses: list[float]
) -> None:
    over = as_json(429, {"errors": []}, Retry_After="7")
    down = as_json(503, {"errors": []}, Retry_After="tomorrow")
    server.answer = in_turn(over, down, GOOD)

    assert fields(run("generate", "-", env=env, stdin=WANTED)) == {"a": "hunter22"}

    assert pauses == [7, 1]


def test_a_wait_beyond_the_time_limit_is_not_begun(
    fails: Fails, server: StandIn, env: Mapping[str, str]
) -> None:
    server.answer = as_json(429, {"errors": []}, Retry_After="3600")

    said = fails(WANTED, env)

    assert "because of a rate limit (1 attempt)" in said
    assert len(server.asked) == 1


DRIPS: Mapping[str, Answer] = {
    "no answer": wait,
    "status line": drip(b"HTTP/1.1 200 OK", b"x"),
    "headers": drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "continue": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{", b" "),
    "body without length": drip(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{", b" "),
    "chunks": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "chunk size": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    "body of an error": drip(b"HTTP/1.1 500 No\r\nContent-Length: 9999\r\n\r\n{", b" "),
    "body of a redirect": drip(
        b"HTTP/1.1 307 No\r\nLocation: /v1/x\r\nContent-Length: 9999\r\n\r\n{", b" "
    ),
}


@pytest.mark.parametrize("name", DRIPS)
def test_a_trickling_answer_ends_at_the_time_limit(
    fails: Fails, server: StandIn, env: Mapping[str, str], name: str
) -> None:
    server.answer = DRIPS[name]
    begun = time.monotonic()

    said = fails(WANTED, {**env, "VAULT_CLIENT_TIMEOUT": str(TIMEOUT_SECONDS)})

    assert time.monotonic() - begun < DRIPS_SECONDS / 2
    assert f"{server.address} did not answer within {TIMEOUT_SECONDS} s" in said
    assert "next: check VAULT_ADDR and the network; VAULT_CLIENT_TIMEOUT sets" in said
    assert len(server.asked) == 1


def test_the_time_limit_holds_for_all_attempts(
    fails: Fails, server: StandIn, env: Mapping[str, str]
) -> None:
    def slow_failure(exchange: Exchange) -> None:
        time.sleep(0.4)
        as_html(500, PAGE)(exchange)

    server.answer = slow_failure
    begun = time.monotonic()

    fails(WANTED, {**env, "VAULT_CLIENT_TIMEOUT": "1", "VAULT_MAX_RETRIES": "50"})

    assert time.monotonic() - begun < DRIPS_SECONDS / 2
    assert len(server.asked) == 2


def test_a_slow_answer_within_the_time_limit_is_an_answer(
    run: Run, server: StandIn, env: Mapping[str, str]
) -> None:
    def slow(exchange: Exchange) -> None:
        time.sleep(0.2)
        GOOD(exchange)

    server.answer = slow
    own = {**env, "VAULT_CLIENT_TIMEOUT": "5s"}

    assert fields(run("generate", "-", env=own, stdin=WANTED * 2)) == {"a": "hunter22"}


@pytest.mark.parametrize(
    "credentials",
    [{"VAULT_TOKEN": TOKEN}, {"AVP_ROLE_ID": ROLE_ID, "AVP_SECRET_ID": SECRET_ID}],
    ids=["token", "login"],
)
def test_a_refused_connection_names_the_address_and_the_attempts(
    fails: Fails, credentials: Mapping[str, str]
) -> None:
    address = f"http://127.0.0.1:{free_port()}"

    text = WANTED + manifest({"b": "<k>"}, "kv/data/b")

    said = fails(text, {"VAULT_ADDR": address, **credentials})

    assert "1 failure, nothing was printed" in said
    assert f"no connection to Vault at {address}: Connection refused (3 attempts)" in said
    assert "next: check VAULT_ADDR, and that Vault can be reached from here" in said


def test_an_address_of_ipv6_is_named_as_it_is(fails: Fails) -> None:
    # With or without IPv6 on this machine: nothing listens there.
    address = f"http://[::1]:{free_port()}"

    said = fails(WANTED, {"VAULT_ADDR": address, "VAULT_TOKEN": TOKEN})

    assert f"no connection to Vault at {address}: " in said


def no_such_name(*_: object, **__: object) -> object:
    """Raise what a resolver raises for an unknown name, without a request to one."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_an_unresolvable_name_is_reported(fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    address = "https://vault.example.invalid:8200"

    said = fails(WANTED, {"VAULT_ADDR": address, "VAULT_TOKEN": TOKEN})

    assert f"no connection to Vault at {address}: its name does not resolve (3 attempts)" in said
    assert "next: check VAULT_ADDR" in said


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:99999", "http://[::1", f"http://{'a' * 70}.invalid", "http://."]
)
def test_an_invalid_address_is_reported(fails: Fails, address: str) -> None:
    said = fails(WANTED, {"VAULT_ADDR": address, "VAULT_TOKEN": TOKEN})

    assert "VAULT_ADDR is not a valid URL" in said


TOO_LARGE = b" " * (MAX_ANSWER_BYTES + 1)


@pytest.mark.parametrize(
    "answer",
    [
        text(200, TOO_LARGE + b"{}"),
        raw(b"HTTP/1.1 200 OK\r\n\r\n" + TOO_LARGE),
        lambda exchange: exchange.reply(403, TOO_LARGE),
        text(200, gzip.compress(TOO_LARGE, 1), Content_Encoding="gzip"),
    ],
    ids=["with length", "without length", "of an error", "compressed"],
)
def test_an_answer_over_the_size_limit_is_reported(
    fails: Fails, server: StandIn, env: Mapping[str, str], answer: Answer
) -> None:
    server.answer = answer

    said = fails(WANTED, env)

    assert f"the answer of Vault at {server.address} is larger than" in said
    assert len(server.asked) == 1


def test_nesting_too_deep_for_yaml_is_reported(
    fails: Fails, server: StandIn, env: Mapping[str, str]
) -> None:
    deep = b"[" * 900 + b"]" * 900
    server.answer = text(200, b'{"data": {"data": {"password": ' + deep + b"}}}")

    assert "in Secret demo/app" in fails(WANTED, env)


@pytest.mark.parametrize(
    "errors", [[{"a": BODY}], [["x"]], [None], ["\x1b[31mred\r\n\nline"], ["x" * 100_000]]
)
def test_what_vault_says_is_shown_on_one_short_line(
    fails: Fails, server: StandIn, env: Mapping[str, str], errors: object
) -> None:
    server.answer = as_json(400, {"errors": errors})

    said = fails(WANTED, env)

    assert "Vault rejected the read of kv/data/app (400): " in said
    assert "\x1b" not in said
    assert max(map(len, said.splitlines())) < 500


def test_a_vault_that_repeats_our_credentials_is_not_quoted(
    fails: Fails, server: StandIn, login_env: Mapping[str, str], env: Mapping[str, str]
) -> None:
    def echo(exchange: Exchange) -> None:
        sent = [exchange.headers.get("X-Vault-Token") or ""]
        sent += json.loads(exchange.asked.body or b"{}").values()
        as_json(400, {"errors": [f"cannot use {each}" for each in sent]})(exchange)

    server.answer = echo
    assert "cannot use ***" in fails(WANTED, env)
    assert "cannot use ***" in fails(WANTED, login_env)
    log_in = as_json(200, {"auth": {"client_token": "canary-of-the-login"}})
    server.answer = in_turn(log_in, echo)
    assert "cannot use ***" in fails(WANTED, login_env, secrets=("canary-of-the-login",))


@pytest.mark.parametrize(
    ("password", "said", "shown"),
    [
        ("e", "the request: e is refused, see e-mail", "the request: e is refused, see e-mail"),
        ("-", "a - b-c", "a - b-c"),
        ("err", "error: err, 'err', errors", "error: ***, '***', errors"),
        ("1234567", "12345678 and 1234567.", "12345678 and ***."),
        ("12345678", "x12345678y", "x***y"),
        ("a", "in base64 YQ== and YQ==Z", "in base64 *** and YQ==Z"),
    ],
)
def test_a_short_credential_masks_no_letters_of_other_words(
    run: Run, server: StandIn, password: str, said: str, shown: str
) -> None:
    env = {"AVP_TYPE": "vault", "VAULT_ADDR": server.address, "AVP_USERNAME": "user"}
    server.answer = as_json(400, {"errors": [said]})
    result = run("generate", "-", env={**env, "AVP_PASSWORD": password}, stdin=WANTED)
    assert result.code == 1
    assert f"rejected the login by userpass at auth/userpass: {shown}\n" in result.err


# Redirects: Vault's own client follows one, to any host (a standby node names the active one), but
# never from https to http.


def redirect(status: int, to: str) -> Answer:
    return text(status, PAGE.encode(), Location=to)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_standby_node_sends_us_to_the_active_one(
    run: Run, server: StandIn, env: Mapping[str, str], status: int
) -> None:
    with stand_in(redirect(status, f"{server.address}/v1/kv/data/app")) as standby:
        own = {**env, "VAULT_ADDR": standby.address}
        assert fields(run("generate", "-", env=own, stdin=WANTED)) == {"a": "hunter22"}

    assert [each.headers["X-Vault-Token"] for each in server.asked] == [TOKEN]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirected_login_keeps_its_method_and_body(
    run: Run, server: StandIn, login_env: Mapping[str, str], status: int
) -> None:
    server.answer = in_turn(as_json(200, {"auth": {"client_token": "t"}}), GOOD)
    with stand_in(
        lambda exchange: redirect(status, f"{server.address}{exchange.path}")(exchange)
    ) as standby:
        own = {**login_env, "VAULT_ADDR": standby.address}
        assert fields(run("generate", "-", env=own, stdin=WANTED)) == {"a": "hunter22"}

    assert [each.method for each in server.asked] == ["POST", "GET"]
    assert json.loads(server.asked[0].body) == {"role_id": ROLE_ID, "secret_id": SECRET_ID}


@pytest.mark.parametrize("to", ["/v1/kv/data/app", "ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_redirect_loops_and_other_schemes_are_reported(
    fails: Fails, server: StandIn, env: Mapping[str, str], to: str
) -> None:
    server.answer = redirect(307, to)

    said = fails(WANTED, env, secrets=(BODY,))

    assert f"Vault at {server.address} redirects more than once, or away from https" in said
    assert "next: check VAULT_ADDR" in said
    assert len(server.asked) <= 2


# Proxies: HTTP_PROXY and HTTPS_PROXY of the run's environment.


def test_a_proxy_is_used_for_a_vault_that_is_not_on_this_machine(
    run: Run, server: StandIn, env: Mapping[str, str]
) -> None:
    own = {**env, "VAULT_ADDR": "http://vault.example.invalid:8200", "HTTP_PROXY": server.address}

    assert fields(run("generate", "-", env=own, stdin=WANTED)) == {"a": "hunter22"}

    assert server.paths == ["http://vault.example.invalid:8200/v1/kv/data/app"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_proxy_is_used_for_a_vault_on_this_machine(
    run: Run, server: StandIn, env: Mapping[str, str], host: str
) -> None:
    with stand_in(as_html(403, PAGE)) as proxy:
        address = f"http://{host}:{server.port}"
        own = {**env, "VAULT_ADDR": address, "HTTP_PROXY": proxy.address}
        assert fields(run("generate", "-", env=own, stdin=WANTED)) == {"a": "hunter22"}
        assert proxy.connections == 0


def test_the_environment_of_the_process_names_no_proxy(
    run: Run, server: StandIn, env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only the environment of the run counts: a resident process serves many runs.
    with stand_in(as_html(502, PAGE)) as wrong:
        monkeypatch.setenv("HTTP_PROXY", wrong.address)
        own = {**env, "VAULT_ADDR": "http://vault.example.invalid:8200"}
        own["HTTP_PROXY"] = server.address
        assert fields(run("generate", "-", env=own, stdin=WANTED)) == {"a": "hunter22"}
        assert wrong.connections == 0


def test_no_proxy_is_used_where_no_proxy_says_so(
    fails: Fails, server: StandIn, env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    own = {**env, "VAULT_ADDR": "http://vault.example.invalid:8200"}
    proxies = {"HTTP_PROXY": server.address, "NO_PROXY": "other.test,.example.invalid"}

    said = fails(WANTED, {**own, **proxies})

    assert "its name does not resolve" in said
    assert server.connections == 0


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_an_unusable_proxy_is_reported(fails: Fails, env: Mapping[str, str], scheme: str) -> None:
    proxy = f"{scheme}://user:canary-of-the-proxy@127.0.0.1:{free_port()}"
    address = "https://vault.example.invalid:8200"
    own = {**env, "VAULT_ADDR": address, "HTTPS_PROXY": proxy}

    said = fails(WANTED, own, secrets=("canary-of-the-proxy",))

    assert f"the proxy on the way to {address} cannot be used" in said
    assert "next: check HTTPS_PROXY, HTTP_PROXY and NO_PROXY" in said


def test_a_proxy_that_refuses_the_tunnel_is_reported(
    fails: Fails, server: StandIn, env: Mapping[str, str]
) -> None:
    server.answer = as_html(407, PAGE)
    address = "https://vault.example.invalid:8200"
    own = {**env, "VAULT_ADDR": address, "HTTPS_PROXY": server.address}

    said = fails(WANTED, own, secrets=(BODY,))

    assert f"the proxy on the way to {address} cannot be used" in said
    assert server.asked[0].method == "CONNECT"


def test_the_stand_in_keeps_connections_alive() -> None:
    # Otherwise a test above could pass for a wrong reason.
    with (
        stand_in(GOOD) as server,
        closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection,
    ):
        for _ in range(2):
            connection.request("GET", "/v1/x")
            assert json.loads(connection.getresponse().read())["data"]
        assert server.connections == 1
