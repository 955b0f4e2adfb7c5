"""MLflow's aliases and stage tags, written from the ledger: whatever differs from it is mended and said in words."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from filelock import FileLock

from lib.registry.entries import Transition
from lib.registry.stores import Stores, open_stores, unknown_model
from lib.settings import Settings, sqlite_path

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.store.entities.paged_list import PagedList

STAGE_TAG = "stage"
UNREGISTERED = "unregistered"
# A writer that was killed leaves at most its last two entries behind, and each later one mends before it writes.
_RECENT = 10
_COLLISIONS = 20
_TURN_S = 60.0


def repair(name: str | None = None, *, settings: Settings | None = None) -> list[str]:
    """Make MLflow's aliases and stage tags agree with the ledger, for one model or all; says what it mended.

    Looks at every version, where a transition looks at the recent ones only. Raises UnknownVersion for an unknown
    model.
    """
    with open_stores(settings) as stores:
        names = stores.ledger.names()
        if name is not None and name not in names:
            raise unknown_model(stores.ledger, name)
        return [said for each in ([name] if name else names) for said in _mend(stores, each)]


def _mend(stores: Stores, name: str) -> list[str]:
    from mlflow.exceptions import MlflowException

    try:
        return project(stores, name, thorough=True)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return [f"{name}: the model was deleted in MLflow and cannot be mended; restore it there"]


def project(stores: Stores, name: str, *, after: int | None = None, thorough: bool = False) -> list[str]:
    """Write what differs, for the versions of the entries above `after`; with `thorough` for all that MLflow has.

    Without either, for the recent entries and whatever holds a place.
    """
    said: list[str] = []
    with _turn(stores):
        while True:
            head = stores.head(name)
            said += _write(stores, head, _stages(stores, head, after=after, thorough=thorough), thorough=thorough)
            # Somebody may have moved on while this was written, and what was written is then the older state.
            if stores.head(name).sequence == head.sequence:
                return said


def _turn(stores: Stores) -> AbstractContextManager[object]:
    """One writer at a time on a store that is a file: SQLite's own waiting is not fair, and some would starve."""
    path = sqlite_path(stores.settings.store_uri)
    return nullcontext() if path is None else FileLock(path.with_name(f".{path.name}.registry.lock"), timeout=_TURN_S)


def _write(stores: Stores, head: Transition, wanted: dict[int, str], *, thorough: bool) -> list[str]:
    from mlflow.exceptions import MlflowException

    left = _COLLISIONS
    while True:
        try:
            tags = _project_tags(stores, head.name, wanted, thorough=thorough)
            return tags + _project_aliases(stores, head)
        except MlflowException as error:
            # MLflow reads and then inserts, and a writer elsewhere did the same in between: look again.
            left -= 1
            if error.error_code != "BAD_REQUEST" or not left:
                raise


def _project_aliases(stores: Stores, head: Transition) -> list[str]:
    client, name = stores.client, head.name
    wanted = {"champion": head.champion, "staging": head.staging, "previous": head.previous}
    found = {alias: int(version) for alias, version in client.get_registered_model(name).aliases.items()}
    said = []
    for alias, version in wanted.items():
        if found.get(alias) == version:
            continue
        if version is None:
            client.delete_registered_model_alias(name, alias)
        elif not _tags(stores, name, [version]):
            # Deleted in MLflow, as the tags say already.
            continue
        else:
            client.set_registered_model_alias(name, alias, str(version))
        said.append(f"{name}: alias {alias} named {_place(found.get(alias))}, the ledger says {_place(version)}")
    return said


def _project_tags(stores: Stores, name: str, wanted: dict[int, str], *, thorough: bool) -> list[str]:
    found = _every_tag(stores, name) if thorough else _tags(stores, name, wanted)
    said = []
    # First those that leave a place, so that no two versions show the same one.
    for version in sorted(found.keys() | wanted.keys(), key=lambda each: wanted.get(each) in ("Production", "Staging")):
        stage, tag = wanted.get(version, UNREGISTERED), found.get(version)
        if version not in found:
            said.append(f"{name}: version {version} was deleted in MLflow and cannot be mended; restore it there")
        elif tag != stage:
            stores.client.set_model_version_tag(name, str(version), STAGE_TAG, stage)
            said.append(f"{name}: version {version} was tagged {tag or 'with no stage'}, the ledger says {stage}")
    return said


def _stages(stores: Stores, head: Transition, *, after: int | None, thorough: bool) -> dict[int, str]:
    """The stage of each version that is looked at, by the ledger."""
    if thorough:
        return {entry.version: entry.to_stage for entry in stores.ledger.latest(head.name)}
    since = head.sequence - _RECENT if after is None else after
    stages: dict[int, str] = {entry.version: entry.to_stage for entry in stores.ledger.entries(head.name, after=since)}
    if after is None:
        places = ((head.previous, "Archived"), (head.staging, "Staging"), (head.champion, "Production"))
        stages = {version: stage for version, stage in places if version is not None} | stages
    return stages


def _tags(stores: Stores, name: str, versions: Iterable[int]) -> dict[int, str | None]:
    from mlflow.exceptions import MlflowException

    wanted = set(versions)
    # One question for the newest, among which most are; as long as that of two versions by number.
    newest = _page(stores, name, _RECENT + 3) if len(wanted) > 1 else ()
    found = {int(each.version): each.tags.get(STAGE_TAG) for each in newest if int(each.version) in wanted}
    for version in wanted - found.keys():
        try:
            found[version] = stores.client.get_model_version(name, str(version)).tags.get(STAGE_TAG)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
    return found


def _every_tag(stores: Stores, name: str) -> dict[int, str | None]:
    found: dict[int, str | None] = {}
    token = None
    while True:
        page = _page(stores, name, 1000, token)
        found |= {int(version.version): version.tags.get(STAGE_TAG) for version in page}
        token = page.token
        if not token:
            return found


def _page(stores: Stores, name: str, length: int, token: str | None = None) -> PagedList[ModelVersion]:
    """Versions of a model, the newest first."""
    quote = '"' if "'" in name else "'"
    return stores.client.search_model_versions(
        f"name = {quote}{name}{quote}", max_results=length, order_by=["version_number DESC"], page_token=token
    )


def _place(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"
