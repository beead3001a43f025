"""`avp-py help`: what `--help` behind a command prints."""

import argparse
from functools import partial

from avp_py.cli.console import Console, Door
from avp_py.cli.parser import Commands, Parser
from avp_py.errors import UsageError


def add_parser(
    commands: Commands,
    root: Parser,
    door: Door,
) -> None:
    """Adds the command, which tells what `root` knows."""
    parser = commands.add_parser(
        "help",
        help="show the help of a command",
        description="Shows the help of a command, or of the program.",
        allow_abbrev=False,
    )
    parser.add_argument("words", metavar="COMMAND", nargs="*", help="the command")
    parser.set_defaults(run=partial(_run, root, door))


def _run(root: Parser, door: Door, arguments: argparse.Namespace, console: Console) -> None:
    try:
        root.parse_args([*arguments.words, "--help"])
    except UsageError as error:
        if door is Door.AVP_PY:
            raise
        # To argocd-vault-plugin it is no failure where there is no such command.
        console.log.failures(error)
