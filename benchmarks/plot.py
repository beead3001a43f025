"""Draws the results as SVG: the ratios beside their goals, and time against size."""

import math
from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from benchmarks.cases import Kind, Measure, Way
from benchmarks.results import Outcome, Results

_WIDTH: Final = 900
_LEFT: Final = 400
"""Where the axis of the ratios begins."""
_RIGHT: Final = _WIDTH - 30
_ROW: Final = 24
_TOP: Final = 60
_PANEL: Final = 180
"""The height of a panel."""

_STYLE: Final = """\
svg { font: 12px system-ui, sans-serif; background: #fff; }
text { fill: #222; }
.small { font-size: 11px; fill: #666; }
.title { font-size: 14px; font-weight: 600; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.grid { stroke: #ddd; }
.one { stroke: #888; }
.goal { stroke: #222; stroke-width: 2; }
.met { stroke: #1a7f37; fill: #1a7f37; }
.missed { stroke: #cf222e; fill: #cf222e; }
.ours { stroke: #0969da; fill: #0969da; }
.theirs { stroke: #bc6c00; fill: #bc6c00; }
text.ours, text.theirs { stroke: none; }
polyline.ours, polyline.theirs { fill: none; }
polyline { fill: none; stroke-width: 2; }
"""


class _Scale:
    """A logarithmic axis."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low, self._high = math.log10(min(values)), math.log10(max(values))
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        """Return where a value is."""
        part = (math.log10(value) - self._low) / ((self._high - self._low) or 1)
        return round(self._start + part * (self._end - self._start), 1)

    def ticks(self, steps: Sequence[int]) -> Iterator[float]:
        """Yield the values on the axis that are a step times a power of ten."""
        for power in range(math.floor(self._low), math.ceil(self._high) + 1):
            for step in steps:
                value = step * 10.0**power
                if self._low - 1e-9 <= math.log10(value) <= self._high + 1e-9:
                    yield value


def draw(results: Results) -> str:
    """Return the plot."""
    ratios, bottom = _ratios(results)
    panels = list(_panels(results, bottom + 30))
    height = bottom + 30 + (_PANEL + 90 if panels else 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img" '
        'aria-label="avp-py relative to argocd-vault-plugin">',
        f"<style>\n{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        *ratios,
        *panels,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _ratios(results: Results) -> tuple[Sequence[str], int]:
    """Return the ratios, each with its spread and its goal, and where they end."""
    rows = [
        (each, goal, ratio)
        for each in results.outcomes
        for goal in each.goals
        if goal.is_ratio and (ratio := each.ratio(goal.way, goal.measure)) is not None
    ]
    if not rows:
        return [], _TOP
    values = [1.0]
    for _, goal, ratio in rows:
        values += [ratio.low, ratio.high, ratio.median, goal.most]
    scale = _Scale([min(values) / 1.1, max(values) * 1.1], _LEFT, _RIGHT)
    bottom = _TOP + _ROW * len(rows)
    parts = [
        _text(10, 22, "avp-py relative to argocd-vault-plugin", "title"),
        _text(10, 40, "dot: median; line: 10th to 90th percentile; bar: goal", "small"),
    ]
    for tick in scale.ticks((1, 2, 5)):
        x = scale.at(tick)
        parts.append(_line(x, _TOP - 10, x, bottom, "one" if tick == 1 else "grid"))
        parts.append(_text(x, _TOP - 15, f"{tick:g}", "small middle"))
    for number, (each, goal, ratio) in enumerate(rows):
        y = _TOP + _ROW * number + _ROW / 2
        kind = "met" if each.is_met(goal) else "missed"
        place = "" if each.kind == Kind.PROCESS else ", socket"
        label = f"{each.title}{place}: {goal.measure}"
        x = scale.at(goal.most)
        parts += [
            _text(_LEFT - 12, y + 4, label, "end"),
            _line(scale.at(ratio.low), y, scale.at(ratio.high), y, kind),
            _line(x, y - 8, x, y + 8, "goal"),
            f'<circle cx="{scale.at(ratio.median)}" cy="{y}" r="4" class="{kind}"/>',
        ]
    return parts, bottom


def _panels(results: Results, top: float) -> Iterator[str]:
    """Yield a panel for each series: time against size, both logarithmic."""
    series = results.series()
    width = (_WIDTH - 20) / max(len(series), 1)
    for number, (name, outcomes) in enumerate(series.items()):
        yield from _panel(name, outcomes, 10 + number * width + 50, top + 30, width - 75)
    if series:
        y = top + _PANEL + 75
        yield _text(60, y, f"— {Way.COMMAND}", "ours")
        yield _text(220, y, f"— {Way.ARGOCD_VAULT_PLUGIN}", "theirs")


def _panel(
    name: str, outcomes: Sequence[Outcome], left: float, top: float, width: float
) -> Iterator[str]:
    shown = [each for each in outcomes if each.size]
    ways = {Way.COMMAND: "ours", Way.ARGOCD_VAULT_PLUGIN: "theirs"}
    times = [each.median(way, Measure.TIME) for each in shown for way in ways]
    across = _Scale([each.size for each in shown], left, left + width)
    up = _Scale([min(times) / 1.5, max(times) * 1.5], top + _PANEL, top)
    yield _text(left, top - 10, f"time against {name}", "title")
    for tick in up.ticks((1, 2, 5)):
        yield _line(left, up.at(tick), left + width, up.at(tick), "grid")
        yield _text(left - 6, up.at(tick) + 4, f"{tick:g} s", "small end")
    for each in shown:
        x = across.at(each.size)
        yield _text(x, top + _PANEL + 16, _short(each.size), "small middle")
    for way, kind in ways.items():
        points = [(across.at(each.size), up.at(each.median(way, Measure.TIME))) for each in shown]
        joined = " ".join(f"{x},{y}" for x, y in points)
        yield f'<polyline points="{joined}" class="{kind}"/>'
        for x, y in points:
            yield f'<circle cx="{x}" cy="{y}" r="3" class="{kind}"/>'


def _short(number: int) -> str:
    for unit, name in ((1_000_000, "M"), (1000, "k")):
        if number >= unit:
            return f"{number / unit:g}{name}"
    return str(number)


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" class="{kind}"/>'
