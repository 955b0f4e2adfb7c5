"""Requests that a server must refuse, made from a good row, and what its refusals name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

_UNKNOWN = "no_such_input"


@dataclass(frozen=True)
class BadRequest:
    """A body, what is wrong with it in words, and the field that the refusal must name (None: it is not about one)."""

    what: str
    body: bytes
    field: str | None


def bad_requests(row: Mapping[str, Any]) -> list[BadRequest]:
    """One request a kind of mistake: a missing, unknown, mistyped and impossible value, and no JSON at all."""
    first = next(iter(row))
    asked = [
        _bad(f"a row without {first}", {name: value for name, value in row.items() if name != first}, first),
        _bad("a row with an unknown input", {**row, _UNKNOWN: 1}, _UNKNOWN),
        BadRequest("a body that is no JSON", b'{"rows": [', None),
    ]
    number = next((name for name, value in row.items() if _is_number(value)), None)
    if number is not None:
        asked.append(_bad(f"a word as {number}", {**row, number: "many"}, number))
        asked.append(_bad(f"{number} of 1e300", {**row, number: 1e300}, number))
    return asked


def named_faults(answer: httpx.Response) -> dict[str, str]:
    """By field, the reason that a refusal gives; reads this server's `details` and FastAPI's own `detail`."""
    try:
        content = answer.json()
    except ValueError:
        return {}
    if not isinstance(content, dict):
        return {}
    ours = [entry for entry in _entries(content.get("details")) if entry.get("field")]
    theirs = [entry for entry in _entries(content.get("detail")) if entry.get("loc")]
    return {str(entry["field"]): str(entry.get("reason") or "") for entry in ours} | {
        str(entry["loc"][-1]): str(entry.get("msg") or "") for entry in theirs
    }


def _bad(what: str, row: Mapping[str, Any], field: str) -> BadRequest:
    return BadRequest(what, json.dumps(row).encode(), field)


def _entries(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
