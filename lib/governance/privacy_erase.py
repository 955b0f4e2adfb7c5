"""Erase one person from all that the system keeps, and prove it.

What cannot be erased is said: a model that was trained on a row does not forget it. The runs that learnt from an erased
version are named, so that they can be trained again and replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime

from lib.errors import PrivacyError
from lib.features import FeatureStore
from lib.governance.privacy_person import Person
from lib.governance.privacy_search import search
from lib.governance.privacy_snapshots import erase_from_versions
from lib.monitoring.store import PredictionStore
from lib.registry.entries import Entry, Name
from lib.serving.log_erase import erase_predictions
from lib.settings import Settings
from lib.tracking.client import open_client


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the system keeps data about people.

    `root` is the workspace with its data versions, `remotes` the folders they were pushed to, `features` a feature
    store, `predictions` the folder of the prediction log, `store` the file of a prediction store (which nobody has
    open), `reports` folders or files for people to read; `more` is only searched: nothing may be left there.
    """

    root: Path
    remotes: tuple[Path, ...] = ()
    features: FeatureStore | None = None
    predictions: Path | None = None
    store: Path | None = None
    reports: tuple[Path, ...] = ()
    more: tuple[Path, ...] = ()


class Erasure(Entry):
    """The receipt of an erasure: what was done and what proves it, and nothing by which the person is known.

    `versions` says which data version took the place of which. `learnt` are the runs that were trained on the old
    ones. `left` names the files, and the keys in Redis, that hold the person still: what they are must be decided by
    somebody, and the erasure repeated.
    """

    request: Name
    by: Name
    at: AwareDatetime
    versions: dict[str, str]
    rows: int
    cells: int
    events: int
    online: int
    predictions: int
    reports: tuple[str, ...]
    learnt: tuple[str, ...]
    searched_files: int
    searched_bytes: int
    left: tuple[str, ...]

    @property
    def proven(self) -> bool:
        """Whether the search found the person nowhere."""
        return not self.left


def erase(
    person: Person,
    places: Places,
    *,
    request: str,
    by: str,
    settings: Settings | None = None,
    record: Callable[[Erasure], object] = lambda _erasure: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Erasure:
    """Erase a person from all `places`, then search them all; returns the receipt, which `record` is given as well.

    Rows and events that are the person's own go, mentions in other people's rows and in reports become `[erased]`,
    predictions about the person go with their labels. `request` is the number of the request; `settings` say in which
    tracking store the runs are looked up that learnt from an erased version. Repeating it is safe, and completes what
    broke off. Raises PrivacyError, VersionError, FeatureError, ServingError, MonitoringError.
    """
    predictions = _from_predictions(person, places)
    events, online = _from_features(person, places.features)
    versions, cleaned = erase_from_versions(person, places.root, remotes=places.remotes)
    reports = _from_reports(person, places.reports)
    searched = search(person, _all(places))
    receipt = Erasure(
        request=request, by=by, at=clock(), versions=versions, rows=cleaned.removed, cells=cleaned.blacked,
        events=events, online=online, predictions=predictions, reports=reports,
        learnt=_learnt(versions, settings) if settings else (),
        searched_files=searched.files, searched_bytes=searched.bytes,
        left=(*map(str, searched.found), *_left_online(person, places.features)),
    )  # fmt: skip
    record(receipt)
    return receipt


def _from_predictions(person: Person, places: Places) -> int:
    gone = []
    if places.predictions is not None:
        gone = erase_predictions(places.predictions, lambda line: _about(person, line.get("features")))
    if places.store is not None:
        with PredictionStore(places.store) as store:
            store.forget(gone)
    return len(gone)


def _about(person: Person, features: object) -> bool:
    values = features.values() if isinstance(features, dict) else ()
    return any(person.owns(value) or (isinstance(value, str) and person.mentioned(value)) for value in values)


def _from_features(person: Person, features: FeatureStore | None) -> tuple[int, int]:
    events = online = 0
    if features is None:
        return 0, 0
    for view in features.views():
        # Where a view reads tables, no event tells whose values are online.
        keys = () if features.view(view).key_type == "integer" else (*person.values, *person.pseudonyms)
        done = features.forget(view, lambda event: _about(person, event), keys=keys)
        events, online = events + done.events, online + done.online
    return events, online


def _from_reports(person: Person, reports: tuple[Path, ...]) -> tuple[str, ...]:
    """Black the person out of files of text; the names of those that were changed. Others are left to the search."""
    changed = []
    for file in search(person, reports).found:
        try:
            text = file.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        except OSError as error:
            raise PrivacyError(f"{file} cannot be read: {error.strerror}. Mend that and erase again.") from error
        safe = person.without(text)
        if safe != text:
            file.write_text(safe, "utf-8")
            changed.append(file.name)
    return tuple(changed)


def _all(places: Places) -> list[Path]:
    known = [places.root, *places.remotes, places.predictions, places.store, *places.reports, *places.more]
    whole = {place.resolve() for place in known if place is not None}
    return sorted(place for place in whole if not whole & set(place.parents))


def _left_online(person: Person, features: FeatureStore | None) -> list[str]:
    found = features.everything_online() if features else ()
    return [key for key, value in found if person.mentioned(value) or person.mentioned(key.rpartition(":")[2])]


def _learnt(versions: dict[str, str], settings: Settings) -> tuple[str, ...]:
    client = open_client(settings)
    experiments = [each.experiment_id for each in client.search_experiments()]
    return tuple(
        run.info.run_id
        for version in sorted(versions)
        for run in client.search_runs(experiments, filter_string=f"tags.`data.version` = '{version}'")
    )
