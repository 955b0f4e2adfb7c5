"""Take lines out of the prediction log while it is being written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from lib.errors import ServingError

Concerns = Callable[[dict[str, Any]], bool]


def erase_predictions(folder: Path, concerns: Concerns) -> list[tuple[str, int]]:
    """Overwrite with spaces each line of the log for which `concerns(line)` holds; returns their (request_id, row).

    A segment keeps its length and a server that appends to it is not disturbed: readers pass blank lines over. A line
    that is torn or no JSON is left alone. What was taken into a prediction store before must be erased there too.
    Raises ServingError when a segment cannot be read or written; what was erased until then is.
    """
    erased = []
    for segment in sorted(folder.glob("*.jsonl")):
        try:
            erased += _blanked(segment, concerns)
        except OSError as error:
            raise ServingError(f"{segment} cannot be erased from: {error.strerror}. Mend that and repeat.") from error
    return erased


def _blanked(segment: Path, concerns: Concerns) -> list[tuple[str, int]]:
    erased = []
    with segment.open("r+b", buffering=0) as writing, segment.open("rb") as stream:
        start = 0
        for line in stream:
            if line.endswith(b"\n") and not line.isspace():
                found = _line(line)
                if found is not None and concerns(found):
                    os.pwrite(writing.fileno(), b" " * (len(line) - 1), start)
                    erased.append((str(found.get("request_id")), int(found.get("row", 0))))
            start += len(line)
        os.fsync(writing.fileno())
    return erased


def _line(line: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
