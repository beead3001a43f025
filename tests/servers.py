"""Programs that run until they are stopped. They also end with the process that started them."""

import ctypes
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

STOP_SECONDS: Final = 3
"""How long a server may take to stop before it is killed. What it holds is thrown away."""

_PR_SET_PDEATHSIG: Final = 1
_LIBC = ctypes.CDLL(None)


class Server:
    """A program that can be killed and started again, with the same arguments.

    Args:
        argv: the command line.
        log: the file for its output; its folder is the working directory.
        env: its environment; None for ours.
    """

    def __init__(
        self, argv: Sequence[object], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        self._argv = [str(each) for each in argv]
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; the log gets longer."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.log.parent,
                env=self._env,
                preexec_fn=end_with_parent,
            )

    def kill(self) -> None:
        """End it at once."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it with SIGTERM, and with SIGKILL if that takes too long."""
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def tail(self) -> str:
        """The end of its log, for messages."""
        return f"{self.log}:\n{self.log.read_text(errors='replace')[-2000:]}"


@contextmanager
def running(
    argv: Sequence[object], log: Path, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a program, and stop it."""
    server = Server(argv, log, env)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def free_ports(count: int) -> Sequence[int]:
    """Ports of 127.0.0.1 that nothing uses; another program may take one before we do."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def end_with_parent() -> None:
    """Have the kernel kill this child when our process is killed (prctl(2))."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
