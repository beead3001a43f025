"""The paths of Vault's KV engines, as far as they are known before Vault is queried."""

from collections.abc import Iterable, Iterator

from avp_py.backends.interface import Location
from avp_py.errors import PlaceholderError, quoted


def kv_version(location: Location, default: str | None) -> str:
    """Return the version of the KV engine at a location, `"1"` or `"2"`; `""` if it is not known.

    Args:
        location: the location.
        default: AVP_KV_VERSION.

    Raises:
        PlaceholderError: there is no such version.
    """
    version = default if location.engine_version is None else location.engine_version
    if version not in (None, "1", "2"):
        raise PlaceholderError(
            f"invalid version of the KV engine: {quoted(version)}",
            hint='set it to 1 or 2, in AVP_KV_VERSION or as avp.kubernetes.io/kv-version: "2"',
        )
    return version or ""


def with_engine(location: Location, default: str | None) -> Location:
    """Return a location with the version of its engine, `""` if that is not known.

    Version 1 has no versions of secrets.

    Args:
        location: the location.
        default: AVP_KV_VERSION.

    Raises:
        PlaceholderError: the version of the KV engine is invalid.
    """
    version = kv_version(location, default)
    return Location(location.path, "" if version == "1" else location.version, version)


def candidates(location: Location, default: str | None) -> Iterable[str]:
    """Return every path that may be requested of Vault.

    Args:
        location: the location.
        default: AVP_KV_VERSION.

    Raises:
        PlaceholderError: the version of the KV engine is invalid.
    """
    return [location.path] if kv_version(location, default) else _with_data(location.path)


def _with_data(path: str) -> Iterator[str]:
    """Yield a path, and that path with `data` after the mount, which may be any number of parts."""
    yield path
    segments = path.split("/")
    for end in range(1, len(segments) + 1):
        yield "/".join((*segments[:end], "data", *segments[end:]))


def shows_version_2(path: str) -> bool:
    """Return whether a path suggests version 2 of the KV engine: it has `/data/` in it."""
    return "/data/" in f"{path}/"
