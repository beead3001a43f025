"""Fetchers that serve what a test has put into them."""

import math
from collections.abc import Mapping, Sequence

from avp_py.errors import Failure
from avp_py.remotes import Fetched, Fetcher, Remote, RemoteChart


class DictFetcher(Fetcher):
    """Serves from a dictionary.

    Attributes:
        known: what there is; it may be changed.
        asked: what was asked for, one list for each call.
    """

    def __init__(self, known: Mapping[Remote, Fetched | Failure] | None = None) -> None:
        self.known = dict(known or {})
        self.asked: list[Sequence[Remote]] = []

    def fetch(
        self, wanted: Sequence[Remote], _seconds: float = math.inf
    ) -> Sequence[Fetched | Failure]:
        """Return what is known of each, or that it was not found."""
        self.asked.append(list(wanted))
        return [self.known.get(each, Failure(f"{each} was not found")) for each in wanted]


def served(
    repository: str, charts: Mapping[tuple[str, str], bytes]
) -> Mapping[Remote, Fetched | Failure]:
    """Charts of a repository by name and version, for a DictFetcher."""
    return {
        RemoteChart(repository, name, version): Fetched(data, version)
        for (name, version), data in charts.items()
    }
