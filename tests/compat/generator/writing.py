"""Writes trees as YAML text, in every style that YAML has."""

import re
from collections.abc import Sequence
from typing import Final

from tests.compat.generator.draw import Draw
from tests.compat.generator.tree import Map, Raw, Tree

_SAFE: Final = re.compile(r"[A-Za-z<ü][^\x00-\x1f\x7f\x85\u2028\u2029\ufeff]*[^\x00-\x20:\x85]")
_NOT_PLAIN: Final = re.compile(r": | #")
_NOT_FLOW: Final = re.compile(r"[\[\]{},?]|: | #|:$")
_NOT_SINGLE: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ufeff]")
_NOT_BLOCK: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\ufeff]")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=\n]+")
"""Folded, it has spaces in it, and only avp-py fills placeholders in it."""

_NAMED: Final = dict(
    zip('\n\t"\\\r\0\u0085\u00a0\u2028\u2029\u0007\u001b', 'nt"\\r0N_LPae', strict=True)
)

_EXACT: Final = ("apiVersion", "kind", "metadata")
"""Fields whose change could lead to a deviation."""

_SHORT: Final = 8
"""A string of fewer characters is not an unresolved placeholder, also not in base64."""

_WORDS: Final = ("y", "yes", "true", "on", "n", "no", "false", "off", "null")


class Writer:
    """Writes one document.

    There are no aliases at the top, in metadata, in a list of objects or in nested lists, where
    their content could lead to a deviation.
    """

    def __init__(self, draw: Draw, *, exact: bool = False) -> None:
        """Prepare to write.

        Args:
            draw: the choices.
            exact: whether the text must read as the tree; otherwise some strings may change.
        """
        self._draw = draw
        self._exact = exact
        self._anchors: list[str] = []
        self._keys: list[str] = []
        self._maps: list[str] = []
        self._rare = draw.chance(0.04) and not exact
        self._step = draw.weighed({2: 10, 4: 2, 1: 1})
        self._compact = draw.chance(0.5)

    def document(self, tree: Tree) -> str:
        """Return the document, with a line break at its end."""
        if isinstance(tree, Map) and any(key == "items" for key, _ in tree.entries):
            self._rare = False
        if self._draw.chance(0.05):
            return self._flow(tree) + "\n"
        if isinstance(tree, Map) and tree.entries:
            return self._entries(tree, 0)
        return self._flow(tree) + "\n"

    def _entries(self, tree: Map, indent: int) -> str:
        pad = " " * indent
        lines = ""
        is_typed = any(isinstance(key, Raw) for key, _ in tree.entries)
        if self._rare and indent and self._maps and not is_typed and self._draw.chance(0.3):
            sources = self._draw.pick(self._maps)
            lines += (
                f"{pad}<<: {'[*' + sources + ']' if self._draw.chance(0.3) else '*' + sources}\n"
            )
        for key, value in tree.entries:
            if self._draw.chance(0.01):
                lines += f"{pad}# a comment with <user> in it\n"
            if self._draw.chance(0.01):
                lines += "\n"
            rare, exact = self._rare, self._exact
            if key in _EXACT:
                # A kind with a line break is another kind; an annotation must be a string.
                self._rare, self._exact = False, True
            lines += f"{pad}{self._key(key, pad)}:{self._value(value, indent)}"
            self._rare, self._exact = rare, exact
        return lines

    def _key(self, key: str | Raw, pad: str) -> str:
        if isinstance(key, Raw):
            return key.text
        if self._rare and self._keys and self._draw.chance(0.03):
            return f"*{self._draw.pick(self._keys)} "
        written = self._one_line(key, flow=False)
        return f"? {written}\n{pad}" if len(written) > 120 else written

    def _value(self, value: Tree, indent: int, *, in_list: bool = False) -> str:
        """Return what comes after a `:` or a `-`, with the line break at its end."""
        if self._rare and indent and self._anchors and self._draw.chance(0.15):
            return f" *{self._draw.pick(self._anchors)}\n"
        if isinstance(value, Raw):
            return f" {value.text}{self._comment()}\n" if value.text else "\n"
        anchor = ""
        if self._rare and self._draw.chance(0.3):
            name = f"a{len(self._anchors)}"
            anchor = f" &{name}"
            self._anchors.append(name)
            if isinstance(value, str) and len(value) < _SHORT:
                self._keys.append(name)
            if isinstance(value, Map) and all(isinstance(key, str) for key, _ in value.entries):
                self._maps.append(name)
        if isinstance(value, str):
            return f"{anchor} {self._text(value, indent)}"
        if self._draw.chance(0.15) or not (value.entries if isinstance(value, Map) else value):
            return f"{anchor} {self._flow(value)}{self._comment()}\n"
        if isinstance(value, Map):
            return f"{anchor}{self._comment()}\n" + self._entries(value, indent + self._step)
        inner = indent if self._compact and not in_list else indent + self._step
        return f"{anchor}{self._comment()}\n" + self._items(value, inner)

    def _items(self, items: Sequence[Tree], indent: int) -> str:
        pad = " " * indent
        lines = ""
        for item in items:
            if isinstance(item, Map) and item.entries and self._draw.chance(0.8):
                lines += f"{pad}- " + self._entries(item, indent + 2).removeprefix(
                    " " * (indent + 2)
                )
            else:
                rare = self._rare
                self._rare = rare and isinstance(item, str | Raw | Map)
                lines += f"{pad}-{self._value(item, indent, in_list=True)}"
                self._rare = rare
        return lines

    def _comment(self) -> str:
        return " # a comment with <user> in it" if self._draw.chance(0.02) else ""

    def _text(self, text: str, indent: int) -> str:
        """Return a string as a value in block context, with the line break at its end."""
        fits = text.strip(" \n") and not _NOT_BLOCK.search(text)
        if fits and self._draw.chance(0.7 if "\n" in text else 0.05):
            return self._block(text, indent)
        written = self._one_line(text, flow=False)
        if " " in written and not self._exact and self._draw.chance(0.03):
            # A line break in a flow scalar is a space; in the wrong place it changes the text.
            at = written.index(" ")
            written = written[:at] + "\n" + " " * (indent + self._step) + written[at + 1 :]
        return f"{written}{self._comment()}\n"

    def _block(self, text: str, indent: int) -> str:
        is_base64 = _BASE64.fullmatch(text) is not None
        style = "|" if self._exact or is_base64 else self._draw.weighed({"|": 5, ">": 1})
        step = self._step if self._draw.chance(0.9) else self._step + 1
        body = text.removesuffix("\n")
        hint = str(step) if text[0] in " \n" or self._draw.chance(0.05) else ""
        chomp = "" if text.endswith("\n") else "-"
        if text.endswith("\n\n") or (not self._exact and self._draw.chance(0.05)):
            chomp = self._draw.pick(("+", "+", "", "-"))
        header = f"{style}{hint}{chomp}" if self._draw.chance(0.8) else f"{style}{chomp}{hint}"
        pad = " " * (indent + step)
        lines = "".join(f"{pad}{line}\n" if line else "\n" for line in body.split("\n"))
        return f"{header}{self._comment()}\n{lines}"

    def _one_line(self, text: str, *, flow: bool) -> str:
        bad = _NOT_FLOW if flow else _NOT_PLAIN
        styles = {"double": 3.0}
        if _SAFE.fullmatch(text) and not bad.search(text):
            # Plain, some words are not strings.
            is_word = text.lower() in _WORDS
            styles["plain"] = 0 if is_word and self._exact else 0.2 if is_word else 6
        elif text.isprintable() and text.strip("!") and not self._exact and self._draw.chance(0.02):
            # In brackets, yaml.v2 reads a comma after a tag as part of it, libyaml does not.
            return text.lstrip("!") if flow else text
        if not _NOT_SINGLE.search(text):
            styles["single"] = 3
        match self._draw.weighed(styles):
            case "plain":
                return text
            case "single":
                return "'" + text.replace("'", "''") + "'"
        return self._double(text)

    def _double(self, text: str) -> str:
        eager = self._draw.chance(0.15)
        written = ""
        for char in text:
            if char in _NAMED:
                written += f"\\{_NAMED[char]}"
            elif not char.isprintable() or (eager and self._draw.chance(0.3)):
                code = ord(char)
                forms = [f"\\U{code:08x}"]
                if code < 0x10000:
                    forms.append(f"\\u{code:04x}")
                if code < 0x100:
                    forms.append(f"\\x{code:02x}")
                written += self._draw.pick(forms)
            else:
                written += char
        return f'"{written}"'

    def _flow(self, tree: Tree) -> str:
        match tree:
            case Raw():
                return tree.text or "null"
            case str():
                return self._one_line(tree, flow=True)
            case Map():
                return "{" + ", ".join(self._pair(*entry) for entry in tree.entries) + "}"
            case _:
                return "[" + ", ".join(self._flow(item) for item in tree) + "]"

    def _pair(self, key: str | Raw, value: Tree) -> str:
        exact = self._exact
        self._exact = exact or key in _EXACT
        written = key.text if isinstance(key, Raw) else self._one_line(key, flow=True)
        pair = f"{written}: {self._flow(value)}"
        self._exact = exact
        return pair
