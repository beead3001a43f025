"""Writes the results for people: the tables of docs/performance.md, and docs/performance.svg.

    python -m benchmarks.report

It reads benchmarks/results.json and scale.json, so that a page can be written again without
measuring.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from benchmarks import plot, results
from benchmarks.cases import Kind, Measure, Way
from benchmarks.results import LINEAR, Goal, Outcome, Ratio, Results
from tests.conftest import ROOT

PAGE: Final = ROOT / "docs" / "performance.md"
PLOT: Final = ROOT / "docs" / "performance.svg"

_COUNTS: Final = (Measure.REQUESTS, Measure.LOGINS)
_STARTS: Final[Mapping[str, str]] = {Kind.PROCESS: "process", Kind.REFRESH: "Argo CD"}


def write(found: Results) -> None:
    """Write the tables of `make bench`, and the plot."""
    insert("make bench", tables(found))
    PLOT.write_text(plot.draw(found))


def write_scale(found: Results) -> None:
    """Write the tables of `make scale`."""
    insert("make scale", scale(found))


def insert(command: str, text: str) -> None:
    """Replace what a command has written to the page."""
    begin, end = f"<!-- {command}: begin -->", f"<!-- {command}: end -->"
    before, _, rest = PAGE.read_text().partition(begin)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{begin}\n\n{text}\n{end}{after}")


def tables(found: Results) -> str:
    """Return the tables in Markdown."""
    return "\n".join(
        (
            *_machine(found),
            "",
            "### Goals",
            "",
            *goals(found),
            "",
            "![Ratios and goals, and time against size](performance.svg)",
            "",
            "### Growth",
            "",
            *_growth(found),
            "",
            "### All measurements",
            "",
            *_all(found),
            "",
        )
    )


def scale(found: Results) -> str:
    """Return the tables of `make scale` in Markdown."""
    return "\n".join((*_machine(found), "", *goals(found), "", *_refreshes(found), ""))


def _machine(found: Results) -> Iterator[str]:
    yield (
        f"Measured on {found.date} in {found.seconds // 60} min {found.seconds % 60} s "
        f"(`ROUNDS={found.rounds}`): "
        f"{', '.join(f'{name} {value}' for name, value in found.machine.items())}; "
        f"{', '.join(f'{name} {value}' for name, value in found.versions.items())}."
    )


def goals(found: Results) -> Iterator[str]:
    """Yield the table of the goals."""
    yield (
        "| case | avp-py as | measure | avp-py | argocd-vault-plugin | ratio | goal | "
        "| ratio of CPU time |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for each in found.outcomes:
        for goal in each.goals:
            ratio = each.ratio(goal.way, goal.measure)
            if ratio is None:
                cells = ["not measured", "", ""]
            else:
                cells = [
                    value(ratio.ours, goal.measure),
                    value(ratio.theirs, goal.measure),
                    "" if goal.measure in _COUNTS else spread(ratio),
                ]
            cpu = each.ratio(goal.way, Measure.CPU) if goal.measure == Measure.TIME else None
            cells += [_limit(goal), _met(each, goal), spread(cpu) if cpu else ""]
            yield _row(name(each), goal.way, goal.measure, *cells)
    for series, outcomes in found.series().items():
        power = results.exponent(outcomes, Way.COMMAND)
        met = "met" if power <= LINEAR else "**missed**"
        yield _row(
            series, Way.COMMAND, "growth of CPU time", f"n^{power:.2f}", "", "", "linear", met
        )


def _growth(found: Results) -> Iterator[str]:
    yield (
        "| | avp-py generate | argocd-vault-plugin | ratio | memory: avp-py | "
        "argocd-vault-plugin | ratio |"
    )
    yield "|---|---|---|---|---|---|---|"
    for series, outcomes in found.series().items():
        for each in outcomes:
            time = each.ratio(Way.COMMAND, Measure.TIME)
            memory = each.ratio(Way.COMMAND, Measure.MEMORY)
            yield _row(each.title, *_pair(time, Measure.TIME), *_pair(memory, Measure.MEMORY))
        powers = [
            f"n^{results.exponent(outcomes, way):.2f}"
            for way in (Way.COMMAND, Way.ARGOCD_VAULT_PLUGIN)
        ]
        yield _row(f"*{series}, growth of CPU time*", *powers, "", "", "", "")


def _all(found: Results) -> Iterator[str]:
    yield "| case | program | time | p95 | CPU time | peak memory | Vault requests | logins |"
    yield "|---|---|---|---|---|---|---|---|"
    for each in found.outcomes:
        for way in each.values:
            cells = [
                value(each.median(way, measure), measure) if measure in each.values[way] else ""
                for measure in Measure
            ]
            yield _row(name(each), way, *cells)


def _refreshes(found: Results) -> Iterator[str]:
    yield (
        "| case | plugin | time (all rounds) | less Argo CD's own | p95 of a request | CPU time "
        "| peak memory | Vault requests | logins |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for each in found.outcomes:
        own = each.median(Way.FILE, Measure.TIME)
        for way, values in each.values.items():
            times = values[Measure.TIME]
            low, median, high = (
                value(number, Measure.TIME)
                for number in (min(times), statistics.median(times), max(times))
            )
            rest = each.median(way, Measure.TIME) - own
            cells = [
                value(each.median(way, measure), measure) if measure in values else ""
                for measure in Measure
                if measure is not Measure.TIME
            ]
            less = "" if way == Way.FILE else value(rest, Measure.TIME)
            yield _row(each.title, way, f"{median} ({low} to {high})", less, *cells)


def name(outcome: Outcome) -> str:
    """Return a case's name with how it is started, and how far away Vault is."""
    start = _STARTS.get(outcome.kind, "socket")
    distance = f", Vault {outcome.vault_ms} ms away" if outcome.vault_ms else ""
    return f"{outcome.title} ({start}{distance})"


def value(number: float, measure: str) -> str:
    """Return a value with its unit."""
    if measure in _COUNTS:
        return f"{number:g}"
    if measure == Measure.MEMORY:
        return f"{number / 1e6:.0f} MB"
    return f"{number:.2f} s" if number >= 1 else f"{number * 1000:.0f} ms"


def spread(ratio: Ratio) -> str:
    """Return a ratio with its spread, if it was measured more than once."""
    if ratio.low == ratio.high:
        return f"{ratio.median:.2f}"
    return f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def _pair(ratio: Ratio | None, measure: Measure) -> Sequence[str]:
    if ratio is None:
        return ("not measured", "", "")
    return (value(ratio.ours, measure), value(ratio.theirs, measure), f"{ratio.median:.2f}")


def _limit(goal: Goal) -> str:
    return f"≤ {goal.most:g}"


def _met(outcome: Outcome, goal: Goal) -> str:
    met = outcome.is_met(goal)
    if met is None:
        return ""
    return "met" if met else "**missed**"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    write(results.load(results.FILE))
    write_scale(results.load(results.SCALE_FILE))
