"""Standard output is written in full, or the exit code is 1 and a message says why."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.processes import AVP
from tests.trees import write

LARGE: Final = b"kind: ConfigMap\n" + b"# padding\n" * 40_000
"""More than a pipe holds, and more than one unbuffered write puts into it."""

COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    "generate": ("generate", "-"),
    "generate a folder": ("generate", "{tree}/plain"),
    "version": ("version",),
    "parameters": ("parameters", "{tree}"),
    "healthcheck": ("healthcheck",),
    "plugin": ("plugin", "avp-kustomize"),
    "policy check": ("policy", "check", "{tree}/policy.yaml", "--project", "p", "kv/data/a"),
    "help": ("help",),
    "--help": ("--help",),
}

BUFFERING: Final[Mapping[str, Mapping[str, str]]] = {
    "buffered": {},
    "unbuffered": {"PYTHONUNBUFFERED": "1"},
}


@pytest.fixture(params=BUFFERING)
def env(request: pytest.FixtureRequest, tmp_path: Path) -> Mapping[str, str]:
    """The environment, with standard output buffered by Python and not."""
    (tmp_path / "tmp").mkdir()
    return {"PATH": "/nowhere", "TMPDIR": str(tmp_path / "tmp"), **BUFFERING[request.param]}


@pytest.fixture
def argv(request: pytest.FixtureRequest, tmp_path: Path) -> Sequence[str]:
    """A command line, with the files that it names."""
    tree = write(
        tmp_path / "tree",
        {
            "kustomization.yaml": "resources: []\n",
            "plain/a.yaml": LARGE.decode(),
            "policy.yaml": "rules:\n- projects: [p]\n  allow: [kv/data/a]\n",
        },
    )
    words = COMMANDS[request.param]
    return [*AVP, *(word.replace("{tree}", str(tree)) for word in words)]


every_command = pytest.mark.parametrize("argv", COMMANDS, indirect=True)


def run(
    argv: Sequence[str],
    env: Mapping[str, str],
    stdout: int,
    preexec: Callable[[], object] | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        argv,
        env=env,
        input=LARGE,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
        preexec_fn=preexec,
    )


def limited_to(size: int) -> Callable[[], object]:
    """Return a function that limits the file size of the process that calls it."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@every_command
def test_a_file_that_may_not_grow_is_an_error(
    argv: Sequence[str], env: Mapping[str, str], tmp_path: Path
) -> None:
    whole = run(argv, env, subprocess.PIPE)
    half = len(whole.stdout) // 2
    assert half
    with (tmp_path / "out").open("wb") as out:
        done = run(argv, env, out.fileno(), limited_to(half))
    assert done.returncode == 1
    assert b"standard output cannot be written: File too large" in done.stderr
    assert len((tmp_path / "out").read_bytes()) < len(whole.stdout)


@every_command
@pytest.mark.parametrize(
    ("where", "why"),
    [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")],
)
def test_output_that_goes_nowhere_is_an_error(
    argv: Sequence[str], env: Mapping[str, str], where: str, why: str
) -> None:
    done = run(["/bin/sh", "-c", f'exec "$@" {where}', "sh", *argv], env, subprocess.DEVNULL)
    assert done.returncode == 1
    assert f"standard output cannot be written: {why}".encode() in done.stderr
    assert b"Traceback" not in done.stderr


@every_command
def test_a_reader_that_is_gone_is_an_error(argv: Sequence[str], env: Mapping[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run(argv, env, writer)
    os.close(writer)
    assert done.returncode == 1
    assert b"standard output cannot be written: Broken pipe" in done.stderr
    assert b"Traceback" not in done.stderr


def reader_that_goes_away(argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, bytes]:
    """Read part of what a program prints, then close; return the exit code and the messages."""
    with subprocess.Popen(
        argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdin.write(LARGE)
        child.stdin.close()
        child.stdout.read(1)
        child.stdout.close()
        return child.wait(timeout=60), child.stderr.read()


def test_a_reader_that_goes_away_is_an_error(env: Mapping[str, str]) -> None:
    code, messages = reader_that_goes_away([*AVP, "generate", "-"], env)
    assert code == 1
    assert b"standard output cannot be written: Broken pipe" in messages


def test_a_reader_that_is_slow_gets_all_of_it(env: Mapping[str, str]) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with subprocess.Popen(
        [*AVP, "generate", "-"], env=env, stdin=subprocess.PIPE, stdout=writer
    ) as child:
        os.close(writer)
        assert child.stdin is not None
        child.stdin.write(LARGE)
        child.stdin.close()
        with os.fdopen(reader, "rb") as file:
            assert file.read() == LARGE
        assert child.wait(timeout=60) == 0


def test_one_write_alone_would_be_cut_short(tmp_path: Path) -> None:
    careless = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    env = {"PYTHONUNBUFFERED": "1"}
    with (tmp_path / "out").open("wb") as out:
        done = run([sys.executable, "-c", careless], env, out.fileno(), limited_to(1000))
    assert (done.returncode, done.stderr) == (0, b"")
    assert len((tmp_path / "out").read_bytes()) == 1000


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_other_streams_that_are_closed_are_no_harm(closed: str, env: Mapping[str, str]) -> None:
    argv = ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *AVP, "version"]
    done = run(argv, env, subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"avp-py")
