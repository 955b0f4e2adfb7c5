"""The append-only table of transitions: its unique sequence for each model lets one of several writers win."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.schema import CreateIndex, CreateTable

from lib.errors import StoreUnavailable
from lib.registry.entries import Transition
from lib.settings import Settings, sqlite_path

CONNECT_TIMEOUT_S = 3
LOCK_TIMEOUT_S = 10


class _Utc(sa.types.TypeDecorator[datetime]):
    """An instant in UTC; SQLite keeps no time zone, PostgreSQL answers in the session's."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


LEDGER = sa.Table(
    "ledger",
    sa.MetaData(),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    # BY is a word of SQL.
    sa.Column("who", sa.Text, key="by", nullable=False),
    sa.Column("at", _Utc, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("from_stage", sa.String(16)),
    sa.Column("to_stage", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("approver", sa.Text),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Column("run_id", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(80), nullable=False),
    sa.Column("trainer", sa.Text),
    sa.Column("champion", sa.Integer),
    sa.Column("staging", sa.Integer),
    sa.Column("previous", sa.Integer),
    sa.Index("ledger_of_version", "name", "version", "sequence"),
)

# REPLACE takes a row's place without a delete trigger, so an insert must be the next in line here.
_SQLITE = """
CREATE TRIGGER IF NOT EXISTS ledger_update BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
--
CREATE TRIGGER IF NOT EXISTS ledger_delete BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
--
CREATE TRIGGER IF NOT EXISTS ledger_insert BEFORE INSERT ON ledger
WHEN NEW.sequence IS NOT (SELECT COALESCE(MAX(sequence), 0) + 1 FROM ledger WHERE name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'the sequence is taken or leaves a gap'); END
"""
_POSTGRESQL = """
CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$
--
CREATE OR REPLACE TRIGGER ledger_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()
"""


class Ledger:
    """Reads and appends; made by `open_ledger`."""

    def __init__(self, engine: sa.Engine, label: str) -> None:
        self._engine = engine
        self._label = label

    def head(self, name: str) -> Transition | None:
        """The last entry of a model, None when it has none."""
        return self._last(LEDGER.c.name == name)

    def about(self, name: str, version: int) -> Transition | None:
        """The last entry about one version."""
        return self._last(LEDGER.c.name == name, LEDGER.c.version == version)

    def at(self, name: str, when: datetime) -> Transition | None:
        """The last entry of a model at an instant."""
        return self._last(LEDGER.c.name == name, LEDGER.c.at <= when)

    def entries(self, name: str, *, after: int = 0) -> list[Transition]:
        """The entries of a model with a sequence above `after`, oldest first."""
        chosen = sa.select(LEDGER).where(LEDGER.c.name == name, LEDGER.c.sequence > after)
        with self._connected() as connection:
            return [_transition(row) for row in connection.execute(chosen.order_by(LEDGER.c.sequence))]

    def latest(self, name: str) -> list[Transition]:
        """The last entry of each version of a model, by version."""
        last = sa.select(sa.func.max(LEDGER.c.sequence)).where(LEDGER.c.name == name).group_by(LEDGER.c.version)
        chosen = sa.select(LEDGER).where(LEDGER.c.name == name, LEDGER.c.sequence.in_(last))
        with self._connected() as connection:
            return [_transition(row) for row in connection.execute(chosen.order_by(LEDGER.c.version))]

    def registration(self, name: str, version: int) -> Transition | None:
        """The entry by which a version was registered."""
        return self._last(LEDGER.c.name == name, LEDGER.c.version == version, LEDGER.c.kind == "register")

    def registered(self, name: str, run_id: str, digest: str) -> Transition | None:
        """The last entry by which these files of this run were registered."""
        of_model = LEDGER.c.name == name
        return self._last(of_model, LEDGER.c.run_id == run_id, LEDGER.c.digest == digest, LEDGER.c.kind == "register")

    def retired(self, name: str, *, other_than: int) -> Transition | None:
        """The last entry by which another version than `other_than` left Production."""
        left = LEDGER.c.from_stage == "Production", LEDGER.c.to_stage == "Archived"
        return self._last(LEDGER.c.name == name, *left, LEDGER.c.version != other_than)

    def served(self, name: str, version: int) -> bool:
        """Whether a version was ever in Production."""
        of_version = LEDGER.c.name == name, LEDGER.c.version == version
        return self._last(*of_version, LEDGER.c.to_stage == "Production") is not None

    def names(self) -> list[str]:
        """Every model that has an entry."""
        with self._connected() as connection:
            return list(connection.scalars(sa.select(LEDGER.c.name).distinct().order_by(LEDGER.c.name)))

    def append(self, entries: Sequence[Transition]) -> bool:
        """Write all `entries` or none; False when another writer has taken their first sequence number."""
        rows = [{**entry.model_dump(), "evidence": entry.model_dump(mode="json")["evidence"]} for entry in entries]
        try:
            with self._connected() as connection, connection.begin():
                connection.execute(sa.insert(LEDGER), rows)
        except exc.IntegrityError:
            head = self.head(entries[0].name)
            if head is None or head.sequence < entries[0].sequence:
                raise
            return False
        return True

    def _last(self, *conditions: sa.ColumnElement[bool]) -> Transition | None:
        chosen = sa.select(LEDGER).where(*conditions).order_by(LEDGER.c.sequence.desc()).limit(1)
        with self._connected() as connection:
            row = connection.execute(chosen).first()
        return None if row is None else _transition(row)

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        with _reaching(self._label), self._engine.connect() as connection:
            yield connection


def open_ledger(settings: Settings) -> Ledger:
    """The ledger at `settings.ledger_uri`, made when it is not there. Raises StoreUnavailable within seconds."""
    uri = settings.ledger_store_uri
    label = shown_uri(uri)
    with _reaching(label):
        engine = _engine(uri)
        _ensure(engine, uri)
    return Ledger(engine, label)


@functools.lru_cache(maxsize=16)
def _engine(uri: str) -> sa.Engine:
    # No pool: a file that was replaced must not stay open here, no connection may reach a forked child, and an engine
    # that is kept no longer leaves none behind.
    if uri.startswith("sqlite"):
        return sa.create_engine(uri, poolclass=sa.NullPool, connect_args={"timeout": LOCK_TIMEOUT_S})
    driver = uri.replace("postgresql://", "postgresql+psycopg://", 1)
    arguments = {"connect_timeout": CONNECT_TIMEOUT_S} if driver.startswith("postgresql") else {}
    return sa.create_engine(driver, poolclass=sa.NullPool, connect_args=arguments)


def _ensure(engine: sa.Engine, uri: str) -> None:
    path = sqlite_path(uri)
    if path is None:
        _ensure_once(engine, None)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    found = path.stat()
    if found.st_size == 0:
        _create(engine)
    # A file that took another's place is another ledger.
    _ensure_once(engine, found.st_ino)


@functools.lru_cache(maxsize=16)
def _ensure_once(engine: sa.Engine, _file: int | None) -> None:
    if not sa.inspect(engine).has_table(LEDGER.name):
        _create(engine)


def _create(engine: sa.Engine) -> None:
    triggers = _POSTGRESQL if engine.dialect.name == "postgresql" else _SQLITE
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # IF NOT EXISTS alone fails when two sessions create at once.
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(20260101)"))
        else:
            # Whoever comes second waits, and sees either nothing or all of it.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.execute(CreateTable(LEDGER, if_not_exists=True))
        for index in LEDGER.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
        for statement in triggers.split("--"):
            connection.exec_driver_sql(statement)


@contextmanager
def _reaching(label: str) -> Iterator[None]:
    try:
        yield
    except exc.IntegrityError:
        raise
    except (exc.DBAPIError, exc.ArgumentError, exc.NoSuchModuleError, ImportError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        raise StoreUnavailable(
            f"the ledger {label} cannot be used: {type(cause).__name__}: {str(cause).strip()}. "
            "Start its database or mend ledger_uri (MLOPS_LEDGER_URI), try again; `repair` completes what was begun."
        ) from error


def shown_uri(uri: str) -> str:
    """A database URI without its password."""
    try:
        return sa.make_url(uri).render_as_string(hide_password=True)
    except exc.ArgumentError:
        return "(its URI cannot be read)"


def _transition(row: sa.Row[Any]) -> Transition:
    return Transition.model_validate(dict(zip(LEDGER.c.keys(), row, strict=True)))
