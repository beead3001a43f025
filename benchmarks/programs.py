"""How avp-py and argocd-vault-plugin are started: as commands, and under argocd-cmp-server."""

import contextlib
import functools
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from benchmarks.cases import Way
from benchmarks.sampler import Tree, stat_of
from tests.cmp.server import serve as serve_cmp
from tests.conftest import ROOT, build_tools

PIPELINE: Final = (
    'kustomize edit set annotation "github.com/url:$ARGOCD_ENV_APP_REPO"; '
    'kustomize edit set image "$ARGOCD_ENV_IMAGE_NAME:$ARGOCD_ENV_IMAGE_TAG"; '
    "kustomize build --enable-helm . | argocd-vault-plugin generate -"
)
"""The shell pipeline that avp-py replaces."""

OUTPUT: Final = "output.yaml"
"""What the plugin that prints a file prints, in its folder."""

BUILT: Final = ("argocd", "argocd-vault-plugin", "helm", "kustomize", "vault")

_SCRIPT: Final = """\
#!{python} -IS
import sys
sys.path[len(sys.path):] = {paths}
from avp_py.entry import entrypoint
entrypoint()
"""
"""As in the image (Dockerfile)."""


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

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment without HOME and TMPDIR, and without all of Vault."""
        return {"PATH": f"{self.path}:{os.defpath}"}

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
    write_script(folder)
    return Programs(folder, built["vault"], versions(*BUILT))


def versions(*names: str) -> Mapping[str, str]:
    """Return the versions of Python, and of programs in tools/."""
    lister = [sys.executable, str(ROOT / "tools" / "build.py"), "--list", *names]
    lines = subprocess.run(lister, check=True, capture_output=True, text=True).stdout.splitlines()
    return {"Python": python()[1], **dict(line.split(" ", 1) for line in lines)}


@functools.cache
def python() -> tuple[str, str]:
    """Return the Python that avp-py runs on, and its version.

    The image has that of Debian, which is compiled with more optimizations than most others. It can
    load the libraries of this one if it has the same minor version.
    """
    candidate = shutil.which("python3", path="/usr/bin")
    if candidate is not None and Path("/etc/debian_version").exists():
        command = [candidate, "-IS", "-c", "import platform; print(platform.python_version())"]
        version = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        if version.startswith(f"{sys.version_info.major}.{sys.version_info.minor}."):
            return candidate, f"{version} (Debian's)"
    return sys.executable, platform.python_version()


def write_script(folder: Path) -> None:
    """Write avp-py into a folder, as a virtual environment and a command."""
    interpreter, _ = python()
    place, paths = folder / "python", [str(ROOT), sysconfig.get_path("purelib")]
    subprocess.run([interpreter, "-I", "-m", "venv", "--without-pip", place], check=True)
    # What the command starts has the module `site`, and so finds this.
    (packages,) = place.glob("lib/python3*/site-packages")
    (packages / "avp-py.pth").write_text("\n".join(paths))
    script = folder / "avp-py"
    script.write_text(_SCRIPT.format(python=place / "bin" / "python", paths=paths))
    script.chmod(0o755)


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
            # User and system time, of the process and of the children that it has waited for.
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
        folder: an empty folder, or one with the file to print.
    """
    file = folder / "plugin.yaml"
    file.write_text(_plugin_file(way, folder))
    above = [str(programs.path / "avp-py"), "serve", "--"] if way is Way.SERVE else []
    env = {**programs.environment, **operator}
    with serve_cmp(programs.path / "argocd-cmp-server", file, env, *above) as server:
        yield Server(server.process.pid, server.socket, server.log)


def _plugin_file(way: Way, folder: Path) -> str:
    """Return the plugin.yaml: ours as it is, or one with another command."""
    ours = (ROOT / "plugin.yaml").read_text()
    if way is Way.ARGOCD_VAULT_PLUGIN:
        command = ["/bin/sh", "-c", PIPELINE]
    elif way is Way.FILE:
        command = ["cat", str(folder / OUTPUT)]
    else:
        return ours
    plugin = yaml.safe_load(ours)
    plugin["spec"]["generate"] = {"command": command}
    del plugin["spec"]["parameters"]
    return yaml.safe_dump(plugin)
