"""The pictures that a run carries; plain Figure objects, so that nothing is left in pyplot's global state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from lib.tracking.importance import Importance

INK, ACCENT, PALE, WARN = "#22303c", "#1f6f8b", "#b8ccd6", "#c8553d"
SHOWN_INPUTS = 15
SHOWN_POINTS = 2_000


def save(figure: Figure, path: Path) -> None:
    """Write `figure` as a PNG at 110 dots an inch; laid out once, not at each of the two times that it is drawn."""
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)
        figure.set_layout_engine(None)
    figure.savefig(path, dpi=110, format="png", facecolor="white", pil_kwargs={"compress_level": 1})


def importance_figure(found: Importance) -> Figure:
    """A bar for each of the 15 inputs that matter most, the longest at the top."""
    top = found.scores.iloc[:SHOWN_INPUTS][::-1]
    figure, (axes,) = canvas(width=7.5, height=1.4 + 0.32 * len(top))
    axes.barh([str(name) for name in top.index], top.to_numpy(), color=ACCENT, height=0.7)
    axes.set_xlabel(found.kind)
    hidden = len(found.scores) - len(top)
    axes.set_title("What the model looks at" + (f" (and {hidden} more)" if hidden else ""), loc="left")
    axes.grid(axis="y", visible=False)
    return figure


def residual_figure(target: NDArray[Any], answer: NDArray[Any], *, label: str) -> Figure:
    """Predicted against true values, and the residuals (true − predicted), of one part; `label` names the target."""
    figure, (left, right) = canvas(width=10.5, height=4.4, columns=2)
    residual = target - answer
    few = slice(None, None, max(1, len(target) // SHOWN_POINTS))
    low, high = min(target.min(), answer.min()), max(target.max(), answer.max())
    left.plot([low, high], [low, high], color=INK, linewidth=1, zorder=1)
    left.scatter(target[few], answer[few], s=9, alpha=0.35, color=ACCENT, linewidths=0, zorder=2)
    left.set(xlabel=f"true {label}", ylabel=f"predicted {label}")
    left.set_title("Predicted against true, validation", loc="left")
    right.axhline(0, color=INK, linewidth=1, zorder=1)
    right.scatter(answer[few], residual[few], s=9, alpha=0.35, color=ACCENT, linewidths=0, zorder=2)
    _running_mean(right, answer, residual)
    right.set(xlabel=f"predicted {label}", ylabel="true − predicted")
    right.set_title("Residuals: a bend or a slope is something not learnt", loc="left")
    for axes in (left, right):
        readable_thousands(axes.xaxis)
        readable_thousands(axes.yaxis)
    return figure


def confusion_figure(target: NDArray[Any], answer: NDArray[Any], *, label: str) -> Figure:
    """Counts of true against predicted classes of one part, each row also as a share."""
    classes = np.unique(np.concatenate([target, answer]))
    counts = np.array([[int(((target == true) & (answer == said)).sum()) for said in classes] for true in classes])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, (axes,) = canvas(width=2.8 + 0.9 * len(classes), height=2.4 + 0.7 * len(classes))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= 12:
        for row, column in np.ndindex(counts.shape):
            axes.text(
                column, row, f"{counts[row, column]:,}\n{shares[row, column]:.0%}", ha="center", va="center",
                color="white" if shares[row, column] > 0.55 else INK,
            )  # fmt: skip
    names = [str(name) for name in classes]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel=f"predicted {label}", ylabel=f"true {label}")
    axes.set_title("Validation", loc="left")
    axes.grid(visible=False)
    return figure


def canvas(*, width: float, height: float, columns: int = 1, rows: int = 1) -> tuple[Figure, tuple[Axes, ...]]:
    """An empty figure in the house style: axes side by side, `rows` of them over the same x; sizes in inches."""
    # Imported here: a run without pictures does not pay for it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    found = tuple(np.atleast_1d(np.asarray(figure.subplots(rows, columns, sharex=rows > 1))).ravel())
    for axes in found:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(PALE)
        axes.tick_params(colors=INK, length=0, labelsize=9)
        axes.grid(color=PALE, linewidth=0.5, alpha=0.6)
        axes.set_axisbelow(True)
        axes.title.set_fontsize(11)
        axes.title.set_color(INK)
    return figure, found


def readable_thousands(axis: Axis) -> None:
    """At most six ticks, with 250k for 250,000 and 1.5M for 1,500,000."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(6))
    axis.set_major_formatter(FuncFormatter(_short_number))


def _running_mean(axes: Axes, answer: NDArray[Any], residual: NDArray[Any]) -> None:
    """The mean residual in ten equally filled bins of the prediction."""
    order = np.argsort(answer, kind="stable")
    bins = [chunk for chunk in np.array_split(order, 10) if len(chunk) >= 5]
    if len(bins) < 3:
        return
    centres = [answer[chunk].mean() for chunk in bins]
    means = [residual[chunk].mean() for chunk in bins]
    axes.plot(centres, means, color=WARN, linewidth=2, marker="o", markersize=4, label="mean in tenths", zorder=3)
    axes.legend(frameon=False, fontsize=9, loc="upper left")


def _short_number(value: float, _place: float) -> str:
    """Thousands as k, millions as M.

    >>> _short_number(250_000, 0), _short_number(1_500_000, 0), _short_number(0.25, 0)
    ('250k', '1.5M', '0.25')
    """
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
