"""Cases for the oracle that a seeded generator makes up."""

import random
from collections.abc import Sequence
from typing import Any, TypeVar

from cases import TEXTS, Case

from avp_py.golang import gojson
from avp_py.values import Number

KEYS = TEXTS["generated_keys"]
_Option = TypeVar("_Option")


class Generator:
    """Makes up cases; equal seeds give equal cases."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not for secrets
        self._below = self._random.randrange

    def _pick(self, options: Sequence[_Option]) -> _Option:
        return self._random.choice(options)

    def jsonpath(self) -> Case:
        """A template, and data that it fits more or less."""
        data = self._json(0)
        template = "".join(self._part(data, 0) for _ in range(self._pick((1, 1, 1, 2, 3))))
        if self._below(8) == 0:
            template = self._damaged(template)
        if isinstance(data, str | Number) or self._below(2) or data is None:
            return Case("jsonPath", (template,), gojson.write(data))
        return Case("jsonPath", (template,), data, typed=bool(self._below(2)))

    def modifier(self) -> Case:
        """One of the other modifiers, with a text that it takes more or less."""
        kind = self._below(10)
        if kind < 4:
            return Case("yamlParse", (), self.yaml())
        if kind < 6:
            return Case("jsonParse", (), self._json_text())
        if kind == 6:
            text = self._pick(TEXTS["base64_texts"]) + self._pick(("", "", "\n", "YQ==", "AAAA"))
            return Case("base64decode", (), self._damaged(text) if self._below(2) else text)
        text = self._plain()
        if kind == 7:
            return Case("indent", (self._pick(TEXTS["indents"]),), text)
        return Case(self._pick(("base64encode", "sha256sum")), (), text)

    def yaml(self) -> str:
        """A YAML text, sometimes a broken one."""
        kind = self._below(10)
        if kind < 2:
            text = self._pick(TEXTS["yaml_texts"])
        elif kind < 4:
            text = f"{self._pick(TEXTS['yaml_scalars'])}: {self._pick(TEXTS['yaml_scalars'])}\n"
        elif kind < 6:
            text = self._number()
        else:
            text = "\n".join(self._yaml_block(0)) + "\n"
        return self._damaged(text) if self._below(4) == 0 else text

    # JSON

    def _json(self, depth: int) -> Any:
        kind = self._below(12 if depth < 4 else 6)
        if kind < 2:
            return self._pick(TEXTS["generated_texts"])
        if kind < 4:
            return Number(self._pick(TEXTS["generated_numbers"]))
        if kind < 6:
            return self._pick((True, False, None))
        if kind < 9:
            return [self._json(depth + 1) for _ in range(self._below(4))]
        return {self._pick(KEYS): self._json(depth + 1) for _ in range(self._below(4))}

    def _json_text(self) -> str:
        if self._below(8) == 0:
            return self._pick(TEXTS["not_json"])
        text = gojson.write(self._json(0))
        if self._below(3) == 0:
            text = self._number()
        return self._damaged(text) if self._below(3) == 0 else text

    def _number(self) -> str:
        length = self._pick((1, 2, 3, 5, 8, 16, 20, 25))
        alphabet = self._pick(
            ("0123456789", "0123456789.", "01234567.eE+-", "01_.x", "0xbo17+-_.eE:")
        )
        return "".join(self._pick(alphabet) for _ in range(length))

    # text

    def _plain(self) -> str:
        return "".join(
            self._pick((*TEXTS["plain_texts"], "\n", " ", "x")) for _ in range(self._below(4))
        )

    def _damaged(self, text: str) -> str:
        characters = list(text)
        for _ in range(self._pick((1, 1, 2, 3))):
            index = self._below(len(characters) + 1)
            if self._below(2) and characters:
                del characters[index : index + 1]
            else:
                characters.insert(index, self._pick("{}[]()'\".,:@$?*-+=<>!|&#\\ \n\t019abéx~%_"))
        return "".join(characters)

    # JSONPath

    def _part(self, data: Any, depth: int) -> str:
        """Text or an expression. `data` is what it is about, as far as that is known."""
        kind = self._below(10)
        if kind == 0:
            return self._pick((" ", "x", ": ", "é", "}", "\n"))
        path, found = self._path(data)
        if kind < 4 and depth < 3:
            inside = self._first(found)
            inner = "".join(self._part(inside, depth + 1) for _ in range(self._below(3)))
            end = "{end}" if self._below(12) else ""
            return "{range " + path + "}" + inner + end
        if kind == 4 and self._below(6) == 0:
            return "{end}"
        return "{" + path + "}"

    def _first(self, found: Any) -> Any:
        return found[0] if isinstance(found, list) and found else found

    def _path(self, data: Any) -> tuple[str, Any]:
        steps = [self._pick(("", "", "@", "$", " "))]
        for _ in range(self._pick((0, 1, 1, 2, 2, 3, 4))):
            step, data = self._fitting(data) if self._below(5) else (self._step(), None)
            steps.append(step)
        return "".join(steps) + self._pick(("", "", "", " ")), data

    def _fitting(self, data: Any) -> tuple[str, Any]:
        """A step that the data can take, and where it leads."""
        if isinstance(data, dict) and data:
            key = self._pick(list(data))
            field = "." + key.replace(".", "\\.")
            return self._pick((field, f"['{key.replace('.', chr(92) + '.')}']")), data[key]
        if isinstance(data, list) and data:
            index = self._below(len(data))
            item = data[index]
            steps = (
                "[*]",
                f"[{index}]",
                f"[{index - len(data)}]",
                f"[{index}:]",
                f"[:{index + 1}]",
                f"[?({self._fitting_condition(item)})]",
            )
            return self._pick(steps), item
        return "", data

    def _fitting_condition(self, item: Any) -> str:
        step, found = self._fitting(item) if not isinstance(item, list) else ("", item)
        right = "true" if isinstance(found, bool) else "1.0" if isinstance(found, Number) else "'a'"
        if self._below(4) == 0 or isinstance(found, list | dict):
            return "@" + step
        return f"@{step}{self._pick(('==', '!=', '<', '>', ' >= ', ' <= '))}{right}"

    def _step(self) -> str:
        kind = self._below(20)
        key = self._pick(KEYS)
        if kind < 6:
            return "." + key.replace(".", self._pick(("\\.", ".")))
        if kind < 8:
            return f"['{key}']"
        if kind < 12:
            return f"[{self._slice()}]"
        if kind == 12:
            return ".*"
        if kind == 13:
            return ".." + self._pick(("", key))
        if kind < 16:
            return f"[?({self._condition()})]"
        if kind == 16:
            items = (
                f"'{self._pick(KEYS)}'",
                self._slice(),
                f"?({self._condition()})",
                "*",
            )
            return "[" + self._pick((",", ", ")).join(self._pick(items) for _ in range(2)) + "]"
        if kind == 17:
            return self._literal()
        return self._pick((" ", ".", "@", "$", "[*]", "[]"))

    def _slice(self) -> str:
        numbers = ("", "", "0", "1", "2", "3", "-1", "-2", "9")
        parts = [self._pick(numbers) for _ in range(self._pick((1, 1, 2, 2, 3)))]
        return ":".join(parts) if self._below(6) else "*"

    def _literal(self) -> str:
        return self._pick(TEXTS["generated_literals"])

    def _condition(self) -> str:
        left = self._pick(("@", "@.")) + self._pick(KEYS) if self._below(3) else "@" + self._step()
        if self._below(4) == 0:
            return left
        operator = self._pick(("==", "==", "!=", "<", ">", "<=", ">=", "=", "=~"))
        right = self._literal() if self._below(4) else "@" + self._step()
        space = self._pick(("", " "))
        return f"{left}{space}{operator}{space}{right}"

    # YAML

    def _yaml_block(self, depth: int) -> list[str]:
        kind = self._below(10)
        if depth > 3 or kind < 3:
            return [self._yaml_flow(depth)]
        lines = []
        for index in range(self._below(4)):
            key = self._pick(
                (
                    *KEYS,
                    "1",
                    "yes",
                    "<<",
                    "'q'",
                    "~",
                    "1.5",
                    f"k{index}",
                    f"k{index}",
                )
            )
            nested = self._yaml_block(depth + 1)
            head = "-" if kind < 6 else f"{key}:"
            anchor = self._pick(("", "", "", " &x", " &y", " !!str", " !t"))
            if len(nested) == 1:
                lines.append(f"{head}{anchor} {nested[0]}")
            else:
                lines += [head + anchor, *(f"  {line}" for line in nested)]
        return lines or [self._yaml_flow(depth)]

    def _yaml_flow(self, depth: int) -> str:
        kind = self._below(10)
        if depth > 4 or kind < 6:
            return (
                self._pick(TEXTS["yaml_scalars"])
                if self._below(2)
                else self._pick(("*x", "*y", "a", "1", "x y", "'z'"))
            )
        items = [self._yaml_flow(depth + 1) for _ in range(self._below(4))]
        if kind < 8:
            return "[" + ", ".join(items) + "]"
        return "{" + ", ".join(f"{self._pick((*KEYS, '<<', '1'))}: {item}" for item in items) + "}"
