"""Continuous training through a quarter: honest about what is known when, and only winners become candidates."""

from __future__ import annotations

import itertools
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from lib.delivery import training
from lib.delivery.candidate import register_challenger
from lib.delivery.draw import draw_ct
from lib.delivery.monitor import KNOWN, LISTED, Monitor, inputs
from lib.delivery.quarter import HISTORY_DAYS, START, simulate_quarter
from lib.delivery.training import Record, continuous_training, judge, train
from lib.delivery.triggers import TriggerPolicy
from lib.errors import DataError, DeliveryError
from lib.market import HOUSES, PRICE
from lib.registry import find_version
from lib.settings import Settings

POLICY = TriggerPolicy(new_rows=460, least_labels=32, least_new_rows=80)
NAME = "house-price-predictor"


@pytest.fixture(scope="module")
def story():
    """A small quarter with everything in it, its record, and what was seen of each training on the way."""
    judged = []

    def spy(challenger, champion, **options):
        found, count = judge(challenger, champion, **options)
        judged.append((challenger, champion, count))
        return found, count

    winners = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "judge", spy)
        quarter = simulate_quarter(rows_a_day=16)
        record = continuous_training(
            quarter, POLICY, register=lambda challenger: winners.append(challenger) or len(winners)
        )
    return quarter, record, judged, winners


def test_quarter_brings_trainings_won_lost_and_held_back(story):
    """The story shows what it is made to show, and its record survives a file."""
    _, record, _, _ = story
    assert {day.attempt.outcome for day in record.attempts} == {"won", "lost"}
    assert {trigger for day in record.attempts for trigger in day.attempt.triggers} == {"new data", "decay", "schedule"}
    assert any(day.decision.held_back.startswith("bad data") for day in record.days)
    assert any(day.decision.held_back.startswith("cool-down") for day in record.days)
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_nothing_is_judged_on_rows_that_either_model_learnt_from(story):
    """For every training: the rows of both models and the rows that judge them have no house in common."""
    _, record, judged, _ = story
    assert len(judged) >= len(record.attempts) > 0
    for challenger, champion, count in judged:
        unseen = set(challenger.judged["house_id"])
        assert not unseen & set(challenger.trained["house_id"])
        both = unseen - set(champion.trained["house_id"])
        assert count == len(both) > 0


def test_nothing_is_known_before_its_day(story):
    """No sale that trains or judges became known on the day of the training or later."""
    _, record, judged, _ = story
    in_quarter = judged[-len(record.attempts) :]
    for day, (challenger, _, _) in zip(record.attempts, in_quarter, strict=True):
        assert challenger.table[KNOWN].max() < pd.Timestamp(day.day)
        assert challenger.trained[KNOWN].max() <= challenger.judged[KNOWN].min()


def test_only_winners_are_registered_and_answer_two_days_later(story):
    """The champion changes only after a win, and the interval of that gain lies above zero."""
    _, record, _, winners = story
    won = [day for day in record.attempts if day.attempt.outcome == "won"]
    lost = [day for day in record.attempts if day.attempt.outcome == "lost"]
    assert all(day.attempt.low > 0 and day.attempt.registered for day in won)
    assert all(day.attempt.low <= 0 and day.attempt.registered is None for day in lost)
    assert len(winners) >= 1 + len(won)  # the first champion too, and those before the quarter
    changes = [
        later.day for earlier, later in itertools.pairwise(record.days)
        if later.champion != earlier.champion
    ]  # fmt: skip
    due = [day.day + timedelta(days=2) for day in won]
    assert changes == [day for day in due if day <= record.days[-1].day]


def test_no_row_of_a_bad_week_is_learnt_from(story):
    """Neither areas in square feet nor prices four times too high reach a training."""
    quarter, _, _, winners = story
    schema = next(event for event in quarter.events if event.kind == "schema")
    poison = next(event for event in quarter.events if event.kind == "poison")
    for challenger in winners:
        table = challenger.table
        assert not table[LISTED].between(pd.Timestamp(schema.starts), pd.Timestamp(schema.ends), inclusive="left").any()
        assert HOUSES.check(table) is table
        sold = table[table[KNOWN].between(pd.Timestamp(poison.starts), pd.Timestamp(poison.ends), inclusive="left")]
        assert len(sold) < 15  # a day with a few sales may have none that was poisoned


def test_quarter_is_bad_where_it_says_so():
    """The events are in the data, on their days, and nowhere else; another seed is another quarter."""
    told, clean = simulate_quarter(rows_a_day=8), simulate_quarter("regime", rows_a_day=8)
    schema, poison = told.events[1:]
    area = told.houses["area_m2"] != clean.houses["area_m2"]
    price = told.houses[PRICE].fillna(0) != clean.houses[PRICE].fillna(0)
    for changed, column, event in ((area, LISTED, schema), (price, KNOWN, poison)):
        days = told.houses[column][changed]
        assert len(days) > 10
        assert days.min() >= pd.Timestamp(event.starts)
        assert days.max() < pd.Timestamp(event.ends)
    assert not simulate_quarter("stable", rows_a_day=8).events
    assert simulate_quarter(rows_a_day=8, seed=1).houses["area_m2"].iloc[0] != told.houses["area_m2"].iloc[0]
    with pytest.raises(DataError, match="no story is named 'calm'"):
        simulate_quarter("calm")


@pytest.fixture(scope="module")
def monitored():
    """A stable market, received until the quarter begins, with predictions of version 1 from two months before."""
    quarter = simulate_quarter("stable", rows_a_day=10)
    monitor = Monitor(quarter)
    first = quarter.starts - timedelta(days=60)
    monitor.receive(START, first - timedelta(days=1))
    challenger = train(monitor.known(first), first)
    monitor.receive(first, quarter.starts - timedelta(days=1))
    monitor.predict(challenger.model, 1, first, quarter.starts - timedelta(days=1))
    return quarter, monitor, challenger


def test_live_metric_is_the_error_on_labels_that_are_known(monitored):
    """RMSE, labels and coverage equal what a join by house of predictions and known sales gives."""
    quarter, monitor, challenger = monitored
    today, houses = pd.Timestamp(quarter.starts), quarter.houses
    found = monitor.live(quarter.starts, 1)
    asked = houses[(houses[LISTED] >= today - pd.Timedelta(days=60)) & (houses[LISTED] < today)]
    known = asked[(asked[KNOWN] < today) & (asked[KNOWN] >= today - pd.Timedelta(days=28))]
    errors = challenger.model.predict(inputs(known)) - known[PRICE]
    assert found.n == len(known)
    assert found.value == pytest.approx(np.sqrt((errors**2).mean()))
    assert found.low < found.value < found.high
    due = asked[asked[LISTED] <= today - pd.Timedelta(days=30)]
    assert found.coverage == pytest.approx((due[KNOWN] < today).mean())
    assert monitor.live(quarter.starts, 2) is None


def test_bad_share_is_of_the_last_week(monitored):
    """In a stable market nothing is bad; what nobody received has no share."""
    quarter, monitor, _ = monitored
    assert monitor.bad_share(quarter.starts) < 0.01
    assert monitor.bad_share(quarter.starts + timedelta(days=30)) == 0.0
    assert (quarter.starts - START).days == HISTORY_DAYS


def test_winner_becomes_a_version_that_answers_as_the_judged_model(monitored, tmp_path):
    """The tracked run is the very training that was judged; one that differs is not registered."""
    _, _, challenger = monitored
    settings = Settings(root=tmp_path)
    version = register_challenger(challenger, settings=settings)
    assert (version.version, version.stage) == (1, "None")
    challenger.model.named_steps["model"]._baseline_prediction += 1.0
    try:
        with pytest.raises(DeliveryError, match="judged rows otherwise than the judged model did"):
            register_challenger(challenger, settings=settings)
    finally:
        challenger.model.named_steps["model"]._baseline_prediction -= 1.0
    assert find_version(NAME, 1, settings=settings).version == 1


def test_picture_shows_every_kind_of_decision(story):
    """Three panels; each trigger has a lane, and its marks lie where it fired."""
    _, record, _, _ = story
    figure = draw_ct(record)
    error, data, lanes, _twin = figure.axes
    assert [label.get_text() for label in lanes.get_yticklabels()] == ["decay", "new data", "schedule"]
    marks = sum(len(line.get_xdata()) for line in lanes.get_lines())
    assert marks == sum(len(day.decision.fired) for day in record.days)
    assert "RMSE, EUR" in error.get_ylabel()
    assert data.get_lines()[0].get_ydata().tolist() == [day.state.new_rows for day in record.days]
    assert f"{len(record.attempts)} trainings" in error.get_title(loc="left")
