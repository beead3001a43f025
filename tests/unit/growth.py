"""Measures how the CPU time of a function grows with its input, to find quadratic steps.

It is CPU time, so a busy machine makes no difference. The bound on the ratio is generous, and
applies only if there is enough to measure.
"""

import contextlib
import gc
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final, TypeVar

import pytest

STEP: Final = 4
"""How much larger the second input is: linear code takes 4 times as long, quadratic 16 times."""

MOST: Final = STEP * 2.5
"""How many times as long the larger input may take."""

FLOOR: Final = 0.05
"""Less CPU time than this, in seconds, is not judged."""

LIMIT: Final = 20
"""The CPU time in seconds after which a function is taken to never end."""

_Input = TypeVar("_Input")


def refuse_growth(make: Callable[[int], _Input], act: Callable[[_Input], object], n: int) -> None:
    """Fail where `act` takes more than linear time in the size of its input.

    Args:
        make: returns an input of a size.
        act: what is measured.
        n: the smaller size, so that a quadratic step is seen and a linear one takes little.
    """
    small, large = make(n), make(n * STEP)
    with _limited():
        after = _seconds(act, large)
        if after <= FLOOR:
            return
        before = _seconds(act, small)
        if after > before * MOST:
            # What was loaded or cleaned up meanwhile counts only once.
            after = min(after, _seconds(act, large))
            before = min(before, _seconds(act, small))
    assert after <= before * MOST, (
        f"{before:.3f} s became {after:.3f} s with {STEP} times the input"
    )


def _seconds(act: Callable[[_Input], object], given: _Input) -> float:
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        act(given)
        return time.process_time() - start
    finally:
        gc.enable()


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """Raise an error in what runs for longer than LIMIT, as an expression may for years."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # Not an AssertionError: what is measured may catch every Exception.
        pytest.fail(f"not done after {LIMIT} s of CPU time")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
