"""`avp-py serve`: runs a resident core, and a command below it."""

import argparse
import gc
import sys

from avp_py.cli.console import Console
from avp_py.cli.parser import Commands, Parser
from avp_py.errors import ServeError
from avp_py.settings import Program, Sources, read_serve


def add_parser(
    commands: Commands,
    common: Parser,
    _program: Program,
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "serve",
        parents=[common],
        help="keep a core running, to which generate hands its work",
        description="Starts a resident core, and COMMAND with the core's socket in AVP_SOCKET: "
        "there generate, parameters and healthcheck hand their work to the core, which has loaded "
        "everything and holds the credentials; COMMAND's environment has none. Ends with COMMAND. "
        "Without COMMAND it serves until it is stopped, and prints the socket.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "command", metavar="COMMAND", nargs=argparse.REMAINDER, help="what to run, after --"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Serve; return the exit code of the command."""
    # Late: the other commands need nothing of it.
    from avp_py.serve.parent import Parent

    if sys.platform != "linux":
        raise ServeError(
            "serve needs Linux", hint="without it, generate runs by itself, as in any shell"
        )
    settings = read_serve(Sources(console.environ))
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    # It has no end, and needs the memory that the system gives it.
    console.limits.pause()
    console.limits.lift_memory()
    # A run is short, and collects nothing; the keeper lasts.
    gc.freeze()
    gc.enable()

    def say(text: str) -> None:
        console.log.write(console.log.format.note(text))
        console.log.flush()

    return Parent(settings, console.environ, command, say).run()
