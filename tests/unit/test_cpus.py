"""How many processors the core uses by default."""

import os
from pathlib import Path

import pytest

from avp_py.serve.cpus import usable_cpus
from tests.trees import write


@pytest.fixture(autouse=True)
def _eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)))


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("1600000 100000", 8),
        ("max 100000", 8),
        ("1000 0", 8),
        ("nonsense", 8),
        ("", 8),
    ],
)
def test_the_quota_of_version_2_counts(tmp_path: Path, quota: str, expected: int) -> None:
    assert usable_cpus(write(tmp_path, {"cpu.max": f"{quota}\n"})) == expected


@pytest.mark.parametrize(("quota", "expected"), [("300000", 3), ("-1", 8), ("", 8)])
def test_the_quota_of_version_1_counts(tmp_path: Path, quota: str, expected: int) -> None:
    files = {"cpu/cpu.cfs_quota_us": f"{quota}\n", "cpu/cpu.cfs_period_us": "100000\n"}
    assert usable_cpus(write(tmp_path, files)) == expected


def test_without_a_quota_all_processors_count(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path) == 8
