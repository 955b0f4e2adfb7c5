"""The capstone at its full length, in two towns, one of them begun anew in the same kernel after a cell had failed."""

from __future__ import annotations

from tests.labs.capstone import live

ABOUT_ERROR = {"ModelErrorHigh", "ModelErrorSevere", "ConceptDrift"}


def test_fallen_prices_are_seen_and_learnt(tmp_path):
    """A server's cell fails while it serves; all is run again. The alert comes after the move and starts a training."""
    told = live(tmp_path / "work", again=True, SEED=3)
    assert told["story"] == "regime"
    alerts = [alert for alert in told["alerts"] if alert[0] in ABOUT_ERROR]
    assert alerts
    assert all(fired > told["moved"] and justified for _, fired, justified in alerts)
    assert "retrain" in {action for action, _ in told["actions"]}
    assert told["children"] == []


def test_a_quiet_town_costs_nothing_more(tmp_path):
    """Nothing moves: no alert, no action, the first version answers to the end."""
    told = live(tmp_path / "work", SEED=5)
    assert told["story"] == "stable"
    assert told["alerts"] == told["actions"] == []
    assert told["lost"][0] == told["lost"][1]
