"""A file scored and a stream consumed, beside the plain loops that one writes first; run alone, it prints."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROWS = 1_000_000
EVENTS = 20_000
PEER_EVENTS = 2_000
ROUNDS = 5


def main() -> list[dict[str, Any]]:
    """Rows and events a second.

    The peer of the batch reads the whole file with pandas, asks the model once and writes one file: it checks no row,
    holds everything in memory, and begins anew after a crash. Ours runs in one process too. The peer of the stream
    takes one event at a time (XREADGROUP, predict, HSET, XACK) and keeps its results in the memory of Redis; ours
    flushes each batch to the disk.
    """
    from sklearn.ensemble import RandomForestRegressor

    from lib.redis_server import open_redis
    from lib.registry import load
    from lib.settings import Settings
    from tests.lib.registered import a_run, champion, settings_in

    with tempfile.TemporaryDirectory() as folder, open_redis(Settings()) as redis:
        settings = settings_in(Path(folder))
        champion("houses", a_run(settings, RandomForestRegressor(20, max_depth=8, random_state=0)), settings)
        version = load("houses", settings=settings)
        batch = _batch(Path(folder), version, settings)
        stream = _stream(Path(folder), version, redis)
    return [
        _row("batch scoring, 1 M rows, forest of 20", batch, peer_name="pandas read, predict, write", n=ROWS, bar=0.5),
        _row("stream scoring, forest of 20", stream, peer_name="one event at a time", n=EVENTS, bar=5),
    ]


def _batch(folder: Path, version: Any, settings: Any) -> list[tuple[float, float]]:
    import pandas as pd

    from lib.serving.batch import score_table
    from tests.lib.registered import FEATURES, houses

    source = folder / "houses.parquet"
    houses(ROWS).to_parquet(source)

    def ours(number: int) -> int:
        with ThreadPoolExecutor(1) as here:
            found = score_table(
                source, folder / f"scores{number}", model=version, key="id", executor=here, settings=settings
            )
        return found.scored

    def peer(number: int) -> int:
        frame = pd.read_parquet(source)
        frame["prediction"] = version.model.predict(frame[FEATURES])
        frame[["id", "prediction"]].to_parquet(folder / f"peer{number}.parquet")
        return len(frame)

    return [(_rate(ours, number), _rate(peer, number)) for number in range(ROUNDS)]


def _stream(folder: Path, version: Any, redis: Any) -> list[tuple[float, float]]:
    import pandas as pd

    from lib.serving.stream import Event, SqliteSink, consume, publish
    from tests.lib.registered import FEATURES, houses

    rows = houses(EVENTS)[["id", *FEATURES]].to_dict("records")
    events = [Event(row["id"], {name: row[name] for name in FEATURES}) for row in rows]

    def ours(number: int) -> int:
        sink = SqliteSink(folder / f"results{number}.db")
        done = consume(redis, f"ours{number}", model=version, sink=sink, until_done=True)
        sink.close()
        return done.scored

    def peer(number: int) -> int:
        stream = f"peer{number}"
        redis.xgroup_create(stream, "scoring", id="0")
        done = 0
        while found := redis.xreadgroup("scoring", "one", {stream: ">"}, count=1):
            ((_, ((entry, fields),)),) = found
            frame = pd.DataFrame([json.loads(fields[b"row"])])
            redis.hset("results", fields[b"id"], version.model.predict(frame)[0])
            redis.xack(stream, "scoring", entry)
            done += 1
        return done

    pairs = []
    for number in range(ROUNDS):
        publish(redis, f"ours{number}", events)
        publish(redis, f"peer{number}", events[:PEER_EVENTS])
        pairs.append((_rate(ours, number), _rate(peer, number)))
    return pairs


def _rate(score: Callable[[int], int], number: int) -> float:
    started = time.perf_counter()
    return score(number) / (time.perf_counter() - started)


def _row(name: str, pairs: list[tuple[float, float]], *, peer_name: str, n: int, bar: float) -> dict[str, Any]:
    ratios = [own / peer for own, peer in pairs]
    return {
        "name": name,
        "ours": round(statistics.median(own for own, _ in pairs)),
        "peer": round(statistics.median(peer for _, peer in pairs)),
        "peer_name": peer_name,
        "unit": "/s",
        "ratio": round(statistics.median(ratios), 2),
        "low": round(min(ratios), 2),
        "high": round(max(ratios), 2),
        "n": n * len(pairs),
        "bar": bar,
    }


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    print(json.dumps(main(), indent=2))
