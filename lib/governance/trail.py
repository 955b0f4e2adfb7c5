"""The audit trail: a line for each thing that was done, chained by a keyed digest, so that no change goes unseen.

Each line has the HMAC-SHA256 of all it says and of the line before. So whoever edits, drops, adds or reorders lines
without the key is found out. The newest line's number stands in a second file, sealed with the same key: lines cut off
at the end are missed. Whoever has the key, or an old copy of both files, could write another past: `head` is a short
text to write down elsewhere, and `verify(anchor=…)` holds the trail against it.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from lib.errors import TrailError
from lib.governance.secret_file import read_secret

PLACE = Path("governance")
"""Where it lies under the root of a server."""
START = "0" * 64
"""What stands before the first line."""
TAIL_BYTES = 2**16


class Line(BaseModel):
    """One thing that was done: `what`, `by` whom, and whatever `about` says of it; `before` is the mac of the last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = Field(ge=1)
    at: datetime
    what: str = Field(min_length=1)
    by: str = Field(min_length=1)
    about: dict[str, JsonValue]
    before: str
    mac: str = ""

    def __str__(self) -> str:
        """The line in words."""
        about = ", ".join(f"{name} {value}" for name, value in self.about.items() if value is not None)
        return (
            f"{self.number} · {self.at:%Y-%m-%d %H:%M:%S} UTC · {self.by}: {self.what}{f' ({about})' if about else ''}"
        )


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: no `problems` means that the `lines` are those that were written."""

    lines: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


class Trail:
    """A file of JSON lines that several processes may share; a line is on the disk when `add` returns."""

    def __init__(self, path: Path, *, key: bytes, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path, self._key, self._clock = path, key, clock
        self._head_path = path.with_suffix(".head")

    def add(self, what: str, *, by: str, **about: Any) -> Line:
        """Write one line, and return it."""
        return self.extend([(what, by, about)])[0]

    def extend(self, events: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[Line]:
        """Write lines, each as (what, by, about), together."""
        try:
            with self._held():
                return self._append(events)
        except OSError as error:
            raise TrailError(
                f"the audit trail {self.path} cannot be written: {error.strerror or error}. What is not written down "
                "must not be done: free some space, or give the folder to this user."
            ) from error

    def lines(self) -> list[Line]:
        """All, oldest first, as they stand; raises TrailError for one that cannot be read."""
        found = []
        for place, text in enumerate(self._texts(), 1):
            try:
                found.append(Line.model_validate_json(text))
            except ValidationError as error:
                raise TrailError(f"line {place} of {self.path} is no line of a trail; `verify` says more.") from error
        return found

    @property
    def head(self) -> str:
        """The newest line as a short text to keep elsewhere, for `verify(anchor=…)`; empty while there is none."""
        number, mac = self._last()
        return f"{number}:{mac}" if number else ""

    def verify(self, *, anchor: str = "") -> Verdict:
        """Whether the trail is whole and unchanged, and has the line that `anchor`, an earlier `head`, names."""
        head = self._sealed_head()  # before the lines: what is written meanwhile is no line that is missing
        problems: list[str] = []
        macs: dict[int, str] = {}
        before, expected = START, 1
        for place, text in enumerate(self._texts(), 1):
            try:
                line = Line.model_validate_json(text)
            except ValidationError:
                problems.append(f"line {place} cannot be read")
                before, expected = "", expected + 1
                continue
            if text != line.model_dump_json() or not hmac.compare_digest(line.mac, _mac(self._key, line)):
                problems.append(f"line {place}, which says number {line.number}, is not as it was written")
            if line.number != expected:
                problems.append(f"line {place} says number {line.number} where {expected} was due")
            elif before and line.before != before:
                problems.append(f"line {place} does not follow the one before it")
            macs[line.number] = before = line.mac
            expected = line.number + 1
        return Verdict(len(macs), (*problems, *self._missing(head, macs), *_unanchored(anchor, macs)))

    def require_whole(self) -> None:
        """Raise TrailError unless `verify` finds nothing wrong: before anything is done because a line says so."""
        problems = self.verify().problems
        if problems:
            raise TrailError(f"the audit trail {self.path} is not as it was written: {problems[0]}. Find out why.")

    def _sealed_head(self) -> str | None:
        """What the sealed head says, None when there is none."""
        try:
            return self._head_path.read_text("utf-8", "replace")
        except FileNotFoundError:
            return None

    def _missing(self, sealed: str | None, macs: Mapping[int, str]) -> list[str]:
        """What the sealed head knows and the lines do not; lines after it were written when a crash came between."""
        if sealed is None:
            return [f"{self._head_path} is missing"] if macs else []
        head, _, seal = sealed.rpartition(":")
        if not hmac.compare_digest(seal.encode(), _seal(self._key, head).encode()):
            return [f"{self._head_path} is not as it was written"]
        return _unanchored(head, macs)

    def _texts(self) -> list[str]:
        """The lines, but for a last one torn by a crash, which was never acknowledged."""
        return self.path.read_text("utf-8").split("\n")[:-1] if self.path.exists() else []

    def _last(self) -> tuple[int, str]:
        """Number and mac of the newest line."""
        text, _end = self._tail()
        if not text:
            return 0, START
        try:
            line = Line.model_validate_json(text)
        except ValidationError as error:
            raise TrailError(
                f"the last line of {self.path} cannot be read, so that none can follow it. Keep the file as evidence "
                "(`verify` says more), move it away and begin another."
            ) from error
        return line.number, line.mac

    def _tail(self) -> tuple[bytes, int]:
        """The newest whole line, and where it ends."""
        if not self.path.exists():
            return b"", 0
        with self.path.open("rb") as stream:
            start = max(stream.seek(0, os.SEEK_END) - TAIL_BYTES, 0)
            stream.seek(start)
            tail = stream.read()
            if start and tail.count(b"\n") < 2:  # one line is longer than that
                start = stream.seek(0)
                tail = stream.read()
        whole, newline, _torn = tail.rpartition(b"\n")
        return whole.rpartition(b"\n")[2], start + len(whole) + len(newline)

    @contextmanager
    def _held(self) -> Iterator[None]:
        from filelock import FileLock

        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock", is_singleton=True):
            yield

    def _append(self, events: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[Line]:
        number, before = self._last()
        added = []
        for what, by, about in events:
            number += 1
            line = Line(number=number, at=self._clock(), what=what, by=by, about=dict(about), before=before)
            added.append(line.model_copy(update={"mac": _mac(self._key, line)}))
            before = added[-1].mac
        if added:
            self._write(added)
        return added

    def _write(self, lines: list[Line]) -> None:
        end = self._tail()[1]
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.truncate(end)  # what a crash left of a line
            stream.seek(end)
            stream.write("".join(f"{line.model_dump_json()}\n" for line in lines).encode())
            stream.flush()
            os.fsync(stream.fileno())
        head = f"{lines[-1].number}:{lines[-1].mac}"
        fresh = self._head_path.with_suffix(".fresh")
        fresh.write_text(f"{head}:{_seal(self._key, head)}", "ascii")
        fresh.replace(self._head_path)


def _mac(key: bytes, line: Line) -> str:
    return hmac.digest(key, line.model_dump_json(exclude={"mac"}).encode(), "sha256").hex()


def _seal(key: bytes, head: str) -> str:
    return hmac.digest(key, f"head:{head}".encode(), "sha256").hex()


def _unanchored(anchor: str, macs: Mapping[int, str]) -> list[str]:
    """What is wrong when the line that `anchor` names is not there as it was."""
    if not anchor:
        return []
    number, _, mac = anchor.partition(":")
    if number.isascii() and number.isdecimal() and macs.get(int(number)) == mac:
        return []
    newest = max(macs, default=0)
    return [f"line {number:.20} once was the newest and is not there as it was; the newest is {newest}"]


def open_trail(folder: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Trail:
    """The trail in `folder`, with its key beside it: keep the key where whoever writes the trail cannot read it."""
    return Trail(folder / "trail.jsonl", key=read_secret(folder / "trail.key"), clock=clock)
