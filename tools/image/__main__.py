#!/usr/bin/env python3
"""Build the image of avp-py, test it, and list what is in it.

    python tools/image build             build it, print its size and how fast it starts
    python tools/image run COMMAND ...   build it, with Helm 3 too, then run a command while the
                                         engine runs; $IMAGE and $IMAGE_HELM_3 name the images
    python tools/image sbom FILE         build it, and write its bill of materials (CycloneDX)

The Docker engine is the one that answers, else one that is started for this and ended again
(engine.py). The base is a public image, else one that is made here (base.py). $IMAGE is the name
that the image gets, by default avp-py:VERSION, and avp-py:VERSION-helm3 with Helm 3; $HELM, the
major version of Helm (4, unless it is set to 3), $BASE_IMAGE, $BUILD_IMAGE, $EXTRA_PACKAGES,
$PIP_INDEX_URL, $GOPROXY and $GONOSUMDB go to the Dockerfile. Exit status: 0, 1, or the command's.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import base
from engine import Engine, ImageError, engine, say

ROOT = Path(__file__).resolve().parents[2]

PASSED_ON = ("EXTRA_PACKAGES", "PIP_INDEX_URL", "GOPROXY", "GONOSUMDB", "SOURCE")
"""The Dockerfile's arguments that are taken from the environment where they are set."""

HELMS = {"4": "helm4", "3": "helm"}
"""The programs of tools/ by the major version of Helm; the first one is the default."""

DEFAULT_HELM = next(iter(HELMS))

STARTS = 5
"""How often the start is measured; the fastest counts."""


def main(argv: list[str]) -> int:
    """Do what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="tools/image", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build")
    commands.add_parser("run").add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND")
    commands.add_parser("sbom").add_argument("file", type=Path, metavar="FILE")
    arguments = parser.parse_args(argv)
    # Told to end, it still ends the engine that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with engine() as running:
            bases = base.find(running)
            if arguments.command == "run":
                image = os.environ.get("IMAGE") or default_name(DEFAULT_HELM)
                images = {"IMAGE": image, "IMAGE_HELM_3": f"{image}-helm3"}
                build(running, bases, DEFAULT_HELM, image)
                build(running, bases, "3", images["IMAGE_HELM_3"])
                return run(running, images, arguments.argv)
            helm = os.environ.get("HELM") or DEFAULT_HELM
            image = os.environ.get("IMAGE") or default_name(helm)
            build(running, bases, helm, image)
            if arguments.command == "sbom":
                write_sbom(running, image, arguments.file)
            else:
                report(running, image)
    except ImageError as error:
        say(str(error))
        return 1
    return 0


def default_name(helm: str) -> str:
    """The name of an image that gets none from $IMAGE."""
    return f"avp-py:{_version()}" + ("" if helm == DEFAULT_HELM else f"-helm{helm}")


def build(engine: Engine, bases: base.Bases, helm: str, image: str) -> None:
    """Build the image.

    Args:
        engine: what builds it.
        bases: what it is built on.
        helm: the major version of Helm.
        image: its name.

    Raises:
        ImageError: there is no such Helm, or a step failed; the builder has said which.
    """
    if helm not in HELMS:
        raise ImageError(f"HELM is {' or '.join(HELMS)}, not {helm!r}")
    _fill_tools_cache(HELMS[helm])
    arguments = [
        *("--network", "host"),
        *("--build-arg", f"BASE_IMAGE={bases.base}", "--build-arg", f"BUILD_IMAGE={bases.build}"),
        *("--build-arg", f"HELM={helm}"),
        *(part for name in PASSED_ON if os.environ.get(name) for part in ("--build-arg", name)),
    ]
    if engine.ours:
        # The stages get names, so that what is left without one is old and can go.
        tags = {"builder": "", "programs": f":helm{helm}", "build": "", "root": ""}
        for stage, tag in tags.items():
            options = ("--target", stage, "--tag", f"avp-py-{stage}{tag}")
            engine.docker("build", *arguments, *options, ROOT)
    labels = ("--build-arg", f"VERSION={_version()}", "--build-arg", f"REVISION={_revision()}")
    engine.docker("build", *arguments, *labels, "--tag", image, ROOT)
    if engine.ours:
        engine.ask("image", "prune", "--force")


def run(engine: Engine, images: Mapping[str, str], argv: list[str]) -> int:
    """Run a command that finds the engine, and the images in variables; gives its status."""
    environ = {**engine.environ, **images}
    return subprocess.run(argv, env=environ, check=False).returncode


def report(engine: Engine, image: str) -> None:
    """Print the size and the time that `avp-py --help` takes; keep what would end with us."""
    size = int(engine.ask("image", "inspect", "--format", "{{.Size}}", image) or 0)
    print(f"{image}: {size / 1e6:.0f} MB")
    measure = (
        "import subprocess, time\n"
        "def once():\n"
        "    start = time.perf_counter()\n"
        "    subprocess.run(['avp-py', '--help'], check=True, capture_output=True)\n"
        "    return time.perf_counter() - start\n"
        f"print(round(min(once() for _ in range({STARTS})) * 1000))"
    )
    sandbox = ("run", "--rm", "--network", "none", "--read-only", image)
    command = engine.ask(*sandbox, "/opt/avp-py/bin/python", "-I", "-c", measure)
    started = time.perf_counter()
    engine.ask(*sandbox, "avp-py", "--help")
    whole = time.perf_counter() - started
    print(f"start: avp-py {command} ms; with the container {whole * 1000:.0f} ms")
    if engine.ours:
        archive = ROOT / "dist" / f"{image.replace(':', '-').replace('/', '-')}.tar"
        archive.parent.mkdir(exist_ok=True)
        engine.docker("save", "--output", archive, image)
        print(f"{archive}: for `docker load`, since the engine that made it ends now")


def write_sbom(engine: Engine, image: str, file: Path) -> None:
    """Write what is in the image, as CycloneDX: packages of Debian, of Python, modules of Go."""
    (syft,) = _built("syft")
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="avp-sbom-") as folder:
        archive = Path(folder) / "image.tar"
        engine.docker("save", "--output", archive, image)
        name, _, version = image.rpartition(":")
        scan = [
            *(str(syft), "scan", f"docker-archive:{archive}", "--output", f"cyclonedx-json={file}"),
            *("--source-name", name, "--source-version", version),
        ]
        environ = os.environ | {
            "SYFT_CHECK_FOR_APP_UPDATE": "false",
            "SYFT_FILE_METADATA_SELECTION": "none",  # packages are asked for, not each file
        }
        if subprocess.run(scan, env=environ, stdout=sys.stderr, check=False).returncode != 0:
            raise ImageError("syft failed")
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


def _fill_tools_cache(helm: str) -> None:
    """Lay kustomize and helm, as the tests have built them, where the Dockerfile finds them.

    Their folders are named as build.py names them, by a hash of all that makes them. Built on
    another system they have other names, and the Dockerfile builds its own.
    """
    target = ROOT / "dist" / "tools-cache"
    shutil.rmtree(target, ignore_errors=True)
    for path in _built("kustomize", helm):
        (target / path.parent.name).mkdir(parents=True)
        shutil.copy2(path, target / path.parent.name / path.name)


def _built(*names: str) -> list[Path]:
    """The paths of programs of tools/, built where they are not there yet."""
    command = [sys.executable, str(ROOT / "tools" / "build.py"), *names]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise ImageError(f"{' and '.join(names)} could not be built")
    return [Path(line.split(" ", 1)[1]) for line in done.stdout.splitlines()]


def _version() -> str:
    text = (ROOT / "avp_py" / "__init__.py").read_text()
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    if found is None:
        raise ImageError("avp_py/__init__.py has no __version__")
    return found[1]


def _revision() -> str:
    """The commit, with `-dirty` where the checkout differs; empty without git."""
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
