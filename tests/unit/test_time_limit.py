"""A run ends when its time is up, even if it is stuck: real processes, really stuck."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from avp_py.settings import Sources, read_limits
from tests.processes import AVP, is_running, until
from tests.trees import write

SAYS: Final = "the run exceeded its time limit (AVP_RUN_TIMEOUT=0.2s)"

STUCK: Final[Mapping[str, str]] = {
    "in Python": "while True: pass",
    "in C": "import collections, itertools; collections.deque(itertools.repeat(0), maxlen=0)",
    "waiting": "import time; time.sleep(10_000)",
    "waiting for a thread": (
        "import threading, time\n"
        "    thread = threading.Thread(target=time.sleep, args=(10_000,)); thread.start()\n"
        "    thread.join()"
    ),
    "swallowing what interrupts it": (
        "import time\n"
        "    while True:\n"
        "        try: time.sleep(10_000)\n"
        "        except BaseException: pass"
    ),
}
"""Ways to be stuck. The second holds the interpreter's lock, and no signal handler ever runs."""

_DRIVER: Final = """
import sys
from avp_py import entry
import avp_py.cli.generate, avp_py.cli.main, avp_py.cli.version

def stuck(*_args, **_more):
    STUCK

TARGET = stuck
entry.entrypoint()
"""

WRITE: Final = "avp_py.cli.console.Console.write"

COMMANDS: Final = (
    "generate -", "healthcheck", "parameters .", "plugin", "policy check POLICY kv/data/a",
    "version", "help", "--help",
)  # fmt: skip


def driver(stuck: str, target: str) -> list[str]:
    """A command line of the program in which one function never returns."""
    code = _DRIVER.replace("STUCK", STUCK[stuck]).replace("TARGET", target)
    return [sys.executable, "-I", "-c", code]


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    (tmp_path / "tmp").mkdir()
    return {"PATH": "/nowhere", "TMPDIR": str(tmp_path / "tmp"), "AVP_RUN_TIMEOUT": "0.2"}


@pytest.fixture
def fifo(tmp_path: Path) -> str:
    path = tmp_path / "fifo.yaml"
    os.mkfifo(path)
    return str(path)


def run(
    argv: list[str], env: Mapping[str, str], stdin: bytes = b"kind: A\n", seconds: float = 60
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv,
        env=env,
        stdin=None,
        input=stdin.decode(),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("stuck", STUCK)
def test_a_run_that_is_stuck_ends(stuck: str, env: Mapping[str, str]) -> None:
    argv = driver(stuck, "avp_py.cli.version.resolve")
    done = run([*argv, "version"], env)
    assert (done.returncode, done.stdout) == (1, "")
    if stuck in ("in C", "swallowing what interrupts it"):
        assert done.stderr.startswith("Timeout (0:00:0")
        assert "in stuck\n" in done.stderr
        assert "in run_within_avp_run_timeout\n" in done.stderr
    else:
        assert f"1. {SAYS}\n" in done.stderr
        assert "AVP_RUN_TIMEOUT; -vv shows" in done.stderr


@pytest.mark.slow
def test_what_is_stuck_is_stuck(env: Mapping[str, str]) -> None:
    argv = driver("in C", "avp_py.cli.version.resolve")
    with pytest.raises(subprocess.TimeoutExpired):
        run([*argv, "version"], {**env, "AVP_RUN_TIMEOUT": "60"}, seconds=5)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_ends(command: str, env: Mapping[str, str], tmp_path: Path) -> None:
    policy = write(tmp_path, {"policy.yaml": "rules:\n- projects: [p]\n  allow: [kv/data/a]\n"})
    words = command.replace("POLICY", str(policy / "policy.yaml")).split()
    done = run([*driver("in Python", WRITE), *words], env)
    assert (done.returncode, done.stdout) == (1, "")
    assert SAYS in done.stderr


@pytest.mark.parametrize(
    "words", ["generate -c FIFO -", "policy check FIFO a", "healthcheck -c FIFO"]
)
def test_a_file_that_never_ends_is_no_reason_to_wait(
    words: str, env: Mapping[str, str], fifo: str
) -> None:
    done = run([*AVP, *words.replace("FIFO", fifo).split()], env)
    assert done.returncode == 1
    assert SAYS in done.stderr


def test_with_vv_it_shows_where_the_run_was(env: Mapping[str, str], fifo: str) -> None:
    done = run([*AVP, "generate", "-vv", "-c", fifo, "-"], env)
    assert "TimeLimitReached, raised at:" in done.stderr
    assert "in read_config" in done.stderr


def test_the_settings_file_can_set_the_time(tmp_path: Path) -> None:
    config = write(tmp_path, {"c.yaml": "AVP_RUN_TIMEOUT: 0.2\n"}) / "c.yaml"
    argv = driver("in Python", "avp_py.cli.generate.generate")
    done = run([*argv, "generate", "-c", str(config), "-"], {})
    assert (done.returncode, done.stdout) == (1, "")
    assert SAYS in done.stderr


@pytest.mark.slow
def test_a_child_that_hangs_ends_with_the_run(env: Mapping[str, str], tmp_path: Path) -> None:
    script = f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec sleep 10000\n"
    program = write(tmp_path, {"kustomize": script}) / "kustomize"
    program.chmod(0o755)
    argv = [*AVP, "healthcheck"]
    # The child must have started by then.
    more = {"PATH": "/usr/bin:/bin", "AVP_KUSTOMIZE": str(program), "AVP_RUN_TIMEOUT": "3"}
    more |= {"AVP_SANDBOX": "off"}
    done = run(argv, {**env, **more})
    assert done.returncode == 1
    assert "(AVP_RUN_TIMEOUT=3s)" in done.stderr
    child = int((tmp_path / "pid").read_text())
    assert until(lambda: not is_running(child), 10)
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.fixture
def waiting(env: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A run that waits for its standard input."""
    argv = [*AVP, "generate", "-"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=env, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        yield child
        child.kill()


def test_waiting_for_standard_input_is_no_time_of_the_run(
    waiting: "subprocess.Popen[bytes]",
) -> None:
    # Longer than the time limit and the grace period together.
    time.sleep(3)
    out, err = waiting.communicate(b"kind: A\n", timeout=60)
    assert (waiting.returncode, out, err) == (0, b"kind: A\n", b"")


def test_under_argo_cd_all_waiting_is_time_of_the_run(env: Mapping[str, str], fifo: str) -> None:
    pipe = os.open(fifo, os.O_RDWR)
    done = subprocess.run(
        [*AVP, "generate", "-"],
        env={**env, "ARGOCD_APP_NAME": "web"},
        stdin=pipe,
        capture_output=True,
        timeout=60,
        check=False,
    )
    os.close(pipe)
    assert (done.returncode, done.stdout) == (1, b"")
    assert SAYS.encode() in done.stderr


@pytest.mark.slow
def test_a_reader_that_stalls_is_an_error_too(env: Mapping[str, str]) -> None:
    reader, writer = os.pipe()
    done = subprocess.run(
        [*AVP, "generate", "-"],
        env={**env, "AVP_RUN_TIMEOUT": "3"},
        input=b"kind: A\n" + b"# padding\n" * 20_000,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writer)
    os.close(reader)
    assert done.returncode == 1
    assert b"1 failure, the output is not complete" in done.stderr
    assert b"standard output was not read within the time limit" in done.stderr


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 55),
        ({"AVP_RUN_TIMEOUT": "7"}, 7),
        ({"AVP_RUN_TIMEOUT": "soon"}, 55),
        ({"AVP_RUN_TIMEOUT": "0"}, 55),
        ({"AVP_RUN_TIMEOUT": ""}, 55),
        ({"ARGOCD_ENV_AVP_RUN_TIMEOUT": "86400", "AVP_RUN_TIMEOUT": "7"}, 7),
        ({"AVP_RUN_TIMEOUT": "7", "AVP_MAX_DOCUMENTS": "x", "VAULT_ADDR": "x"}, 7),
    ],
)
def test_a_malformed_limit_counts_as_unset_until_it_is_reported(
    environ: dict[str, str], seconds: float
) -> None:
    assert read_limits(Sources(environ)).seconds == seconds


def test_standard_input_is_not_read_beyond_its_limit(env: Mapping[str, str]) -> None:
    endless = "import os\nwhile True: os.write(1, b'#' * 65536)"
    with subprocess.Popen(
        [sys.executable, "-c", endless], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as source:
        done = subprocess.run(
            [*AVP, "generate", "-"],
            env={**env, "AVP_MAX_INPUT": "1Mi"},
            stdin=source.stdout,
            capture_output=True,
            timeout=60,
            check=False,
        )
        source.kill()
    assert done.returncode == 1
    assert b"more than 1048576 bytes on standard input" in done.stderr
