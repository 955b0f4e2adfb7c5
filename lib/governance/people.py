"""Who there is, with which roles, and the digests of their keys: one SQLite file that every process reads anew."""

from __future__ import annotations

import hmac
import os
import re
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from lib.errors import AccessError
from lib.governance.roles import require_roles

PREFIX = "mlops_key"
"""How a key begins, so that a scan finds one wherever it was left."""
DAYS = 90.0
BUSY_S = 5.0
_TABLES = """
CREATE TABLE IF NOT EXISTS people (name TEXT PRIMARY KEY, roles TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, person TEXT NOT NULL REFERENCES people (name), digest BLOB NOT NULL,
    made REAL NOT NULL, expires REAL NOT NULL, revoked REAL
) STRICT;
"""


@dataclass(frozen=True)
class Person:
    """Somebody, or a program of theirs, and what they may be; without a role they may nothing."""

    name: str
    roles: frozenset[str]


@dataclass(frozen=True)
class Key:
    """What is known of a key: its secret is not."""

    id: str
    person: str
    made: datetime
    expires: datetime
    revoked: datetime | None

    def refusal(self, now: datetime) -> str | None:
        """Why it opens nothing at `now`, None when it does."""
        if self.revoked is not None:  # at once, also where the clock of whoever revoked it is ahead
            return f"was revoked on {self.revoked:%Y-%m-%d %H:%M} UTC"
        return f"expired on {self.expires:%Y-%m-%d %H:%M} UTC" if now >= self.expires else None


@dataclass(frozen=True)
class NewKey:
    """A key as it is handed over, this once: `text` is what its owner sends."""

    id: str
    text: str = field(repr=False)
    expires: datetime


class People:
    """Any thread and any process may use one; what one writes, the next read of another sees.

    A file that lies where nothing may be written, such as a Secret of Kubernetes, is read, and read anew when another
    is put in its place; to write raises AccessError then.
    """

    def __init__(self, path: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path, self._clock, self._turn = path, clock, threading.Lock()
        self._given = path.exists() and not os.access(path.parent, os.W_OK)
        self._seen = _identity(path) if self._given else None
        self._database = _read_only(path) if self._given else _writable(path)

    def close(self) -> None:
        """Let the file go."""
        self._database.close()

    def put(self, name: str, roles: Iterable[str]) -> Person:
        """Give a person these roles and no others, from the next request on; raises AccessError for an unknown role."""
        if not name.strip():
            raise AccessError(f"a person has a name, and {name!r} is none.")
        person = Person(name, require_roles(roles))
        self._write(
            "INSERT INTO people VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET roles = excluded.roles",
            name, " ".join(sorted(person.roles)),
        )  # fmt: skip
        return person

    def person(self, name: str) -> Person | None:
        """None for somebody who is not known."""
        found = self._read("SELECT roles FROM people WHERE name = ?", name)
        return Person(name, frozenset(found[0][0].split())) if found else None

    def everybody(self) -> list[Person]:
        """By name."""
        return [
            Person(name, frozenset(roles.split()))
            for name, roles in self._read("SELECT name, roles FROM people ORDER BY name")
        ]

    def keys(self, person: str) -> list[Key]:
        """All that a person was ever given, oldest first."""
        found = self._read("SELECT id, person, made, expires, revoked FROM keys WHERE person = ? ORDER BY made", person)
        return [_key(*row) for row in found]

    def key(self, identity: str) -> Key:
        """Raises AccessError for one that was never given."""
        found = self._read("SELECT id, person, made, expires, revoked FROM keys WHERE id = ?", identity)
        if not found:
            raise AccessError(f"there is no key {identity!r}. `python -m lib access list` shows those there are.")
        return _key(*found[0])

    def issue(self, person: str, *, days: float = DAYS) -> NewKey:
        """A new key for somebody who is known; its text is not kept and cannot be had again."""
        if self.person(person) is None:
            raise AccessError(f"nobody is known as {person!r}. Give them roles first.")
        if not 0 < days < float("inf"):
            raise AccessError(f"a key is for some days, and not for {days}.")
        made = self._clock()
        identity, expires = secrets.token_hex(4), made + timedelta(days=days)
        text = f"{PREFIX}_{identity}_{secrets.token_urlsafe(32)}"
        self._write(
            "INSERT INTO keys VALUES (?, ?, ?, ?, ?, NULL)",
            identity, person, _digest(text), made.timestamp(), expires.timestamp(),
        )  # fmt: skip
        return NewKey(identity, text, expires)

    def adopt(self, person: str, text: str, *, days: float = DAYS) -> Key:
        """Let a key that was drawn elsewhere be one of `person`; again, and it lasts so many days from now.

        For a program that needs its key before anybody is there to issue one. A revoked key stays revoked. Raises
        AccessError for a text that is no key and for somebody who is not known.
        """
        form = re.fullmatch(rf"{PREFIX}_([0-9a-f]{{8}})_[\w-]{{43,}}", text)
        if form is None or self.person(person) is None:
            what = "that text is no key" if form is None else f"nobody is known as {person!r}"
            raise AccessError(
                f"{what}. A key reads {PREFIX}_, 8 hexadecimal digits, _ and 43 or more letters at random."
            )
        made = self._clock()
        self._write(
            "INSERT INTO keys VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT (id) DO UPDATE SET expires = excluded.expires "
            "WHERE digest = excluded.digest AND person = excluded.person",
            form[1], person, _digest(text), made.timestamp(), (made + timedelta(days=days)).timestamp(),
        )  # fmt: skip
        known = self.recognise(text)
        if known is None or known.person != person:
            raise AccessError(f"key {form[1]} is another one, or somebody else's. Draw a new text.")
        return known

    def revoke(self, identity: str) -> Key:
        """Let a key, and every token made with it, open nothing from now on; revoked twice, it stays as it was."""
        self.key(identity)
        self._write("UPDATE keys SET revoked = ? WHERE id = ? AND revoked IS NULL", self._clock().timestamp(), identity)
        return self.key(identity)

    def rotate(self, identity: str, *, days: float = DAYS) -> NewKey:
        """A new key in place of another, which opens nothing any more; raises AccessError when it did not before."""
        old = self.key(identity)
        refusal = old.refusal(self._clock())
        if refusal:
            raise AccessError(f"key {identity} {refusal}, so it cannot be rotated. Issue a new one.")
        new = self.issue(old.person, days=days)
        self.revoke(identity)
        return new

    def recognise(self, text: str) -> Key | None:
        """The key whose text this is, also one that opens nothing any more; None for any other text.

        A key has 256 random bits, so that its SHA-256 can be kept where a password would need a slow function. Digests
        are compared in constant time, for an id that nobody has as well.
        """
        identity = text.removeprefix(f"{PREFIX}_").partition("_")[0]
        found = self._read("SELECT digest, id, person, made, expires, revoked FROM keys WHERE id = ?", identity)
        digest, *key = found[0] if found else (bytes(32),)
        same = hmac.compare_digest(digest, _digest(text))
        return _key(*key) if same and found else None

    def _read(self, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]  # of SQLite's own values
        with self._turn:
            if self._given and (found := _identity(self._path)) != self._seen:
                self._database.close()
                self._database, self._seen = _read_only(self._path), found
            return self._database.execute(query, values).fetchall()

    def _write(self, statement: str, *values: object) -> None:
        if self._given:
            raise AccessError(
                f"{self._path} lies where nothing may be written. Change it where it was made, and put it there anew."
            )
        with self._turn:
            self._database.execute(statement, values)


def read_key(path: Path) -> str:
    """The key that a program shows; raises AccessError for a file that cannot be read as one."""
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise AccessError(f"{path} cannot be read as a key: {error}.") from error


def _writable(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    database = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False, isolation_level=None)
    # SQLite's own log, so that whoever reads waits for nobody who writes.
    database.executescript(f"PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; {_TABLES}")
    return database


def _read_only(path: Path) -> sqlite3.Connection:
    # Immutable, or SQLite would make files beside it; what changes is which file the path means.
    return sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True, check_same_thread=False)


def _identity(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def _key(identity: str, person: str, made: float, expires: float, revoked: float | None) -> Key:
    return Key(identity, person, _utc(made), _utc(expires), None if revoked is None else _utc(revoked))


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
