"""What a modifier is, and the checks that modifiers share."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from avp_py.errors import AvpError, quoted
from avp_py.values import Number, Value

MAX_LENGTH = 8 * 1024 * 1024
"""How many characters a modifier may give. Kubernetes refuses objects beyond 1.5 MiB, and modifiers
that make text longer can be chained."""


class ModifierError(AvpError):
    """A modifier has wrong arguments, or does not accept its value.

    The message follows on the modifier's name. It may hold the arguments, never a part of the
    value.
    """


class UnknownModifierError(ModifierError):
    """There is no modifier of that name. The message is a sentence of its own.

    Attributes:
        hint: what to do next.
    """

    def __init__(self, name: str, hint: str) -> None:
        super().__init__(f"unknown modifier {quoted(name)}", hint=hint)


class Missing(Enum):
    """The type of MISSING."""

    MISSING = "the backend has no such key"


MISSING: Final = Missing.MISSING
"""Stands in for a value where the key is missing."""

Function: TypeAlias = Callable[[Sequence[str], Value], Value]


@dataclass(frozen=True)
class Example:
    """A use of a modifier for the documentation; a test holds it to be true.

    Attributes:
        before: the value that goes in.
        call: the modifier with its arguments, as it is written in a placeholder.
        after: the value that comes out.
    """

    before: Value
    call: str
    after: Value


@dataclass(frozen=True)
class Modifier:
    """A step between a backend's value and the manifest.

    Attributes:
        name: what a placeholder calls it.
        signature: name and arguments; those in brackets can be left out.
        summary: what it does, in a sentence or two for the documentation.
        example: a use of it.
        function: makes the next value from the arguments' words and the value.
        on_missing: makes the value where there is none, or where it is null, from the arguments'
            words. None: what is missing stays missing.
    """

    name: str
    signature: str
    summary: str
    example: Example
    function: Function
    on_missing: Callable[[Sequence[str]], Value] | None = None


def on_text(function: Callable[[str], str]) -> Function:
    """Return a modifier's function that accepts text, and no arguments."""

    def checked(arguments: Sequence[str], value: Value) -> Value:
        no_arguments(arguments)
        return function(text_of(value))

    return checked


def no_arguments(arguments: Sequence[str]) -> None:
    """Refuse arguments where there are to be none."""
    if arguments:
        raise ModifierError("accepts no arguments")


def text_of(value: Value) -> str:
    """Return the value, which has to be text. Numbers are not, as in AVP."""
    match value:
        case str():
            return value
        case None:
            raise ModifierError("expects text, and the value is null")
        case bool():
            kind = "a boolean"
        case Number():
            kind = "a number"
        case Mapping():
            kind = "an object"
        case Sequence():
            kind = "a list"
    raise ModifierError(f"expects text, and the value is {kind}; `toJson` makes text of it")


def whole_number(word: str, lowest: int, highest: int) -> int:
    """Return the number that an argument says, as Go's strconv.ParseInt reads it in base 10."""
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", word) or not lowest <= int(word) <= highest:
        raise ModifierError(f"{word[:40]!r} is not a whole number from {lowest} to {highest}")
    return int(word)
