"""A quarter of continuous training in one picture: how well the champion did, what was known, and what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from lib.delivery.training import Day, Record
from lib.tracking.plots import ACCENT, INK, PALE, WARN, canvas, readable_thousands

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LANES = ("decay", "new data", "schedule")
_GOLD, _BAND = "#e3b04b", "#f3e3c3"
_SIGNS = {"won": ("^", ACCENT, 10), "lost": ("v", _GOLD, 9), "bad data": ("X", WARN, 7), "other": ("|", INK, 8)}
_EVENT_COLOURS = {"market": "#e9eef1", "schema": _BAND, "poison": "#f4d9d2"}


def draw_ct(record: Record) -> Figure:
    """Three panels over the days of the quarter.

    Above the champion's live error (RMSE) with its 95 % interval, beside what it was when that champion was judged;
    pale where labels are too few to tell. In the middle sound new rows since the last training against the threshold,
    and the share of bad rows. Below a lane for each trigger: when it fired, what came of it. Shaded is what happened.
    """
    figure, _ = canvas(width=10.5, height=7.2)
    figure.clear()
    # A panel's own axes for each height: the house style is set on them as `canvas` does.
    panels = figure.subplots(3, 1, sharex=True, height_ratios=[3.2, 1.7, 1.7])
    for axes in panels:
        _style(axes)
    error, data, lanes = panels
    _shade(panels, record)
    _draw_error(error, record)
    _draw_data(data, record)
    _draw_lanes(lanes, record)
    error.set_title(_title(record), loc="left", fontsize=11, color=INK, pad=24)
    return figure


def _title(record: Record) -> str:
    attempts = [day.attempt for day in record.attempts if day.attempt]
    won = sum(attempt.outcome == "won" for attempt in attempts)
    held = sum(bool(day.decision.held_back) for day in record.days)
    counts = f"{len(attempts)} trainings, {won} won; a trigger was held back on {held} days"
    return f"Continuous training, story “{record.story}”: {counts}"


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    axes.tick_params(colors=INK, length=0, labelsize=9)
    axes.grid(color=PALE, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)


def _shade(panels: Any, record: Record) -> None:
    """What really happened, named once at the top."""
    first, last = record.days[0].day, record.days[-1].day + timedelta(days=1)
    for event in record.events:
        starts, ends = max(event.starts, first), min(event.ends, last)
        for axes in panels:
            axes.axvspan(starts, ends, color=_EVENT_COLOURS[event.kind], linewidth=0, zorder=0)
        if ends > starts:
            panels[0].annotate(
                event.note, (starts, 1.0), xycoords=("data", "axes fraction"), xytext=(2, 3),
                textcoords="offset points", fontsize=8.5, color=INK,
            )  # fmt: skip


def _draw_error(axes: Axes, record: Record) -> None:
    least = record.policy.least_labels
    for version, days in _by_version(record).items():
        measured = [day for day in days if day.state.live is not None]
        enough = [day for day in measured if day.state.live and day.state.live.n >= least]
        axes.plot(_places(measured), [_live(day, "value") for day in measured], color=PALE, linewidth=1.2)
        places = _places(enough)
        axes.fill_between(
            places, [_live(day, "low") for day in enough], [_live(day, "high") for day in enough],
            color=ACCENT, alpha=0.2, linewidth=0,
        )  # fmt: skip
        axes.plot(places, [_live(day, "value") for day in enough], color=ACCENT, linewidth=2)
        first, last = _places([days[0], days[-1]])
        axes.hlines(days[0].state.reference, first, last, color=INK, linewidth=1, linestyle="--")
        axes.annotate(
            f"version {version}", (first, days[0].state.reference), xytext=(2, -11), textcoords="offset points",
            fontsize=8.5, color=INK,
        )  # fmt: skip
        if version > record.days[0].champion:
            axes.axvline(first, color=INK, linewidth=0.8)
    axes.set_ylabel("RMSE, EUR", fontsize=9, color=INK)
    axes.set_ylim(bottom=0)
    readable_thousands(axes.yaxis)
    _legend(axes, [("live error, 95 % interval", ACCENT, "-"), (f"fewer than {least} labels", PALE, "-"),
                   ("when judged", INK, "--")], loc="lower left")  # fmt: skip


def _draw_data(axes: Axes, record: Record) -> None:
    places = _places(record.days)
    rows = [day.state.new_rows for day in record.days]
    axes.plot(places, rows, color=ACCENT, linewidth=1.6)
    axes.axhline(record.policy.new_rows, color=INK, linewidth=1, linestyle="--")
    axes.set_ylim(0, 1.35 * max(*rows, record.policy.new_rows))
    axes.set_ylabel("sound new rows", fontsize=9, color=ACCENT)
    readable_thousands(axes.yaxis)
    other = axes.twinx()
    other.spines[:].set_visible(False)
    other.tick_params(colors=WARN, length=0, labelsize=9)
    other.fill_between(places, [100 * day.state.bad_share for day in record.days], color=WARN, alpha=0.35, linewidth=0)
    other.set_ylim(0, 100)
    other.set_yticks([0, 50, 100])
    other.set_ylabel("bad in a week, %", fontsize=9, color=WARN)


def _draw_lanes(axes: Axes, record: Record) -> None:
    for lane, trigger in enumerate(_LANES):
        fired = [day for day in record.days if trigger in day.decision.fired]
        for kind, (sign, colour, size) in _SIGNS.items():
            places = _places([day for day in fired if _kind(day) == kind])
            axes.plot(places, [lane] * len(places), linestyle="", marker=sign, color=colour, markersize=size)
    axes.set_yticks(range(len(_LANES)), _LANES)
    axes.set_ylim(-0.6, len(_LANES) - 0.4)
    axes.grid(axis="y", visible=False)
    axes.invert_yaxis()
    _dates(axes, record.days[0].day, record.days[-1].day)
    _legend(axes, [("trained, won", ACCENT, "^"), ("trained, lost", _GOLD, "v"), ("held back: bad data", WARN, "X"),
                   ("held back: cool-down, budget", INK, "|")], loc="upper center",
            bbox_to_anchor=(0.5, -0.22))  # fmt: skip


def _kind(day: Day) -> str:
    if day.attempt is not None:
        return day.attempt.outcome
    return "bad data" if day.decision.held_back.startswith("bad data") else "other"


def _places(days: Sequence[Day]) -> Any:
    """Where the days lie; Matplotlib takes dates, and its types do not say so."""
    return [day.day for day in days]


def _live(day: Day, name: str) -> float:
    return float(getattr(day.state.live, name)) if day.state.live else float(np.nan)


def _by_version(record: Record) -> dict[int, list[Day]]:
    found: dict[int, list[Day]] = {}
    for day in record.days:
        found.setdefault(day.champion, []).append(day)
    return found


def _dates(axes: Axes, first: date, last: date) -> None:
    from matplotlib.dates import DateFormatter, WeekdayLocator

    axes.set_xlim(first, last + timedelta(days=1))  # type: ignore[arg-type]  # Matplotlib takes dates
    axes.xaxis.set_major_locator(WeekdayLocator(byweekday=0, interval=2))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%d %b"))  # type: ignore[no-untyped-call]


def _legend(axes: Axes, entries: Sequence[tuple[str, str, str]], **place: Any) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for label, colour, sign in entries:
        line: dict[str, Any] = {"linestyle": sign} if sign in ("-", "--") else {"linestyle": "", "marker": sign}
        handles.append(Line2D([], [], color=colour, markersize=8, label=label, **line))
    axes.legend(handles=handles, ncols=len(handles), frameon=False, fontsize=9, **place)
