"""Costs by phase and by version, with what stood idle: the words are those of OpenCost's specification."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lib.errors import CostError
from lib.governance.cost_prices import Prices
from lib.governance.cost_usage import Phase, Usage

HOUR_S = 3_600.0
ROUNDING = 1e-6


@dataclass(frozen=True)
class Capacity:
    """What is paid for, used or not: cores and GiB of memory, and for how long. Disk is paid for as it is used."""

    cores: float
    memory_gib: float
    window_s: float


@dataclass(frozen=True)
class Costs:
    """Money by resource."""

    cpu: float = 0.0
    memory: float = 0.0
    storage: float = 0.0

    @property
    def total(self) -> float:
        return self.cpu + self.memory + self.storage

    def __add__(self, other: Costs) -> Costs:
        return Costs(self.cpu + other.cpu, self.memory + other.memory, self.storage + other.storage)


@dataclass(frozen=True)
class Allocation:
    """What a phase cost for one version, or for all of them together (`version` None: a shared cost)."""

    phase: Phase
    version: int | None
    costs: Costs
    predictions: int

    @property
    def per_thousand(self) -> float | None:
        """Money for 1,000 predictions, None where none were made."""
        return self.costs.total / self.predictions * 1_000 if self.predictions else None


@dataclass(frozen=True)
class CostReport:
    """What a window cost: `allocations` and `idle` together are `total`, which is what the bill says.

    Idle is kept apart, for no version made it; so are shared costs, which have no version.
    """

    prices: Prices
    capacity: Capacity
    allocations: Sequence[Allocation]
    idle: Costs = field(default_factory=Costs)

    @property
    def total(self) -> Costs:
        return _sum(each.costs for each in self.allocations) + self.idle

    @property
    def efficiency(self) -> float:
        """The share of the money for cores and memory that did something."""
        paid = self.total.cpu + self.total.memory
        return 1 - (self.idle.cpu + self.idle.memory) / paid if paid else 1.0

    def by_phase(self) -> dict[Phase, Costs]:
        """Costs of each phase, over all versions."""
        names = dict.fromkeys(each.phase for each in self.allocations)
        return {name: _sum(each.costs for each in self.allocations if each.phase == name) for name in names}

    def by_version(self) -> dict[int | None, Costs]:
        """Costs of each version, over all phases; None has what is shared."""
        names = dict.fromkeys(each.version for each in self.allocations)
        return {name: _sum(each.costs for each in self.allocations if each.version == name) for name in names}


def allocate(usages: Iterable[Usage], prices: Prices, capacity: Capacity) -> CostReport:
    """Charge each phase and version what it used, and call idle what was paid for and not used.

    Raises CostError when more was used than there was: then the capacity, the window or a measurement is wrong.

    >>> from datetime import UTC, datetime
    >>> prices = Prices(currency="EUR", core_hour=1, memory_gib_hour=0, storage_gib_hour=0, source="an example")
    >>> used = Usage(phase="train", version=1, started=datetime(2026, 1, 1, tzinfo=UTC), wall_s=3600, cpu_s=1800)
    >>> report = allocate([used], prices, Capacity(cores=2, memory_gib=1, window_s=3600))
    >>> report.by_phase()["train"].total, report.idle.total, report.total.total
    (0.5, 1.5, 2.0)
    """
    usages = list(usages)
    groups: dict[tuple[Phase, int | None], list[Usage]] = {}
    for usage in usages:
        groups.setdefault((usage.phase, usage.version), []).append(usage)
    allocations = [
        Allocation(phase, version, _sum(usage_costs(each, prices) for each in group), sum(u.predictions for u in group))
        for (phase, version), group in groups.items()
    ]
    idle = Costs(
        cpu=_idle("core seconds", sum(each.cpu_s for each in usages), capacity.cores * capacity.window_s)
        / HOUR_S * prices.core_hour,
        memory=_idle("GiB seconds", sum(each.memory_gib_s for each in usages), capacity.memory_gib * capacity.window_s)
        / HOUR_S * prices.memory_gib_hour,
    )  # fmt: skip
    return CostReport(prices, capacity, allocations, idle)


def usage_costs(usage: Usage, prices: Prices) -> Costs:
    """What one piece of work cost."""
    return Costs(
        cpu=usage.cpu_s / HOUR_S * prices.core_hour,
        memory=usage.memory_gib_s / HOUR_S * prices.memory_gib_hour,
        storage=usage.storage_gib_s / HOUR_S * prices.storage_gib_hour,
    )


def _idle(unit: str, used: float, paid: float) -> float:
    if used > paid * (1 + ROUNDING):
        raise CostError(
            f"{used:.1f} {unit} were used of {paid:.1f} that there were. Give the capacity and the window of the "
            "machine that did the work, or look for work that was measured twice."
        )
    return max(paid - used, 0.0)


def _sum(costs: Iterable[Costs]) -> Costs:
    return sum(costs, Costs())
