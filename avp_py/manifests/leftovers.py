"""Text of a document that is a placeholder to whoever wrote it, and that nothing would fill.

Looked for in the document as it was rendered, outside of the placeholders that were found: a value
of the backend that holds such text is never looked at. `<key>` cannot be judged: CRDs and
documentation are full of text in angle brackets.
"""

import base64
import binascii
import re
from collections import deque
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from avp_py.expressions import SPACE, Expression
from avp_py.manifests.head import text_of
from avp_py.manifests.manifest import Manifest, Place, Slot, counted, merged
from avp_py.nodes import MappingNode, Node, ScalarNode, SequenceNode

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
"""The end of a leftover, or what makes it one: a key, or a path of KV version 2. `<path:name>` is a
route to Flask and Django."""

_LONGEST_PATH = 1000
"""How far behind `<path:` a key is looked for, in characters."""

_HINT = Expression(rf"(?:<|3[cC];?|lt;|60;)[{SPACE}]*path|\\[xuU]|!")
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
    """The places of a manifest that hold a leftover; none in one that is ignored.

    Args:
        text: the text of the stream.
        manifest: one of its manifests.
    """
    is_secret = manifest.kind == "Secret"
    if manifest.annotations.ignore:
        return ()
    if not is_secret and not _HINT.is_in(text[manifest.start : manifest.end]):
        return ()
    finder = _Finder(text, manifest, is_secret=is_secret)
    finder.look(manifest.root, None)
    return finder.found


class _Finder:
    """Looks at every scalar that counts, keys too; at what an alias stands for at its anchor.

    What is an item of its own is not looked at.

    Attributes:
        found: the leftovers, in the order of the text.
    """

    def __init__(self, text: str, manifest: Manifest, *, is_secret: bool) -> None:
        self.found: list[Leftover] = []
        self._text = text
        self._items = manifest.items
        self._slots = {slot.scalar: slot for slot in manifest.slots}
        self._is_secret = is_secret

    def look(self, node: Node, place: Place | None, hidden: Set[str] = frozenset()) -> None:
        """Looks below a node; `hidden` are those of its keys that do not count."""
        match node:
            case ScalarNode():
                form = _form(node, self._slots.get(node), is_secret=self._is_secret)
                if form:
                    self.found.append(Leftover("" if place is None else str(place), form))
            case SequenceNode():
                for index, item in enumerate(node.items):
                    self.look(item, Place(place, index))
            case MappingNode() if node not in self._items:
                for entry, beyond in counted(self._text, node, hidden):
                    below = Place(place, entry.key.value)
                    if entry.is_merge:
                        for source, more in merged(entry, beyond):
                            self.look(source, below, more)
                    else:
                        self.look(entry.key, below)
                        self.look(entry.value, below)


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
    """How the first leftover in a text is written; nothing where there is none."""
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
