"""One store for both sides: training joins the past, serving reads the present, from the same declaration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, Self, cast, overload

from lib.errors import FeatureError
from lib.features import catalogue, offline, online
from lib.features.engine import literal, open_engine
from lib.features.events import append, events_of, frames, to_arrow
from lib.features.forget import Concerns, Forgotten, forget_events
from lib.features.online import Materialised
from lib.features.view import FeatureView
from lib.redis_server import open_redis
from lib.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from redis import Redis

View = FeatureView | str
"""A view itself, or `name@version` of one that was applied."""


class Admit(Protocol):
    """Looks at what shall become features, a frame of columns and perhaps rows, and raises for what must not."""

    def __call__(self, frame: pd.DataFrame, *, what: str) -> object: ...


def _now() -> datetime:
    return datetime.now(UTC)


class FeatureStore:
    """Feature views, their events, and their latest values; a context, which ends what it had to start.

    Views and ingested events are files in `settings.feature_folder`; any number of processes may share them. `redis` is
    a client to use; without one, `open_redis(settings)` is called when a value is first written or read online. Redis'
    keys begin with `namespace`. DuckDB uses up to `memory_mb` MB, then disk. `clock` says what time it is. `admit` is
    given the columns of a view before it is applied, and events before they are ingested.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        redis: Redis | None = None,
        clock: Callable[[], datetime] = _now,
        memory_mb: int = 1024,
        namespace: str = "features",
        admit: Admit | None = None,
    ) -> None:
        self._settings = settings or Settings()
        self._folder = self._settings.feature_folder
        self._redis = redis
        self._clock = clock
        self._memory_mb = memory_mb
        self._namespace = namespace
        self._admit = admit
        self._tables: dict[str, pa.Table | Path] = {}
        self._applied: dict[str, FeatureView] = {}
        self._opened = ExitStack()
        self._opening = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def add_table(self, name: str, table: pd.DataFrame | str | Path) -> None:
        """Let the `source` of views name a frame or a Parquet file; an earlier table of that name is replaced."""
        self._tables[name] = (
            Path(table).absolute()
            if isinstance(table, str | Path)
            else to_arrow(table, [str(column) for column in table.columns], f"the table {name}")
        )

    def apply(self, view: FeatureView) -> FeatureView:
        """Record the definition of `view` under its version.

        Raises FeatureError when that version was applied with another definition: raise `version` then.
        """
        if self._admit is not None:
            import pandas as pd

            self._admit(pd.DataFrame(columns=[view.entity, *view.columns]), what=view.reference)
        return catalogue.apply(self._folder, view)

    def view(self, reference: str) -> FeatureView:
        """The view that was applied as `name@version`; raises FeatureError for an unknown one."""
        return self._resolved(reference)

    def views(self) -> list[str]:
        """`name@version` of every applied view."""
        return catalogue.references(self._folder)

    def ingest(self, view: View, events: pd.DataFrame | str | Path) -> int:
        """Add events, a frame or a Parquet file, to a view without `source`; all or none. Returns their number.

        The same events again do no harm. Raises FeatureError for missing columns, keys or times, for naive times, and
        for values that are not of the declared type.
        """
        known = self._resolved(view)
        if known.source is not None:
            raise FeatureError(f"{known.reference} reads its events by its own SQL. Add them to the tables it names.")
        if self._admit is not None:
            for some in frames(events):
                self._admit(some, what=f"the events of {known.reference}")
        with open_engine(self._folder, memory_mb=self._memory_mb) as engine:
            if isinstance(events, str | Path):
                source = f"SELECT * FROM read_parquet({literal(str(events))})"
            else:
                rows = to_arrow(events, known.event_columns, f"the events of {known.reference}")
                engine.register("__ingested", rows)
                source = "SELECT * FROM __ingested"
            return append(engine, known, source, self._folder)

    @overload
    def join(
        self,
        entities: pd.DataFrame,
        views: Sequence[View],
        *,
        time: str = ...,
        naive_utc: bool = ...,
        full_names: bool = ...,
    ) -> pd.DataFrame: ...
    @overload
    def join(
        self,
        entities: str | Path,
        views: Sequence[View],
        *,
        to: str | Path,
        time: str = ...,
        naive_utc: bool = ...,
        full_names: bool = ...,
    ) -> Path: ...
    def join(
        self,
        entities: pd.DataFrame | str | Path,
        views: Sequence[View],
        *,
        to: str | Path | None = None,
        time: str = "event_time",
        naive_utc: bool = False,
        full_names: bool = False,
    ) -> pd.DataFrame | Path:
        """To each row of `entities` the features of its entities as they were known at its `time`.

        An event counts from the later of its event time and its arrival, that instant included; of what counts, the
        latest event time wins, then the latest arrival. A value holds for the TTL after its event time, its end
        included. Without a value: null. A frame comes back as a frame, a Parquet file as the file `to`, each with its
        rows in the order given. `full_names` calls a feature `<view>_v<version>__<column>`.
        Raises FeatureError for unknown views and columns, for times without a zone (unless `naive_utc`), and for a
        feature that would stand in a row twice.
        """
        known = self._all_resolved(views)
        with open_engine(self._folder, memory_mb=self._memory_mb, tables=self._tables) as engine:
            options = {"time": time, "naive_utc": naive_utc, "full_names": full_names}
            if not isinstance(entities, str | Path):
                return offline.join_frame(engine, entities, known, self._folder, **options)
            if to is None:
                raise FeatureError(f"the rows of {entities} need a file to go to. Name one with to=.")
            return offline.join_file(engine, Path(entities), Path(to), known, self._folder, **options)

    def materialise(self, view: View, *, until: datetime | None = None) -> Materialised:
        """Bring to Redis what is known of each entity at `until` (now), unless something newer is there already.

        Repeating it changes nothing; several may run at once. Raises FeatureError for an instant in the future, and
        when Redis fails midway: what was written stays then, and repeating the call writes the rest.
        """
        known, now = self._resolved(view), self._clock()
        until = until or now
        if online.epoch_us(until) > online.epoch_us(now):
            raise FeatureError(f"until is {until}, and it is {now} now. What will be known then is not known yet.")
        with open_engine(self._folder, memory_mb=self._memory_mb, tables=self._tables) as engine:
            events = events_of(engine, known, self._folder)
            return online.materialise(self._client(), engine, known, events, until=until, namespace=self._namespace)

    def online(
        self,
        rows: Sequence[Mapping[str, Any]],
        views: Sequence[View],
        *,
        at: datetime | None = None,
        full_names: bool = False,
    ) -> list[dict[str, Any]]:
        """To each row the latest features of its entities, in one exchange with Redis; nulls as `join` gives them.

        TTLs are judged at `at`, by default now. With `at` given, the answer is that of `join` for this instant,
        provided that the views were materialised until then.
        Raises FeatureError for a view that was never materialised, for a key of the wrong type, when Redis fails, and
        when a value became known after the `at` that was given.
        """
        return online.read(
            self._client(), rows, self._all_resolved(views), at=at or self._clock(), strict=at is not None,
            namespace=self._namespace, full_names=full_names,
        )  # fmt: skip

    def forget(self, view: View, concerns: Concerns, *, keys: Iterable[Any] = ()) -> Forgotten:
        """Remove the ingested events for which `concerns(event)` holds, and online values of their entities and `keys`.

        Other events of these entities are kept, and come back online with the next `materialise`. A view with a
        `source` has no events of its own: clean the tables that it reads, and name the `keys`. Raises FeatureError.
        """
        known = self._resolved(view)
        events, found = forget_events(known, self._folder, concerns)
        entities = {*found, *keys}
        in_use = entities and self._uses_redis
        gone = online.forget(self._client(), known, entities, namespace=self._namespace) if in_use else 0
        return Forgotten(known.reference, events, gone)

    def everything_online(self) -> Iterator[tuple[str, str]]:
        """Each key under the store's namespace with its value as it stands in Redis; nothing where none is in use."""
        if not self._uses_redis:
            return
        redis = self._client()
        for key in redis.scan_iter(f"{self._namespace}:*"):
            value = cast("bytes | None", redis.get(key))
            yield key.decode(), "" if value is None else value.decode(errors="replace")

    @property
    def _uses_redis(self) -> bool:
        """Without, a server of our own would be started that holds nothing."""
        return self._redis is not None or self._settings.redis_url is not None

    def _resolved(self, view: View) -> FeatureView:
        """The applied view that is meant; remembered, because what was applied never changes."""
        reference = view if isinstance(view, str) else view.reference
        held = self._applied.get(reference)
        if held is not None and (isinstance(view, str) or held == view):
            return held
        if isinstance(view, str):
            found = catalogue.read(self._folder, view)
        else:
            found = catalogue.require_applied(self._folder, view)
        self._applied[reference] = found
        return found

    def _all_resolved(self, views: Sequence[View]) -> list[FeatureView]:
        if isinstance(views, str | FeatureView) or not views:
            raise FeatureError(f"views is {views!r}. Give a list of at least one view.")
        return [self._resolved(view) for view in views]

    def _client(self) -> Redis:
        with self._opening:
            if self._redis is None:
                self._redis = self._opened.enter_context(open_redis(self._settings))
            return self._redis
