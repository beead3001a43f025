"""Child processes: argv lists, a clean environment, a time limit, no standard input."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from avp_py.errors import ChildError

PASSED_ON = (
    "LANG", "LC_ALL", "TZ",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""What a child gets to see of our environment: where programs are, and how to reach the network.
The operator can add names with AVP_RENDER_ENV."""

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_HELM_ENV = re.compile(r" with env=\[[^\]]*\]")
_EDIT_USAGE = re.compile(r"\nUsage:\n  kustomize edit .*", re.DOTALL)


def environment(
    environ: Mapping[str, str], further: Sequence[str], own: Mapping[str, str]
) -> Mapping[str, str]:
    """The environment of a child.

    Args:
        environ: ours.
        further: names to pass on beside PASSED_ON.
        own: variables of the child's own, such as HOME and TMPDIR; they win.
    """
    names = (*PASSED_ON, *further)
    passed = {name: environ[name] for name in names if name in environ}
    # An empty PATH would mean the working directory.
    path = search_path(environ)
    return passed | ({"PATH": path} if path else {}) | dict(own)


def search_path(environ: Mapping[str, str]) -> str:
    """PATH without folders that are relative: the working directory is a tenant's."""
    folders = environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(each for each in folders if each.startswith("/"))


def run(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float, hide: str = ""
) -> bytes:
    """Runs a program to its end and gives its standard output.

    Args:
        argv: the program's absolute path and its arguments; no shell reads them.
        cwd: where it runs.
        env: its whole environment.
        timeout: how long it may take, in seconds.
        hide: a path to take out of its messages (that of a shadow tree).

    Raises:
        ChildError: it cannot be started, failed, or took too long. Its standard error is the
            detail.
    """
    name = Path(argv[0]).name
    try:
        # It stays in our process group: there cmp-server's SIGTERM reaches it too.
        child = subprocess.Popen(  # noqa: S603 - a list, and programs by absolute path
            argv,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise ChildError(
            f"{name} {argv[1]} cannot be started: {error.strerror}",
            hint=f"check that {argv[0]} is a program for this machine",
        ) from None
    with child:
        try:
            output, messages = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise ChildError(
                f"{name} {argv[1]} was not done after {timeout:g} s",
                hint="a remote base or chart may be slow; AVP_RENDER_TIMEOUT sets the time",
            ) from None
        finally:
            if child.poll() is None:
                _kill(child.pid)
    if child.returncode != 0:
        raise ChildError(
            f"{name} {argv[1]} failed ({_status(child.returncode)})",
            hint=f"mend what {name} says below",
            detail=_legible(messages, hide),
        )
    return output


def _status(code: int) -> str:
    if code > 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _legible(messages: bytes, hide: str) -> str:
    text = _ANSI.sub("", messages.decode(errors="replace"))
    if hide:
        text = text.replace(hide, "")
    # kustomize quotes the command line of helm with variables that only name temporary folders.
    text = _HELM_ENV.sub("", text)
    # After any error of an edit it explains a command line that nobody here wrote.
    return _EDIT_USAGE.sub("", text).strip()


def _kill(pid: int) -> None:
    """Kills a child and what it started (helm below kustomize).

    Each is stopped before its children are looked up, so that none starts another meanwhile.
    """
    family = [pid]
    for member in family:
        _signal(member, signal.SIGSTOP)
        family.extend(_children(member))
    for member in family:
        _signal(member, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _children(pid: int) -> Iterator[int]:
    """The processes whose parent is `pid`; without a /proc (macOS) none are found."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The second field is the program's name in parentheses, which may hold anything.
            _state, parent, *_ = stat.read_bytes().rpartition(b")")[2].split()
            if int(parent) == pid:
                yield int(stat.parent.name)
