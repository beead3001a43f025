"""The submodules of a commit: `.gitmodules`, which is hostile, and the commits that belong there.

Source: gitmodules(5), and `git submodule` of git 2.39 (relative_url in
builtin/submodule--helper.c and remote.c).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from avp_py.errors import FetchError, quoted
from avp_py.fetch.child.git_program import Git
from avp_py.remotes import MAX_SUBMODULES, is_inside

_FILE: Final = ".gitmodules"
_GITLINK: Final = "160000"
_REGULAR: Final = ("100644", "100755")

_MAX_LENGTH: Final = 1000
"""How long a path or a URL may be, in characters."""

_MALFORMED: Final = re.compile(r"bad config line (\d+)")
"""How git reports a configuration file that it cannot read (config.c)."""


class SubmodulesError(FetchError):
    """The submodules of a commit are not known. The commit itself can be used without them."""


def submodules(git: Git, commit: str, repository: str) -> tuple[tuple[str, str, str], ...]:
    """Return the path, the URL and the commit of each submodule.

    One that is not to be checked out (`update = none`) is left out, as is an entry of `.gitmodules`
    without a commit. Of the URLs nothing is checked here.

    Args:
        git: the repository.
        commit: the commit.
        repository: the URL that relative ones are relative to.

    Raises:
        SubmodulesError: the commit's `.gitmodules` is malformed, does not have the URL of each
            submodule, or there are too many.
        FetchError: git failed.
    """
    modules = _modules(_read(git, commit)).values()
    gitlinks = dict(_gitlinks(git.run("ls-tree", "-r", "-z", "--full-tree", commit)))
    by_path = {values.get("path", "").rstrip("/"): values for values in modules}
    found = []
    for path, hash_ in gitlinks.items():
        values = by_path.get(path, {})
        url = values.get("url", "")
        # git fails there, too; an empty directory would be a base with something missing.
        if not url or not is_inside(path) or max(len(path), len(url)) > _MAX_LENGTH:
            raise SubmodulesError(f"{_FILE} has no valid URL for the submodule at {quoted(path)}")
        if values.get("update") != "none":
            found.append((path, resolved(repository, url), hash_))
    if len(found) > MAX_SUBMODULES:
        raise SubmodulesError(f"it has more than {MAX_SUBMODULES} submodules")
    return tuple(found)


def resolved(repository: str, url: str) -> str:
    """Return the URL of a submodule, which may be relative to that of the repository.

    Args:
        repository: the URL of the repository.
        url: the URL in `.gitmodules`.
    """
    if not url.startswith(("./", "../")):
        return url
    above, separator = repository.removesuffix("/"), "/"
    while url.startswith(("./", "../")):
        if url.startswith("../"):
            above, separator = _without_last(above, separator)
        url = url.partition("/")[2]
    return f"{above}{separator}{url}".removesuffix("/")


def _without_last(url: str, separator: str) -> tuple[str, str]:
    """Return a URL without its last segment, and what is before the next one."""
    above, slash, _ = url.rpartition("/")
    if slash:
        return above, separator
    above, colon, _ = url.rpartition(":")
    return above, ":" if colon else separator


def _read(git: Git, commit: str) -> str:
    """Return the variables of a commit's `.gitmodules`; an empty text where there is none."""
    if not _has_file(git, commit):
        return ""
    try:
        return git.run("config", "--blob", f"{commit}:{_FILE}", "--no-includes", "--null", "--list")
    except FetchError as error:
        if (match := _MALFORMED.search(error.detail)) is None:
            raise
        raise SubmodulesError(f"{_FILE} is malformed near line {match[1]}") from error


def _has_file(git: Git, commit: str) -> bool:
    """Return whether there is a `.gitmodules` that git reads: a symlink is not one."""
    mode, _, _ = git.run("ls-tree", "-z", "--full-tree", commit, _FILE).partition(" ")
    return mode in _REGULAR


def _gitlinks(tree: str) -> Iterator[tuple[str, str]]:
    for entry in tree.split("\0"):
        fields, _, path = entry.partition("\t")
        if fields.startswith(_GITLINK):
            yield path, fields.split(" ")[2]


def _modules(said: str) -> Mapping[str, Mapping[str, str]]:
    """Return the variables of each submodule by its name; the last value counts."""
    found: dict[str, dict[str, str]] = {}
    for entry in said.split("\0"):
        key, _, value = entry.partition("\n")
        section, _, rest = key.partition(".")
        name, _, variable = rest.rpartition(".")
        if section == "submodule" and name:
            found.setdefault(name, {})[variable] = value
    return found
