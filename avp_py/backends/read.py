"""Many secrets at once, each read one time."""

import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from avp_py.backends.interface import Backend, Location, Secret
from avp_py.errors import BackendError, LimitError


def read_all(
    backend: Backend, locations: Iterable[Location], concurrency: int, deadline: float
) -> Mapping[Location, Secret | BackendError]:
    """Reads each location once.

    Args:
        backend: where to read.
        locations: what to read; repeats are read once.
        concurrency: how many reads run at the same time.
        deadline: when all must be read, on the clock of time.monotonic().

    Returns:
        For each location its secret, or the error that its read ended with.

    Raises:
        LimitError: the time was over first.
    """

    def read(location: Location) -> Secret | BackendError:
        try:
            return backend.read(location)
        except BackendError as error:
            return error

    wanted = list(dict.fromkeys(locations))
    pool = ThreadPoolExecutor(max_workers=min(concurrency, len(wanted)) or 1)
    try:
        found = pool.map(
            read, wanted, timeout=min(max(deadline - time.monotonic(), 0), threading.TIMEOUT_MAX)
        )
        return dict(zip(wanted, found, strict=True))
    except TimeoutError:
        raise LimitError(
            "the backend had not given all secrets when the time of the whole run was over",
            hint="look at how fast the backend answers; AVP_RUN_TIMEOUT sets the time",
        ) from None
    finally:
        # A read that hangs ends by its own time limit, and nobody waits for it.
        pool.shutdown(wait=False, cancel_futures=True)
