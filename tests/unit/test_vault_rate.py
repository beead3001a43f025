"""VAULT_RATE_LIMIT: how long each request waits."""

from avp_py.backends.vault.rate import RateLimiter
from avp_py.settings import RateLimit


def test_after_a_burst_each_request_waits_for_the_one_before() -> None:
    pauses: list[float] = []
    limiter = RateLimiter(RateLimit(0.01, 2), pauses.append)

    for _ in range(6):
        limiter.wait()

    assert [round(pause, -2) for pause in pauses] == [100, 200, 300, 400]
