"""The latest values in Redis, one string a key: a stamp that orders them, then the features as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import index
from typing import TYPE_CHECKING, Any

from lib.errors import FeatureError
from lib.features.engine import quoted
from lib.features.offline import require_distinct, ttl_us
from lib.features.view import FeatureView

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from redis import Redis

BATCH = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A stamp is event time, arrival and tie in 16 hexadecimal digits each: greater means newer, as text too.
_STAMP = 48
_OFFSET_US = 2**62  # no instant is negative
# Redis forgets a value only to free its memory. The exact end of the TTL is the reader's to judge, by a clock that may
# replay the past and stand still meanwhile.
_KEPT_LONGER_MS = 86_400_000
# Redis runs a script alone, so that of two writers the newer value stays whoever comes last.
_WRITE_NEWER = """
local written = 0
for place, key in ipairs(KEYS) do
    local value, holds_ms = ARGV[2 * place - 1], ARGV[2 * place]
    if string.sub(value, 1, 48) > redis.call('GETRANGE', key, 0, 47) then
        if holds_ms == '' then redis.call('SET', key, value) else redis.call('SET', key, value, 'PX', holds_ms) end
        written = written + 1
    end
end
return written
"""


@dataclass(frozen=True)
class Materialised:
    """What `materialise` did: of `keys` entities that have values at `until`, `written` were new or newer in Redis."""

    view: str
    until: datetime
    keys: int
    written: int


def materialise(
    redis: Redis, connection: DuckDBPyConnection, view: FeatureView, events: str, *, until: datetime, namespace: str
) -> Materialised:
    """Write what is known of each entity at `until`, where Redis has nothing newer.

    Redis drops a value a day after its TTL has passed, both reckoned from `until`.
    """
    until_us = epoch_us(until)
    prefix = _prefix(view, namespace)
    write = redis.register_script(_WRITE_NEWER)
    latest = connection.execute(_latest(view, events, until_us))
    keys = written = 0
    while rows := latest.fetchmany(BATCH):
        with _speaking(f"{view.reference} was written for {keys} keys and then"):
            values = [item for row in rows for item in _stored(view, row, until_us)]
            written += int(write(keys=[prefix + str(row[0]) for row in rows], args=values))
        keys += len(rows)
    # Only now, so that a materialisation that broke off does not count as one.
    with _speaking(f"{view.reference} was written for {keys} keys and then"):
        write(keys=[_mark(prefix)], args=[f"{until_us + _OFFSET_US:048x}", ""])
    return Materialised(view.reference, until, keys, written)


def read(
    redis: Redis,
    rows: Sequence[Mapping[str, Any]],
    views: Sequence[FeatureView],
    *,
    at: datetime,
    strict: bool,
    namespace: str,
    full_names: bool,
) -> list[dict[str, Any]]:
    """Each row with the features of all `views`, in one exchange; `strict` refuses values later than `at`."""
    names = require_distinct(sorted({str(name) for row in rows for name in row}), views, full_names=full_names)
    at_us = epoch_us(at)
    prefixes = [(view, _prefix(view, namespace)) for view in views]
    marks = [_mark(prefix) for _, prefix in prefixes]
    keys = [_key(row, view, prefix) for row in rows for view, prefix in prefixes]
    wanted = [*marks, *(key for key in keys if key is not None)]
    with _speaking("the features cannot be read:"):
        found: dict[str | None, bytes | None] = dict(zip(wanted, redis.mget(wanted), strict=True))  # type: ignore[arg-type]
    for view, mark in zip(views, marks, strict=True):
        if found[mark] is None:
            raise FeatureError(f"{view.reference} has no online values. Materialise it, into this very Redis.")
    values = map(found.get, keys)
    answers = []
    for row in rows:
        features = [value for view in views for value in _held(view, next(values), at_us, strict=strict)]
        answers.append({**row, **dict(zip(names, features, strict=True))})
    return answers


def forget(redis: Redis, view: FeatureView, keys: Iterable[Any], *, namespace: str) -> int:
    """Remove the values of the entities with these keys; the number of those that had any."""
    prefix = _prefix(view, namespace)
    names = [prefix + str(key) for key in keys]
    with _speaking(f"{view.reference} was not forgotten for all of {len(names)} keys:"):
        return int(redis.delete(*names))


def epoch_us(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime, exactly; raises FeatureError for a naive one."""
    if moment.tzinfo is None:
        raise FeatureError(f"{moment} has no time zone. Give it one, e.g. datetime(2024, 5, 1, tzinfo=UTC).")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _latest(view: FeatureView, events: str, until_us: int) -> str:
    columns = [
        f"epoch_us({quoted(name)})" if kind == "timestamp" else quoted(name) for name, kind in view.columns.items()
    ]
    holds = "" if view.ttl is None else f"AND {until_us} - __event <= {ttl_us(view)}"
    return f"""
        SELECT __key, __event, __arrived, __tie, {", ".join(columns)} FROM ({events}) WHERE __known <= {until_us}
        QUALIFY row_number() OVER (PARTITION BY __key ORDER BY __event DESC, __arrived DESC, __tie DESC) = 1 {holds}"""


def _stored(view: FeatureView, row: Sequence[Any], until_us: int) -> tuple[str, str]:
    """The value of one entity and for how many ms Redis shall keep it (empty: for ever)."""
    _, event_us, arrived_us, tie, *features = row
    value = f"{event_us + _OFFSET_US:016x}{arrived_us + _OFFSET_US:016x}{tie:016x}{json.dumps(features)}"
    ttl = ttl_us(view)
    return value, "" if ttl is None else str((event_us + ttl - until_us) // 1000 + _KEPT_LONGER_MS)


def _held(view: FeatureView, value: bytes | None, at_us: int, *, strict: bool) -> list[Any]:
    """The features of one entity at `at_us`: nulls for one that is unknown or whose values are too old."""
    if value is None:
        return [None] * len(view.columns)
    event_us, arrived_us = (int(value[start : start + 16], 16) - _OFFSET_US for start in (0, 16))
    known_us = max(event_us, arrived_us)
    if strict and known_us > at_us:
        raise FeatureError(
            f"{view.reference} holds a value that became known at {_moment(known_us)}, after {_moment(at_us)}. Online "
            "values are the latest ones; use join for the past."
        )
    ttl = ttl_us(view)
    if ttl is not None and at_us - event_us > ttl:
        return [None] * len(view.columns)
    features = json.loads(value[_STAMP:])
    return [
        _moment(feature) if kind == "timestamp" and feature is not None else feature
        for feature, kind in zip(features, view.columns.values(), strict=True)
    ]


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


def _prefix(view: FeatureView, namespace: str) -> str:
    # The digest too: whoever shares a Redis and has another definition under this name and version reads their own.
    return f"{namespace}:{view.reference}:{view.digest[:12]}:"


def _mark(prefix: str) -> str:
    return prefix.removesuffix(":")


def _key(row: Mapping[str, Any], view: FeatureView, prefix: str) -> str | None:
    """Redis' key for the entity of `row`; None where that is missing."""
    if view.entity not in row:
        raise FeatureError(
            f"a row has no {view.entity}, the entity of {view.reference}; it has {', '.join(row)}. Add it."
        )
    key = row[view.entity]
    if key is None:
        return None
    if view.key_type == "string" and isinstance(key, str):
        return prefix + key
    if view.key_type == "integer" and not isinstance(key, bool) and hasattr(key, "__index__"):
        return f"{prefix}{index(key)}"
    raise FeatureError(f"{view.entity} is {key!r}, and {view.reference} has {view.key_type} keys. Convert it.")


@contextmanager
def _speaking(fact: str) -> Iterator[None]:
    from redis import RedisError

    try:
        yield
    except RedisError as error:
        raise FeatureError(
            f"{fact} Redis failed: {error}. See that it runs and has room, then repeat the call: what was "
            "written stays, and repeating it harms nothing."
        ) from error
