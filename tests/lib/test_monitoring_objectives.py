"""Promises and their budgets: how much may go wrong, and how soon somebody is told that it goes too fast."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lib.errors import MonitoringError
from lib.monitoring.evaluate import Evaluator, utc
from lib.monitoring.objectives import AVAILABILITY, FAST, OBJECTIVES, SLOW, WINDOW_S, Objective
from lib.monitoring.query import Series
from lib.monitoring.samples import Reading, Samples

MINUTE_S = 60.0


class Traffic:
    """Ten requests a second to /predict, of which a share fails; looked at every minute."""

    def __init__(self) -> None:
        self.samples, self.evaluator = Samples(keep_s=4 * 86_400), Evaluator(AVAILABILITY.rules())
        self.at_s, self.good, self.bad = 0.0, 0.0, 0.0
        self.said: list[tuple[str, str, timedelta]] = []

    def go_on(self, minutes: int, *, failing: float) -> None:
        start_s = self.at_s
        for _ in range(minutes):
            self.at_s += MINUTE_S
            self.good += 600 * (1 - failing)
            self.bad += 600 * failing
            told = [
                Reading("serving_requests_total", {"path": "/predict", "status": status}, value)
                for status, value in (("200", self.good), ("503", self.bad))
            ]
            self.samples.scrape(self.at_s, told, job="server")
            for alert in self.evaluator.evaluate(self.samples, utc(self.at_s)):
                self.said.append((alert.rule.name, alert.state, timedelta(seconds=self.at_s - start_s)))

    def left(self) -> float:
        """The share of the budget that is left."""
        (value,) = AVAILABILITY.budget_left().at(self.samples, self.at_s).values()
        return value


@pytest.fixture
def traffic() -> Traffic:
    """A day on which a thousandth of the requests fails: a fifth of what is allowed."""
    traffic = Traffic()
    traffic.go_on(1_440, failing=0.001)
    assert traffic.said == []
    assert traffic.left() == pytest.approx(0.8, abs=0.001)
    return traffic


def test_a_breakdown_pages_within_minutes_and_ends_soon_after(traffic):
    """Half of the requests fail: the page comes within ten minutes, and is over five minutes after the mending."""
    traffic.go_on(30, failing=0.5)
    page = [each for each in traffic.said if each[0] == "AvailabilityBudgetBurning"]
    assert [state for _, state, _ in page] == ["firing"]
    assert page[0][2] <= timedelta(minutes=10)
    traffic.said.clear()
    traffic.go_on(30, failing=0.001)
    over = [each for each in traffic.said if each[0] == "AvailabilityBudgetBurning"]
    assert [state for _, state, _ in over] == ["resolved"]
    assert over[0][2] <= timedelta(minutes=6)
    assert traffic.left() < 0


def test_a_slow_leak_is_a_ticket_and_no_page(traffic):
    """One in a hundred fails, twice what is allowed: nobody is woken up, and somebody hears of it within two days."""
    traffic.go_on(2 * 1_440, failing=0.01)
    assert [(name, state) for name, state, _ in traffic.said] == [("AvailabilityBudgetLeaking", "firing")]


def test_a_short_blip_is_nobodys_business(traffic):
    """Two bad minutes cost a little of the budget and no sleep."""
    traffic.go_on(2, failing=0.5)
    traffic.go_on(30, failing=0.001)
    assert traffic.said == []


def test_few_requests_say_nothing():
    """One of three failed is 33 %, and still only one: below a hundred events there is no alert."""
    traffic = Traffic()
    traffic.samples.scrape(0.0, [], job="server")
    for minute in range(1, 61):
        values = (("200", minute), ("503", minute / 2))
        told = [Reading("serving_requests_total", {"path": "/predict", "status": status}, v) for status, v in values]
        traffic.samples.scrape(60.0 * minute, told, job="server")
        assert traffic.evaluator.evaluate(traffic.samples, utc(60.0 * minute)) == []


def test_the_pace_is_the_share_of_the_budget_over_the_window():
    """A fast burn of 14.4 for an hour spends 2 % of 30 days; evenly spent, the rate is 1."""
    assert FAST.rate == pytest.approx(14.4)
    assert SLOW.rate == pytest.approx(1.0)
    assert FAST.rate * FAST.long_s / WINDOW_S == pytest.approx(FAST.spends)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"target": 1.0}, "without a budget"),
        ({"target": 0.0}, "more than 0"),
        ({"bad": None}, "either good or bad"),
        ({"good": Series("good")}, "either good or bad"),
    ],
)
def test_a_promise_that_cannot_be_kept_or_broken_is_refused(change, reason):
    """All is not a target, and neither is nothing; events are counted from one side."""
    fields = {"name": "X", "promise": "x", "target": 0.9, "events": Series("all"), "bad": Series("bad")}
    with pytest.raises(MonitoringError, match=reason):
        Objective(**{**fields, **change})


def test_every_promise_is_watched():
    """Each has a rule at least, named for it."""
    for objective in OBJECTIVES:
        assert objective.rules()
        assert all(rule.name.startswith(objective.name) for rule in objective.rules())
