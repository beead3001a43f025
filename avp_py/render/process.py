"""Child processes: argv lists, a clean environment, a time limit, no standard input."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from avp_py.errors import ChildError

PASSED_ON = (
    "PATH", "LANG", "LC_ALL", "TZ",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""What a child gets to see of our environment: where programs are, and how to reach the network.
The operator can add names with AVP_RENDER_ENV."""

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_HELM_ENV = re.compile(r" with env=\[[^\]]*\]")


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
    return {name: environ[name] for name in names if name in environ} | dict(own)


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
        ChildError: it failed, or took too long. Its standard error is the detail.
    """
    name = Path(argv[0]).name
    # It stays in our process group: there cmp-server's SIGTERM reaches it too.
    with subprocess.Popen(  # noqa: S603 - a list, and programs by absolute path
        argv,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
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
    return f"exit code {code}" if code > 0 else f"killed by {signal.Signals(-code).name}"


def _legible(messages: bytes, hide: str) -> str:
    text = _ANSI.sub("", messages.decode(errors="replace"))
    if hide:
        text = text.replace(hide, "")
    # kustomize quotes the command line of helm with variables that only name temporary folders.
    return _HELM_ENV.sub("", text).strip()


def _kill(pid: int) -> None:
    """Kills a child and what it started (helm below kustomize), the youngest last."""
    family = [pid]
    for member in family:
        for listing in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                family.extend(int(each) for each in listing.read_text().split())
            except OSError:
                continue
    for member in family:
        try:
            os.kill(member, signal.SIGKILL)
        except ProcessLookupError:
            continue
