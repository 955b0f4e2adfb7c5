"""When to train again: three triggers and what holds them back, as pure functions of monitoring state and date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Trigger = Literal["new data", "decay", "schedule"]


class Frozen(BaseModel):
    """JSON in and out; a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LiveMetric(Frozen):
    """The champion's error on sales that became known lately, with its interval; smaller is better.

    `n` labels are behind it; `coverage` is the share of its predictions, old enough to expect one, that have a label.
    """

    value: float = Field(ge=0)
    low: float = Field(ge=0)
    high: float = Field(ge=0)
    n: int = Field(ge=0)
    coverage: float = Field(ge=0, le=1)


class MonitoringState(Frozen):
    """What monitoring knows on a day, before anything of that day has come in.

    `new_rows` are the sound, labelled rows that came after those which the last training could see, `bad_share` is the
    share of bad rows among all that arrived in the last week. `reference` is the champion's error when it was judged,
    `live` the same error now, None while there are no labels. `attempts` are the days of all trainings, whatever came
    of them; `trained_on` is the day of the champion's own.
    """

    today: date
    trained_on: date
    new_rows: int = Field(ge=0)
    bad_share: float = Field(ge=0, le=1)
    reference: float = Field(ge=0)
    live: LiveMetric | None = None
    attempts: tuple[date, ...] = ()


class TriggerPolicy(Frozen):
    """What is enough, and what is too much.

    `decay` is the share by which the live error must exceed the reference, with the whole of its interval. At most
    `budget` trainings are started within `budget_days`, and two are `cool_down_days` apart. Above `bad_share`, or with
    fewer than `least_new_rows`, nothing is trained whatever fires.
    """

    new_rows: int = Field(default=1_150, ge=1)
    decay: float = Field(default=0.08, ge=0)
    least_labels: int = Field(default=80, ge=30)
    least_coverage: float = Field(default=0.15, ge=0, le=1)
    every_days: int = Field(default=35, ge=1)
    cool_down_days: int = Field(default=10, ge=1)
    budget: int = Field(default=6, ge=1)
    budget_days: int = Field(default=92, ge=1)
    bad_share: float = Field(default=0.05, ge=0, le=1)
    least_new_rows: int = Field(default=200, ge=1)


class Finding(Frozen):
    """What one trigger found."""

    trigger: Trigger
    fired: bool
    reason: str


class Decision(Frozen):
    """Whether to train now; `held_back` says why not although a trigger fired, empty otherwise."""

    retrain: bool
    findings: tuple[Finding, ...]
    held_back: str = ""

    @property
    def fired(self) -> tuple[Trigger, ...]:
        """The triggers that fired."""
        return tuple(finding.trigger for finding in self.findings if finding.fired)


def decide(state: MonitoringState, policy: TriggerPolicy) -> Decision:
    """Train when a trigger fires and nothing holds it back.

    >>> first, ninth = date(2024, 3, 1), date(2024, 3, 9)
    >>> quiet = MonitoringState(today=ninth, trained_on=first, new_rows=0, bad_share=0, reference=1)
    >>> decide(quiet, TriggerPolicy()).retrain
    False
    >>> decide(quiet.model_copy(update={"new_rows": 2_000}), TriggerPolicy(cool_down_days=14)).held_back
    'cool-down: the last training was 8 days ago, and 14 must pass'
    """
    findings = (new_data(state, policy), decay(state, policy), schedule(state, policy))
    if not any(finding.fired for finding in findings):
        return Decision(retrain=False, findings=findings)
    held_back = _held_back(state, policy)
    return Decision(retrain=not held_back, findings=findings, held_back=held_back)


def new_data(state: MonitoringState, policy: TriggerPolicy) -> Finding:
    """Fires when enough sound rows came since the last training."""
    fired = state.new_rows >= policy.new_rows
    return Finding(trigger="new data", fired=fired, reason=f"{state.new_rows:,} sound new rows of {policy.new_rows:,}")


def decay(state: MonitoringState, policy: TriggerPolicy) -> Finding:
    """Fires when the live error lies above the reference beyond doubt; too few labels are no evidence either way."""
    live = state.live
    if live is None or live.n < policy.least_labels:
        reason = f"cannot tell: {live.n if live else 0} labels, and {policy.least_labels} are needed"
        return Finding(trigger="decay", fired=False, reason=reason)
    if live.coverage < policy.least_coverage:
        reason = f"cannot tell: {live.coverage:.0%} of the predictions have a label, {policy.least_coverage:.0%} needed"
        return Finding(trigger="decay", fired=False, reason=reason)
    limit = state.reference * (1 + policy.decay)
    found = f"{live.value:,.0f} ({live.low:,.0f} to {live.high:,.0f}, {live.n} labels)"
    return Finding(
        trigger="decay",
        fired=live.low > limit,
        reason=f"live error {found}, limit {limit:,.0f}",
    )


def schedule(state: MonitoringState, policy: TriggerPolicy) -> Finding:
    """Fires when the last training is long ago."""
    days = (state.today - _last_training(state)).days
    return Finding(
        trigger="schedule",
        fired=days >= policy.every_days,
        reason=f"{days} days since the last training of {policy.every_days}",
    )


def _held_back(state: MonitoringState, policy: TriggerPolicy) -> str:
    """The first of the reasons not to train, empty when there is none."""
    if state.bad_share > policy.bad_share:
        return f"bad data: {state.bad_share:.0%} of the last week's rows are bad; mend them where they come from"
    days = (state.today - _last_training(state)).days
    if days < policy.cool_down_days:
        return f"cool-down: the last training was {days} days ago, and {policy.cool_down_days} must pass"
    recent = [day for day in state.attempts if state.today - day < timedelta(days=policy.budget_days)]
    if len(recent) >= policy.budget:
        return f"budget: {len(recent)} trainings in {policy.budget_days} days, and {policy.budget} are allowed"
    if state.new_rows < policy.least_new_rows:
        return f"nothing new: {state.new_rows} sound rows since the last training, {policy.least_new_rows} needed"
    return ""


def _last_training(state: MonitoringState) -> date:
    return max((state.trained_on, *state.attempts))
