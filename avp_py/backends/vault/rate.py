"""Limit the rate of requests: VAULT_RATE_LIMIT."""

import threading
import time
from collections.abc import Callable

from avp_py.settings import RateLimit


class RateLimiter:
    """Limits the rate of requests of all threads; after a pause, a burst is allowed.

    This is a token bucket, as in Vault's own client (api/client.go, v1.12, on
    golang.org/x/time/rate): a full one allows its burst, and it fills at the rate.
    """

    def __init__(self, limit: RateLimit, sleep: Callable[[float], None] = time.sleep) -> None:
        """Make the limiter.

        Args:
            limit: the rate and the burst.
            sleep: waits for so many seconds.
        """
        self._interval = 1 / limit.per_second
        self._reserve = self._interval * (limit.burst - 1)
        self._next = 0.0
        self._lock = threading.Lock()
        self._sleep = sleep

    def wait(self) -> None:
        """Wait until the next request may be sent."""
        with self._lock:
            now = time.monotonic()
            # A full bucket is as far in the past as its reserve, never further.
            self._next = max(self._next, now - self._reserve)
            pause = self._next - now
            self._next += self._interval
        if pause > 0:
            self._sleep(pause)
