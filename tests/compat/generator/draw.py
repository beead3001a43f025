"""Random choices."""

import random
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

_T = TypeVar("_T")
_H = TypeVar("_H", bound=Hashable)


class Draw:
    """Random choices that depend only on a seed.

    Attributes:
        wild: whether placeholders may be invalid; one error hides the results of the others.
        lenient: whether avp-py ignores unresolved placeholders, so that there may be some.
    """

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing secret comes of it
        self.wild = self.chance(0.2)
        self.lenient = self.chance(0.3)

    def chance(self, probability: float) -> bool:
        """Return true with that probability."""
        return self._random.random() < probability

    def number(self, lowest: int, highest: int) -> int:
        """Return an integer in that range, both ends included."""
        return self._random.randint(lowest, highest)

    def pick(self, choices: Sequence[_T]) -> _T:
        """Return one of the choices, all equally likely."""
        return choices[self._random.randrange(len(choices))]

    def weighed(self, choices: Mapping[_H, float]) -> _H:
        """Return one of the choices, by weight."""
        return self._random.choices(list(choices), weights=list(choices.values()))[0]

    def some(self, choices: Sequence[_T], probability: float) -> list[_T]:
        """Return each of the choices with that probability, shuffled."""
        chosen = [each for each in choices if self.chance(probability)]
        self._random.shuffle(chosen)
        return chosen
