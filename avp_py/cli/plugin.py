"""`avp-py plugin`: prints the plugin.yaml of a sidecar."""

import argparse

from avp_py.cli.console import Console
from avp_py.cli.parser import Commands, Parser
from avp_py.cmp import PLUGINS
from avp_py.settings import Program


def add_parser(
    commands: Commands,
    common: Parser,
    _program: Program,
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "plugin",
        parents=[common],
        help="print the plugin.yaml of a sidecar",
        description="Prints the plugin.yaml of a plugin; without a name, lists the plugins. "
        "A sidecar expects the file at /home/argocd/cmp-server/config/plugin.yaml.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        choices=[plugin.name for plugin in PLUGINS],
        help="the plugin",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Print it, or a line for each."""
    for plugin in PLUGINS:
        if plugin.name == arguments.name:
            console.write(plugin.manifest())
            return
    console.write("".join(f"{each.name:15}{each.summary[0]}\n" for each in PLUGINS))
