"""The fitted model as an MLflow model: signature, input example, safe format, pinned requirements."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lib.tracking import safe_format
from lib.tracking.environment import requirements

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import Model, ModelSignature

    from lib.tracking.recording import Recording

NAME = "model"
EXAMPLE_ROWS = 5
# What loading and scoring the model needs; the versions are those installed, which the lock pins.
RUNTIME = ("mlflow", "scikit-learn", "numpy", "scipy", "pandas", "skops")


def create_model(run: Recording, kind: str) -> str:
    """Announce the model of a run, of class `kind`, before it is written; returns its id."""
    from mlflow.entities import LoggedModelOutput

    params = {"class": kind}
    created = run.client.create_logged_model(run.experiment, name=NAME, source_run_id=run.run_id, params=params)
    run.client.log_outputs(run.run_id, [LoggedModelOutput(created.model_id, step=0)])
    return str(created.model_id)


def write_model(
    client: MlflowClient,
    model_id: str,
    model: Any,
    *,
    inputs: pd.DataFrame,
    trusted: Sequence[str],
    packages: Mapping[str, str],
) -> None:
    """Write `model` in MLflow's format and mark it READY, or FAILED when that does not succeed.

    `inputs` are training rows: the first five become the input example. Raises TrackingError from `safe_format.dump`.
    """
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, NAME)
            described = _described(client, model_id)
            _save(model, folder, described=described, inputs=inputs, trusted=trusted, packages=packages)
            client.log_model_artifacts(model_id, str(folder))
    except BaseException:
        client.finalize_logged_model(model_id, "FAILED")
        raise
    client.finalize_logged_model(model_id, "READY")


def signature(model: Any, example: pd.DataFrame) -> ModelSignature:
    """Names and types of the inputs, and the type of the output."""
    from mlflow.models import infer_signature

    with warnings.catch_warnings():
        # MLflow hints that integer columns may later hold missing values; these were declared without.
        warnings.filterwarnings("ignore", message=".*integer column.*", category=UserWarning)
        return infer_signature(example, model.predict(example))


def _described(client: MlflowClient, model_id: str) -> Model:
    """MLflow's description of a model, still without flavours, tied to its run."""
    from mlflow.models import Model

    logged = client.get_logged_model(model_id)
    return Model(
        artifact_path=logged.artifact_location,
        run_id=logged.source_run_id,
        model_id=model_id,
        model_uuid=model_id,
    )


def _save(
    model: Any,
    folder: Path,
    *,
    described: Model,
    inputs: pd.DataFrame,
    trusted: Sequence[str],
    packages: Mapping[str, str],
) -> None:
    save_model = _save_model()
    with tempfile.TemporaryDirectory() as scratch:
        types = safe_format.dump(model, Path(scratch, "model.skops"), trusted=trusted)
    example = inputs.iloc[:EXAMPLE_ROWS]
    save_model(
        model,
        str(folder),
        mlflow_model=described,
        serialization_format="skops",
        skops_trusted_types=types,
        signature=signature(model, example),
        input_example=example,
        # Given, not inferred: inference imports the model in a fresh interpreter and takes about 10 s.
        pip_requirements=requirements(packages, RUNTIME),
    )


def _save_model() -> Any:
    with warnings.catch_warnings():
        # Raised by a class of MLflow's own while it is imported.
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType", category=UserWarning)
        from mlflow.sklearn import save_model
    return save_model
