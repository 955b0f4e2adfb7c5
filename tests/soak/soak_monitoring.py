"""Two million logged predictions and their labels: what the store holds in memory does not grow with them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parents[2]
ROWS = 2_000_000
MEMORY_MB = 512
_ASK = r"""
import json, re, sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from lib.monitoring import PredictionStore, performance
folder, as_of, started = Path(sys.argv[1]), datetime(2024, 9, 1, tzinfo=UTC), time.perf_counter()
with PredictionStore(folder / "monitoring.duckdb", memory_mb=int(sys.argv[2])) as store:
    store.connection.execute("SET threads = 2")
    taken = store.take_predictions(folder / "log")
    store.take_labels(folder / "labels.parquet")
    counts = store.count(as_of)
    figures = performance(store, task="regression", window=timedelta(days=7), as_of=as_of, by="district")
seconds = time.perf_counter() - started
peak_mb = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
print(json.dumps({"seconds": seconds, "peak_mb": peak_mb, "taken": taken, "figures": len(figures),
                  "n": sum(figure.n for figure in figures), "coverage": counts.coverage}))
"""


@pytest.mark.parametrize("rows", [ROWS // 5, ROWS])
def test_a_log_of_any_size_is_joined_in_the_same_memory(rows, tmp_path):
    """Taking in, counting and a figure a week and district stay under one bound, at a fifth of the rows and at all."""
    (tmp_path / "log").mkdir()
    with duckdb.connect() as engine:
        for part in range(10):
            engine.execute(f"""
                COPY (SELECT 'r' || i AS request_id, 0 AS row,
                    strftime(TIMESTAMP '2024-01-01' + to_seconds(i * {10_000_000 // rows}),
                        '%Y-%m-%dT%H:%M:%SZ') AS "at",
                    'm' AS model, 1 AS version, 'run' AS run_id,
                    {{'district': ['centre', 'suburb', 'country'][i % 3 + 1], 'area_m2': i % 200}} AS features,
                    100.0 + i % 97 AS output, 1.5 AS latency_ms
                    FROM range({part} * {rows // 10}, {part + 1} * {rows // 10}) t(i))
                TO '{tmp_path}/log/{part}.jsonl' (FORMAT json)""")
        engine.execute(f"""
            COPY (SELECT 'r' || i AS request_id, TIMESTAMPTZ '2024-08-01' AS known_at, 100.0 + i % 89 AS label
                FROM range(0, {rows}, 2) t(i)) TO '{tmp_path}/labels.parquet' (FORMAT parquet)""")
    command = [sys.executable, "-c", _ASK, str(tmp_path), str(MEMORY_MB)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    print(f"\n{rows:,} rows: {found['seconds']:.0f} s, {found['peak_mb']:.0f} MB")
    assert (found["taken"], found["n"], found["coverage"]) == (rows, rows // 2, 0.5)
    assert found["peak_mb"] < 2 * MEMORY_MB
