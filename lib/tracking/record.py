"""`track`: train a model and record everything that a repetition needs."""

from __future__ import annotations

import contextlib
import io
import json
import re
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lib.errors import TrackingError
from lib.market import PRICE
from lib.settings import Settings
from lib.tracking import safe_format
from lib.tracking.client import experiment_id, open_client
from lib.tracking.code_version import CodeVersion, code_version
from lib.tracking.environment import Environment, environment
from lib.tracking.liveness import mark_abandoned
from lib.tracking.read import stored_run
from lib.tracking.recording import Recording, recording
from lib.tracking.results import Outcome, record_results
from lib.tracking.table import Table, open_table
from lib.tracking.training import (
    Division,
    Prepared,
    Recipe,
    default_pipeline,
    needs_encoding,
    plan,
    prepare,
)
from lib.versioning import DataVersion


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run; `metrics` are in the target's unit (RMSE, MAE), `seconds` is the whole call."""

    run_id: str
    experiment: str
    metrics: dict[str, float]
    model: Any
    data: DataVersion
    seconds: float


def track(
    model: Any,
    data: pd.DataFrame | str | Path | DataVersion,
    *,
    target: str = PRICE,
    features: Sequence[str] | None = None,
    division: Division | None = None,
    name: str | None = None,
    experiment: str | None = None,
    model_artifacts: bool = True,
    trusted: Sequence[str] = (),
    run_id: str | None = None,
    settings: Settings | None = None,
) -> Run:
    """Train a copy of `model` on `data` and record code, data, hyperparameters, environment, metrics and artifacts.

    `model` is any scikit-learn regressor, classifier or Pipeline; where the table has text columns and the model is no
    Pipeline, it is put behind `default_pipeline`. `data` is a table, a CSV or Parquet file, or a version taken before;
    it is always read back from its snapshot, so that a replay sees the same values. `division` says by which dates it
    is divided. `model_artifacts=False` leaves out
    the model and the pictures. `trusted` vouches for types of your own inside the model. `run_id` records into a run
    that is already open (MLflow Projects start one).

    Raises TrackingError, the run then being marked FAILED with the reason in its tag `failure`.
    """
    started = time.perf_counter()
    settings = settings or Settings()
    client = open_client(settings)
    where = experiment or settings.experiment
    place = experiment_id(client, where, settings) if run_id is None else stored_run(client, run_id).info.experiment_id
    mark_abandoned(client, place)
    code, machine = code_version(settings.root), environment(settings.root)
    tags = {**_code_tags(code), **_environment_tags(machine), "model.class": _class_name(model)}
    with recording(client, place, name=name or _name(model), tags=tags, run_id=run_id) as run:
        _record_origin(run, model, code, machine)
        table = open_table(data, root=settings.root)
        _record_data(run, table)
        recipe = plan(table.frame, model, target=target, features=features, division=division)
        prepared = prepare(table.frame, recipe)
        estimator = _record_recipe(run, model, recipe, prepared, trusted)
        run.publish()
        fitted = _fit(run, estimator, prepared)
        outcome = Outcome(model=fitted, prepared=prepared, recipe=recipe, data=table.version)
        metrics = record_results(run, outcome, full=model_artifacts, trusted=trusted, packages=machine.packages)
        run.note("finished")
    return Run(
        run_id=run.run_id,
        experiment=client.get_experiment(place).name,
        metrics=metrics,
        model=fitted,
        data=table.version,
        seconds=time.perf_counter() - started,
    )


def _record_origin(run: Recording, model: Any, code: CodeVersion, machine: Environment) -> None:
    """Code, environment and hyperparameters: known before anything can go wrong with the data."""
    if code.diff:
        run.text("code/diff.patch", code.diff)
    if code.untracked:
        run.text("code/untracked.txt", "\n".join(code.untracked) + "\n")
    run.text("environment.json", machine.to_json())
    params = _hyperparameters(model)
    run.text("params.json", json.dumps(params, indent=2, sort_keys=True))
    run.params(params)
    run.note(f"code {code.commit or '-'} ({code.status}), {machine.python} on {machine.system}")


def _record_data(run: Recording, table: Table) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.exceptions import MlflowException

    version, frame = table.version, table.frame
    run.tags({"data.version": version.name, "data.digest": version.digest, "data.rows": str(version.rows)})
    dataset = Dataset(
        name=version.name.partition("@")[0],
        digest=version.digest,
        source_type="local",
        source=json.dumps({"uri": version.name}),
        schema=json.dumps({"mlflow_colspec": [_column(frame, column) for column in frame.columns]}),
        profile=json.dumps({"num_rows": version.rows, "num_elements": int(frame.size)}),
    )
    inputs = [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
    try:
        run.client.log_inputs(run.run_id, inputs)
    except MlflowException:
        # Another run may have entered the same data after MLflow had looked for it; the second time it is found.
        run.client.log_inputs(run.run_id, inputs)
    run.note(f"data {version.name}: {version.rows:,} rows, md5 {version.digest}")


def _record_recipe(run: Recording, model: Any, recipe: Recipe, prepared: Prepared, trusted: Sequence[str]) -> Any:
    """Store how the model is made, still unfitted: a replay starts from this, not from the fitted model."""
    from sklearn.base import clone

    estimator = clone(model)
    encoding = "none"
    if needs_encoding(estimator, prepared.train.inputs):
        estimator = default_pipeline(estimator, prepared.train.inputs)
        encoding = "default_pipeline: one-hot for text, other columns as they are"
    elif hasattr(model, "steps"):
        encoding = "the model's own pipeline"
    run.params(
        {
            "target": recipe.target,
            "features": ", ".join(recipe.features),
            "preprocessing": encoding,
            "split": prepared.notes["split"],
        }
    )
    run.tags({f"data.{key}": value for key, value in prepared.notes.items() if key != "split"})
    run.note("; ".join(f"{key} {value}" for key, value in prepared.notes.items()))
    run.text("recipe/recipe.json", recipe.to_json())
    types = safe_format.dump(estimator, run.file("recipe/estimator.skops"), trusted=trusted)
    run.tags({"model.types": ", ".join(types) or "none beyond skops' own list"})
    return estimator


def _fit(run: Recording, estimator: Any, prepared: Prepared) -> Any:
    """Fit on the training part; what the estimator prints goes to the training log, its warnings there and on."""
    printed = io.StringIO()
    before = run.seconds
    with warnings.catch_warnings(record=True) as raised:
        try:
            with contextlib.redirect_stdout(printed):
                estimator.fit(prepared.train.inputs, prepared.train.target)
        except Exception as error:
            raise TrackingError(
                f"{_class_name(estimator)} could not be fitted: {type(error).__name__}: {error}{_missing(prepared)}"
            ) from error
        finally:
            run.note(printed.getvalue().strip() or "fitted without a word")
    for warning in raised:
        run.note(f"warning: {warning.category.__name__}: {warning.message}")
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    run.note(f"fit took {run.seconds - before:.3f} s on {len(prepared.train.target):,} rows")
    return estimator


def _code_tags(code: CodeVersion) -> dict[str, str]:
    tags = {
        "git.status": code.status,
        "git.dirty": "unknown" if code.dirty is None else str(code.dirty).lower(),
        "git.untracked": str(len(code.untracked)),
    }
    if code.commit is not None:
        tags |= {"git.commit": code.commit, "git.branch": code.branch or "(detached)", "git.folder": code.folder}
        tags["mlflow.source.git.commit"] = code.commit
    return tags


def _environment_tags(machine: Environment) -> dict[str, str]:
    return {
        "env.python": machine.python,
        "env.system": machine.system,
        "env.cpu": f"{machine.cpu}, {machine.cores} cores",
        "env.lock": f"sha256:{machine.lock}" if machine.lock else "no requirements.lock found",
    }


def _hyperparameters(model: Any) -> dict[str, str]:
    """Every parameter, defaults included, as text that is the same on each run."""
    if isinstance(model, type) or not hasattr(model, "get_params"):
        return {}
    found = model.get_params(deep=True)
    return {re.sub(r"[^\w\-. :/]", "_", key): _words(found[key]) for key in sorted(found)}


def _words(value: Any) -> str:
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    # An address differs from one process to the next and says nothing.
    return re.sub(r" at 0x[0-9a-fA-F]+", "", str(value))


def _missing(prepared: Prepared) -> str:
    inputs = prepared.train.inputs
    counts = inputs.isna().sum()
    found = [f"{name} ({count:,} of {len(inputs):,})" for name, count in counts.items() if count]
    if not found:
        return ""
    return (
        f"\nMissing values in the training rows: {', '.join(found)}. "
        "Fill them in a Pipeline (SimpleImputer), drop them, or use an estimator that takes them."
    )


def _column(frame: pd.DataFrame, name: Any) -> dict[str, Any]:
    return {"name": str(name), "type": str(frame[name].dtype), "required": not bool(frame[name].isna().any())}


def _name(model: Any) -> str:
    return _class_name(model[-1] if hasattr(model, "steps") and len(model.steps) else model)


def _class_name(model: Any) -> str:
    return model.__name__ if isinstance(model, type) else type(model).__name__
