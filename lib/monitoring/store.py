"""Predictions as they were logged, and what came true, in one DuckDB file; joined by request, never by order."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import Field

from lib.errors import MonitoringError
from lib.market import Schema
from lib.monitoring.compare import Frozen
from lib.serving.log import read_segments

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

MATURES = timedelta(days=30)
_TYPES = {"string": "TEXT", "integer": "DOUBLE", "number": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE"}

_TABLES = """
CREATE TABLE IF NOT EXISTS segments (segment TEXT PRIMARY KEY, bytes BIGINT);
CREATE TABLE IF NOT EXISTS predictions (
    segment TEXT, request_id TEXT, row INTEGER, asked_at TIMESTAMPTZ, model TEXT, version INTEGER,
    features JSON, output TEXT, number DOUBLE);
CREATE TABLE IF NOT EXISTS labels (
    request_id TEXT, row INTEGER, known_at TIMESTAMPTZ, label TEXT, number DOUBLE, corrects BOOLEAN);
CREATE OR REPLACE TEMP MACRO as_number(text) AS
    coalesce(TRY_CAST(text AS DOUBLE), CASE lower(text) WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 END);
-- One line a prediction; a retry under the same id is the same prediction, and its first answer counts.
CREATE OR REPLACE TEMP MACRO answered(as_of) AS TABLE
    SELECT request_id, row, min(asked_at) AS asked_at, count(*) AS lines, arg_min(model, asked_at) AS model,
        arg_min(version, asked_at) AS version, arg_min(features, asked_at) AS features,
        arg_min(output, asked_at) AS output, arg_min(number, asked_at) AS number
    FROM predictions WHERE asked_at <= as_of GROUP BY ALL;
-- One line a label; a correction takes the place of all that was said before it.
CREATE OR REPLACE TEMP MACRO settled(as_of) AS TABLE
    SELECT request_id, row, min(known_at) AS first_known, count(*) AS lines,
        count(DISTINCT said) FILTER (valid) AS versions, min(label) FILTER (valid) AS label,
        min(number) FILTER (valid) AS number, min(known_at) FILTER (valid) AS known_at
    FROM (
        SELECT *, coalesce(number::TEXT, label) AS said,
            coalesce(known_at >= max(known_at) FILTER (corrects) OVER (PARTITION BY request_id, row), true)
            AND (corrects OR coalesce(
                known_at > max(known_at) FILTER (corrects) OVER (PARTITION BY request_id, row), true)) AS valid
        FROM labels WHERE known_at <= as_of)
    GROUP BY request_id, row;
-- One line a prediction, with its label where that holds.
CREATE OR REPLACE TEMP MACRO joined(as_of, matures) AS TABLE
    SELECT p.request_id, p.row, p.asked_at, p.model, p.version, p.features, p.output, p.number AS prediction, p.lines,
        p.asked_at + matures <= as_of AS mature, s.versions > 1 AS contradicting, s.first_known < p.asked_at AS early,
        s.first_known > p.asked_at + matures AS late, s.known_at,
        CASE WHEN s.versions = 1 AND s.first_known >= p.asked_at THEN s.label END AS label,
        CASE WHEN s.versions = 1 AND s.first_known >= p.asked_at THEN s.number END AS truth
    FROM answered(as_of) p LEFT JOIN settled(as_of) s USING (request_id, row);
"""
_COUNTS = """
SELECT count(*), coalesce(sum(lines - 1), 0), count(*) FILTER (mature), count(label), count(label) FILTER (mature),
    count(*) FILTER (late AND label IS NOT NULL), count(*) FILTER (contradicting), count(*) FILTER (early)
FROM joined($as_of::TIMESTAMPTZ, $matures::INTERVAL)
"""
_LABEL_COUNTS = """
SELECT coalesce(sum(s.lines), 0), coalesce(sum(s.lines - s.different), 0), count(*) FILTER (p.request_id IS NULL)
FROM (SELECT request_id, row, count(*) AS lines, count(DISTINCT coalesce(number::TEXT, label)) AS different
      FROM labels WHERE known_at <= $as_of::TIMESTAMPTZ GROUP BY ALL) s
LEFT JOIN (SELECT DISTINCT request_id, row
           FROM predictions WHERE asked_at <= $as_of::TIMESTAMPTZ) p USING (request_id, row)
"""


class Counts(Frozen):
    """What is known at `as_of`; figures say nothing without these beside them.

    `predictions` are answered rows, without `repeated` lines of retries. A prediction is mature when it is so old that
    its label should be known; `labelled` have one that holds. `late` labels came after that age. Set aside are
    `contradicting` ones, until a correction settles them, and `early` ones, known before the prediction was made: what
    is known is no prediction. `duplicated` lines say the same again, `orphans` belong to no prediction (yet).
    """

    as_of: datetime
    predictions: int = Field(ge=0)
    repeated: int = Field(ge=0)
    mature: int = Field(ge=0)
    labelled: int = Field(ge=0)
    mature_labelled: int = Field(ge=0)
    late: int = Field(ge=0)
    contradicting: int = Field(ge=0)
    early: int = Field(ge=0)
    label_lines: int = Field(ge=0)
    duplicated: int = Field(ge=0)
    orphans: int = Field(ge=0)

    @property
    def coverage(self) -> float:
        """The share of mature predictions that have a label; 0 when none is mature."""
        return self.mature_labelled / self.mature if self.mature else 0.0

    @property
    def maturity(self) -> float:
        """The share of predictions that are old enough to expect a label."""
        return self.mature / self.predictions if self.predictions else 0.0


class PredictionStore:
    """Both sides of the truth in one file; every question is answered as of a moment, and inside of DuckDB.

    `matures` is how long after a prediction its label is expected. One process at a time may have the store open.
    """

    def __init__(self, path: Path, *, matures: timedelta = MATURES, memory_mb: int = 1_024) -> None:
        self.matures, self._path, self._memory_mb = matures, path, memory_mb
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()

    def _open(self) -> None:
        import duckdb

        try:
            self.connection = duckdb.connect(
                str(self._path), config={"memory_limit": f"{self._memory_mb}MB", "autoinstall_known_extensions": False}
            )
        except duckdb.IOException as error:
            raise MonitoringError(
                f"{self._path} cannot be opened: {error}. Close the other process that has it open, or name another."
            ) from error
        self.connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        self.connection.execute(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write everything into the file and let go of it."""
        self.connection.close()

    def take_predictions(self, folder: Path) -> int:
        """Take in what was logged in `folder` since the last time; how many lines are new.

        Segments are only added to: of one that grew, the lines behind those that were taken before are read, in one
        transaction with the mark how far, so that a line is taken once however often this is called and wherever it is
        killed. A last line that is not whole yet is left for the next time. Where lines were taken back since, as a log
        does whose disk failed, the segment is taken anew.
        """
        known = dict(self.connection.execute("SELECT segment, bytes FROM segments").fetchall())
        before = self._lines("predictions")
        for path in sorted(folder.glob("*.jsonl")):
            start = known.get(str(path), 0)
            if path.stat().st_size != start:
                self._take_lines(path, start if _is_whole(path, start) else 0)
        return self._lines("predictions") - before

    def _take_lines(self, path: Path, start: int) -> None:
        with tempfile.TemporaryDirectory(dir=self._path.parent) as scratch:
            added = Path(scratch, path.name)
            size = _copy_lines(path, start, added)
            if not size:
                return
            with self._transaction():
                if not start:
                    self.connection.execute("DELETE FROM predictions WHERE segment = ?", [str(path)])
                read_segments([added], connection=self.connection).project(
                    f'{_literal(str(path))}, request_id, row, "at", model, version, features, output, as_number(output)'
                ).insert_into("predictions")
                self.connection.execute("INSERT OR REPLACE INTO segments VALUES (?, ?)", [str(path), start + size])

    def take_labels(self, labels: pd.DataFrame | Path) -> int:
        """Add labels: a table or a Parquet file with request_id, known_at, label; how many lines it has.

        `row` says which row of the request (0 where there is no such column), `corrects` that the label takes the place
        of what was said before. Nothing is refused for what it says: what is late, said twice, contradicted or of no
        prediction is told apart when the figures are made, and counted. Raises MonitoringError for missing columns, and
        for lines without an id, a time or a label; then nothing is taken.
        """
        source = (
            self.connection.read_parquet(str(labels)) if isinstance(labels, Path) else self.connection.from_df(labels)
        )
        missing = [name for name in ("request_id", "known_at", "label") if name not in source.columns]
        if missing:
            raise MonitoringError(f"the labels lack {', '.join(missing)}. Give request_id, known_at and label.")
        row = "row" if "row" in source.columns else "0"
        corrects = "corrects" if "corrects" in source.columns else "false"
        with self._transaction():
            before = self._lines("labels")
            source.project(
                f"request_id::TEXT, {row}::INTEGER, known_at::TIMESTAMPTZ, label::TEXT, as_number(label::TEXT), "
                f"{corrects}::BOOLEAN"
            ).insert_into("labels")
            ((empty,),) = self.connection.execute(
                "SELECT count(*) FROM labels WHERE request_id IS NULL OR known_at IS NULL OR label IS NULL"
            ).fetchall()
            if empty:
                raise MonitoringError(f"{empty} labels have no id, time or value. Send them once they are known.")
        return self._lines("labels") - before

    def forget(self, requests: Iterable[tuple[str, int]]) -> int:
        """Remove these (request_id, row) with their labels, and write the file anew so that nothing of them is left.

        Returns the number of predictions that are gone.
        """
        import pyarrow as pa

        pairs = list(requests)
        ids, rows = pa.array([each for each, _ in pairs], pa.string()), pa.array([row for _, row in pairs], pa.int32())
        before = self._lines("predictions")
        self.connection.register("__gone", pa.table({"request_id": ids, "row": rows}))
        with self._transaction():
            for table in ("predictions", "labels"):
                self.connection.execute(
                    f"DELETE FROM {table} t USING __gone g WHERE t.request_id = g.request_id AND t.row = g.row"
                )
        gone = before - self._lines("predictions")
        self.connection.unregister("__gone")
        if gone:
            self._rewrite()
        return gone

    def count(self, as_of: datetime) -> Counts:
        """How much is known at a moment, and what is wrong with it."""
        (found,) = self.connection.execute(_COUNTS, {"as_of": as_of, "matures": self.matures}).fetchall()
        (said,) = self.connection.execute(_LABEL_COUNTS, {"as_of": as_of}).fetchall()
        names = [name for name in Counts.model_fields if name != "as_of"]
        return Counts(as_of=as_of, **dict(zip(names, (*found, *said), strict=True)))

    def joined(self, as_of: datetime) -> duckdb.DuckDBPyRelation:
        """One line a prediction with its label, as of a moment.

        Columns: request_id, row, asked_at, model, version, features (JSON), output, prediction (the output as a
        number), lines, mature, contradicting, early, late, known_at, label, truth (the label as a number); the last
        three are empty where no label is known that holds.
        """
        return self.connection.sql("SELECT * FROM joined(?::TIMESTAMPTZ, ?::INTERVAL)", params=[as_of, self.matures])

    def features(
        self, schema: Schema, names: Sequence[str], *, since: datetime, until: datetime, version: int | None = None
    ) -> pd.DataFrame:
        """What was asked from `since` to before `until`: these features, of the declared kinds, and `asked_at`.

        For one `version` also what it answered, as the column `_answer`.
        """
        chosen = ", ".join(_typed(schema, name) for name in names)
        which = "" if version is None else " AND version = ?"
        answer = "" if version is None else ", number AS _answer"
        return self.connection.execute(
            f"SELECT asked_at, {chosen}{answer} FROM predictions WHERE asked_at >= ? AND asked_at < ?{which} "
            "ORDER BY asked_at, request_id, row",
            [since, until, *([] if version is None else [version])],
        ).df()

    def _rewrite(self) -> None:
        """DuckDB keeps deleted rows in the blocks of its file until it needs them: copy what is left into a new one."""
        fresh = self._path.with_name(f".{self._path.name}.fresh")
        fresh.unlink(missing_ok=True)
        self.connection.execute(f"ATTACH {_literal(str(fresh))} AS fresh")
        (name,) = self.connection.execute("SELECT current_database()").fetchall()[0]
        self.connection.execute(f"COPY FROM DATABASE {_quoted(name)} TO fresh; DETACH fresh")
        self.connection.close()
        fresh.replace(self._path)
        self._open()

    def _lines(self, table: str) -> int:
        ((lines,),) = self.connection.execute(f"SELECT count(*) FROM {table}").fetchall()
        return int(lines)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.connection.begin()
        try:
            yield
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()


def _is_whole(path: Path, size: int) -> bool:
    """Whether the first bytes of a segment end in a whole line."""
    with path.open("rb") as stream:
        stream.seek(max(size - 1, 0))
        return stream.read(1) == b"\n"


def _copy_lines(path: Path, start: int, to: Path) -> int:
    """The whole lines from the byte `start` on, as a file of their own; how many bytes they are."""
    with path.open("rb") as stream:
        stream.seek(start)
        lines = b"".join(stream.read().rpartition(b"\n")[:2])
    to.write_bytes(lines)
    return len(lines)


def field(name: str) -> str:
    """SQL that reads a feature out of the column `features`, as text."""
    return f"features->>{_literal('$.' + name)}"


def _typed(schema: Schema, name: str) -> str:
    return f"TRY_CAST({field(name)} AS {_TYPES[schema[name].kind]}) AS {_quoted(name)}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
