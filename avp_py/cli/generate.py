"""`avp-py generate`: renders a folder and puts the values in."""

import argparse
from pathlib import Path

from avp_py.cli.console import Console
from avp_py.errors import UsageError
from avp_py.generate import Request, generate
from avp_py.render import MODES
from avp_py.settings import load

STANDARD_INPUT = "-"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "generate",
        help="render a folder and put secrets into it",
        description="Renders a folder with kustomize or helm, or reads plain manifests, and "
        "prints them with the values of a backend in their placeholders' places. "
        "The folder stays as it is. Either all of it is printed, or nothing.",
        allow_abbrev=False,
    )
    parser.add_argument("path", metavar="PATH", help="the folder, or - for standard input")
    parser.add_argument(
        "--render",
        choices=MODES,
        default="auto",
        help="how to render the folder (default: by the files in it)",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="tell all places of a failure, and its origin"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Prints the manifests, at once, when all went well."""
    source: Path | bytes
    if arguments.path == STANDARD_INPUT:
        source = console.stdin.read()
    else:
        source = Path(arguments.path)
        if not source.exists():
            raise UsageError(f"there is no {source}", hint="name a folder with manifests")
    settings = load(console.environ)
    output = generate(Request(source, arguments.render, settings, console.environ))
    console.stdout.write(output.encode())
    console.stdout.flush()
