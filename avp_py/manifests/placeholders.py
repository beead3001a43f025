"""The placeholder's grammar: where placeholders are in a string, and what each refers to.

It is argocd-vault-plugin's (pkg/kube/util.go, v1.18.1), odd corners included:

    genericPlaceholder       (?mU)<(.*)>
    specificPathPlaceholder  (?mU)<path:([^#]+)#([^#]+)(?:#([^#]+))?>
    indivPlaceholderSyntax   (?mU)path:([^#]+?)#([^#]+?)(?:#(.+?))??

Those expressions take quadratic time on hostile text in Python's engine (Go's is linear), so the
same matches are found here by plain searches for the delimiters.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from avp_py.manifests import packed
from avp_py.manifests.packed import LAYERS, WORD, Form, has_sign

_INLINE = "<path:"
_PATH = "path:"
_QUOTES: Final = ('"', "'", "`")

NAMED: Final = re.compile(r"<[A-Za-z_][\w.-]*(?:\s*\|[^<>\n]*)?>", re.ASCII)
"""A placeholder of a document with a path annotation that is hardly anything else."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What is between the angle brackets.

    Attributes:
        text: the placeholder as written, with its brackets.
        path: the path of an inline placeholder as written; None for `<key>`, whose path is the
            document's annotation.
        key: the key that is wanted.
        version: the version of an inline placeholder, `""` for the newest.
        modifiers: the statements after each `|`, as written.
    """

    text: str
    path: str | None
    key: str
    version: str
    modifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Packed:
    """A word of base64 that holds placeholders.

    Attributes:
        text: the word as written.
        template: what it says.
        form: how it is written.
    """

    text: str
    template: "Template"
    form: Form


@dataclass(frozen=True, slots=True)
class Template:
    """A string that holds placeholders, cut into literal text, placeholders and base64."""

    parts: tuple[str | Placeholder | Packed, ...]

    @property
    def placeholders(self) -> Sequence[Placeholder]:
        """The placeholders, in their order; those in base64 too."""
        found: list[Placeholder] = []
        for part in self.parts:
            if isinstance(part, Placeholder):
                found.append(part)
            elif isinstance(part, Packed):
                found += part.template.placeholders
        return tuple(found)

    @property
    def is_whole(self) -> bool:
        """Whether the string is one placeholder and nothing else."""
        return len(self.parts) == 1 and isinstance(self.parts[0], Placeholder)

    @property
    def alone(self) -> Placeholder | None:
        """The one placeholder of a string that holds nothing else but white space."""
        others = [part for part in self.parts if not (isinstance(part, str) and part.isspace())]
        alone = others[0] if len(others) == 1 else None
        return alone if isinstance(alone, Placeholder) else None


def read_template(text: str, *, generic: bool, layers: int = 0) -> Template | None:
    """Find the placeholders of a string.

    Args:
        text: the string.
        generic: whether `<key>` counts, as it does in a document with the path annotation;
            otherwise only `<path:P#K>` and `<path:P#K#V>` do.
        layers: how many layers of base64 in it are looked into.

    Returns:
        The string in parts, or None where it holds no placeholder.
    """
    spans = _generic_spans(text) if generic else _inline_spans(text)
    parts: list[str | Placeholder | Packed] = []
    end = 0
    for start, stop in spans:
        parts += _words(text[end:start], generic, layers)
        parts.append(_read_placeholder(text[start:stop]))
        end = stop
    parts += _words(text[end:], generic, layers)
    return None if all(isinstance(part, str) for part in parts) else Template(tuple(parts))


def read_encoded(text: str, *, generic: bool) -> Template | None:
    """Find the placeholders in the text of a base64 value of a Secret.

    As in AVP, base64 without angle brackets on one line is not looked into, but for base64 in it.

    Args:
        text: the text.
        generic: whether `<key>` counts.

    Returns:
        The text in parts, or None where it holds no placeholder.
    """
    if has_generic_match(text):
        return read_template(text, generic=generic, layers=LAYERS - 1)
    parts = tuple(_words(text, generic, LAYERS - 1))
    return None if all(isinstance(part, str) for part in parts) else Template(parts)


def _words(text: str, generic: bool, layers: int) -> Iterator[str | Packed]:
    """Cut text without placeholders at the words of base64 that hold some."""
    end = 0
    if layers and (generic or has_sign(text)):
        for match in WORD.finditer(text):
            word = _read_word(match[0], generic, layers)
            if word is None:
                continue
            if match.start() > end:
                yield text[end : match.start()]
            yield word
            end = match.end()
    if end < len(text):
        yield text[end:]


def _read_word(word: str, generic: bool, layers: int) -> Packed | None:
    """Read a word of base64; None where it surely or possibly holds no placeholder.

    `<key>` alone may be HTML or the like. It counts beside a `<path:`, and where there is nothing
    else but colons, as in the credentials of an image pull secret.
    """
    unpacked = packed.unpack(word)
    if unpacked is None:
        return None
    text, form = unpacked
    is_inline = next(_inline_spans(text), None) is not None
    is_generic = generic and (is_inline or not NAMED.sub("", text).strip(":"))
    template = read_template(text, generic=is_generic, layers=layers - 1)
    return None if template is None else Packed(word, template, form)


def has_generic_match(text: str) -> bool:
    """Return whether the string holds anything in angle brackets on one line."""
    return next(_generic_spans(text), None) is not None


def _generic_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the matches of genericPlaceholder: from a `<` to the next `>` on its line."""
    start = text.find("<")
    while start >= 0:
        stop = text.find(">", start)
        if stop < 0:
            return
        newline = text.find("\n", start, stop)
        if newline < 0:
            stop += 1
            yield start, stop
        else:
            stop = newline
        start = text.find("<", stop)


def _inline_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the matches of specificPathPlaceholder.

    Apart from AVP, what cannot be a path of Vault's begins no match: `<path:name>` is a route to
    Flask and Django, and a `#` and a `>` may follow somewhere.

    The path runs to the first `#`. The key runs to the first `>` after it (but is never empty,
    so a `>` in its first place belongs to it); where a second `#` comes first, the version runs
    from there to the next `>` in the same way, and no third `#` may come before that.
    """
    start = text.find(_INLINE)
    while start >= 0:
        first = text.find("#", start + len(_INLINE))
        if first < 0:
            return
        route = _route_end(text, start, first)
        if route >= 0:
            start = text.find(_INLINE, route)
            continue
        stop = -1 if first == start + len(_INLINE) else _inline_end(text, first)
        if stop >= 0:
            yield start, stop
        # The end depends on the first `#` alone: where it failed, each start before it fails too.
        start = text.find(_INLINE, stop if stop >= 0 else first)


def _route_end(text: str, start: int, end: int) -> int:
    """Return the last place that shows a route: a quote, or a line break after a `>`; else -1."""
    line = text.rfind("\n", start, end)
    if line >= 0 and text.find(">", start, line) < 0:
        line = -1
    return max(line, *(text.rfind(quote, start, end) for quote in _QUOTES))


def _inline_end(text: str, first: int) -> int:
    """Return the end of the match whose path ends at `first`, or -1."""
    for hash_ in (first, text.find("#", first + 1)):
        if hash_ < 0:
            break
        limit = text.find("#", hash_ + 1)
        if limit == hash_ + 1:
            break
        stop = text.find(">", hash_ + 2, limit if limit >= 0 else len(text))
        if stop >= 0:
            return stop + 1
    return -1


def _read_placeholder(match: str) -> Placeholder:
    head, *modifiers = match.strip("<>").split("|")
    head = head.strip(" ")
    path, key, version = _read_inline(head)
    return Placeholder(match, path, key, version, tuple(modifiers))


def _read_inline(head: str) -> tuple[str | None, str, str]:
    """Path, key and version as indivPlaceholderSyntax finds them; (None, head, "") without match.

    The expression is not anchored: `mypath:a#k` has the path `a`.
    """
    start = head.find(_PATH)
    while start >= 0:
        first = head.find("#", start + len(_PATH))
        if first < 0:
            break
        second = head.find("#", first + 1)
        key_end = second if second >= 0 else len(head)
        if first > start + len(_PATH) and key_end > first + 1:
            version = head[second + 1 :].split("\n", 1)[0] if second >= 0 else ""
            return head[start + len(_PATH) : first], head[first + 1 : key_end].strip(), version
        start = head.find(_PATH, start + 1 if first == start + len(_PATH) else first)
    return None, head, ""
