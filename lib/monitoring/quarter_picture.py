"""A watched quarter in one picture: what was true, what was known of it, what fired, and what was done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lib.monitoring.record import Raised, Record, mean
from lib.tracking.plots import ACCENT, INK, PALE, WARN, canvas, readable_thousands

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRUE, _MOVED, _BROKEN = "#e3b04b", "#e9eef1", "#f4d9d2"
_GUESSED = "#8a6fb0"
BEFORE = timedelta(days=90)
_SIGNS = {"done": ("^", ACCENT, 9), "undone": ("v", ACCENT, 8), "failed": ("x", WARN, 8)}


def draw_quarter(record: Record) -> Figure:
    """Three panels over the days of the quarter.

    Above the error of the answers by the day on which they were given: as it was in truth, which nobody could know, as
    the monitor knew it from late labels, with its interval and what was accepted, and as it was estimated without
    labels. In the middle how far the inputs lie from the history (above 1 counts) and the share of broken rows. Below a
    lane for each alert and each action.
    """
    figure, _ = canvas(width=11, height=9)
    figure.clear()
    raised = record.raised()
    panels = figure.subplots(3, 1, sharex=True, height_ratios=[3.2, 1.5, 0.6 + 0.3 * len(_lanes(record, raised))])
    for axes in panels:
        style(axes)
    shade(panels, record)
    draw_error(panels[0], record)
    draw_inputs(panels[1], record)
    draw_lanes(panels[2], record)
    false = sum(not alert.justified for alert in raised)
    title = f"Story “{record.story}”: {len(raised)} alerts, {false} of them false"
    panels[0].set_title(title, loc="left", fontsize=11, color=INK, pad=24)
    return figure


def style(axes: Axes) -> None:
    """As the panels of a quarter look."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    axes.tick_params(colors=INK, length=0, labelsize=9)
    axes.grid(color=PALE, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)


def shade(panels: Sequence[Axes], record: Record) -> None:
    """What really happened, named once at the top of the first panel."""
    moves, first = record.truth.starts, _first(record)
    events = [(moves, record.truth.ends or record.ends, _MOVED, f"market: {record.truth.scenario}")] if moves else []
    if record.broken is not None:
        events.append((*record.broken, _BROKEN, "areas in square feet"))
    for starts, ends, colour, note in events:
        left, right = max(starts, first), min(ends, record.ends)
        if left >= min(max(ends, starts + timedelta(days=1)), record.ends):
            continue
        for axes in panels:
            axes.axvspan(_day(left), _day(max(right, left + timedelta(days=1))), color=colour, linewidth=0, zorder=0)
        panels[0].annotate(
            note, (_day(left), 1.0), xycoords=("data", "axes fraction"), xytext=(2, 3), textcoords="offset points",
            fontsize=8.5, color=INK,
        )  # fmt: skip


def draw_error(axes: Axes, record: Record) -> None:
    """The error of the answers: in truth, as known by late labels, as accepted, as estimated; and the releases."""
    weeks = record.weeks()
    places = _places(week[len(week) // 2].day for week in weeks)
    axes.plot(places, [mean(week) for week in weeks], color=_TRUE, linewidth=2.2, label="in truth, mean of a week")
    known = [look for look in record.looks if look.error is not None]
    for version in dict.fromkeys(look.version for look in known):
        mine = [look for look in known if look.version == version]
        places = _places(look.at for look in mine)
        errors = [look.error for look in mine if look.error is not None]
        first = version == known[0].version
        axes.fill_between(
            places, [each.low for each in errors], [each.high for each in errors], color=ACCENT, alpha=0.2, linewidth=0
        )  # fmt: skip
        axes.plot(
            places, [each.value for each in errors], color=ACCENT, linewidth=1.8,
            label="known by labels, with 95 % interval" if first else None,
        )  # fmt: skip
        axes.plot(
            places, [look.accepted or 0.0 for look in mine], color=INK, linewidth=1, linestyle="--",
            label="accepted, for sales as quick" if first else None,
        )  # fmt: skip
    _draw_estimate(axes, record)
    for release in record.releases:
        if release.day < _first(record):
            continue
        axes.axvline(_day(release.day), color=INK, linewidth=0.8)
        axes.annotate(
            f"version {release.version}", (_day(release.day), 0.0), xycoords=("data", "axes fraction"), xytext=(3, 4),
            textcoords="offset points", fontsize=8.5, color=INK,
        )  # fmt: skip
    axes.axvline(_day(record.starts), color=PALE, linewidth=1, linestyle=":")
    axes.set_ylabel("RMSE, EUR", fontsize=9, color=INK)
    top = max([mean(week) for week in weeks] + [look.error.value for look in known if look.error])
    axes.set_ylim(0, 1.45 * top)
    readable_thousands(axes.yaxis)
    axes.legend(frameon=False, fontsize=9, loc="upper left")


def _draw_estimate(axes: Axes, record: Record) -> None:
    """A line for each version, for what one errs the other need not."""
    told = record.guesses
    for version in dict.fromkeys(guess.version for guess in told):
        mine = [guess for guess in told if guess.version == version]
        places, found = _places(guess.day for guess in mine), [guess.estimated for guess in mine]
        low, high = [each.low for each in found], [each.high for each in found]
        axes.fill_between(places, low, high, color=_GUESSED, alpha=0.25, linewidth=0)
        label = "estimated without labels, as if prices stood still" if version == told[0].version else None
        axes.plot(places, [each.value for each in found], color=_GUESSED, linewidth=1.4, label=label)


def draw_inputs(axes: Axes, record: Record) -> None:
    """How far the inputs lie from the history, and the share of broken rows."""
    looks = [look for look in record.looks if look.excess is not None]
    axes.plot(_places(look.at for look in looks), [look.excess or 0.0 for look in looks], color=ACCENT, linewidth=1.4)
    axes.axhline(1, color=INK, linewidth=1, linestyle="--")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("drift over threshold,\nfurthest input", fontsize=9, color=ACCENT)
    other = axes.twinx()
    other.spines[:].set_visible(False)
    other.tick_params(colors=WARN, length=0, labelsize=9)
    seen = [look for look in record.looks if look.bad_rows is not None]
    other.bar(_places(look.at for look in seen), [100 * (look.bad_rows or 0) for look in seen], color=WARN, alpha=0.5)
    other.set_ylim(0, 100)
    other.set_yticks([0, 50, 100])
    other.set_ylabel("broken rows, %", fontsize=9, color=WARN)


def _lanes(record: Record, raised: Sequence[Raised]) -> list[str]:
    """The rules that fired, then the actions that were tried."""
    actions = [entry.action for look in record.looks for entry in look.entries if entry.outcome in _SIGNS]
    return list(dict.fromkeys([*(alert.rule for alert in raised), *actions]))


def draw_lanes(axes: Axes, record: Record) -> None:
    """A lane for each alert and each action, over the days of the record."""
    raised = record.raised()
    lanes = _lanes(record, raised)
    for alert in raised:
        end = alert.resolved or datetime.combine(record.ends, alert.fired.timetz())
        colour = PALE if alert.muted else ACCENT if alert.justified else WARN
        axes.plot(_places([alert.fired, max(end, alert.fired + timedelta(hours=12))]), [lanes.index(alert.rule)] * 2,
                  color=colour, linewidth=7, solid_capstyle="butt")  # fmt: skip
    for look in record.looks:
        for entry in look.entries:
            if entry.outcome in _SIGNS:
                sign, colour, size = _SIGNS[entry.outcome]
                axes.plot(_places([look.at]), [lanes.index(entry.action)], sign, color=colour, markersize=size)
    axes.set_yticks(range(len(lanes)), lanes)
    axes.set_ylim(-0.6, max(len(lanes) - 0.4, 0.6))
    axes.grid(axis="y", visible=False)
    axes.invert_yaxis()
    _dates(axes, record)
    _legend(axes)


def _legend(axes: Axes) -> None:
    from matplotlib.lines import Line2D

    bars = [("alert, rightly", ACCENT), ("false", WARN), ("muted", PALE)]
    handles: list[Any] = [Line2D([], [], color=colour, linewidth=7, label=label) for label, colour in bars]
    for label, outcome in (("done", "done"), ("undone", "undone"), ("failed or refused", "failed")):
        sign, colour, size = _SIGNS[outcome]
        handles.append(Line2D([], [], linestyle="", marker=sign, color=colour, markersize=size, label=label))
    axes.legend(handles=handles, ncols=6, frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.45, -0.16))


def _dates(axes: Axes, record: Record) -> None:
    from matplotlib.dates import DateFormatter, WeekdayLocator

    axes.set_xlim(_day(_first(record)), _day(record.ends))
    axes.xaxis.set_major_locator(WeekdayLocator(byweekday=0, interval=2))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%d %b"))  # type: ignore[no-untyped-call]


def _first(record: Record) -> date:
    """Where the picture begins: some weeks before the quarter, so that what was good before is in it."""
    return max(record.answered[0].day, record.starts - BEFORE)


def _day(day: date) -> Any:
    """A day's place; Matplotlib takes dates, and its types do not say so."""
    return day


def _places(moments: Iterable[date]) -> Any:
    """Several of them."""
    return list(moments)
