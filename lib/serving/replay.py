"""A policy on a load that is known: how many replicas ran, who waited too long, what it cost; no server is started."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from lib.serving.autoscale import AutoscalePolicy, Autoscaler


@dataclass(frozen=True)
class Replay:
    """One entry a step of `step_s` seconds; `late` is the share of all requests that waited longer than the SLO."""

    replicas: tuple[int, ...]
    utilisation: tuple[float, ...]
    wait_s: tuple[float, ...]
    late: float
    replica_minutes: float


def replay(
    policy: AutoscalePolicy,
    load: Sequence[float],
    *,
    capacity: float,
    slo_s: float,
    startup_s: float = 30.0,
    step_s: float = 15.0,
) -> Replay:
    """What `policy` does with `load`, requests a second in each step of `step_s` seconds.

    A replica answers `capacity` requests a second, from `startup_s` after it was asked for; it costs from the moment
    that it is asked for. Requests above the capacity of the ready replicas queue, first come, first served; one that
    waits longer than `slo_s` is late. The metric is the utilisation of the ready replicas: their arrivals and queue
    over their capacity. Raises ValueError when `capacity` is not positive or `load` is empty or negative.
    """
    if capacity <= 0 or not load or min(load) < 0:
        raise ValueError(f"capacity is {capacity} and load {list(load)[:5]}…; give a positive capacity and a load ≥ 0.")
    scaler = Autoscaler(policy)
    ready_at = [0.0] * policy.minimum  # the earliest first
    queue = late = 0.0
    sizes, shares, waits = [], [], []
    for number, rate in enumerate(load):
        now = number * step_s
        ready = max(1, bisect_right(ready_at, now))
        room, arrived = ready * capacity * step_s, rate * step_s
        share = (arrived + queue) / room
        wait = max(0.0, queue + arrived - room) / (ready * capacity)
        if wait > slo_s:
            late += arrived * min(1.0, (wait - slo_s) / max(wait, 1e-12))
        queue = max(0.0, queue + arrived - room)
        sizes.append(len(ready_at))
        shares.append(share)
        waits.append(wait)
        wanted = scaler.step(now, len(ready_at), {"utilisation": [share] * ready + [None] * (len(ready_at) - ready)})
        ready_at = ready_at[:wanted] + [now + startup_s] * (wanted - len(ready_at))
    total = sum(load) * step_s
    return Replay(
        replicas=tuple(sizes),
        utilisation=tuple(shares),
        wait_s=tuple(waits),
        late=late / total if total else 0.0,
        replica_minutes=sum(sizes) * step_s / 60,
    )
