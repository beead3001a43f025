"""The parser of the command line, which raises what argparse would print."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TypeAlias

from avp_py.errors import UsageError, did_you_mean, quoted
from avp_py.settings import Program


class _HelpRequested(Exception):  # noqa: N818 - it is not an error
    """The command line asks for help.

    Attributes:
        text: the help.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


def parse(parser: "Parser", words: Sequence[str], defaults: argparse.Namespace) -> Any:
    """Return the arguments; those of a request for help have a `run` that writes the help.

    Args:
        parser: the parser.
        words: the command line.
        defaults: the values of what is not given.

    Raises:
        UsageError: the command line is wrong.
    """
    try:
        # argparse changes what it gets, also where it stops halfway.
        return parser.parse_args(words, argparse.Namespace(**vars(defaults)))
    except _HelpRequested as requested:
        text = requested.text
    arguments = argparse.Namespace(**vars(defaults))
    arguments.run = lambda _arguments, console: console.write(text)
    return arguments


class Parser(argparse.ArgumentParser):
    """A parser that prints nothing by itself.

    Only `Console.write` writes to standard output, and wrong usage is an error as any other.
    """

    def print_help(self, file: Any = None) -> NoReturn:  # noqa: ARG002 - argparse's signature
        """Raise _HelpRequested with the help."""
        raise _HelpRequested(self.format_help())

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with argparse's message."""
        raise UsageError(message, hint=self._see())

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse arguments; unlike argparse's method, accept no others."""
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.add_rest(found, rest)
        return found, []

    def add_rest(self, found: Any, rest: Sequence[str]) -> None:  # noqa: ARG002 - for heirs
        """Raise UsageError for arguments that nothing else accepts.

        Args:
            found: the arguments that were accepted.
            rest: the others.
        """
        options = [word for word in rest if word.startswith("-")]
        if not options:
            raise UsageError(f"unexpected argument {quoted(rest[0])}", hint=self._see())
        # What follows a `=` could be a credential.
        option = options[0].partition("=")[0]
        known = [name for action in self._actions for name in action.option_strings]
        advice = did_you_mean(option, [*known, *self._commands()])
        raise UsageError(f"unknown option {quoted(option)}", hint=self._see(advice))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Raise UsageError for what is not among the choices of an argument."""
        if action.choices is None or value in action.choices:
            return
        choices = list(action.choices)
        advice = did_you_mean(value, choices) or f"choose from {', '.join(choices)}"
        name = "/".join(action.option_strings) or str(action.metavar)
        what = "command" if isinstance(action, argparse._SubParsersAction) else name
        raise UsageError(f"unknown {what} {quoted(value)}", hint=self._see(advice))

    def _commands(self) -> Iterable[str]:
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                yield from action.choices

    def _see(self, advice: str = "") -> str:
        see = f"`{self.prog} --help` shows how it is used"
        return f"{advice} {see}" if advice.endswith("?") else "; ".join(filter(None, (advice, see)))


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""Where each command adds its parser."""


def exit_usage(program: Program) -> int:
    """Return the exit code where the command line is wrong.

    argocd-vault-plugin has 0 and 1 only.
    """
    return 2 if program is Program.AVP_PY else 1
