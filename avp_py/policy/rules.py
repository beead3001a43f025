"""The rules of a policy, as its file holds them."""

from dataclasses import dataclass

from avp_py.policy.globs import Glob
from avp_py.policy.pattern import Pattern
from avp_py.policy.url_pattern import UrlPattern
from avp_py.settings import Identity, Trust


@dataclass(frozen=True)
class Rule:
    """One rule. A selector that the rule does not have is None, and matches anything.

    Attributes:
        name: its name; empty where it has none.
        number: its place in the file, from 1.
        line: the line where it begins.
        projects: globs on the name of the Application's project.
        namespaces: globs on the namespace that it deploys to.
        applications: globs on its name.
        kinds: globs on the kind of the document that a secret is for.
        allow: the paths that it allows.
        deny: the paths that it denies, whatever other rules allow.
        secrets: the Secrets with settings that the Application may name, as `namespace:name`.
        trust: what those Secrets are trusted with.
        fetch: the URLs that may be fetched.
        deny_fetch: the URLs that may not be fetched, whatever other rules allow.
    """

    name: str
    number: int
    line: int
    projects: tuple[Glob, ...] | None
    namespaces: tuple[Glob, ...] | None
    applications: tuple[Glob, ...] | None
    kinds: tuple[Glob, ...] | None
    allow: tuple[Pattern, ...]
    deny: tuple[Pattern, ...]
    secrets: tuple[Pattern, ...]
    trust: frozenset[Trust]
    fetch: tuple[UrlPattern, ...]
    deny_fetch: tuple[UrlPattern, ...]

    def __str__(self) -> str:
        name = repr(self.name) if self.name else str(self.number)
        return f"rule {name} (line {self.line})"

    def matches(self, identity: Identity) -> bool:
        """Return whether the rule's selectors match; an unknown name matches no selector."""
        return (
            _matches(self.projects, identity.project)
            and _matches(self.namespaces, identity.namespace)
            and _matches(self.applications, identity.app)
        )

    def applies_to_kind(self, kind: str | None) -> bool:
        """Return whether the rule is about documents of a kind; an unknown kind matches none."""
        return _matches(self.kinds, kind)


@dataclass(frozen=True)
class Policy:
    """All rules of a file.

    Attributes:
        source: the file.
        rules: in the order of the file, which makes no difference.
    """

    source: str
    rules: tuple[Rule, ...]

    @property
    def restricts_fetching(self) -> bool:
        """Whether it says what may be fetched: then nothing else may be."""
        return any(rule.fetch or rule.deny_fetch for rule in self.rules)


def _matches(globs: tuple[Glob, ...] | None, name: str | None) -> bool:
    if globs is None:
        return True
    return name is not None and any(glob.matches(name) for glob in globs)
