"""The memory limit of a run: real processes that need more end with one clear error."""

import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from avp_py.limits import memory_limit_error
from avp_py.settings import Sources, read_limits
from tests.processes import AVP
from tests.trees import write

DENSE: Final = b"kind: A\na:\n" + b"- <path:p#k>\n" * 100_000
"""A bit more than a megabyte, which needs about fifty times as much memory."""

ERROR: Final = (
    "avp-py: 1 failure, nothing was printed\n\n"
    "1. the run needs more memory than it may use (AVP_MAX_MEMORY={})\n"
    "   next: split the Application, or raise the operator's setting AVP_MAX_MEMORY, and with it "
    "the memory limit of the container\n"
)

COMMANDS: Final = (
    "generate -", "healthcheck", "parameters .", "plugin", "policy check POLICY kv/data/a",
    "version", "help", "--help",
)  # fmt: skip

_DRIVER: Final = """
import resource, sys
from avp_py import backends, entry
import avp_py.cli.generate, avp_py.cli.main
BEFORE
entry.entrypoint()
"""

_LOOK: Final = """
def look(*_):
    import os
    os.write(1, str(resource.getrlimit(resource.RLIMIT_DATA)[0]).encode())
    os._exit(0)
avp_py.cli.console.Console.write = look
"""


def driver(before: str) -> list[str]:
    """A command line of the program, in which some Python runs first."""
    return [sys.executable, "-I", "-c", _DRIVER.replace("BEFORE", before)]


def run(
    argv: list[str],
    env: Mapping[str, str],
    stdin: bytes = b"kind: A\n",
    preexec: Callable[[], object] | None = None,
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv,
        env={"PATH": "/nowhere", **env},
        input=stdin.decode(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=preexec,
    )


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    """A file backend."""
    write(tmp_path, {"secrets.yaml": "p: {k: v}\n"})
    return {"AVP_TYPE": "file", "AVP_FILE": str(tmp_path / "secrets.yaml")}


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["1Mi", "40Mi", "64Mi"])
@pytest.mark.parametrize("verbose", [[], ["-v"], ["-vv"]])
def test_what_needs_more_memory_is_one_clear_error(
    limit: str, verbose: list[str], env: Mapping[str, str]
) -> None:
    done = run([*AVP, "generate", *verbose, "-"], {**env, "AVP_MAX_MEMORY": limit}, DENSE)
    assert (done.returncode, done.stdout) == (1, "")
    said = done.stderr[done.stderr.index("avp-py: 1 failure") :]
    assert said == ERROR.format(limit)
    before = done.stderr.removesuffix(said)
    assert verbose or not before
    assert "Exception ignored" not in before


@pytest.mark.slow
def test_by_default_there_is_room_for_it(env: Mapping[str, str]) -> None:
    done = run([*AVP, "generate", "-"], env, DENSE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == DENSE.decode().replace("<path:p#k>", '"v"')


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_it_holds_for_every_command(command: str, tmp_path: Path) -> None:
    policy = write(tmp_path, {"policy.yaml": "rules:\n- projects: [p]\n  allow: [kv/data/a]\n"})
    words = command.replace("POLICY", str(policy / "policy.yaml")).split()
    done = run([*driver(_LOOK), *words], {"AVP_MAX_MEMORY": "128Mi"})
    assert (done.stdout, done.stderr) == (str(128 << 20), "")


@pytest.mark.slow
def test_the_settings_file_can_set_it(tmp_path: Path, env: Mapping[str, str]) -> None:
    config = write(tmp_path, {"c.yaml": "AVP_MAX_MEMORY: 64Mi\n"}) / "c.yaml"
    done = run([*driver(_LOOK), "generate", "-c", str(config), "-"], {})
    assert done.stdout == str(64 << 20)
    done = run([*AVP, "generate", "-c", str(config), "-"], env, DENSE)
    assert done.stderr.endswith(ERROR.format("64Mi"))


def test_it_raises_no_limit_that_was_there_before() -> None:
    lower = 96 << 20

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (lower, lower))

    done = run([*driver(_LOOK), "version"], {"AVP_MAX_MEMORY": "1Gi"}, preexec=limit)
    assert done.stdout == str(lower)


def test_an_application_cannot_set_it() -> None:
    environ = {"ARGOCD_ENV_AVP_MAX_MEMORY": "1023Gi", "AVP_MAX_MEMORY": "2Mi"}
    assert read_limits(Sources(environ)).memory_bytes == 2 << 20


@pytest.mark.parametrize("value", ["x", "0", "", "-1", "1G"])
def test_a_malformed_one_is_the_default_until_it_is_reported(value: str) -> None:
    assert read_limits(Sources({"AVP_MAX_MEMORY": value})).memory_bytes == 1 << 30


_READER: Final = """
from avp_py.backends import file
def read(self, location):
    return {"k": "x" * (1 << 30)}
file.FileBackend.read = read
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "before",
    [
        _READER,
        "def generate(*_): raise OSError(12, 'Cannot allocate memory')\n"
        "avp_py.cli.generate.generate = generate",
        "import threading, time\n"
        "def generate(*_):\n"
        "    room = [bytearray(1 << 20) for _ in range(60)]\n"
        "    while True:\n"
        "        room.append(threading.Thread(target=time.sleep, args=(9,)))\n"
        "        room[-1].start()\n"
        "avp_py.cli.generate.generate = generate",
    ],
    ids=["a reader", "the system", "a thread"],
)
def test_running_out_anywhere_is_the_same_error(before: str, env: Mapping[str, str]) -> None:
    env = {**env, "AVP_MAX_MEMORY": "128Mi"}
    stdin = b"kind: Secret\nmetadata: {name: a}\nstringData: {a: <path:p#k>}\n"
    done = run([*driver(before), "generate", "-v", "-"], env, stdin)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr[done.stderr.index("avp-py: 1 failure") :] == ERROR.format("128Mi")


@pytest.mark.slow
def test_with_any_limit_all_is_printed_or_the_error(tmp_path: Path) -> None:
    secrets = "".join(f"kv/data/x{n}: {{k: '{'x' * 20_000}'}}\n" for n in range(50))
    write(tmp_path, {"secrets.yaml": secrets})
    env = {"AVP_TYPE": "file", "AVP_FILE": str(tmp_path / "secrets.yaml")}
    stdin = "---\n".join(
        f"kind: Secret\nmetadata: {{name: a}}\nstringData: {{a: <path:kv/data/x{n % 50}#k>}}\n"
        for n in range(200)
    ).encode()
    whole = run([*AVP, "generate", "-"], env, stdin)
    assert whole.returncode == 0
    ended = set()
    for size in range(16, 112, 8):
        limit = {"AVP_MAX_MEMORY": f"{size}Mi"}
        done = run([*AVP, "generate", "-"], {**env, **limit}, stdin)
        if done.returncode:
            assert done.stdout == ""
            assert done.stderr.endswith(ERROR.format(f"{size}Mi"))
        else:
            assert (done.stdout, done.stderr) == (whole.stdout, "")
        ended.add(done.returncode)
    assert ended == {0, 1}


@pytest.mark.parametrize(
    ("size", "shown"), [(1 << 30, "1Gi"), (3 << 29, "1536Mi"), (5 << 10, "5Ki"), (1000, "1000")]
)
def test_the_error_shows_the_limit_as_it_is_set(size: int, shown: str) -> None:
    assert f"(AVP_MAX_MEMORY={shown})" in memory_limit_error(size).reason
