"""One batch run as a command, for cron and containers: `python -m lib.serving.batch_job SOURCE DESTINATION …`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lib.errors import LibError
from lib.serving.batch import Query, score_table


def main(arguments: Sequence[str] | None = None) -> int:
    """Score a table once; 0 when it was published, else 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m lib.serving.batch_job", description=__doc__)
    parser.add_argument("source", type=Path, help="a .parquet or .csv file, a folder of them, or a DuckDB file")
    parser.add_argument("destination", type=Path)
    parser.add_argument("--model", required=True, help="the registered model whose champion scores")
    parser.add_argument("--key", required=True, help="the column that tells rows apart")
    parser.add_argument("--sql", help="with a DuckDB file: the table to score, as SQL (FROM houses)")
    parser.add_argument("--partition-by", help="a column; without it partitions have --partition-rows rows")
    parser.add_argument("--partition-rows", type=int, default=200_000)
    parser.add_argument("--scheduler", help="the address of a Dask scheduler; without it local processes are used")
    given = parser.parse_args(arguments)
    try:
        manifest = score_table(
            given.source if given.sql is None else Query(given.source, given.sql),
            given.destination,
            model=given.model,
            key=given.key,
            partition_by=given.partition_by,
            partition_rows=given.partition_rows,
            executor=given.scheduler,
        )
    except LibError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    reused = sum(each.reused for each in manifest.partitions)
    sys.stdout.write(
        f"{manifest.finished_at:%Y-%m-%d %H:%M:%S} UTC: version {manifest.model_version} of {manifest.model} scored "
        f"{manifest.scored} of {manifest.rows} rows, {manifest.rejected} rejected, {reused} of "
        f"{len(manifest.partitions)} partitions unchanged\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
