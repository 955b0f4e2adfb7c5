"""The cost report in lines of text and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lib.governance.cost_allocate import CostReport
from lib.governance.cost_project import Projection, budget_state
from lib.tracking.plots import ACCENT, INK, WARN, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GREY, _SAND = "#8fa3ae", "#e0b35c"


def cost_lines(report: CostReport) -> Iterator[str]:
    """Each phase and version, what is shared, what stood idle, and the sum, which is the bill."""
    money = report.prices.currency
    yield f"{'phase':9}{'version':>8}{'cpu':>11}{'memory':>11}{'disk':>11}{'total ' + money:>13}{'per 1,000':>12}"
    for each in report.allocations:
        version = "shared" if each.version is None else str(each.version)
        thousand = "" if each.per_thousand is None else f"{each.per_thousand:.2e}"
        costs = each.costs
        yield (
            f"{each.phase:9}{version:>8}{costs.cpu:11.2e}{costs.memory:11.2e}{costs.storage:11.2e}"
            f"{costs.total:13.2e}{thousand:>12}"
        )
    for name, costs in (("idle", report.idle), ("bill", report.total)):
        yield f"{name:17}{costs.cpu:11.2e}{costs.memory:11.2e}{costs.storage:11.2e}{costs.total:13.2e}"
    capacity = report.capacity
    yield (
        f"{capacity.cores:g} cores and {capacity.memory_gib:.1f} GiB for {capacity.window_s:.0f} s; "
        f"{report.efficiency:.0%} of their money did something. Prices: {report.prices.source}."
    )


def projection_line(projection: Projection, unit: str, currency: str, budget: float | None) -> str:
    """In words, with what it means for the budget."""
    found = (
        f"{projection.periods:,} {unit} like these would cost {projection.expected:.4g} {currency}, "
        f"{projection.confidence:.0%} interval {projection.low:.4g} to {projection.high:.4g}, what stands idle apart"
    )
    return found if budget is None else f"{found}: {budget_state(projection, budget)} the budget of {budget:g}"


def draw_costs(report: CostReport) -> Figure:
    """Left what each phase cost, by resource; right what 1,000 predictions cost, by the way they were asked for."""
    figure, (left, right) = canvas(width=10, height=4.2, columns=2)
    _draw_phases(left, report)
    _draw_thousand(right, report)
    return figure


def _draw_phases(axes: Axes, report: CostReport) -> None:
    rows = [*report.by_phase().items(), ("idle", report.idle)]
    total, starts = report.total.total, [0.0] * len(rows)
    for resource, colour in (("cpu", ACCENT), ("memory", _SAND), ("storage", _GREY)):
        shares = [getattr(costs, resource) / total * 100 for _, costs in rows]
        axes.barh(range(len(rows)), shares, left=starts, color=colour, label=resource)
        starts = [start + share for start, share in zip(starts, shares, strict=True)]
    for place, share in enumerate(starts):
        text = f"{share:.2g} %" if share >= 0.01 else "< 0.01 %"
        axes.annotate(text, (share, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, max(starts) * 1.18)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("% of the bill")
    axes.set_title("Where the money went", loc="left", fontsize=10)
    axes.legend(frameon=False, fontsize=9, loc="center right")


def _draw_thousand(axes: Axes, report: CostReport) -> None:
    asked = [each for each in report.allocations if each.per_thousand is not None]
    prices = [each.per_thousand or 0.0 for each in asked]
    colours = [ACCENT, _SAND, WARN][: len(asked)]
    axes.bar(range(len(asked)), [price * 1e6 for price in prices], color=colours, width=0.55)
    for place, price in enumerate(prices):
        axes.annotate(f"{price * 1e6:.3g}", (place, price * 1e6), xytext=(0, 3), textcoords="offset points",
                      ha="center", fontsize=9, color=INK)  # fmt: skip
    axes.set_xticks(range(len(asked)), [f"{each.phase}, version {each.version}" for each in asked])
    axes.grid(axis="x", visible=False)
    axes.set_ylabel(f"millionths of a {report.prices.currency}")
    axes.set_title("What 1,000 predictions cost", loc="left", fontsize=10)
