"""Requests at set times whatever the answers do, each timed from the moment it was due.

An open loop: a client that waits for an answer before it asks again sends less just when the server is slow, and so
leaves out the requests that would have waited longest ("coordinated omission").
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp

ANSWER_S = 30.0
Check = Callable[[int, bytes], str | None]
_NOTICE_S = 0.1
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: its number, when it was due, how long after that its answer was there (s), and what was wrong."""

    number: int
    due_s: float
    latency_s: float
    wrong: str | None


@dataclass
class Traffic:
    """What was sent; `answered` grows while it runs, in the order of the answers. Once `stopped` is set, no more is."""

    due_s: Sequence[float]
    started: float = field(default_factory=time.monotonic)
    answered: list[Sent] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def wrong(self) -> list[Sent]:
        """Those that failed."""
        return [sent for sent in self.answered if sent.wrong is not None]


def arrivals(rate: Callable[[float], float], seconds: float, *, top: float, seed: int = 0) -> Iterator[float]:
    """Times of a Poisson process with `rate(t)` requests a second, at most `top`, until `seconds`.

    By thinning: candidates at the rate `top`, each kept with the probability `rate(t) / top`.
    """
    draws, now = random.Random(seed), 0.0
    while (now := now + draws.expovariate(top)) < seconds:
        if draws.random() * top < rate(now):
            yield now


@contextmanager
def traffic(
    url: str, bodies: Sequence[bytes], due_s: Sequence[float], *, check: Check | None = None
) -> Iterator[Traffic]:
    """POST JSON to `url` at `due_s` (s from now) from a thread, request `n` with the body `n` modulo their number.

    Anything but a 200 within 30 s is wrong, and so is an answer that `check(number, body)` has a reason against. The
    end of the block waits for all of `due_s`, unless it was stopped, and for every answer.
    """
    sending, client = Traffic(due_s), _Client(url, bodies, check or _any)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(client.send(sending))
        except BaseException as error:  # noqa: BLE001  raised below, in the thread that can tell somebody
            failed.append(error)

    thread = threading.Thread(target=run, name="traffic", daemon=True)
    thread.start()
    try:
        yield sending
    except BaseException:
        sending.stopped.set()
        raise
    finally:
        thread.join()
    if failed:
        raise failed[0]


@dataclass(frozen=True)
class _Client:
    url: str
    bodies: Sequence[bytes]
    check: Check

    async def send(self, sending: Traffic) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, headers=_JSON) as session,
            asyncio.TaskGroup() as running,
        ):
            for number, due_s in enumerate(sending.due_s):
                while (early := due_s - sending.now_s) > 0 and not sending.stopped.is_set():  # noqa: ASYNC110  its own thread's
                    await asyncio.sleep(min(early, _NOTICE_S))
                if sending.stopped.is_set():
                    break
                running.create_task(self._ask(session, sending, number))

    async def _ask(self, session: aiohttp.ClientSession, sending: Traffic, number: int) -> None:
        try:
            async with session.post(self.url, data=self.bodies[number % len(self.bodies)]) as answer:
                content = await answer.read()
            wrong = self.check(number, content) if answer.status == 200 else f"{answer.status} {content[:200]!r}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            wrong = repr(error)
        due_s = sending.due_s[number]
        sending.answered.append(Sent(number, due_s, sending.now_s - due_s, wrong))


def _any(_number: int, _body: bytes) -> None:
    return None
