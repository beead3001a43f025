"""How avp-py and argocd-vault-plugin are started: as commands, and under argocd-cmp-server."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from benchmarks.cases import Way
from benchmarks.sampler import Tree, stat_of
from tests.cmp.client import connect
from tests.conftest import ROOT, build_tools

PIPELINE: Final = (
    'kustomize edit set annotation "github.com/url:$ARGOCD_ENV_APP_REPO"; '
    'kustomize edit set image "$ARGOCD_ENV_IMAGE_NAME:$ARGOCD_ENV_IMAGE_TAG"; '
    "kustomize build --enable-helm . | argocd-vault-plugin generate -"
)
"""The shell pipeline that avp-py replaces."""

BUILT: Final = ("argocd", "argocd-vault-plugin", "helm", "kustomize", "vault")

READY_SECONDS: Final = 30
"""How long a server may take to be ready; it takes well below one."""

# As pip writes it for the image; `-P` rather than `-I` since this checkout is on PYTHONPATH.
_SCRIPT: Final = """\
#!{python} -P
import sys
from avp_py.entry import entrypoint
sys.exit(entrypoint())
"""


@dataclass(frozen=True)
class Programs:
    """The programs.

    Attributes:
        path: the folder with all of them.
        vault: the Vault server.
        versions: their versions.
    """

    path: Path
    vault: Path
    versions: Mapping[str, str]

    def environment(self, way: Way, home: Path) -> Mapping[str, str]:
        """Return the environment that has nothing of Vault, with HOME and TMPDIR in a folder."""
        folders = {name: home / name for name in ("home", "tmp")}
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        common = {
            "PATH": f"{self.path}:{os.defpath}",
            "HOME": str(folders["home"]),
            "TMPDIR": str(folders["tmp"]),
        }
        return common if way is Way.ARGOCD_VAULT_PLUGIN else {**common, "PYTHONPATH": str(ROOT)}

    def command(self, way: Way, *, is_pipeline: bool) -> Sequence[str]:
        """Return the command line for a folder's kustomization, or for standard input."""
        if way is not Way.ARGOCD_VAULT_PLUGIN:
            return [str(self.path / "avp-py"), "generate", "." if is_pipeline else "-"]
        if is_pipeline:
            return ["/bin/sh", "-c", PIPELINE]
        return [str(self.path / "argocd-vault-plugin"), "generate", "-"]


def prepare(folder: Path) -> Programs:
    """Build what is not built yet, and lay all of it into a folder."""
    built = build_tools(*BUILT)
    folder.mkdir()
    for name in ("argocd-vault-plugin", "helm", "kustomize"):
        (folder / name).symlink_to(built[name])
    (folder / "argocd-cmp-server").symlink_to(built["argocd"])
    script = folder / "avp-py"
    script.write_text(_SCRIPT.format(python=sys.executable))
    script.chmod(0o755)
    lister = [sys.executable, str(ROOT / "tools" / "build.py"), "--list", *BUILT]
    lines = subprocess.run(lister, check=True, capture_output=True, text=True).stdout.splitlines()
    versions = dict(line.split(" ", 1) for line in lines)
    return Programs(folder, built["vault"], versions)


@dataclass(frozen=True)
class Server:
    """A running argocd-cmp-server, with all that runs above and below it.

    Attributes:
        pid: the process above all others.
        socket: where it listens.
        log: the file with its output.
    """

    pid: int
    socket: Path
    log: Path

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its processes so far, ended ones included."""
        ticks = 0
        for pid in Tree(self.pid).processes():
            # User and system time, of the process and of the children it has waited for.
            ticks += sum(map(int, stat_of(pid)[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def serve(
    programs: Programs, way: Way, operator: Mapping[str, str], folder: Path
) -> Iterator[Server]:
    """Run argocd-cmp-server with the plugin, and end all of it afterwards.

    Args:
        programs: the programs.
        way: what the plugin is, and whether a core runs above the server.
        operator: the variables for Vault.
        folder: an empty folder with a short path, since the socket's has at most 107 bytes.
    """
    for name in ("socks", "work", "conf"):
        (folder / name).mkdir()
    (folder / "conf" / "plugin.yaml").write_text(_plugin_file(way))
    environment = {
        **programs.environment(way, folder),
        **operator,
        "ARGOCD_PLUGINSOCKFILEPATH": str(folder / "socks"),
        "ARGOCD_CMP_WORKDIR": str(folder / "work"),
    }
    server = [str(programs.path / "argocd-cmp-server"), "--config-dir-path", str(folder / "conf")]
    above = [str(programs.path / "avp-py"), "serve", "--"] if way is Way.SERVE else []
    log = folder / "log"
    with (
        log.open("wb") as file,
        subprocess.Popen(
            [*above, *server],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Server(process.pid, _wait_for_socket(process, folder / "socks", log), log)
        finally:
            # On SIGTERM, argocd-cmp-server only removes its socket.
            for pid in Tree(process.pid).processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _plugin_file(way: Way) -> str:
    """Return the plugin.yaml: ours as it is, or one with the shell pipeline."""
    ours = (ROOT / "plugin.yaml").read_text()
    if way is not Way.ARGOCD_VAULT_PLUGIN:
        return ours
    plugin = yaml.safe_load(ours)
    plugin["spec"]["generate"] = {"command": ["/bin/sh", "-c"], "args": [PIPELINE]}
    del plugin["spec"]["parameters"]
    return yaml.safe_dump(plugin)


def _wait_for_socket(process: subprocess.Popen[bytes], folder: Path, log: Path) -> Path:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        for socket in folder.glob("*.sock"):
            with contextlib.suppress(Exception), connect(socket) as client:
                client.check()
                return socket
        time.sleep(0.02)
    raise SystemExit(f"argocd-cmp-server does not serve:\n{log.read_text()}")
