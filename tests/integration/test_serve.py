"""The resident core: what a client of it prints is what the command prints by itself."""

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from avp_py.serve.wire import HEADER, MAGIC, REPLY, pack
from tests.conftest import HELM, ROOT
from tests.integration.core import AVP, Core, command_of, serve
from tests.processes import is_running, until

APPLICATION = {
    "ARGOCD_APP_NAME": "web",
    "ARGOCD_APP_NAMESPACE": "demo",
    "ARGOCD_APP_PROJECT_NAME": "default",
    "ARGOCD_ENV_APP_REPO": "https://github.com/example/web",
    "ARGOCD_ENV_IMAGE_NAME": "registry.example/team/web",
    "ARGOCD_ENV_IMAGE_TAG": "1.4.2",
}
WEB = ROOT / "examples/web"


@pytest.fixture(scope="module")
def operators(tools: Mapping[str, Path]) -> Mapping[str, str]:
    """The operator's environment, with secrets from a file."""
    return {
        "AVP_TYPE": "file",
        "AVP_FILE": str(ROOT / "examples/secrets.yaml"),
        "AVP_KUSTOMIZE": str(tools["kustomize"]),
        "AVP_HELM": str(tools[HELM]),
        "AVP_SANDBOX": "required",
    }


@pytest.fixture(scope="module")
def core(operators: Mapping[str, str]) -> Iterator[Core]:
    with serve(operators) as running:
        yield running


def alone(
    operators: Mapping[str, str], *argv: str, cwd: Path, stdin: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    """The same command without a core."""
    env = {"PATH": os.defpath, **operators, **APPLICATION}
    return subprocess.run(
        [AVP, *argv], cwd=cwd, env=env, input=stdin, capture_output=True, check=False
    )


SECRET = b"""\
kind: Secret
metadata: {name: a, annotations: {avp.kubernetes.io/path: kv/data/demo/cache}}
stringData: {a: <KEY>}
"""


@pytest.mark.parametrize(
    ("argv", "cwd", "stdin"),
    [
        (("generate", "."), WEB, b""),
        (("generate", "--render=kustomize", "examples/web"), ROOT, b""),
        (("generate", "--render=plain", "."), WEB, b""),
        (("generate", "-"), WEB, SECRET.replace(b"KEY", b"password")),
        (("generate", "-"), WEB, SECRET.replace(b"KEY", b"missing")),
        (("generate", "nowhere"), WEB, b""),
        (("generate", ""), WEB, b""),
        (("generate", "--unknown", "."), WEB, b""),
        (("generate", "--help"), WEB, b""),
        (("parameters", "."), WEB, b""),
        (("-s", "generate", "parameters", "."), WEB, b""),
    ],
)
def test_a_client_prints_what_the_command_prints(
    core: Core, operators: Mapping[str, str], argv: tuple[str, ...], cwd: Path, stdin: bytes
) -> None:
    done = core.run(*argv, cwd=cwd, variables=APPLICATION, stdin=stdin)
    expected = alone(operators, *argv, cwd=cwd, stdin=stdin)
    assert (done.returncode, done.stdout, done.stderr) == (
        expected.returncode,
        expected.stdout,
        expected.stderr,
    )


def test_the_images_of_a_request_do_not_reach_the_next(core: Core) -> None:
    other = {**APPLICATION, "ARGOCD_ENV_IMAGE_TAG": "2.0.0"}
    first = core.run("generate", ".", cwd=WEB, variables=APPLICATION).stdout
    second = core.run("generate", ".", cwd=WEB, variables=other).stdout
    assert first.replace(b"1.4.2", b"2.0.0") == second != first


def test_only_argo_cds_variables_reach_the_core(core: Core) -> None:
    variables = {**APPLICATION, "AVP_TYPE": "vault", "VAULT_ADDR": "http://127.0.0.1:1"}
    assert core.run("generate", ".", cwd=WEB, variables=variables).returncode == 0


def test_a_settings_file_is_the_keepers_to_read(core: Core, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("AVP_LOG_FORMAT: json\n")
    given = core.run("-c", file, "generate", "none", cwd=tmp_path)
    assert given.returncode == 2
    given = core.run("-c", file, "generate", "-", cwd=tmp_path, stdin=b"kind: X\nmetadata: {}\n")
    assert given.returncode == 0
    relative = core.run("-c", file.name, "generate", "-", cwd=tmp_path, stdin=b"kind: X\n")
    assert relative.returncode == 2
    assert b"-c 'settings.yaml' is not an absolute path" in relative.stderr


def test_nothing_is_left_of_a_request(core: Core) -> None:
    before = core.files()
    assert core.run("generate", ".", cwd=WEB, variables=APPLICATION).returncode == 0
    assert core.run("generate", ".", cwd=WEB.parent, variables=APPLICATION).returncode == 1
    assert until(lambda: core.files() == before and not core.workers, 5)


def test_a_health_check_is_made_by_the_keeper(core: Core) -> None:
    done = core.run("healthcheck", cwd=ROOT)
    assert done.returncode == 0
    assert b"ok      kustomize" in done.stdout


def test_other_commands_run_without_the_core(core: Core) -> None:
    done = core.run("version", cwd=ROOT, variables={"AVP_SOCKET": "/nowhere"})
    assert done.returncode == 0


def test_without_a_core_a_client_says_what_is_missing(core: Core) -> None:
    done = core.run("generate", ".", cwd=WEB, variables={"AVP_SOCKET": "/nowhere/core.sock"})
    assert done.returncode == 1
    assert b"no connection to the core at /nowhere/core.sock" in done.stderr
    assert b"next: check that `avp-py serve` runs" in done.stderr


def test_another_version_of_the_client_is_refused(core: Core) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(core.socket))
        request = pack(b"0.0.1", b"avp-py", 0.0, b"/", [b"generate", b"."], [], [])
        socket.send_fds(client, [request], [0, 1, 2])
        code, length = REPLY.unpack(client.recv(REPLY.size))
        message = client.recv(length)
    assert code == 1
    assert b"the client has version '0.0.1'" in message


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        HEADER.pack(MAGIC, 1 << 30, 0),
        HEADER.pack(MAGIC, 3, 0) + b"x\0\0",
        HEADER.pack(MAGIC, 3, 3) + b"x\0\0",
    ],
)
def test_what_is_not_a_request_is_refused(core: Core, data: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(core.socket))
        client.sendall(data)
        code, _ = REPLY.unpack(client.recv(REPLY.size))
    assert code == 1
    assert core.run("generate", ".", cwd=WEB, variables=APPLICATION).returncode == 0


_OTHER_USER = """
import os, sys
os.geteuid = lambda: 12345
sys.argv = ["avp-py", "generate", "."]
from avp_py.entry import entrypoint
entrypoint()
"""


def test_a_core_of_another_user_is_given_no_request(core: Core) -> None:
    before = core.outcomes()
    done = subprocess.run(
        [sys.executable, "-I", "-c", _OTHER_USER],
        cwd=WEB,
        env=core.client_environment,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"runs as another user (" in done.stderr
    assert core.outcomes() == before


def test_the_sockets_directory_is_ours_alone(core: Core) -> None:
    assert core.socket.parent.stat().st_mode & 0o777 == 0o700


def test_the_log_has_a_line_for_each_request(core: Core) -> None:
    core.run("parameters", ".", cwd=WEB, variables={**APPLICATION, "ARGOCD_APP_NAME": "logged"})
    pattern = (
        r"request=\d+ command='parameters' app='logged' project='default' outcome='ok' "
        r"waited=\d+\.\d+ took=\d+\.\d+"
    )
    assert until(lambda: re.search(pattern, core.log.read_text()) is not None, 5)


TWO_DOCUMENTS = b"kind: ConfigMap\nmetadata: {name: b}\n---\n" + SECRET


@pytest.mark.parametrize(
    ("stdin", "outcome", "counts"),
    [
        (TWO_DOCUMENTS.replace(b"KEY", b"password"), "ok", (2, 1, 1)),
        (TWO_DOCUMENTS.replace(b"KEY", b"missing"), "failed", (2, 1, 1)),
        (TWO_DOCUMENTS.replace(b"<KEY>", b"x"), "ok", (2, 0, 0)),
        # What fails before there is a document was about none.
        (b"", "failed", ()),
    ],
)
def test_the_log_says_how_much_a_request_was_about(
    core: Core, stdin: bytes, outcome: str, counts: Sequence[int]
) -> None:
    name = f"counted-{zlib.crc32(stdin)}"
    variables = {**APPLICATION, "ARGOCD_APP_NAME": name}
    core.run("generate", "-", cwd=WEB, variables=variables, stdin=stdin)

    pattern = rf"app='{name}' .* outcome='{outcome}' .* took=[\d.]+(.*)"
    assert until(lambda: re.search(pattern, core.log.read_text()) is not None, 5)
    (found,) = re.findall(pattern, core.log.read_text())
    names = ("documents", "placeholders", "secrets")
    assert found == "".join(f" {each}={count}" for each, count in zip(names, counts, strict=False))


def test_a_worker_that_was_killed_is_a_line_without_numbers(
    operators: Mapping[str, str],
) -> None:
    with serve(operators) as core:
        client = core.start("generate", "-", cwd=WEB, variables=APPLICATION)
        assert until(lambda: len(core.running) == 1, 10)
        os.kill(core.running[0], signal.SIGKILL)
        client.communicate(timeout=20)

        assert until(lambda: core.outcomes() == ["killed"], 5)
        assert re.search(r"outcome='killed' .* took=[\d.]+$", core.log.read_text(), re.MULTILINE)


def test_a_render_that_cannot_work_is_reported_at_the_start(
    operators: Mapping[str, str],
) -> None:
    with serve({**operators, "AVP_KUSTOMIZE": "/none/kustomize"}) as core:
        assert until(lambda: "renders may fail" in core.log.read_text(), 20)
        text = core.log.read_text()

    assert "/none/kustomize is not an executable program" in text


def test_a_strict_operator_has_no_failed_render_at_the_start(
    operators: Mapping[str, str],
) -> None:
    with serve({**operators, "AVP_WARNINGS": "error"}) as core:
        assert core.run("generate", ".", cwd=WEB, variables=APPLICATION).returncode == 0
        assert "renders may fail" not in core.log.read_text()


def test_the_time_limit_reaches_the_client_as_a_number(
    operators: Mapping[str, str], tmp_path: Path
) -> None:
    seconds = tmp_path / "seconds"
    script = f"echo $AVP_RUN_TIMEOUT >{seconds}; exec sleep 60"
    with serve({**operators, "AVP_RUN_TIMEOUT": "1m30s"}, "sh", "-c", script):
        assert until(lambda: seconds.exists() and seconds.read_text() == "90\n", 20)


_FAULTY = """
import errno, os, sys
from avp_py.cli.console import open_console
from avp_py.cli.hardening import harden
from avp_py.serve import parent
from avp_py.settings import Sources, read_serve

class Keeper:
    def __init__(self, *_arguments):
        pass

    def run(self):
        raise KeyError("a secret")

starts = []
def start(self, begin=parent.Parent._start_keeper):
    starts.append(1)
    if len(starts) == 1:
        raise BlockingIOError(errno.EAGAIN, "no room")
    return begin(self)

parent.KeeperProcess = Keeper
parent.Parent._start_keeper = start
log = open_console(os.environ).log
harden(log)
settings = read_serve(Sources(os.environ))

def say(text):
    log.write(log.format.note(text))
    log.flush()

sys.exit(parent.Parent(settings, os.environ, ["sleep", "1"], say).run())
"""


def test_the_log_says_why_there_is_no_keeper(operators: Mapping[str, str], tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), **operators}
    done = subprocess.run(
        [sys.executable, "-P", "-c", _FAULTY], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "no keeper can be started: no room; again in 0.1 s" in done.stderr
    assert "KeyError" in done.stderr
    assert "a secret" not in done.stderr
    assert "the keeper ended (exit code 1)" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_with_json_every_line_of_the_log_is_an_object(operators: Mapping[str, str]) -> None:
    with serve({**operators, "AVP_LOG_FORMAT": "json"}) as running:
        running.run("parameters", ".", cwd=WEB, variables=APPLICATION)
        keeper = running.keeper
        os.kill(keeper, signal.SIGKILL)
        assert until(lambda: running.keeper not in (0, keeper), 10)
        records = [json.loads(line) for line in running.log.read_text().splitlines()]
    assert any(each.get("app") == "web" for each in records)
    assert any("the keeper ended (signal 9)" in each.get("msg", "") for each in records)


def test_a_command_runs_below_the_core(operators: Mapping[str, str], tmp_path: Path) -> None:
    script = f"cd {WEB}; avp-py generate . >{tmp_path}/out; echo $? >{tmp_path}/code; exit 7"
    with serve({**operators, **APPLICATION}, "sh", "-c", script) as running:
        code = running.process.wait(30)
    assert code == 7
    assert (tmp_path / "code").read_text() == "0\n"
    assert b"kind: Deployment" in (tmp_path / "out").read_bytes()


def test_signals_reach_the_command(operators: Mapping[str, str], tmp_path: Path) -> None:
    script = (
        f"trap 'echo got >{tmp_path}/signal; exit 3' TERM; touch {tmp_path}/ready; "
        "while :; do sleep 0.05; done"
    )
    with serve(operators, "sh", "-c", script) as running:
        assert until((tmp_path / "ready").exists, 30)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(10) == 3
    assert (tmp_path / "signal").read_text() == "got\n"


def test_the_supervisor_has_one_thread(core: Core) -> None:
    assert core.run("generate", ".", cwd=WEB, variables=APPLICATION).returncode == 0
    assert len(list(Path(f"/proc/{core.supervisor}/task").iterdir())) == 1
    # The control: the keeper answers each worker in a thread.
    client = core.start("generate", "-", cwd=WEB, variables=APPLICATION)
    assert until(lambda: len(list(Path(f"/proc/{core.keeper}/task").iterdir())) > 1, 10)
    client.communicate(SECRET.replace(b"KEY", b"password"), timeout=20)


def test_a_core_that_does_not_answer_is_waited_for_until_the_time_is_over(
    operators: Mapping[str, str],
) -> None:
    with serve(operators) as core:
        os.kill(core.supervisor, signal.SIGSTOP)
        try:
            variables = {**APPLICATION, "AVP_RUN_TIMEOUT": "0.5"}
            client = core.start("generate", ".", cwd=WEB, variables=variables)
            assert client.wait(30) == 1
        finally:
            os.kill(core.supervisor, signal.SIGCONT)
        # Until now the supervisor had its streams.
        out, err = client.communicate(timeout=20)
    assert out == b""
    assert b"the core did not answer within the time limit of the run" in err


def test_a_client_waits_where_the_kernel_keeps_no_more_of_them(tmp_path: Path) -> None:
    path = tmp_path / "core.sock"
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        listener.listen(0)
        code, fillers = 0, []
        while code != errno.EAGAIN:
            waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            code = waiting.connect_ex(str(path))
            fillers.append(waiting)
        env = {"PATH": os.defpath, "AVP_SOCKET": str(path), "AVP_RUN_TIMEOUT": "30"}
        client = stack.enter_context(
            subprocess.Popen([AVP, "generate", "."], env=env, stderr=subprocess.PIPE)
        )
        with pytest.raises(subprocess.TimeoutExpired):
            client.wait(1)
        # Once those before it are gone, there is room.
        listener.settimeout(20)
        for each in fillers:
            each.close()
        received = b""
        while not received:
            connection, _ = listener.accept()
            with connection:
                received = connection.recv(1 << 16)
        assert received.startswith(MAGIC)
        assert b"the core ended before the request did" in client.communicate(timeout=20)[1]


@pytest.mark.parametrize("victim", ["serve", "supervisor"])
def test_all_end_with_serve_and_with_the_supervisor(
    operators: Mapping[str, str], victim: str
) -> None:
    with serve(operators, "sleep", "1000") as running:
        assert running.supervisor
        assert running.keeper

        def sleeping() -> list[int]:
            return [pid for pid in running.members if command_of(pid) == "sleep 1000 "]

        # The core serves before COMMAND has become its program.
        assert until(lambda: len(sleeping()) == 1, 10)
        (command,) = sleeping()
        members = [running.supervisor, running.keeper, command]
        pid = running.process.pid if victim == "serve" else running.supervisor
        os.kill(pid, signal.SIGKILL)
        running.process.wait(10)
        assert until(lambda: not any(map(is_running, members)), 10)


def test_a_second_core_at_a_socket_is_refused(core: Core, operators: Mapping[str, str]) -> None:
    env = {**operators, **core.client_environment}
    done = subprocess.run([AVP, "serve"], env=env, capture_output=True, timeout=30, check=False)
    assert done.returncode == 1
    assert b"another core listens at" in done.stderr


def test_a_directory_that_others_can_open_is_refused(
    operators: Mapping[str, str], tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    env = {**operators, "AVP_SOCKET": str(tmp_path / "core.sock")}
    done = subprocess.run([AVP, "serve"], env=env, capture_output=True, timeout=30, check=False)
    assert done.returncode == 1
    assert b"is not a directory of ours alone" in done.stderr
