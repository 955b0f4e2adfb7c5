"""The capstone in small: a town where rows break half-way, lived through, and what that really led to."""

from __future__ import annotations

import pytest

from tests.labs.capstone import live

SEED, ROWS_A_DAY, DAYS = 7, 36, 14  # of a town where a supplier changes its units
pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the notebook knows when its last cell has run."""
    return live(tmp_path_factory.mktemp("capstone") / "work", SEED=SEED, ROWS_A_DAY=ROWS_A_DAY, DAYS=DAYS)


def test_a_signed_version_is_served_and_delivered(told):
    """A real server answers, refuses and bears; the canary's verdict is what serves, and the ledger says the same."""
    assert told["seen_by"] == [1, 422, 240, 0]
    state, serving, met_first, met_second = told["canary"]
    assert (state, serving) in (("rolled back", 1), ("in place", 2))
    assert met_first > 0
    assert met_second >= 29 or state == "rolled back"
    assert told["champion"] == serving == told["production"][-1] == told["releases"][0]
    assert sorted(told["signed"]) == sorted({1, serving})


def test_the_alert_comes_after_the_move_and_its_action_helps(told):
    """Rows that break are noticed the morning after; from then on the declared rule stands in for the model."""
    assert told["story"] == "schema_break"
    (alert,) = [alert for alert in told["alerts"] if alert[0] == "DataBroken"]
    assert alert[1] > told["moved"]
    assert alert[2]
    assert ["manual", "done"] in told["actions"]
    before = {day["version"] for day in told["answered"] if day["day"] < told["moved"]}
    assert before == {told["champion"]}
    later = {day["version"] for day in told["answered"] if day["day"] >= alert[1]}
    assert later == {0}


def test_what_would_have_been_is_told_of_the_same_houses(told):
    """Until something was done, both worlds are one; the sums lost are those of the days."""
    until = min(alert[1] for alert in told["alerts"])
    worlds = [[day for day in told[name] if day["day"] < until] for name in ("answered", "unacted")]
    assert worlds[0] == worlds[1]
    assert sum(day["n"] for day in told["answered"]) == sum(day["n"] for day in told["unacted"])
    assert {day["version"] for day in told["unacted"]} == {told["champion"]}
    assert told["lost"][0] > 0


def test_the_bill_adds_up_and_the_papers_are_whole(told):
    """What each phase used and what stood idle are the bill; predictions are those that were made."""
    total, parts = told["bill"]
    assert total == pytest.approx(parts)
    assert {name for name, used in told["used"].items() if used > 0} == {"train", "serve", "monitor", "store"}
    assert told["answers"] > 240 + told["canary"][2] + told["canary"][3]
    assert told["trail"]


def test_the_dashboard_is_drawn_and_nothing_is_left_running(told):
    """One picture with its lines and bars; no process of the notebook goes on."""
    assert told["shown"] == [True]
    assert min(told["lines"]) >= 2
    assert told["bars"] == len(told["used"])
    assert told["children"] == []
