"""A split by time never leaks: not a day, not a label that came later."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import DataError
from lib.market import SOLD, simulate, split_by_time


@st.composite
def listings(draw):
    """Listings in any order, at any time of day, sold after any delay or never."""
    size = draw(st.integers(3, 40))
    hours = draw(st.lists(st.integers(0, 24 * 60), min_size=size, max_size=size))
    delays = draw(st.lists(st.none() | st.integers(0, 24 * 20), min_size=size, max_size=size))
    listed = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(hours, unit="h"))
    sold = listed + pd.to_timedelta(pd.Series(delays, dtype="float64"), unit="h")
    return pd.DataFrame({"row": range(size), "listed_on": listed, "sold_on": sold})


@given(listings(), st.floats(0.05, 0.9), st.floats(0.05, 0.9))
def test_nothing_ever_leaks(frame, train, validation):
    """Whatever the listings: days whole, labels known before the cut, every row counted exactly once."""
    try:
        split = split_by_time(frame, train=train, validation=validation)
    except DataError:
        return
    first, second = split.cuts
    assert first == first.normalize()
    assert second == second.normalize()
    assert split.train["sold_on"].max() < first
    assert split.train["listed_on"].max() < first <= split.validation["listed_on"].min()
    assert split.validation["sold_on"].max() < second
    assert split.validation["listed_on"].max() < second <= split.test["listed_on"].min()
    days = [set(part["listed_on"].dt.date) for part in (split.train, split.validation, split.test)]
    assert len(set.union(*days)) == sum(map(len, days))
    kept = pd.concat([split.train, split.validation, split.test])["row"]
    assert kept.is_unique
    dropped = split.dropped_unlabelled + split.dropped_train + split.dropped_validation
    assert len(kept) + dropped == len(frame)


@given(listings())
def test_without_late_labels_every_row_stays(frame):
    """`known=None` keeps every row and only cuts between days."""
    if frame["listed_on"].dt.date.nunique() < 3:
        with pytest.raises(DataError, match="at least 3"):
            split_by_time(frame, known=None)
        return
    split = split_by_time(frame, known=None)
    assert len(split.train) + len(split.validation) + len(split.test) == len(frame)
    assert min(len(split.train), len(split.validation), len(split.test)) > 0


def test_shares_are_about_what_was_asked_for():
    """On a real market the parts have the shares asked for, before late labels are left out."""
    houses = simulate().houses
    split = split_by_time(houses)
    labelled = len(houses) - split.dropped_unlabelled
    assert (len(split.train) + split.dropped_train) / labelled == pytest.approx(0.6, abs=0.01)
    assert (len(split.validation) + split.dropped_validation) / labelled == pytest.approx(0.2, abs=0.01)
    assert split.dropped_train > 0


def test_rows_keep_their_order_and_index():
    """A shuffled table is divided without being sorted, and can be joined back."""
    houses = simulate(rows=600).houses.sample(frac=1, random_state=1)
    split = split_by_time(houses)
    assert list(split.train.index) == [row for row in houses.index if row in set(split.train.index)]


def test_label_with_a_fixed_delay():
    """A label that matures after thirty days keeps the last thirty days out of a part; unknown targets are left out."""
    houses = simulate().houses
    split = split_by_time(houses, known=timedelta(days=30), target=SOLD)
    assert split.train["listed_on"].max() < split.cuts[0] - pd.Timedelta(days=30)
    assert split.test[SOLD].notna().all()
    assert split.dropped_unlabelled == houses[SOLD].isna().sum()


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        ({}, {"train": 0.9, "validation": 0.2}, "train is 0.9 and validation 0.2"),
        ({}, {"train": 0.0}, "two positive shares"),
        ({}, {"time": "day"}, "no column 'day'.*listed_on"),
        ({}, {"known": "closed_on"}, "no column 'closed_on'"),
        ({}, {"target": "prize"}, "no column 'prize'"),
        ({"listed_on": "2024-01-01"}, {}, "not dates. Convert it with pandas.to_datetime"),
        ({"listed_on": pd.NaT}, {}, "listed_on is empty in 10 of 10 rows"),
        ({"sold_on": pd.NaT}, {}, "0 distinct days. Three parts need at least 3"),
        ({"sold_on": pd.Timestamp("2030-01-01")}, {}, "train has no row left: the labels of its 6 rows.*known=None"),
    ],
)
def test_what_cannot_be_divided_is_said(changes, arguments, message):
    """Each refusal names the column or figure and the way out."""
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(10), unit="D")
    frame = pd.DataFrame({"listed_on": days, "sold_on": days + pd.Timedelta(hours=2)}).assign(**changes)
    with pytest.raises(DataError, match=message):
        split_by_time(frame, **arguments)
