"""Code that has taken over a worker: it runs where the render of a request would."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tests.conftest import ROOT
from tests.integration.core import Core

_SITE: Final = """
import sys

if "supervise" in " ".join(sys.orig_argv):
    from avp_py.cli import generate as command

    first = command.generate

    def run(request, keeper):
        code = getattr(request.source, "path", None)
        code = code and code / "tenant.py"
        if not code or not code.is_file():
            return first(request, keeper)
        exec(compile(code.read_text(), str(code), "exec"), {"request": request, "keeper": keeper})
        raise SystemExit

    command.generate = run
"""
"""Python runs this at its start. The rest is the core's own: the fork, the sandbox, the channel."""

_LIBRARY: Final = '''
import contextlib, ctypes, json, os, signal, socket, struct, sys, time
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    words = [each if isinstance(each, bytes) else ctypes.c_long(each) for each in arguments]
    if (result := libc.syscall(ctypes.c_long(number), *words)) < 0:
        raise OSError(ctypes.get_errno(), "")
    return result

def attempt(act):
    """What becomes of it: `ok`, or the name of the error."""
    try:
        act()
    except OSError as error:
        import errno
        return errno.errorcode.get(error.errno, str(error))
    except Exception as error:
        return type(error).__name__
    return "ok"

def say(value):
    """Print an answer, and end."""
    data = json.dumps(value).encode()
    while data:
        data = data[os.write(1, data):]
    os._exit(0)

'''


def environment(folder: Path) -> Mapping[str, str]:
    """What the operator's environment needs so that a worker runs a tenant's code.

    Args:
        folder: an empty directory.
    """
    (folder / "sitecustomize.py").write_text(_SITE)
    return {"PYTHONPATH": f"{folder}:{ROOT}"}


def write(repository: Path, code: str) -> None:
    """Make code a part of a repository; it has `request`, `keeper` and what _LIBRARY defines."""
    repository.mkdir(parents=True, exist_ok=True)
    (repository / "tenant.py").write_text(_LIBRARY + code)


def start(core: Core, repository: Path, code: str, **variables: str) -> "subprocess.Popen[bytes]":
    """Start a client whose worker runs code."""
    write(repository, code)
    named = {"ARGOCD_APP_NAME": "mallory", "ARGOCD_APP_PROJECT_NAME": "team-m"}
    named |= {"ARGOCD_APP_NAMESPACE": "mallory", **variables}
    return core.start("generate", ".", cwd=repository, variables=named)


def run(core: Core, repository: Path, code: str, **variables: str) -> Any:
    """Run code in a worker, and return what it says."""
    process = start(core, repository, code, **variables)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, (process.returncode, out, err, core.log.read_text())
    return json.loads(out)


def run_outside(repository: Path, code: str, python: str) -> Any:
    """Run the same code without a core or a sandbox, and return what it says."""
    write(repository, code)
    done = subprocess.run(
        [python, "tenant.py"], cwd=repository, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def kill(pid: int) -> None:
    """Kill a process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
