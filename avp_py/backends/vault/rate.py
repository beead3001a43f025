"""How often requests are sent, at most: VAULT_RATE_LIMIT."""

import threading
import time

from avp_py.settings import RateLimit


class RateLimiter:
    """Lets requests of any thread through at a rate, and after a pause some at once.

    A token bucket, as in Vault's own client (api/client.go, v1.12, on golang.org/x/time/rate): one
    that is full lets its burst through, and fills at the rate.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._interval = 1 / limit.per_second
        self._reserve = self._interval * (limit.burst - 1)
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Returns when the next request may be sent."""
        with self._lock:
            now = time.monotonic()
            # When this one may go: at most so far back as a full bucket has in reserve.
            self._next = max(self._next, now - self._reserve)
            pause = self._next - now
            self._next += self._interval
        if pause > 0:
            time.sleep(pause)
