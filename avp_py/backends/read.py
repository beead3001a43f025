"""Read many secrets at once, each of them once, and only those that the gate allows."""

import contextlib
import contextvars
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from avp_py.backends.interface import Backend, Gate, Location, MayName, Secret, Target
from avp_py.errors import (
    BackendError,
    Failure,
    Failures,
    ForbiddenError,
    LimitError,
    NotFoundError,
    PathError,
)

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

logger: Final = logging.getLogger(__name__)

EXPLAIN_SECONDS: Final = 5.0
"""The default of `explain_seconds`."""


def read_all(
    backend: Backend,
    targets: Iterable[Target],
    concurrency: int,
    deadline: float,
    gate: Gate,
    explain_seconds: float = EXPLAIN_SECONDS,
) -> Mapping[Target, Secret | Failure]:
    """Read each target once.

    Args:
        backend: the backend.
        targets: what to read; duplicates are read once.
        concurrency: how many reads run at the same time.
        deadline: when all must be read, on the clock of time.monotonic().
        gate: checks each path before it is read.
        explain_seconds: how long failures may be investigated; never more than half of the time
            that is left.

    Returns:
        The secret of each target, or why it cannot be read.

    Raises:
        LimitError: the deadline passed first.
    """
    failed: dict[Target, Failure] = {}

    def read(target: Target) -> Secret | Failure:
        try:
            return _read(backend, target, gate)
        except PathError as error:
            (failure,) = error.failures
        except BackendError as error:
            (failure,) = error.failures
            failed[target] = failure
        return failure

    # Late: it takes a while to load, and not every run reads secrets.
    from concurrent.futures import ThreadPoolExecutor

    wanted = list(dict.fromkeys(targets))
    # What is noted in the threads belongs to this run.
    context = contextvars.copy_context()
    is_done = False
    pool = ThreadPoolExecutor(max_workers=min(concurrency, len(wanted)) or 1)
    try:
        found = pool.map(
            lambda target: context.copy().run(read, target),
            wanted,
            timeout=min(max(deadline - time.monotonic(), 0), threading.TIMEOUT_MAX),
        )
        results = dict(zip(wanted, found, strict=True))
        is_done = all(isinstance(each, Secret) for each in results.values())
        seconds = min(max((deadline - time.monotonic()) / 2, 0), explain_seconds)
        return {**results, **_explain_failures(pool, backend, failed, seconds, gate)}
    except TimeoutError:
        first = next(iter(list(failed.values())), None)
        known = f"; the first error: {first.reason}" if first else ""
        raise LimitError(
            f"the run exceeded its time limit while secrets were read{known}",
            hint="check how fast the backend answers; AVP_RUN_TIMEOUT sets the time limit",
        ) from None
    finally:
        # What hangs ends at its own time limit; nothing waits for it.
        pool.shutdown(wait=is_done, cancel_futures=True)


def _explain_failures(
    pool: "ThreadPoolExecutor",
    backend: Backend,
    failed: Mapping[Target, Failure],
    seconds: float,
    gate: Gate,
) -> Mapping[Target, Failure]:
    """Return why reads failed, better explained where the backend can say in time."""
    explained = pool.map(
        lambda each: backend.explain(each[0].location, each[1], _may_name(each[0], gate)),
        failed.items(),
        timeout=seconds,
    )
    results = dict(failed)
    with contextlib.suppress(TimeoutError):
        for target, failure in zip(failed, explained, strict=True):
            results[target] = failure
    return results


def _may_name(target: Target, gate: Gate) -> MayName:
    def may_name(path: str) -> bool:
        try:
            gate(path, target.kind)
        except PathError:
            return False
        return True

    return may_name


def refused(
    targets: Iterable[Target],
    gate: Gate,
    candidates: Callable[[Location], Iterable[str]],
    deadline: float = math.inf,
) -> Mapping[Target, Failure]:
    """Return the targets that cannot be read, as far as that is known without a backend.

    Args:
        targets: what to read.
        gate: checks each path.
        candidates: returns every path that the backend may request for a location, and raises
            PathError or PlaceholderError if the location is not valid for it.
        deadline: when this must be done, on the clock of time.monotonic().

    Returns:
        The targets that are not valid, and those that the gate rejects at every path.

    Raises:
        LimitError: the deadline passed first.
    """
    found: dict[Target, Failure | None] = {}
    for target in targets:
        if target not in found:
            found[target] = _refusal(target, gate, candidates)
        if time.monotonic() > deadline:
            raise LimitError(
                "the run exceeded its time limit while its paths were checked",
                hint="split the Application; AVP_RUN_TIMEOUT sets the time limit",
            )
    return {target: failure for target, failure in found.items() if failure is not None}


def _refusal(
    target: Target, gate: Gate, candidates: Callable[[Location], Iterable[str]]
) -> Failure | None:
    failures = Failures()
    with failures.catch():
        for path in candidates(target.location):
            with failures.catch():
                gate(path, target.kind)
                return None
    return next(iter(failures))


def _read(backend: Backend, target: Target, gate: Gate) -> Secret:
    location = target.location
    last: BackendError = NotFoundError(f"there is nothing at {location}", hint="check the path")
    for place in backend.places(location):
        gate(place.path, target.kind)
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
