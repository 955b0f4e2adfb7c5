"""Events in a Redis stream: published under a bound, and how far behind its readers are."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lib.errors import StreamError, StreamFull

if TYPE_CHECKING:
    from redis import Redis

CHUNK = 500
_POLL_S = 0.01
# All of a chunk or nothing, so that the bound holds with any number of publishers.
_APPEND = """
if redis.call('XLEN', KEYS[1]) + (#ARGV - 1) / 2 > tonumber(ARGV[1]) then return 0 end
for at = 2, #ARGV, 2 do redis.call('XADD', KEYS[1], '*', 'id', ARGV[at], 'row', ARGV[at + 1]) end
return 1
"""
# What every group has finished goes: entries before the first that is pending or not yet delivered, in any group.
_TRIM = """
local function before(a, b)
  local a1, a2 = string.match(a, '(%d+)-(%d+)')
  local b1, b2 = string.match(b, '(%d+)-(%d+)')
  if a1 ~= b1 then return tonumber(a1) < tonumber(b1) end
  return tonumber(a2) < tonumber(b2)
end
local keep
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local about = {}
  for at = 1, #group, 2 do about[group[at]] = group[at + 1] end
  local ms, number = string.match(about['last-delivered-id'], '(%d+)-(%d+)')
  local first = ms .. '-' .. string.format('%d', number + 1)
  if about['pending'] > 0 then first = redis.call('XPENDING', KEYS[1], about['name'])[2] end
  if not keep or before(first, keep) then keep = first end
end
return keep and redis.call('XTRIM', KEYS[1], 'MINID', keep) or 0
"""
_AFTER = "return #redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+')"


@dataclass(frozen=True)
class Event:
    """A row to score; `id` is what makes it one event, however often it is published or delivered."""

    id: str
    row: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Lag:
    """How far a consumer group is behind: entries not delivered yet, entries delivered and not acknowledged."""

    waiting: int
    pending: int
    oldest_age_s: float

    @property
    def behind(self) -> int:
        """Entries that have no result yet."""
        return self.waiting + self.pending


def publish(
    redis: Redis, stream: str, events: Iterable[Event], *, max_length: int = 100_000, wait_s: float = 30.0
) -> int:
    """Append events and return their number; while the stream holds `max_length` unfinished ones, wait.

    Raises StreamFull when there was no room for `wait_s` (0 refuses at once): it says how many were taken. Nothing is
    ever dropped to make room. Raises StreamError for a row that is no JSON and when Redis does not answer; then publish
    the same events again: the results are keyed by their ids. What was published survives what Redis survives: nothing
    with the private server, a second's worth with `appendfsync everysec`, everything with `appendfsync always`.
    """
    append = redis.register_script(_APPEND)
    taken = 0
    left = iter(events)
    while chunk := list(itertools.islice(left, min(CHUNK, max_length))):
        fields = [text for event in chunk for text in (event.id, _json(event))]
        deadline = time.monotonic() + wait_s
        with redis_errors(stream):
            while not append(keys=[stream], args=[max_length, *fields]):
                if time.monotonic() >= deadline:
                    raise StreamFull(
                        f"{stream} holds {redis.xlen(stream)} unfinished events of at most {max_length}, and had no "
                        f"room for {wait_s:g} s; {taken} events were taken. Start a consumer, or publish the rest.",
                        published=taken,
                    )
                time.sleep(_POLL_S)
        taken += len(chunk)
    return taken


def lag(redis: Redis, stream: str, group: str = "scoring") -> Lag:
    """How far `group` is behind; 0 when there is nothing to do. Raises StreamError when there is no such group."""
    with redis_errors(stream):
        groups = {text(each["name"]): each for each in redis.xinfo_groups(stream)} if redis.exists(stream) else {}
        if group not in groups:
            raise StreamError(
                f"{stream} has no group {group!r}; it has {', '.join(groups) or 'none'}. Start a consumer."
            )
        last = text(groups[group]["last-delivered-id"])
        waiting = groups[group].get("lag")
        if waiting is None:  # Redis 6 does not count, and 7 not after a deletion
            waiting = int(redis.eval(_AFTER, 1, stream, last))
        pending = redis.xpending(stream, group)
        following = redis.xrange(stream, f"({last}", "+", count=1)
        oldest = [text(each) for each in (pending["min"], following[0][0] if following else None) if each]
        seconds, micros = redis.time()
        ages = [seconds + micros / 1e6 - int(each.partition("-")[0]) / 1e3 for each in oldest]
    return Lag(waiting=waiting, pending=pending["pending"], oldest_age_s=max(ages, default=0.0))


def trim(redis: Redis, stream: str) -> None:
    """Remove the entries that every group has finished."""
    redis.eval(_TRIM, 1, stream)


@contextmanager
def redis_errors(stream: str) -> Iterator[None]:
    """What Redis refuses, or a connection that is lost, as a StreamError."""
    from redis import RedisError

    try:
        yield
    except RedisError as error:
        raise StreamError(
            f"Redis did not take a command on {stream}: {error}. Nothing that it acknowledged is undone; see that it "
            "runs, then do it again."
        ) from error


def text(value: bytes | str) -> str:
    """What Redis answers, whether or not the client decodes."""
    return value.decode() if isinstance(value, bytes) else value


def _json(event: Event) -> str:
    try:
        return json.dumps(event.row)
    except (TypeError, ValueError) as error:
        raise StreamError(f"event {event.id} has a row that is no JSON: {error}. Give plain values.") from error
