"""The file that AVP_POLICY names: YAML to rules. Its format is in docs/policy.md.

An empty file, or one with unknown keys, is an error: a misspelt rule would be a missing one.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from avp_py.documents import DocumentReader
from avp_py.errors import did_you_mean
from avp_py.files import read_text
from avp_py.golang.nodes import Node
from avp_py.policy.globs import MAX_LENGTH, UNFIT, Glob, name_glob
from avp_py.policy.pattern import Pattern
from avp_py.policy.rules import Policy, Rule
from avp_py.policy.template import FaultyTemplateError
from avp_py.policy.url_pattern import UrlPattern
from avp_py.settings import Trust

T = TypeVar("T")

_SELECTORS: Final = ("projects", "namespaces", "applications", "kinds")
_PATTERNS: Final = {"allow": "/", "deny": "/", "secrets": ":"}
"""The keys of patterns, and the separator of their parts."""

_URLS: Final = ("fetch", "denyFetch")
"""The keys of patterns on URLs."""

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


class _Reader(DocumentReader):
    """One file."""

    def policy(self) -> Policy:
        advice = f"write rules; to allow every path, do not set AVP_POLICY; {_EXAMPLE}"
        entries = self._mapping(self._root("policy", advice), ("rules",), "a policy")
        rules = self._items(entries["rules"].value, "rules") if "rules" in entries else ()
        return Policy(
            self._source, tuple(self._rule(node, number) for number, node in enumerate(rules, 1))
        )

    def _rule(self, node: Node, number: int) -> Rule:
        known = ("name", *_SELECTORS, *_PATTERNS, _TRUST, *_URLS)
        entries = self._mapping(node, known, "a rule")
        if not entries.keys() & {*_PATTERNS, *_URLS}:
            raise self._error(node, "the rule allows and denies nothing", "write allow or deny")
        if _TRUST in entries and "secrets" not in entries:
            raise self._error(
                entries[_TRUST].key,
                "trust without secrets, which it is about",
                "write secrets, or remove trust",
            )
        if "kinds" in entries and entries.keys() & set(_URLS):
            raise self._error(
                entries["kinds"].key,
                "a rule with kinds and fetch or denyFetch: nothing is fetched for a kind",
                "write two rules",
            )
        name = self._text_of(entries["name"].value, "name") if "name" in entries else ""

        def globs(key: str) -> tuple[Glob, ...] | None:
            return self._globs(entries[key].value, key) if key in entries else None

        def patterns(key: str) -> tuple[Pattern, ...]:
            def read(text: str) -> Pattern:
                return Pattern.read(text, _PATTERNS[key])

            return self._patterns(entries[key].value, key, read) if key in entries else ()

        def urls(key: str) -> tuple[UrlPattern, ...]:
            read = UrlPattern.read
            return self._patterns(entries[key].value, key, read) if key in entries else ()

        return Rule(
            name=name,
            number=number,
            line=self._line(node),
            projects=globs("projects"),
            namespaces=globs("namespaces"),
            applications=globs("applications"),
            kinds=globs("kinds"),
            allow=patterns("allow"),
            deny=patterns("deny"),
            secrets=patterns("secrets"),
            trust=self._trust(entries[_TRUST].value) if _TRUST in entries else frozenset(),
            fetch=urls("fetch"),
            deny_fetch=urls("denyFetch"),
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

    def _patterns(self, node: Node, key: str, read: Callable[[str], T]) -> tuple[T, ...]:
        patterns = []
        for item in self._items(node, key):
            text = self._text_of(item, key)
            try:
                patterns.append(read(text))
            except FaultyTemplateError as error:
                raise self._error(item, f"{key}: {text[:200]!r} is {error}", _EXAMPLE) from error
        return tuple(patterns)
