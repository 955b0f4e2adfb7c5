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
Check = Callable[[int, int, bytes], str | None]


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: its number, when it was due and how long after that its answer was there (s); None = nothing wrong."""

    number: int
    due_s: float
    latency_s: float
    wrong: str | None


@dataclass
class Traffic:
    """What was sent so far; `answered` is added to while it runs, in the order of the answers."""

    due_s: Sequence[float]
    started: float = field(default_factory=time.monotonic)
    answered: list[Sent] = field(default_factory=list)

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def wrong(self) -> list[Sent]:
        """Those that failed."""
        return [sent for sent in self.answered if sent.wrong is not None]

    def __post_init__(self) -> None:
        self._stop = threading.Event()

    def stop(self) -> None:
        """Send no more; those on their way are waited for."""
        self._stop.set()


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

    Anything but a 200 within 30 s is wrong, and so is what `check(number, status, body)` has a reason against. The end
    of the block waits for all of `due_s`, unless `stop` was called, and for every answer.
    """
    sending = Traffic(due_s)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(_send(sending, url, bodies, check or _any))
        except BaseException as error:  # noqa: BLE001  told to the caller below
            failed.append(error)

    thread = threading.Thread(target=run, name="traffic", daemon=True)
    thread.start()
    try:
        yield sending
    except BaseException:
        sending.stop()
        raise
    finally:
        thread.join()
    if failed:
        raise failed[0]


async def _send(sending: Traffic, url: str, bodies: Sequence[bytes], check: Check) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        async with asyncio.TaskGroup() as running:
            for number, due_s in enumerate(sending.due_s):
                while (early := due_s - sending.now_s) > 0 and not sending._stop.is_set():  # noqa: SLF001
                    await asyncio.sleep(min(early, 0.1))
                if sending._stop.is_set():  # noqa: SLF001
                    break
                running.create_task(_one(sending, session, url, number, bodies[number % len(bodies)], check))


async def _one(
    sending: Traffic, session: aiohttp.ClientSession, url: str, number: int, body: bytes, check: Check
) -> None:
    try:
        async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
            content = await answer.read()
        wrong = f"{answer.status} {content[:200]!r}" if answer.status != 200 else check(number, answer.status, content)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        wrong = repr(error)
    due_s = sending.due_s[number]
    sending.answered.append(Sent(number, due_s, sending.now_s - due_s, wrong))


def _any(_number: int, _status: int, _body: bytes) -> None:
    return None
