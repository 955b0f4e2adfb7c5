"""A training done again, in an interpreter of its own: `python -m lib.tracking.replay JOB.json`."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from lib.tracking import safe_format
from lib.tracking.training import Recipe, evaluate, predictions, prepare, read_table


def repeat(table: Path, recipe: Recipe, estimator: Path, *, trusted: Sequence[str] = ()) -> dict[str, float]:
    """Fit the recorded, unfitted estimator on the recorded table once more and return every metric.

    Raises TrackingError for what cannot be read, and whatever `fit` raises.
    """
    prepared = prepare(read_table(table), recipe)
    model = safe_format.load(estimator, trusted=trusted)
    with contextlib.redirect_stdout(io.StringIO()):
        model.fit(prepared.train.inputs, prepared.train.target)
    return evaluate(predictions(model, prepared), prepared, recipe.task)


def main(job_file: str) -> None:
    """Do the job that `reproduce` wrote: table, recipe, estimator, trusted types, and where to put the metrics."""
    job = json.loads(Path(job_file).read_text())
    recipe = Recipe.from_json(Path(job["recipe"]).read_text())
    metrics = repeat(Path(job["table"]), recipe, Path(job["estimator"]), trusted=job["trusted"])
    Path(job["metrics"]).write_text(json.dumps(metrics))


if __name__ == "__main__":
    main(sys.argv[1])
