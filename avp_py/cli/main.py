"""From argv to an exit code; the one place where an error becomes an exit."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from avp_py.cli import generate, version
from avp_py.cli.console import Console
from avp_py.cli.report import describe, frames
from avp_py.errors import AvpError, UsageError

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130

_EPILOG = """\
exit codes: 0 done, 1 failed, 2 wrong usage
settings: environment variables, listed in docs/settings.md
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line, one sub-command a file."""
    parser = argparse.ArgumentParser(
        prog="avp-py",
        description="Puts the secrets of a backend into the manifests that Argo CD applies.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (generate, version):
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str], console: Console) -> int:
    """Runs a command.

    Args:
        argv: the arguments, without the program's name.
        console: the environment and the streams.

    Returns:
        The exit code.
    """
    arguments = build_parser().parse_args(argv)
    run: Callable[[argparse.Namespace, Console], None] = arguments.run
    try:
        run(arguments, console)
    except AvpError as error:
        console.stderr.write(describe(error, verbose=arguments.verbose))
        if arguments.verbose:
            console.stderr.write(frames(error))
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILED
    except BrokenPipeError:
        # Who reads our output has gone, and so nobody is there to tell.
        return EXIT_FAILED
    except Exception as error:
        console.stderr.write(f"avp-py: internal error, {type(error).__name__}; please report it\n")
        console.stderr.write(frames(error))
        return EXIT_FAILED
    return EXIT_OK


def entrypoint() -> NoReturn:
    """The console script."""
    console = Console(dict(os.environ), sys.stdin.buffer, sys.stdout.buffer, sys.stderr)
    try:
        code = main(sys.argv[1:], console)
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    sys.stderr.flush()
    # Threads that still load a library need not be waited for.
    os._exit(code)
