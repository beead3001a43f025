"""URLs that are requested."""

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote, unquote, urljoin, urlsplit

from avp_py.errors import FetchError
from avp_py.remotes import shown

PORTS: Final = {"http": 80, "https": 443}

_KEPT: Final = "%/:@!$&'()*+,;=-._~[]?"
"""What a path or a query has as it is; the rest is written in percent-encoding."""

Origin = tuple[str, str, int]
"""A scheme, a host in small letters, and a port."""


@dataclass(frozen=True)
class Target:
    """A URL that can be requested: HTTP or HTTPS, without credentials.

    Attributes:
        scheme: http or https.
        host: in small letters; an IPv6 address without brackets.
        port: its port.
        path: the path, and the query with its question mark; in percent-encoding.
    """

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def read(cls, url: str) -> Self:
        """Return the target that a URL names.

        Raises:
            FetchError: it is not such a URL.
        """
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
            if not host.isascii():
                host = host.encode("idna").decode("ascii")
        except ValueError:
            raise _invalid(url) from None
        if "@" in parts.netloc:
            raise FetchError(
                f"the URL {shown(url)} has credentials in it",
                hint="remove them; credentials belong into the operator's file AVP_REPOSITORIES",
            )
        if not host or not url.isprintable() or any(each in host for each in " \\%"):
            raise _invalid(url)
        if parts.scheme not in PORTS:
            raise FetchError(
                f"{shown(url)} cannot be fetched: its scheme is not http or https",
                hint="use an https URL",
            )
        query = f"?{parts.query}" if parts.query else ""
        path = quote((parts.path or "/") + query, safe=_KEPT)
        return cls(parts.scheme, host, port or PORTS[parts.scheme], path)

    @property
    def origin(self) -> Origin:
        """What credentials are for."""
        return self.scheme, self.host, self.port

    @property
    def netloc(self) -> str:
        """Host and port as a URL has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL."""
        return f"{self.scheme}://{self.netloc}{self.path}"

    def __str__(self) -> str:
        return shown(self.url)

    def joined(self, reference: str) -> Self:
        """Return what a reference in an answer from this URL names.

        Raises:
            FetchError: that is not a URL.
        """
        try:
            return self.read(urljoin(self.url, reference))
        except ValueError:
            raise _invalid(reference) from None

    def is_below(self, above: "Target") -> bool:
        """Return whether the URL begins with another one, at the end of a segment."""
        path, start = self.path.partition("?")[0], above.path.partition("?")[0].rstrip("/")
        rest = unquote(path[len(start) :])
        # A server may decode twice, leave out what follows a semicolon, and resolve dots: then the
        # path is elsewhere.
        segments = {each.partition(";")[0] for each in rest.replace("\\", "/").split("/")}
        return (
            self.origin == above.origin
            and f"{path}/".startswith(f"{start}/")
            and not {".", ".."} & segments
            and "%" not in rest
        )


def _invalid(url: str) -> FetchError:
    return FetchError(f"{shown(url)!r} is not a valid URL", hint="write https://HOST/PATH")
