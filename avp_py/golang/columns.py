"""The nodes of a YAML text as rows of columns.

A tenant's text can hold a node in two characters, so a node takes 13 bytes here; nodes.py has the
views of a row that the rest of the program reads.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

(
    PLAIN,
    _SINGLE_QUOTED,
    _DOUBLE_QUOTED,
    _LITERAL,
    _FOLDED,
    ALIAS,
    MAPPING,
    FLOW_MAPPING,
    SEQUENCE,
    FLOW_SEQUENCE,
) = range(10)
"""What a node is. The order counts: first scalars, last collections."""

STYLES = (None, "'", '"', "|", ">")
"""The styles of scalars, by what they are."""

_SCALARS = {style or "": kind for kind, style in enumerate(STYLES)}
"""What a scalar is, by the style that the parser reports."""

ALIKE, OVERRIDDEN, MERGED = 1, 2, 3
"""What an equal key later in the mapping makes of a key: it overrides one whose value is written
alike, or another one, or, as a merge key (`<<`), adds to it."""


class Columns:
    """The nodes of a text in the order in which they begin, each a row.

    Attributes:
        text: the text.
        kinds: what each is.
        starts: where each begins.
        ends: where each ends.
        links: of a scalar, 0 where its text says its value as it is, else the place of its value in
            `values`, from 1; of an alias, the row that it stands for; of a collection, the row
            after all that is in it, or 0 while it is being read.
        values: the values of scalars that their texts do not say as they are.
        tags: the tags of those that have one.
        names: the names to Kubernetes of keys that are not strings to yaml.v2.
        repeats: what an equal key makes of a key, by its row; no longer than there are such keys.
        merges: whether there is a merge key.
    """

    __slots__ = (
        "_targets", "ends", "kinds", "links", "merges", "names",
        "repeats", "starts", "tags", "text", "values",
    )  # fmt: skip

    def __init__(self, text: str) -> None:
        self.text = text
        self.kinds = bytearray()
        self.starts = array("I")
        self.ends = array("I")
        self.links = array("I")
        self.values: list[str] = []
        self.tags: dict[int, str] = {}
        self.names: dict[int, str] = {}
        self.repeats = bytearray()
        self.merges = False
        self._targets: Sequence[int] | None = None

    def add(self, kind: int, start: int, end: int, link: int) -> int:
        """Add a row and return its number."""
        self.kinds.append(kind)
        self.starts.append(start)
        self.ends.append(end)
        self.links.append(link)
        return len(self.kinds) - 1

    def add_scalar(self, event: Any) -> int:
        """Add the scalar of an event and return its row."""
        text, value = self.text, event.value
        start, end = event.start_mark.index, event.end_mark.index
        if text.startswith(("&", "!"), start):
            # The event's span begins at an anchor or a tag, and no scalar begins with either.
            start = _skip_properties(text, start, end)
        kind = _SCALARS[event.style]
        link = 0
        if kind > _DOUBLE_QUOTED or value != (
            text[start + 1 : end - 1] if kind else text[start:end]
        ):
            self.values.append(value)
            link = len(self.values)
        if event.tag is not None:
            self.tags[len(self.kinds)] = sys.intern(event.tag)
        return self.add(kind, start, end, link)

    def make_scalar(self, row: int) -> None:
        """Replace an alias by the scalar that it stands for, at the place of the alias."""
        target = self.links[row]
        self.kinds[row] = self.kinds[target]
        self.values.append(self.value(target))
        self.links[row] = len(self.values)
        if target in self.tags:
            self.tags[row] = self.tags[target]

    def value(self, row: int) -> str:
        """Return the value of a scalar."""
        link = self.links[row]
        if link:
            return self.values[link - 1]
        if self.kinds[row]:
            return self.text[self.starts[row] + 1 : self.ends[row] - 1]
        return self.text[self.starts[row] : self.ends[row]]

    def has_target(self, row: int, end: int) -> bool:
        """Return whether an alias stands for a row from `row` up to `end`."""
        if self._targets is None:
            self._targets = sorted(set(self.targets(0, len(self.kinds))))
        place = bisect_left(self._targets, row)
        return place < len(self._targets) and self._targets[place] < end

    def targets(self, row: int, end: int) -> Iterator[int]:
        """Yield the rows that the aliases from `row` up to `end` stand for."""
        alias = self.kinds.find(ALIAS, row, end)
        while alias >= 0:
            yield self.links[alias]
            alias = self.kinds.find(ALIAS, alias + 1, end)

    def after(self, row: int) -> int:
        """Return the row after a node and all that is in it."""
        return self.links[row] if self.kinds[row] >= MAPPING else row + 1

    def children(self, row: int) -> Iterator[int]:
        """Yield the rows directly in a collection: in a mapping, keys and values in turn."""
        child, end = row + 1, self.links[row]
        while child < end:
            yield child
            child = self.after(child)

    def keys(self, row: int) -> Iterator[tuple[int, str]]:
        """Yield the rows and names of a mapping's keys; the value is in the row after its key."""
        key, end = row + 1, self.links[row]
        while key < end:
            yield key, self.name(key)
            key = self.after(key + 1)

    def name(self, row: int) -> str:
        """Return the name that a key has to Kubernetes."""
        return self.names.get(row) or self.value(row)

    def repeat(self, row: int) -> int:
        """Return what an equal key later in the mapping makes of a key; 0 if there is none."""
        return self.repeats[row] if row < len(self.repeats) else 0

    def mark(self, row: int, repeat: int) -> None:
        """Note what an equal key later in the mapping makes of a key."""
        self.repeats.extend(bytes(max(0, row + 1 - len(self.repeats))))
        self.repeats[row] = repeat


_SPACE = " \t\r\n\x85\u2028\u2029"
"""What is white space to YAML 1.1, line breaks included; other spaces of Unicode are text."""


def _skip_properties(text: str, start: int, end: int) -> int:
    """Return where a scalar begins, after its anchor, its tag and the comments between them."""
    while start < end:
        if text[start] in "&!":
            while start < end and text[start] not in _SPACE:
                start += 1
        elif text[start] == "#":
            found = text.find("\n", start, end)
            start = end if found < 0 else found
        elif text[start] in _SPACE:
            start += 1
        else:
            break
    return start
