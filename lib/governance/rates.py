"""How much each person may ask for in a while: requests, predicted rows, and what is written down about them."""

from __future__ import annotations

import math
import time
from pathlib import Path

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from pydantic import BaseModel, ConfigDict, field_validator

from lib.governance.rates_shared import SharedStorage


class Rates(BaseModel):
    """In the words of `limits`, such as "600/minute"; for all worker processes of a server together.

    Rows are counted beside requests because a thousand fit into one: whoever copies a model needs its answers, however
    few requests they come in. `failures` are bad credentials from one address, and `told` bounds the lines in the trail
    about each kind of refusal of one person.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: str = "6000/minute"
    rows: str = "20000/hour"
    failures: str = "30/minute"
    told: str = "1/minute"

    @field_validator("*")
    @classmethod
    def _readable(cls, text: str) -> str:
        parse(text)
        return text


class Meter:
    """Counts what was taken within the last while, by a sliding window; in the file `shared`, with other processes."""

    def __init__(self, rates: Rates | None = None, *, shared: Path | None = None) -> None:
        self.rates = rates or Rates()
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage() if shared is None else SharedStorage(shared))
        self._items = {name: parse(text) for name, text in self.rates.model_dump().items()}

    def take(self, kind: str, whose: str, *, cost: int = 1) -> int | None:
        """Take `cost` of a kind, None when it was to be had; else nothing is taken, and returned is when to come again.

        The seconds are those until something is to be had again, 1 at least.
        """
        item = self._items[kind]
        if self._limiter.hit(item, whose, cost=cost):
            return None
        return _wait_s(self._limiter.get_window_stats(item, whose).reset_time, item)


def _wait_s(reset: float, item: RateLimitItem) -> int:
    return min(max(math.ceil(reset - time.time()), 1), item.get_expiry())
