"""Walks over the nodes of a document, in the order of the text; aliases are not followed."""

from collections.abc import Iterator

from avp_py.golang.columns import (
    ALIAS,
    FLOW_MAPPING,
    FLOW_SEQUENCE,
    MAPPING,
    MERGED,
    OVERRIDDEN,
)
from avp_py.golang.nodes import MappingNode, Node, ScalarNode, node_at


def scalars(node: Node) -> Iterator[tuple[ScalarNode, bool]]:
    """Yield the scalars below a node, keys too, and whether they are in braces or brackets."""
    columns, row = node.columns, node.row
    kinds, end = columns.kinds, columns.after(row)
    open_ends: list[tuple[int, bool]] = []
    flow = False
    while row < end:
        while open_ends and row >= open_ends[-1][0]:
            flow = open_ends.pop()[1]
        kind = kinds[row]
        if kind >= MAPPING:
            open_ends.append((columns.links[row], flow))
            flow = kind in (FLOW_MAPPING, FLOW_SEQUENCE)
        elif kind < ALIAS:
            yield ScalarNode(columns, row), flow
        row += 1


def mappings(node: Node) -> Iterator[MappingNode]:
    """Yield the mappings below a node, itself included; aliases are not followed."""
    columns = node.columns
    for row in range(node.row, columns.after(node.row)):
        if columns.kinds[row] in (MAPPING, FLOW_MAPPING):
            yield MappingNode(columns, row)


def repeated(node: Node) -> bool:
    """Return whether a mapping, at a node or below, has equal keys with different values."""
    repeats, end = node.columns.repeats, node.columns.after(node.row)
    return any(repeats.find(each, node.row, end) >= 0 for each in (OVERRIDDEN, MERGED))


def is_target(node: Node) -> bool:
    """Return whether an alias stands for a node."""
    return node.columns.has_target(node.row, node.row + 1)


def aliased(node: Node) -> set[Node]:
    """Return the nodes that aliases below a node stand for."""
    columns = node.columns
    targets = set(columns.targets(node.row, columns.after(node.row)))
    return {node_at(columns, each) for each in targets}
