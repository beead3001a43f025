"""The nodes of a JSONPath template.

Source: client-go v0.29.1, util/jsonpath/node.go. `at` is the position of a node in the template,
counted from 1.
"""

from dataclasses import dataclass
from typing import TypeAlias

from avp_py.errors import AvpError

MAX_QUOTED = 120
"""How much of a template an error may show, in characters."""


class JsonPathError(AvpError):
    """A template is malformed, or does not fit the data; the message holds no data."""


def located(reason: str, at: int) -> str:
    """Return an error's text with the place in the template, cut if the template made it long."""
    shown = reason if len(reason) <= MAX_QUOTED else f"{reason[:MAX_QUOTED]}…"
    return f"{shown}, at character {at} of the template"


@dataclass(frozen=True)
class Text:
    """Text that stands for itself: between expressions, or quoted in one."""

    text: str


@dataclass(frozen=True)
class Constant:
    """A number or boolean, mostly as one side of a comparison."""

    value: bool | int | float


@dataclass(frozen=True)
class Field:
    """`.name`."""

    name: str
    at: int


@dataclass(frozen=True)
class Wildcard:
    """`.*`."""


@dataclass(frozen=True)
class Recursive:
    """`..`."""


@dataclass(frozen=True)
class Identifier:
    """A bare word; `range` and `end` have a meaning."""

    name: str
    at: int


@dataclass(frozen=True)
class Slice:
    """`[start:end:step]`.

    Attributes:
        start: None where it is left out.
        end: None where it is left out.
        step: None where it is left out.
        derived: whether `end` was made of a single index, as in `[3]`.
    """

    start: int | None
    end: int | None
    step: int | None
    derived: bool
    at: int


@dataclass(frozen=True)
class Union:
    """`[a,b]`."""

    items: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Filter:
    """`[?(left operator right)]`; without an operator it tests whether `left` exists."""

    left: "Expression"
    operator: str
    right: "Expression"
    at: int


@dataclass(frozen=True)
class Expression:
    """What is in one pair of braces; each node gets the results of the one before it."""

    nodes: "tuple[Node, ...]"


Node: TypeAlias = (
    Text
    | Constant
    | Field
    | Wildcard
    | Recursive
    | Identifier
    | Slice
    | Union
    | Filter
    | Expression
)
