"""The values that backends return and that replace placeholders: what JSON can say."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, Self, SupportsIndex, TypeAlias

_EXPONENT = re.compile(r"[eE]([+-]?)(\d+)\Z")


class Guarded:
    """The base of what holds secrets and never changes: it is not written out, nor copied.

    Its classes print without what they hold.
    """

    __slots__ = ()

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds secrets, and is not pickled")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number that keeps its text, so that `1.10` and 20-digit integers come back equal.

    Attributes:
        text: the number as RFC 8259 section 6 writes it.
    """

    text: str = field(repr=False)

    @property
    def yaml(self) -> str:
        """The same number in the one form that YAML 1.1 and YAML 1.2 both read as a number.

        YAML 1.1 (type `float`) requires a dot in the mantissa and a sign in the exponent.
        """
        exponent = _EXPONENT.search(self.text)
        if exponent is None:
            return self.text
        mantissa = self.text[: exponent.start()]
        if "." not in mantissa:
            mantissa += ".0"
        return f"{mantissa}e{exponent[1] or '+'}{exponent[2]}"


Value: TypeAlias = "str | Number | bool | Sequence[Value] | Mapping[str, Value] | None"
