"""The log of actions: a line for each that was begun, done, undone, held back or failed, and none is ever changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from lib.errors import MonitoringError
from lib.monitoring.rules import ActionName

PLACE = Path("monitoring", "actions.jsonl")
"""Where the server keeps it, under the root of its settings."""
Outcome = Literal["begun", "done", "nothing to do", "held back", "failed", "undone"]


class Entry(BaseModel):
    """One line; `about` is the alert that asked for the action, empty when a person did.

    `before` is what an undoing needs to know, `refers_to` the entry that this one ends or undoes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = Field(ge=1)
    at: datetime
    action: ActionName
    outcome: Outcome
    by: str = Field(min_length=1)
    reason: str = ""
    about: str = ""
    said: str = ""
    before: dict[str, JsonValue] | None = None
    refers_to: int | None = None


class ActionLog:
    """A file of JSON lines that several processes may share; an entry is on the disk when `add` returns."""

    def __init__(self, path: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path, self._clock = path, clock

    def entries(self) -> list[Entry]:
        """All, oldest first, but for a last line torn by a crash; raises MonitoringError for another that is none."""
        if not self.path.exists():
            return []
        *lines, _torn = self.path.read_text("utf-8").split("\n")
        found = []
        for number, line in enumerate(lines, 1):
            try:
                found.append(Entry.model_validate_json(line))
            except ValidationError as error:
                raise MonitoringError(
                    f"line {number} of {self.path} is no entry: {error.errors()[0]['msg']}. Somebody wrote into it: "
                    "put it right, or move it away and begin another."
                ) from error
        return found

    def add(self, **fields: Any) -> Entry:
        """Write the next entry; its number and time are given here."""
        with self.held():
            entry = Entry(number=len(self.entries()) + 1, at=self._clock(), **fields)
            self._write(entry.model_dump_json(exclude_defaults=True) + "\n")
        return entry

    @contextmanager
    def held(self) -> Iterator[None]:
        """While this lasts, no other process writes: what was read stays true."""
        from filelock import FileLock

        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock", is_singleton=True):
            yield

    def _write(self, line: str) -> None:
        whole = self.path.read_bytes().rpartition(b"\n")[:2] if self.path.exists() else (b"", b"")
        with self.path.open("ab") as stream:
            stream.truncate(len(b"".join(whole)))  # what a crash left of a line
            stream.write(line.encode())
            stream.flush()
            os.fsync(stream.fileno())
