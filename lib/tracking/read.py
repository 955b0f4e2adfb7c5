"""What a run holds, as plain JSON; reads runs of `track` and runs logged with MLflow directly."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lib.errors import TrackingError
from lib.settings import Settings
from lib.tracking import safe_format
from lib.tracking.client import artifact_place, find_experiment, local_folder, open_client

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.entities import Run as StoredRun
    from mlflow.models import Model

_NUMBERS = frozenset({"integer", "long", "float", "double"})
_DTYPES = {
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "boolean": "bool",
    "string": "str",
}


def read_run(run_id: str, *, settings: Settings | None = None) -> dict[str, Any]:
    """Everything about a run, ready for JSON.

    Keys: run_id, name, experiment, status, started (ms since 1970), seconds, params, metrics, tags, artifacts (paths),
    datasets (name, digest, context, rows), models (model_id, name, status, format, signature: inputs and outputs).
    A metric that is not a finite number comes as the text "nan", "inf" or "-inf". Raises TrackingError for an unknown
    run.
    """
    client = open_client(settings or Settings())
    return _record(client, stored_run(client, run_id))


def read_runs(experiment: str, *, settings: Settings | None = None) -> list[dict[str, Any]]:
    """The newest runs of an experiment, a thousand at most, newest first, each as `read_run` gives it.

    Raises TrackingError for an unknown experiment.
    """
    client = open_client(settings or Settings())
    found = client.search_runs([find_experiment(client, experiment)], order_by=["attributes.start_time DESC"])
    return [_record(client, run) for run in found]


def _record(client: MlflowClient, run: StoredRun) -> dict[str, Any]:
    return {
        "run_id": run.info.run_id,
        "name": run.info.run_name,
        "experiment": client.get_experiment(run.info.experiment_id).name,
        "status": run.info.status,
        "started": run.info.start_time,
        "seconds": None if run.info.end_time is None else (run.info.end_time - run.info.start_time) / 1000,
        "params": dict(run.data.params),
        "metrics": {key: value if math.isfinite(value) else str(value) for key, value in run.data.metrics.items()},
        "tags": dict(run.data.tags),
        "artifacts": sorted(_artifacts(client, run.info.run_id, None)),
        "datasets": [_dataset(entry) for entry in (run.inputs.dataset_inputs if run.inputs else ())],
        "models": [_model(client, output.model_id) for output in (run.outputs.model_outputs if run.outputs else ())],
    }


def predict(
    run_id: str, rows: Sequence[Mapping[str, Any]], *, trusted: Sequence[str] = (), settings: Settings | None = None
) -> list[float | str]:
    """What the model of a run answers for `rows`, one dict of inputs a row; numbers, or labels when they are text.

    Values are matched to the model's signature by name; other names in a row are passed over. Only models in the skops
    format are read, building only the types that `safe_format` allows and `trusted` adds. Raises TrackingError for a
    run without such a model, and for rows that do not fit its signature.
    """
    settings = settings or Settings()
    client = open_client(settings)
    run = stored_run(client, run_id)
    logged = ready_model(client, run)
    model_file, described = skops_model(
        model_folder(artifact_place(client, logged.artifact_location)), f"the model of run {run_id}"
    )
    signature = None if described.signature is None else _columns(described.signature.inputs)
    frame = pd.DataFrame(list(rows)) if signature is None else to_frame(rows, signature)
    if not len(frame):
        return []
    model = safe_format.load(model_file, trusted=trusted)
    try:
        answers = model.predict(frame).tolist()
    except (ValueError, TypeError, KeyError) as error:  # what estimators raise for inputs that they cannot take
        raise TrackingError(f"the model of run {run_id} refuses these rows: {error}") from error
    return [answer if isinstance(answer, str) else float(answer) for answer in answers]


def to_frame(rows: Sequence[Mapping[str, Any]], inputs: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """`rows` as a table with the columns, order and types of a signature's `inputs` (name, type, required).

    Raises TrackingError naming the row, the column and the value that does not fit.
    """
    columns: dict[str, list[Any]] = {str(column["name"]): [] for column in inputs}
    for number, row in enumerate(rows):
        for column in inputs:
            columns[str(column["name"])].append(_value(row, column, number))
    kinds = {str(column["name"]): _DTYPES.get(str(column["type"])) for column in inputs}
    return pd.DataFrame({name: pd.Series(values, dtype=kinds[name]) for name, values in columns.items()})


def stored_run(client: MlflowClient, run_id: str) -> StoredRun:
    """The run as MLflow holds it; raises TrackingError for an unknown one."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        raise TrackingError(
            f"there is no run {run_id!r} in this store. `compare()` lists the runs; check the tracking URI too."
        ) from error


def artifact_file(client: MlflowClient, run_id: str, path: str) -> Path | None:
    """An artifact as a local file (itself in a local store, else a copy), None when the run has none of that name."""
    folder = local_folder(client.get_run(run_id).info.artifact_uri)
    if folder is not None:
        return folder / path if (folder / path).is_file() else None
    parent = str(Path(path).parent)
    listed = client.list_artifacts(run_id, None if parent == "." else parent)
    return Path(client.download_artifacts(run_id, path)) if any(entry.path == path for entry in listed) else None


def model_folder(location: str, *, into: Path | None = None) -> Path:
    """The folder of a model's files: itself in a local store, else a copy in `into` (else a folder that stays).

    `location` is what `artifact_place` makes of it.
    """
    # MLflow would draw a progress bar for a folder that is already here.
    folder = local_folder(location)
    if folder is not None:
        return folder
    import mlflow.artifacts

    return Path(
        mlflow.artifacts.download_artifacts(artifact_uri=location, dst_path=None if into is None else str(into))
    )


def ready_model(client: MlflowClient, run: StoredRun) -> LoggedModel:
    """The model that a run logged last; raises TrackingError when none is ready."""
    found = [client.get_logged_model(output.model_id) for output in (run.outputs.model_outputs if run.outputs else ())]
    ready = [model for model in found if str(model.status) == "READY"]
    if not ready:
        unready = f" ({', '.join(f'{model.name}: {model.status}' for model in found)})" if found else ""
        raise TrackingError(
            f"run {run.info.run_id} ({run.info.status}) has no model that is ready{unready}. "
            "Log one: track(…) does unless model_artifacts=False; in plain MLflow, mlflow.sklearn.log_model(…, name=…)."
        )
    return ready[-1]


def skops_model(folder: Path, what: str) -> tuple[Path, Model]:
    """The skops file in a model's `folder`, and MLflow's description of the model; nothing is deserialised.

    Raises TrackingError for a model in any other format, and for a description that is more than plain YAML.
    """
    import yaml
    from mlflow.models import Model

    try:
        described = Model.load(str(folder / "MLmodel"))
    except yaml.YAMLError as error:
        first = str(error).partition("\n")[0]
        raise TrackingError(f"{what} has a description that is no plain YAML ({first}). Log it again.") from error
    flavour = described.flavors.get("sklearn", {})
    if flavour.get("serialization_format") != "skops":
        kind = flavour.get("serialization_format") or ", ".join(described.flavors)
        raise TrackingError(
            f"{what} is stored as {kind}, and reading that would run whatever code it holds. "
            'Log it again with serialization_format="skops".'
        )
    file = (folder / str(flavour["pickled_model"])).resolve()
    if not file.is_relative_to(folder.resolve()) or not file.is_file():
        raise TrackingError(f"{what} names the file {flavour['pickled_model']!r}, which is not in its folder.")
    return file, described


def _model(client: MlflowClient, model_id: str) -> dict[str, Any]:
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    logged = client.get_logged_model(model_id)
    answer: dict[str, Any] = {
        "model_id": model_id,
        "name": logged.name,
        "status": str(logged.status),
        "format": None,
        "signature": None,
    }
    try:
        described = Model.load(str(model_folder(artifact_place(client, logged.artifact_location)) / "MLmodel"))
    except (OSError, MlflowException):
        # Announced and never written: its status says so.
        return answer
    answer["format"] = described.flavors.get("sklearn", {}).get("serialization_format")
    if described.signature is not None:
        answer["signature"] = {
            "inputs": _columns(described.signature.inputs),
            "outputs": _columns(described.signature.outputs),
        }
    return answer


def _columns(schema: Any) -> list[dict[str, Any]] | None:
    """Name (None for an unnamed output), type and whether it is required, of each column of an MLflow schema."""
    if schema is None:
        return None
    return [
        {"name": spec.name, "type": getattr(spec.type, "name", str(spec.type)), "required": bool(spec.required)}
        for spec in schema.inputs
    ]


def _value(row: Mapping[str, Any], column: Mapping[str, Any], number: int) -> Any:
    name, kind = str(column["name"]), str(column["type"])
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        if column.get("required", True) and kind not in ("float", "double"):
            raise TrackingError(f"row {number} has no {name!r} ({kind}). Give every input of the signature.")
        if name not in row:
            raise TrackingError(f"row {number} has no {name!r} ({kind}). Give every input; null where unknown.")
        return math.nan if kind in _NUMBERS else None
    fits = (
        (kind in _NUMBERS and isinstance(value, (int, float)) and not isinstance(value, bool))
        or (kind == "boolean" and isinstance(value, bool))
        or (kind == "string" and isinstance(value, str))
        or kind not in {*_NUMBERS, "boolean", "string"}
    )
    if not fits or (kind in ("integer", "long") and value != int(value)):
        raise TrackingError(f"row {number} has {name} = {value!r}, and the signature says {kind}. Convert it.")
    return value


def _artifacts(client: MlflowClient, run_id: str, folder: str | None) -> list[str]:
    found: list[str] = []
    for entry in client.list_artifacts(run_id, folder):
        found += _artifacts(client, run_id, entry.path) if entry.is_dir else [entry.path]
    return found


def _dataset(entry: Any) -> dict[str, Any]:
    profile = json.loads(entry.dataset.profile or "{}")
    context = next((tag.value for tag in entry.tags if tag.key == "mlflow.data.context"), None)
    return {
        "name": entry.dataset.name,
        "digest": entry.dataset.digest,
        "context": context,
        "rows": profile.get("num_rows"),
    }
