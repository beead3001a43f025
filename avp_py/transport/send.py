"""One request, sent again while that may help, within one time limit."""

import time
from collections.abc import Callable
from typing import TypeAlias

import requests

from avp_py.network.deadline import Deadline
from avp_py.transport.failures import RequestFailedError, translate
from avp_py.transport.peer import Peer
from avp_py.transport.problems import ROOTS

PauseAfter: TypeAlias = Callable[[requests.Response | RequestFailedError, int], float | None]
"""Gets the outcome of an attempt and its number. Returns how many seconds to wait before the next
attempt, or None if there is to be none."""


def send(
    attempt: Callable[[Deadline], requests.Response],
    peer: Peer,
    seconds: float,
    pause_after: PauseAfter,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[requests.Response, int]:
    """Send a request, and send it again if that may help.

    Args:
        attempt: sends it once; the deadline is the `timeout` of requests.
        peer: the server.
        seconds: how long all attempts may take together, from the first byte to the last.
        pause_after: decides about another attempt.
        sleep: waits for so many seconds.

    Returns:
        The last answer, whatever its status, and the number of attempts.

    Raises:
        RequestFailedError: there is no usable answer.
    """
    deadline = Deadline(seconds)
    attempts = 0
    while True:
        attempts += 1
        outcome: requests.Response | RequestFailedError
        try:
            outcome = attempt(deadline)
        except RequestFailedError as error:
            outcome = error
        except ROOTS as error:
            outcome = translate(error, peer, attempts=attempts, seconds=seconds)
        pause = pause_after(outcome, attempts)
        if pause is None or not deadline.allows(pause):
            break
        sleep(pause)
    if isinstance(outcome, RequestFailedError):
        raise outcome
    return outcome, attempts


def retry_after(response: requests.Response) -> float | None:
    """Return how long a server asks us to wait, in seconds; None if it does not say."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None
