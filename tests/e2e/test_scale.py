"""`make scale` works. How long a refresh takes is measured on a quiet machine, not here."""

from benchmarks import runner, scale
from benchmarks.cases import Measure, Way, refresh

APPLICATIONS = 3


def test_argo_cd_refreshes_applications_in_each_way() -> None:
    found = runner.measure([refresh(APPLICATIONS)], 1, scale.prepare)
    (outcome,) = found.outcomes
    assert set(outcome.values) == set(Way)
    for way in Way:
        total, p95 = (outcome.median(way, each) for each in (Measure.TIME, Measure.P95))
        assert 0 < p95 < total < scale.WAIT_SECONDS
        assert outcome.median(way, Measure.CPU) > 0
    requests, logins = (
        {way: outcome.median(way, each) for way in Way}
        for each in (Measure.REQUESTS, Measure.LOGINS)
    )
    # Three secrets each; a command of its own logs in for each.
    assert (requests[Way.COMMAND], logins[Way.COMMAND]) == (4 * APPLICATIONS, APPLICATIONS)
    assert requests[Way.ARGOCD_VAULT_PLUGIN] == 4 * APPLICATIONS
    assert logins[Way.SERVE] == 1
    assert 4 <= requests[Way.SERVE] <= 3 * APPLICATIONS + 1
    assert (requests[Way.FILE], logins[Way.FILE]) == (0, 0)
