"""A field and what it gets, and edits of a text."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias

from avp_py.golang.nodes import Entry, Node, dereference
from avp_py.manifests.manifest import Field
from avp_py.values import Value


class _Removed(Enum):
    REMOVED = "the map key goes, as its value is missing"


REMOVED: Final = _Removed.REMOVED
"""What a field gets whose map key is to be removed."""

Edit: TypeAlias = tuple[int, int, str]
"""Where the text that is replaced starts and ends, and what replaces it."""

FieldValue: TypeAlias = "Value | Literal[_Removed.REMOVED]"


@dataclass(frozen=True, slots=True)
class Replacement:
    """A field and what it gets."""

    field: Field
    value: FieldValue = dataclasses.field(repr=False)


def is_removed(entry: Entry, values: Mapping[Node, FieldValue]) -> bool:
    """Return whether the key or the value of an entry is removed."""
    return REMOVED in (values.get(entry.key), values.get(dereference(entry.value)))
