"""A run's model becomes a version: MLflow's next number, and the entry in the ledger that fixes its digest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lib.errors import TrackingError, UnfitRun
from lib.registry.approval import require_person, trainer
from lib.registry.artifact import digest
from lib.registry.entries import Transition, Version
from lib.registry.projection import project
from lib.registry.stores import Stores, open_stores
from lib.settings import Settings
from lib.tracking.client import artifact_place
from lib.tracking.read import model_folder, ready_model, skops_model, stored_run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel


def register(run_id: str, name: str, *, by: str, settings: Settings | None = None) -> Version:
    """Make the model of a finished run the next version of `name`, in stage None.

    The same model again is the same version. The digest of all its files is fixed in the ledger. Raises UnfitRun for a
    run that is unknown or did not finish, and for one without a model in the skops format; StoreUnavailable.
    """
    require_person(by)
    with open_stores(settings) as stores:
        model = require_fit(stores.client, run_id)
        folder = model_folder(artifact_place(stores.client, model.artifact_location))
        try:
            skops_model(folder, f"the model of run {run_id}")
            found = digest(folder)
        except (TrackingError, OSError) as error:
            raise UnfitRun(f"run {run_id} cannot be registered: {error}") from error
        known = stores.ledger.registered(name, run_id, found)
        entry = known or _add(stores, name, model, by=by, found=found)
        project(stores, name)
        return _version(entry, stores.about(name, entry.version).to_stage)


def find_version(name: str, version: int | str, *, settings: Settings | None = None) -> Version:
    """A version as it stands now; raises UnknownVersion."""
    with open_stores(settings) as stores:
        last = stores.about(name, version)
        registration = stores.ledger.registration(name, last.version)
        return _version(registration or last, last.to_stage)


def require_fit(client: MlflowClient, run_id: str) -> LoggedModel:
    """The model of a run that may become a version or move on; raises UnfitRun."""
    try:
        run = stored_run(client, run_id)
        if run.info.lifecycle_stage != "active" or run.info.status != "FINISHED":
            state = run.info.status if run.info.lifecycle_stage == "active" else "deleted"
            why = run.data.tags.get("failure", "no reason was recorded").rstrip(".")
            raise UnfitRun(f"run {run_id} is {state} ({why}), and only a finished run may be served. Train again.")
        return ready_model(client, run)
    except TrackingError as error:
        raise UnfitRun(str(error)) from error


def _add(stores: Stores, name: str, model: LoggedModel, *, by: str, found: str) -> Transition:
    run_id = str(model.source_run_id)
    _require_model(stores.client, name)
    created = stores.client.create_model_version(
        name, model.artifact_location, run_id, model_id=model.model_id, await_creation_for=0
    )
    person = trainer(stores.client, run_id)
    while True:
        head = stores.ledger.head(name)
        entry = Transition(
            name=name,
            sequence=head.sequence + 1 if head else 1,
            at=max(datetime.now(UTC), head.at) if head else datetime.now(UTC),
            by=by,
            kind="register",
            version=int(created.version),
            from_stage=None,
            to_stage="None",
            reason="",
            approver=None,
            evidence=(),
            run_id=run_id,
            digest=found,
            trainer=person,
            champion=head.champion if head else None,
            staging=head.staging if head else None,
            previous=head.previous if head else None,
        )
        if stores.ledger.append([entry]):
            return entry


def _require_model(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _version(registration: Transition, stage: str) -> Version:
    facts = registration.model_dump(include={"name", "version", "run_id", "digest", "trainer", "by", "at"})
    return Version.model_validate({**facts, "stage": stage})
