"""Ten million rows, ten million events, two cores: the memory of a point-in-time join does not grow with its rows."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from lib.features import FeatureView

ROWS = 10_000_000
MEMORY_MB = 768
VIEW = FeatureView(
    name="prices",
    entity="house",
    key_type="integer",
    columns={"price_eur": "number", "offers": "integer"},
    ttl=timedelta(days=30),
    owner="tests",
    source="SELECT * FROM events",
    arrived="arrived_at",
)
# A process of its own, whose peak of memory is that of one join.
_JOIN = """
import json, resource, sys, time
from pathlib import Path
from lib.features import FeatureStore, FeatureView
from lib.settings import Settings
folder, memory_mb = Path(sys.argv[1]), int(sys.argv[2])
view = FeatureView.model_validate_json(sys.argv[3])
with FeatureStore(Settings(root=folder), memory_mb=memory_mb) as store:
    store.apply(view)
    store.add_table("events", folder / "events.parquet")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    store.join(folder / "rows.parquet", [view], to=folder / "joined.parquet", time="asked_at")
    seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": seconds, "before_mb": before / 1024, "peak_mb": peak / 1024}))
"""


@pytest.mark.parametrize("rows", [ROWS // 4, ROWS])
def test_a_join_of_any_size_stays_within_its_memory(rows, tmp_path):
    """The peak of the whole process stays near the limit, and a sample of the rows is what a plain search finds."""
    _write(tmp_path, rows)
    done = subprocess.run(
        [sys.executable, "-c", _JOIN, str(tmp_path), str(MEMORY_MB), VIEW.model_dump_json()],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    figures = json.loads(done.stdout)
    print(f"\n{rows:,} rows: {figures['seconds']:.1f} s, peak {figures['peak_mb']:.0f} MB of a limit of {MEMORY_MB} MB")
    assert figures["peak_mb"] < MEMORY_MB + 512  # Python, Arrow and DuckDB's own code beside what the limit counts
    assert _differences(tmp_path, rows) == 0


def _write(folder: Path, rows: int) -> None:
    """A year of events and questions about a hundred thousand houses; one event in five arrives up to a week late."""
    year_s = 365 * 86_400
    with duckdb.connect(":memory:", config={"preserve_insertion_order": False}) as engine:
        engine.execute("SET TimeZone = 'UTC'")
        engine.execute("SELECT setseed(0.5)")
        engine.execute(f"""
            COPY (SELECT house, event_time, event_time + to_seconds(late) AS arrived_at, price_eur, offers FROM (
                SELECT hash(range) % 100_000 AS house,
                    TIMESTAMPTZ '2024-01-01' + to_seconds((hash(range + 1) % {year_s})::BIGINT) AS event_time,
                    CASE WHEN hash(range + 2) % 5 = 0 THEN (hash(range + 3) % 604_800)::BIGINT ELSE 0 END AS late,
                    (hash(range + 4) % 1_000_000)::DOUBLE AS price_eur, (hash(range + 5) % 9)::INTEGER AS offers
                FROM range(0, {rows} * 10, 10)))
            TO '{folder / "events.parquet"}' (FORMAT parquet)""")
        engine.execute(f"""
            COPY (SELECT range AS id, (hash(range + 6) % 101_000)::BIGINT AS house,
                TIMESTAMPTZ '2024-01-01' + to_seconds((hash(range + 7) % {year_s})::BIGINT) AS asked_at
                FROM range({rows}) ORDER BY id)
            TO '{folder / "rows.parquet"}' (FORMAT parquet)""")


def _differences(folder: Path, rows: int) -> int:
    """How many of a thousand rows differ from a search through all events, or stand elsewhere than before."""
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        ((count,),) = engine.execute(f"""
            WITH joined AS (SELECT * FROM read_parquet('{folder / "joined.parquet"}', file_row_number = true)),
            asked AS (SELECT * FROM joined WHERE id % ({rows} // 1000) = 0),
            found AS (
                SELECT id, arg_max(events.price_eur, (event_time, arrived_at)) AS price_eur,
                    max(event_time) AS event_time
                FROM asked JOIN '{folder / "events.parquet"}' events
                    ON asked.house = events.house AND event_time <= asked_at AND arrived_at <= asked_at
                GROUP BY id)
            SELECT count(*) FROM asked LEFT JOIN found USING (id)
            WHERE asked.file_row_number != id OR asked.price_eur IS DISTINCT FROM
                CASE WHEN asked_at - found.event_time <= INTERVAL 30 DAYS THEN found.price_eur END""").fetchall()
    return int(count)
