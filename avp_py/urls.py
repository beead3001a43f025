"""The URLs of repositories: one normalised form, and which URLs are below another.

Rules and credentials are matched against the normalised form, and it is what the process that
fetches connects to: a URL that two readers could take for different ones is refused.

The form is that of RFC 3986, section 6.2, with less freedom:

    scheme://[user@]host[:port]/path[?query]

- Scheme and host are in small letters, the host in ASCII (IDNA) and without a dot at its end. A
  host in other letters must be as IDNA writes it: those that IDNA replaces are refused.
- A default port is left out. A registry (`oci://`) has none: its scheme does not say whether it is
  reached with TLS.
- A user is part of `ssh` only; there is never a password.
- `%41` is `A`, `%c3` is `%C3`, and characters that no URL has are encoded. In the path, so is what
  means the same with and without its escape (`%40` is `@`); an encoded slash or backslash there is
  refused, and an encoded control character anywhere.
- `.` and `..` are resolved; what would leave the root is refused.
- Empty segments (`a//b`) are refused, as many servers read them as `a/b`. A slash at the end stays.
- `git@host:path` is `ssh://git@host/path`, as for Argo CD (NormalizeGitURL in util/git/git.go,
  v3.2): its path begins at the root.
- A query stays for `http` and `https`; a fragment is refused.
"""

import ipaddress
import string
from collections.abc import Collection
from typing import Final
from urllib.parse import quote

from avp_py.errors import FetchError, did_you_mean, quoted

MAX_LENGTH: Final = 4096
"""How many characters a URL may have."""

DEFAULT_PORTS: Final = {"http": 80, "https": 443, "oci": None, "ssh": 22}
"""The schemes, each with the port that it means where a URL has none."""

_WITH_QUERY: Final = ("http", "https")

_UNRESERVED: Final = frozenset(string.ascii_letters + string.digits + "-._~")
_NAME: Final = frozenset(string.ascii_lowercase + string.digits + "-_")
_PATH: Final = "!$&'()*+,;=:@/"
"""What stays in a path besides unreserved characters (pchar in RFC 3986, and the slash)."""
_QUERY: Final = f"{_PATH}?"

_ALIKE: Final = _UNRESERVED | set(_PATH) - set("+/")
"""What means the same in a path with its escape and without; `+` is a space to some servers."""

_FORBIDDEN: Final = frozenset({0x7F, *range(0x20)})

_SUFFIX: Final = ".git"


def normalise(url: str) -> str:
    """Return a URL in the normalised form.

    Args:
        url: the URL of a chart repository, a registry, a git repository or a file.

    Raises:
        FetchError: it is not a URL of these, or not an unambiguous one; the message does not show
            what may be a password in it.
    """
    if len(url) > MAX_LENGTH:
        raise FetchError(
            f"a URL of more than {MAX_LENGTH} characters", hint="no repository needs a longer one"
        )
    odd = next((each for each in url if each in "\\#" or each == " " or not _is_text(each)), None)
    if odd is not None:
        raise _error(url, f"has the character {odd!r}", _ODD.get(odd, "write it without"))
    scheme, authority, rest = _split(url)
    path, mark, query = rest.partition("?")
    if mark and scheme not in _WITH_QUERY:
        raise _error(url, f"has a query, which {scheme}:// URLs do not have", "leave it out")
    path = _path(url, path)
    query = _recoded(url, query, _QUERY, _UNRESERVED)
    return f"{scheme}://{_authority(url, scheme, authority)}{path}{'?' if query else ''}{query}"


def is_below(url: str, prefix: str) -> bool:
    """Return whether a URL begins with another one, at the end of a segment.

    Scheme, user, host and port are the same then. A query does not matter, nor does a slash at the
    end, nor `.git`, without which most servers know a git repository as well.

    Args:
        url: the URL, normalised.
        prefix: the other one, normalised.
    """
    base, beginning = comparable(url), comparable(prefix)
    return base == beginning or base.startswith(f"{beginning}/")


def comparable(url: str) -> str:
    """Return of a normalised URL what decides which others are below it."""
    base = url.partition("?")[0].removesuffix("/")
    # A host may end with .git as well.
    return base.removesuffix(_SUFFIX) if base.count("/") > 2 else base


_ODD: Final = {
    "\\": "write slashes",
    "#": "leave the fragment out: it is never sent",
    " ": "write %20",
}


def _is_text(char: str) -> bool:
    """Return whether a character is none of white space, controls, formats and surrogates."""
    return char.isprintable() and not char.isspace()


def _split(url: str) -> tuple[str, str, str]:
    """Return scheme, authority and the rest of a URL, which may be in git's short form."""
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator:
        return ("ssh", *_split_short(url))
    if scheme not in DEFAULT_PORTS:
        advice = f"known: {', '.join(DEFAULT_PORTS)}"
        if scheme == "git":
            advice = "git:// has neither encryption nor authentication: use https or ssh"
        elif meant := did_you_mean(scheme, DEFAULT_PORTS):
            advice = meant
        raise _error(url, "has an unknown scheme", advice)
    end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    return scheme, rest[:end], rest[end:]


def _split_short(url: str) -> tuple[str, str]:
    """Return authority and path of `user@host:path`, as git reads it: no slash before the colon."""
    authority, colon, path = url.partition(":")
    if url.find("@[") >= 0:
        authority, colon, path = url.partition("]:")
        authority += "]"
    if not colon or not path or "@" not in authority or "/" in authority:
        raise _error(
            url,
            "is not complete",
            "write it with its scheme, as https://host/path or oci://host/path; of git's short "
            "forms, user@host:path is known",
        )
    return authority, f"/{path.removeprefix('/')}"


def _authority(url: str, scheme: str, authority: str) -> str:
    user, at, place = authority.rpartition("@")
    if at and scheme != "ssh":
        raise _error(
            url,
            "has a user or a password",
            "leave it out: credentials are in the operator's file (AVP_REPOSITORIES)",
        )
    if at and (not user or not set(user) <= _UNRESERVED or user.startswith("-")):
        raise _error(
            url,
            "has a user that is not a plain name",
            "a user has letters, digits, '-', '.' and '_'; a password is never part of a URL",
        )
    bracket = place.rfind("]")
    host, colon, port = place[bracket + 1 :].partition(":")
    host = place[: bracket + 1] + host
    name = _host(url, host)
    if colon and port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise _error(url, "has an invalid port", "a port is a number from 1 to 65535")
    number = int(port) if port else None
    shown = "" if number in (None, DEFAULT_PORTS[scheme]) else f":{number}"
    return f"{user}{at}{name}{shown}"


def _host(url: str, host: str) -> str:
    if host.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(_without_zone(host[1:-1]))}]"
        except ValueError:
            raise _error(url, "has an invalid IPv6 address", "write it as [2001:db8::1]") from None
    name = host.lower().removesuffix(".")
    if not name.isascii():
        name = _in_ascii(url, name)
    labels = name.split(".")
    if len(name) > 253 or not all(map(_is_label, labels)):
        raise _error(url, "has an invalid host", "write a host name or an IP address")
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        # What is not four plain numbers is an address to some readers, and a name to others.
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise _error(
                url, "has an invalid IPv4 address", "write four numbers, as 192.0.2.1"
            ) from None
    return name


def _without_zone(address: str) -> str:
    if "%" in address:
        raise ValueError
    return address


def _is_label(label: str) -> bool:
    return 0 < len(label) < 64 and set(label) <= _NAME and "-" not in (label[0], label[-1])


def _in_ascii(url: str, name: str) -> str:
    """Return a host name in ASCII.

    The two editions of IDNA (RFC 3490 and RFC 5891) disagree on names that one of them changes.
    """
    try:
        encoded = name.encode("idna") if len(name) <= 253 else b""
        if encoded.decode("idna") == name:
            return encoded.decode("ascii").lower()
    except UnicodeError:
        pass
    raise _error(
        url,
        "has a host name that is not one in every reading (IDNA)",
        "write the host in its ASCII form, which begins with xn--",
    )


def _path(url: str, path: str) -> str:
    path = _recoded(url, path, _PATH, _ALIKE, ("%2F", "%5C")) or "/"
    if "//" in path:
        raise _error(url, "has an empty segment in its path", "write one slash")
    resolved: list[str] = []
    *parents, last = path.split("/")[1:]
    for segment in (*parents, last):
        if segment == "..":
            if not resolved:
                raise _error(url, "leads out of the root of its host", "leave '..' out")
            resolved.pop()
        elif segment != ".":
            resolved.append(segment)
    if last in (".", ".."):
        resolved.append("")
    return f"/{'/'.join(resolved)}"


def _recoded(
    url: str, text: str, safe: str, decoded: Collection[str], refused: Collection[str] = ()
) -> str:
    """Return a part of a URL with its percent-encoding normalised.

    Args:
        url: the URL, for messages.
        text: the part.
        safe: the characters that are not encoded, besides the unreserved ones.
        decoded: those whose escapes are decoded.
        refused: the escapes that may not be in it, besides those of control characters.
    """
    first, *others = text.split("%")
    parts = [quote(first, safe)]
    for other in others:
        digits, rest = other[:2], other[2:]
        if len(digits) != 2 or not set(digits) <= set(string.hexdigits):
            raise _error(url, "has a '%' that no two hexadecimal digits follow", "write %25")
        number, escape = int(digits, 16), f"%{digits.upper()}"
        if number in _FORBIDDEN or escape in refused:
            raise _error(url, f"has {escape} in it", "leave it out: servers read it differently")
        parts += [chr(number) if chr(number) in decoded else escape, quote(rest, safe)]
    return "".join(parts)


def _error(url: str, reason: str, hint: str) -> FetchError:
    return FetchError(f"the URL {quoted(_shown(url))} {reason}", hint=hint)


def _shown(url: str) -> str:
    """Return of a malformed URL what cannot be a password."""
    if "@" in url:
        scheme, separator, _ = url.partition("://")
        return f"{scheme}{separator}…" if separator and scheme.isalnum() else "…"
    return url.partition("?")[0].partition("#")[0]
