"""Inputs with one deviation: the example of a row, among equal documents."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.compat.case import Case, manifests
from tests.compat.deviations import DEVIATIONS, TEMPLATE, Deviation
from tests.compat.generator.draw import Draw
from tests.compat.generator.stream import separate
from tests.compat.generator.tree import Map, Raw, Tree, manifest
from tests.compat.generator.writing import Writer
from tests.integration.reader import Reader

ROWS: Final[Mapping[str, Deviation]] = {
    name: row
    for name, row in DEVIATIONS.items()
    if isinstance(row.example, str)
    # The first is an input without documents, the others are about the output of a failure.
    and name not in ("nothing-in-nothing-out", "partial-output", "errors-show-values")
}
"""The rows whose example can be among other documents."""

_WRITTEN_SO: Final = frozenset(
    {
        "byte-order-mark-after-the-first-marker",
        "byte-order-mark-inside",
        "colon-at-the-end-in-flow-style",
        "flow-style-first",
        "key-of-two-types",
        "merge-key-is-not-quoted",
        "only-the-first-document-is-read",
        "text-after-a-marker",
    }
)
"""Rows about the YAML style itself; other examples can be written in any style."""

_FIRST: Final = frozenset({"byte-order-mark-after-the-first-marker", "flow-style-first"})
"""Rows about the beginning of the input."""


@dataclass(frozen=True)
class Deviating:
    """An input with one deviation.

    Attributes:
        row: the name of the row.
        case: the whole input.
        neighbours: its other documents, one case each.
        position: how many of them come before the row's example.
    """

    row: str
    case: Case
    neighbours: Sequence[Case]
    position: int


def make_deviating_case(seed: str, index: int, reader: Reader) -> Deviating:
    """Return the case with that index.

    Args:
        seed: the seed of all cases.
        index: the number of the case; the rows take turns.
        reader: reads the example, to write it in another style.
    """
    draw = Draw(f"{seed}/deviating/{index}")
    draw.wild = draw.lenient = False
    name = list(ROWS)[index % len(ROWS)]
    texts = [separate(Writer(draw).document(manifest(draw))) for _ in range(draw.number(0, 3))]
    position = 0 if name in _FIRST else draw.number(0, len(texts))
    example = ROWS[name].case.text
    if name not in _WRITTEN_SO and draw.chance(0.7):
        (found,) = reader.read(example)
        example = Writer(draw, exact=True).document(_tree(found.content))
    label = f"SEED={seed} deviating {index}"
    whole = [*texts[:position], example, *texts[position:]]
    text = "".join(
        each if not number and name in _FIRST else separate(each)
        for number, each in enumerate(whole)
    )
    return Deviating(
        name,
        Case(label, text.encode(), env=TEMPLATE),
        [manifests(f"{label}, document {number}", each) for number, each in enumerate(texts)],
        position,
    )


def _tree(value: Any) -> Tree:
    match value:
        case str():
            return value
        case dict():
            return Map(tuple((key, _tree(item)) for key, item in value.items()))
        case list():
            return tuple(map(_tree, value))
    return Raw(json.dumps(value))
