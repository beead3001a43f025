"""What a policy lets a request fetch from other machines."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from avp_py.policy.rules import Policy, Rule
from avp_py.policy.template import FaultyTemplateError, UnfilledTemplateError
from avp_py.policy.url_pattern import UrlGlobs, UrlPattern
from avp_py.policy.verdict import Verdict
from avp_py.remotes import Remote, RemoteChart, RemoteCommit
from avp_py.settings import Identity


def checked_url(remote: Remote) -> str:
    """Return the URL that stands for a remote in rules.

    That of a chart is the repository's with the chart's name as a further segment. A query is not
    part of it, nor is a version.
    """
    if isinstance(remote, RemoteCommit):
        return _without_query(remote.repository)
    if isinstance(remote, RemoteChart):
        return f"{_without_query(remote.repository)}/{remote.name}"
    return _without_query(remote.url)


def _without_query(url: str) -> str:
    return url.partition("?")[0].removesuffix("/")


@dataclass(frozen=True)
class _Filled:
    """A pattern of a rule, filled for an identity; or the problem why it cannot be."""

    rule: Rule
    text: str
    globs: UrlGlobs | None
    problem: str


def _filled(
    rules: Iterable[Rule], patterns: Callable[[Rule], Iterable[UrlPattern]], identity: Identity
) -> Iterator[_Filled]:
    for rule in rules:
        for pattern in patterns(rule):
            globs, problem = None, ""
            try:
                globs = pattern.fill(identity)
            except (UnfilledTemplateError, FaultyTemplateError) as error:
                problem = str(error)
            yield _Filled(rule, pattern.text, globs, problem)


class FetchRules:
    """The rules of a policy about fetching, for one identity."""

    def __init__(self, policy: Policy, identity: Identity) -> None:
        self._is_restricted = policy.restricts_fetching
        self._rules = [rule for rule in policy.rules if rule.matches(identity)]
        self._deny = list(_filled(self._rules, lambda rule: rule.deny_fetch, identity))
        self._allow = list(_filled(self._rules, lambda rule: rule.fetch, identity))

    def verdict(self, url: str) -> Verdict | None:
        """Return whether a URL may be fetched; None where the policy does not restrict fetching.

        Args:
            url: the URL, normalised, from `checked_url`.
        """
        if not self._is_restricted:
            return None
        for each in self._deny:
            if each.globs is None:
                why = f"{each.rule} denies {each.text}, which cannot be filled: {each.problem}"
                return Verdict(False, why)
            if each.globs.denying.matches(url):
                return Verdict(False, f"{each.rule} denies {each.text}")
        for each in self._allow:
            if each.globs is not None and each.globs.allowing.matches(url):
                return Verdict(True, f"{each.rule} allows {each.text}")
        return Verdict(False, "; ".join(self._reasons(url)))

    def denied(self) -> tuple[str, ...]:
        """Return what is denied, as expressions for RE2 that match a whole URL."""
        return tuple(each.globs.denying.expression for each in self._deny if each.globs is not None)

    def _reasons(self, url: str) -> Iterator[str]:
        if not self._rules:
            yield "no rule applies"
            return
        applying = ", ".join(map(str, self._rules))
        yield f"none of the rules that apply allows it: {applying}"
        for each in self._allow:
            if each.globs is None:
                yield f"{each.text} matches nothing: {each.problem}"
            elif each.globs.below.matches(url):
                yield f"{each.text} does not allow what is below it, which /** at its end would"
