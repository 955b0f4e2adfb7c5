"""One partition scored, in whatever process or on whatever machine: plain paths and digests in, a record out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.errors import BatchError
from lib.registry.artifact import load_verified
from lib.serving.batch_manifest import PARTITIONS, DataFile, Partition, file_digest, finish, written
from lib.serving.batch_predict import REFUSALS, predict_rows
from lib.serving.batch_source import Staged
from lib.serving.schema import Input

if TYPE_CHECKING:
    import pyarrow as pa

_MODULES = ("batch_partition.py", "batch_predict.py", "batch_source.py")
_LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn")


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """What partitions share: a version's files and the digest they must have, its inputs, key, destination."""

    what: str
    location: str
    digest: str
    inputs: tuple[Input, ...]
    key: str
    folder: Path
    trusted: tuple[str, ...] = ()


def fingerprint(part: Staged, scoring: Scoring) -> str:
    """What decides a partition's answers, in 32 hexadecimal digits: its rows, the model, and the code that scores."""
    inputs = [part.name, part.digest, scoring.digest, repr(scoring.inputs), scoring.key, code_digest()]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:32]


@cache
def code_digest() -> str:
    """`sha256:…` over the modules that make an answer from a row, and the versions of the libraries they use."""
    total = hashlib.sha256()
    for name in _MODULES:
        total.update(Path(__file__).with_name(name).read_bytes())
    total.update(json.dumps([f"{name}=={version(name)}" for name in _LIBRARIES]).encode())
    return f"sha256:{total.hexdigest()}"


def score_partition(part: Staged, scoring: Scoring) -> Partition:
    """Score a staged partition into the destination and record it as done; half of one never counts.

    Raises BatchError when the model fails on row after row, or the staged file cannot be seen from here.
    """
    import pyarrow as pa

    if not part.path.is_file():
        raise BatchError(f"{part.path} is not here. Workers on other machines need the destination on a shared folder.")
    estimator = load_verified(scoring.location, scoring.digest, what=scoring.what, trusted=scoring.trusted).model
    mark = fingerprint(part, scoring)
    stem = f"{re.sub(r'[^A-Za-z0-9=_-]', '_', part.name)[:60]}-{mark}"
    with (
        pa.memory_map(str(part.path)) as source,
        _table(scoring.folder, f"{stem}.parquet") as scores,
        _table(scoring.folder, f"{stem}-rejects.parquet") as rejects,
    ):
        for batch in pa.ipc.open_stream(source):
            good, bad = _scored(batch, estimator, scoring.inputs, scoring.key)
            scores.add(good)
            rejects.add(bad)
    done = Partition(
        name=part.name, fingerprint=mark, input_digest=part.digest, rows=part.rows,
        scores=scores.file, rejects=rejects.file,
    )  # fmt: skip
    finish(scoring.folder, done)
    return done


def _scored(batch: pa.RecordBatch, estimator: Any, inputs: tuple[Input, ...], key: str) -> tuple[pa.Table, pa.Table]:
    """The rows of a batch that have an answer, and those that have none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = pa.Table.from_batches([batch])
    fit = pc.equal(table["reason"], "")
    rejected = table.filter(pc.invert(fit)).select(["key", "reason", "row"])
    rows = table.filter(fit)
    frame = rows.select([f"in_{number}" for number in range(len(inputs))]).to_pandas()
    frame.columns = [each.name for each in inputs]
    try:
        answers, failed = predict_rows(estimator, frame)
    except REFUSALS as error:
        raise BatchError(f"the model fails on these rows: {error}. Compare them with its signature.") from error
    keys = rows["key"]
    if failed:
        places = list(failed)
        lost = frame.iloc[places].to_json(orient="records", lines=True).splitlines()
        refused = pa.table({"key": keys.take(places), "reason": list(failed.values()), "row": lost})
        rejected = pa.concat_tables([rejected, refused.cast(rejected.schema)])
        keys = keys.take([row for row in range(len(rows)) if row not in failed])
    return pa.table({key: keys, "prediction": pa.array(answers)}), rejected.rename_columns([key, "reason", "row"])


class _Table:
    """A Parquet file that is made with its first row; `file` describes it once it is closed."""

    def __init__(self, path: Path, closing: ExitStack) -> None:
        self._path, self._closing = path, closing
        self._writer: Any = None
        self._rows = 0
        self.file: DataFile | None = None

    def add(self, table: pa.Table) -> None:
        import pyarrow.parquet as pq

        if not len(table):
            return
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="zstd")
            self._closing.callback(self._writer.close)
        self._writer.write_table(table)
        self._rows += len(table)

    def describe(self, name: str) -> None:
        if self._writer is not None:
            self.file = DataFile(name=name, rows=self._rows, sha256=file_digest(self._path))


@contextmanager
def _table(folder: Path, name: str) -> Iterator[_Table]:
    with ExitStack() as after:
        hidden = after.enter_context(written(folder / PARTITIONS / name))
        with ExitStack() as closing:
            table = _Table(hidden, closing)
            yield table
        table.describe(name)
