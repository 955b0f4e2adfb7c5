"""Holds other records, such as the registry's ledger and the log of actions, against the audit trail.

They are written where they belong, by parts that know nothing of the trail. A seal is a line of the trail with the
digest of one record; whoever changes or removes the record afterwards is found out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from pydantic import JsonValue

from lib.governance.trail import Trail

if TYPE_CHECKING:
    from lib.settings import Settings

WHAT = "sealed"


@dataclass(frozen=True)
class Record:
    """Something that was done elsewhere: who did it, in words, and all of it as JSON."""

    by: str
    words: str
    content: Mapping[str, JsonValue]

    @property
    def digest(self) -> str:
        """Of the content, whatever the order of its names."""
        text = json.dumps(self.content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()


Source = Callable[[], Mapping[str, Record]]
"""Gives all records of a kind, by a key that stays the same."""


def seal(trail: Trail, sources: Mapping[str, Source]) -> int:
    """Write down the digest of each record that has none yet, source by source; returns how many."""
    sealed = _sealed(trail)
    new = [
        (WHAT, record.by, {"source": name, "record": key, "words": record.words, "sha256": record.digest})
        for name, source in sources.items()
        for key, record in source().items()
        if (name, key) not in sealed
    ]
    return len(trail.extend(new))


def broken_seals(trail: Trail, sources: Mapping[str, Source]) -> list[str]:
    """The records of these sources that are gone or not as they were sealed, in words."""
    sealed = _sealed(trail)  # before the records: what is sealed meanwhile is none that is gone
    found = {(name, key): record.digest for name, source in sources.items() for key, record in source().items()}
    return [
        f"{name} {key} {'is gone' if (name, key) not in found else 'is not as it was'}: line {line} sealed it"
        for (name, key), (line, digest) in sealed.items()
        if name in sources and found.get((name, key)) != digest
    ]


def ledger_records(settings: Settings) -> dict[str, Record]:
    """Each entry of the registry's ledger, of every model."""
    from lib.registry.ledger import open_ledger

    ledger = open_ledger(settings)
    return {
        f"{name} {entry.sequence}": Record(entry.by, str(entry), entry.model_dump(mode="json"))
        for name in ledger.names()
        for entry in ledger.entries(name)
    }


def _sealed(trail: Trail) -> dict[tuple[str, str], tuple[int, str]]:
    """By source and key: the number of the line that sealed a record first, and the digest that it has."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for line in trail.lines():
        if line.what == WHAT:
            key = str(line.about["source"]), str(line.about["record"])
            found.setdefault(key, (line.number, str(line.about["sha256"])))
    return found
