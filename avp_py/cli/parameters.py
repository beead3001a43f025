"""`avp-py parameters`: prints what an Application may set, as Argo CD's UI expects it."""

import argparse
import json
from collections.abc import Sequence

from avp_py.cli.console import Console
from avp_py.cli.parser import Commands, Parser
from avp_py.cli.sources import read_source
from avp_py.cmp import Announcement, announce
from avp_py.render import MODES
from avp_py.settings import Program


def add_parser(
    commands: Commands,
    common: Parser,
    _program: Program,
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "parameters",
        parents=[common],
        help="print the parameters that an Application may set",
        description="Prints the parameters that an Application may set for a folder, in JSON, as "
        "Argo CD's UI shows them. Nothing is rendered, and no backend is contacted.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "path", metavar="PATH", nargs="?", default=".", help="the folder (default: %(default)s)"
    )
    parser.add_argument(
        "--render",
        choices=MODES,
        default="auto",
        help="how the folder is rendered (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Print the list."""
    announcements: Sequence[Announcement] = ()
    # By that name parameters do not count.
    if arguments.program is Program.AVP_PY:
        source = read_source(arguments.path)
        sources = console.operator.read_sources(arguments, console)
        announcements = announce(source, arguments.render, sources)
    console.write(json.dumps([each.as_json() for each in announcements], indent=2) + "\n")
