"""A YAML text as documents, with every key of a mapping checked."""

from collections.abc import Sequence
from typing import NamedTuple

from avp_py.errors import DocumentError
from avp_py.golang.columns import Columns
from avp_py.golang.composer import Composed, compose
from avp_py.golang.keys import KeyChecks, KeyReader
from avp_py.golang.lines import Lines
from avp_py.golang.nodes import MappingNode, ScalarNode, SequenceNode, dereference, node_at
from avp_py.golang.yaml_error import InvalidCharacterError, YamlTextError


class Document(NamedTuple):
    """One YAML document of a text.

    Attributes:
        root: its node, or None where it holds nothing but comments.
        start: where it begins: at its `---`, or at 0 for the first.
        end: where the next begins, or the end of the text.
        marker_end: just after its `---`; None where it has none.
        lines: the lines of the text.
    """

    root: ScalarNode | MappingNode | SequenceNode | None
    start: int
    end: int
    marker_end: int | None
    lines: Lines


def parse(
    text: str, source: str, read_key: KeyReader | None = None, parsed: str | None = None
) -> Sequence[Document]:
    """Parse a text that holds any number of YAML documents.

    Args:
        text: the text, without a byte order mark.
        source: what to call it in errors: a file, or `standard input`.
        read_key: allows a key to be repeated with another value, which then counts; it decides
            which keys are equal.
        parsed: what is parsed in place of the text: it has the same length, and null where nothing
            needs to be known. Messages go by the text.

    Returns:
        The documents in their order; their spans cover the text without a gap.

    Raises:
        DocumentError: the text is not YAML, nests deeper than MAX_DEPTH, repeats a key where that
            is not allowed, or where its values have one name to Kubernetes and are different keys
            to yaml.v2, has a key that is not a scalar, or aliases that expand beyond
            MAX_EXPANDED_NODES.
    """
    columns = Columns(text)
    try:
        composed = list(compose(columns, KeyChecks(columns, read_key), parsed))
    except YamlTextError as error:
        raise _located(error, text, source) from error
    lines = Lines(text)
    ends = [*(each.start for each in composed[1:]), len(text)]
    starts = [0, *ends]
    return [
        _document(columns, each, start, end, lines)
        for each, start, end in zip(composed, starts, ends, strict=False)
    ]


def _document(columns: Columns, composed: Composed, start: int, end: int, lines: Lines) -> Document:
    root = None if composed.root is None else dereference(node_at(columns, composed.root))
    return Document(root, start, end, composed.marker_end, lines)


def _located(error: YamlTextError, text: str, source: str) -> DocumentError:
    reason, hint = error.cause, error.hint
    if isinstance(error, InvalidCharacterError):
        reason = f"the character U+{ord(text[error.index]):04X} is not allowed in YAML"
        hint = "write it as an escape in double quotes"
    where = f", line {error.line}, column {error.column}" if error.line else ""
    return DocumentError(f"{source}{where}: {reason}", hint=hint)
