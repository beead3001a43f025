"""A Docker engine: the one that answers, else one of our own for as long as it is needed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60
"""How long a fresh dockerd may take to answer; it takes about two."""

STOP_SECONDS = 30
"""How long it may take to end before it is killed."""

PACKAGES = ("docker.io", "docker-compose")
"""Debian's packages with the engine and with what reads compose files."""

NO_ENGINE = (
    "No Docker engine answers, and none can be started here: that needs root and dockerd.\n"
    "next: start Docker and see that `docker version` works (or set DOCKER_HOST); or run this as\n"
    f"root on Debian, where it installs {' and '.join(PACKAGES)} and starts an engine of its own"
)


class ImageError(Exception):
    """What was asked for could not be done; the text is for the person who asked."""


@dataclass(frozen=True)
class Engine:
    """An engine that answers.

    environ: the environment in which `docker` and `docker-compose` reach it.
    ours: whether it was started here, and so ends here.
    """

    environ: Mapping[str, str]
    ours: bool

    def docker(self, *arguments: str | Path) -> None:
        """Run the client; what it prints goes to standard error.

        Raises:
            ImageError: it failed.
        """
        command = ["docker", *map(str, arguments)]
        done = subprocess.run(command, env=self._environ, stdout=sys.stderr, check=False)
        if done.returncode != 0:
            raise ImageError(f"`docker {arguments[0]}` failed with status {done.returncode}")

    def ask(self, *arguments: str) -> str | None:
        """What the client prints, or None where it fails."""
        command = ["docker", *arguments]
        done = subprocess.run(
            command, env=self._environ, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else None

    @property
    def _environ(self) -> dict[str, str]:
        return dict(self.environ)


def say(text: str) -> None:
    """One line of progress on standard error."""
    print(text, file=sys.stderr, flush=True)


def cache_directory() -> Path:
    """Where the engine's images and the base lie: a folder in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "avp-py" / "image"


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a part of the cache against other runs; say so if that waits."""
    cache_directory().mkdir(parents=True, exist_ok=True)
    with (cache_directory() / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{name}: waiting for another run ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """An engine to work with.

    Raises:
        ImageError: none answers, and none can be started.
    """
    present = Engine(dict(os.environ), ours=False)
    if _answers(present):
        yield present
        return
    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        raise ImageError(NO_ENGINE)
    # docker-compose too: an engine of ours has no `docker compose`.
    install({"dockerd": PACKAGES[0], "docker-compose": PACKAGES[1]})
    if _answers(present):  # where a service manager runs, the package has started it
        yield present
        return
    with locked("engine"), _own_engine() as own:
        yield own


def install(packages: Mapping[str, str]) -> None:
    """Install Debian's packages for the programs, by name, that are not there.

    Raises:
        ImageError: this is not Debian, or that failed.
    """

    def missing() -> Mapping[str, str]:
        return {name: package for name, package in packages.items() if not shutil.which(name)}

    if not missing():
        return
    with locked("packages"):
        wanted = missing()
        if not wanted:
            return
        names = " ".join(wanted.values())
        advice = f"next: install {names}, or run this as root on Debian"
        if not shutil.which("apt-get"):
            raise ImageError(f"not found on PATH: {', '.join(wanted)}\n{advice}")
        say(f"installing {names} ...")
        environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted.values()],
        ):
            done = subprocess.run(
                command, env=environ, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False
            )
            if done.returncode != 0:
                failed = f"`{' '.join(command)}` failed with status {done.returncode}"
                raise ImageError(f"{failed}\n{advice}")


def _answers(candidate: Engine) -> bool:
    return bool(
        shutil.which("docker") and candidate.ask("version", "--format", "{{.Server.Version}}")
    )


@contextlib.contextmanager
def _own_engine() -> Iterator[Engine]:
    """An engine that touches nothing of the machine's: own folders, no bridge, no firewall."""
    dockerd = shutil.which("dockerd")
    if dockerd is None:
        raise ImageError(NO_ENGINE)
    with tempfile.TemporaryDirectory(prefix="avp-") as name:
        run = Path(name)
        socket = f"unix://{run}/docker.sock"
        # The client of the same package: one from elsewhere can be too new for the engine.
        (run / "bin").mkdir()
        (run / "bin" / "docker").symlink_to(Path(dockerd).parent.parent / "bin" / "docker")
        environ = os.environ | {
            "DOCKER_HOST": socket,
            "PATH": f"{run / 'bin'}:{os.environ['PATH']}",
        }
        own = Engine(environ, ours=True)
        command = [
            *(dockerd, "--host", socket, "--data-root", str(cache_directory() / "engine")),
            *("--exec-root", str(run / "exec"), "--pidfile", str(run / "pid")),
            *("--iptables=false", "--ip6tables=false", "--bridge=none"),
        ]
        log = cache_directory() / "engine.log"
        with (
            log.open("w") as lines,
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=lines,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for the caller, who then ends the engine
            ) as process,
        ):
            try:
                _wait_for(own, process, log)
                yield own
            finally:
                _end(process)
                _unmount(run)


def _wait_for(own: Engine, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(own):
        if process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise ImageError(f"{tail}\ndockerd did not start; all that it said is in {log}")
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _unmount(folder: Path) -> None:
    """Undo the mounts that dockerd leaves: the host's network, which its containers shared."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        target = line.split(" ")[1]
        if target.startswith(f"{folder}/"):
            command = ["umount", target]
            subprocess.run(command, check=False)
