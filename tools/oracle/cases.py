"""The cases for the oracle that were thought of; their texts stand in cases.json."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avp_py.values import Number

TEXTS: dict[str, list[str]] = json.loads(
    Path(__file__).with_name("cases.json").read_text(encoding="utf-8")
)
STORE = "\n".join(TEXTS["store"])


@dataclass(frozen=True)
class Case:
    """One application of a modifier.

    Attributes:
        op: the modifier.
        arguments: its words; a template can stand in one.
        value: the input.
        typed: whether the numbers of the input keep their text, as those of Vault do.
    """

    op: str
    arguments: tuple[str, ...]
    value: Any
    typed: bool = False

    @property
    def walks_maps(self) -> bool:
        """Whether Go may walk through a map, in an order of its own each time."""
        if self.op == "yamlParse":
            return True
        return any(".*" in word or ".." in word or "'*'" in word for word in self.arguments)


def value_of(text: str) -> Any:
    """The value that a JSON text says, every number with its text."""
    return json.loads(text, parse_int=Number, parse_float=Number)


def hand_written_jsonpath() -> list[Case]:
    """The cases that were thought of, for jsonPath."""
    store = value_of(STORE)
    found = [Case("jsonPath", (template,), STORE) for template in TEXTS["templates"]]
    found += [Case("jsonPath", (each,), store, typed=True) for each in TEXTS["templates"]]
    for document in TEXTS["documents"]:
        for template in TEXTS["short_templates"]:
            found.append(Case("jsonPath", (template,), document))
            value = value_of(document)
            if value is not None and not isinstance(value, str):
                found.append(Case("jsonPath", (template,), value, typed=True))
    found += [Case("jsonPath", ("{}",), text) for text in TEXTS["not_json"]]
    split = ((), ("{.name}", "{.port}"), ("{range", ".list[*]}", "{@}{end}"))
    return found + [Case("jsonPath", words, STORE) for words in split]


def hand_written_modifiers() -> list[Case]:
    """The cases that were thought of, for the other modifiers."""
    scalars = TEXTS["yaml_scalars"]
    plain = TEXTS["plain_texts"]
    found = [Case("jsonParse", (), text) for text in (*TEXTS["documents"], *TEXTS["json_texts"])]
    found += [Case("jsonParse", (), text) for text in (*TEXTS["not_json"], STORE)]
    found += [Case("yamlParse", (), text) for text in (*scalars, *TEXTS["yaml_texts"])]
    found += [Case("yamlParse", (), f"a: {text}\n") for text in scalars]
    found += [Case(op, (), text) for op in ("base64encode", "sha256sum") for text in plain]
    found += [Case("base64decode", (), text) for text in TEXTS["base64_texts"]]
    found += [Case("indent", (level,), text) for level in ("0", "2", "-1") for text in plain]
    found += [Case("indent", (level,), "a\n b\n\nc") for level in TEXTS["indents"]]
    found += [Case("indent", words, "a") for words in ((), ("1", "2"), ("x", "keep", "y"))]
    for op in ("base64encode", "base64decode", "jsonParse", "yamlParse", "sha256sum", "indent"):
        words = ("2",) if op == "indent" else ()
        for text in TEXTS["not_text"]:
            found.append(Case(op, words, value_of(text), typed=True))
        if op != "indent":
            found.append(Case(op, ("x",), "YQ=="))
    return found
