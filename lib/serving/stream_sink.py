"""Results of a stream, one a event however often it is scored: a SQLite table with the event's id as its primary key.

SQLite and not Redis: a result must be on the disk before its event is acknowledged, whatever Redis is set to keep. A
batch is one transaction, so one flush to the disk; the primary key makes the second of two equal writes a no-op.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lib.errors import StreamError

_BUSY_S = 30.0
_TABLE = """
CREATE TABLE IF NOT EXISTS results (
    event_id TEXT PRIMARY KEY, prediction, model TEXT NOT NULL, version INTEGER NOT NULL, scored_at TEXT NOT NULL
) WITHOUT ROWID
"""


class Result(NamedTuple):
    """The answer for one event; `scored_at` is ISO 8601 in UTC."""

    event_id: str
    prediction: float | str | bool
    model: str
    version: int
    scored_at: str


class SqliteSink:
    """A file of results, for any number of consumers on one machine; the first result of an event stays."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with self._errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Transactions are begun below; consumers may run in other threads than this one.
            self._turn = threading.Lock()
            self._connection = sqlite3.connect(
                self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for consumers
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(_TABLE)

    def write(self, results: Sequence[Result]) -> int:
        """How many of `results` are new; all are on the disk when this returns, none after a StreamError."""
        with self._turn, self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                before = self._connection.total_changes
                self._connection.executemany(
                    "INSERT INTO results VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", results
                )
                new = self._connection.total_changes - before
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
        return new

    def count(self) -> int:
        """Events that have a result."""
        with self._errors():
            return int(self._connection.execute("SELECT count(*) FROM results").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StreamError(
                f"results cannot be kept in {self.path}: {error}. Their events are not acknowledged and come again."
            ) from error
