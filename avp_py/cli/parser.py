"""The parser of the command line, which raises what argparse would print."""

import argparse
from typing import Any, NoReturn, TypeAlias


class HelpRequested(Exception):  # noqa: N818 - it is no error
    """The command line asks for a help.

    Attributes:
        text: the help.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class Parser(argparse.ArgumentParser):
    """A parser that prints no help by itself: only `Console.write` writes to standard output."""

    def print_help(self, file: Any = None) -> NoReturn:  # noqa: ARG002 - argparse's signature
        """Raise HelpRequested with the help."""
        raise HelpRequested(self.format_help())


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""Where each command adds its parser."""
