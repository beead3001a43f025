"""The benchmarks' own logic: when a refresh is complete, and what becomes of the results."""

import dataclasses
import json
from typing import Any

import pytest

from benchmarks import report, results, scale, soak
from benchmarks.cases import Case, Kind, Measure, Way, refresh

BEGAN = 1_767_225_600.7  # 2026-01-01T00:00:00.7Z


def application(reconciled: str | None, *conditions: str, **annotations: str) -> dict[str, Any]:
    status: dict[str, Any] = {"conditions": [{"type": "E", "message": one} for one in conditions]}
    if reconciled is not None:
        status["reconciledAt"] = reconciled
    return {"metadata": {"name": "web", "annotations": annotations}, "status": status}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (application("2026-01-01T00:00:00Z"), True),
        (application("2026-01-01T00:00:09Z"), True),
        (application("2025-12-31T23:59:59Z"), False),
        (application(None), False),
        (application("2026-01-01T00:00:09Z", **{"argocd.argoproj.io/refresh": "hard"}), False),
        ({"metadata": {"name": "web"}}, False),
    ],
)
def test_a_refresh_is_complete_once_it_is_compared(changed: dict[str, Any], expected: bool) -> None:
    assert scale.is_compared(changed, BEGAN) is expected


def test_a_refresh_that_failed_ends_the_benchmark() -> None:
    with pytest.raises(SystemExit, match="web: E: no such plugin"):
        scale.is_compared(application("2026-01-01T00:00:09Z", "no such plugin"), BEGAN)


def test_only_finished_renderings_of_the_log_count() -> None:
    def line(message: str, method: str, milliseconds: str) -> str:
        call = {"grpc.method": method, "grpc.time_ms": milliseconds, "msg": message}
        return json.dumps(call, separators=(",", ":"))

    log = [
        line("started call", "GenerateManifest", "0.01"),
        line("finished call", "ResolveRevision", "5"),
        line("finished call", "GenerateManifest", "1250.5"),
        "not JSON",
    ]
    assert scale.request_seconds("\n".join(log)) == [1.2505]


def outcome(case: Case, seconds: dict[Way, list[float]]) -> results.Outcome:
    return results.outcome(case, {way: {Measure.TIME: row} for way, row in seconds.items()}, 0)


def test_scale_reports_medians_spread_and_goals() -> None:
    seconds = {
        Way.ARGOCD_VAULT_PLUGIN: [10.0, 8.0, 12.0],
        Way.SERVE: [5.0, 6.0, 4.0],
        Way.FILE: [2.0, 2.0, 2.0],
    }
    rows = [outcome(refresh(50), seconds)]
    found = results.Results("2026-01-01", 3, 60, {}, {}, rows)
    text = report.scale(found)
    assert "| 5.00 s | 10.00 s | 0.50 (0.37 to 0.70) | ≤ 0.55 | met |" in text
    assert "| argocd-vault-plugin | 10.00 s (8.00 s to 12.00 s) | 8.00 s |" in text
    assert "| avp-py serve | 5.00 s (4.00 s to 6.00 s) | 3.00 s |" in text
    assert "| a plugin that prints a file | 2.00 s (2.00 s to 2.00 s) |  |" in text


def test_scale_reports_a_goal_that_is_missed() -> None:
    seconds = {Way.ARGOCD_VAULT_PLUGIN: [10.0], Way.SERVE: [5.6], Way.FILE: [2.0]}
    found = results.Results("2026-01-01", 1, 60, {}, {}, [outcome(refresh(50), seconds)])
    assert "| 0.56 | ≤ 0.55 | **missed** |" in report.scale(found)


def test_only_a_refresh_has_the_plugin_that_prints_a_file() -> None:
    ways = {kind: Case(title="", kind=kind, input=refresh(2).input).ways for kind in Kind}
    assert {kind for kind, chosen in ways.items() if Way.FILE in chosen} == {Kind.REFRESH}


def test_the_page_has_the_results() -> None:
    page = report.PAGE.read_text()
    assert report.tables(results.load(results.FILE)) in page
    assert report.scale(results.load(results.SCALE_FILE)) in page


IDLE = soak.Size([50_000, 90_000], [12, 20], [1, 3], files=2, workers=0)


def test_a_soak_that_leaves_all_as_it_was_finds_nothing() -> None:
    slightly = dataclasses.replace(IDLE, kilobytes=[55_000, 95_000])
    assert list(soak.grown(IDLE, slightly)) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kilobytes", [50_000, 104_000]),
        ("descriptors", [12, 21]),
        ("threads", [2, 3]),
        ("files", 3),
        ("workers", 1),
    ],
)
def test_a_soak_finds_what_grows(name: str, value: Any) -> None:
    (found,) = soak.grown(IDLE, dataclasses.replace(IDLE, **{name: value}))
    assert ("memory" if name == "kilobytes" else name) in found
