"""Which version of a chart Helm chooses: Helm 4.2.4, and 3.19.4 alike. Pure.

`version_ranges` has what the library under it reads.
"""

from collections.abc import Iterable
from typing import Final

from avp_py.golang.version_ranges import Range, RangeError, Version

__all__ = ["RangeError", "is_exact", "is_version", "names_one", "newest", "newest_tag"]

_SPACE: Final = "\t\n\f\r "
"""The white space that Helm's library skips."""


def is_version(wanted: str) -> bool:
    """Return whether Helm pulls the tag of this name from a registry, without listing the tags.

    That includes `1.2` and `v1`, which are ranges in the index of a repository. The tag has `_`
    in place of `+`.
    """
    return Version.read(wanted) is not None


def is_exact(wanted: str) -> bool:
    """Return whether a text names one version: `1.2.3`, `v1.2.3`, `1.2.3-rc.1+build`.

    `1.2` is not exact, as a missing number is a wildcard. Nor is `=1.2.3`: only one version has
    that precedence, but the text is not a version, so it is never found as one in an index,
    a cache or among tags; Helm takes it for a range, too (isVersionRange in pkg/repo/v1).
    """
    version = Version.read(wanted)
    return version is not None and version.is_full


def names_one(wanted: str) -> bool:
    """Return whether a text allows one version only: an exact one, also as `=1.2.3` or ` 1.2.3 `.

    Other than what is exact, it has to be looked up in the index of a repository, or among tags.
    """
    return is_exact(wanted.strip(_SPACE).removeprefix("=").lstrip(_SPACE))


def newest(versions: Iterable[str], wanted: str) -> str | None:
    """Return the version in the index of a repository that Helm chooses, or None without one.

    Source: loadIndex, which drops what is not a version and sorts, and IndexFile.Get in
    pkg/repo/v1/index.go of Helm 4.2.4. Of versions with the same precedence the first one listed is
    chosen; Helm's sort keeps their order, too, unless there are more than 12 versions and they are
    not sorted.

    Args:
        versions: those of the chart, in the order of the index.
        wanted: a version or a range; empty for the newest release.

    Raises:
        RangeError: `wanted` is neither.
    """
    allowed = Range.read(wanted or "*").allows
    known = [each for each in map(Version.read, versions) if each is not None]
    if any(each.text == wanted for each in known):
        return wanted
    chosen = max(filter(allowed, known), default=None)
    return None if chosen is None else chosen.text


def newest_tag(tags: Iterable[str], wanted: str) -> str | None:
    """Return the version among a registry's tags that Helm chooses, or None without one.

    Source: Client.Tags and GetTagMatchingVersionOrConstraint in pkg/registry of Helm 4.2.4. Other
    than in an index, only tags with three numbers, without `v` and leading zeros, are versions.

    Args:
        tags: all of them, as the registry lists them: with `_` in place of `+`.
        wanted: a range; empty for the newest release. Where `is_version` is true of it, Helm
            pulls that tag and does not list them.

    Returns:
        The version, with `+`.

    Raises:
        RangeError: `wanted` is not a range.
    """
    read = (Version.read(tag.replace("_", "+")) for tag in tags)
    versions = [each.text for each in read if each is not None and each.is_strict]
    return newest(versions, wanted)
