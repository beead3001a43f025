"""The archive of a chart: whether it is what was asked for."""

import hashlib
import math
from collections.abc import Mapping
from typing import Any, Final

import yaml

from avp_py.archives import read_chart
from avp_py.errors import FetchError, RenderError, quoted
from avp_py.limits import Limits

MAX_FILES: Final = 10_000
"""How many files an archive may have; the largest charts in use have some hundreds."""


def check_digest(data: bytes, digest: str, what: str) -> None:
    """Check data against a SHA-256.

    Args:
        data: the data.
        digest: in hexadecimal digits.
        what: what the data is, for the message.

    Raises:
        FetchError: it is another one.
    """
    found = hashlib.sha256(data).hexdigest()
    if found != digest.lower():
        raise FetchError(
            f"the digest of {what} is sha256:{found[:12]}…, not sha256:{digest[:12]}… as the "
            "repository says",
            hint="whoever runs the repository has to publish it again; it may have been changed on "
            "the way",
        )


def check_chart(data: bytes, most: int, name: str, version: str) -> str:
    """Check that an archive is that of a version of a chart, and can be unpacked.

    What is kept here is not fetched again, so it must be what the render accepts.

    Args:
        data: the archive.
        most: how many bytes its files may have.
        name: the name of the chart.
        version: its version, or a range.

    Returns:
        The version in Chart.yaml.

    Raises:
        FetchError: it is not.
    """
    from avp_py.golang.semver import newest

    chart = _read_chart_yaml(data, most)
    found_name, found_version = chart.get("name"), chart.get("version")
    if found_name != name:
        raise _other(f"is that of {quoted(str(found_name))}, not of {quoted(name)}")
    # As ranges, `v1.2.3` and `1.2.3` are the same.
    if found_version != version and newest([str(found_version)], version) is None:
        raise _other(f"has the version {quoted(str(found_version))}, not {quoted(version)}")
    return str(found_version)


def _read_chart_yaml(data: bytes, most: int) -> Mapping[Any, Any]:
    """Return what is in Chart.yaml; the whole archive is read."""
    try:
        files = read_chart(data, Limits(math.inf, math.inf, math.inf, most, _ENTRIES, 0)).files
    except RenderError as error:
        raise FetchError(
            f"the archive of the chart cannot be used: {error.reason}", hint=error.hint
        ) from error
    if len(files) > MAX_FILES:
        raise _other(f"has more than {MAX_FILES} files")
    try:
        text = files["Chart.yaml"].decode()
        found = yaml.load(text, yaml.CBaseLoader)  # noqa: S506 - it makes only texts
    except (KeyError, ValueError, yaml.YAMLError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _other("has no valid Chart.yaml")
    return found


_ENTRIES: Final = 200_000
"""How many entries are read of an archive: the default of AVP_MAX_FILES."""


def _other(why: str) -> FetchError:
    return FetchError(
        f"the archive of the chart {why}",
        hint="check the repository: it serves something other than what its index or tag says",
    )
