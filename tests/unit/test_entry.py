"""The first instructions: the process is hardened before anything else is loaded."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.processes import run_as_anybody

SCRIPTS: Final = ("avp-py", "argocd-vault-plugin")

WAYS: Final = (
    *(f"runpy.run_path({str(Path(sys.executable).with_name(name))!r}, " for name in SCRIPTS),
    "runpy.run_module('avp_py', ",
)
"""Each way to start the program, as a call that lacks its last argument."""

_LOOK: Final = """
import ctypes, json, resource, runpy, sys

class Look:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("avp_py.") and name not in ("avp_py.__main__", "avp_py.entry"):
            dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
            core, _ = resource.getrlimit(resource.RLIMIT_CORE)
            loaded = [each for each in sys.modules if each.startswith("avp_py.")]
            print(json.dumps([name, dumpable, core, loaded]), flush=True)
            sys.exit(0)

BEFORE
sys.meta_path.insert(0, Look())
sys.argv = ["avp-py", "version"]
WAYrun_name="__main__")
"""
"""Starts the program, and prints how closed the process is where the next module is imported."""


def look(way: str, before: str = "") -> tuple[str, int, int, list[str]]:
    driver = _LOOK.replace("WAY", way).replace("BEFORE", before)
    done = subprocess.run(
        [sys.executable, "-I", "-c", driver], capture_output=True, text=True, check=True
    )
    name, dumpable, core, loaded = json.loads(done.stdout)
    return name, dumpable, core, loaded


@pytest.mark.parametrize("way", WAYS)
def test_it_is_closed_before_the_command_line_is_imported(way: str) -> None:
    name, dumpable, core, loaded = look(way)
    assert name.startswith("avp_py.cli")
    assert (dumpable, core in (0, 1)) == (0, True)
    assert set(loaded) <= {"avp_py.entry", "avp_py.__main__"}


def test_a_process_that_stays_open_would_be_noticed() -> None:
    _, dumpable, _, _ = look(WAYS[0], "from avp_py import entry; entry.close_process = lambda: 0")
    assert dumpable == 1


_POLL: Final = """
import json, os, subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], env={"MARK": "cAnAry"}, stdout=subprocess.DEVNULL)
start = readable = time.monotonic()
while child.poll() is None:
    try:
        with open(f"/proc/{child.pid}/environ", "rb") as file:
            if b"cAnAry" in file.read():
                readable = time.monotonic()
    except OSError:
        pass
print(json.dumps([readable - start, time.monotonic() - start, child.returncode]))
"""
"""Reads the environment of a process of the same user for as long as it can."""

_OPEN: Final = """
from avp_py import entry
entry.close_process = lambda: None
import sys
sys.argv = ["avp-py", "version"]
entry.entrypoint()
"""


def readable_share(*argv: str) -> float:
    """Return for which share of its lifetime the environment of a process is readable."""
    done = run_as_anybody([sys.executable, "-I", "-c", _POLL, *argv], {})
    assert done.returncode == 0, done.stderr
    readable, life, code = json.loads(done.stdout)
    assert code == 0
    return float(readable / life)


def test_its_environment_is_readable_only_briefly() -> None:
    closed = readable_share(str(Path(sys.executable).with_name("avp-py")), "version")
    assert closed < 0.5
    # The poller does find a readable environment: the same run without the call.
    assert readable_share(sys.executable, "-I", "-c", _OPEN) > 0.8
