"""Runs of one experiment side by side: what differed, what came of it, and which may be compared at all."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from lib.errors import TrackingError
from lib.settings import Settings
from lib.tracking import plots
from lib.tracking.client import find_experiment, open_client
from lib.tracking.liveness import mark_abandoned

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow.entities import Run

SHOWN_RUNS = 25
_HIGHER_IS_BETTER = ("r2", "accuracy", "f1")
# Said in words elsewhere, or too long for a label.
_LONG = ("features", "split", "target", "preprocessing")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`table`: one row a run, best first by `metric`; `differing` are the parameters that are not the same in all."""

    experiment: str
    metric: str
    differing: tuple[str, ...]
    table: pd.DataFrame

    def plot(self) -> Figure:
        """The metric of each run on training and validation rows, best at the top; hollow and grey: not comparable."""
        return _figure(self)


def compare(
    experiment: str | None = None, *, metric: str | None = None, settings: Settings | None = None
) -> Comparison:
    """The runs of `experiment`, best first by `metric` (`validation_rmse`; `validation_f1` where only classifiers ran).

    Columns: run (id), name, kind (class of the model), the validation and training value of the metric, each parameter
    that differs, comparable, why_not, data (version), commit, dirty, status, started. A run is comparable when it
    finished and used the same data digest, target and division as most runs (the latest, in a tie). Test metrics are
    left out on purpose: a choice made with them spoils them as a judge. Raises TrackingError for an unknown or empty
    experiment.
    """
    settings = settings or Settings()
    client = open_client(settings)
    name = experiment or settings.experiment
    place = find_experiment(client, name)
    mark_abandoned(client, place)
    runs = _all_runs(client, place)
    if not runs:
        raise TrackingError(f"the experiment {name!r} has no runs yet. Record one with track(…).")
    chosen = metric or _default_metric(runs)
    if not any(chosen in run.data.metrics for run in runs):
        known = sorted({key for run in runs for key in run.data.metrics})
        raise TrackingError(
            f"no run of {name!r} has the metric {chosen!r}. Their metrics are {', '.join(known) or 'none'}."
        )
    differing = _differing([run for run in runs if run.info.status == "FINISHED"])
    reference = _reference(runs)
    table = pd.DataFrame([_row(run, chosen, differing, reference) for run in runs])
    descending = chosen.endswith(_HIGHER_IS_BETTER)
    table = table.sort_values(chosen, ascending=not descending, na_position="last", kind="stable", ignore_index=True)
    return Comparison(experiment=name, metric=chosen, differing=tuple(differing), table=table)


def _all_runs(client: Any, experiment: str) -> list[Run]:
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs([experiment], order_by=["attributes.start_time DESC"], page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def _default_metric(runs: Sequence[Run]) -> str:
    regression = any("validation_rmse" in run.data.metrics for run in runs)
    classification = any("validation_f1" in run.data.metrics for run in runs)
    return "validation_f1" if classification and not regression else "validation_rmse"


def _differing(runs: Sequence[Run]) -> list[str]:
    """Parameters of finished runs that differ within one class of model, or between classes that both have them."""
    keys = sorted({key for run in runs for key in run.data.params})
    return [key for key in keys if _differs([(_kind(run), run.data.params.get(key)) for run in runs])]


def _differs(values: Sequence[tuple[str, str | None]]) -> bool:
    by_kind: dict[str, set[str | None]] = {}
    for kind, value in values:
        by_kind.setdefault(kind, set()).add(value)
    # A forest has no `alpha`: that follows from its class. A run that merely did not log it is another matter.
    having = [found for found in by_kind.values() if found != {None}]
    return len(set().union(*having)) > 1


def _kind(run: Run) -> str:
    return str(run.data.tags.get("model.class", ""))


def _reference(runs: Sequence[Run]) -> tuple[str | None, ...]:
    """What most finished runs were trained and judged on; `runs` come latest first, which decides ties."""
    counts = Counter(_ground(run) for run in runs if run.info.status == "FINISHED")
    return counts.most_common(1)[0][0] if counts else _ground(runs[0])


def _ground(run: Run) -> tuple[str | None, ...]:
    digests = sorted({entry.dataset.digest for entry in (run.inputs.dataset_inputs if run.inputs else ())})
    digest = run.data.tags.get("data.digest") or (",".join(digests) or None)
    return digest, run.data.params.get("target"), run.data.params.get("split")


def _row(run: Run, metric: str, differing: Sequence[str], reference: tuple[str | None, ...]) -> dict[str, Any]:
    why_not = _why_not(run, metric, reference)
    data, tags = run.data, run.data.tags
    training = metric.replace("validation_", "train_")
    return {
        "run": run.info.run_id,
        "name": run.info.run_name,
        "kind": _kind(run),
        metric: data.metrics.get(metric, float("nan")),
        **({training: data.metrics.get(training, float("nan"))} if training != metric else {}),
        **{key: data.params.get(key) for key in differing},
        "comparable": not why_not,
        "why_not": why_not,
        "data": tags.get("data.version"),
        "commit": (tags.get("git.commit") or tags.get("mlflow.source.git.commit") or "")[:8] or None,
        "dirty": tags.get("git.dirty", "unknown"),
        "status": run.info.status,
        "started": pd.Timestamp(run.info.start_time, unit="ms"),
    }


def _why_not(run: Run, metric: str, reference: tuple[str | None, ...]) -> str:
    if run.info.status != "FINISHED":
        return f"{run.info.status.lower()}: {run.data.tags.get('failure', 'no reason recorded').splitlines()[0]}"
    if metric not in run.data.metrics:
        return f"has no {metric}"
    ground = _ground(run)
    if ground[0] is None:
        return "its data version is not recorded"
    words = [
        f"other {what}: {mine or 'not recorded'}"
        for what, mine, most in zip(("data", "target", "division"), ground, reference, strict=True)
        if mine != most
    ]
    return "; ".join(words)


def _figure(comparison: Comparison) -> Figure:
    metric = comparison.metric
    training = metric.replace("validation_", "train_")
    table = comparison.table[comparison.table[metric].notna()].iloc[:SHOWN_RUNS]
    rows = range(len(table))
    figure, (axes,) = plots.canvas(width=9.5, height=1.7 + 0.52 * len(table))
    for place, (_, run) in zip(rows, table.iterrows(), strict=True):
        colour = plots.ACCENT if run["comparable"] else "#9aa5ab"
        if training in table and pd.notna(run[training]):
            axes.plot([run[training], run[metric]], [place, place], color=plots.PALE, linewidth=3, zorder=1)
            axes.scatter(run[training], place, s=34, facecolor="white", edgecolor=colour, linewidth=1.3, zorder=2)
        axes.scatter(run[metric], place, s=52, color=colour, marker="o" if run["comparable"] else "X", zorder=3)
    axes.set_yticks(list(rows), _labels(table, [key for key in comparison.differing if key not in _LONG]))
    axes.set_ylim(len(table) - 0.4, -0.6)
    plots.readable_thousands(axes.xaxis)
    better = "higher" if metric.endswith(_HIGHER_IS_BETTER) else "lower"
    axes.set_xlabel(f"{metric.removeprefix('validation_')} ({better} is better)")
    axes.set_title(f"{comparison.experiment}: {len(table)} runs, best at the top", loc="left")
    _legend(figure, table)
    return figure


def _labels(table: pd.DataFrame, keys: Sequence[str]) -> list[str]:
    """The name of each run, and below it the parameters in which it differs from others of its class."""
    varying = {kind: [key for key in keys if len(set(rows[key])) > 1] for kind, rows in table.groupby("kind")}
    labels = []
    for _, run in table.iterrows():
        # No break between a name and its value.
        settings = [f"{_short(key)}\N{NO-BREAK SPACE}{run[key]}" for key in varying[run["kind"]] if pd.notna(run[key])]
        name = f"{run['name']}{' *' if run['dirty'] == 'true' else ''}"
        labels.append("\n".join([name, *textwrap.wrap(", ".join(settings), width=44)[:2]]))
    return labels


def _short(key: str) -> str:
    return key.rpartition("__")[2]


def _legend(figure: Figure, table: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], color=plots.ACCENT, marker="o", linestyle="", markersize=7, label="validation"),
        Line2D(
            [],
            [],
            color=plots.ACCENT,
            marker="o",
            linestyle="",
            markersize=6,
            markerfacecolor="white",
            label="training",
        ),
    ]
    if not table["comparable"].all():
        marks.append(Line2D([], [], color="#9aa5ab", marker="X", linestyle="", markersize=7, label="not comparable"))
    if (table["dirty"] == "true").any():
        marks.append(Line2D([], [], linestyle="", label="* uncommitted changes"))
    # Outside and below, wherever the layout leaves room.
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), frameon=False, fontsize=9)
