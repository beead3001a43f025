"""What a process that fetches claims to have fetched, compared with what was wanted. Pure.

It reads what another machine has sent, so that it may be hostile itself.
"""

import string
from collections.abc import Sequence
from typing import Final

from avp_py.errors import FetchError, quoted
from avp_py.golang import semver
from avp_py.remotes import MAX_SUBMODULES, Remote, RemoteChart, RemoteFile, is_inside

_MAX_VERSION: Final = 256
"""How long a version may be, in characters."""

_HEXADECIMAL: Final = frozenset(string.hexdigits)

_HASH_LENGTHS: Final = (40, 64)
"""The lengths of hashes in hexadecimal: SHA-1 and SHA-256 (gitglossary(7), "object name")."""


def check_submodules(submodules: Sequence[tuple[str, str, str]]) -> None:
    """Check the submodules of a commit: what unpacks them relies on their paths.

    Args:
        submodules: the path, the URL and the hash of each.

    Raises:
        FetchError: one cannot be a submodule, or there are too many.
    """
    if len(submodules) > MAX_SUBMODULES or not all(
        is_inside(path) and _is_hash(commit) for path, _, commit in submodules
    ):
        raise FetchError(
            "what was fetched has submodules that no commit has",
            hint="try again; if that does not help, please report it",
        )


def check_version(remote: Remote, version: str) -> None:
    """Check that what was fetched can be what was wanted.

    Args:
        remote: what was wanted.
        version: the version of the chart, or the hash of the commit, that was fetched.

    Raises:
        FetchError: it is another one where just one is wanted, or cannot be one.
    """
    if isinstance(remote, RemoteFile):
        return
    # The versions that are kept are lines of one text.
    if not version or not version.isprintable() or len(version) > _MAX_VERSION:
        raise FetchError(
            f"{quoted(version)}, which was fetched, is not a version",
            hint="try again; if that does not help, please report it",
        )
    if isinstance(remote, RemoteChart):
        wanted = remote.version
        if semver.names_one(wanted) and semver.newest((version,), wanted) is None:
            raise FetchError(
                f"the version {quoted(version)} was fetched instead",
                hint="check what the repository has under this version",
            )
    elif _is_hash(remote.ref) and version.lower() != remote.ref.lower():
        raise FetchError(
            f"the commit {quoted(version)} was fetched instead",
            hint="check the hash, and what the server of the repository has under it",
        )


def _is_hash(ref: str) -> bool:
    return len(ref) in _HASH_LENGTHS and _HEXADECIMAL.issuperset(ref)
