"""The index of a chart repository: index.yaml.

Source: pkg/repo/v1/index.go of Helm 4.2.4. An index can have 20 MB and a thousand charts, and only
one of them matters: where the text has the layout that helm gives it, only that chart's part is
parsed. Scalars stay the texts that they are.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from avp_py.errors import FetchError, did_you_mean, quoted

_SHOWN: Final = 5
"""How many versions a message lists."""


@dataclass(frozen=True)
class Entry:
    """A version of a chart in an index.

    Attributes:
        version: the version, as it is written.
        url: where its archive is, relative to the repository; empty where the index says nothing.
        digest: the SHA-256 of the archive, in hexadecimal digits; empty where there is none.
    """

    version: str
    url: str
    digest: str


def find_entries(index: bytes, name: str) -> Sequence[Entry]:
    """Return the versions of a chart, in the order of the index.

    Args:
        index: the text of the index.
        name: the name of the chart.

    Raises:
        FetchError: the text is not an index, or there is no such chart.
    """
    found = _find_in_usual(index, name)
    if found is None:
        entries = _read_whole(index)
        if name not in entries:
            raise _unknown(name, filter(None, map(_text, entries)))
        found = entries[name]
    return [entry for entry in map(_entry, found if isinstance(found, list) else ()) if entry]


def choose(entries: Sequence[Entry], chart: str, wanted: str) -> Entry:
    """Return the version that helm chooses.

    Args:
        entries: the versions of the chart.
        chart: the name of the chart.
        wanted: a version or a range; empty for the newest one.

    Raises:
        FetchError: there is none.
        RangeError: `wanted` is neither.
    """
    # Late: it takes a while to load.
    from avp_py.golang.semver import newest

    versions = [each.version for each in entries]
    chosen = newest(versions, wanted)
    if chosen is None:
        raise no_version(chart, wanted, versions)
    return next(each for each in entries if each.version == chosen)


def no_version(chart: str, wanted: str, versions: Sequence[str]) -> FetchError:
    """Return the error for a version that a repository does not have.

    Args:
        chart: the name of the chart.
        wanted: the version or range.
        versions: those that there are, in the order of the repository.
    """
    listed = ", ".join(each[:40] for each in versions[:_SHOWN])
    more = f" and {len(versions) - _SHOWN} more" if len(versions) > _SHOWN else ""
    return FetchError(
        f"there is no version {quoted(wanted)} of the chart {quoted(chart)}"
        if wanted
        else f"there is no release of the chart {quoted(chart)}",
        hint=f"choose one of those in the repository: {listed}{more}"
        if versions
        else "the repository lists no version of it",
    )


def _find_in_usual(index: bytes, name: str) -> list[Any] | None:
    """Return the list of a chart's versions from an index in the layout of helm.

    Returns:
        None where the layout is another one.

    Raises:
        FetchError: the layout is that of helm, and there is no such chart.
    """
    charts = _outline(index)
    if not charts:
        return None
    written = name.encode("utf-8", "surrogatepass")
    if written not in charts:
        raise _unknown(name, (each.decode() for each in charts))
    start, end = charts[written]
    try:
        parsed = yaml.load(index[start:end], yaml.CBaseLoader)  # noqa: S506 - it makes only texts
    except (yaml.YAMLError, RecursionError):
        return None
    found = parsed.get(name) if isinstance(parsed, dict) and len(parsed) == 1 else None
    is_usual = isinstance(found, list) and all(isinstance(each, dict) for each in found)
    return found if is_usual else None


def _outline(index: bytes) -> Mapping[bytes, tuple[int, int]]:
    """Return where the part of each chart begins and ends in an index in the layout of helm.

    There the names of charts are the only lines below `entries:` that begin after two spaces,
    besides those of their lists. It is empty where the layout is another one.
    """
    found: dict[bytes, tuple[int, int]] = {}
    top, chart, position, start = b"", b"", 0, 0
    tops: set[bytes] = set()
    for line in index.split(b"\n"):
        is_top = line[:1] not in (b"", b" ", b"#") and (bool(tops) or line != b"---")
        is_item = line[2:4] in (b"-", b"- ")
        is_chart = top == b"entries:" and line[:2] == b"  " and line[2:3] not in (b" ", b"#")
        is_chart = is_chart and not is_item
        if chart and (is_top or is_chart):
            found[chart] = start, position
            chart = b""
        if is_top:
            if not line[:1].isalpha() or line in tops:
                return {}
            top = line
            tops.add(line)
        elif is_chart:
            chart, start = line[2:-1], position
            if line[-1:] != b":" or not chart.translate(None, b"-_.").isalnum() or chart in found:
                return {}
        elif line[:1] == b" " and line[1:2] != b" ":
            return {}
        position += len(line) + 1
    if chart:
        found[chart] = start, position
    return found if any(each.startswith(b"apiVersion: ") for each in tops) else {}


def _read_whole(index: bytes) -> Mapping[Any, Any]:
    """Return the entries of an index of any layout."""
    whole: Any = None
    try:
        whole = json.loads(index)
    except (ValueError, RecursionError):
        try:
            whole = yaml.load(index, yaml.CBaseLoader)  # noqa: S506 - it makes only texts
        except (yaml.YAMLError, UnicodeError, RecursionError):
            raise _not_an_index("it is not YAML") from None
    if not isinstance(whole, dict):
        raise _not_an_index("it is not a mapping")
    if not whole.get("apiVersion"):
        raise _not_an_index("it has no apiVersion")
    entries = whole.get("entries") or {}
    if not isinstance(entries, dict):
        raise _not_an_index("its entries are not a mapping")
    return entries


def _entry(found: object) -> Entry | None:
    if not isinstance(found, dict) or not (version := _text(found.get("version"))):
        return None
    urls = found.get("urls")
    url = _text(urls[0]) if isinstance(urls, list) and urls else ""
    digest = _text(found.get("digest")).lower().removeprefix("sha256:")
    is_digest = len(digest) == 64 and not digest.strip("0123456789abcdef")
    return Entry(version, url, digest if is_digest else "")


def _text(found: object) -> str:
    return found if isinstance(found, str) else ""


def _unknown(name: str, known: Iterable[str]) -> FetchError:
    return FetchError(
        f"the repository has no chart {quoted(name)}",
        hint=did_you_mean(name, known) or "check the name of the chart, and the repository",
    )


def _not_an_index(why: str) -> FetchError:
    return FetchError(
        f"index.yaml is not the index of a chart repository: {why}",
        hint="check the URL: it is that of the directory with index.yaml; a registry's begins with "
        "oci://",
    )
