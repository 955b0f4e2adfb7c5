"""The monitor beside a running server: looks now and then, tells Prometheus, and acts when Alertmanager says so."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lib.errors import LibError, MonitoringError
from lib.market import FEATURES, HOUSES, load_table
from lib.monitoring.accepted import Accepted
from lib.monitoring.blame import Blame, blame
from lib.monitoring.estimate import LEAST_ROWS, LossModel
from lib.monitoring.figures import Figures
from lib.monitoring.history import SEASON_DAYS, YEAR_DAYS, History
from lib.monitoring.inputs import InputWatch
from lib.monitoring.monitor import Look, Monitor, Served
from lib.monitoring.refusals import Refusals
from lib.monitoring.scrape import scrape
from lib.monitoring.store import PredictionStore
from lib.monitoring.trial import WATCHED
from lib.registry import Admit, history
from lib.settings import Settings
from lib.tracking.read import read_run

if TYPE_CHECKING:
    from fastapi import FastAPI

    from lib.serving.app import Extension

MATURES = timedelta(days=90)
LEARNT_DAYS = 14
"""Without a table to compare with, the first days that were logged are it."""
LOSS_ROWS = 1_000
"""So many labelled answers, its first ones, teach how much a version errs on which houses."""
_log = logging.getLogger(__name__)


@dataclass
class Beside:
    """The monitor of the server at `url`, whose root is that of `settings`; one thread looks, any may ask for blame.

    `labels` is the folder where ground truth comes as CSV or Parquet files (request_id, known_at, label), each under
    another name until it is whole. It is taken once, and lies in `labels/taken` from then on, or in `labels/refused`
    with the reason in the log. `reference` is a table of houses to compare days with; without it, the first
    `LEARNT_DAYS` days that were logged are. `key` is what the server asks for. `budget` gives the expected cost as a
    share of what may be spent, None while it cannot be said. `admit` looks at a model's files before they are read.
    """

    settings: Settings
    url: str
    labels: Path
    reference: Path | None = None
    key: str = field(default="", repr=False)
    budget: Callable[[], float | None] = lambda: None
    admit: Admit | None = None
    figures: Figures = field(default_factory=Figures)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __post_init__(self) -> None:
        self._refusals = Refusals()
        self._inputs: InputWatch | None = None
        self._learnt = False
        self._store: PredictionStore | None = None
        self._learnt_losses: tuple[int, LossModel | None] = (0, None)
        self._looking = threading.Lock()

    @contextlib.contextmanager
    def opened(self) -> Iterator[Callable[[], Look]]:
        """The store, open; gives what looks once.

        Raises MonitoringError while another process has it, and LibError for a reference that cannot be used.
        """
        if self.reference is not None:
            self._inputs = _against(self.reference, self.clock().date())
        for name in ("taken", "refused"):
            (self.labels / name).mkdir(parents=True, exist_ok=True)
        with PredictionStore(self.settings.root / "monitoring" / "truth.duckdb", matures=MATURES) as store:
            monitor = Monitor(
                store, self.figures, None, served=self._served, bad_rows=self._bad_rows, inputs=lambda: self._inputs
            )

            def look() -> Look:
                self.settings.prediction_folder.mkdir(parents=True, exist_ok=True)
                with self._looking:
                    store.take_predictions(self.settings.prediction_folder)
                    self._take_labels(store)
                    now = self.clock()
                    self._compare(store, now)
                    self._spend()
                    return monitor.look(now)

            self._store = store
            try:
                yield look
            finally:
                self._store = None

    def blame(self, version: int, other: int) -> Blame:
        """Hold two versions against each other on what was asked lately and has a label, when no look is under way.

        Raises MonitoringError while the store is not open, and what `lib.monitoring.blame.blame` raises.
        """
        with self._looking:
            if self._store is None:
                raise MonitoringError("the monitor has not opened its store, so no versions can be compared. Start it.")
            now, served = self.clock(), self._served()
            since = now if served is None else served.lately(now)
            return blame(
                self._store,
                version=version,
                other=other,
                since=since,
                as_of=now,
                settings=self.settings,
                admit=self.admit,
            )

    def _take_labels(self, store: PredictionStore) -> None:
        for path in sorted(self.labels.iterdir()):
            if path.suffix not in (".csv", ".parquet"):
                continue
            try:
                count = store.take_labels(pd.read_csv(path) if path.suffix == ".csv" else path)
            except (LibError, OSError, ValueError) as error:
                _log.error("the labels in %s are refused: %s", path, error)
                path.replace(self.labels / "refused" / path.name)
            else:
                _log.info("%d labels from %s", count, path)
                path.replace(self.labels / "taken" / path.name)

    def _served(self) -> Served | None:
        """The champion as the ledger has it; None while there is none."""
        name = self.settings.served_model
        try:
            entries = history(name, settings=self.settings)
        except LibError as error:
            _log.warning("no version can be judged: %s", error)
            return None
        champion = entries[-1].champion
        if champion is None:
            return None
        came = next(each for each in reversed(entries) if each.version == champion and each.to_stage == "Production")
        metrics = read_run(came.run_id, settings=self.settings)["metrics"]
        rmse = metrics.get("test_rmse", metrics.get("validation_rmse"))
        if not isinstance(rmse, float):
            raise MonitoringError(f"run {came.run_id} of version {champion} records no test_rmse to hold it against.")
        return Served(
            model=name, version=champion, since=came.at, accepted=Accepted((rmse,), (0.0,)),
            losses=self._losses(champion, came.at),
        )  # fmt: skip

    def _losses(self, version: int, since: datetime) -> LossModel | None:
        """What the first answers of a version that are mature and have a label teach of its errors; learnt once."""
        if self._learnt_losses[0] == version:
            return self._learnt_losses[1]
        if self._store is None:
            return None
        rows = (
            self._store.joined(self.clock())
            .filter(f"version = {version} AND asked_at >= '{since.isoformat()}' AND mature AND truth IS NOT NULL")
            .order("asked_at, request_id, row")
            .limit(LOSS_ROWS)
            .project("features, prediction, truth")
            .df()
        )
        if len(rows) < LEAST_ROWS:
            return None
        inputs = pd.DataFrame([json.loads(each) for each in rows["features"]])
        self._learnt_losses = version, LossModel(inputs[list(FEATURES)], rows["prediction"], rows["truth"])
        return self._learnt_losses[1]

    def _bad_rows(self) -> float | None:
        try:
            return self._refusals.share(scrape(self.url, key=self.key))
        except OSError as error:
            _log.warning("%s does not tell its metrics: %s", self.url, error)
            return None

    def _spend(self) -> None:
        try:
            self.figures.show_budget(self.budget())
        except LibError as error:
            self.figures.show_budget(None)
            _log.warning("nobody knows what it costs: %s", error)

    def _compare(self, store: PredictionStore, now: datetime) -> None:
        """From the first full day after `LEARNT_DAYS` on, hold days against those first ones; tried once."""
        ((first_us,),) = store.connection.execute("SELECT epoch_us(min(asked_at)) FROM predictions").fetchall()
        if self._inputs is not None or self._learnt or first_us is None:
            return
        first = datetime.fromtimestamp(first_us / 1e6, UTC)
        until = first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=LEARNT_DAYS)
        if now.date() <= until.date():
            return
        self._learnt = True
        frame = store.features(HOUSES, WATCHED, since=first, until=until)
        try:
            past = History(
                frame.assign(asked_at=frame["asked_at"].dt.tz_localize(None)), WATCHED, day="asked_at",
                season_days=None, schema=HOUSES,
            )  # fmt: skip
            self._inputs = InputWatch(past, first=until.date())
        except MonitoringError as error:
            _log.warning("drift of the inputs is not watched: %s Give a reference.", error)


def _against(reference: Path, today: date) -> InputWatch:
    """Days from today on against a table, by season where it covers a year."""
    frame = load_table(reference, HOUSES)
    days = (frame["listed_on"].max() - frame["listed_on"].min()).days + 1
    season = SEASON_DAYS if days >= YEAR_DAYS - 1 else None
    return InputWatch(History(frame, WATCHED, day="listed_on", schema=HOUSES, season_days=season), first=today)


def monitor_app(beside: Beside, *, every_s: float, hook: Extension | None = None) -> FastAPI:
    """/metrics and /live, with `hook` what Alertmanager calls; looks every `every_s` seconds while it runs."""
    from fastapi import FastAPI
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response

    registry = CollectorRegistry()
    registry.register(beside.figures)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        ended = threading.Event()
        with beside.opened() as look:
            thread = threading.Thread(target=_look_on, args=(look, every_s, ended), name="monitor")
            thread.start()
            try:
                yield
            finally:
                ended.set()
                thread.join()

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "live"})

    app.add_route("/metrics", metrics)
    app.add_route("/live", live)
    if hook is not None:
        hook(app)
    return app


def _look_on(look: Callable[[], Look], every_s: float, ended: threading.Event) -> None:
    """What goes wrong in one look is logged, and the next one comes: MonitorStale tells when none gets through."""
    while True:
        try:
            look()
        except Exception:  # noqa: BLE001  it is logged whole
            _log.exception("the monitor could not look")
        if ended.wait(every_s):
            return
