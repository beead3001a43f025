"""The real argocd-cmp-server, as it runs in a sidecar, with folders of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from tests.cmp.client import Client, connect
from tests.processes import children, processes_of, stands_by
from tests.servers import end_with_parent
from tests.trees import found_in

READY_SECONDS: Final = 30
"""How long it may take to serve; it takes well below one."""

END_SECONDS: Final = 20
"""How long what ends, or is removed, may take; it takes well below one."""


@dataclass(frozen=True)
class CmpServer:
    """A running server.

    Attributes:
        process: it, or `avp-py serve` that runs it.
        client: calls it.
        socket: where it listens.
        home: HOME of it and of the plugin.
        scratch: TMPDIR of both.
        work: where each request gets a copy of the repository.
        log: the file with its output.
    """

    process: "subprocess.Popen[bytes]"
    client: Client
    socket: Path
    home: Path
    scratch: Path
    work: Path
    log: Path

    def children(self) -> Mapping[int, str]:
        """The command lines, by id, of what requests have started, and of what that started.

        They are known by the server's own folders in their environments, as an orphan has lost
        its parent.
        """
        lasting = {self.process.pid}
        if not self.is_plain:
            lasting |= children(self.process.pid)
        return {
            pid: command
            for pid, command in processes_of(self.scratch.parent).items()
            if pid not in lasting and not stands_by(pid)
        }

    @property
    def is_plain(self) -> bool:
        """Whether no resident core is above the server."""
        return "serve" not in self.process.args  # type: ignore[operator]

    def wait_for_children(self) -> Mapping[int, str]:
        """Return the children that remain after all had time to end."""
        end = time.monotonic() + END_SECONDS
        while (left := self.children()) and time.monotonic() < end:
            time.sleep(0.02)
        return left

    def files(self) -> list[str]:
        """The files in HOME, TMPDIR and the work folder, once no request is in progress.

        The server answers before it removes its copy of the repository.
        """
        end = time.monotonic() + END_SECONDS
        while any((self.work / "_cmp_server").iterdir()) and time.monotonic() < end:
            time.sleep(0.02)
        found = []
        for folder in (self.home, self.scratch, self.work):
            found += [str(each.relative_to(folder.parent)) for each in found_in(folder)]
        return sorted(each for each in found if not each.startswith("tmp/avp-py-serve-"))


@contextmanager
def serve(
    program: Path,
    plugin_file: Path,
    env: Mapping[str, str],
    *above: str | Path,
    sockets: Path | None = None,
) -> Iterator[CmpServer]:
    """Run the server, and end it and all that it started.

    Args:
        program: argocd.
        plugin_file: the plugin.yaml; `avp-py` in it is this checkout's.
        env: the operator's environment, on top of PATH, HOME and TMPDIR.
        above: what runs it, such as `avp-py serve --`.
        sockets: the folder for its socket, where a repo-server looks for it; None for an own one.
    """
    # The path of a socket has at most 107 bytes, and pytest's folders have long names.
    with tempfile.TemporaryDirectory(prefix="cmp-") as name:
        root = Path(name).resolve()
        home, scratch, work, config = (root / each for each in ("home", "tmp", "work", "conf"))
        for folder in (home, scratch, work, config):
            folder.mkdir()
        if sockets is None:
            sockets = root / "socks"
            sockets.mkdir()
        (config / "plugin.yaml").write_bytes(plugin_file.read_bytes())
        server = root / "argocd-cmp-server"
        server.symlink_to(program)
        variables = {
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
            "HOME": str(home),
            "TMPDIR": str(scratch),
            "ARGOCD_PLUGINSOCKFILEPATH": str(sockets),
            "ARGOCD_CMP_WORKDIR": str(work),
        }
        log = root / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*above, server, "--config-dir-path", config, "--loglevel", "info"],
                env=variables | dict(env),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        try:
            socket = _wait_for_socket(process, sockets / _socket_of(plugin_file), log)
            with connect(socket) as client:
                yield CmpServer(process, client, socket, home, scratch, work, log)
        finally:
            # SIGTERM only makes it remove its socket.
            process.kill()
            process.wait()
            for pid in processes_of(root):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _socket_of(plugin_file: Path) -> str:
    """The name of the socket, which other plugins may be beside."""
    plugin = yaml.safe_load(plugin_file.read_text())
    # Without these the server refuses the file.
    name = plugin.get("metadata", {}).get("name", "")
    version = plugin.get("spec", {}).get("version")
    return "-".join([name, *([version] if version else [])]) + ".sock"


def _wait_for_socket(process: subprocess.Popen[bytes], socket: Path, log: Path) -> Path:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if "serving on" in log.read_text():
            return socket
        time.sleep(0.02)
    raise AssertionError(f"argocd-cmp-server does not serve:\n{log.read_text()}")
