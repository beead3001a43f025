"""`avp-py generate`: renders a folder and puts the values in."""

import argparse
import logging
import sys
import time
from functools import partial
from typing import BinaryIO, Final

from avp_py import __version__, backends
from avp_py.cli.console import Console
from avp_py.cli.parser import Commands, Parser
from avp_py.cli.sources import read_source
from avp_py.errors import UsageError
from avp_py.generate import Request, generate
from avp_py.render import MODES, Source
from avp_py.settings import Program, Settings

logger: Final = logging.getLogger(__name__)

STANDARD_INPUT = "-"

_CHUNK = 1 << 20
"""How many bytes are read of standard input at once."""


def add_parser(
    commands: Commands,
    common: Parser,
    program: Program,
) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "generate",
        parents=[common],
        help="render a folder and put secrets into it",
        description="Renders a folder with kustomize or helm, or reads plain manifests, and "
        "prints them with the values of a backend in their placeholders' places. "
        "The folder is not changed. Either everything is printed, or nothing.",
        allow_abbrev=False,
    )
    parser.add_argument("path", metavar="PATH", help="the folder, or - for standard input")
    parser.add_argument(
        "--render",
        choices=MODES,
        default="auto" if program is Program.AVP_PY else "plain",
        help="how to render the folder (default: %(default)s; auto goes by the files in it)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Print the manifests, at once, when all went well."""
    if not arguments.path:
        # Path("") would be the working directory.
        raise UsageError(
            "the path is empty",
            hint="name a folder with manifests; . is the working directory, - standard input. If "
            "the path comes from a variable, check that it is set",
        )
    named = None
    if arguments.path != STANDARD_INPUT:
        named = read_source(arguments.path)
        try:
            named.path.stat()
        except OSError as error:
            raise UsageError(
                f"{named} cannot be used: {error.strerror}",
                hint="name a folder with manifests, or - for standard input",
            ) from error
    settings, keeper = console.operator.open(arguments, console)
    logger.info("version %s, Python %s", __version__, sys.version.split()[0])
    source, started = _source(named, settings, console)
    if isinstance(source, Source):
        # Loading the libraries of a backend takes longer than a small render: both at once.
        console.in_background(partial(backends.preload, settings.backend.type))
    is_lenient = arguments.program.is_lenient
    request = Request(
        source,
        arguments.render,
        settings,
        console.environ,
        is_lenient=is_lenient,
        started=started,
        count=console.count,
    )
    output = generate(request, keeper)
    console.log.warnings(output.warnings)
    console.write(output.text)


def _source(
    named: Source | None, settings: Settings, console: Console
) -> tuple[Source | bytes, float]:
    """Return what is to be rendered, and when the run began.

    Waiting for whatever writes to standard input is no time of the run. Only under Argo CD, which
    gives a request one time for all that it needs, the run begins with the program.
    """
    if named is not None:
        return named, console.started
    if settings.identity.app is not None:
        return _read(console.stdin, settings.limits.input_bytes), console.started
    console.limits.pause()
    manifests = _read(console.stdin, settings.limits.input_bytes)
    started = time.monotonic()
    console.limits.limit_time(settings.limits.seconds, started)
    return manifests, started


def _read(stdin: BinaryIO, most: int) -> bytes:
    """Read standard input, and not much more of it than may be read."""
    parts = []
    length = 0
    try:
        while length <= most and (part := stdin.read(_CHUNK)):
            parts.append(part)
            length += len(part)
    except OSError as error:
        raise UsageError(
            f"standard input cannot be read: {error.strerror}",
            hint="pass the manifests through a pipe or from a file",
        ) from error
    return b"".join(parts)
