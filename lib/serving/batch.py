"""A warehouse table scored by a registered model: out of core, partition by partition, published in one step.

    manifest = score_table(Path("houses.parquet"), "out/scores", model="house-price-predictor", key="id")
    answers = pandas.concat(map(pandas.read_parquet, manifest.scores))

What a partition's answers depend on (its rows, the model's files, the code) is its fingerprint. A partition whose
fingerprint is known is not scored again, whether an earlier run finished it or one that was killed; so a retry is
harmless. Readers call `published(destination)`, which names the files of one complete result.
"""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lib.errors import BatchError, LibError
from lib.registry.contender import Admit
from lib.registry.serving import LoadedVersion, load
from lib.registry.stores import open_stores
from lib.serving.batch_manifest import PARTITIONS, Manifest, Partition, finished, publish, published, written
from lib.serving.batch_partition import Scoring, code_digest, fingerprint, score_partition
from lib.serving.batch_predict import schema_of
from lib.serving.batch_source import Query, Staged, check_source, literal, open_source, staged
from lib.serving.fork_server import forking
from lib.settings import Settings

__all__ = ["Manifest", "Query", "export", "published", "score_table"]

_LOCK, _STAGING = ".lock", ".staging-"
_AHEAD = 16  # staged partitions that wait for a worker: they bound the disk that a run needs beside its result


def score_table(
    source: Query | str | Path,
    destination: str | Path,
    *,
    model: LoadedVersion | str,
    key: str,
    partition_rows: int = 200_000,
    partition_by: str | None = None,
    executor: Executor | str | None = None,
    wait_s: float = 0.0,
    memory_mb: int = 256,
    trusted: Iterable[str] = (),
    admit: Admit | None = None,
    settings: Settings | None = None,
) -> Manifest:
    """Score every row of `source` (a DuckDB `Query`, a Parquet or CSV file, a folder of them) into `destination`.

    `model` is a version that the registry loaded, or the name of a model whose champion is taken. `key` is the column
    that tells rows apart. Partitions are runs of `partition_rows` in the source's order, or one a value of the column
    `partition_by`, which stays the same when rows of other partitions come and go. They are scored here when there is
    one, else in local processes; on any executor given; or on the Dask scheduler at an address, whose workers see
    `destination` and the registry. `admit` is asked of a model by name, as by `load`; workers read the very files that
    it let in. `memory_mb` bounds DuckDB; a worker holds 65,536 rows at a time.

    Rows whose key or inputs are missing, of another type, not finite or outside what the server would take, and rows
    that the model refuses, are kept with reasons in the rejects. Raises BatchError (also while another run works on
    `destination`, after `wait_s`) and what `load` raises; then what was published before stands, and the next call goes
    on with what is finished.
    """
    started = datetime.now(UTC)
    source = source if isinstance(source, Query) else Path(source)
    if partition_rows < 1:
        raise BatchError(f"partition_rows is {partition_rows}. Give a number of rows, 1 or more.")
    if key == "prediction":
        raise BatchError("the key is called 'prediction', as the answers are. Rename it in the query.")
    settings = settings or Settings()
    version = load(model, trusted=tuple(trusted), admit=admit, settings=settings) if isinstance(model, str) else model
    folder = Path(destination).resolve()
    scoring = _scoring(version, tuple(trusted), settings, key=key, folder=folder)
    with _explained(), _alone(folder, wait_s) as staging:
        with open_source(source, staging, memory_mb=memory_mb) as (connection, sql):
            cut = partition_by or partition_rows
            rows = check_source(connection, sql, key=key, inputs=scoring.inputs, cut=cut)
            parts = staged(connection, sql, key=key, inputs=scoring.inputs, cut=cut, folder=staging)
            partitions = _score_all(parts, scoring, executor)
        manifest = Manifest(
            folder=folder, source=_shown(source), key=key,
            model=version.name, model_version=version.version, model_digest=version.digest, code=code_digest(),
            input_digest=_digest_of(partitions), started_at=started, finished_at=datetime.now(UTC), rows=rows,
            scored=sum(each.scored for each in partitions), rejected=sum(each.rejected for each in partitions),
            partitions=tuple(partitions),
        )  # fmt: skip
        _check_counts(manifest)
        publish(manifest)
    return manifest


def export(manifest: Manifest, to: str | Path) -> Path:
    """All scores in one `.parquet` or `.csv` file, which replaces an older one in one step."""
    import duckdb

    to = Path(to)
    if to.suffix not in (".parquet", ".csv"):
        raise BatchError(f"{to} ends in {to.suffix!r}. Scores are exported to .parquet and .csv files.")
    names = ", ".join(literal(str(path)) for path in manifest.scores)
    with _explained(), written(to) as hidden, duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_parquet([{names}])) TO {literal(str(hidden))} (FORMAT {to.suffix[1:]})"
        )
    return to


def _scoring(
    version: LoadedVersion, trusted: tuple[str, ...], settings: Settings, *, key: str, folder: Path
) -> Scoring:
    with open_stores(settings) as stores:
        location = stores.location(version.name, version.version)
    return Scoring(
        what=f"version {version.version} of {version.name}", location=location, digest=version.digest,
        inputs=schema_of(version).inputs, key=key, folder=folder, trusted=trusted,
    )  # fmt: skip


@contextmanager
def _alone(folder: Path, wait_s: float) -> Iterator[Path]:
    """A staging folder inside `folder`, for one run at a time; what a killed run staged is removed."""
    (folder / PARTITIONS).mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / _LOCK, timeout=wait_s):
            for left in folder.glob(f"{_STAGING}*"):
                shutil.rmtree(left)
            with tempfile.TemporaryDirectory(prefix=_STAGING, dir=folder) as staging:
                yield Path(staging)
    except Timeout as error:
        raise BatchError(
            f"another run works on {folder} (waited {wait_s:g} s). Wait for it, or give a longer wait_s."
        ) from error


@contextmanager
def _explained() -> Iterator[None]:
    """What storage, SQL and worker processes raise, as a BatchError."""
    import duckdb
    import pyarrow as pa

    way_out = "What was published before stands; put it right and run again: finished partitions are kept."
    try:
        yield
    except LibError:
        raise
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise BatchError(f"{type(error).__name__}: {str(error).strip()}. {way_out}") from error
    except BrokenExecutor as error:
        raise BatchError(f"a worker process ended ({error}); perhaps memory ran out. {way_out}") from error


def _score_all(parts: Iterator[Staged], scoring: Scoring, executor: Executor | str | None) -> list[Partition]:
    """The partitions in their order; those that were finished before are not scored again."""
    first, *more = itertools.islice(parts, 2)
    if not more and executor is None:
        # A process of its own would take longer to start than most single partitions need.
        return [_known(first, scoring) or score_partition(first, scoring)]
    order: list[str] = []
    done: dict[str, Partition] = {}
    running: set[Future[Partition]] = set()
    with _workers(executor) as workers:
        try:
            for part in itertools.chain([first, *more], parts):
                order.append(part.name)
                known = _known(part, scoring)
                if known is not None:
                    done[part.name] = known
                    part.path.unlink()
                    continue
                running.add(workers.submit(score_partition, part, scoring))
                if len(running) >= _AHEAD:
                    running = _collect(running, done)
            while running:
                running = _collect(running, done)
        finally:
            for future in running:
                future.cancel()
    return [done[name] for name in order]


def _known(part: Staged, scoring: Scoring) -> Partition | None:
    return finished(scoring.folder, fingerprint(part, scoring))


def _collect(running: set[Future[Partition]], done: dict[str, Partition]) -> set[Future[Partition]]:
    """Wait for one at least; what is still running."""
    ended, running = wait(running, return_when=FIRST_COMPLETED)
    done |= {partition.name: partition for partition in (future.result() for future in ended)}
    return running


@contextmanager
def _workers(executor: Executor | str | None) -> Iterator[Executor]:
    if isinstance(executor, Executor):
        yield executor
    elif executor is None:
        # Not forks of this process: they would copy locks that DuckDB's threads hold.
        with ProcessPoolExecutor(os.cpu_count(), mp_context=forking(), initializer=_serve_parent) as pool:
            yield pool
    else:
        with _cluster(executor) as pool:
            yield pool


def _serve_parent() -> None:
    """End with the process that started us, in whatever way that ends; and keep to one core."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise BatchError("a cluster needs the package distributed: pip install 'mlops-workbook[cluster]'.") from error
    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise BatchError(
            f"no Dask scheduler answers at {address}: {error}. Start it or correct the address."
        ) from error
    with client, client.get_executor(pure=False) as pool:
        yield pool


def _digest_of(partitions: Iterable[Partition]) -> str:
    total = hashlib.sha256()
    for each in partitions:
        total.update(f"{each.name}\0{each.input_digest}\0".encode())
    return f"sha256:{total.hexdigest()}"


def _check_counts(manifest: Manifest) -> None:
    if manifest.rows != manifest.scored + manifest.rejected:
        raise BatchError(
            f"{manifest.rows} rows went in, {manifest.scored} were scored and {manifest.rejected} rejected: "
            "not the same number, so nothing was published. Give the query an ORDER BY, and no random part."
        )
    if not manifest.scored:
        first = next(_reasons(manifest), "no reason")
        raise BatchError(
            f"all {manifest.rows} rows were rejected ({first}, …); nothing was published, as no answers would replace "
            "those that are there. Correct the table."
        )


def _reasons(manifest: Manifest) -> Iterator[str]:
    import pyarrow.parquet as pq

    for path in manifest.rejects:
        yield from pq.read_table(path, columns=["reason"])["reason"].to_pylist()


def _shown(source: Query | Path) -> str:
    return f"{source.database}: {source.sql}" if isinstance(source, Query) else str(source)
