"""What a policy allows an identity, and why."""

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from avp_py.policy.globs import (
    allowing_glob,
    api_place,
    as_data,
    for_allowing,
    for_path,
    path_glob,
    secret_glob,
)
from avp_py.policy.pattern import Pattern
from avp_py.policy.rules import Policy, Rule
from avp_py.policy.template import FaultyTemplateError, UnfilledTemplateError
from avp_py.policy.verdict import Verdict
from avp_py.settings import Identity, Trust

if TYPE_CHECKING:
    from avp_py.policy.fetching import FetchRules


class _Filled:
    """A pattern of a rule, filled for an identity, or the reason why it cannot be."""

    def __init__(self, rule: Rule, pattern: Pattern, identity: Identity) -> None:
        self.rule = rule
        self.pattern = pattern
        self.problem = ""
        segments: tuple[str, ...] = ()
        try:
            segments = pattern.fill(identity)
        except (UnfilledTemplateError, FaultyTemplateError) as error:
            self.problem = str(error)
        self._path = path_glob(segments)
        self._allowing = allowing_glob(segments)
        self._secret = secret_glob(segments)

    def allows(self, path: Sequence[str]) -> bool:
        """Return whether it could be filled, and matches a path as a pattern that allows."""
        return not self.problem and self._allowing.matches(for_allowing(path))

    def matches(self, path: Sequence[str]) -> bool:
        """Return whether it could be filled, and matches a path, with any word after the mount."""
        return not self.problem and self._path.matches(for_path(path))

    def touches(self, path: Sequence[str]) -> bool:
        """Return whether it could be filled, and matches a path or the secret that it belongs to.

        A rule that denies a secret denies its metadata, too.
        """
        return self.matches(path) or self.matches(as_data(path))

    def matches_secret_name(self, name: str) -> bool:
        """Return whether it could be filled, and matches a Secret, as `namespace:name`."""
        return not self.problem and self._secret.matches(name)


class Permissions:
    """A policy's rules for one identity: those whose selectors match it, their patterns filled."""

    def __init__(self, policy: Policy, identity: Identity) -> None:
        self._policy = policy
        self._identity = identity
        self._rules = [rule for rule in policy.rules if rule.matches(identity)]
        self._deny = self._filled("deny", identity)
        self._allow = self._filled("allow", identity)
        self._secrets = self._filled("secrets", identity)

    def _filled(self, key: str, identity: Identity) -> list[_Filled]:
        return [
            _Filled(rule, pattern, identity)
            for rule in self._rules
            for pattern in getattr(rule, key)
        ]

    @property
    def depends_on_kind(self) -> bool:
        """Whether a verdict depends on the kind of the document."""
        return any(rule.kinds is not None for rule in self._rules)

    def path(self, path: str, kind: str | None) -> Verdict:
        """Return whether a path may be read for a document of a kind.

        Args:
            path: the path, normalised.
            kind: the kind; None where it is not known, and then no rule for kinds applies.
        """
        segments = path.split("/")
        for each in self._deny:
            if not each.rule.applies_to_kind(kind):
                continue
            if each.problem:
                why = f"{each.rule} denies {each.pattern.text}, which cannot be filled"
                return Verdict(False, f"{why}: {each.problem}")
            if each.touches(segments):
                return Verdict(False, f"{each.rule} denies {each.pattern.text}")
        allowing = [each for each in self._allow if each.allows(segments)]
        for each in allowing:
            if each.rule.applies_to_kind(kind):
                return Verdict(True, f"{each.rule} allows {each.pattern.text}")
        for each in allowing:
            kinds = tuple(glob.text for glob in each.rule.kinds or ())
            why = f"{each.rule} allows {each.pattern.text} in documents of kind {', '.join(kinds)}"
            return Verdict(False, why, kinds)
        why = self._none(self._allow)
        for each in self._allow:
            if each.matches(segments):
                word = segments[api_place(segments) or 0]
                why += f"; {each.pattern.text} does not spell out {word!r}"
        return Verdict(False, why)

    def secret(self, namespace: str, name: str) -> Verdict:
        """Return whether the Application may name a Secret with the backend's settings."""
        for each in self._secrets:
            if each.matches_secret_name(f"{namespace}:{name}"):
                return Verdict(True, f"{each.rule} allows {each.pattern.text}")
        return Verdict(False, self._none(self._secrets))

    def trust(self, namespace: str, name: str) -> Mapping[Trust, Rule]:
        """Return what a Secret that the Application names is trusted with, each with its rule."""
        return {
            trust: each.rule
            for each in reversed(self._secrets)
            if each.matches_secret_name(f"{namespace}:{name}")
            for trust in sorted(each.rule.trust)
        }

    def fetch(self, url: str) -> Verdict | None:
        """Return whether a URL may be fetched; None where the operator's default holds.

        Args:
            url: the URL, normalised, from `checked_url`.
        """
        return self._fetch_rules.verdict(url)

    def denied_urls(self) -> tuple[str, ...]:
        """Return the URLs that may not be fetched, as expressions for RE2 that match whole ones."""
        return self._fetch_rules.denied()

    @functools.cached_property
    def _fetch_rules(self) -> "FetchRules":
        # Late: most renders need nothing from elsewhere.
        from avp_py.policy.fetching import FetchRules

        return FetchRules(self._policy, self._identity)

    def _none(self, patterns: list[_Filled]) -> str:
        if not self._rules:
            return "no rule applies"
        applying = ", ".join(map(str, self._rules))
        why = f"none of the rules that apply allows it: {applying}"
        for each in patterns:
            if each.problem:
                why += f"; {each.pattern.text} matches nothing: {each.problem}"
        return why
