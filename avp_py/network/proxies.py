"""The proxies that an environment names."""

import ipaddress
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit


def proxies_for(address: str, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the proxy of each scheme for requests to an address.

    The variables are those of requests and curl: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY,
    each also in lower case, which wins. As in Go, this machine is never reached through a proxy.

    Args:
        address: the URL that is requested.
        environ: the environment of the run.
    """
    url = urlsplit(address)
    host = url.hostname or ""
    if _is_loopback(host) or any(_matches(each, host, url.port) for each in _exempt(environ)):
        return {}
    named = ((scheme, _variable(environ, f"{scheme}_proxy")) for scheme in ("http", "https", "all"))
    return {scheme: proxy for scheme, proxy in named if proxy}


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, environ.get(name.upper(), ""))


def _exempt(environ: Mapping[str, str]) -> Iterator[str]:
    for entry in _variable(environ, "no_proxy").split(","):
        if name := entry.strip().lower().removeprefix("*.").lstrip("."):
            yield name


def _matches(entry: str, host: str, port: int | None) -> bool:
    """Return whether an entry of NO_PROXY names a host: `*`, a network, a name, or its domain."""
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        named = (host, f"{host}:{port}")
        return any(each == entry or each.endswith(f".{entry}") for each in named)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
