"""One pattern of a policy on URLs: scheme and port as they are, globs in host and path.

A star in the host matches text within one label, in the path within one segment, and `**` matches
whole segments. Patterns are normalised as URLs are (avp_py/urls.py).
"""

import re
import string
from dataclasses import dataclass
from itertools import count
from typing import Final

from avp_py.errors import FetchError
from avp_py.policy.globs import INSERTED, MAX_LENGTH, UNFIT, Glob
from avp_py.policy.template import (
    SAMPLE,
    FaultyTemplateError,
    PathTemplate,
    UnfilledTemplateError,
    read_template,
)
from avp_py.settings import Identity
from avp_py.urls import normalise

_INSERTED_END: Final = "\2"
"""Follows what a template inserted; INSERTED precedes it."""

_LABEL: Final = frozenset(string.ascii_letters + string.digits + "-")
"""What a name may hold that is inserted into the part of a URL before its path."""

_SEGMENT: Final = _LABEL | frozenset("._~")
"""What a name may hold that is inserted into the path: characters that are never encoded."""

_IN_LABEL: Final = "[a-z0-9_-]*"
_IN_SEGMENT: Final = (
    "(?:[a-zA-Z0-9._~!$&'()*+,=:@-]|%(?:20|[89AB][0-9A-F]|C[2-9A-F]|[DE][0-9A-F]|F[0-4]))*"
)
"""What a star of an allowing pattern matches in a path: characters that each server reads alike,
spaces, and characters beyond ASCII. A server may read `%252F` as a slash, and `..;` as `..`."""

_IN_DENIED_LABEL: Final = "[^/:@.]*"
_IN_DENIED_SEGMENT: Final = "[^/]*"

_GIT: Final = ".git"
"""What may be at the end of a repository's URL, and makes no difference to the server."""


@dataclass(frozen=True)
class UrlGlobs:
    """A pattern for one identity.

    Attributes:
        allowing: the URLs that it allows.
        below: the URLs below those, which it does not allow by that.
        denying: the URLs that it denies: those below them, too, and those with any user and any
            port, where the pattern has none.
    """

    allowing: Glob
    below: Glob
    denying: Glob


@dataclass(frozen=True)
class UrlPattern:
    """A pattern as it is in the file.

    Attributes:
        text: the pattern.
        template: the text as a template; None if nothing is inserted.
    """

    text: str
    template: PathTemplate | None

    @classmethod
    def read(cls, text: str) -> "UrlPattern":
        """Read a pattern, and check that it can match something.

        Raises:
            FaultyTemplateError: it cannot, or is not a pattern; the message says why.
        """
        template, literals = read_template(text, _insert)
        unfit = next((char for char in literals if char in f"{UNFIT}#" and char not in "[]"), None)
        if unfit is not None:
            raise FaultyTemplateError(
                f"a pattern with {unfit}: * stands for text in one part, and ** for whole parts"
            )
        if not literals.isprintable():
            raise FaultyTemplateError("a pattern that matches nothing: it has a control character")
        pattern = cls(text, template)
        try:
            pattern.fill(SAMPLE)
        except UnfilledTemplateError as error:
            # Another name than the sample's may match.
            if template is None:
                reason = f"a pattern that matches nothing: {error}"
                raise FaultyTemplateError(reason) from error
        return pattern

    def fill(self, identity: Identity) -> UrlGlobs:
        """Return the pattern for an identity; what is inserted is text.

        Raises:
            UnfilledTemplateError: a name that it needs has no value, or an invalid one; or the
                result is longer than any URL.
            FaultyTemplateError: the template fails, or makes what is not a pattern.
        """
        text = self.text if self.template is None else self.template.render(identity)
        if len(text) > MAX_LENGTH:
            raise UnfilledTemplateError(f"it has more than {MAX_LENGTH} characters")
        _check(text)
        text = text.replace(INSERTED, "").replace(_INSERTED_END, "")
        star = _stand_in(text)
        try:
            url = normalise(text.replace("*", star))
        except FetchError as error:
            raise FaultyTemplateError(
                f"not a pattern of URLs: {error.reason.replace(star, '*')}; {error.hint}"
            ) from error
        return _globs(self.text, url, star)


def _insert(value: str) -> str:
    if not value or value in (".", "..") or not set(value) <= _SEGMENT or value.endswith(_GIT):
        raise UnfilledTemplateError(
            f"a name that it inserts is empty, dots, ends with {_GIT}, or is not a plain word"
        )
    return f"{INSERTED}{value}{_INSERTED_END}"


def _check(text: str) -> None:
    """Check where stars are, and names that were inserted.

    Raises:
        UnfilledTemplateError: a name does not fit its place.
        FaultyTemplateError: a star is where it has no meaning.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or not scheme.isalpha():
        raise FaultyTemplateError(
            "not a pattern of URLs: write one for each scheme, as https://host/path/**, "
            "oci://host/path/** or ssh://git@host/path/**"
        )
    authority, _, path = rest.partition("/")
    for each in authority.split(INSERTED)[1:]:
        if not set(each.partition(_INSERTED_END)[0]) <= _LABEL:
            raise UnfilledTemplateError("a name that it inserts into the host is not one label")
    user, _, place = authority.rpartition("@")
    bracket = place.rfind("]") + 1
    host, _, port = place[bracket:].partition(":")
    host = place[:bracket] + host
    if "*" in user + port or INSERTED in port:
        raise FaultyTemplateError("a pattern whose user or port is not spelt out")
    last = host.removesuffix(".").rpartition(".")[2]
    if "**" in host or "*" in last or INSERTED in last:
        raise FaultyTemplateError(
            "a pattern with * or an inserted name in the last part of its host, or with ** in the "
            "host: a star matches within one part of it, as in https://*.example.com/**"
        )
    if "[" in path or "]" in path:
        raise FaultyTemplateError("a pattern with [ or ] in its path")
    for segment in path.split("/"):
        if "**" in segment and segment != "**":
            raise FaultyTemplateError("a pattern with ** where it is not a whole part of a path")
        if segment.lower().replace("%2e", ".") in (".", ".."):
            raise FaultyTemplateError("a pattern that matches nothing: a part of it is dots")
        # Neither a star nor a name may complete an escape.
        for after in segment.split("%")[1:]:
            if len(after) < 2 or not set(after[:2]) <= set(string.hexdigits):
                raise FaultyTemplateError("a pattern with % that no two hexadecimal digits follow")


def _stand_in(text: str) -> str:
    """Return a word for stars, in letters and digits, that is not in a text.

    It does not begin as it ends, so that it cannot overlap itself, nor arise beside other text.
    """
    lowered = text.lower()
    return next(word for each in count() if (word := f"v{each}w") not in lowered)


def _globs(text: str, url: str, star: str) -> UrlGlobs:
    """Return the globs of a pattern.

    Args:
        text: the pattern.
        url: the same, normalised, with a word in place of each star.
        star: that word.
    """
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    user, at, place = authority.rpartition("@")
    segments = path.removesuffix("/").split("/") if path.strip("/") else []
    any_user = "" if at else "(?:[^/@]*@)?"
    any_port = "" if ":" in place.rpartition("]")[2] else "(?::[0-9]*)?"
    # A server serves `a` and `a.git` as one, but `*.git` does not allow what is not a repository.
    shortened, git = _without_git(segments, star)
    allowed = segments if segments and star in segments[-1] else shortened
    user = re.escape(user + at)
    allowing = "".join(
        (
            f"{scheme}://{user}{_expression(place, star, _IN_LABEL)}",
            *(_segment(each, star, _IN_SEGMENT) for each in allowed),
            git,
        )
    )
    denying = "".join(
        (
            f"{scheme}://{user or any_user}{_expression(place, star, _IN_DENIED_LABEL)}{any_port}",
            *(_segment(each, star, _IN_DENIED_SEGMENT) for each in shortened),
            git,
        )
    )
    return UrlGlobs(
        allowing=Glob(text, allowing),
        below=Glob(text, f"{allowing}/(?s:.*)"),
        denying=Glob(text, f"{denying}(?s:/.*)?"),
    )


def _without_git(segments: list[str], star: str) -> tuple[list[str], str]:
    """Return segments without `.git` at the end, and an expression for it where it may be there."""
    if not segments or segments[-1] == star * 2:
        return segments, ""
    *parents, last = segments
    return [*parents, last.removesuffix(_GIT) or last], f"(?:{re.escape(_GIT)})?"


def _segment(segment: str, star: str, in_segment: str) -> str:
    if segment == star * 2:
        return f"(?:/{in_segment})*"
    return f"/{_expression(segment, star, in_segment)}"


def _expression(part: str, star: str, in_part: str) -> str:
    return in_part.join(re.escape(each) for each in part.split(star))
