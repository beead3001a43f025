"""Whole inputs of one or several documents, in YAML or JSON."""

import json
import re
from typing import Any, Final

from tests.compat.case import Case
from tests.compat.generator.draw import Draw
from tests.compat.generator.tree import Map, Raw, Tree, manifest
from tests.compat.generator.writing import Writer

_SEPARATORS: Final = {
    "---\n": 20,
    "--- # comment\n": 2,
    "---  \n": 1,
    "...\n---\n": 1,
    "---\n---\n": 1,
    "---\n# nothing\n---\n": 1,
    "---\nnull\n---\n": 1,
    "---\n{}\n---\n": 0.3,
    "---\n- a\n---\n": 0.3,
    "---\ntext\n---\n": 0.3,
    "---\n\n\n---\n": 1,
    "---\n\ufeff": 0.5,
    "----\n": 0.3,
}

_ENDS: Final = {"": 30, "---\n": 3, "...\n": 1, "# end\n": 1, "\n\n": 1, "---": 0.5}

_STARTS: Final = {
    "": 30,
    "---\n": 5,
    "# comment\n": 2,
    "\n": 1,
    "\ufeff": 1,
    "%YAML 1.1\n---\n": 0.5,
    "--- # comment\n": 1,
    "\t\n": 0.3,
    "...\n": 0.3,
}

_ODD: Final = (
    "[]",
    "text",
    "5\n",
    "- a\n",
    "\x00",
    "kind: \x07\n",
    "a: b: c\n",
    "\tkind: A\n",
    "kind: A\n\tb: c\n",
    "{",
    "}",
    "kind: A\n b: c\n",
    "kind: Secret",
)

_BITS: Final = (
    "a", "b: ", "c: d", "- ", "? ", ": ", ":", "?", "{", "}", "[", "]", ", ", ",", "'", "'x'", '"',
    '"y"', "| ", "|-\n", ">+\n", "\n", "\n", "  ", "\t", " #", "#", "&x ", "*x", "!!str ", "!t ",
    "%", "@", "`", "---", "...", "<user>", "~", "1", "0x1f", "<<: ",
    "<<", "\\", "\\n", "\\/", "-", "--", ".", "é", "\u0085", "\u2028", "=", "\r", "\r\n", "\x07",
)  # fmt: skip

_DEVIATES: Final = re.compile(
    r":\s*[\]},]"  # a colon at the end in flow style
    r"|[\r\u0085\u2028]\s*(?:---|\.\.\.)"  # a marker after a line break of YAML alone
    r"|[&\"']\S*\s*<<"  # a merge key after an anchor, or in quotes
)
"""Random YAML that leads to a deviation."""


def make_case(seed: str, index: int) -> Case:
    """Return the case with that index, which must be the same to both programs."""
    draw = Draw(f"{seed}/{index}")
    data = _text(draw).encode("utf-8", "surrogatepass")
    if draw.chance(0.003):
        data += b"# \xff\n"
    env = {"AVP_LEFTOVERS": "ignore"} if draw.lenient else {}
    return Case(f"SEED={seed} index {index}", data, env=env)


def separate(document: str) -> str:
    """Return a document with a marker before it, so that it can follow another one."""
    return f"---\n{document.removeprefix('---' + chr(10))}"


def _not_json(text: str) -> str:
    """Return a text that is read as YAML, even where its first document is in braces."""
    bare = text.removeprefix("\ufeff")
    return f"---\n{bare}" if bare.startswith("{") else text


def _text(draw: Draw) -> str:
    match draw.weighed({"one": 90, "many": 6, "json": 4, "soup": 3, "odd": 0.7}):
        case "one":
            return _one(draw)
        case "many":
            return _many(draw)
        case "json":
            return _json(draw)
        case "soup":
            return _soup(draw)
    return draw.pick(_ODD)


def _one(draw: Draw) -> str:
    text = _not_json(Writer(draw).document(manifest(draw)))
    if draw.chance(0.05):
        text = text.replace("\n", "\r\n")
    if draw.chance(0.05):
        text = text.removesuffix("\n")
    return text


def _many(draw: Draw) -> str:
    text = draw.weighed(_STARTS)
    for number in range(draw.number(1, 3)):
        if number:
            text += draw.weighed(_SEPARATORS)
        text += Writer(draw).document(manifest(draw))
    text = _not_json(text + draw.weighed(_ENDS))
    return text.replace("\n", "\r\n") if draw.chance(0.05) else text


def _json(draw: Draw) -> str:
    texts = [_as_json(draw, manifest(draw)) for _ in range(draw.weighed({1: 5, 2: 1}))]
    return draw.pick(("\n", "", " ", "\n\n")).join(texts) + draw.pick(("\n", ""))


def _soup(draw: Draw) -> str:
    """Return random YAML, which may be invalid."""
    bits = "".join(draw.pick(_BITS) for _ in range(draw.number(1, 9)))
    if _DEVIATES.search(bits):
        bits = "a"
    return "kind: Widget\nspec: " + bits.replace("\n", draw.pick(("\n  ", "\n   "))) + "\n"


def _as_json(draw: Draw, tree: Tree) -> str:
    ascii_only, indent = draw.chance(0.5), draw.pick((None, 2))
    text = json.dumps(_value(tree), ensure_ascii=ascii_only, indent=indent)
    if draw.chance(0.3):
        text = text.replace("<", "\\u003c").replace(">", "\\u003e")
    return text


def _value(tree: Tree) -> Any:
    match tree:
        case str():
            return tree
        case Raw():
            try:
                return json.loads(tree.text)
            except ValueError:
                # A tag would be text, before a placeholder or before one in base64.
                return tree.text.replace("<", "").replace("PHBhdGg6", "")
        case Map():
            return {
                key.text if isinstance(key, Raw) else key: _value(value)
                for key, value in tree.entries
            }
        case _:
            return [_value(item) for item in tree]
