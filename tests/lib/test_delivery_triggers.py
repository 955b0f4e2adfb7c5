"""The triggers as pure functions: what makes them fire, what holds them back, and which way they lean."""

from __future__ import annotations

import itertools
import re
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lib.delivery.triggers import LiveMetric, MonitoringState, TriggerPolicy, decay, decide

START = date(2024, 1, 1)
POLICY = TriggerPolicy()

shares = st.floats(0, 1)
policies = st.builds(
    TriggerPolicy,
    new_rows=st.integers(1, 3_000), decay=st.floats(0, 1), least_labels=st.integers(30, 300), least_coverage=shares,
    every_days=st.integers(1, 60), cool_down_days=st.integers(1, 40), budget=st.integers(1, 6),
    budget_days=st.integers(1, 120), bad_share=shares, least_new_rows=st.integers(1, 500),
)  # fmt: skip
live_metrics = st.builds(
    lambda low, first, second, n, coverage: LiveMetric(
        low=low, value=low + first, high=low + first + second, n=n, coverage=coverage
    ),
    st.floats(0, 1e5), st.floats(0, 1e4), st.floats(0, 1e4), st.integers(0, 2_000), shares,
)  # fmt: skip
states = st.builds(
    lambda today, trained, attempts, **more: MonitoringState(
        today=START + timedelta(days=today),
        trained_on=START + timedelta(days=min(trained, today)),
        attempts=tuple(START + timedelta(days=day) for day in sorted(attempts) if day <= today),
        **more,
    ),
    st.integers(0, 200), st.integers(0, 200), st.lists(st.integers(0, 200), max_size=6),
    new_rows=st.integers(0, 5_000), bad_share=shares, reference=st.floats(1, 1e5),
    live=st.none() | live_metrics,
)  # fmt: skip


def state(**more) -> MonitoringState:
    """Nothing fires on the twentieth day after a training, unless `more` makes it."""
    quiet = LiveMetric(value=31_000, low=30_000, high=32_000, n=500, coverage=0.5)
    fields = {"today": START + timedelta(days=20), "trained_on": START, "new_rows": 300, "bad_share": 0.0}
    return MonitoringState(**{**fields, "reference": 30_000, "live": quiet, **more})


def live(**more) -> LiveMetric:
    return LiveMetric(**{"value": 40_000, "low": 38_000, "high": 42_000, "n": 500, "coverage": 0.5, **more})


@pytest.mark.parametrize(
    ("more", "fired"),
    [
        ({}, ()),
        ({"new_rows": 1_150}, ("new data",)),
        ({"live": live()}, ("decay",)),
        ({"today": START + timedelta(days=35)}, ("schedule",)),
        ({"today": START + timedelta(days=35), "live": live(), "new_rows": 2_000}, ("new data", "decay", "schedule")),
    ],
)
def test_each_trigger_fires_for_its_own_reason(more, fired):
    """Enough sound rows, an error that is higher beyond doubt, and time: each alone starts a training."""
    decision = decide(state(**more), POLICY)
    assert decision.fired == fired
    assert decision.retrain is bool(fired)
    assert all(finding.reason for finding in decision.findings)


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (None, "cannot tell: 0 labels"),
        (live(n=79), "cannot tell: 79 labels"),
        (live(coverage=0.1), "cannot tell: 10% of the predictions have a label"),
        (live(low=32_000), r"live error 40,000 \(32,000 to 42,000"),
    ],
)
def test_decay_needs_evidence(metric, reason):
    """Too few labels, too small a share of them, and an interval that reaches below the limit prove nothing."""
    finding = decay(state(live=metric), POLICY)
    assert not finding.fired
    assert re.match(reason, finding.reason)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"bad_share": 0.2}, "bad data: 20%"),
        ({"attempts": (START + timedelta(days=15),)}, "cool-down: the last training was 5 days ago"),
        ({"attempts": tuple(START + timedelta(days=day) for day in range(6))}, "budget: 6 trainings in 92 days"),
        ({"new_rows": 100}, "nothing new: 100 sound rows"),
    ],
)
def test_what_holds_a_training_back(more, reason):
    """The trigger has fired, and the decision says why nothing is trained."""
    decision = decide(state(**{"live": live(), **more}), POLICY)
    assert decision.fired == ("decay",)
    assert not decision.retrain
    assert decision.held_back.startswith(reason)


@given(states, policies)
def test_never_on_bad_data_nor_within_the_cool_down_nor_beyond_the_budget(found, policy):
    """Whatever fires, the four limits hold."""
    if decide(found, policy).retrain:
        last = max((found.trained_on, *found.attempts))
        recent = [day for day in found.attempts if (found.today - day).days < policy.budget_days]
        assert found.bad_share <= policy.bad_share
        assert (found.today - last).days >= policy.cool_down_days
        assert len(recent) < policy.budget
        assert found.new_rows >= policy.least_new_rows


@given(states, policies)
def test_held_back_exactly_when_fired_and_not_trained(found, policy):
    """A decision is one of three things: quiet, training, or held back with a reason."""
    decision = decide(found, policy)
    assert decision.retrain == (bool(decision.fired) and not decision.held_back)
    assert type(decision).model_validate_json(decision.model_dump_json()) == decision


@given(states, policies, st.integers(0, 1_000), st.floats(0, 1e5), st.floats(0, 1))
def test_leans_the_right_way(found, policy, rows, worse, better):
    """More sound rows, a higher live error or cleaner data never call a training off that was called for."""
    if decide(found, policy).retrain:
        changes = [{"new_rows": found.new_rows + rows}, {"bad_share": found.bad_share * better}]
        if found.live is not None:
            fields = {name: getattr(found.live, name) + worse for name in ("value", "low", "high")}
            changes.append({"live": found.live.model_copy(update=fields)})
        for change in changes:
            assert decide(found.model_copy(update=change), policy).retrain


@given(policies, st.lists(st.tuples(st.integers(0, 5_000), st.booleans()), min_size=30, max_size=150))
@settings(max_examples=50, deadline=None)
def test_no_loop_however_the_days_go(policy, days):
    """Day after day with any news, trainings stay apart and within the budget."""
    attempts: list[date] = []
    for number, (rows, decayed) in enumerate(days):
        today = START + timedelta(days=number)
        found = MonitoringState(
            today=today, trained_on=START, new_rows=rows, bad_share=0, reference=1,
            live=live(n=2_000, coverage=1.0) if decayed else None, attempts=tuple(attempts),
        )  # fmt: skip
        if decide(found, policy).retrain:
            attempts.append(today)
    assert all((later - earlier).days >= policy.cool_down_days for earlier, later in itertools.pairwise(attempts))
    for first in attempts:
        within = [day for day in attempts if 0 <= (day - first).days < policy.budget_days]
        assert len(within) <= policy.budget


def test_misspelt_policy_is_an_error():
    """A typo must not leave a limit at its default in silence."""
    with pytest.raises(ValidationError, match="cooldown_days"):
        TriggerPolicy(cooldown_days=3)
