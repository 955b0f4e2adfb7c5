"""What came of a training: metrics, a sample of predictions, pictures, and the model itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from lib.tracking import plots
from lib.tracking.importance import importance
from lib.tracking.model_artifact import create_model, write_model
from lib.tracking.recording import Recording
from lib.tracking.training import Prepared, Recipe, evaluate, predictions
from lib.versioning import DataVersion

SAMPLE_ROWS = 20


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A fitted model with what it was trained and is judged on."""

    model: Any
    prepared: Prepared
    recipe: Recipe
    data: DataVersion


def record_results(
    run: Recording, outcome: Outcome, *, full: bool, trusted: Sequence[str], packages: Mapping[str, str]
) -> dict[str, float]:
    """Record metrics and sample predictions, with `full` also pictures and the model; returns the metrics."""
    answers = predictions(outcome.model, outcome.prepared)
    metrics = evaluate(answers, outcome.prepared, outcome.recipe.task)
    dataset = outcome.data.name.partition("@")[0]
    # Announced before the metrics, so that these can name it; written after them, so that they are not lost with it.
    model_id = create_model(run, type(outcome.model).__name__) if full else None
    run.metrics(metrics, model_id=model_id, dataset=dataset, digest=outcome.data.digest)
    run.note(", ".join(f"{key} {value:g}" for key, value in metrics.items()))
    _record_sample(run, outcome.prepared, answers["validation"])
    if model_id is not None:
        _record_pictures(run, outcome, answers["validation"])
        inputs = outcome.prepared.train.inputs
        write_model(run.client, model_id, outcome.model, inputs=inputs, trusted=trusted, packages=packages)
    return metrics


def _record_sample(run: Recording, prepared: Prepared, answer: NDArray[Any]) -> None:
    """Every n-th validation row with its true and predicted value, at most 20."""
    part = prepared.validation
    step = max(1, -(-len(part.target) // SAMPLE_ROWS))
    sample = part.inputs.iloc[::step].assign(actual=part.target[::step], predicted=answer[::step])
    sample.to_csv(run.file("predictions.csv"), index=False)


def _record_pictures(run: Recording, outcome: Outcome, answer: NDArray[Any]) -> None:
    part, label = outcome.prepared.validation, outcome.recipe.target
    found = importance(outcome.model, part)
    found.scores.rename("importance").rename_axis("input").to_csv(run.file("importance.csv"))
    plots.save(plots.importance_figure(found), run.file("plots/importance.png"))
    if outcome.recipe.task == "regression":
        plots.save(plots.residual_figure(part.target, answer, label=label), run.file("plots/residuals.png"))
    else:
        plots.save(plots.confusion_figure(part.target, answer, label=label), run.file("plots/confusion.png"))
