"""Counters that the worker processes of a server share: a file, gone with the server."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

from limits.storage import MemoryStorage

BUSY_S = 5.0
_TABLE = """
PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS counts (key TEXT PRIMARY KEY, taken INTEGER NOT NULL, ends REAL NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS ending ON counts (ends);
"""


class SharedStorage(MemoryStorage):
    """What `limits` keeps in memory, in the file `path`; each change is one statement, so none is lost."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._turn = threading.Lock()
        self._database = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False, isolation_level=None)
        self._database.executescript(_TABLE)

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.time()
        self._run("DELETE FROM counts WHERE ends <= ?", now)
        return self._run(
            "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET taken = taken + excluded.taken "
            "RETURNING taken", key, amount, now + expiry,
        )  # fmt: skip

    def decr(self, key: str, amount: int = 1) -> int:
        return self._run("UPDATE counts SET taken = max(taken - ?, 0) WHERE key = ? RETURNING taken", amount, key)

    def get(self, key: str) -> int:
        return self._run("SELECT taken FROM counts WHERE key = ? AND ends > ?", key, time.time())

    def _run(self, statement: str, *values: object) -> int:
        with self._turn:
            found = self._database.execute(statement, values).fetchall()
        return int(found[0][0]) if found else 0
