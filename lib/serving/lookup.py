"""A simulated look-up that every prediction waits for: of a set duration, over a set number of connections."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, ConfigDict, Field


class SimulatedLookup(BaseModel):
    """Stands for a feature store or a database of somebody else's; it takes time and no CPU.

    So one server answers at most `connections / seconds` requests a second, however many cores the machine has, and
    more servers really answer more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(gt=0)
    connections: int = Field(ge=1)

    @property
    def capacity(self) -> float:
        """Requests a second that one server can answer."""
        return self.connections / self.seconds

    def open(self) -> _Pool:
        """What `create_app(lookup=…)` takes: a pool of connections of this server's own."""
        return _Pool(self)


class _Pool:
    """First come, first served."""

    def __init__(self, lookup: SimulatedLookup) -> None:
        self._seconds = lookup.seconds
        self._free = asyncio.Semaphore(lookup.connections)

    async def __call__(self) -> None:
        async with self._free:
            await asyncio.sleep(self._seconds)
