"""The images to start from: public ones, or their like where nothing can be pulled."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from engine import Engine, ImageError, cache_directory, install, locked, say

DOCKERFILE = Path(__file__).resolve().parents[2] / "Dockerfile"

PULL_SECONDS = 120
"""How long a pull may take before the base is made instead; it is 30 MB."""

SUITE = "trixie"
"""The release of Debian that the Dockerfile's default is of."""

AUTHORITIES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name the CA certificates a machine's programs trust."""

SLIM = """\
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
"""
"""What debian:*-slim leaves out, as settings of dpkg, so that later packages leave it out too."""


@dataclass(frozen=True)
class Bases:
    """The two images of the Dockerfile's arguments: the root is made of `base`, on `build`."""

    base: str
    build: str


def find(engine: Engine) -> Bases:
    """$BASE_IMAGE and $BUILD_IMAGE; else the public ones; else such as are made here.

    Raises:
        ImageError: nothing can be pulled, and no base can be made here.
    """
    if chosen := os.environ.get("BASE_IMAGE"):
        return Bases(chosen, os.environ.get("BUILD_IMAGE") or chosen)
    public = default_base()
    if engine.ask("image", "inspect", public) is None and not _pull(engine, public):
        return _made(engine)
    return Bases(public, os.environ.get("BUILD_IMAGE") or public)


def default_base() -> str:
    """The public image that the Dockerfile names."""
    found = re.search(r"^ARG BASE_IMAGE=(\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    if found is None:
        raise ImageError(f"{DOCKERFILE} gives BASE_IMAGE no default")
    return found[1]


def _pull(engine: Engine, image: str) -> bool:
    say(f"{image}: pulling ...")
    try:
        command = ["docker", "pull", "--quiet", image]
        done = subprocess.run(
            command,
            env=dict(engine.environ),
            stdout=subprocess.DEVNULL,
            timeout=PULL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _made(engine: Engine) -> Bases:
    """The base from Debian's packages, and the same with this machine's CA certificates."""
    key = hashlib.sha256(f"{SUITE}{SLIM}".encode()).hexdigest()[:12]
    base = f"avp-py-base:{SUITE}-{key}"
    if engine.ask("image", "inspect", base) is None:
        say(f"{base}: nothing can be pulled, so it is made of Debian's packages")
        engine.docker("import", _archive(key), base)
    return Bases(base, _with_authorities(engine, base))


def _archive(key: str) -> Path:
    """Debian's smallest system as a tar file, made once."""
    archive = cache_directory() / f"debian-{SUITE}-{key}.tar"
    with locked("base"):
        if archive.exists():
            return archive
        if os.geteuid() != 0:
            raise ImageError(
                "No base image can be pulled, and to make one needs root.\n"
                "next: set BASE_IMAGE to a Debian image that this engine has"
            )
        install({"debootstrap": "debootstrap"})
        say(f"{archive.name}: debootstrap (about a minute) ...")
        with tempfile.TemporaryDirectory(prefix="avp-base-") as name:
            root = Path(name) / "root"
            _run(["debootstrap", "--variant=minbase", SUITE, str(root)])
            slim = root / "etc/dpkg/dpkg.cfg.d/slim"
            slim.write_text(SLIM)
            for folder in ("info", "locale", "man"):
                shutil.rmtree(root / "usr/share" / folder, ignore_errors=True)
            shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
            partial = archive.with_suffix(".partial")
            _run(["tar", "-C", str(root), "-cf", str(partial), "."])
            partial.rename(archive)
    return archive


def _with_authorities(engine: Engine, base: str) -> str:
    """The base with the CA certificates that this machine trusts, and pip's settings.

    It is what the programs are built on; nothing of it reaches the image.
    """
    bundle = next((path for name in AUTHORITIES if (path := os.environ.get(name))), None)
    if bundle is None or not Path(bundle).is_file():
        return base
    image = f"{base}-build"
    with tempfile.TemporaryDirectory(prefix="avp-build-") as name:
        context = Path(name)
        shutil.copyfile(bundle, context / "authorities.pem")
        pip = Path("/etc/pip.conf")
        (context / "pip.conf").write_bytes(pip.read_bytes() if pip.is_file() else b"")
        (context / "Dockerfile").write_text(
            f"FROM {base}\nCOPY authorities.pem pip.conf /etc/\n"
            "ENV SSL_CERT_FILE=/etc/authorities.pem PIP_CERT=/etc/authorities.pem\n"
        )
        engine.docker("build", "--quiet", "--tag", image, context)
    return image


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        sys.stderr.write(tail + "\n")
        raise ImageError(f"`{command[0]}` failed with status {done.returncode}")
