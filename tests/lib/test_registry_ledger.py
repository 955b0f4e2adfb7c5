"""The ledger in SQLite and in a real PostgreSQL: nothing is rewritten, and of several writers one wins."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from lib.registry import Evidence, Transition
from lib.registry.ledger import LEDGER, open_ledger
from lib.settings import Settings
from tests.lib.postgresql import postgresql
from tests.lib.registered import OK, another, settings_in, weak_and_good


@pytest.fixture(scope="module")
def server():
    with postgresql() as uri:
        yield uri


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request, tmp_path):
    """An open ledger, and an engine that goes past it."""
    uri = (
        request.getfixturevalue("server") if request.param == "postgresql" else f"sqlite:///{tmp_path / 'registry.db'}"
    )
    opened = open_ledger(Settings(root=tmp_path, ledger_uri=uri))
    engine = sa.create_engine(uri.replace("postgresql:", "postgresql+psycopg:"))
    yield opened, engine
    engine.dispose()


def entry(name, sequence, **more):
    facts = {
        "by": "ada", "at": datetime.now(UTC), "kind": "register", "version": sequence, "from_stage": None,
        "to_stage": "None", "reason": "", "approver": None, "evidence": (), "run_id": "r", "digest": "d",
        "trainer": "ada", "champion": None, "staging": None, "previous": None,
    }  # fmt: skip
    return Transition(name=name, sequence=sequence, **{**facts, **more})


def test_what_is_written_is_read_back(ledger, request):
    """Evidence, accents, an instant given in another time zone."""
    opened, _ = ledger
    name, instant = request.node.name, datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    evidence = (Evidence(id="g", passed=True, measured={"rmse": 0.5}, threshold=1, reason="größer"),)
    written = entry(name, 1, at=instant, evidence=evidence, reason="über alles")
    assert opened.append([written])
    assert opened.head(name) == written
    assert opened.head(name).at.utcoffset() == timedelta(0)
    assert opened.at(name, instant - timedelta(seconds=1)) is None
    assert opened.at(name, instant) == written


def test_rows_cannot_be_changed_removed_or_replaced(ledger, request):
    """Not by this code's users, who open the database themselves, either."""
    opened, engine = ledger
    name = request.node.name
    opened.append([entry(name, 1), entry(name, 2)])
    statements = ["UPDATE ledger SET who = 'mallory'", "DELETE FROM ledger"]
    if engine.dialect.name == "postgresql":
        statements += ["TRUNCATE ledger", "DELETE FROM ledger WHERE name = 'nobody'"]
    else:
        statements += ["INSERT OR REPLACE INTO ledger SELECT * FROM ledger", "REPLACE INTO ledger SELECT * FROM ledger"]
    before = opened.entries(name)
    for statement in statements:
        with engine.connect() as connection, pytest.raises(DBAPIError, match=r"append-only|taken"):
            connection.execute(sa.text(statement))
    assert opened.entries(name) == before


def test_a_taken_sequence_is_refused_whole(ledger, request):
    """Neither of two entries is written when the first number is gone."""
    opened, _ = ledger
    name = request.node.name
    assert opened.append([entry(name, 1)])
    assert not opened.append([entry(name, 1), entry(name, 2)])
    assert len(opened.entries(name)) == 1


def test_one_of_many_writers_wins(ledger, request):
    """Eight want the same number at once; on twenty numbers in a row, one gets each."""
    opened, _ = ledger
    name, gate = request.node.name, threading.Barrier(8)

    def write(writer):
        won = 0
        for sequence in range(1, 21):
            gate.wait()
            won += opened.append([entry(name, sequence, by=f"writer{writer}")])
        return won

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, range(8)))
    assert sum(won) == 20
    assert [found.sequence for found in opened.entries(name)] == list(range(1, 21))


def test_a_ledger_is_made_by_eight_at_once(tmp_path):
    """All find it complete, triggers included."""
    settings = Settings(root=tmp_path)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: open_ledger(settings).names(), range(8))) == [[]] * 8
    with sqlite3.connect(tmp_path / "registry.db") as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    database.close()
    assert len(names) == 3


def test_a_ledger_file_that_was_taken_away_is_made_anew(tmp_path):
    """A fresh workspace in the same process."""
    settings = Settings(root=tmp_path)
    open_ledger(settings).append([entry("m", 1)])
    (tmp_path / "registry.db").unlink()
    assert open_ledger(settings).names() == []


def test_no_connection_stays_open(server, tmp_path):
    """Whoever has read the ledger holds nothing of PostgreSQL's any more."""
    assert open_ledger(settings_in(tmp_path, ledger_uri=server)).names() is not None
    others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid != pg_backend_pid()"
    watcher = sa.create_engine(server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with watcher.connect() as connection:
        end = time.monotonic() + 30
        while connection.execute(sa.text(others)).scalar_one():  # a backend ends a moment after its client has gone
            assert time.monotonic() < end
    watcher.dispose()


def test_the_whole_lifecycle_runs_on_postgresql(server, tmp_path):
    """Register, promote, roll back, load and repair as on SQLite."""
    from lib.registry import history, load, promote, register, repair, rollback

    engine = sa.create_engine(server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE lifecycle"))
    engine.dispose()
    settings = settings_in(tmp_path, ledger_uri=server.replace("/postgres", "/lifecycle"))
    weak, good = weak_and_good(settings)
    for number, run in enumerate((weak, good, another(good, settings)), start=1):
        register(run, "houses", by="ada", settings=settings)
        promote("houses", number, to="Staging", by="ada", settings=settings)
        promote("houses", number, to="Production", by="ada", approval=OK, settings=settings)
    assert rollback("houses", by="ada", reason="bad", settings=settings).champion == 2
    assert load("houses", settings=settings).version == 2
    assert repair(settings=settings) == []
    assert [found.sequence for found in history("houses", settings=settings)] == list(range(1, 14))
    assert {column.name for column in LEDGER.columns} >= {"who", "at", "from_stage", "to_stage", "evidence", "reason"}
