"""The lifecycle as this registry went through it, drawn from the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.registry.entries import Transition
from lib.registry.serving import history
from lib.settings import Settings
from lib.tracking.plots import ACCENT, INK, PALE, WARN, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN_VERSIONS = 15
_COLOURS = {"None": "#eef2f4", "Staging": "#e3b04b", "Production": ACCENT, "Archived": PALE}
_HEIGHTS = {"None": 0.36, "Staging": 0.36, "Production": 0.62, "Archived": 0.14}
_TICKS = 8


def draw_history(name: str, settings: Settings | None = None) -> Figure:
    """A row for each version (the last 15), a column for each step, the stage as a bar; refusals and rollbacks marked.

    What one transition did at once, the champion's leaving and its successor's coming, is one column. Raises
    UnknownVersion for an unknown model.
    """
    entries = history(name, settings=settings)
    steps = _steps(entries)
    versions = sorted({entry.version for entry in entries})[-SHOWN_VERSIONS:]
    figure, (axes,) = canvas(width=10, height=1.7 + 0.42 * len(versions))
    end = max(steps.values()) + 1
    for row, version in enumerate(versions):
        _draw_version(axes, row, [entry for entry in entries if entry.version == version], steps, end)
    _draw_frame(axes, versions, entries, steps, end)
    _draw_legend(axes)
    hidden = len({entry.version for entry in entries}) - len(versions)
    more = f" (and {hidden} earlier versions)" if hidden else ""
    axes.set_title(f"{name}: which version stood where, by the ledger{more}", loc="left", pad=26)
    return figure


def _steps(entries: list[Transition]) -> dict[int, int]:
    """The column of each sequence number; entries of one instant share it."""
    steps: dict[int, int] = {}
    for before, entry in zip([None, *entries], entries, strict=False):
        together = (
            before is not None and before.at == entry.at and before.kind == "archive" and entry.kind != "register"
        )
        steps[entry.sequence] = max(steps.values(), default=0) + (0 if together else 1)
    return steps


def _draw_version(axes: Axes, row: int, entries: list[Transition], steps: dict[int, int], end: int) -> None:
    """The bars of one version, and what happened to it on them."""
    moves = [entry for entry in entries if entry.kind != "refused"]
    ends = [*(steps[entry.sequence] for entry in moves[1:]), end]
    for entry, until in zip(moves, ends, strict=True):
        start, stage = steps[entry.sequence], entry.to_stage
        edge = INK if stage == "None" else "none"
        axes.barh(
            row, until - start, left=start, height=_HEIGHTS[stage], color=_COLOURS[stage], edgecolor=edge, linewidth=0.5
        )
        if entry.kind == "rollback":
            axes.plot(start, row, marker="<", color="white", markeredgecolor=INK, markersize=9, zorder=4)
        if entry.approver and until - start >= 0.15 * end:
            axes.text(
                start + 0.012 * end,
                row,
                f"approved by {entry.approver}",
                color="white",
                fontsize=8,
                va="center",
                clip_on=True,
            )
    for entry in entries:
        if entry.kind == "refused":
            middle = steps[entry.sequence] + 0.5
            axes.plot(middle, row, marker="X", color=WARN, markeredgecolor="white", markersize=9, zorder=5)


def _draw_frame(axes: Axes, versions: list[int], entries: list[Transition], steps: dict[int, int], end: int) -> None:
    every = max(1, -(-end // _TICKS))
    first = {step: entry for entry in reversed(entries) for step in [steps[entry.sequence]]}
    shown = sorted(first)[::every]
    one_day = entries[0].at.date() == entries[-1].at.date()
    clock = "%H:%M:%S" if one_day else "%d %b %H:%M"
    axes.set_xticks(shown, [f"entry {first[step].sequence}\n{first[step].at:{clock}}" for step in shown], ha="left")
    axes.set_yticks(range(len(versions)), [f"version {version}" for version in versions])
    axes.set_xlim(0.9, end)
    axes.set_ylim(-0.6, len(versions) - 0.4)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.set_xlabel(f"{entries[0].at:%d %B %Y}, UTC, one column a step" if one_day else "UTC, one column a step")


def _draw_legend(axes: Axes) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Patch | Line2D] = [
        Patch(facecolor=colour, edgecolor=INK if stage == "None" else "none", linewidth=0.5, label=stage)
        for stage, colour in _COLOURS.items()
    ]
    handles += [
        Line2D([], [], marker="<", linestyle="", color="white", markeredgecolor=INK, markersize=9, label="rollback"),
        Line2D([], [], marker="X", linestyle="", color=WARN, markeredgecolor="white", markersize=9, label="refused"),
    ]
    axes.legend(
        handles=handles, ncols=len(handles), loc="lower left", bbox_to_anchor=(0, 1.0), frameon=False, fontsize=9,
        handlelength=1.2, columnspacing=1.4, borderaxespad=0.2,
    )  # fmt: skip
