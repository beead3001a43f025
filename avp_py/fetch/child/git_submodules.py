"""The submodules of a commit: `.gitmodules`, which is hostile, and the commits that belong there.

Source: gitmodules(5), and `git submodule` of git 2.39 (relative_url in
builtin/submodule--helper.c and remote.c).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from avp_py.errors import FetchError
from avp_py.fetch.child.git_program import Git

_FILE: Final = ".gitmodules"
_GITLINK: Final = "160000"
_REGULAR: Final = ("100644", "100755")

_MAX_LENGTH: Final = 1000
"""How long a path or a URL may be, in characters."""

MAX_SUBMODULES: Final = 300
"""How many a commit may have."""


def submodules(git: Git, commit: str, repository: str) -> tuple[tuple[str, str, str], ...]:
    """Return the path, the URL and the commit of each submodule.

    One whose path could be elsewhere is left out, as is one that has no URL or commit, or that is
    not to be checked out (`update = none`). Of the URLs nothing is checked here.

    Args:
        git: the repository.
        commit: the commit.
        repository: the URL that relative ones are relative to.

    Raises:
        FetchError: the commit's `.gitmodules` cannot be read, or there are too many.
    """
    if not _has_file(git, commit):
        return ()
    said = git.run("config", "--blob", f"{commit}:{_FILE}", "--no-includes", "--null", "--list")
    gitlinks = dict(_gitlinks(git.run("ls-tree", "-r", "-z", "--full-tree", commit)))
    found = {}
    for values in _modules(said).values():
        path, url = values.get("path", "").rstrip("/"), values.get("url", "")
        is_used = path in gitlinks and url and values.get("update") != "none"
        if is_used and _is_inside(path) and max(len(path), len(url)) <= _MAX_LENGTH:
            found[path] = (path, resolved(repository, url), gitlinks[path])
    if len(found) > MAX_SUBMODULES:
        raise FetchError(
            f"the commit has more than {MAX_SUBMODULES} submodules",
            hint="name a smaller repository",
        )
    return tuple(found.values())


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


def _is_inside(path: str) -> bool:
    parts: Sequence[str] = path.split("/")
    return all(part not in ("", ".", "..") and part.lower() != ".git" for part in parts)
