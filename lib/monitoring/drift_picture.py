"""The drift table as a picture and as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lib.monitoring.drift_table import AS_IT_COMES, OURS, TUNED, DriftTable, Row
from lib.monitoring.trial import CALM
from lib.tracking.plots import ACCENT, INK, PALE, WARN, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {OURS: ACCENT, TUNED: WARN, AS_IT_COMES: PALE}
WORDS = {
    "stable": "stable",
    "seasonal": "seasonal",
    "slide": "slide: from city to country",
    "marginals": "marginals kept, pairs moved",
    "jump": "sudden: small homes overnight",
    "gradual": "gradual: older day by day",
}


def draw_drift_table(table: DriftTable) -> Figure:
    """Left the false alarms a month, with the upper end of the interval; right the delay on each kind of drift."""
    figure, (left, right) = canvas(width=10.5, height=4.2, columns=2)
    _draw_false(left, table)
    _draw_delays(right, table)
    left.set_title("False alarms a month of daily windows, and what is not excluded (95 %)", loc="left", fontsize=9.5)
    right.set_title("Days to the alarm: median, 95 % interval; × missed in half of the runs", loc="left", fontsize=9.5)
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _places(table: DriftTable, *, calm: bool) -> Iterator[tuple[float, str, Row]]:
    """Where the mark of each detector on each kind of market stands."""
    kinds = [kind for kind in WORDS if (kind in CALM) == calm]
    for line, kind in enumerate(kinds):
        for offset, detector in zip((-0.22, 0.0, 0.22), _COLOURS, strict=True):
            yield line + offset, detector, table.row(detector, kind)


def _lanes(axes: Axes, *, calm: bool) -> None:
    kinds = [words for kind, words in WORDS.items() if (kind in CALM) == calm]
    axes.set_yticks(range(len(kinds)), kinds)
    axes.set_ylim(len(kinds) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)


def _draw_false(axes: Axes, table: DriftTable) -> None:
    for place, detector, row in _places(table, calm=True):
        colour = _COLOURS[detector]
        axes.plot([row.false_a_month, row.upper_a_month], [place, place], color=colour, linewidth=2)
        axes.plot(row.false_a_month, place, "o", color=colour, markersize=6)
    axes.axvline(1 / 12, color=INK, linewidth=1, linestyle="--")
    axes.annotate("one a year", (1 / 12, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -10),
                  textcoords="offset points", fontsize=8.5, color=INK)  # fmt: skip
    axes.set_xlim(left=-0.01)
    _lanes(axes, calm=True)


def _draw_delays(axes: Axes, table: DriftTable) -> None:
    named = set()
    for place, detector, row in _places(table, calm=False):
        if row.delay is None or row.delay_low is None or row.delay_high is None:
            continue
        colour, label = _COLOURS[detector], None if detector in named else detector
        named.add(detector)
        axes.plot([row.delay_low, row.delay_high], [place, place], color=colour, linewidth=2)
        sign = "x" if 2 * row.missed >= row.runs else "o"
        axes.plot(row.delay, place, "o", color=colour, markersize=6, label=label, visible=sign == "o")
        axes.plot(row.delay, place, "x", color=colour, markersize=8, markeredgewidth=2, visible=sign == "x")
    axes.set_xlim(left=-1)
    _lanes(axes, calm=False)


def lines(table: DriftTable) -> Iterator[str]:
    """The rows and bars for a terminal."""
    yield f"{'':26}{'':10} runs  false a month (upper)   found      delay, days"
    for row in table.rows:
        found = f"{row.found}/{row.runs}" if row.delay is not None else ""
        delay = "" if row.delay is None else f"{row.delay:g} [{row.delay_low:g}, {row.delay_high:g}]"
        rate = f"{row.false_a_month:.3f} ({row.upper_a_month:.3f})"
        yield f"{row.detector:26}{row.scenario:10}{row.runs:5}  {rate:21}{found:>8}      {delay}"
    for bar in table.bars:
        ends = (("from", bar.low), ("to", bar.high))
        interval = "".join(f", {name} {value:g}" for name, value in ends if value is not None)
        verdict = "met" if bar.met else "MISSED"
        yield f"{bar.name}: {bar.found:g}{interval} (n = {bar.n}), at most {bar.at_most:g}: {verdict}"
