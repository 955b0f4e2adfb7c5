"""`python -m lib batch`: one batch run as a command, for cron and containers."""

from __future__ import annotations

import argparse
from pathlib import Path

from lib.settings import Settings


def add_batch(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """A run ends with exit code 1, and the reason, when nothing was published."""
    batch = commands.add_parser("batch", help="score a table once with the registry's champion")
    batch.set_defaults(run=_batch)
    batch.add_argument("source", type=Path, help="a .parquet or .csv file, a folder of them, or a DuckDB file")
    batch.add_argument("destination", type=Path)
    batch.add_argument("--model", required=True, help="the registered model whose champion scores")
    batch.add_argument("--key", required=True, help="the column that tells rows apart")
    batch.add_argument("--sql", help="with a DuckDB file: the table to score, as SQL (FROM houses)")
    batch.add_argument("--partition-by", help="a column; without it partitions have --partition-rows rows")
    batch.add_argument("--partition-rows", type=int, default=200_000)
    batch.add_argument("--scheduler", help="the address of a Dask scheduler; without it local processes are used")


def _batch(options: argparse.Namespace) -> int:
    from lib.cli_safeguards import safeguards
    from lib.serving.batch import Query, score_table

    settings = Settings()
    manifest = score_table(
        options.source if options.sql is None else Query(options.source, options.sql),
        options.destination,
        model=options.model,
        key=options.key,
        partition_by=options.partition_by,
        partition_rows=options.partition_rows,
        executor=options.scheduler,
        admit=safeguards(settings).admit,
        settings=settings,
    )
    reused = sum(each.reused for each in manifest.partitions)
    print(
        f"{manifest.finished_at:%Y-%m-%d %H:%M:%S} UTC: version {manifest.model_version} of {manifest.model} scored "
        f"{manifest.scored} of {manifest.rows} rows, {manifest.rejected} rejected, {reused} of "
        f"{len(manifest.partitions)} partitions unchanged"
    )
    return 0
