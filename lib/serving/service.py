"""The parts of a running server, and the one road that every prediction takes whatever its protocol."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from lib.errors import BadRows, Fault, NoModel
from lib.serving.batcher import Batcher, Conceal, as_it_is
from lib.serving.bundle import Bundle
from lib.serving.current import Current, Source
from lib.serving.http import Asked, Content, Refused, read_body, traceparent
from lib.serving.limits import Limits
from lib.serving.log import Policy, PredictionLog
from lib.serving.metrics import Metrics
from lib.serving.schema import Row

Read = Callable[[Content, Bundle], Asked]
Lookup = Callable[[], Awaitable[None]]
Screen = Callable[[Request, Bundle, Sequence[Row]], None]


class Service:
    """What `create_app` serves with: `current` says which bundle answers, `metrics` counts; alive within `running`."""

    def __init__(
        self,
        source: Source,
        log: PredictionLog,
        *,
        limits: Limits,
        policy: Policy,
        clock: Callable[[], datetime],
        lookup: Lookup | None = None,
        figures: Iterable[Collector] = (),
        conceal: Conceal = as_it_is,
        screens: Iterable[Screen] = (),
    ) -> None:
        self.metrics = Metrics(queue_rows=limits.queue_rows, also=figures)
        self.current = Current(source, self.metrics)
        self.draining = False
        self._log, self._limits, self._policy, self._clock, self._lookup = log, limits, policy, clock, lookup
        self._conceal = conceal
        self._screens = tuple(screens)
        self._batcher: Batcher | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch the registry and answer; at the end, whatever was taken is answered."""
        limits = self._limits
        self._batcher = Batcher(
            self._log, self.metrics, batch_rows=limits.batch_rows, queue_rows=limits.queue_rows,
            policy=self._policy, clock=self._clock, conceal=self._conceal,
        )  # fmt: skip
        # Before the first connection is taken, so that one worker of several does not say 503 while others answer.
        await self.current.refresh()
        watch = asyncio.create_task(self.current.watch(limits.poll_s))
        try:
            yield
        finally:
            self.draining = True
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
            await self._batcher.close()

    @property
    def bundle(self) -> Bundle:
        """The one that answers now; raises NoModel when there is none."""
        bundle = self.current.bundle
        if bundle is None:
            refusal = self.current.refusal
            raise NoModel(f"no model is in place: {refusal.reason if refusal else 'it is being loaded'}")
        return bundle

    async def predict(self, request: Request, read: Read) -> Response:
        """Read, check, predict, record, answer; the bundle is the same throughout."""
        bundle, batcher = self.bundle, self._batcher
        if batcher is None:
            raise NoModel("the server has not started")
        body = await read_body(request, self._limits.body_bytes)
        asked = read(Content(body, request.headers), bundle)
        if len(asked.rows) > self._limits.rows:
            raise Refused(413, f"{len(asked.rows)} rows were sent, and one request may hold {self._limits.rows}")
        rows = bundle.schema.check(asked.rows)
        if not rows:
            raise BadRows([Fault("no rows were sent; send at least one")])
        for screen in self._screens:
            screen(request, bundle, rows)
        if self._lookup is not None:
            await self._lookup()
        identity: str = request.state.request_id
        job = batcher.submit(bundle, rows, request_id=identity, traceparent=traceparent(request.headers))
        answers = await job.done
        response = asked.render(bundle, answers, identity)
        response.headers["X-Model-Version"] = str(bundle.version)
        return response
