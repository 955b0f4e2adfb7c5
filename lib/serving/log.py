"""The prediction log: what is answered is on the disk first, as JSON lines in segments that are only added to.

A line is one predicted row: request_id, row (from 0), at (UTC, ISO 8601), model, version, run_id, features, output,
latency_ms (from the arrival of the request until the line was written), and traceparent where the client sent one.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from lib.errors import LogUnwritable, ServingError

if TYPE_CHECKING:
    import duckdb

Policy = Literal["durable", "drop"]
SEGMENT_BYTES = 64 * 2**20
_log = logging.getLogger(__name__)


class PredictionLog:
    """Appends to a segment of its own, so that any number of processes may share a folder; not for several threads."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._file: int | None = None
        self._good = 0

    def append(self, lines: bytes) -> None:
        """Have `lines`, each ending in a newline, on the disk when this returns; raises LogUnwritable when none is."""
        try:
            if self._file is None or self._good >= self._segment_bytes:
                self.close()
                self._file = self._segment()
            self._write(self._file, lines)
        except OSError as error:
            self._undo()
            raise LogUnwritable(
                f"the prediction log in {self._folder} cannot be written: {error.strerror or error}. Free some space, "
                "or serve with the policy 'drop' if answers may go unrecorded."
            ) from error
        self._good += len(lines)

    def close(self) -> None:
        """Close the segment; the next append begins another."""
        if self._file is not None:
            os.close(self._file)
        self._file, self._good = None, 0

    def _segment(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{os.getpid()}-{uuid4().hex}.jsonl"
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o640)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)  # or the segment's name may be lost with the power
        finally:
            os.close(folder)
        return file

    def _write(self, file: int, lines: bytes) -> None:
        view = memoryview(lines)
        while view:
            view = view[os.write(file, view) :]
        _sync(file)

    def _undo(self) -> None:
        """Take back lines that are not acknowledged; where the disk does not even do that, at least leave them last."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._good)
                return
            self.close()


_sync = getattr(os, "fdatasync", os.fsync)

_DAMAGED = """
SELECT count(*) FROM read_json_objects(?, format = 'newline_delimited', ignore_errors = true) WHERE json IS NULL
"""
_QUERY = """
SELECT json->>'$.request_id' AS request_id, (json->>'$.row')::INTEGER AS row, (json->>'$.at')::TIMESTAMPTZ AS at,
    json->>'$.model' AS model, (json->>'$.version')::INTEGER AS version, json->>'$.run_id' AS run_id,
    json->'$.features' AS features, TRY_CAST(json->>'$.output' AS DOUBLE) AS prediction, json->>'$.output' AS output,
    (json->>'$.latency_ms')::DOUBLE AS latency_ms, json->>'$.traceparent' AS traceparent
FROM read_json_objects(?, format = 'newline_delimited', ignore_errors = true) WHERE json IS NOT NULL
"""


def read_predictions(folder: Path, *, connection: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyRelation:
    """Every logged prediction as a DuckDB relation; `.df()` makes a table of it.

    Columns: request_id, row, at, model, version, run_id, features (JSON), prediction (the output as a number, empty for
    a label), output (as text), latency_ms, traceparent. Raises ServingError when there is no segment.
    """
    import duckdb

    segments = sorted(folder.glob("*.jsonl"))
    if not segments:
        raise ServingError(f"there are no predictions in {folder}. Serve some first, or name another folder.")
    return read_segments(segments, connection=connection or duckdb.connect())


def read_segments(segments: Sequence[Path], *, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """What stands in these segments, with the columns of `read_predictions`.

    The last line of a segment may be torn by a crash; it was never acknowledged, is left out, and a warning names it;
    other damaged lines are counted in an error of the log.
    """
    cut = torn(segments)
    for segment, size in cut.items():
        _log.warning("the last line of %s is torn (%d bytes), was never acknowledged, and is left out", segment, size)
    files = [str(segment) for segment in segments]
    ((damaged,),) = connection.execute(_DAMAGED, [files]).fetchall()
    if damaged > len(cut):
        folder = segments[0].parent
        _log.error("%d whole lines in %s cannot be read: their predictions are lost", damaged - len(cut), folder)
    return connection.sql(_QUERY, params=[files])


def torn(segments: Iterable[Path]) -> dict[Path, int]:
    """The segments that do not end in a whole line, with the bytes of what is left of it."""
    found = {}
    for segment in segments:
        with segment.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(size - 2**20, 0))
            tail = stream.read().rpartition(b"\n")[2]
        if tail:
            found[segment] = len(tail)
    return found
