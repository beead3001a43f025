"""What a strict reader of YAML accepts as the keys of a mapping, and which of them are equal."""

from collections.abc import Callable
from typing import TypeAlias

from avp_py.golang.columns import ALIAS, ALIKE, MERGED, OVERRIDDEN, PLAIN, Columns
from avp_py.golang.nodes import (
    BINARY,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    dereference,
    is_merge,
    node_at,
)
from avp_py.golang.words import BOOLEANS, boolean_name
from avp_py.golang.yaml_error import YamlTextError, at

KeyReader: TypeAlias = Callable[[str, str | None], tuple[str, object]]
"""Returns what a key that is tagged, or plain and perhaps not a string, is to Kubernetes: its name,
and the value that has that name. Its arguments are the text of the key, and its tag."""


class Keys:
    """The keys of a mapping that is being read.

    Attributes:
        pending: the row of a key whose value comes next; 0 if none does.
        repeated: the row of the last key that is equal to the pending one; 0 if there is none.
    """

    __slots__ = ("_checks", "_rows", "pending", "repeated")

    def __init__(self, checks: "KeyChecks") -> None:
        self._checks = checks
        self._rows: dict[str | None, int] = {}
        """The last row of each key so far, by its name; of merge keys, by None."""
        self.pending = 0
        self.repeated = 0

    def add_key(self, row: int) -> None:
        """Add the key in a row.

        Raises:
            YamlTextError: it is not a scalar, is tagged as binary, or is repeated in a way that is
                not allowed.
        """
        name, value = self._checks.read(row)
        self.pending = row
        self.repeated = self._rows.get(name, 0)
        self._rows[name] = row
        if self.repeated and name is not None:
            self._checks.refuse_other_type(name, value, row, self.repeated)

    def judge_value(self, row: int) -> None:
        """Judge the pending key, which is repeated, by its value.

        Raises:
            YamlTextError: it is repeated in a way that is not allowed.
        """
        self._checks.judge_repeated(self.pending, row, self.repeated)


class KeyChecks:
    """The checks of all keys of a text."""

    def __init__(self, columns: Columns, read_key: KeyReader | None) -> None:
        """Begin without any key.

        Args:
            columns: the nodes of the text.
            read_key: allows a key to be repeated with another value, which then counts; it decides
                which keys are equal.
        """
        self._columns = columns
        self._read_key = read_key

    def read(self, row: int) -> tuple[str | None, object]:
        """Return the name of a key, or None for a merge key, and the value that it is to yaml.v2.

        Raises:
            YamlTextError: it is not a scalar, or is tagged as binary.
        """
        columns = self._columns
        kind = columns.kinds[row]
        is_alias = kind == ALIAS
        if is_alias and columns.kinds[columns.links[row]] < ALIAS:
            columns.make_scalar(row)
            kind = columns.kinds[row]
        if kind >= ALIAS:
            raise self._error(row, "a key is a mapping or a list", "use a string")
        tag = columns.tags.get(row)
        text = columns.value(row)
        # Most keys are words.
        if tag is None and (kind != PLAIN or (text[:1].isalpha() and text not in BOOLEANS)):
            return text, text
        if tag == BINARY:
            raise self._error(row, "a key is tagged as binary", "write it as text")
        if text == "<<" and is_alias:
            raise self._error(row, "an alias stands for the key <<", "write the key")
        if is_merge(ScalarNode(columns, row)):
            columns.merges = True
            return None, None
        name, value = self._value_of(row)
        if not isinstance(value, str):
            columns.names[row] = name
        return name, value

    def _value_of(self, row: int) -> tuple[str, object]:
        """Return the name of a key to Kubernetes, and the value, with its type, to yaml.v2.

        Without `read_key`, the value is how the key is written.
        """
        columns = self._columns
        text, tag = columns.value(row), columns.tags.get(row)
        is_plain = columns.kinds[row] == PLAIN and tag is None
        if self._read_key is None:
            name = boolean_name(BOOLEANS[text]) if is_plain and text in BOOLEANS else text
            return name, text
        if tag is None and not is_plain:
            return text, text
        name, value = self._read_key(text, tag)
        return name, value if isinstance(value, str) else (type(value), value)

    def refuse_other_type(self, name: str, value: object, row: int, earlier: int) -> None:
        """Refuse a key that has the name of an earlier one and is another value.

        Raises:
            YamlTextError: it is.
        """
        if value == self._value_of(earlier)[1]:
            return
        reason, hint = self._repeated(name, row)
        if self._read_key is not None:
            # A map in Go has both, and sigs.k8s.io/yaml goes through it in any order.
            reason += ", of another type: Argo CD would take one of the two at random"
        raise self._error(row, reason, hint)

    def judge_repeated(self, key: int, value: int, earlier: int) -> None:
        """Note that a key is repeated, or refuse it, unless both values are written alike.

        Args:
            key: the row of the key.
            value: the row of its value.
            earlier: the row of the earlier key that is equal to it.

        Raises:
            YamlTextError: it is repeated, and that is not allowed.
        """
        columns = self._columns
        is_same = _is_same(node_at(columns, earlier + 1), node_at(columns, value))
        if self._read_key is None:
            if not is_same:
                raise self._error(key, *self._repeated(columns.value(key), key))
        elif not is_merge(ScalarNode(columns, key)):
            columns.mark(earlier, ALIKE if is_same else OVERRIDDEN)
        elif not is_same:
            columns.mark(earlier, MERGED)

    def _repeated(self, name: str, row: int) -> tuple[str, str]:
        """Return the reason and the hint for a key that is repeated."""
        written = self._columns.value(row)
        reason = f"duplicate key {name[:80]!r}"
        hint = "keep one of the two"
        if name != written:
            reason, hint = f"{reason}, here as {written[:80]!r}", f"{hint}, or quote this one"
        return reason, hint

    def _error(self, row: int, reason: str, hint: str) -> YamlTextError:
        return at(self._columns.text, self._columns.starts[row], reason, hint)


def _is_same(one: Node, other: Node) -> bool:
    """Return whether two nodes are written alike, wherever they are."""
    one, other = dereference(one), dereference(other)
    if one == other:
        return True
    match one, other:
        case ScalarNode() as a, ScalarNode() as b:
            return (a.value, a.style is None, a.tag) == (b.value, b.style is None, b.tag)
        case SequenceNode() as a, SequenceNode() as b:
            return len(a.items) == len(b.items) and all(map(_is_same, a.items, b.items))
        case MappingNode() as a, MappingNode() as b:
            return len(a.entries) == len(b.entries) and all(
                x.key.value == y.key.value and _is_same(x.value, y.value)
                for x, y in zip(a.entries, b.entries, strict=True)
            )
    return False
