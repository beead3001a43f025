"""What an expression works on: values, and what Go has beside them.

Source: client-go v0.29.1, third_party/forked/golang/template, and Go's reflect, by whose kinds it
distinguishes values.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias, TypeGuard

from avp_py.golang import gojson
from avp_py.golang.gojson import Float64
from avp_py.modifiers.jsonpath.nodes import Filter, JsonPathError, located
from avp_py.values import Number, Value


class Nothing(Enum):
    """The type of NOTHING."""

    NOTHING = "Go's invalid reflect.Value"


NOTHING: Final = Nothing.NOTHING
"""What stands for a null that is the whole input of an expression; it prints `<no value>`."""

Item: TypeAlias = "Value | int | float | Nothing"
"""A value, a constant of the template or a byte of a text (an int, as Go compares the two)."""


class MismatchError(JsonPathError):
    """The data does not fit.

    Attributes:
        found: whether client-go returns results beside the error; a filter that tests whether
            something exists looks at nothing else.
    """

    def __init__(self, reason: str, at: int, *, found: bool) -> None:
        super().__init__(located(reason, at))
        self.found = found


_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    **_ORDER,
}


def compare(left: Item, right: Item, node: Filter, *, found: bool) -> bool:
    """Return whether a filter's comparison holds.

    Source: client-go v0.29.1, third_party/forked/golang/template/funcs.go.

    Args:
        left: the one side.
        right: the other.
        node: the filter.
        found: what a MismatchError shall say.

    Raises:
        MismatchError: there is no such operator, or the sides are not of one kind.
    """
    holds = _OPERATORS.get(node.operator)
    if holds is None:
        reason = f"`{node.operator}` is none of {', '.join(_OPERATORS)}"
        raise MismatchError(reason, node.at, found=found)
    if not _are_comparable(left, right, ordered=node.operator in _ORDER):
        reason = f"`{node.operator}` cannot compare {kind_of(left)} with {kind_of(right)}"
        raise MismatchError(reason, node.at, found=found)
    return holds(plain(left), plain(right))


def _are_comparable(left: Item, right: Item, *, ordered: bool) -> bool:
    kind = type(plain(left))
    return kind is type(plain(right)) and kind in ((int, float, str) if ordered else _SCALARS)


_SCALARS = (int, float, str, bool)


def plain(item: Item) -> Item:
    """Return the item, a Number as Go sees it: json.Number is a string."""
    if isinstance(item, Float64):
        return item.value
    return item.text if isinstance(item, Number) else item


def is_list(item: Item) -> TypeGuard[Sequence[Value]]:
    """Return whether the item is a list."""
    return isinstance(item, Sequence) and not isinstance(item, str)


def children(item: Item) -> Sequence[Value]:
    """Return what is in the item; of an object by sorted keys."""
    if isinstance(item, Mapping):
        return [item[key] for key in sorted(item)]
    return item if is_list(item) else ()


def kind_of(item: Item) -> str:
    """Return the item's type in words."""
    match item:
        case None | Nothing():
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "text"
        case float() | Float64():
            return "a floating-point number"
        case Number():
            return "a number that counts as text"
        case int():
            return "an integer"
        case Mapping():
            return "an object"
        case Sequence():
            return "a list"


def text_of(item: Item) -> str:
    """Return what the item prints.

    Source: client-go v0.29.1, util/jsonpath/jsonpath.go, PrintResults and evalToText.
    """
    if item is NOTHING:
        return "<no value>"
    if isinstance(item, Float64):
        return gojson.print_float(item.value)
    if isinstance(item, str):
        return item
    if isinstance(item, int) and not isinstance(item, bool):
        return str(item)
    if isinstance(item, float):
        return gojson.print_float(item)
    return gojson.write(item)
