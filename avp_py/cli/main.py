"""From argv to an exit code; the one place where an error becomes an exit."""

import argparse
import contextlib
import functools
import gc
import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

from avp_py.cli.console import Console, open_console
from avp_py.cli.hardening import harden
from avp_py.cli.help import add_parser as add_help
from avp_py.cli.limits import TimeLimitReached, is_out_of_memory
from avp_py.cli.notes import notes_on
from avp_py.cli.parser import Parser, exit_usage, parse
from avp_py.cli.report import MAX_FRAMES
from avp_py.errors import AvpError, GenerateError, UsageError, quoted
from avp_py.kernel import adopt_orphans
from avp_py.limits import memory_limit_error, time_limit_error
from avp_py.settings import Program, Sources, read_limits
from avp_py.settings.parse import MalformedError, boolean

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130

_EPILOG = """\
exit codes: 0 done, 1 failed, {exit_usage} wrong usage
settings: environment variables; `{prog} help settings` lists them
"""


_COMMANDS: Final = (
    "generate",
    "healthcheck",
    "parameters",
    "plugin",
    "policy",
    "serve",
    "version",
)
"""The sub-commands, each a module of this package; there is also `help`."""


@functools.cache
def build_parser(program: Program, command: str | None) -> Parser:
    """Return the parser of the command line; each sub-command has a file.

    Options may also precede the command, as argocd-vault-plugin accepts them; the help of a
    command shows them.

    Args:
        program: the name that the program was called by.
        command: the only sub-command that it knows, so that no other one is loaded; None for all.
    """
    parser = Parser(
        prog=program.value,
        parents=[_common_options(shown=False)],
        description="Puts the secrets of a backend into the manifests that Argo CD applies.",
        epilog=_EPILOG.format(exit_usage=exit_usage(program), prog=program.value),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if program is Program.AVP_PY:
        parser.add_argument("--version", action="store_true", help="same as the command version")
    parser.set_defaults(run=partial(_show_help, parser), program=program)
    commands = parser.add_subparsers(
        title="commands",
        metavar="COMMAND",
        # The default, for which argparse would load all that it needs to print its help.
        prog=program.value,
    )
    for name in _COMMANDS if command is None else (command,):
        module = import_module(f"avp_py.cli.{name}")
        module.add_parser(commands, _common_options(shown=True), program)
    if command is None:
        add_help(commands, parser, program)
    return parser


def _show_help(parser: Parser, _arguments: argparse.Namespace, console: Console) -> None:
    """Show the help of the program, which was called without a command."""
    console.write(parser.format_help())


def _common_options(*, shown: bool) -> Parser:
    # What is not given stays unset, so that a command does not undo what precedes it.
    common = Parser(add_help=False, argument_default=argparse.SUPPRESS)

    def add(*names: str, help: str, **kwargs: Any) -> None:  # noqa: A002 - argparse's word
        common.add_argument(*names, help=help if shown else argparse.SUPPRESS, **kwargs)

    add(
        "-c",
        "--config-path",
        metavar="FILE",
        type=_file,
        help="a file with settings (.yaml, .json, .env)",
    )
    add(
        "-s",
        "--secret-name",
        metavar="[NAMESPACE:]NAME",
        help="the Kubernetes Secret with settings (namespace: argocd); not read with -c",
    )
    add(
        "-v",
        "--verbose",
        "--verbose-sensitive-output",
        action="count",
        help="report what is done and every place of a failure; -vv also where in the program an "
        "error came from; never a value",
    )
    add(
        "--disable-token-cache",
        action="store_true",
        help="neither use nor keep a token in AVP_TOKEN_CACHE",
    )
    return common


def _file(text: str) -> Path | None:
    """Return the file of an option; an empty name is none, as for argocd-vault-plugin."""
    return Path(text) if text else None


def parse_arguments(argv: Sequence[str], program: Program) -> argparse.Namespace:
    """Return the command line; a boolean option may have a value, as in Go: `--verbose=false`.

    Raises:
        UsageError: it is wrong.
    """
    words = []
    for word in argv:
        name, equals, value = word.partition("=")
        if equals and name in _BOOLEANS:
            try:
                words += [name] if boolean(value) else []
            except MalformedError as error:
                raise UsageError(
                    f"{name} is not {error.expected}: {quoted(value)}", hint=error.form
                ) from error
        else:
            words.append(word)
    if not any(words) and program is Program.ARGOCD_VAULT_PLUGIN:
        words = []
    unset = argparse.Namespace(
        config_path=None, secret_name=None, verbose=0, disable_token_cache=False, version=False
    )
    arguments = _parse(words, program, unset)
    if arguments.version:
        from avp_py.cli import version

        arguments.run = version.run
    return arguments


def _parse(words: Sequence[str], program: Program, unset: argparse.Namespace) -> argparse.Namespace:
    arguments: argparse.Namespace
    if command := _command(words):
        # Whatever is wrong is reported by the parser that knows every command.
        with contextlib.suppress(UsageError):
            arguments = parse(build_parser(program, command), words, unset)
            return arguments
    arguments = parse(build_parser(program, None), words, unset)
    return arguments


def _command(words: Sequence[str]) -> str | None:
    """Return the sub-command, where nothing but options that it has itself precede it."""
    is_value = False
    for word in words:
        if is_value or word in _BOOLEANS or re.fullmatch("-v+", word):
            is_value = False
        elif word in _WITH_VALUE:
            is_value = True
        else:
            return word if word in _COMMANDS else None
    return None


_WITH_VALUE = ("-c", "--config-path", "-s", "--secret-name")
_BOOLEANS = ("--verbose", "--verbose-sensitive-output", "--disable-token-cache")


def main(argv: Sequence[str], console: Console, program: Program = Program.AVP_PY) -> int:
    """Run a command.

    Args:
        argv: the arguments, without the program's name.
        console: the environment and the streams.
        program: the name that the program was called by.

    Returns:
        The exit code.
    """
    verbosity = 0
    try:
        arguments = parse_arguments(argv, program)
        verbosity = arguments.verbose
        run: Callable[[argparse.Namespace, Console], int | None] = arguments.run
        with notes_on(console if verbosity else None):
            return run(arguments, console) or EXIT_OK
    except AvpError as error:
        _report(error, error, console, verbosity)
        return exit_usage(program) if isinstance(error, UsageError) else EXIT_FAILED
    except (TimeLimitReached, Exception) as error:
        if not is_out_of_memory(error):
            if isinstance(error, TimeLimitReached):
                _report(time_limit_error(console.limits.seconds), error, console, verbosity)
            else:
                message = f"internal error, {type(error).__name__}; please report it"
                console.log.write(console.log.format.crash(message, error, MAX_FRAMES))
            return EXIT_FAILED
    # The error is gone, and with it the frames that held what filled the memory.
    console.limits.lift_memory()
    _report(memory_limit_error(console.limits.memory_bytes), None, console, verbosity)
    return EXIT_FAILED


def _report(
    error: AvpError, origin: BaseException | None, console: Console, verbosity: int
) -> None:
    """Write an error to standard error; with `-vv` also where in the program it came from."""
    if isinstance(error, GenerateError):
        console.log.warnings(error.warnings)
    console.log.failures(error, verbose=verbosity > 0)
    if verbosity > 1 and origin is not None:
        console.log.write(console.log.format.origin(origin))


def start(program: Program = Program.AVP_PY) -> NoReturn:
    """Run the command that `sys.argv` names, and end the process with its exit code."""
    # A run is short, and its many nodes hold no cycles: to look for some takes a third of the time.
    gc.disable()
    adopt_orphans()
    console = open_console(os.environ)
    harden(console.log)
    try:
        code = run_within_avp_run_timeout(sys.argv[1:], console, program)
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except TimeLimitReached as reached:
        # It came while `main` was reporting something else.
        _report(time_limit_error(console.limits.seconds), reached, console, 0)
        code = EXIT_FAILED
    with contextlib.suppress(OSError):
        console.log.flush()
    # Threads that still load a library need not be waited for.
    os._exit(code)


def run_within_avp_run_timeout(argv: Sequence[str], console: Console, program: Program) -> int:
    """Run a command within the time limit AVP_RUN_TIMEOUT, and return the exit code.

    Where nothing but faulthandler can end the process, it prints the names of the functions that
    were running. The name of this one is there for whoever reads that.
    """
    limits = read_limits(Sources(console.environ))
    console.limits.limit_time(limits.seconds, console.started)
    console.limits.limit_memory(limits.memory_bytes)
    code = main(argv, console, program)
    console.limits.pause()
    return code
