"""What requests share while they fetch, and how much each may fetch."""

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from avp_py.errors import AvpError, ClusterError, FetchError
from avp_py.fetch.cache import Cache
from avp_py.fetch.process import GivenUpError
from avp_py.remotes import Fetched
from avp_py.settings import FetchSettings

logger: Final = logging.getLogger(__name__)

_MARGIN: Final = 0.5
"""How long before its own time is over a request gives up what another one fetches, in seconds."""

T = TypeVar("T")

Note: TypeAlias = Callable[[str, str], None]
"""Notes something that was fetched, for metrics."""


def _note_nothing(_kind: str, _source: str) -> None:
    pass


@dataclass
class _Recent:
    """What was read.

    Attributes:
        value: it.
        made: when it was read, on the clock of time.monotonic().
        tried: when reading it was last tried.
        is_being_read: whether a request reads it at the moment.
    """

    value: Any = None
    made: float = -math.inf
    tried: float = -math.inf
    is_being_read: bool = False

    def is_tried(self, seconds: float) -> bool:
        """Return whether reading it was tried in the last so many seconds."""
        return time.monotonic() - self.tried <= seconds

    def is_made(self, seconds: float) -> bool:
        """Return whether it is not older than so many seconds."""
        return time.monotonic() - self.made <= seconds


class Depot:
    """What the requests of a process share: the cache, and what is being fetched."""

    def __init__(self, note: Note = _note_nothing) -> None:
        """Keep nothing yet.

        Args:
            note: is called with what was needed (`chart`, `commit`, `file`) and what came of it:
                it was in the `cache`; the `repository` sent it, or `confirmed` what was in the
                cache; it is `outdated` as the repository is down; it `failed`.
        """
        self.note = note
        self._guard = threading.Lock()
        self._caches: dict[tuple[str, int], Cache] = {}
        self._flights: dict[str, tuple[Future[Fetched], float]] = {}
        self._recent: dict[str, _Recent] = {}

    def cache(self, settings: FetchSettings) -> Cache | None:
        """Return the cache that the operator names, or None.

        Raises:
            SettingsError: it cannot be used.
        """
        if settings.cache is None:
            return None
        place = (settings.cache, settings.cache_bytes)
        with self._guard:
            if place not in self._caches:
                self._caches[place] = Cache(Path(settings.cache), settings.cache_bytes)
            return self._caches[place]

    def recent(self, key: str, seconds: float, read: Callable[[], T], outdated_seconds: float) -> T:
        """Return what a function reads, or has read a short while ago.

        Args:
            key: what it depends on.
            seconds: how old it may be.
            read: reads it from the Kubernetes API.
            outdated_seconds: how old it may be while it is being read again, and while the API is
                down, which is logged.

        Raises:
            AvpError: it cannot be read.
        """
        with self._guard:
            kept = self._recent.setdefault(key, _Recent())
            may_serve = kept.is_made(outdated_seconds)
            is_used = may_serve and (kept.is_being_read or kept.is_tried(seconds))
            kept.is_being_read |= not is_used
        if not is_used:
            try:
                kept.value, kept.made = read(), time.monotonic()
            except AvpError as error:
                if not (isinstance(error, ClusterError) and error.is_down):
                    # It rejects us, for instance: what was read before is not ours any more.
                    kept.made = -math.inf
                if not kept.is_made(outdated_seconds):
                    raise
                logger.warning(
                    "%s; what was read %.0f s ago is used",
                    error.reason, time.monotonic() - kept.made,
                )  # fmt: skip
            finally:
                # An API that hangs is not waited for by each request.
                kept.tried, kept.is_being_read = time.monotonic(), False
        found: T = kept.value
        return found

    def share(self, key: str, seconds: float, make: Callable[[], Fetched]) -> Fetched:
        """Return what a function makes, or what another thread makes of it at the moment.

        Args:
            key: what it depends on.
            seconds: how long to wait for another thread.
            make: makes it.

        Raises:
            AvpError: it cannot be made.
        """
        end = time.monotonic() + seconds
        while (flight := self._join(key, seconds)) is not None:
            others, limit = flight
            try:
                margin = min(_MARGIN, seconds / 4)
                return others.result(max(end - margin - time.monotonic(), 0))
            except GivenUpError:
                # Ours is still wanted.
                continue
            except TimeoutError:
                raise FetchError(
                    "another request fetches the same and takes too long",
                    hint="try again later",
                    is_down=True,
                ) from None
            except FetchError:
                # Nobody's fetch fails because another request had no time for it.
                if limit >= seconds / 2:
                    raise
        own, _ = self._flights[key]
        with ExitStack() as told:
            try:
                told.callback(own.set_result, make())
            except BaseException as error:
                told.callback(own.set_exception, error)
            # Before the others know: whoever tries again makes it itself.
            with self._guard:
                del self._flights[key]
        return own.result()

    def _join(self, key: str, seconds: float) -> tuple[Future[Fetched], float] | None:
        """Return what another thread makes, and how long that may take; None where we make it."""
        with self._guard:
            flight = self._flights.get(key)
            if flight is None:
                self._flights[key] = (Future(), seconds)
            return flight


class Allowance:
    """How much may be fetched at once: all of it is in memory until the answer is sent."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._guard = threading.Lock()

    def take(self, fetched: Fetched) -> Fetched:
        """Return what was fetched.

        Raises:
            FetchError: with what was fetched before, it is too much.
        """
        with self._guard:
            self._left -= len(fetched.data)
            if self._left < 0:
                raise FetchError(
                    f"all that is fetched at once is larger than {self._most} bytes",
                    hint="the operator's setting AVP_MAX_INPUT says how large it may be",
                )
        return fetched
