"""What is YAML, and still cannot be read by Kubernetes.

Kubernetes and Argo CD read YAML with yaml.v2 and turn it into JSON (sigs.k8s.io/yaml). What they
cannot read is refused here, where the message can say which document it is.
"""

import re
from collections.abc import Iterator

from avp_py.errors import DocumentError
from avp_py.manifests.head import text_of
from avp_py.manifests.scalars import UNCARRIED
from avp_py.nodes import Document, MappingNode, Node, ScalarNode, SequenceNode, position

_DOUBTFUL = re.compile(
    r"(?:^|[\s\[{,])(?:!|\?(?:[\s,}:]|$)|[&*][^\s\[\]{},]*\s*[:,}#])|<<|\.(?:inf|nan)"
    r"|(?:~|null|\d[\w.]{16,})\s*[:,}#]|^[ -]*:|[{,]\s*:",
    re.IGNORECASE | re.MULTILINE,
)
"""What stands in every document that JSON cannot say, and in some that it can."""

_MISSPELT = re.compile(r"\\/|\?|[\s\[{,]:\S|(?:^|[\s\[{,])!")
"""What stands in every document that libyaml takes and yaml.v2 does not, and in some others."""

_MARK = re.compile("(?:^|[\n\r\x85\u2028\u2029])\ufeff")
"""A byte order mark that libyaml skips and that yaml.v2 takes for a part of the text."""

_END = re.compile(r"^\.\.\.", re.MULTILINE)

_CONTROL = re.compile(
    f"{UNCARRIED.pattern}|binary|\\\\(?:x[7-9]|u00[7-9]|N|u[fF]{{3}}[eEfF]|U0000(?:00[7-9]|[fF]{{3}}[eEfF]))"
)
"""What stands in every document with such a character: itself, an escape for one near it, or the
tag of what stands in base64."""

_UNQUOTED = re.compile(r"\?|(?<=[\s\[{,]):")

_ESCAPED_SLASH = re.compile(r"(?<!\\)(?:\\\\)*\\/")


def refuse_unreadable(text: str, document: Document, where: str, *, is_json: bool) -> None:
    """Refuses a document that Kubernetes could not read.

    Args:
        text: the text of the whole stream.
        document: one of its documents.
        where: what to call the document's place, as `document 3 of standard input`.
        is_json: whether it is written in JSON, so that it says nothing that JSON cannot say.

    Raises:
        DocumentError: a key is null, a number infinite, a tag does not fit, or the like.
    """
    span = (document.start, document.end)
    if document.root is not None and _CONTROL.search(text, *span):
        for scalar, _ in _scalars(document.root, False):
            if UNCARRIED.search(text_of(scalar)):
                raise DocumentError(
                    f"{where}, {position(text, scalar.start)}: a control character that Argo CD "
                    "cannot carry (U+007F to U+009F, U+FFFE or U+FFFF)",
                    hint="remove it, or put the text into base64 in the data of a Secret",
                )
    if is_json:
        return
    if (mark := _MARK.search(text, *span)) is not None:
        raise DocumentError(
            f"{where}, {position(text, mark.end())}: a byte order mark (U+FEFF) at the beginning "
            "of a line",
            hint="remove it: it is no text",
        )
    is_empty = isinstance(document.root, ScalarNode) and document.root.start == document.root.end
    if is_empty and _END.search(text, *span):
        raise DocumentError(
            f"{where}: Kubernetes cannot read an empty document that ends with ...",
            hint="remove the line ...",
        )
    if document.root is not None and _MISSPELT.search(text, *span):
        for scalar, flow in _scalars(document.root, False):
            _refuse_spelling(text, scalar, flow, where)
    if not _DOUBTFUL.search(text, *span):
        return
    # Few documents need it, and it takes a while to load.
    from avp_py.golang import yaml_reader

    try:
        yaml_reader.read(text[document.start : document.end])
    except yaml_reader.YamlTextError as error:
        raise DocumentError(
            f"{where}: Kubernetes cannot read the document: {error}",
            hint="quote the value or key at that place",
        ) from None


def _refuse_spelling(text: str, scalar: ScalarNode, flow: bool, where: str) -> None:
    """Refuses what libyaml reads and yaml.v2 does not."""
    if scalar.style == '"' and _ESCAPED_SLASH.search(text, scalar.start, scalar.end):
        problem, hint = "the escape \\/", "write the slash without the backslash"
    elif flow and scalar.style is None and _UNQUOTED.search(text, scalar.start, scalar.end):
        problem, hint = "a ? or a leading : without quotes in brackets", "quote the text"
    elif scalar.tag is not None and _is_before_comma(text, scalar):
        # yaml.v2 takes the comma, and what follows up to a space, for a part of the tag.
        problem, hint = "a tag with a comma right after it", "put a space before the comma"
    else:
        return
    place = position(text, scalar.start)
    raise DocumentError(f"{where}, {place}: Kubernetes cannot read {problem}", hint=hint)


def _is_before_comma(text: str, scalar: ScalarNode) -> bool:
    """Whether an empty scalar's tag ends at a comma."""
    is_empty = scalar.start == scalar.end
    return is_empty and text[scalar.end] == "," and not text[scalar.end - 1].isspace()


def _scalars(node: Node, flow: bool) -> Iterator[tuple[ScalarNode, bool]]:
    """The scalars below a node, and whether they stand in braces or brackets."""
    if isinstance(node, ScalarNode):
        yield node, flow
    elif isinstance(node, SequenceNode):
        for item in node.items:
            yield from _scalars(item, node.flow)
    elif isinstance(node, MappingNode):
        for key, value in node.entries:
            yield key, node.flow
            yield from _scalars(value, node.flow)
