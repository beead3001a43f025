"""Child processes: argv lists, a clean environment, a time limit, no standard input."""

import contextlib
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from avp_py.errors import ChildError
from avp_py.render.limits import Limits
from avp_py.render.workspace import Workspace

DEAD_PROXY: Final = "http://127.0.0.1:9"
"""A proxy that nobody is: the port of the protocol `discard`."""

MAX_MESSAGES: Final = 256 * 1024
"""How many bytes are kept of what a child says on standard error; cmp-server caches them."""

PASSED_ON = (
    "LANG", "LC_ALL", "TZ",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""What a child gets to see of our environment: where programs are, and how to reach the network.
The operator can add names with AVP_RENDER_ENV."""

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_HELM_ENV = re.compile(r" with env=\[[^\]]*\]")
_USER_INFO = re.compile(r"://(?!git@)[^\s/@'\"]+@")
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


def without_network(env: Mapping[str, str], workspace: Workspace) -> Mapping[str, str]:
    """An environment in which a child finds no git, and no way to what is not on this machine."""
    kept = {name: value for name, value in env.items() if name.lower() != "no_proxy"}
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    dead = dict.fromkeys(proxies, DEAD_PROXY)
    return kept | dead | {"PATH": str(workspace.programs), "GIT_ALLOW_PROTOCOL": "none"}


def search_path(environ: Mapping[str, str]) -> str:
    """PATH without folders that are relative: the working directory is a tenant's."""
    folders = environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(each for each in folders if each.startswith("/"))


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    limits: Limits,
    hide: Sequence[str] = (),
) -> bytes:
    """Runs a program to its end and gives its standard output.

    Args:
        argv: the program's absolute path and its arguments; no shell reads them.
        cwd: where it runs.
        env: its whole environment.
        limits: how long it may take, and how much it may print.
        hide: texts to take out of its messages: the path of a shadow tree, and of a guard.

    Raises:
        ChildError: it cannot be started, failed, took too long or printed too much. Its standard
            error is the detail.
    """
    name = f"{Path(argv[0]).name} {argv[1]}"
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
            f"{name} cannot be started: {error.strerror}",
            hint=f"check that {argv[0]} is a program for this machine",
        ) from None
    with child:
        try:
            output, messages = _read(child, name, limits)
        finally:
            if child.poll() is None:
                _kill(child.pid)
    if child.returncode != 0:
        raise ChildError(
            f"{name} failed ({_status(child.returncode)})",
            hint=f"mend what {Path(argv[0]).name} says below",
            detail=_legible(messages, hide),
        )
    return output


def _read(child: "subprocess.Popen[bytes]", name: str, limits: Limits) -> tuple[bytes, bytes]:
    """What a child prints, and what it says, up to its end."""
    seconds = min(limits.timeout, limits.left)
    end = time.monotonic() + seconds
    output, messages = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for stream, kept in ((child.stdout, output), (child.stderr, messages)):
            selector.register(_pipe(stream), selectors.EVENT_READ, kept)
        while selector.get_map():
            ready = selector.select(max(end - time.monotonic(), 0))
            if not ready:
                raise _late(name, limits, seconds)
            for key, _ in ready:
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.data is output or len(messages) < MAX_MESSAGES:
                    key.data.extend(chunk)
            if len(output) > limits.output_bytes:
                raise ChildError(
                    f"{name} printed more than {limits.output_bytes} bytes",
                    hint="split the Application; the operator's setting AVP_MAX_OUTPUT says how "
                    "much may be printed",
                )
    try:
        child.wait(max(end - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        raise _late(name, limits, seconds) from None
    return bytes(output), bytes(messages)


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:  # pragma: no cover - both are pipes
        raise AssertionError
    return stream


def _late(name: str, limits: Limits, seconds: float) -> ChildError:
    if seconds < limits.timeout:
        return ChildError(
            f"{name} was not done when the time of the whole run was over",
            hint="a remote base or chart may be slow; AVP_RUN_TIMEOUT sets the time",
        )
    return ChildError(
        f"{name} was not done after {seconds:g} s",
        hint="a remote base or chart may be slow; AVP_RENDER_TIMEOUT sets the time",
    )


def _status(code: int) -> str:
    if code > 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _legible(messages: bytes, hide: Sequence[str]) -> str:
    text = _ANSI.sub("", messages.decode(errors="replace"))
    for each in hide:
        text = text.replace(each, "")
    # kustomize quotes the command line of helm with variables that only name temporary folders.
    text = _HELM_ENV.sub("", text)
    # A URL may hold a password: that of a proxy, or of the repository of a remote base.
    text = _USER_INFO.sub("://***@", text)
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
