"""Take entities out of a view: their events out of its files, their latest values out of Redis."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.errors import FeatureError
from lib.features.events import event_files
from lib.features.view import FeatureView

Concerns = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Forgotten:
    """What `forget` removed from a view: `events` from its files, `online` values from Redis."""

    view: str
    events: int
    online: int


def forget_events(view: FeatureView, folder: Path, concerns: Concerns) -> tuple[int, set[Any]]:
    """Remove the ingested events for which `concerns(event)` holds; their number, and the keys that they belonged to.

    Each file is replaced whole, or removed when nothing is left in it. Raises FeatureError when one cannot be.
    """
    removed, keys = 0, set()
    for part in event_files(view, folder):
        try:
            found = _rewritten(part, view, concerns)
        except OSError as error:
            raise FeatureError(f"{part} cannot be written anew: {error}. Mend that and forget again.") from error
        removed += len(found)
        keys |= set(found)
    return removed, keys


def _rewritten(part: Path, view: FeatureView, concerns: Concerns) -> list[Any]:
    """Write `part` again without what is concerned; the keys of that."""
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(part)
    rows = table.to_pylist()
    concerned = [concerns(row) for row in rows]
    if not any(concerned):
        return []
    if all(concerned):
        part.unlink()
    else:
        descriptor, name = tempfile.mkstemp(prefix=f".{part.name}.", dir=part.parent)
        os.close(descriptor)
        try:
            parquet.write_table(table.filter(pa.array([not each for each in concerned])), name)
            Path(name).replace(part)
        finally:
            Path(name).unlink(missing_ok=True)
    return [row[view.entity] for row, gone in zip(rows, concerned, strict=True) if gone]
