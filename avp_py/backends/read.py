"""Read many secrets at once, each of them once, and only those that the gate allows."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from avp_py.backends.interface import Backend, Gate, Location, Secret
from avp_py.errors import (
    BackendError,
    Failure,
    Failures,
    ForbiddenError,
    LimitError,
    NotFoundError,
    PathError,
)

logger: Final = logging.getLogger(__name__)

EXPLAIN_SECONDS: Final = 5.0
"""How long failures may be investigated; never more than half of the time that is left."""


def read_all(
    backend: Backend,
    locations: Iterable[Location],
    concurrency: int,
    deadline: float,
    gate: Gate,
) -> Mapping[Location, Secret | Failure]:
    """Read each location once.

    Args:
        backend: the backend.
        locations: the locations; duplicates are read once.
        concurrency: how many reads run at the same time.
        deadline: when all must be read, on the clock of time.monotonic().
        gate: checks each path before it is read.

    Returns:
        The secret of each location, or why it cannot be read.

    Raises:
        LimitError: the deadline passed first.
    """
    errors: list[BackendError | PathError] = []

    def read(location: Location) -> Secret | BackendError | PathError:
        try:
            return _read(backend, location, gate)
        except (BackendError, PathError) as error:
            errors.append(error)
            return error

    wanted = list(dict.fromkeys(locations))
    is_done = False
    pool = ThreadPoolExecutor(max_workers=min(concurrency, len(wanted)) or 1)
    try:
        found = pool.map(
            read, wanted, timeout=min(max(deadline - time.monotonic(), 0), threading.TIMEOUT_MAX)
        )
        results = dict(zip(wanted, found, strict=True))
        is_done = all(isinstance(each, Secret) for each in results.values())
        results |= _explain_failures(pool, backend, results, deadline, gate)
        return {
            location: each if isinstance(each, Secret) else each.failures[0]
            for location, each in results.items()
        }
    except TimeoutError:
        known = f"; the first error: {errors[0].reason}" if errors else ""
        raise LimitError(
            f"the run exceeded its time limit while secrets were read{known}",
            hint="check how fast the backend answers; AVP_RUN_TIMEOUT sets the time limit",
        ) from None
    finally:
        # What hangs ends at its own time limit; nothing waits for it.
        pool.shutdown(wait=is_done, cancel_futures=True)


def _explain_failures(
    pool: ThreadPoolExecutor,
    backend: Backend,
    results: Mapping[Location, Secret | BackendError | PathError],
    deadline: float,
    gate: Gate,
) -> Mapping[Location, BackendError]:
    """Return the errors of the failed reads, better ones where the backend has them in time."""
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


def refused(locations: Iterable[Location], gate: Gate) -> Mapping[Location, Failure]:
    """Return the locations that the gate rejects at every place, so that no backend is needed."""
    found: dict[Location, Failure] = {}
    for location in locations:
        failures = Failures()
        for path in (location.path, *location.candidates):
            with failures.catch():
                gate(path, location.kind)
                break
        else:
            found[location] = next(iter(failures))
    return found


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
