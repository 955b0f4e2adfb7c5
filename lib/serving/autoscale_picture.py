"""A run of the autoscaler as a picture: load, replicas and latency over the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lib.errors import DataError
from lib.serving.autoscale_record import Step
from lib.tracking.plots import ACCENT, INK, PALE, WARN, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_autoscale(steps: Sequence[Step]) -> Figure:
    """Three panels over the seconds: requests a second, replicas wanted and serving, p95 latency.

    Raises DataError for fewer than two steps.
    """
    if len(steps) < 2:
        raise DataError(f"{len(steps)} steps are no course of time. Give the steps of a whole run.")
    figure, (load, replicas, latency) = canvas(width=9, height=7.5, rows=3)
    _draw_load(load, steps)
    _draw_replicas(replicas, steps)
    _draw_latency(latency, steps)
    for axes in (load, replicas, latency):
        axes.set_xlim(0, steps[-1].at_s)
        axes.set_ylim(0, 1.08 * axes.get_ylim()[1])
        axes.legend(loc="lower right", bbox_to_anchor=(1, 0.98), frameon=False, fontsize=9, ncols=2, borderaxespad=0)
    figure.align_ylabels()
    latency.set_xlabel("seconds since the start")
    failed = steps[-1].failed
    load.set_title(f"Replicas follow the load; {failed or 'no'} request{'s' * (failed != 1)} failed", loc="left")
    return figure


def _draw_load(axes: Axes, steps: Sequence[Step]) -> None:
    at = [step.at_s for step in steps]
    axes.plot(at, [step.offered for step in steps], color=PALE, linewidth=4, label="offered")
    axes.plot(at, [step.answered for step in steps], color=ACCENT, linewidth=1.5, label="answered")
    axes.set_ylabel("requests a second")


def _draw_replicas(axes: Axes, steps: Sequence[Step]) -> None:
    from matplotlib.ticker import MaxNLocator

    at = [step.at_s for step in steps]
    axes.fill_between(
        at, [step.serving for step in steps], step="post", color=ACCENT, alpha=0.25, linewidth=0, label="serving"
    )
    axes.step(
        at, [step.wanted for step in steps], where="post", color=INK, linewidth=1.5, label="wanted by the autoscaler"
    )
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("replicas")


def _draw_latency(axes: Axes, steps: Sequence[Step]) -> None:
    timed = [step for step in steps if step.p95_ms is not None and step.p50_ms is not None]
    at = [step.at_s for step in timed]
    axes.plot(at, [step.p95_ms or 0 for step in timed], color=WARN, linewidth=1.5, label="p95")
    axes.plot(at, [step.p50_ms or 0 for step in timed], color=WARN, linewidth=1.0, linestyle=":", label="median")
    axes.set_ylabel("latency, ms")
