#!/usr/bin/env python3
"""Copy the licences of all that is linked into programs of tools/.

    python tools/licences.py DIRECTORY NAME...

Each program gets a folder in DIRECTORY, with one folder for each Go module in it, named by path
and version, that holds the module's licence and notice files. The programs must be built already
(tools/build.py), since Go then has their modules. Exit status: 0, or 1 when a module has none.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from build import PROGRAMS, BuildError, Program, cache_directory, find_go, go_environment, run, say

LICENCE = re.compile(r"(licen[cs]e|notice|copying|copyright|patents)([-._].*)?", re.IGNORECASE)

# The modules of the packages that are linked, with the folders that hold them.
MODULES = "{{with .Module}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}"


def modules(program: Program, cache: Path) -> Iterator[tuple[str, Path]]:
    """Each module that a program is linked from: `path@version`, and its folder."""
    go = find_go(cache, program.needs_go)
    command = [go.path, "list", "-deps", "-f", MODULES, program.package]
    listed = run(command, cwd=program.directory, env=go_environment(os.environ))
    for line in sorted({line for line in listed.splitlines() if line}):
        path, version, directory = line.split("\t")
        yield f"{path}@{version}", Path(directory)
    # The standard library is linked too. The PyPI package has Go without its LICENSE, but with
    # the one of the Go Authors' own modules, which is the same text.
    root = Path(run([go.path, "env", "GOROOT"], cwd=cache, env=go_environment(os.environ)).strip())
    own = root if files(root) else root / "src/cmd/vendor/golang.org/x/mod"
    yield "go@" + ".".join(map(str, go.version)), own


def files(directory: Path) -> list[Path]:
    """The licence and notice files at a module's top."""
    return [path for path in directory.iterdir() if path.is_file() and LICENCE.fullmatch(path.name)]


def copy(program: Program, target: Path) -> None:
    """Copy the licences of all that is linked into a program.

    Raises:
        BuildError: a module has none, or Go cannot tell the modules.
    """
    for module, directory in modules(program, cache_directory(os.environ)):
        found = files(directory)
        if not found:
            raise BuildError(f"{module}, in {program.name}, has no licence file")
        folder = target / program.filename / module
        folder.mkdir(parents=True, exist_ok=True)
        for path in found:
            shutil.copyfile(path, folder / path.name)


def main(argv: list[str]) -> int:
    """Copy them; returns the exit status."""
    if len(argv) < 2 or any(name not in PROGRAMS for name in argv[1:]):
        say(f"usage: licences.py DIRECTORY NAME...; names: {', '.join(PROGRAMS)}")
        return 2
    try:
        for name in argv[1:]:
            copy(PROGRAMS[name], Path(argv[0]))
    except BuildError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
