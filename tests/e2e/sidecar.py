"""The sidecar with the plugin: below `avp-py serve`, or the plain command."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path

from tests.cmp.server import CmpServer, serve
from tests.conftest import ROOT
from tests.integration.core import AVP, command_of
from tests.processes import children

PLUGIN = ROOT / "plugin.yaml"
"""The plugin file, unless a test has another one."""


class Mode(StrEnum):
    """The chart's `mode`."""

    SERVE = "serve"
    PLAIN = "plain"


class Sidecar:
    """A sidecar that can be killed and started again, as the kubelet would.

    Args:
        mode: whether a resident core runs above argocd-cmp-server.
        program: argocd.
        env: the operator's environment.
        sockets: the folder that it shares with argocd-repo-server.
    """

    def __init__(self, mode: Mode, program: Path, env: Mapping[str, str], sockets: Path) -> None:
        self.mode = mode
        self._program = program
        self._env = env
        self._sockets = sockets
        self._stack = ExitStack()
        self.server: CmpServer

    def start(self, plugin: Path = PLUGIN, /, **further: str) -> None:
        """Start it, with further settings of the operator."""
        above = (AVP, "serve", "--") if self.mode is Mode.SERVE else ()
        env = {**self._env, **further}
        running = serve(self._program, plugin, env, *above, sockets=self._sockets)
        self.server = self._stack.enter_context(running)

    def kill(self) -> None:
        """End it at once, with all that it started; its socket stays."""
        self._stack.close()

    def restart(self) -> None:
        """Start it anew, as the kubelet does when its main process has ended."""
        self.kill()
        self.start()

    @property
    def main(self) -> int:
        """The main process of the container."""
        return self.server.process.pid

    @property
    def cmp_server(self) -> int:
        """argocd-cmp-server."""
        if self.mode is Mode.PLAIN:
            return self.main
        (found,) = [
            pid for pid in children(self.main) if "argocd-cmp-server" in command_of(pid).split()[0]
        ]
        return found

    @property
    def renders(self) -> Sequence[int]:
        """The commands that render; `argocd app get` has the plugin list its parameters, too."""
        return sorted(
            pid for pid in children(self.cmp_server) if "generate" in command_of(pid).split()
        )
