"""The tracking store, opened without touching MLflow's global state."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from lib.errors import TrackingError
from lib.settings import Settings, sqlite_path
from lib.store import prepare_store

if TYPE_CHECKING:
    from mlflow import MlflowClient


def open_client(settings: Settings) -> MlflowClient:
    """A client of `settings.store_uri`; a fresh SQLite store is made from the migrated template."""
    # MLflow reads this at import, and accepts only the word "true".
    os.environ.setdefault("DO_NOT_TRACK", "true")
    prepare_store(settings.store_uri)
    # Imported here: it takes 1.5 to 2.5 s, and a replay has no use for it.
    from mlflow import MlflowClient

    # Both named, since MLFLOW_REGISTRY_URI would send the registry's half elsewhere.
    return MlflowClient(tracking_uri=settings.store_uri, registry_uri=settings.store_uri)


def experiment_id(client: MlflowClient, name: str, settings: Settings) -> str:
    """The id of the experiment `name`, made when it is not there; its artifacts lie in `mlruns/` beside a SQLite store.

    Raises TrackingError for an experiment that was deleted.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        database = sqlite_path(settings.store_uri)
        try:
            # Named here, since MLflow would take `mlruns` of whatever the current directory is.
            place = None if database is None else _artifact_folder(database, name).as_uri()
            return str(client.create_experiment(name, artifact_location=place))
        except MlflowException as error:
            # Another process was quicker.
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    if found is None or found.lifecycle_stage != "active":
        raise TrackingError(
            f"the experiment {name!r} was deleted. Restore it (`mlflow experiments restore`), or choose another name."
        )
    return str(found.experiment_id)


def find_experiment(client: MlflowClient, name: str) -> str:
    """The id of an experiment that must be there; raises TrackingError naming those that are."""
    found = client.get_experiment_by_name(name)
    if found is None:
        names = ", ".join(repr(experiment.name) for experiment in client.search_experiments())
        raise TrackingError(f"there is no experiment {name!r} in this store. It has {names}.")
    return str(found.experiment_id)


def _artifact_folder(database: Path, experiment: str) -> Path:
    slug = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in experiment).lower().strip(".-")
    return database.absolute().parent / "mlruns" / (slug or "experiment")


def artifact_place(client: MlflowClient, location: str) -> str:
    """`location` as anything but the store itself can read it.

    A tracking server that hands out artifacts names them `mlflow-artifacts:/…`, which MLflow reads only through a
    tracking URI set for the whole process; this names the server's address instead.
    """
    if urlsplit(location).scheme != "mlflow-artifacts":
        return location
    from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

    resolve: Any = MlflowArtifactsRepository.resolve_uri
    return str(resolve(location, client.tracking_uri))


def local_folder(artifact_uri: str) -> Path | None:
    """The folder that an artifact location names on this machine, None for one elsewhere.

    >>> local_folder("file:///tmp/a%20b"), local_folder("s3://bucket/x")
    (PosixPath('/tmp/a b'), None)
    """
    parts = urlsplit(artifact_uri)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return Path(artifact_uri) if parts.scheme == "" else None
