"""Ten million rows, a forest, two cores: what a batch run holds in memory does not grow with its table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from sklearn.ensemble import RandomForestRegressor

from tests.lib.registered import a_run, champion, settings_in

ROOT = Path(__file__).parents[2]
ROWS = 10_000_000
MEMORY_MB = 256
# A file, not `-c`: its worker processes read it again.
_SCORE = r"""
import json, re, resource, sys, time
from pathlib import Path
from lib.serving.batch import score_table
from lib.settings import Settings
if __name__ == "__main__":
    started = time.perf_counter()
    manifest = score_table(Path(sys.argv[1]), sys.argv[2], model="houses", key="id", memory_mb=int(sys.argv[4]),
                           settings=Settings(root=sys.argv[3]))
    seconds = time.perf_counter() - started
    # Not `ru_maxrss`: a process begins with that of the one which started it.
    parent_mb = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
    worker_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "parent_mb": parent_mb, "worker_mb": worker_mb, "rows": manifest.rows,
                      "scored": manifest.scored, "rejected": manifest.rejected,
                      "reused": sum(each.reused for each in manifest.partitions)}))
"""


@pytest.mark.parametrize("rows", [ROWS // 5, ROWS])
def test_a_table_of_any_size_is_scored_in_the_same_memory(rows, tmp_path):
    """The peaks of the parent and of its largest worker stay under one bound; a second run finds all of it done."""
    settings = settings_in(tmp_path)
    champion("houses", a_run(settings, RandomForestRegressor(10, max_depth=8, random_state=0)), settings)
    table = tmp_path / "houses.parquet"
    with duckdb.connect() as engine:
        engine.execute(f"""
            COPY (SELECT range AS id, (hash(range) % 2000) / 1000 - 1 AS a,
                CASE WHEN range % 1000 = 0 THEN NULL ELSE (hash(range + 1) % 2000) / 1000 - 1 END AS b
                FROM range({rows}) ORDER BY id) TO '{table}' (FORMAT parquet)""")
    script = tmp_path / "score.py"
    script.write_text(_SCORE)
    for run in ("first", "again"):
        done = subprocess.run(
            [sys.executable, str(script), str(table), str(tmp_path / "scores"), str(tmp_path), str(MEMORY_MB)],
            capture_output=True, text=True, check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        found = json.loads(done.stdout)
        print(
            f"\n{run}: {rows:,} rows in {found['seconds']:.1f} s, {rows / found['seconds']:,.0f} rows/s, "
            f"peak {found['parent_mb']:.0f} MB and {found['worker_mb']:.0f} MB a worker"
        )
        assert (found["rows"], found["rejected"]) == (rows, rows // 1000)
        assert found["scored"] + found["rejected"] == rows
        assert found["parent_mb"] < MEMORY_MB + 640  # Python, MLflow, Arrow and DuckDB's own code beside the limit
        assert found["worker_mb"] < 768
        assert bool(found["reused"]) == (run == "again")
