"""Choices."""

import random
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

_T = TypeVar("_T")
_H = TypeVar("_H", bound=Hashable)


class Draw:
    """Choices that follow from a seed.

    Attributes:
        wild: whether placeholders may be wrong; one wrong one hides what becomes of the others.
        lenient: whether avp-py is to ignore unresolved placeholders, so that there may be some.
    """

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing secret comes of it
        self.wild = self.chance(0.2)
        self.lenient = self.chance(0.3)

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self._random.random() < probability

    def number(self, lowest: int, highest: int) -> int:
        """A whole number in that range, its ends included."""
        return self._random.randint(lowest, highest)

    def pick(self, choices: Sequence[_T]) -> _T:
        """One of the choices, each as likely as the others."""
        return choices[self._random.randrange(len(choices))]

    def weighed(self, choices: Mapping[_H, float]) -> _H:
        """One of the choices, by weight."""
        return self._random.choices(list(choices), weights=list(choices.values()))[0]

    def some(self, choices: Sequence[_T], probability: float) -> list[_T]:
        """Each of the choices with that probability, in another order."""
        chosen = [each for each in choices if self.chance(probability)]
        self._random.shuffle(chosen)
        return chosen
