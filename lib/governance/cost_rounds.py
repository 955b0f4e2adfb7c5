"""`make cost`: the system at work for some rounds on this machine, each phase measured as it runs.

Real are the training, the server process and its requests, the batch, the stream with its Redis, the drift check and
the files. Simulated are the houses, and time: a round stands for an hour, and its hour is as short as its work.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import psutil

from lib.governance.cost_allocate import Capacity
from lib.governance.cost_meter import GIB
from lib.governance.cost_usage import UsageLog
from lib.market import FEATURES, HOUSES, simulate
from lib.monitoring.calibrate import calibrate
from lib.monitoring.detector import Detector
from lib.monitoring.history import History
from lib.monitoring.store import PredictionStore
from lib.monitoring.trial import WATCHED
from lib.redis_server import open_redis
from lib.registry import LoadedVersion, Safeguards, load
from lib.registry.safeguards import NONE
from lib.serving.batch import score_table
from lib.serving.first import ensure_champion
from lib.serving.replica import Replica
from lib.serving.stream import consume
from lib.serving.stream_events import Event, publish
from lib.serving.stream_sink import SqliteSink
from lib.serving.traffic import arrivals, traffic
from lib.settings import Settings
from lib.store import prepare_store

if TYPE_CHECKING:
    from lib.serving.server import Equip

HISTORY_DAYS, ROWS_A_DAY, WINDOWS = 366, 40, 20
TODAY = date(2026, 1, 1)


@dataclass(frozen=True)
class Work:
    """How much is done in a round; requests come at random, at `rate` a second for `seconds`."""

    rounds: int = 6
    seconds: float = 3.0
    rate: float = 60.0
    batch_rows: int = 10_000
    events: int = 2_000
    seed: int = 0


@dataclass(frozen=True)
class Worked:
    """What there was to work with, and when each round began; the last of `edges` is when the last one ended."""

    capacity: Capacity
    edges: tuple[datetime, ...]


def run_rounds(
    work: Work,
    *,
    settings: Settings,
    log: UsageLog,
    say: Callable[[str], None],
    asked: Safeguards = NONE,
    equip: Equip | None = None,
) -> Worked:
    """Train a first champion when there is none, then work for some rounds; everything taken is added to `log`.

    `asked` is what the champion passes, `equip` as `lib.serving.server.serve` takes it. The capacity is this machine's
    cores and memory while all of it lasted.
    """
    begun = time.monotonic()
    settings.root.mkdir(parents=True, exist_ok=True)
    prepare_store(settings.store_uri)
    with log.measuring("train") as counted:
        counted.version = ensure_champion(settings.served_model, settings=settings, say=say, safeguards=asked).champion
    version = load(settings.served_model, admit=asked.admit, settings=settings)
    houses = simulate("stable", rows=max(work.batch_rows, ROWS_A_DAY * HISTORY_DAYS), days=HISTORY_DAYS,
                      seed=work.seed, start=TODAY - timedelta(days=HISTORY_DAYS)).houses  # fmt: skip
    with log.measuring("monitor"):
        history = History(houses, WATCHED, day="listed_on", schema=HOUSES)
        detector = Detector(history, calibrate(history, windows=WINDOWS))
    with Replica(settings.served_model, settings=settings, equip=equip) as server:
        server.wait_ready()
        system = _System(work, settings=settings, log=log, version=version, houses=houses, detector=detector)
        edges = []
        for number in range(work.rounds):
            edges.append(datetime.now(UTC))
            say(f"round {number + 1} of {work.rounds}: requests, a batch, a stream, a look for drift")
            system.round(number, server)
        edges.append(datetime.now(UTC))
    machine = psutil.virtual_memory().total / GIB
    capacity = Capacity(cores=os.cpu_count() or 1, memory_gib=machine, window_s=time.monotonic() - begun)
    return Worked(capacity, tuple(edges))


@dataclass(frozen=True, kw_only=True)
class _System:
    work: Work = field(kw_only=False)
    settings: Settings
    log: UsageLog
    version: LoadedVersion
    houses: pd.DataFrame
    detector: Detector

    def round(self, number: int, server: Replica) -> None:
        """The server is there all the time and pays for it; the rest is measured in this process, one after another."""
        begun, version = time.monotonic(), self.version.version
        apart = () if server.pid is None else (server.pid,)
        with self.log.measuring("serve", version=version, pid=server.pid) as counted:
            counted.predictions = self._serve(server.url, number)
            with self.log.measuring("batch", version=version, without=apart) as scored:
                scored.predictions = self._batch(number)
            with self.log.measuring("stream", version=version, without=apart) as consumed:
                consumed.predictions = self._stream(number)
            with self.log.measuring("monitor", without=apart):
                self._monitor(number)
        self.log.keep("store", [self.settings.root], wall_s=time.monotonic() - begun)

    def _serve(self, url: str, number: int) -> int:
        """How many requests were answered."""
        rows = json.loads(self.houses[list(FEATURES)].head(200).to_json(orient="records"))
        rate = self.work.rate
        due = list(arrivals(lambda _now: rate, self.work.seconds, top=rate, seed=self.work.seed + number))
        with traffic(f"{url}/predict", [json.dumps(row).encode() for row in rows], due) as sending:
            pass
        return len(sending.answered) - len(sending.wrong)

    def _batch(self, number: int) -> int:
        """How many rows were scored; what this round adds is scored, and nothing of the rounds before."""
        source, rows = self.settings.root / "listed.parquet", self.work.batch_rows
        ids = np.arange(rows) + number * rows
        self.houses.head(rows).assign(house_id=ids).to_parquet(source, index=False)
        into = self.settings.root / "scores" / f"round-{number}"
        return score_table(source, into, model=self.version, key="house_id", settings=self.settings).scored

    def _stream(self, number: int) -> int:
        """How many events have a result."""
        rows = json.loads(self.houses[list(FEATURES)].head(self.work.events).to_json(orient="records"))
        sink = SqliteSink(self.settings.root / "stream.db")
        try:
            with open_redis(self.settings) as redis:
                publish(redis, "houses", (Event(f"{number}-{place}", row) for place, row in enumerate(rows)))
                return consume(redis, "houses", model=self.version, sink=sink, until_done=True).scored
        finally:
            sink.close()

    def _monitor(self, number: int) -> None:
        """Fetch what was predicted, and hold a day against the year."""
        with PredictionStore(self.settings.root / "monitoring.duckdb") as store:
            store.take_predictions(self.settings.prediction_folder)
        day = self.houses.sample(5 * ROWS_A_DAY, random_state=self.work.seed + number)
        self.detector.check(TODAY, day)
