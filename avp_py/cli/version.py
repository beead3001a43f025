"""`avp-py version`: our version, and those of the programs that would be used."""

import argparse
import platform

from avp_py import __version__
from avp_py.cli.console import Console, Door
from avp_py.render import version_of
from avp_py.settings import load


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    common: argparse.ArgumentParser,
    _door: Door,
) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "version",
        parents=[common],
        help="print the versions of avp-py, kustomize and helm",
        description="Prints the versions of avp-py and of the programs that it would use.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace, console: Console) -> None:
    """Prints a line for each."""
    settings = load(console.environ).render
    lines = (
        ("avp-py", __version__),
        ("python", platform.python_version()),
        ("kustomize", version_of("kustomize", settings.kustomize, console.environ)),
        ("helm", version_of("helm", settings.helm, console.environ)),
    )
    console.write("".join(f"{name:10}{text}\n" for name, text in lines))
