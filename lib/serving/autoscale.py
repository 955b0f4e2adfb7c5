"""How many replicas: the algorithm of Kubernetes' HorizontalPodAutoscaler, one step at a time.

Source: Kubernetes' documentation of horizontal pod autoscaling, "Algorithm details" and "Configurable scaling
behavior".
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class AutoscalePolicy(BaseModel):
    """When to add and remove replicas.

    `target` is the wanted mean of the metric over the replicas, in the metric's own unit (a share of the requested CPU,
    or requests a second). Within `tolerance` (a share) of it nothing happens. Up: at most to `up_factor` times the
    replicas or `up_pods` more, whichever is more, within `period_s`. Down: no lower than any recommendation of the last
    `down_stabilisation_s` seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: float = Field(gt=0)
    minimum: int = Field(default=1, ge=1)
    maximum: int = Field(default=10, ge=1)
    tolerance: float = Field(default=0.1, ge=0, lt=1)
    up_factor: float = Field(default=2.0, ge=1)
    up_pods: int = Field(default=4, ge=0)
    period_s: float = Field(default=15.0, gt=0)
    down_stabilisation_s: float = Field(default=300.0, ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum is {self.minimum} and maximum {self.maximum}. Make the minimum the smaller one.")
        return self


def recommend(replicas: int, measured: Sequence[float | None], policy: AutoscalePolicy) -> int:
    """The replicas that one metric asks for: ceil(replicas × mean / target), or `replicas` within the tolerance.

    `measured` holds the metric of each replica, None where it is missing. Missing ones are taken as 0 when the others
    ask for more and as the target when they ask for less, and never turn the direction.

    >>> recommend(50, [0.90] * 50, AutoscalePolicy(target=0.75, maximum=100))
    60
    >>> recommend(4, [0.8, 0.8, None, None], AutoscalePolicy(target=0.5))
    4
    """
    known = [value for value in measured if value is not None]
    if not known or replicas < 1:
        return replicas
    ratio = sum(known) / len(known) / policy.target
    if _within(ratio, policy.tolerance):
        return replicas
    missing = len(measured) - len(known)
    if not missing:
        return _ceil(replicas * ratio)
    filled = sum(known) + (0.0 if ratio > 1 else policy.target * missing)
    cautious = filled / len(measured) / policy.target
    if _within(cautious, policy.tolerance) or (cautious > 1) != (ratio > 1):
        return replicas
    return _ceil(len(measured) * cautious)


def _within(ratio: float, tolerance: float) -> bool:
    return abs(ratio - 1) <= tolerance + 1e-9


def _ceil(replicas: float) -> int:
    """Up to the next whole replica, forgiving what floating point adds: 8 × 0.9 / 0.72 is 10, not 11."""
    return math.ceil(round(replicas, 6))


class Autoscaler:
    """The steps of one deployment; remembers recent recommendations and sizes, as the limits on speed demand."""

    def __init__(self, policy: AutoscalePolicy) -> None:
        self.policy = policy
        self._recommended: deque[tuple[float, int]] = deque()
        self._sizes: deque[tuple[float, int]] = deque()

    def step(self, now_s: float, replicas: int, metrics: Mapping[str, Sequence[float | None]]) -> int:
        """The replicas to have from now on, given each metric's values by replica; the metric that asks for most wins.

        `now_s` is any clock that only goes forward, in seconds. All metrics have the policy's `target`.
        """
        policy = self.policy
        asked = max((recommend(replicas, values, policy) for values in metrics.values()), default=replicas)
        asked = min(max(asked, policy.minimum), policy.maximum)
        most = _extreme(self._recommended, now_s, asked, policy.down_stabilisation_s, sign=1)
        before = _extreme(self._sizes, now_s, replicas, policy.period_s, sign=-1)
        if asked > replicas:  # what was added within the period counts against the limit
            return min(asked, max(replicas, _ceil(before * policy.up_factor), before + policy.up_pods))
        return min(replicas, most)


def _extreme(kept: deque[tuple[float, int]], now_s: float, size: int, window_s: float, *, sign: int) -> int:
    """The largest size of the last `window_s` seconds (the smallest with `sign` −1), `size` of now among them.

    Only those are kept that no later one exceeds, so the first is the answer.
    """
    while kept and sign * kept[-1][1] <= sign * size:
        kept.pop()
    kept.append((now_s, size))
    while kept[0][0] < now_s - window_s:
        kept.popleft()
    return kept[0][1]


def hpa_manifest(policy: AutoscalePolicy, *, name: str, metric: str | None = None) -> dict[str, Any]:
    """The same policy as a HorizontalPodAutoscaler (autoscaling/v2) of the Deployment `name`.

    Without `metric`, `target` is a share of the requested CPU; with it, the mean of that pod metric. Tolerance is the
    cluster's own setting (10 % by default), so a policy with another one raises ValueError.
    """
    if policy.tolerance != 0.1:
        raise ValueError(f"tolerance {policy.tolerance} cannot be written into a manifest. Keep the cluster's 0.1.")
    if metric is None:
        percent = round(policy.target * 100)
        wanted = {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}},
        }
    else:
        value = f"{round(policy.target * 1000)}m"
        wanted = {
            "type": "Pods",
            "pods": {"metric": {"name": metric}, "target": {"type": "AverageValue", "averageValue": value}},
        }
    period = round(policy.period_s)
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": policy.minimum,
            "maxReplicas": policy.maximum,
            "metrics": [wanted],
            "behavior": {
                "scaleUp": {
                    "stabilizationWindowSeconds": 0,
                    "selectPolicy": "Max",
                    "policies": [
                        {"type": "Percent", "value": round((policy.up_factor - 1) * 100), "periodSeconds": period},
                        {"type": "Pods", "value": policy.up_pods, "periodSeconds": period},
                    ],
                },
                "scaleDown": {"stabilizationWindowSeconds": round(policy.down_stabilisation_s)},
            },
        },
    }
