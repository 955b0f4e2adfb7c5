"""Events scored as they come, from a Redis stream: each has exactly one result, whatever dies in between.

An event is delivered at least once; its result is written under its id before it is acknowledged, so that a second
delivery changes nothing. The same in other systems' words:
Kafka: stream = a topic of one partition, entry id = offset, group = consumer group (but any number of its members share
    the one partition), acknowledgement = committed offset, XAUTOCLAIM = the rebalance after a session timeout.
Spark Structured Streaming: batch = micro-batch, pending entries = the offsets that the checkpoint has planned and not
    committed, sink = a `foreachBatch` that is idempotent (there by batch id, here by event id).
Flink: acknowledging after the sink = a checkpoint that completes after it; the sink is an upsert by key, which needs no
    transaction in two phases.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from lib.errors import StreamError
from lib.registry.serving import LoadedVersion
from lib.serving.batch_predict import REFUSALS, predict_rows, schema_of
from lib.serving.schema import InputSchema
from lib.serving.stream_events import Event, Lag, lag, publish, redis_errors, text, trim
from lib.serving.stream_sink import Result, SqliteSink
from lib.tracking.read import to_frame

if TYPE_CHECKING:
    import pandas as pd
    from redis import Redis

__all__ = ["Consumed", "Event", "Lag", "Result", "Sink", "SqliteSink", "consume", "dead_letters", "lag", "publish"]

_Answer = TypeVar("_Answer")
_BLOCK_S = 0.2
_MANY = 1_000_000
_RECONNECT_S = 0.1
# Acknowledged and kept aside in one step, and by one consumer only.
_BURY = """
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'entry', ARGV[2], 'id', ARGV[3], 'row', ARGV[4], 'reason', ARGV[5])
return 1
"""


class Sink(Protocol):
    """Where results go: durable when `write` returns, and one a event id however often it is written."""

    def write(self, results: Sequence[Result], /) -> int:
        """How many of `results` are new."""


@dataclass
class Consumed:
    """What a consumer did: events with a new result, dead letters, events that failed and will come again."""

    scored: int = 0
    dead: int = 0
    failed: int = 0


class _Entry(NamedTuple):
    entry: str
    id: str
    raw: str
    row: Mapping[str, Any]
    fault: str | None


def consume(
    redis: Redis,
    stream: str,
    *,
    model: LoadedVersion | Callable[[], LoadedVersion],
    sink: Sink,
    group: str = "scoring",
    name: str | None = None,
    stop: threading.Event | None = None,
    until_done: bool = False,
    batch: int = 500,
    min_idle_s: float = 30.0,
    max_deliveries: int = 5,
    reconnect_s: float = 30.0,
) -> Consumed:
    """Score events of `stream` until `stop` is set, or with `until_done` until the group has finished all of them.

    Any number of consumers share a group. A batch under way is finished before the end. What a consumer left for
    `min_idle_s` (longer than any batch takes) is taken over by another. Invalid events go to the dead letters at once;
    those on which the model fails, or whose consumers died, after `max_deliveries` (3 or more). A callable for a model
    is asked before each batch, so that a new champion is taken. Raises StreamError when Redis is away for
    `reconnect_s`, has lost the stream, or the model fails on event after event: what is not acknowledged stays there.
    """
    if max_deliveries < 3:
        raise StreamError(
            f"max_deliveries is {max_deliveries}. Give 3 or more: a batch is tried twice, then its events alone."
        )
    consumer = _Consumer(
        redis=redis, stream=stream, group=group, sink=sink, batch=batch, min_idle_s=min_idle_s,
        name=name or f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
        model=(lambda: model) if isinstance(model, LoadedVersion) else model,
        max_deliveries=max_deliveries, reconnect_s=reconnect_s, stop=stop or threading.Event(),
    )  # fmt: skip
    with redis_errors(stream):
        return consumer.run(until_done=until_done)


def dead_letters(redis: Redis, stream: str, *, count: int = 1_000) -> list[dict[str, str]]:
    """The first `count` dead letters, oldest first: their `entry`, `id`, `row` as it came, and `reason`."""
    with redis_errors(stream):
        found: Any = redis.xrange(_dead(stream), count=count)
    return [{text(key): _printable(value) for key, value in fields.items()} for _, fields in found]


@dataclass(kw_only=True)
class _Consumer:
    redis: Any  # the client's own types leave every shape of an answer open
    stream: str
    group: str
    name: str
    sink: Sink
    model: Callable[[], LoadedVersion]
    batch: int
    min_idle_s: float
    max_deliveries: int
    reconnect_s: float
    stop: threading.Event
    done: Consumed = field(default_factory=Consumed)
    _next_claim: float = 0.0
    _made: tuple[Any, InputSchema] | None = None

    def run(self, *, until_done: bool) -> Consumed:
        self._steadily(self._join)
        while not self.stop.is_set():
            if time.monotonic() >= self._next_claim:
                self._take_over()
            entries = self._steadily(self._read)
            if entries:
                self._score(entries, deliveries=1)
            self._steadily(lambda: trim(self.redis, self.stream))
            if until_done and not entries and self._steadily(self._behind) == 0:
                break
        self._steadily(self._leave)
        return self.done

    def _behind(self) -> int:
        return lag(self.redis, self.stream, self.group).behind

    def _join(self) -> None:
        from redis import ResponseError

        try:
            self.redis.xgroup_create(self.stream, self.group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):  # another consumer made it
                raise

    def _leave(self) -> None:
        """Take our name off the list; with entries still pending it stays, so that they are taken over."""
        if not self.redis.xpending_range(self.stream, self.group, "-", "+", 1, consumername=self.name):
            self.redis.xgroup_delconsumer(self.stream, self.group, self.name)

    def _read(self) -> list[tuple[Any, Mapping[Any, Any]]]:
        found = self.redis.xreadgroup(
            self.group, self.name, {self.stream: ">"}, count=self.batch, block=int(1000 * _BLOCK_S)
        )
        return [each for _, entries in found for each in entries]

    def _take_over(self) -> None:
        """Score what has been pending for too long, ours included.

        A batch that was delivered once is delivered once more as a batch; after that each event alone, so that the one
        that kills its consumers is found, and only its own count of deliveries grows.
        """
        claimed = self._steadily(self._claim)
        if len(claimed) < self.batch:
            self._next_claim = time.monotonic() + self.min_idle_s / 2
        self._deliver([entry for entry, deliveries in claimed.items() if deliveries <= 1], deliveries=2)
        for entry, deliveries in claimed.items():
            if self.stop.is_set():
                return  # what is left is pending still
            if deliveries >= self.max_deliveries:
                self._bury(entry, f"was delivered {deliveries} times and never finished: its consumers failed or died")
            elif deliveries > 1:
                self._deliver([entry], deliveries=deliveries + 1)

    def _claim(self) -> dict[str, int]:
        """Entries taken over, with their deliveries so far; this alone counts as none."""
        entries = self.redis.xautoclaim(
            self.stream, self.group, self.name, int(1000 * self.min_idle_s), count=self.batch, justid=True
        )
        if not entries:
            return {}
        ours = self.redis.xpending_range(
            self.stream, self.group, entries[0], entries[-1], _MANY, consumername=self.name
        )
        deliveries = {text(each["message_id"]): int(each["times_delivered"]) for each in ours}
        return {name: deliveries[name] for name in map(text, entries) if name in deliveries}

    def _deliver(self, entries: list[str], *, deliveries: int) -> None:
        if not entries:
            return
        claim = self.redis.xclaim
        found = self._steadily(lambda: claim(self.stream, self.group, self.name, 0, entries))
        there = {text(entry): fields for entry, fields in found if entry is not None}
        for entry in entries:
            if entry not in there:
                self._bury(entry, "was deleted from the stream before it was scored")
        self._score(list(there.items()), deliveries=deliveries)

    def _score(self, entries: Sequence[tuple[Any, Mapping[Any, Any]]], *, deliveries: int) -> None:
        version = self.model()
        schema = self._schema(version)
        events = _checked([_event(entry, fields) for entry, fields in entries], schema)
        fit = [event for event in events if event.fault is None]
        try:
            answers, failed = predict_rows(version.model, _frame(fit, schema))
        except REFUSALS as error:
            raise StreamError(
                f"version {version.version} of {version.name} fails on event after event: {error}. Nothing of this "
                "batch is acknowledged; promote a version that fits."
            ) from error
        scored = [event for number, event in enumerate(fit) if number not in failed]
        now = datetime.now(UTC).isoformat()
        self.done.scored += self.sink.write(
            [
                Result(event.id, answer, version.name, version.version, now)
                for event, answer in zip(scored, answers.tolist(), strict=True)
            ]
        )
        self._acknowledge(scored)
        for event in events:
            if event.fault is not None:
                self._bury(event.entry, event.fault, event)
        for number, reason in failed.items():
            if deliveries < self.max_deliveries:
                self.done.failed += 1  # stays pending: it is taken over as one alone
            else:
                self._bury(fit[number].entry, reason, fit[number])

    def _schema(self, version: LoadedVersion) -> InputSchema:
        """Made once for each version: making one takes as long as many events."""
        if self._made is None or self._made[0] is not version.model:
            self._made = (version.model, schema_of(version))
        return self._made[1]

    def _acknowledge(self, events: Sequence[_Entry]) -> None:
        entries = [event.entry for event in events]
        if entries:
            self._steadily(lambda: self.redis.xack(self.stream, self.group, *entries))

    def _bury(self, entry: str, reason: str, event: _Entry | None = None) -> None:
        about = [event.id, event.raw] if event else self._original(entry)
        self.done.dead += self._steadily(
            lambda: int(self.redis.eval(_BURY, 2, self.stream, _dead(self.stream), self.group, entry, *about, reason))
        )

    def _original(self, entry: str) -> list[Any]:
        found = self._steadily(lambda: self.redis.xrange(self.stream, entry, entry))
        fields = {text(name): value for name, value in found[0][1].items()} if found else {}
        return [fields.get("id", ""), fields.get("row", "")]

    def _steadily(self, action: Callable[[], _Answer]) -> _Answer:
        """`action`, again while Redis is away; it changes nothing when done twice."""
        from redis import ConnectionError as Disconnected
        from redis import TimeoutError as Unanswered

        deadline = time.monotonic() + self.reconnect_s
        while True:
            try:
                return action()
            except (Disconnected, Unanswered) as error:
                if time.monotonic() >= deadline or self.stop.wait(_RECONNECT_S):
                    raise StreamError(
                        f"Redis was away for {self.reconnect_s:g} s, or until this consumer was stopped: {error}. What "
                        f"is not acknowledged is still in {self.stream}; start the consumer again when Redis is back."
                    ) from error


def _event(entry: Any, fields: Mapping[Any, Any]) -> _Entry:
    given = {text(name): _printable(value) for name, value in fields.items()}
    raw = given.get("row", "")
    row, fault = _read(raw)
    if not given.get("id"):
        fault = "has no id, so that its result could not be told from another's"
    return _Entry(text(entry), given.get("id", ""), raw, row, fault)


def _read(raw: str) -> tuple[dict[str, Any], str | None]:
    """The row, or what is wrong with it."""
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError) as error:
        return {}, f"its row is no JSON: {error}"
    if not isinstance(row, dict):
        return {}, f"its row is {raw[:80]}, no object of inputs by name"
    return row, None


def _checked(events: Sequence[_Entry], schema: InputSchema) -> list[_Entry]:
    """The events with the faults that the server would find in their rows; other fields than inputs may be there."""
    optional = {each.name: None for each in schema.inputs if not each.required}
    names = set(schema.names)
    rows = [
        optional | {name: value for name, value in event.row.items() if name in names and value is not None}
        for event in events
    ]
    faults = schema.faults(rows)
    return [event if event.fault else event._replace(fault=faults.get(number)) for number, event in enumerate(events)]


def _frame(events: Sequence[_Entry], schema: InputSchema) -> pd.DataFrame:
    described = [{"name": each.name, "type": each.type, "required": each.required} for each in schema.inputs]
    return to_frame([event.row for event in events], described)


def _dead(stream: str) -> str:
    return f"{stream}:dead"


def _printable(value: bytes | str) -> str:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value
