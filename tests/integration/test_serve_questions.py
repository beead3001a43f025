"""The keeper before a hostile worker: what it refuses, and that it goes on serving others."""

import json
import logging
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from avp_py import __version__
from avp_py.backends.vault.pool import SessionPool
from avp_py.errors import Failure
from avp_py.serve.channel import MAX_QUESTION, LostError, receive_answer
from avp_py.serve.events import Events
from avp_py.serve.keeper import KeeperProcess
from avp_py.serve.remote import Raised, Read
from avp_py.serve.wire import HEADER, pack
from avp_py.settings import Settings
from tests.integration.vault import Vault

OWN, OTHERS = "kv/data/demo/web", "kv/data/billing/api"

SECONDS: Final = 30

APPLICATION = {
    "ARGOCD_APP_NAME": "web",
    "ARGOCD_APP_NAMESPACE": "demo",
    "ARGOCD_APP_PROJECT_NAME": "team-a",
}


class Worker:
    """The worker's end of a channel, which sends whatever it likes."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        channel.settimeout(SECONDS)

    def send(self, data: bytes, length: int | None = None) -> None:
        """Send bytes, and a length before them, the true one or another."""
        with suppress(OSError):
            size = len(data) if length is None else length
            self.channel.sendall(struct.pack("!I", size) + data)

    def ask(self, question: object) -> Any:
        """Return the answer to a question; None where the keeper has hung up."""
        self.send(question if isinstance(question, bytes) else json.dumps(question).encode())
        return self.answer()

    def answer(self) -> Any:
        """Return the next answer; None where the keeper has hung up."""
        try:
            return receive_answer(self.channel).value
        except LostError:
            return None

    def begin(self) -> "Worker":
        """Ask what each run asks before it reads."""
        assert isinstance(self.ask({"do": "settings"}), Settings)
        assert self.ask({"do": "terms", "seconds": 5}).path_template is not None
        return self

    def read(self, *targets: object) -> Any:
        """Ask for secrets."""
        return self.ask({"do": "read", "targets": targets, "seconds": 5})


class Core:
    """A keeper in this process, and the supervisor's end of its channel."""

    def __init__(self, env: Mapping[str, str], stack: ExitStack) -> None:
        self._stack = stack
        self._supervisor, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stack.enter_context(control)
        self._thread = threading.Thread(
            target=KeeperProcess(control, env, SessionPool(), 0, Events(None), print).run
        )
        self._thread.start()

    def worker(
        self, *argv: str, variables: Mapping[str, str] = APPLICATION, body: bytes | None = None
    ) -> Worker:
        """Return the worker of a new request."""
        texts = [f"{name}={value}".encode() for name, value in variables.items()]
        words = [word.encode() for word in argv or ("generate", ".")]
        if body is None:
            request = pack(
                __version__.encode(), b"avp-py", time.monotonic(), b"/", words, texts, []
            )
            body = request[HEADER.size :]
        ours, theirs = socket.socketpair()
        self._stack.enter_context(ours)
        file = os.memfd_create("envelope")
        os.write(file, body)
        os.lseek(file, 0, os.SEEK_SET)
        with theirs:
            socket.send_fds(self._supervisor, [b"R"], [theirs.fileno(), file])
        os.close(file)
        return Worker(ours)

    def end(self) -> None:
        self._supervisor.close()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


@contextmanager
def keeper(env: Mapping[str, str]) -> Iterator[Core]:
    logger = logging.getLogger("avp_py")
    before = logger.handlers[:], logger.level, logger.propagate
    with ExitStack() as stack:
        core = Core(env, stack)
        try:
            yield core
        finally:
            core.end()
            logger.handlers[:], logger.level, logger.propagate = before


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    folder = tmp_path_factory.mktemp("operator")
    (folder / "policy.yaml").write_text(
        json.dumps({"rules": [{"projects": ["team-a"], "allow": ["kv/data/{{ namespace }}/*"]}]})
    )
    secrets = {path: {"password": f"secret of {path}"} for path in (OWN, OTHERS)}
    (folder / "secrets.yaml").write_text(json.dumps(secrets))
    return {
        "AVP_TYPE": "file",
        "AVP_FILE": str(folder / "secrets.yaml"),
        "AVP_POLICY": str(folder / "policy.yaml"),
    }


@pytest.fixture(scope="module")
def core(operators: Mapping[str, str]) -> Iterator[Core]:
    with keeper(operators) as running:
        yield running


@pytest.fixture(autouse=True)
def others_are_served(core: Core) -> Iterator[None]:
    """After each test another request gets its secret, and nothing else."""
    yield
    (own, others) = core.worker().begin().read([OWN, "", None, ""], [OTHERS, "", None, ""])
    assert own.values == {"password": f"secret of {OWN}"}
    assert isinstance(others, Failure)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"nonsense",
        b'{"do": "settings"',
        b"null",
        b"[]",
        b'"settings"',
        b"{}",
        b'{"do": null}',
        b'{"do": ["settings"]}',
        b'{"do": {"settings": 1}}',
        b'{"do": "__class__"}',
        b'{"do": "_open_backend"}',
        b'{"do": "shutdown"}',
        '{"do": "settings"}'.encode("utf-16"),
        '{"do": "settings", "a": "é"}'.encode(),
        b'{"do": "settings", "a": ' + 100_000 * b"[" + 100_000 * b"]" + b"}",
        b'{"do": "settings", "a": ' + 100_000 * b'{"a":' + b"1" + 100_001 * b"}",
        b'{"do": "settings", "a": ' + 10_000 * b"9" + b"}",
        b'{"do": "settings", "a": [' + 2_000_000 * b"[]," + b"0]}",
        b'{"do": "settings", "a": [' + 2_000_000 * b"1," + b"0]}",
    ],
    ids=lambda data: data[:30].decode(errors="replace"),
)
def test_what_is_not_a_question_has_no_answer(core: Core, data: bytes) -> None:
    assert core.worker().ask(data) is None


@pytest.mark.parametrize("length", [MAX_QUESTION + 1, (1 << 32) - 1])
def test_a_question_that_is_too_long_is_not_received(core: Core, length: int) -> None:
    worker = core.worker()
    worker.send(b'{"do": "settings"}', length)
    assert worker.answer() is None


def test_half_a_question_has_no_answer(core: Core) -> None:
    worker = core.worker()
    worker.send(b'{"do": "settings"}', 100)
    worker.channel.shutdown(socket.SHUT_WR)
    assert worker.answer() is None


def test_a_worker_that_reads_no_answers_holds_up_itself_only(core: Core) -> None:
    worker = core.worker()
    worker.channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for _ in range(20):
        worker.send(b'{"do": "settings"}')


@pytest.mark.parametrize(
    "before",
    [[], ["settings"], ["terms"], ["sources"], ["sources", "terms"]],
    ids=lambda before: "+".join(before) or "nothing",
)
def test_nothing_is_read_before_the_terms(core: Core, before: Sequence[str]) -> None:
    worker = core.worker()
    for each in before:
        worker.ask({"do": each, "seconds": 5})
    assert isinstance(worker.read([OWN, "", None, ""]), Raised)


@pytest.mark.parametrize("again", ["settings", "terms", "read"])
def test_each_question_is_answered_once(core: Core, again: str) -> None:
    worker = core.worker().begin()
    assert isinstance(worker.read([OWN, "", None, ""])[0], Read)
    assert worker.ask({"do": again, "seconds": 5, "targets": []}) is None


@pytest.mark.parametrize(
    "path",
    [
        OTHERS,
        f"/{OTHERS}",
        f"{OWN}/../../billing/api",
        "kv/data/demo/../billing/api",
        "kv/data/demo//web",
        "kv/data/demo/./web",
        f"{OWN}/",
        "kv/data/demo/web\n",
        "kv/data/demo/web\0",
        "kv\\data\\demo",
        "kv/data/demo/\ud800",
        "kv/data/demo/%2e%2e/billing/api",
        "kv/data/demo/web?version=1",
        "kv/data/demo/web#",
        "kv/data/demo/*",
        "*",
        "",
        "..",
        "KV/data/demo/web",
        "x" * 5000,
        "a/" * 100_000,
    ],
    ids=lambda path: repr(path)[:40],
)
def test_a_path_that_is_not_allowed_is_not_read(core: Core, path: str) -> None:
    for engine in (None, "1", "2", "3", "x" * 100):
        (answer,) = core.worker().begin().read([path, "", engine, "Secret"])
        assert isinstance(answer, Failure), answer


@pytest.mark.parametrize(
    "target",
    [
        None,
        1,
        "",
        OWN,
        {},
        [],
        [OWN],
        [OWN, "", None],
        [OWN, "", None, "", ""],
        [OWN, 1, None, ""],
        [OWN, None, None, ""],
        [OWN, "", 2, ""],
        [OWN, "", None, None],
        [None, "", None, ""],
        [[OWN], "", None, ""],
        [{"a": 1}, "", None, ""],
        [True, "", None, ""],
    ],
    ids=repr,
)
def test_what_is_not_a_target_is_refused(core: Core, target: object) -> None:
    answer = core.worker().begin().read([OWN, "", None, ""], target)
    assert isinstance(answer, Raised)
    assert "secret of" not in repr(answer)


@pytest.mark.parametrize("targets", [None, 1, OWN, {}, {OWN: 1}, [[OWN, "", None, ""]] * 1001])
def test_what_is_not_a_list_of_targets_is_refused(core: Core, targets: object) -> None:
    question = {"do": "read", "targets": targets, "seconds": 5}
    assert isinstance(core.worker().begin().ask(question), Raised)


def test_the_same_target_many_times_is_read_once(core: Core) -> None:
    found = core.worker().begin().read(*[[OWN, "", None, ""]] * 1000)
    assert len({id(each) for each in found}) <= 1000
    assert {tuple(each.values) for each in found} == {("password",)}


@pytest.mark.parametrize(
    "seconds", [b"NaN", b"Infinity", b"-Infinity", b"-1", b"1e999", b"null", b'"5"', b"[]",
                b"9" * 400]
)  # fmt: skip
def test_what_is_not_a_time_is_refused(core: Core, seconds: bytes) -> None:
    worker = core.worker()
    worker.ask({"do": "settings"})
    (failure,) = worker.ask(b'{"do": "terms", "seconds": ' + seconds + b"}").failures
    assert failure.reason == "a worker sent what is not a time"


def test_the_time_of_a_run_is_not_the_workers_to_choose(core: Core) -> None:
    began = time.monotonic() - 1000
    texts = [f"{name}={value}".encode() for name, value in APPLICATION.items()]
    body = pack(__version__.encode(), b"avp-py", began, b"/", [b"generate", b"."], texts, [])
    worker = core.worker(body=body[HEADER.size :]).begin()
    answer = worker.ask({"do": "read", "targets": [[OWN, "", None, ""]], "seconds": 1e9})
    assert "time limit" in repr(answer)


def test_a_question_changes_neither_identity_nor_settings(core: Core) -> None:
    more: dict[str, object] = {
        "argv": ["-c", "/etc/settings.yaml", "generate", "."],
        "config": {"AVP_POLICY": "/none"},
        "environ": {"AVP_POLICY": ""},
        "variables": {**APPLICATION, "ARGOCD_APP_NAMESPACE": "billing"},
        "identity": {"namespace": "billing"},
        "envelope": None,
        "has_terms": True,
    }
    worker = core.worker()
    for each in ("settings", "terms"):
        worker.ask({"do": each, "seconds": 5, **more})
    question = {"do": "read", "seconds": 5, "targets": [[OTHERS, "", None, ""]], **more}
    assert isinstance(worker.ask(question)[0], Failure)


def test_variables_of_the_operators_are_not_a_requests(core: Core) -> None:
    variables = {**APPLICATION, "AVP_POLICY": "", "AVP_FILE": "/etc/passwd", "PATH": "/none"}
    (answer,) = core.worker(variables=variables).begin().read([OTHERS, "", None, ""])
    assert isinstance(answer, Failure)


@pytest.mark.parametrize("argv", [("generate", "."), ("parameters", ".")])
def test_a_health_check_is_the_clients_to_ask_for(core: Core, argv: tuple[str, ...]) -> None:
    assert isinstance(core.worker(*argv).ask({"do": "healthcheck"}), Raised)
    assert isinstance(core.worker("healthcheck").ask({"do": "healthcheck"}), tuple)


def test_descriptors_that_a_worker_sends_are_not_kept(core: Core) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    worker = core.worker()
    reading, writing = os.pipe()
    data = b'{"do": "settings"}'
    socket.send_fds(worker.channel, [struct.pack("!I", len(data)) + data], [writing] * 200)
    assert isinstance(worker.answer(), Settings)
    os.close(writing)
    # It would wait for ever if the keeper had a copy.
    assert os.read(reading, 1) == b""
    os.close(reading)
    worker.channel.close()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 4


def test_a_guard_of_the_secret_cannot_be_dropped(
    vault: Vault, kv2: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("own", "others"):
        vault.write(f"{kv2}/data/{name}", {"password": f"password-of-{name}"})
    read: Callable[..., Mapping[str, str]] = lambda *_arguments: {  # noqa: E731
        "AVP_PATH_VALIDATION": f"^{kv2}/data/own$"
    }
    monkeypatch.setattr("avp_py.kubernetes.read_settings_secret", read)
    env = {"VAULT_ADDR": vault.address, "VAULT_TOKEN": vault.root_token}
    argv = ("-s", "argocd:avp", "generate", ".")
    targets = [[f"{kv2}/data/{name}", "", None, ""] for name in ("own", "others")]
    with keeper(env) as core:
        own, others = core.worker(*argv).begin().read(*targets)
        assert own.values["password"].startswith("password-of-own")
        assert isinstance(others, Failure)
        worker = core.worker(*argv).begin()
        worker.ask({"do": "settings"})
        assert worker.read(*targets) is None


def test_an_operators_credential_reaches_no_worker(vault: Vault, kv2: str, tmp_path: Path) -> None:
    vault.write(f"{kv2}/data/own", {"password": "password-of-own"})
    credentials = {
        "VAULT_TOKEN": vault.token(f"{kv2}/data/own"),
        "AVP_ROLE_ID": "role-id-of-the-operator",
        "AVP_SECRET_ID": "secret-id-of-the-operator",
        "AVP_USERNAME": "name-of-the-operator",
        "AVP_PASSWORD": "password-of-the-operator",
        "AVP_GITHUB_TOKEN": "ghp_of_the_operator",
    }
    file = tmp_path / "settings.yaml"
    others = {"DB_PASSWORD": "password-of-others", "AVP_IBM_API_KEY": "key-of-others"}
    file.write_text(json.dumps({**credentials, **others, "AVP_AUTH_TYPE": "token"}))
    for argv, env in (
        (("generate", "."), {**credentials, "AVP_AUTH_TYPE": "token"}),
        (("-c", str(file), "generate", "."), {}),
        (("-c", str(file), "parameters", "."), {}),
        (("-c", str(file), "healthcheck", "--login"), {}),
    ):
        with keeper({"VAULT_ADDR": vault.address, **env}) as core:
            worker = core.worker("-vv", *argv)
            worker.send(b'{"do": "sources"}')
            received = [receive_answer(worker.channel)]
            for each in ("settings", "terms", "healthcheck"):
                worker.send(json.dumps({"do": each, "seconds": 5}).encode())
                received.append(receive_answer(worker.channel))
            question = {"do": "read", "seconds": 5, "targets": [[f"{kv2}/data/own", "", None, ""]]}
            worker.send(json.dumps(question).encode())
            received.append(receive_answer(worker.channel))
        shown = _everything(received)
        assert "password-of-own" in shown, shown
        assert [each for each in (*credentials.values(), *others.values()) if each in shown] == []


def _everything(value: object) -> str:
    """All texts in an object, those of its attributes included."""
    import pickle

    return pickle.dumps(value).decode("latin-1")
