"""URLs of git repositories, and the names of commits: what may be given to git."""

import string
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import unquote, urlsplit

from avp_py.errors import FetchError, quoted
from avp_py.remotes import shown

_PORTS: Final = {"https": 443, "http": 80, "ssh": 22}

_HOST: Final = frozenset(string.ascii_letters + string.digits + "._-")
_USER: Final = _HOST | frozenset("+~%")

_SCHEME: Final = frozenset(string.ascii_letters + string.digits + "+-.")
"""What the name of a transport has (is_urlschemechar in url.c of git)."""

_NOT_IN_REFS: Final = frozenset(" ~^:?*[\\")
"""What no ref has (git-check-ref-format(1))."""

_MAX_REF: Final = 1000


@dataclass(frozen=True)
class GitUrl:
    """The URL of a git repository on another machine.

    Attributes:
        scheme: https, http or ssh.
        user: the name of the user; empty if there is none.
        host: in small letters; an IPv6 address without brackets.
        port: its port.
        text: the URL as git gets it: without the user, whom another setting names.
        is_scp: whether it is `host:path`, which has no scheme.
    """

    scheme: str
    user: str
    host: str
    port: int
    text: str
    is_scp: bool = False

    @property
    def netloc(self) -> str:
        """Host and port, as known_hosts and `http.curloptResolve` have a host."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def origin(self) -> tuple[str, str, int]:
        """What credentials are for."""
        return self.scheme, self.host, self.port

    def with_user(self, user: str) -> str:
        """Return the URL for a user."""
        if self.is_scp:
            return f"{user}@{self.text}"
        return self.text.replace("://", f"://{user}@", 1)

    def __str__(self) -> str:
        return shown(self.text)


def read_git_url(text: str) -> GitUrl:
    """Return the repository that a URL names.

    Args:
        text: the URL, as git reads it.

    Raises:
        FetchError: it is not such a URL, has a password in it, or names a directory of this
            machine, a program, or a server that is reached without encryption and authentication.
    """
    scheme, separator, _ = text.partition("://")
    if not text.isprintable() or " " in text or text.startswith("-"):
        raise _invalid(text)
    # "transport::address" starts a program (gitremote-helpers(7)).
    transport, colons, _ = text.partition("::")
    if not separator and not (colons and set(transport) <= _SCHEME):
        return _read_scp(text)
    if scheme not in _PORTS:
        raise FetchError(
            f"{shown(text)} cannot be fetched: of git's protocols https and ssh are supported, and "
            "http",
            hint="use an https URL; a repository of this machine (file://) is never read, and "
            "git:// has neither encryption nor authentication",
        )
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port or _PORTS[scheme]
    except ValueError:
        raise _invalid(text) from None
    if parts.password is not None:
        raise FetchError(
            f"the URL {shown(text)} has credentials in it",
            hint="remove them; credentials belong into the operator's file AVP_REPOSITORIES",
        )
    user = parts.username or ""
    if scheme != "ssh":
        user = unquote(user)
    elif not (set(user) <= _USER and not user.startswith("-")):
        raise _invalid(text)
    if not _is_host(host) or not parts.path.strip("/"):
        raise _invalid(text)
    place = parts.netloc.rpartition("@")[2]
    query = f"?{parts.query}" if parts.query else ""
    return GitUrl(scheme, user, host, port, f"{scheme}://{place}{parts.path}{query}")


def _read_scp(text: str) -> GitUrl:
    """Read `user@host:path`."""
    place, colon, path = text.partition(":")
    if text.partition("@")[2].startswith("["):
        place, colon, path = text.partition("]:")
        place = f"{place}]"
    user, at, written = place.rpartition("@")
    host = written.strip("[]").lower()
    is_user = set(user) <= _USER and not user.startswith("-") and bool(user) == bool(at)
    if not colon or not path or "/" in place or not is_user or not _is_host(host):
        raise _invalid(text)
    return GitUrl("ssh", user, host, _PORTS["ssh"], f"{written}:{path}", is_scp=True)


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return not IPv6Address(host).scope_id
        except ValueError:
            return False
    return bool(host) and set(host) <= _HOST and host[0] not in "-."


def _invalid(text: str) -> FetchError:
    return FetchError(
        f"{quoted(shown(text))} is not a URL of a git repository",
        hint="write https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH",
    )


def check_ref(ref: str) -> None:
    """Raise FetchError where git would read something else than the name of a commit."""
    is_name = ref.isprintable() and not _NOT_IN_REFS & set(ref) and len(ref) <= _MAX_REF
    if not is_name or ref.startswith(("-", "/", "+")) or ".." in ref or "@{" in ref:
        # `+` would begin a refspec.
        raise FetchError(
            f"{quoted(ref)} is not the name of a branch, a tag or a commit",
            hint="use one of these, with the full hash of a commit",
        )
