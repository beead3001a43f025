"""From a template's nodes and data to text.

Source: client-go v0.29.1, util/jsonpath/jsonpath.go with AllowMissingKeys(false), which is how AVP
calls it, and its copy of text/template's comparisons. Where Go walks through a map in no order,
this uses the keys sorted.
"""

from collections.abc import Mapping, Sequence

from avp_py.golang import gojson
from avp_py.golang.nodes import MAX_DEPTH
from avp_py.modifiers.jsonpath.items import (
    NOTHING,
    Item,
    MismatchError,
    children,
    compare,
    is_list,
    kind_of,
    plain,
    text_of,
)
from avp_py.modifiers.jsonpath.nodes import (
    Constant,
    Expression,
    Field,
    Filter,
    Identifier,
    JsonPathError,
    Node,
    Recursive,
    Slice,
    Text,
    Union,
    Wildcard,
)
from avp_py.modifiers.jsonpath.parser import parse
from avp_py.values import Value

MAX_RANGES = 50
"""How deep ranges may nest. Go has no limit."""

MAX_RESULTS = 1_000_000
"""How many results the parts of one template may give together: nested ranges multiply."""

MAX_OUTPUT = 8 * 1024 * 1024
"""How many characters a template may print. Kubernetes refuses objects beyond 1.5 MiB."""


def evaluate(template: str, data: Value) -> str:
    r"""Fill a template.

    Args:
        template: the template.
        data: what it is about. A Number is text, as Vault's numbers are in AVP: it prints as it
            is, and compares as text. A Float64 prints and compares as one.

    Returns:
        The text. A quoted `\xff` in the template, which is no UTF-8, comes as a lone surrogate
        (PEP 383, surrogateescape).

    Raises:
        JsonPathError: the template is malformed or does not fit the data, the data nests deeper
            than MAX_DEPTH, or the result exceeds MAX_RESULTS or MAX_OUTPUT.
    """
    nodes = parse(template)
    if not gojson.is_shallow(data):
        raise JsonPathError(f"the data nests deeper than {MAX_DEPTH} levels")
    pieces: list[str] = []
    size = 0
    for results in _Evaluation(nodes).run(data):
        for index, item in enumerate(results):
            pieces.append((" " if index else "") + text_of(item))
            size += len(pieces[-1])
            if size > MAX_OUTPUT:
                raise JsonPathError(f"the result is longer than {MAX_OUTPUT} characters")
    # Two texts can each hold one half of a character, as `{'\xc3'}{'\xa9'}` does.
    return _utf8("".join(pieces)).decode("utf-8", "surrogateescape")


def _utf8(text: str) -> bytes:
    try:
        return gojson.utf8(text)
    except gojson.JsonTextError as error:
        raise JsonPathError(str(error)) from error


class _Evaluation:
    """One run of a template; the counters are those of client-go's struct JSONPath."""

    def __init__(self, nodes: Sequence[Text | Expression]) -> None:
        self._nodes = nodes
        self._begin_range = 0
        self._in_range = 0
        self._end_range = 0
        self._last_end: int | None = None
        self._left = MAX_RESULTS

    def run(self, data: Value) -> Sequence[Sequence[Item]]:
        """Return the results of each node of the template, in the order in which they print."""
        return self._find(NOTHING if data is None else data, 0)

    def _find(self, data: Item, first: int) -> list[Sequence[Item]]:
        """Source: FindResults, which calls itself with the rest of the nodes for each range."""
        found: list[Sequence[Item]] = []
        index = first - 1
        while (index := index + 1) < len(self._nodes):
            results = self._walk([data], self._nodes[index])
            if 0 < self._end_range <= self._in_range:
                self._end_range -= 1
                self._last_end = index
                break
            if self._begin_range == 0:
                found.append(results)
                continue
            self._begin_range -= 1
            self._in_range += 1
            if self._in_range > MAX_RANGES:
                raise JsonPathError(f"ranges nest deeper than {MAX_RANGES} levels")
            for item in results:
                if item is NOTHING:
                    raise JsonPathError("null cannot be ranged over")  # client-go panics
                found += self._find(NOTHING if item is None else item, index + 1)
            if not results:
                # Without results the nodes up to `end` run once more, on nothing, for its place.
                self._find(NOTHING, index + 1)
            self._in_range -= 1
            if self._last_end is not None and self._last_end > index:
                index = self._last_end
        return found

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise JsonPathError(f"the template returns more than {MAX_RESULTS} results")

    def _walk(self, items: Sequence[Item], node: Node) -> Sequence[Item]:
        self._spend(1 + len(items))
        match node:
            case Text():
                return [node.text]
            case Constant():
                return [node.value] * len(items)
            case Field():
                return _field(items, node)
            case Slice():
                return self._slice(items, node)
            case Filter():
                return self._filter(items, node)
            case Wildcard():
                return self._wildcard(items)
            case Recursive():
                return self._recursive(items)
            case Union():
                return self._union(items, node)
            case Identifier():
                return self._identifier(items, node)
            case Expression():
                return self._expression(items, node)

    def _expression(self, items: Sequence[Item], expression: Expression) -> Sequence[Item]:
        for node in expression.nodes:
            items = self._walk(items, node)
        return items

    def _identifier(self, items: Sequence[Item], node: Identifier) -> Sequence[Item]:
        if node.name == "range":
            self._begin_range += 1
            return items
        if node.name != "end":
            reason = f"`{node.name}` is neither `range` nor `end` nor a field (`.{node.name}`)"
            raise MismatchError(reason, node.at, found=bool(items))
        if self._in_range == 0:
            raise MismatchError("`end` is outside of a range", node.at, found=False)
        self._end_range += 1
        return []

    def _slice(self, items: Sequence[Item], node: Slice) -> Sequence[Item]:
        found: list[Item] = []
        for item in items:
            if item is None:
                continue
            if not is_list(item):
                # client-go panics on nothing.
                reason = f"an index requires a list, and this is {kind_of(item)}"
                raise MismatchError(reason, node.at, found=True)
            size = len(item)
            start = node.start or 0
            if start < 0:
                start += size
            end = size if node.end is None else node.end
            if end < 0 or (end == 0 and node.derived):
                end += size
            if start == end:
                # client-go gives up here, the items that are left included.
                return found
            if not 0 <= start < size or not 0 <= end <= size:
                raise MismatchError("the index is out of the list's range", node.at, found=True)
            if start > end:
                raise MismatchError("the slice starts after its end", node.at, found=True)
            if node.step is not None and node.step <= 0:
                raise MismatchError("the step of a slice is not above 0", node.at, found=True)
            found += item[start : end : node.step]
            self._spend(end - start)
        return found

    def _union(self, items: Sequence[Item], node: Union) -> Sequence[Item]:
        found: list[Item] = []
        for expression in node.items:
            try:
                found += self._expression(items, expression)
            except MismatchError as error:
                error.found = bool(items)
                raise
        return found

    def _wildcard(self, items: Sequence[Item]) -> Sequence[Item]:
        found: list[Item] = []
        for item in items:
            # The items of a string are its bytes, in Go.
            text = plain(item)
            parts = _utf8(text) if isinstance(text, str) else children(item)
            self._spend(len(parts))
            found += parts
        return found

    def _recursive(self, items: Sequence[Item]) -> Sequence[Item]:
        """All that is in the items and holds something: no empty list, and no number."""
        found: list[Item] = []
        waiting = list(reversed(items))
        while waiting:
            item = waiting.pop()
            parts = children(item)
            self._spend(1 + len(parts))
            if parts or (isinstance(plain(item), str) and plain(item)):
                found.append(item)
            waiting += reversed(parts)
        return found

    def _filter(self, items: Sequence[Item], node: Filter) -> Sequence[Item]:
        found: list[Item] = []
        for item in items:
            if not is_list(item):
                reason = f"a filter requires a list, and this is {kind_of(item)}"
                raise MismatchError(reason, node.at, found=True)
            for each in item:
                if self._passes(each, node, found=bool(found)):
                    found.append(each)
        return found

    def _passes(self, item: Item, node: Filter, *, found: bool) -> bool:
        if not node.operator:
            try:
                return bool(self._expression([item], node.left))
            except MismatchError as error:
                return error.found
        sides: list[Item] = []
        for expression in (node.left, node.right):
            try:
                results = self._expression([item], expression)
            except MismatchError as error:
                error.found = True
                raise
            if not results:
                return False
            if len(results) > 1:
                raise MismatchError("a filter compares single values", node.at, found=True)
            sides += results
        left, right = sides
        return compare(left, right, node, found=found)


def _field(items: Sequence[Item], node: Field) -> Sequence[Item]:
    found: list[Item] = [
        item[node.name] for item in items if isinstance(item, Mapping) and node.name in item
    ]
    if items and not found:
        raise MismatchError(f"there is no key {node.name!r}", node.at, found=False)
    return found
