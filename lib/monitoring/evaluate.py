"""The rules against the series, moment by moment: pending, firing, resolved, as Prometheus has it.

Source: Prometheus' documentation of alerting rules, and rules/alerting.go of version 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from lib.monitoring.rules import Rule, require_sound
from lib.monitoring.samples import Labels, Samples

State = Literal["pending", "firing", "resolved"]


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One rule about one combination of labels, since `active_at`; `value` is the last that its rule had for it.

    `muted_by` names rules that fire and are the cause of this one.
    """

    rule: Rule
    labels: Mapping[str, str]
    state: State
    value: float
    active_at: datetime
    fired_at: datetime | None = None
    absent_since: datetime | None = None
    resolved_at: datetime | None = None
    muted_by: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The same for the same rule, labels and start, and for nothing else."""
        labels = ",".join(f"{name}={value}" for name, value in sorted(self.labels.items()))
        return f"{self.rule.name}{{{labels}}}@{self.active_at.isoformat()}"

    @property
    def summary(self) -> str:
        """What is wrong, in words."""
        return self.rule.said(self.labels, self.value)


class Evaluator:
    """Follows the alerts of `rules`; made once, then asked at each step.

    Raises MonitoringError for rules that contradict each other.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        require_sound(rules)
        self.rules = tuple(rules)
        self._alerts: dict[str, dict[Labels, Alert]] = {rule.name: {} for rule in rules}

    def evaluate(self, samples: Samples, at: datetime) -> list[Alert]:
        """Look at the series as they are at `at`; returns the alerts whose state is another than before."""
        changed = [each for rule in self.rules for each in self._step(rule, samples, at)]
        causes = _causes(self.rules, {each.rule.name for each in self.active if each.state == "firing"})
        return [replace(each, muted_by=causes.get(each.rule.name, ())) for each in changed]

    @property
    def active(self) -> list[Alert]:
        """Those pending or firing, in the order of the rules, with what mutes them."""
        alerts = [each for of_rule in self._alerts.values() for each in of_rule.values()]
        causes = _causes(self.rules, {each.rule.name for each in alerts if each.state == "firing"})
        return [replace(each, muted_by=causes.get(each.rule.name, ())) for each in alerts]

    def _step(self, rule: Rule, samples: Samples, at: datetime) -> Iterator[Alert]:
        found = rule.when.at(samples, at.timestamp())
        alerts = self._alerts[rule.name]
        for labels in [*alerts, *(labels for labels in found if labels not in alerts)]:
            before = alerts.get(labels)
            now = _next(rule, labels, before, found.get(labels), at)
            if now is None or now.state == "resolved":
                alerts.pop(labels, None)
            else:
                alerts[labels] = now
            if now is not None and (before is None or now.state != before.state):
                yield now


def utc(at_s: float) -> datetime:
    """Seconds since 1970 as an instant."""
    return datetime.fromtimestamp(at_s, UTC)


def _causes(rules: Sequence[Rule], firing: set[str]) -> dict[str, tuple[str, ...]]:
    causes: dict[str, tuple[str, ...]] = {}
    for rule in rules:
        if rule.name in firing:
            for name in rule.mutes:
                causes[name] = (*causes.get(name, ()), rule.name)
    return causes


def _next(rule: Rule, labels: Labels, before: Alert | None, value: float | None, at: datetime) -> Alert | None:
    """The alert after this look, None for none; one that was pending and has no value any more is forgotten."""
    if value is None:
        return None if before is None else _without(before, at)
    if before is None:
        before = Alert(rule=rule, labels=dict(labels), state="pending", value=value, active_at=at)
    before = replace(before, value=value, absent_since=None)
    if before.state == "pending" and (at - before.active_at).total_seconds() >= rule.for_s:
        return replace(before, state="firing", fired_at=at)
    return before


def _without(before: Alert, at: datetime) -> Alert | None:
    if before.state == "pending":
        return None
    since = before.absent_since or at
    if (at - since).total_seconds() < before.rule.keep_firing_s:
        return replace(before, absent_since=since)
    return replace(before, state="resolved", resolved_at=at)
