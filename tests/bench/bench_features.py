"""Features read online and joined offline, beside what one writes without a feature store; run alone, it prints."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

ROWS = 1_000_000
ENTITIES = 10_000
READS = 400
ROUNDS = 5


def main() -> list[dict[str, Any]]:
    """A read of one entity, in ms at the 99th percentile, and a join of a million rows with a million events, in s.

    The peer of a read asks DuckDB for the latest row of a table that it holds in memory; it has ours' answer to give.
    The peer of the join is `pandas.merge_asof` from the same rows and the same Parquet file of events, sorting included
    (it asks for sorted frames; ours takes rows as they come and gives them back so). It knows no arrival: events have
    none here.
    """
    import duckdb
    import pandas as pd

    from lib.features import FeatureStore, FeatureView
    from lib.settings import Settings

    view = FeatureView(
        name="prices",
        entity="house",
        key_type="integer",
        columns={"price_eur": "number", "offers": "integer"},
        ttl=timedelta(days=30),
        owner="bench",
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        FeatureStore(Settings(root=Path(folder))) as store,
        duckdb.connect() as engine,
    ):
        events, rows = _events(), _rows()
        file = Path(folder, "events.parquet")
        events.to_parquet(file)
        store.apply(view)
        store.ingest(view, file)
        until = rows["event_time"].max().to_pydatetime()
        store.materialise(view, until=until)
        engine.execute("SET TimeZone = 'UTC'")
        engine.execute(f"CREATE TABLE events AS SELECT * FROM '{file}'")

        def online(house: int) -> Any:
            return store.online([{"house": house}], [view], at=until)[0]["price_eur"]

        def latest(house: int) -> Any:
            found = engine.execute(
                "SELECT price_eur FROM events WHERE house = ? AND event_time BETWEEN ? AND ? "
                "ORDER BY event_time DESC LIMIT 1",
                [house, until - timedelta(days=30), until],
            ).fetchone()
            return found[0] if found else None

        def ours() -> pd.Series[float]:
            return store.join(rows, [view])["price_eur"]

        def peer() -> pd.Series[float]:
            given = rows.reset_index().sort_values("event_time", kind="stable")
            known = pd.read_parquet(file).sort_values("event_time", kind="stable")
            joined = pd.merge_asof(given, known, on="event_time", by="house", tolerance=pd.Timedelta(days=30))
            return joined.set_index("index").sort_index()["price_eur"]

        assert ours().fillna(-1).tolist() == peer().fillna(-1).tolist()
        houses = range(0, ENTITIES, ENTITIES // READS)
        assert [online(house) for house in houses] == [latest(house) for house in houses]
        reads = [(_p99_ms(online, houses), _p99_ms(latest, houses[::8])) for _ in range(ROUNDS)]
        joins = [(_seconds(ours), _seconds(peer)) for _ in range(ROUNDS)]
    return [
        _row("online read of one entity, p99", reads, peer_name="DuckDB, latest row", unit="ms", n=READS, bar=2),
        _row("point-in-time join, 1 M rows, 1 M events", joins, peer_name="pandas.merge_asof", unit="s", n=1, bar=0.4),
    ]


def _events() -> Any:
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(0)
    # Distinct times: which of two equal ones `merge_asof` takes depends on the order of its input.
    seconds = random.permutation(ROWS) * 30
    return pd.DataFrame(
        {
            "house": random.integers(0, ENTITIES, ROWS),
            "event_time": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(seconds, unit="s"),
            "price_eur": random.uniform(1e5, 1e6, ROWS),
            "offers": random.integers(0, 9, ROWS),
        }
    )


def _rows() -> Any:
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(1)
    seconds = random.integers(0, ROWS * 30, ROWS)
    return pd.DataFrame(
        {
            "house": random.integers(0, ENTITIES + 100, ROWS),
            "event_time": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(seconds, unit="s"),
        }
    )


def _p99_ms(read: Callable[[int], Any], houses: range) -> float:
    taken = []
    for house in houses:
        started = time.perf_counter()
        read(house)
        taken.append(1000 * (time.perf_counter() - started))
    return statistics.quantiles(taken, n=100)[98]


def _seconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _row(
    name: str, pairs: list[tuple[float, float]], *, peer_name: str, unit: str, n: int, bar: float
) -> dict[str, Any]:
    ratios = [peer / own for own, peer in pairs]
    return {
        "name": name,
        "ours": round(statistics.median(own for own, _ in pairs), 3),
        "peer": round(statistics.median(peer for _, peer in pairs), 3),
        "peer_name": peer_name,
        "unit": unit,
        "ratio": round(statistics.median(ratios), 2),
        "low": round(min(ratios), 2),
        "high": round(max(ratios), 2),
        "n": n * len(pairs),
        "bar": bar,
    }


if __name__ == "__main__":
    json.dump(main(), sys.stdout, indent=1)
