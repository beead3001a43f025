"""Text of a document that is a placeholder to whoever wrote it, and that nothing would fill.

Looked for in the document as it was rendered, outside of the placeholders that were found: a value
of the backend that holds such text is never looked at. `<key>` cannot be judged: CRDs and
documentation are full of text in angle brackets.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from avp_py.manifests.head import text_of
from avp_py.manifests.manifest import Manifest, Slot, counted, field_of, merged
from avp_py.nodes import AliasNode, MappingNode, Node, ScalarNode, SequenceNode

_FORMS: Mapping[str, str] = {
    "as it is": "<",
    "escaped as in JSON": r"\\u003[cC]|\\x3[cC]",
    "percent-encoded": "%3[cC]",
    "escaped as in HTML": "&lt;|&#0{0,8}60;|&#[xX]0{0,8}3[cC];",
}
"""How a `<` is written, by what to call that."""

_LEFTOVER = re.compile(
    "(?:" + "|".join(f"({form})" for form in _FORMS.values()) + r")\s*path(?::|%3[aA]|&#58;)"
    r"(?:(?!%3[cCeE]|&[lg]t;|\\u003[cCeE])[^<>\n]){0,1000}?"
    r"(?:#|%23|&#35;|/data/|%2[fF]data%2[fF])"
)
"""With a key, or a path of KV version 2: `<path:name>` is a route to Flask and Django."""

_HINT = re.compile(r"(?:<|3[cC];?|lt;|60;)\s*path|\\[xuU]|!")
"""What stands in the text of each document with a leftover that is not in base64 unannounced.
Behind an escape of YAML's, or a tag, any character may hide."""

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_STANDARD = str.maketrans("-_", "+/", "\r\n")


@dataclass(frozen=True)
class Leftover:
    """One place.

    Attributes:
        field: its path in the document.
        form: how it is written, as `percent-encoded, inside base64`.
    """

    field: str
    form: str


def leftovers(text: str, manifest: Manifest) -> Sequence[Leftover]:
    """The places of a document that hold a leftover; none in one that is ignored.

    Args:
        text: the text of the stream.
        manifest: one of its documents.
    """
    is_secret = manifest.kind == "Secret"
    if manifest.annotations.ignore:
        return ()
    if not is_secret and not _HINT.search(text, manifest.start, manifest.end):
        return ()
    slots = {id(slot.scalar): slot for slot in manifest.slots}
    found = []
    for field, scalar in _scalars(text, manifest.root, ""):
        form = _form(scalar, slots.get(id(scalar)), is_secret=is_secret)
        if form:
            found.append(Leftover(field, form))
    return found


def _form(scalar: ScalarNode, slot: Slot | None, *, is_secret: bool) -> str:
    """How the leftover in a scalar is written; nothing where there is none."""
    if slot is not None:
        for part in slot.template.parts:
            if isinstance(part, str) and (form := _search(part)):
                return f"{form}, inside base64" if slot.encoded else form
        return ""
    said = text_of(scalar)
    if form := _search(said):
        return form
    decoded = _decode(said) if is_secret else ""
    return f"{form}, inside base64" if decoded and (form := _search(decoded)) else ""


def _search(text: str) -> str:
    match = _LEFTOVER.search(text)
    return "" if match is None else tuple(_FORMS)[(match.lastindex or 1) - 1]


def _decode(text: str) -> str:
    """What stands in base64 of either alphabet, with or without padding; else nothing."""
    packed = text.translate(_STANDARD)
    if not _BASE64.fullmatch(packed):
        return ""
    packed = packed.rstrip("=")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4)).decode(errors="replace")
    except binascii.Error:
        return ""


def _scalars(
    text: str, node: Node, path: str, hidden: Set[str] = frozenset()
) -> Iterator[tuple[str, ScalarNode]]:
    """Every scalar that counts, keys too, with its field; of an alias what stands at its anchor."""
    match node:
        case ScalarNode():
            yield path, node
        case SequenceNode():
            for index, item in enumerate(node.items):
                yield from _scalars(text, item, f"{path}[{index}]")
        case MappingNode():
            for entry, beyond in counted(text, node, hidden):
                field = field_of(path, entry.key.value)
                if entry.is_merge:
                    for source, more in merged(entry, beyond):
                        yield from _scalars(text, source, field, more)
                else:
                    yield field, entry.key
                    yield from _scalars(text, entry.value, field)
        case AliasNode():
            return
