"""`avp-py help`: what `--help` after a command prints, and what messages refer to."""

import argparse
import textwrap
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from avp_py.cli.console import Console
from avp_py.cli.parser import Commands, Parser, parse
from avp_py.errors import UsageError
from avp_py.modifiers import MODIFIERS
from avp_py.settings import TABLE, Program


def add_parser(
    commands: Commands,
    root: Parser,
    program: Program,
) -> None:
    """Add the command, which shows what `root` knows."""
    parser = commands.add_parser(
        "help",
        help="show the help of a command",
        description="Shows the help of a command, or of the program. `modifiers` and `settings` "
        "in place of a command list those.",
        allow_abbrev=False,
    )
    parser.add_argument("words", metavar="COMMAND", nargs="*", help="the command")
    parser.set_defaults(run=partial(_run, root, program))


def _run(root: Parser, program: Program, arguments: argparse.Namespace, console: Console) -> None:
    topic = _TOPICS.get(" ".join(arguments.words))
    if topic is not None:
        console.write("".join(f"{_entry(name, summary)}\n" for name, summary in topic()))
        return
    try:
        parse(root, [*arguments.words, "--help"], arguments).run(arguments, console)
    except UsageError as error:
        if program is Program.AVP_PY:
            raise
        # To argocd-vault-plugin it is no failure where there is no such command.
        console.log.failures(error)


def _modifiers() -> Iterator[tuple[str, str]]:
    """Yield each modifier with its arguments, and what it does."""
    return ((each.signature, each.summary) for each in MODIFIERS.values())


def _settings() -> Iterator[tuple[str, str]]:
    """Yield each setting, and what it is."""
    for each in TABLE:
        default = f" (default: {each.shown_default})" if each.default else ""
        yield each.name, f"{each.summary}{default}; set by {each.owner.value}"


_TOPICS: Final[Mapping[str, Callable[[], Iterator[tuple[str, str]]]]] = {
    "modifiers": _modifiers,
    "settings": _settings,
}


def _entry(name: str, summary: str) -> str:
    return f"{name}\n{textwrap.indent(textwrap.fill(summary, 76), '    ')}"
