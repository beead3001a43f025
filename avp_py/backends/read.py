"""Many secrets at once, each read one time, and none without the gate's leave."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from avp_py.backends.interface import Backend, Gate, Location, Secret
from avp_py.errors import BackendError, ForbiddenError, LimitError, NotFoundError, PathError

logger: Final = logging.getLogger(__name__)

EXPLAIN_SECONDS: Final = 5.0
"""How long failures may be looked into, at most; and no longer than half of the time left."""


def read_all(
    backend: Backend,
    locations: Iterable[Location],
    concurrency: int,
    deadline: float,
    gate: Gate,
) -> Mapping[Location, Secret | BackendError | PathError]:
    """Reads each location once.

    Args:
        backend: where to read.
        locations: what to read; repeats are read once.
        concurrency: how many reads run at the same time.
        deadline: when all must be read, on the clock of time.monotonic().
        gate: asked before each read, with the path that would be read.

    Returns:
        For each location its secret, or the error that its read ended with.

    Raises:
        LimitError: the time was over first.
    """
    told: list[BackendError | PathError] = []

    def read(location: Location) -> Secret | BackendError | PathError:
        try:
            return _read(backend, location, gate)
        except (BackendError, PathError) as error:
            told.append(error)
            return error

    wanted = list(dict.fromkeys(locations))
    pool = ThreadPoolExecutor(max_workers=min(concurrency, len(wanted)) or 1)
    try:
        found = pool.map(
            read, wanted, timeout=min(max(deadline - time.monotonic(), 0), threading.TIMEOUT_MAX)
        )
        results = dict(zip(wanted, found, strict=True))
        return {**results, **_explained(pool, backend, results, deadline, gate)}
    except TimeoutError:
        known = f"; until then: {told[0].reason}" if told else ""
        raise LimitError(
            f"the backend had not given all secrets when the time of the whole run was over{known}",
            hint="look at how fast the backend answers; AVP_RUN_TIMEOUT sets the time",
        ) from None
    finally:
        # A read that hangs ends by its own time limit, and nobody waits for it.
        pool.shutdown(wait=False, cancel_futures=True)


def _explained(
    pool: ThreadPoolExecutor,
    backend: Backend,
    results: Mapping[Location, Secret | BackendError | PathError],
    deadline: float,
    gate: Gate,
) -> Mapping[Location, BackendError]:
    """Return the failed reads with better errors, as far as the backend has them in time."""
    failed = {
        location: error for location, error in results.items() if isinstance(error, BackendError)
    }
    left = (deadline - time.monotonic()) / 2
    explained = pool.map(
        lambda each: backend.explain(each[0], each[1], gate),
        failed.items(),
        timeout=min(max(left, 0), EXPLAIN_SECONDS),
    )
    with contextlib.suppress(TimeoutError):
        for location, error in zip(failed, explained, strict=True):
            failed[location] = error
    return failed


def refused(locations: Iterable[Location], gate: Gate) -> Mapping[Location, PathError]:
    """What the gate refuses wherever a backend may seek it: for that none need be opened."""
    errors: dict[Location, PathError] = {}
    for location in locations:
        error = _refusal(gate, location.path, location.kind)
        if error is not None and all(
            _refusal(gate, path, location.kind) for path in location.candidates
        ):
            errors[location] = error
    return errors


def _refusal(gate: Gate, path: str, kind: str) -> PathError | None:
    try:
        gate(path, kind)
    except PathError as error:
        return error
    return None


def _read(backend: Backend, location: Location, gate: Gate) -> Secret:
    last: BackendError = NotFoundError(f"there is nothing at {location}", hint="check the path")
    for place in backend.places(location):
        gate(place.path, place.kind)
        try:
            secret = backend.read(place)
        except (NotFoundError, ForbiddenError) as error:
            # Who may not read a path may still read the one that is meant.
            last = error
        else:
            version = f", version {secret.version}" if secret.version else ""
            logger.info("read %s%s", place.path, version)
            return secret
    raise last
