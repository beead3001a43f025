"""What is YAML, and still cannot be read by Kubernetes.

Kubernetes and Argo CD read YAML with yaml.v2 and turn it into JSON (sigs.k8s.io/yaml). What they
cannot read is refused here, where the message can say which document it is.
"""

import math
from collections.abc import Callable
from typing import Final

from avp_py.errors import DocumentError
from avp_py.expressions import SPACE, Expression
from avp_py.golang.documents import Document
from avp_py.golang.lines import Lines
from avp_py.golang.nodes import ScalarNode, has_comma_after_tag
from avp_py.golang.walks import scalars
from avp_py.golang.yaml_error import YamlTextError
from avp_py.golang.yaml_text import UNREPRESENTABLE
from avp_py.manifests.head import text_of

_GAP = r"[^\x21-\x7e]"
"""White space, and whatever is not ASCII: RE2 runs out of memory on the classes of Unicode."""

DOUBTFUL = Expression(
    rf"(?im)(?:^|[\[{{,:?]|{_GAP})"
    rf"(?:!|\?|[&*][^ \t\r\n\[\]{{}},]*{_GAP}*[:,}}#])"
    r"|<<|\.(?:inf|nan)"
    # An integer beyond 64 bits. Without the \b, RE2 would count from each digit of a word, and run
    # out of memory, which it says on standard error.
    rf"|(?:~|null|\b[0-9]\w{{16,}}){_GAP}*[:,}}#]"
    rf"|^[ -]*:|[{{,]{_GAP}*:"
)
"""What is in every document that JSON cannot represent, and in some others."""

MISSPELT = Expression(rf"(?m)\\/|\?|(?:[\[{{,]|{_GAP}):[^ \t\r\n]|(?:^|[\[{{,:]|{_GAP})!")
"""What is in every document that libyaml accepts and yaml.v2 rejects, and in some others."""

_MARK: Final = "\ufeff"
"""A byte order mark. libyaml skips one at the beginning of a line, which is text to yaml.v2. Where
one comes to the front of the buffer of yaml.v2 and v3, they skip the first character of the lines
that follow, whatever that is (is_bom in yamlprivateh.go, v2.4.2)."""

_CONTROL = Expression(
    f"{UNREPRESENTABLE.pattern}|binary|\\\\(?:x[7-9]|u00[7-9]|N|u[fF]{{3}}[eEfF]|U0000(?:00[7-9]|[fF]{{3}}[eEfF]))"
)
"""What is in every document with such a character: itself, an escape for one near it, or the
tag of base64."""

_LARGE = Expression(r"[0-9][eE]\+?[0-9]{2}|[0-9]{308}")
"""What is in every document of JSON with a number that is too large for float64."""

_LEADING_COLON = Expression(rf"[{SPACE}\[{{,]:")

_ESCAPED_SLASH = Expression(r"(?:^|[^\\])(?:\\\\)*\\/")


def refuse_unreadable(
    text: str, document: Document, where: str, *, is_json: bool, is_moved: bool = False
) -> None:
    """Refuse a document that Kubernetes could not read.

    Args:
        text: the text of the whole stream.
        document: one of its documents.
        where: what to call the document's place, as `document 3 of standard input`.
        is_json: whether it is written in JSON, so that it says nothing that JSON cannot say.
        is_moved: whether its lines are not those of what was read, and are not named.

    Raises:
        DocumentError: a key is null, a number infinite, a tag does not fit, or the like.
    """
    written = text[document.start : document.end]

    def place(index: int) -> str:
        return where if is_moved else f"{where}, {document.lines.position(index)}"

    if _CONTROL.is_in(written):
        _refuse_scalars(
            document,
            place,
            lambda scalar: UNREPRESENTABLE.search(text_of(scalar)) is not None,
            "a control character that Argo CD cannot carry (U+007F to U+009F, U+FFFE or U+FFFF)",
            "remove it, or put the text into base64 in the data of a Secret",
        )
    if is_json:
        if _LARGE.is_in(written):
            reason = "a number in JSON is too large for float64"
            _refuse_scalars(document, place, _is_infinite, reason, "write it in quotes, as text")
        return
    if _MARK in written:
        raise DocumentError(
            f"{place(text.index(_MARK, document.start))}: a byte order mark (U+FEFF) inside of the "
            "document",
            hint="remove it, or write it as \\ufeff in double quotes",
        )
    is_empty = isinstance(document.root, ScalarNode) and document.root.start == document.root.end
    if is_empty and any(f"{each}..." in f"\n{written}" for each in "\n\r\x85\u2028\u2029"):
        end = document.start + written.rindex("...")
        raise DocumentError(
            f"{place(end)}: Kubernetes cannot read an empty document that ends with ...",
            hint="remove the line ...",
        )
    if document.root is not None and MISSPELT.is_in(written):
        for scalar, flow in scalars(document.root):
            _refuse_spelling(text, scalar, flow, document.lines, where)
    if DOUBTFUL.is_in(written):
        _refuse_unread(written, document, where)


def _refuse_scalars(
    document: Document,
    place: Callable[[int], str],
    is_refused: Callable[[ScalarNode], bool],
    reason: str,
    hint: str,
) -> None:
    for scalar, _ in scalars(document.root) if document.root is not None else ():
        if is_refused(scalar):
            raise DocumentError(f"{place(scalar.start)}: {reason}", hint=hint)


def _refuse_unread(written: str, document: Document, where: str) -> None:
    """Refuse a document that Go's reader cannot read."""
    # Few documents need it, and it takes a while to load.
    from avp_py.golang import yaml_reader

    try:
        yaml_reader.read(written)
    except YamlTextError as error:
        line = document.lines.number(document.start) + error.line - 1
        line_of = f"{where}, line {line}" if error.line else where
        raise DocumentError(
            f"{line_of}: Kubernetes cannot read the document: {error.cause}",
            hint="quote the value or key at that place",
        ) from error


def _is_infinite(scalar: ScalarNode) -> bool:
    """Return whether it is a number of JSON beyond float64, which Argo CD would read as text."""
    if scalar.style is not None or scalar.value[:1] not in "-0123456789":
        return False
    return math.isinf(float(scalar.value))


def _refuse_spelling(text: str, scalar: ScalarNode, flow: bool, lines: Lines, where: str) -> None:
    """Refuse what libyaml reads and yaml.v2 does not."""
    if scalar.style == '"' and _ESCAPED_SLASH.is_in(text[scalar.start : scalar.end]):
        problem, hint = "the escape \\/", "write the slash without the backslash"
    elif flow and scalar.style is None and _is_misread(text, scalar):
        problem, hint = "a ? or a leading : without quotes in brackets", "quote the text"
    elif has_comma_after_tag(scalar):
        problem, hint = "a tag with a comma right after it", "put a space before the comma"
    else:
        return
    place = lines.position(scalar.start)
    raise DocumentError(f"{where}, {place}: Kubernetes cannot read {problem}", hint=hint)


def _is_misread(text: str, scalar: ScalarNode) -> bool:
    """Return whether yaml.v2 reads a part of a plain scalar as an indicator."""
    before = max(scalar.start - 1, 0)
    return "?" in text[scalar.start : scalar.end] or _LEADING_COLON.is_in(text[before : scalar.end])
