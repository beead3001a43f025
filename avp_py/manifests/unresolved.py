"""Text of a document that is a placeholder to whoever wrote it, and that nothing would fill.

Looked for in the document as it was rendered, outside of the placeholders that were found: a value
of the backend that holds such text is never looked at. `<key>` cannot be judged: CRDs and
documentation are full of text in angle brackets.
"""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from avp_py.expressions import SPACE, Expression
from avp_py.golang.nodes import ScalarNode
from avp_py.manifests.head import text_of
from avp_py.manifests.manifest import Field, Manifest
from avp_py.manifests.packed import LAYERS, SHORTEST, SIGNS, WORD, has_sign, readings, unwrapped
from avp_py.manifests.placeholders import Packed, Template
from avp_py.manifests.walk import walk

_FORMS: Mapping[str, str] = {
    "<": "as it is",
    "\\": "escaped as in JSON",
    "%": "percent-encoded",
    "&": "escaped as in HTML",
}
"""How a `<` is written, by the character that this begins with."""

_OPENING = re.compile(
    r"(?:<|\\u003[cC]|\\x3[cC]|%3[cC]|&lt;|&#0{0,8}60;|&#[xX]0{0,8}3[cC];)\s*path(?::|%3[aA]|&#58;)"
)
_BOUND = re.compile(
    r"(?P<end>[<>\n]|%3[cCeE]|&[lg]t;|\\u003[cCeE])|#|%23|&#35;|/data/|%2[fF]data%2[fF]"
)
"""The end of an unresolved placeholder, or what makes it one: a key, or a path of KV version 2.
`<path:name>` is a route to Flask and Django."""

_LONGEST_PATH = 1000
"""How far after `<path:` a key is looked for, in characters."""

MAY_BE_UNRESOLVED = Expression(rf"(?:<|3[cC];?|lt;|60;)[{SPACE}]*path|\\[xuU\r\n]|!|{SIGNS}")
"""What is in the text of each document with an unresolved placeholder, but for some in base64 in a
Secret. An escape of YAML's, or a tag, can hide any character."""

_LAYERS: Final = LAYERS + 1
"""How many layers of base64 are looked into: one more than are filled."""


@dataclass(frozen=True)
class Unresolved:
    """One place.

    Attributes:
        field: its path in the document.
        form: how it is written, as `percent-encoded, inside base64`.
        is_packed: whether it is inside base64.
        start: where the scalar with it is in the text.
    """

    field: str
    form: str
    is_packed: bool
    start: int


def unresolved(text: str, manifest: Manifest) -> Sequence[Unresolved]:
    """Return the unresolved placeholders of a manifest; none of one that is ignored.

    Args:
        text: the text of the stream.
        manifest: one of its manifests.
    """
    is_secret = manifest.kind == "Secret"
    if manifest.annotations.ignore:
        return ()
    if not is_secret and not MAY_BE_UNRESOLVED.is_in(text[manifest.start : manifest.end]):
        return ()
    fields = {field.scalar: field for field in manifest.fields}
    found: list[Unresolved] = []
    # What is an item of its own is not looked at.
    for visit in walk(manifest.root, lambda each: each.node not in manifest.items, keys=True):
        if isinstance(visit.node, ScalarNode):
            form = _form(visit.node, fields.get(visit.node), is_secret=is_secret)
            if form:
                place, is_packed = str(visit.place or ""), form.endswith(_INSIDE)
                found.append(Unresolved(place, form, is_packed, visit.node.start))
    return found


_INSIDE: Final = ", inside base64"


def _form(scalar: ScalarNode, field: Field | None, *, is_secret: bool) -> str:
    """Return how the unresolved placeholder in a scalar is written; nothing where there is none."""
    if field is not None:
        return _left(field.template, is_packed=field.encoded, is_secret=is_secret)
    said = text_of(scalar)
    return _search(said) or _unpacked(said, _LAYERS, is_secret=is_secret)


def _left(template: Template, *, is_packed: bool, is_secret: bool) -> str:
    """Return how the unresolved placeholder beside those of a template is written."""
    for part in template.parts:
        form = ""
        if isinstance(part, Packed):
            form = _left(part.template, is_packed=True, is_secret=is_secret)
        elif isinstance(part, str):
            form = _search(part) or _unpacked(part, _LAYERS, is_secret=is_secret)
        if form:
            return form + _INSIDE if is_packed and not form.endswith(_INSIDE) else form
    return ""


def _unpacked(text: str, layers: int, *, is_secret: bool) -> str:
    """Return how the unresolved placeholder in base64 in a text is written.

    Where there is a sign of `<path:`, each of the four places is tried at which a word can begin:
    it may be a part of a longer one. In a Secret, escaped forms count too.
    """
    if not layers or len(text) < SHORTEST:
        return ""
    is_likely = has_sign(text)
    if not (is_secret or is_likely):
        return ""
    for match in WORD.finditer(unwrapped(text)):
        tried = 4 if is_likely and has_sign(match[0]) else int(is_secret)
        for said in islice(readings(match[0]), tried):
            form = _search(said) or _unpacked(said, layers - 1, is_secret=is_secret)
            if form:
                return form if form.endswith(_INSIDE) else form + _INSIDE
    return ""


def _search(text: str) -> str:
    """Return how the first unresolved placeholder in a text is written; `""` without one."""
    openings = _OPENING.finditer(text)
    following = next(openings, None)
    current: deque[re.Match[str]] = deque()
    for bound in _BOUND.finditer(text) if following is not None else ():
        while following is not None and following.end() <= bound.start():
            current.append(following)
            following = next(openings, None)
        if bound["end"]:
            current.clear()
        while current and bound.start() - current[0].end() > _LONGEST_PATH:
            current.popleft()
        if current:
            return _FORMS[current[0][0][0]]
    return ""
