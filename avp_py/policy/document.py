"""The file that AVP_POLICY names: YAML to rules. Its format is in docs/policy.md.

An empty file, or one with unknown keys, is an error: a misspelt rule would be a missing one.
"""

import functools
from collections.abc import Collection
from pathlib import Path
from typing import Final

from avp_py.errors import DocumentError, did_you_mean
from avp_py.files import read_text
from avp_py.golang.documents import parse
from avp_py.golang.lines import position
from avp_py.golang.nodes import Entry, MappingNode, Node, ScalarNode, SequenceNode, dereference
from avp_py.policy.globs import MAX_LENGTH, UNFIT, Glob, name_glob
from avp_py.policy.pattern import Pattern
from avp_py.policy.rules import Policy, Rule
from avp_py.policy.template import FaultyTemplateError
from avp_py.settings import Trust

_SELECTORS: Final = ("projects", "namespaces", "applications", "kinds")
_PATTERNS: Final = {"allow": "/", "deny": "/", "secrets": ":"}
"""The keys of patterns, and the separator of their parts."""

_TRUST: Final = "trust"

_EXAMPLE: Final = "docs/policy.md has examples"


def read_policy(file: Path) -> Policy:
    """Read the file.

    Raises:
        SettingsError: it cannot be read.
        DocumentError: it is not a policy; the message has line and column.
    """
    hint = "AVP_POLICY names a YAML file; without it nothing is read from a backend"
    text = read_text(file, "the policy", hint)
    return _parse(text, str(file))


@functools.lru_cache(maxsize=4)
def _parse(text: str, source: str) -> Policy:
    """Return the policy in a text; one that does not change is parsed once for all requests."""
    return _Reader(text, source).policy()


class _Reader:
    """One file."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source

    def policy(self) -> Policy:
        documents = parse(self._text, self._source)
        roots = [each.root for each in documents if each.root is not None]
        if not roots or _is_null(roots[0]):
            raise DocumentError(
                f"the policy {self._source} is empty",
                hint=f"write rules; to allow every path, do not set AVP_POLICY; {_EXAMPLE}",
            )
        if len(roots) > 1:
            raise self._error(roots[1], "a second document", "a policy is one document")
        entries = self._mapping(roots[0], ("rules",), "a policy")
        rules = self._items(entries["rules"].value, "rules") if "rules" in entries else ()
        return Policy(
            self._source, tuple(self._rule(node, number) for number, node in enumerate(rules, 1))
        )

    def _rule(self, node: Node, number: int) -> Rule:
        entries = self._mapping(node, ("name", *_SELECTORS, *_PATTERNS, _TRUST), "a rule")
        if not entries.keys() & _PATTERNS.keys():
            raise self._error(node, "the rule allows and denies nothing", "write allow or deny")
        if _TRUST in entries and "secrets" not in entries:
            raise self._error(
                entries[_TRUST].key,
                "trust without secrets, which it is about",
                "write secrets, or remove trust",
            )
        name = self._text_of(entries["name"].value, "name") if "name" in entries else ""

        def globs(key: str) -> tuple[Glob, ...] | None:
            return self._globs(entries[key].value, key) if key in entries else None

        def patterns(key: str) -> tuple[Pattern, ...]:
            return self._patterns(entries[key].value, key) if key in entries else ()

        return Rule(
            name=name,
            number=number,
            line=self._text.count("\n", 0, node.start) + 1,
            projects=globs("projects"),
            namespaces=globs("namespaces"),
            applications=globs("applications"),
            kinds=globs("kinds"),
            allow=patterns("allow"),
            deny=patterns("deny"),
            secrets=patterns("secrets"),
            trust=self._trust(entries[_TRUST].value) if _TRUST in entries else frozenset(),
        )

    def _trust(self, node: Node) -> frozenset[Trust]:
        found = set()
        for item in self._items(node, _TRUST):
            word = self._text_of(item, _TRUST)
            if word not in set(Trust):
                raise self._error(
                    item,
                    f"unknown {_TRUST} {word[:80]!r}",
                    did_you_mean(word, Trust) or f"known: {', '.join(Trust)}",
                )
            found.add(Trust(word))
        return frozenset(found)

    def _globs(self, node: Node, key: str) -> tuple[Glob, ...]:
        globs = []
        for item in self._items(node, key):
            text = self._text_of(item, key)
            unfit = next((char for char in text if char in UNFIT or not char.isprintable()), None)
            if unfit is not None:
                reason = f"{key}: a pattern with {unfit!r}"
                raise self._error(item, reason, "only * has a meaning: any text")
            if len(text) > MAX_LENGTH:
                reason = f"{key}: a pattern of more than {MAX_LENGTH} characters"
                raise self._error(item, reason, "no name is that long")
            globs.append(name_glob(text))
        return tuple(globs)

    def _patterns(self, node: Node, key: str) -> tuple[Pattern, ...]:
        patterns = []
        for item in self._items(node, key):
            text = self._text_of(item, key)
            try:
                patterns.append(Pattern.read(text, _PATTERNS[key]))
            except FaultyTemplateError as error:
                raise self._error(item, f"{key}: {text[:200]!r} is {error}", _EXAMPLE) from error
        return tuple(patterns)

    def _mapping(self, node: Node, known: Collection[str], what: str) -> dict[str, Entry]:
        mapping = dereference(node)
        if not isinstance(mapping, MappingNode):
            raise self._error(node, f"{what} is a mapping", f"its keys: {', '.join(known)}")
        for entry in mapping.entries:
            key = entry.key.value
            if key not in known:
                raise self._error(
                    entry.key,
                    f"{what} has no key {key[:80]!r}",
                    did_you_mean(key, known) or f"its keys: {', '.join(known)}",
                )
        if not mapping.entries:
            raise self._error(node, f"{what} with nothing in it", f"its keys: {', '.join(known)}")
        return {entry.key.value: entry for entry in mapping.entries}

    def _items(self, node: Node, key: str) -> tuple[Node, ...]:
        items = dereference(node)
        if not isinstance(items, SequenceNode):
            raise self._error(node, f"{key} is a list", f"write it as {key}: [one, another]")
        if not items.items:
            raise self._error(
                node, f"{key} is an empty list", "write an item, or leave the key out"
            )
        return tuple(items.items)

    def _text_of(self, node: Node, key: str) -> str:
        scalar = dereference(node)
        if not isinstance(scalar, ScalarNode) or not scalar.value or scalar.is_null:
            raise self._error(
                node, f"{key}: expected a string", "put what begins with { or * in quotes"
            )
        return scalar.value

    def _error(self, node: Node, reason: str, hint: str) -> DocumentError:
        where = position(self._text, node.start)
        return DocumentError(f"{self._source}, {where}: {reason}", hint=hint)


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.is_null
