"""Micro-batches: while one is predicted, the requests that arrive gather for the next; a lone one waits for nobody."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from threadpoolctl import threadpool_limits

from lib.errors import BadRows, Fault, LogUnwritable, Overloaded, UnfitModel
from lib.serving.bundle import Answer, Bundle
from lib.serving.log import Policy, PredictionLog
from lib.serving.metrics import Metrics
from lib.serving.schema import Row

_log = logging.getLogger(__name__)
Conceal = Callable[[Row], Row]
"""What is recorded of the inputs of a row: the same names, with something else in place of what nobody may read."""


def as_it_is(row: Row) -> Row:
    """Conceal nothing."""
    return row


@dataclass(slots=True, eq=False)
class Job:
    """The rows of one request, checked against the schema of `bundle`, which answers them whatever comes next."""

    bundle: Bundle
    rows: list[Row]
    request_id: str
    traceparent: str | None
    started: float
    done: asyncio.Future[list[Answer]]
    found: list[Answer] | Exception | None = None


class Batcher:
    """One thread that predicts, records and hands back; `submit` belongs to the event loop."""

    def __init__(
        self,
        log: PredictionLog,
        metrics: Metrics,
        *,
        batch_rows: int,
        queue_rows: int,
        policy: Policy,
        clock: Callable[[], datetime],
        conceal: Conceal = as_it_is,
    ) -> None:
        self._prediction_log, self._metrics, self._policy, self._clock = log, metrics, policy, clock
        self._conceal = conceal
        self._batch_rows, self._queue_rows = batch_rows, queue_rows
        self._waiting: deque[Job] = deque()
        self._rows = 0
        self._closing = False
        self._some = threading.Condition()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="predict", daemon=True)
        self._thread.start()

    def submit(self, bundle: Bundle, rows: list[Row], *, request_id: str, traceparent: str | None) -> Job:
        """Queue checked rows; await the job's `done`. Raises Overloaded when too many rows wait already."""
        job = Job(bundle, rows, request_id, traceparent, time.perf_counter(), self._loop.create_future())
        with self._some:
            # A request of any admissible size is taken by an empty queue.
            if self._closing or (self._rows and self._rows + len(rows) > self._queue_rows):
                raise Overloaded(f"{self._rows} rows wait for the model, and {self._queue_rows} may. Try again.")
            self._waiting.append(job)
            self._rows += len(rows)
            self._metrics.queue_rows.set(self._rows)
            self._some.notify()
        return job

    async def close(self) -> None:
        """Answer what waits, then end the thread."""
        with self._some:
            self._closing = True
            self._some.notify()
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        limited: Bundle | None = None
        try:
            while batch := self._next():
                if batch[0].bundle is not limited:
                    # OpenMP counts its threads for each thread, and a new model may have brought a new library.
                    threadpool_limits(1)
                    limited = batch[0].bundle
                self._answer(batch)
                self._loop.call_soon_threadsafe(_deliver, batch)
        finally:
            self._prediction_log.close()

    def _next(self) -> list[Job]:
        """The jobs that wait, as many as fit into a batch and want the same bundle; none when all is done."""
        with self._some:
            while not self._waiting:
                if self._closing:
                    return []
                self._some.wait()
            batch = [self._waiting.popleft()]
            rows = len(batch[0].rows)
            while (
                self._waiting
                and self._waiting[0].bundle is batch[0].bundle
                and rows + len(self._waiting[0].rows) <= self._batch_rows
            ):
                batch.append(self._waiting.popleft())
                rows += len(batch[-1].rows)
            self._rows -= rows
            self._metrics.queue_rows.set(self._rows)
        self._metrics.batch_rows.observe(rows)
        return batch

    def _answer(self, batch: list[Job]) -> None:
        try:
            _predict(batch)
            self._record([job for job in batch if isinstance(job.found, list)])
        except Exception as error:  # noqa: BLE001  the thread must live, and nobody may wait for ever
            _log.exception("a batch of %d requests failed", len(batch))
            for job in batch:
                job.found = error

    def _record(self, batch: list[Job]) -> None:
        if not batch:
            return
        try:
            self._prediction_log.append(_lines(batch, self._clock().astimezone(UTC), self._conceal))
        except LogUnwritable as error:
            if self._policy == "durable":
                _log.error("%d requests are not answered: %s", len(batch), error)
                for job in batch:
                    job.found = error
                return
            self._metrics.dropped.inc(sum(len(job.rows) for job in batch))
        self._metrics.predictions.labels(str(batch[0].bundle.version)).inc(sum(len(job.rows) for job in batch))


def _predict(batch: Sequence[Job]) -> None:
    """Fill in what was found, for all jobs together; one that the model cannot take does not harm the others."""
    bundle = batch[0].bundle
    try:
        answers = bundle.answer([row for job in batch for row in job.rows])
    except Exception as error:  # noqa: BLE001  an estimator may raise anything
        if len(batch) > 1:
            for job in batch:
                _predict([job])
        else:
            batch[0].found = _blamed(error, bundle)
        return
    start = 0
    for job in batch:
        job.found = answers[start : start + len(job.rows)]
        start += len(job.rows)


def _blamed(error: Exception, bundle: Bundle) -> Exception:
    """What estimators raise for values that they cannot take is the rows' fault; anything else is ours."""
    if isinstance(error, (ValueError, TypeError, KeyError, ArithmeticError, UnfitModel)):
        return BadRows([Fault(f"version {bundle.version} cannot take these rows: {error}")])
    _log.error("version %d failed on checked rows", bundle.version, exc_info=error)
    return error


def _lines(batch: Sequence[Job], at: datetime, conceal: Conceal) -> bytes:
    now = time.perf_counter()
    lines = []
    for job in batch:
        bundle, latency_ms = job.bundle, round((now - job.started) * 1e3, 3)
        for number, (row, output) in enumerate(zip(job.rows, job.found, strict=True)):  # type: ignore[arg-type]
            line = {
                "request_id": job.request_id, "row": number, "at": at, "model": bundle.name, "version": bundle.version,
                "run_id": bundle.run_id, "features": conceal(row), "output": output, "latency_ms": latency_ms,
            }  # fmt: skip
            if job.traceparent is not None:
                line["traceparent"] = job.traceparent
            lines.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return b"".join(lines)


def _deliver(batch: Sequence[Job]) -> None:
    for job in batch:
        if job.done.done():  # the client went away
            continue
        if isinstance(job.found, list):
            job.done.set_result(job.found)
        else:
            job.done.set_exception(job.found or RuntimeError("a job was left without an answer"))
