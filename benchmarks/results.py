"""The results as data: benchmarks/*.json, and what follows from the values in it."""

import json
import math
import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from avp_py import __version__
from benchmarks.cases import Case, Measure, Way
from tests.conftest import ROOT

FILE: Final = ROOT / "benchmarks" / "results.json"
SCALE_FILE: Final = ROOT / "benchmarks" / "scale.json"

LINEAR: Final = 1.15
"""Up to which exponent growth counts as linear: a few per cent are noise."""


@dataclass(frozen=True)
class Ratio:
    """What a measure of ours is, relative to argocd-vault-plugin's.

    Attributes:
        ours: our median.
        theirs: the median of argocd-vault-plugin.
        median: the median of the ratios of all rounds.
        low: their 10th percentile.
        high: their 90th percentile.
    """

    ours: float
    theirs: float
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Goal:
    """A goal.

    Attributes:
        measure: what it is for.
        way: the way that it is for.
        most: the limit.
        is_ratio: whether it is for the ratio, or for our own value.
    """

    measure: str
    way: str
    most: float
    is_ratio: bool


@dataclass(frozen=True)
class Outcome:
    """What was measured of a case.

    Attributes:
        title: the case's.
        kind: how it is started.
        vault_ms: how far away Vault is.
        series: what varies, where the case is one of a series.
        size: its size in that series.
        own_share: how much of the processors the benchmark itself used.
        values: by way and measure, what each round measured: seconds, bytes, numbers.
        goals: the goals.
    """

    title: str
    kind: str
    vault_ms: int
    series: str
    size: int
    own_share: float
    values: Mapping[str, Mapping[str, Sequence[float]]]
    goals: Sequence[Goal]

    def ratio(self, way: str, measure: str) -> Ratio | None:
        """Return a ratio, round by round; None where it was not measured."""
        ours = self.values[way].get(measure)
        theirs = self.values[Way.ARGOCD_VAULT_PLUGIN].get(measure)
        if not ours or not theirs:
            return None
        ratios = [
            own / other if other else math.inf for own, other in zip(ours, theirs, strict=True)
        ]
        low = high = ratios[0]
        if len(ratios) > 1:
            low, *_, high = statistics.quantiles(ratios, n=10, method="inclusive")
        return Ratio(
            statistics.median(ours),
            statistics.median(theirs),
            statistics.median(ratios),
            low,
            high,
        )

    def median(self, way: str, measure: str) -> float:
        """Return the median of a measure."""
        return statistics.median(self.values[way][measure])

    def is_met(self, goal: Goal) -> bool | None:
        """Return whether a goal is met; None where it was not measured."""
        ratio = self.ratio(goal.way, goal.measure)
        if ratio is None:
            return None
        return (ratio.median if goal.is_ratio else ratio.ours) <= goal.most


@dataclass(frozen=True)
class Results:
    """A whole run.

    Attributes:
        date: its day.
        rounds: the value of ROUNDS.
        seconds: how long it took.
        machine: what describes the machine.
        versions: the versions of all programs.
        outcomes: what was measured of each case.
    """

    date: str
    rounds: int
    seconds: int
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    outcomes: Sequence[Outcome] = field(default_factory=tuple)

    def series(self) -> Mapping[str, Sequence[Outcome]]:
        """Return the cases of each series, if it has two sizes other than 0."""
        found: dict[str, list[Outcome]] = {}
        for each in self.outcomes:
            if each.series:
                found.setdefault(each.series, []).append(each)
        return {
            name: rows for name, rows in found.items() if sum(each.size > 0 for each in rows) > 1
        }


def outcome(
    case: Case, values: Mapping[Way, Mapping[Measure, Sequence[float]]], own: float
) -> Outcome:
    """Return a case's outcome, with values that are not more exact than they can be."""
    return Outcome(
        case.title,
        case.kind,
        case.delay_ms,
        case.series,
        case.size,
        round(own, 4),
        {
            str(way): {
                str(measure): [round(each, 4) for each in row] for measure, row in by.items()
            }
            for way, by in values.items()
        },
        [
            Goal(measure, case.goal_way, goal.most, goal.is_ratio)
            for measure, goal in case.goals.items()
        ],
    )


def exponent(outcomes: Sequence[Outcome], way: str) -> float:
    """Return with which power of the size the CPU time grows, between the two largest sizes.

    Other programs on the machine change the CPU time less than the time. What is spent waiting for
    Vault is not in it, but the number of requests is known.
    """
    small, large = sorted(outcomes, key=lambda each: each.size)[-2:]
    times = large.median(way, Measure.CPU) / small.median(way, Measure.CPU)
    return math.log(times) / math.log(large.size / small.size)


def machine() -> Mapping[str, str]:
    """Describe the machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((each.partition(": ")[2] for each in lines if each.startswith("model name")), "")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "CPU": model or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "load average before": f"{os.getloadavg()[0]:.1f}",
    }


def versions(programs: Mapping[str, str]) -> Mapping[str, str]:
    """Return the versions of ours and of the other programs."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - wherever it is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    commit = done.stdout.strip()
    own = f"{__version__} ({commit})" if commit else __version__
    return {"avp-py": own, **programs}


def today() -> str:
    """Return the day."""
    return time.strftime("%Y-%m-%d")


def save(results: Results, file: Path) -> None:
    """Write them to a file, with one line for each list of values."""
    text = json.dumps(asdict(results), indent=1)
    text = re.sub(r"\[([-\d.,\s]+)\]", lambda list_: f"[{' '.join(list_[1].split())}]", text)
    file.write_text(f"{text}\n")


def load(file: Path) -> Results:
    """Read them from a file."""
    data: dict[str, Any] = json.loads(file.read_text())
    outcomes = [
        Outcome(**{**each, "goals": [Goal(**goal) for goal in each["goals"]]})
        for each in data.pop("outcomes")
    ]
    return Results(**data, outcomes=outcomes)
